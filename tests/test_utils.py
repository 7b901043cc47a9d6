"""Small helpers around models."""

from __future__ import annotations

import copy
import io
import json
import pickle
import re
import shutil
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import sequax
from sequax.utils import resample


@pytest.mark.parametrize("labels", [[0, 2, 1], [[1], [0]], [[0, 1], [2, 2]]])
@pytest.mark.parametrize("count", [None, 4])
def test_to_categorical_equals_keras(labels, count, keras):
    expected = keras.utils.to_categorical(np.array(labels), count)
    assert np.array_equal(sequax.utils.to_categorical(labels, count), expected)


def test_to_categorical_refuses_other_classes():
    with pytest.raises(ValueError, match="from 0 to 2, but 1 are not; the first is 3"):
        sequax.utils.to_categorical([0, 3], 3)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([0, 0.5], "1 of 2 are not; the first is 0.5"),
        (np.array([1.0, np.nan, 2.7]), "2 of 3 are not; the first is nan"),
    ],
)
def test_to_categorical_does_not_cut(labels, words):
    with pytest.raises(ValueError, match=words):
        sequax.utils.to_categorical(labels)
    assert sequax.utils.to_categorical([0.0, 1.0]).tolist() == [[1, 0], [0, 1]]


def test_one_hot_rows_and_norms_of_jax_arrays_are_jax_arrays(keras):
    for labels in (jnp.array([[1], [0]]), jnp.array([2, 0])):
        expected = keras.utils.to_categorical(labels, 3)
        for ours in (sequax.utils.to_categorical, jax.jit(sequax.utils.to_categorical, static_argnums=1)):
            found = ours(labels, 3)
            assert isinstance(found, jax.Array) and found.dtype == expected.dtype
            assert np.array_equal(found, expected)
    x = jnp.array([[3.0, 4.0], [0.0, 0.0]])
    for order in (1, 2, 3):
        found = sequax.utils.normalize(x, order=order)
        assert isinstance(found, jax.Array)
        assert np.allclose(found, keras.utils.normalize(x, order=order))


def test_normalize_equals_keras(keras, rng):
    x = rng.normal(size=(3, 4))
    for order in (1, 2):
        assert np.allclose(sequax.utils.normalize(x, -1, order), keras.utils.normalize(x, -1, order))
    assert np.allclose(np.linalg.norm(sequax.utils.normalize(x, 0), axis=0), 1)
    assert np.array_equal(sequax.utils.normalize(np.zeros((2, 2))), np.zeros((2, 2)))


def test_registered_classes_come_back_from_configs():
    @sequax.utils.register_keras_serializable("tests")
    class Half(sequax.layers.Layer):
        def call(self, x):
            return x / 2

    model = sequax.Sequential([sequax.Input((2,)), Half()])
    again = sequax.Sequential.from_config(model.get_config())
    assert type(again.layers[0]) is Half
    assert sequax.utils.get_registered_name(Half) == "tests>Half"


def test_foreign_functions_do_not_come_back_as_ours():
    import jax

    model = sequax.Sequential([sequax.Input((2,)), sequax.layers.Dense(1, activation=jax.nn.gelu)])
    config = json.loads(json.dumps(model.get_config()))  # in memory a config remembers the function itself
    with pytest.raises(TypeError, match="custom_objects"):
        sequax.Sequential.from_config(config)
    again = sequax.Sequential.from_config(
        config, custom_objects={config["layers"][1]["config"]["activation"]["config"]: jax.nn.gelu}
    )
    assert again.layers[0].activation is jax.nn.gelu
    for given in ({"gelu": jax.nn.gelu}, {"gelu": jax.nn.silu}):  # by its own name, as with Keras
        again = sequax.Sequential.from_config(json.loads(json.dumps(config)), custom_objects=given)
        assert again.layers[0].activation is given["gelu"]


def test_seeds_are_checked():
    for seed in (-1, 1.5, "a", True):
        with pytest.raises(ValueError, match="whole number"):
            sequax.utils.set_random_seed(seed)


# --- sequences, samples ---


SEQUENCES = [
    ([[1, 2, 3], [4]], {}),
    ([[1, 2, 3], [4]], {"maxlen": 2, "padding": "post", "truncating": "post", "value": 9, "dtype": "float32"}),
    ([[1, 2, 3], []], {"maxlen": 2}),
    ([[[1, 2], [3, 4]], [[5, 6]]], {"maxlen": 3}),
    ([["a", "b"], ["c"]], {"dtype": object, "value": "z"}),
    ([["a", "b"], ["c"]], {"dtype": "str", "value": "z"}),
]


@pytest.mark.parametrize(("sequences", "options"), SEQUENCES)
def test_pad_sequences_equals_keras(sequences, options, keras):
    expected = keras.utils.pad_sequences(sequences, **options)
    padded = sequax.preprocessing.sequence.pad_sequences(sequences, **options)
    assert padded.dtype == expected.dtype
    assert np.array_equal(padded, expected)


@pytest.mark.parametrize(
    ("sequences", "options", "message"),
    [
        (3, {}, "must be a list of sequences. Received: int"),
        ([1, 2], {}, "Found a int at position 0"),
        ([], {}, "no sequences to pad"),
        ([[[1, 2]], [[1, 2, 3]]], {}, r"\(3,\) of sequence at position 1 is different from expected shape \(2,\)"),
        ([[1]], {"padding": "x"}, "Padding type 'x' not understood"),
        ([[1]], {"truncating": "x"}, "Truncating type 'x' not understood"),
        ([[1]], {"value": "x"}, "`dtype` int32 is not compatible"),
    ],
)
def test_pad_sequences_refuses(sequences, options, message):
    with pytest.raises(ValueError, match=message):
        sequax.utils.pad_sequences(sequences, **options)


def test_samples_are_packed_and_unpacked_as_in_keras(keras):
    for arguments in [(1,), ([1],), ((1,),), (1, 2), (1, 2, 3), (1, None, 3)]:
        assert sequax.utils.pack_x_y_sample_weight(*arguments) == keras.utils.pack_x_y_sample_weight(*arguments)
    for data in [(1,), [1, 2], (1, 2, 3), 5]:
        assert sequax.utils.unpack_x_y_sample_weight(data) == keras.utils.unpack_x_y_sample_weight(data)
    with pytest.raises(ValueError, match="a tuple of 4 parts"):
        sequax.utils.unpack_x_y_sample_weight((1, 2, 3, 4))


def test_split_dataset_keeps_the_structure():
    x = np.arange(10)
    left, right = sequax.utils.split_dataset({"a": x, "b": (x * 2, [x * 3])}, left_size=0.7)
    assert left.arrays["a"].tolist() == list(range(7))
    assert right.arrays["b"][1][0].tolist() == [21, 24, 27]
    left, right = sequax.utils.split_dataset((x, x * 10), right_size=3, shuffle=True, seed=1)
    assert np.array_equal(left.arrays[0] * 10, left.arrays[1])
    assert sorted([*left.arrays[0], *right.arrays[0]]) == list(range(10))
    assert left.arrays[0].tolist() != list(range(7))
    left, right = sequax.utils.split_dataset(x, left_size=2, right_size=0.5)
    assert (left.arrays.tolist(), right.arrays.tolist()) == ([0, 1], [5, 6, 7, 8, 9])


class Indexed:
    """A data set of samples, as torch has them."""

    def __len__(self):
        return 10

    def __getitem__(self, index):
        return np.full((2, 3), index), np.array([index * 10])


ROWS = np.arange(10)[:, None, None] * np.ones((2, 3), int)


@pytest.mark.parametrize(
    "data",
    [
        lambda: [ROWS, np.arange(0, 100, 10)[:, None]],
        lambda: (ROWS, np.arange(0, 100, 10)[:, None]),
        Indexed,
        lambda: (Indexed()[i] for i in range(10)),
    ],
    ids=["list", "tuple", "indexed", "iterated"],
)
def test_split_dataset_gives_samples(data):
    left, right = sequax.utils.split_dataset(data(), left_size=0.2, right_size=0.8)
    assert (len(left), len(right)) == (2, 8)
    for part in (left, right):
        for x, y in part:
            assert x.shape == (2, 3) and y.tolist() == [x[0, 0] * 10]
    assert next(iter(right))[1].tolist() == [20]
    x, y = right.batch(3)[2]
    assert x.shape == (2, 2, 3) and y.tolist() == [[80], [90]]
    assert [len(x) for x, y in right.batch(3, drop_remainder=True)] == [3, 3]
    with pytest.raises(IndexError, match="2 samples"):
        left[2]


def test_parts_of_a_split_train():
    x = np.random.default_rng(0).normal(size=(20, 3)).astype("float32")
    left, right = sequax.utils.split_dataset((x, x.sum(1, keepdims=True)), left_size=0.8)
    model = sequax.Sequential([sequax.Input((3,)), sequax.layers.Dense(1)])
    model.compile("sgd", "mse")
    history = model.fit(left.batch(4), validation_data=right.batch(4), epochs=2, verbose=0).history
    assert int(model.optimizer.iterations.value) == 8 and len(history["val_loss"]) == 2


@pytest.mark.parametrize(
    ("data", "sizes", "error", "message"),
    [
        (np.arange(4), {}, ValueError, "At least one of"),
        (np.arange(4), {"left_size": 1.5}, ValueError, "as a fraction must be from 0 to 1"),
        (np.arange(4), {"left_size": 5}, ValueError, "from 0 to the number of samples, 4"),
        (np.arange(4), {"left_size": 3, "right_size": 2}, ValueError, "must not exceed the 4 samples"),
        (np.arange(4), {"left_size": 0.1}, ValueError, "split into 0 and 4"),
        (np.arange(4), {"left_size": "a"}, TypeError, "`left_size` must be a whole number or a fraction"),
        ((np.arange(4), np.arange(3)), {"left_size": 1}, ValueError, r"lengths: \[3, 4\]"),
        (3, {"left_size": 1}, TypeError, "expected a data set, an array"),
        (iter(()), {"left_size": 1}, ValueError, "no samples"),
    ],
)
def test_split_dataset_refuses(data, sizes, error, message):
    with pytest.raises(error, match=message):
        sequax.utils.split_dataset(data, **sizes)


# --- settings ---


def test_config_equals_keras(keras):
    for config in (sequax.utils.Config(a=1, b={"c": [1]}), keras.utils.Config(a=1, b={"c": [1]})):
        assert (config.a, config["a"], len(config), list(config), "a" in config) == (1, 1, 2, ["a", "b"], True)
        assert (config.get("z", 3), config.as_dict(), config.frozen) == (3, {"a": 1, "b": {"c": [1]}}, False)
        assert (repr(config), config.to_json()) == ("<Config {'a': 1, 'b': {'c': [1]}}>", '{"a": 1, "b": {"c": [1]}}')
        config.d = 4
        config.update({"e": 5}, f=6)
        assert config.pop("d") == 4
        with pytest.raises(AttributeError, match="Unknown attribute: 'z'"):
            config.z  # noqa: B018 - reading it is the test
        config.freeze()
        for change in (
            lambda c: setattr(c, "a", 2),
            lambda c: c.__setitem__("a", 2),
            lambda c: c.pop("a"),
            lambda c: c.update(a=2),
        ):
            with pytest.raises(ValueError, match="is frozen"):
                change(config)
        config.unfreeze()
        config["a"] = 2
        assert dict(config.items()) == {"a": 2, "b": {"c": [1]}, "e": 5, "f": 6}


def test_configs_can_be_copied():
    config = sequax.utils.Config(a=1)
    config.freeze()
    for again in (copy.deepcopy(config), pickle.loads(pickle.dumps(config))):
        assert (again.a, again.frozen) == (1, True)


def test_messages_go_to_the_log_when_logging_is_not_interactive(capsys, caplog):
    bar = sequax.utils.Progbar(1, verbose=2)
    assert sequax.utils.is_interactive_logging_enabled()
    sequax.utils.disable_interactive_logging()
    try:
        assert not sequax.utils.is_interactive_logging_enabled()
        with caplog.at_level("INFO", "sequax"):
            bar.add(1, [("loss", 1.0)])
    finally:
        sequax.utils.enable_interactive_logging()
    assert capsys.readouterr().out == ""
    assert "loss: 1.0000" in caplog.text
    sequax.utils.Progbar(1, verbose=2).add(1)
    assert "1/1" in capsys.readouterr().out


# --- images ---


PICTURE = np.random.default_rng(0).integers(0, 255, (20, 31, 3)).astype("uint8")


@pytest.mark.parametrize(
    ("x", "options"),
    [
        (PICTURE, {}),
        (PICTURE, {"scale": False}),
        (PICTURE.transpose(2, 0, 1), {"data_format": "channels_first"}),
        (PICTURE[..., :1], {}),
        (PICTURE[..., :1] * 5.0, {"scale": False}),
        (PICTURE[:5, :4, [0, 1, 2, 0]], {"dtype": "float64"}),
        (np.full((1, 1, 3), 7.0), {}),
    ],
)
def test_array_to_img_and_back_equals_keras(x, options, keras):
    expected = keras.utils.array_to_img(x, **options)
    image = sequax.utils.array_to_img(x, **options)
    assert (image.mode, image.size) == (expected.mode, expected.size)
    assert np.array_equal(np.asarray(image), np.asarray(expected))
    for format in ("channels_first", "channels_last"):
        array = sequax.utils.img_to_array(image, format, "float32")
        assert np.array_equal(array, keras.utils.img_to_array(expected, format, "float32"))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"color_mode": "grayscale"},
        {"color_mode": "rgba"},
        {"target_size": (10, 12)},
        {"target_size": (10, 12), "interpolation": "lanczos"},
        {"target_size": (10, 10), "keep_aspect_ratio": True, "interpolation": "bilinear"},
    ],
)
def test_images_are_saved_and_loaded_as_in_keras(options, keras, tmp_path):
    path = tmp_path / "a.png"
    sequax.utils.save_img(path, PICTURE, scale=False)
    expected = keras.utils.load_img(path, **options)
    for source in (path, io.BytesIO(path.read_bytes())):
        image = sequax.utils.load_img(source, **options)
        assert image.mode == expected.mode
        assert np.array_equal(np.asarray(image), np.asarray(expected))


def test_transparency_is_dropped_for_jpeg(tmp_path):
    with pytest.warns(UserWarning, match="does not support RGBA"):
        sequax.utils.save_img(tmp_path / "a.jpg", np.zeros((4, 4, 4)))
    assert sequax.utils.load_img(tmp_path / "a.jpg").size == (4, 4)


@pytest.mark.parametrize("size", [(10, 10), (10, 40), (33, 7)])
def test_smart_resize_equals_keras(size, keras):
    expected = keras.preprocessing.image.smart_resize(PICTURE, size)
    resized = sequax.preprocessing.image.smart_resize(PICTURE, size)
    assert resized.dtype == expected.dtype
    assert np.allclose(resized, expected, atol=1e-3)
    assert np.allclose(sequax.preprocessing.image.smart_resize(PICTURE[None], size)[0], resized)


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"])
def test_resizing_equals_jax(interpolation):
    x = PICTURE.astype("float32")
    method = {"bicubic": "cubic"}.get(interpolation, interpolation)
    for size in ((7, 12), (40, 31)):
        expected = jax.image.resize(x, (*size, 3), method, antialias=False)
        assert np.allclose(resample.resize_image(x, size, interpolation), expected, atol=2e-3)
    shrunk = resample.resize_axis(x, 0, 7, interpolation, antialias=True)
    assert np.allclose(shrunk, jax.image.resize(x, (7, 31, 3), method, antialias=True), atol=2e-3)


def test_resizing_by_area_means_over_shares():
    x = np.arange(6.0).reshape(1, 6, 1)
    assert resample.resize_axis(x, 1, 3, "area").ravel().tolist() == [0.5, 2.5, 4.5]
    # Each of four covers one and a half: 0 + 1 / 2, 1 / 2 + 2, ...
    assert np.allclose(resample.resize_axis(x, 1, 4, "area").ravel(), [0.5 / 1.5, 2.5 / 1.5, 5 / 1.5, 7 / 1.5])


@pytest.mark.parametrize("interpolation", resample.INTERPOLATIONS)
def test_resizing_keeps_what_is_even(interpolation):
    x = np.full((9, 8, 1), 3.0, "float32")
    for size in ((4, 3), (20, 11)):
        assert np.allclose(resample.resize_image(x, size, interpolation), 3.0, atol=1e-5)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda u: u.array_to_img(np.ones((2, 2))), ValueError, r"rank 3 \(single image\)"),
        (lambda u: u.array_to_img(np.ones((2, 2, 2))), ValueError, "Unsupported channel number: 2"),
        (lambda u: u.array_to_img(np.ones((2, 2, 3)), "x"), ValueError, "`data_format` argument must be one of"),
        (lambda u: u.img_to_array(np.ones((1, 2, 2, 3))), ValueError, "Unsupported image shape"),
        (lambda u: u.load_img("a", color_mode="x"), ValueError, "color_mode must be one of"),
        (lambda u: u.load_img("a", target_size=(2, 2), interpolation="area"), ValueError, "Invalid interpolation"),
        (lambda u: u.load_img(3), TypeError, "path should be path-like or io.BytesIO, not int"),
        (lambda u: sequax.preprocessing.image.smart_resize(PICTURE, (1, 2, 3)), ValueError, "tuple of 2 integers"),
        (lambda u: sequax.preprocessing.image.smart_resize(PICTURE[0], (1, 2)), ValueError, "Received shape"),
        (lambda u: sequax.preprocessing.image.smart_resize(PICTURE, (1, 2), foo=1), TypeError, "unexpected keyword"),
    ],
)
def test_images_refused(call, error, message):
    with pytest.raises(error, match=message):
        call(sequax.utils)


def test_missing_libraries_are_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(ImportError, match=r"pip install 'sequax\[images\]'"):
        sequax.utils.array_to_img(PICTURE)
    monkeypatch.setitem(sys.modules, "pydot", None)
    with pytest.raises(ImportError, match=r"pip install 'sequax\[plot\]'"):
        sequax.utils.model_to_dot(sequax.Sequential([sequax.Input((2,))]))


# --- PyDataset ---


class Numbers(sequax.utils.PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        return np.full(2, index)


def test_py_dataset_holds_keras_contract(keras):
    for base in (sequax.utils.PyDataset, keras.utils.PyDataset):
        kind = type("Numbers", (base,), {"__len__": Numbers.__len__, "__getitem__": Numbers.__getitem__})
        data = kind(workers=2, use_multiprocessing=True, max_queue_size=3)
        assert (data.workers, data.use_multiprocessing, data.max_queue_size, data.num_batches) == (2, True, 3, 3)
        assert [batch[0] for batch in data] == [0, 1, 2]
        data.workers = 4
        assert data.workers == 4
        assert data.on_epoch_begin() is None
        assert data.on_epoch_end() is None
        with pytest.raises(NotImplementedError):
            base()[0]
        with pytest.raises(NotImplementedError, match="num_batches"):
            base().num_batches  # noqa: B018 - reading it is the test
    assert sequax.utils.Sequence is sequax.utils.PyDataset


def test_py_datasets_work_without_a_call_of_the_constructor():
    class Bare(Numbers):
        def __init__(self):
            pass

    assert (Bare().workers, Bare().max_queue_size, len(list(Bare()))) == (1, 10, 3)


@pytest.mark.parametrize("options", [{"workers": -1}, {"workers": 1.5}, {"max_queue_size": 0}])
def test_py_dataset_refuses(options):
    with pytest.raises(ValueError, match=f"`{next(iter(options))}` must be a whole number"):
        Numbers(**options)


# --- graphs ---


def drawn(model, **options):
    pytest.importorskip("pydot")
    return sequax.utils.model_to_dot(model, **options).to_string()


def arrows(text):
    """Arrows by the names of the layers, whatever the boxes are called."""
    names = dict(re.findall(r'(\w+) \[label=<.*?size="16" color="white"><b>(\w+)</b>', text))
    return sorted((names[a], names[b]) for a, b in re.findall(r"(\w+) -[>-] (\w+)", text))


def built(library, draws):
    layers = library.layers
    if draws == "stack":
        return library.Sequential([library.Input((3,)), layers.Dense(4, name="one"), layers.Dense(2, name="two")])
    start = library.Input((3,), name="start")
    a, b = layers.Dense(2, name="a")(start), layers.Dense(2, name="b")(start)
    inner = library.Sequential([library.Input((2,)), layers.Dense(1, name="i"), layers.Dense(1, name="j")], name="in")
    return library.Model(start, inner(layers.Add(name="sum")([a, b])), name="graph")


@pytest.mark.parametrize(("draws", "options"), [("stack", {}), ("graph", {}), ("graph", {"expand_nested": True})])
def test_models_are_drawn_with_the_arrows_of_keras(draws, options, keras):
    text = drawn(built(sequax, draws), **options)
    assert len(arrows(text)) > 0
    assert arrows(text) == arrows(keras.utils.model_to_dot(built(keras, draws), **options).to_string())
    assert ("cluster_in" in text) == bool(options)


def test_boxes_show_what_is_asked_for():
    dense = sequax.layers.Dense(4, activation="relu", name="one", trainable=False)
    model = sequax.Sequential([sequax.Input((3,)), dense], name="stack")
    text = drawn(
        model, show_shapes=True, show_dtype=True, show_layer_activations=True, show_trainable=True, rankdir="LR", dpi=90
    )
    for part in (
        "rankdir=LR",
        "dpi=90",
        "Input shape: <b>(None, 3)</b>",
        "Output shape: <b>(None, 4)</b>",
        "Output dtype: <b>float32</b>",
        "Activation: <b>relu</b>",
        "Non-trainable",
    ):
        assert part in text
    assert "<b>Dense</b>" in drawn(model, show_layer_names=False)
    assert drawn(model, subgraph=True).startswith("subgraph cluster_stack")


def test_layers_used_twice_are_one_box():
    start = sequax.Input((2,), name="start")
    shared = sequax.layers.Dense(2, name="shared")
    model = sequax.Model(start, sequax.layers.Add(name="sum")([shared(start), shared(shared(start))]))
    assert arrows(drawn(model)) == [("shared", "shared"), ("shared", "sum"), ("start", "shared")]


def test_drawings_refuse(tmp_path, monkeypatch):
    pytest.importorskip("pydot")
    with pytest.raises(ValueError, match="not yet been built"):
        sequax.utils.model_to_dot(sequax.Sequential([sequax.layers.Dense(2)]))
    model = built(sequax, "stack")
    with pytest.raises(ValueError, match="unrecognized keyword arguments"):
        sequax.utils.model_to_dot(model, foo=1)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(ImportError, match="Graphviz"):
        sequax.utils.plot_model(model, tmp_path / "model.png")
    assert sequax.utils.plot_model(model, tmp_path / "model.dot") is None
    assert "digraph" in (tmp_path / "model.dot").read_text()


def test_source_inputs():
    first, second = sequax.Input((2,), name="first"), sequax.Input((2,), name="second")
    total = sequax.layers.Add()([sequax.layers.Dense(2)(first), second, first])
    assert sequax.utils.get_source_inputs(total) == [first, second]
    assert sequax.utils.get_source_inputs(first) == [first]
    assert sequax.utils.get_source_inputs(3) == 3
    assert sequax.utils.is_keras_tensor(x=total)
    assert not sequax.utils.is_keras_tensor(np.zeros(2))
