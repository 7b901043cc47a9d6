"""Tokenizer, image generator, windows of series, `keras.backend`: against those that Keras 3 keeps for old scripts."""

from __future__ import annotations

import importlib
import inspect
import random
import warnings

import numpy as np
import pytest

from sequax.compat import backend, image_transforms, sequences, tokenizer
from sequax.compat.image_generator import ImageDataGenerator


def legacy(name: str):
    pytest.importorskip("keras")
    return importlib.import_module(f"keras.src.legacy.{name}")


# --- texts ----------------------------------------------------------------------------------------------------------

TEXTS = ["The quick brown fox, the lazy dog!", "A dog barks; the fox runs.", "unknown words: zebra"]
NEW = ["the zebra and the dog fly", "Fox 123", ""]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"num_words": 4},
        {"oov_token": "<oov>"},
        {"num_words": 5, "oov_token": "<OOV>"},
        {"char_level": True},
        {"char_level": True, "lower": False, "num_words": 6},
        {"lower": False, "split": "o", "filters": ""},
        {"analyzer": lambda text: text.split("e")},
    ],
    ids=lambda options: "-".join(options) or "defaults",
)
def test_tokenizer(options):
    theirs, ours = legacy("preprocessing.text").Tokenizer(**options), tokenizer.Tokenizer(**options)
    extra = [] if "char_level" in options or "analyzer" in options else [["already", "Split"]]
    for one in (theirs, ours):
        one.fit_on_texts(TEXTS + extra)
    for name in ("word_counts", "word_docs", "word_index", "index_word", "index_docs", "document_count"):
        assert getattr(theirs, name) == getattr(ours, name), name
    numbers = ours.texts_to_sequences(NEW + extra)
    assert numbers == theirs.texts_to_sequences(NEW + extra)
    assert ours.sequences_to_texts([*numbers, [1, 2, 99]]) == theirs.sequences_to_texts([*numbers, [1, 2, 99]])
    for mode in ("binary", "count", "freq", "tfidf"):
        np.testing.assert_allclose(
            ours.texts_to_matrix(NEW + extra, mode), theirs.texts_to_matrix(NEW + extra, mode), err_msg=mode
        )
    assert ours.get_config() == theirs.get_config()
    if "analyzer" not in options:
        assert tokenizer.tokenizer_from_json(theirs.to_json()).texts_to_sequences(NEW + extra) == numbers
    for one in (theirs, ours):
        one.fit_on_sequences(numbers)
    assert theirs.index_docs == ours.index_docs


def test_words_and_hashes():
    theirs = legacy("preprocessing.text")
    text = "A, b's\tc a"
    assert tokenizer.text_to_word_sequence(text) == theirs.text_to_word_sequence(text)
    assert tokenizer.one_hot(text, 10) == theirs.one_hot(text, 10)
    assert tokenizer.hashing_trick(text, 50, "md5") == theirs.hashing_trick(text, 50, "md5")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: tokenizer.Tokenizer(words=3), "unrecognized keyword arguments"),
        (lambda: tokenizer.Tokenizer(num_words=3).sequences_to_matrix([[1]], "sum"), "`mode` must be one of"),
        (lambda: tokenizer.Tokenizer().sequences_to_matrix([[1]]), "Specify a dimension"),
        (lambda: tokenizer.Tokenizer(num_words=3).sequences_to_matrix([[1]], "tfidf"), "Fit the Tokenizer"),
        (lambda: ImageDataGenerator(zoom_range=(1, 2, 3)), "zoom_range"),
        (lambda: ImageDataGenerator(validation_split=1.5), "validation_split"),
        (lambda: ImageDataGenerator().flow(np.zeros((3, 4, 4))), "rank 4"),
        (lambda: ImageDataGenerator().flow(np.zeros((3, 4, 4, 1)), np.zeros(2)), "same length"),
        (lambda: ImageDataGenerator().fit(np.zeros((3, 4))), "rank 4"),
        (lambda: sequences.TimeseriesGenerator([1, 2], [1], length=1), "same length"),
        (lambda: sequences.TimeseriesGenerator([1, 2], [1, 2], length=5), "disallowed"),
    ],
)
def test_refused(call, words):
    with pytest.raises((ValueError, TypeError), match=words):
        call()


# --- sequences ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"length": 10, "batch_size": 4},
        {"length": 10, "sampling_rate": 2, "stride": 3, "batch_size": 2, "reverse": True},
        {"length": 5, "start_index": 7, "end_index": 33, "batch_size": 8},
    ],
)
def test_windows_of_a_series(options):
    data = np.arange(50)
    theirs = legacy("preprocessing.sequence").TimeseriesGenerator(data, data * 2, **options)
    ours = sequences.TimeseriesGenerator(data, data * 2, **options)
    assert len(ours) == len(theirs)
    for index in range(len(ours)):
        for mine, other in zip(ours[index], theirs[index], strict=True):
            np.testing.assert_array_equal(mine, other)


def test_skipgrams():
    theirs = legacy("preprocessing.sequence")
    np.testing.assert_allclose(sequences.make_sampling_table(50), theirs.make_sampling_table(50))
    sentence = [1, 2, 3, 0, 4]
    options = {"window_size": 2, "negative_samples": 0.0, "shuffle": False, "categorical": True}
    assert sequences.skipgrams(sentence, 6, **options) == theirs.skipgrams(sentence, 6, **options)
    random.seed(0)
    couples, labels = sequences.skipgrams(sentence, 6, window_size=2)
    assert len(couples) == len(labels) == 16 and sum(labels) == 8
    assert all(0 < word < 6 for couple in couples for word in couple)


# --- images ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def image(rng):
    return rng.uniform(0, 255, (12, 12, 3)).astype("float32")


@pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning")
@pytest.mark.parametrize(
    "parameters",
    [
        {"theta": 20},
        {"tx": 2.3, "ty": -1},
        {"shear": 15},
        {"zx": 1.2, "zy": 0.8},
        {"theta": -33, "tx": 1, "ty": 2, "shear": 10, "zx": 0.9, "zy": 1.1, "fill_mode": "constant", "cval": 3.0},
        {"theta": 10, "order": 0, "fill_mode": "wrap"},
    ],
    ids=lambda options: "-".join(options) or "defaults",
)
def test_affine_transform(image, parameters):
    theirs = legacy("preprocessing.image").apply_affine_transform
    # Keras 3 takes rows for columns here, see docs/differences.md.
    expected = theirs(image, row_axis=0, col_axis=1, channel_axis=2, **parameters)
    found = image_transforms.apply_affine_transform(image, row_axis=1, col_axis=0, channel_axis=2, **parameters)
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_shifts_go_where_their_names_say():
    rows, columns = np.mgrid[:20, :30].astype("float32")
    places = np.stack([rows, columns], -1)
    moved = ImageDataGenerator().apply_transform(places, {"ty": 3})  # along the width
    np.testing.assert_allclose((moved - places)[10, 10], [0, 3], atol=1e-5)
    random_one = ImageDataGenerator(width_shift_range=0.2).get_random_transform((20, 30, 2), seed=0)
    assert random_one["tx"] == 0 and 0 < abs(random_one["ty"]) <= 6
    centre = ImageDataGenerator().apply_transform(places, {"theta": 30})[9:11, 14:16].mean((0, 1))
    np.testing.assert_allclose(centre, [9.5, 14.5], atol=1e-4)  # the centre stays where it is


def test_colours_and_flips(image):
    theirs = legacy("preprocessing.image")
    for scale in (True, False):
        for one in (image, image / 255, image - 100):
            found = image_transforms.apply_brightness_shift(one, 1.3, scale)
            np.testing.assert_allclose(found, theirs.apply_brightness_shift(one, 1.3, scale), atol=1e-3)
    for layout in ("channels_last", "channels_first"):
        one = image if layout == "channels_last" else image.transpose(2, 0, 1)
        pair = theirs.ImageDataGenerator(data_format=layout), ImageDataGenerator(data_format=layout)
        for parameters in ({"flip_horizontal": True}, {"flip_vertical": True, "channel_shift_intensity": 10.0}):
            expected, found = (generator.apply_transform(one, dict(parameters)) for generator in pair)
            np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize(
    "options",
    [
        {"featurewise_center": True, "featurewise_std_normalization": True},
        {"samplewise_center": True, "samplewise_std_normalization": True},
        {"zca_whitening": True, "zca_epsilon": 0.1, "featurewise_std_normalization": True},
        {"rescale": 2, "preprocessing_function": lambda x: x + 1},
    ],
    ids=lambda options: "-".join(options) or "defaults",
)
def test_standardize(options, rng):
    x = rng.uniform(0, 1, (40, 6, 5, 3)).astype("float32")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = legacy("preprocessing.image").ImageDataGenerator(**options)
    ours = ImageDataGenerator(**options)
    for one in (theirs, ours):
        one.fit(x)
    np.testing.assert_allclose(ours.standardize(x[0].copy()), theirs.standardize(x[0].copy()), atol=1e-4)


def test_random_images_depend_on_seed_epoch_and_number_alone(rng):
    x = rng.uniform(0, 255, (10, 8, 8, 1)).astype("float32")
    generator = ImageDataGenerator(
        rotation_range=30, width_shift_range=2, height_shift_range=[1, 2], zoom_range=0.2, shear_range=5,
        channel_shift_range=0.1, brightness_range=(0.5, 1.0), horizontal_flip=True, vertical_flip=True,
    )  # fmt: skip
    first, again = (generator.flow(x, np.arange(10), batch_size=4, seed=3) for _ in range(2))
    one = [next(first) for _ in range(3)]
    for index in (2, 0, 1):
        np.testing.assert_array_equal(again[index][0], one[index][0])
        np.testing.assert_array_equal(again[index][1], one[index][1])
    assert sorted(np.concatenate([y for _, y in one])) == list(range(10))
    assert not np.array_equal(next(first)[0], one[0][0]), "another epoch"
    assert len(first) == len(first.numbered()) == 3 and first.n == first.samples == 10
    x1, y1 = generator.flow((x, np.arange(10)), np.arange(10), batch_size=4, shuffle=False, sample_weight=np.ones(10))[
        0
    ][:2]
    assert x1[1].tolist() == y1.tolist() == [0, 1, 2, 3]


FOLDERS = [
    {},
    {"class_mode": "binary", "color_mode": "grayscale"},
    {"class_mode": "sparse", "target_size": (6, 7), "interpolation": "bilinear"},
    {"class_mode": "input"},
    {"class_mode": None},
    {"classes": ["b", "a"]},
    {"subset": "training"},
    {"subset": "validation"},
]
TABLES = [
    {"y_col": "label"},
    {"y_col": "label", "class_mode": "binary", "weight_col": "w"},
    {"y_col": "v", "class_mode": "raw"},
    {"y_col": ["v", "w"], "class_mode": "multi_output"},
    {"y_col": "label", "class_mode": "sparse", "subset": "validation"},
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    pillow = pytest.importorskip("PIL.Image")
    root, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    for name in ("b", "a"):
        (root / name / "sub").mkdir(parents=True)
        for i in range(5):
            path = root / name / ("sub" if i == 4 else "") / f"{i}.png"
            pillow.fromarray(rng.integers(0, 255, (10, 8, 3)).astype("uint8")).save(path)
    return root


def same_batches(ours, theirs):
    assert len(ours) == len(theirs)
    for index in range(len(ours)):
        pair = (ours[index], theirs[index])
        mine, other = (batch if isinstance(batch, tuple) else (batch,) for batch in pair)
        for a, b in zip(mine, other, strict=True):
            for u, v in zip(a, b, strict=True):
                np.testing.assert_allclose(u, v, atol=1e-6)


@pytest.mark.parametrize("options", FOLDERS, ids=str)
def test_flow_from_directory(folder, options):
    given = {"target_size": (12, 12), "shuffle": False, "batch_size": 4, **options}
    settings = {"rescale": 1 / 255, "validation_split": 0.4 if "subset" in options else 0.0}
    theirs = legacy("preprocessing.image").ImageDataGenerator(**settings).flow_from_directory(folder, **given)
    ours = ImageDataGenerator(**settings).flow_from_directory(folder, **given)
    for name in ("filenames", "filepaths", "class_indices", "samples", "num_classes", "image_shape", "batch_size"):
        assert getattr(ours, name) == getattr(theirs, name), name
    assert list(ours.classes) == list(theirs.classes)
    same_batches(ours, theirs)


@pytest.mark.filterwarnings("ignore:Found 1 invalid image filename")
@pytest.mark.parametrize("options", TABLES, ids=str)
def test_flow_from_dataframe(folder, options):
    pandas = pytest.importorskip("pandas")
    files = ["a/0.png", "b/1.png", "a/2.png", "nope.png", "b/3.png"]
    table = pandas.DataFrame({"file": files, "label": list("xyxyy"), "v": np.arange(5.0), "w": np.arange(5)})
    given = {"x_col": "file", "target_size": (12, 12), "shuffle": False, "batch_size": 3, **options}
    split = 0.5 if "subset" in options else 0.0
    theirs = legacy("preprocessing.image").ImageDataGenerator(validation_split=split)
    ours = ImageDataGenerator(validation_split=split)
    same_batches(*(generator.flow_from_dataframe(table, folder, **given) for generator in (ours, theirs)))


# --- the backend ----------------------------------------------------------------------------------------------------

A = np.array([[0.2, 0.9, -0.5], [1.0, 0.3, 0.6]], "float32")
T = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]], "float32")
P = np.array([[0.2, 0.7, 0.1], [0.6, 0.3, 0.1]], "float32")
B3 = np.arange(12, dtype="float32").reshape(2, 3, 2)

CALLS = {
    **{
        name: ((A,), {})
        for name in (
            *("abs", "all", "any", "argmax", "argmin", "cos", "cumprod", "cumsum", "elu", "exp", "expand_dims", "max"),
            *("flatten", "hard_sigmoid", "l2_normalize", "mean", "min", "ndim", "ones_like", "prod", "relu", "round"),
            *("sigmoid", "sign", "sin", "softmax", "softplus", "softsign", "square", "std", "sum", "tanh", "transpose"),
            *("var", "zeros_like", "count_params", "int_shape"),
        )
    },
    **{name: ((A, T), {}) for name in ("equal", "greater", "less", "less_equal", "maximum", "minimum", "not_equal")},
    "batch_dot": ((B3, B3), {"axes": 1}),
    "batch_flatten": ((B3,), {}),
    "bias_add": ((A, A[0]), {}),
    "binary_crossentropy": ((T, P), {}),
    "cast": ((A, "int32"), {}),
    "categorical_crossentropy": ((T, P), {}),
    "clip": ((A,), {"min_value": 0.0, "max_value": 0.5}),
    "concatenate": (([A, T],), {}),
    "dot": ((A, T.T), {}),
    "gather": ((A, np.array([1, 0])), {}),
    "one_hot": ((np.array([0, 2]), 3), {}),
    "permute_dimensions": ((B3,), {"pattern": (2, 0, 1)}),
    "pow": ((A, 2), {}),
    "repeat": ((A, 4), {}),
    "repeat_elements": ((A, 2, 1), {}),
    "reshape": ((A, (3, 2)), {}),
    "reverse": ((A, 1), {}),
    "sparse_categorical_crossentropy": ((np.array([1, 0]), P), {}),
    "spatial_2d_padding": ((B3[None],), {}),
    "stack": (([A, T],), {}),
    "squeeze": ((A[None], 0), {}),
    "switch": ((A > 0.4, A, T), {}),
    "temporal_padding": ((B3,), {}),
    "tile": ((A, (2, 1)), {}),
}


# Keras' own are functions of TensorFlow, so NumPy says what is right where they are not mere names.
EXPECTED = {
    "argmax": lambda x: x.argmax(-1),
    "argmin": lambda x: x.argmin(-1),
    "batch_dot": lambda x, y, axes: np.einsum("bij,bik->bjk", x, y),
    "batch_flatten": lambda x: x.reshape(2, -1),
    "bias_add": lambda x, b: x + b,
    "categorical_crossentropy": lambda t, p: -(t * np.log(p)).sum(-1),
    "clip": lambda x, min_value, max_value: np.clip(x, min_value, max_value),
    "concatenate": lambda tensors: np.concatenate(tensors, -1),
    "count_params": lambda x: 6,
    "cumprod": lambda x: x.cumprod(0),
    "cumsum": lambda x: x.cumsum(0),
    "dot": np.dot,
    "expand_dims": lambda x: x[..., None],
    "flatten": np.ravel,
    "gather": lambda x, i: x[i],
    "int_shape": np.shape,
    "l2_normalize": lambda x: x / np.sqrt((x**2).sum()),
    "one_hot": lambda i, n: np.eye(n)[i],
    "permute_dimensions": lambda x, pattern: x.transpose(pattern),
    "pow": np.power,
    "repeat": lambda x, n: np.stack([x] * n, 1),
    "repeat_elements": lambda x, n, axis: np.repeat(x, n, axis),
    "reverse": np.flip,
    "softmax": lambda x: np.exp(x) / np.exp(x).sum(-1, keepdims=True),
    "sparse_categorical_crossentropy": lambda i, p: -np.log(p[np.arange(2), i]),
    "spatial_2d_padding": lambda x: np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))),
    "switch": np.where,
    "temporal_padding": lambda x: np.pad(x, ((0, 0), (1, 1), (0, 0))),
    "tile": np.tile,
}


@pytest.mark.parametrize("name", EXPECTED)
def test_backend_function(name):
    args, options = CALLS[name]
    found = getattr(backend, name)(*args, **options)
    np.testing.assert_allclose(np.asarray(found), EXPECTED[name](*args, **options), rtol=1e-5)


@pytest.mark.parametrize("name", sorted(set(CALLS) - set(EXPECTED)))
def test_backend_function_is_there(name):
    args, options = CALLS[name]
    assert np.isfinite(np.asarray(getattr(backend, name)(*args, **options))).all()


def test_backend_defaults_are_those_of_keras():
    theirs = legacy("backend")
    for name in set(backend.TODAY) & set(vars(theirs)):
        ours = inspect.signature(getattr(backend, name)).parameters
        for key, parameter in inspect.signature(getattr(theirs, name)).parameters.items():
            if key in ours and name != "arange" and parameter.default is not parameter.empty:
                same = ours[key].default == 1 and parameter.default in ((1, 1), (1, 1, 1))  # a size for all axes
                assert same or ours[key].default == parameter.default, (name, key)


def test_backend_variables_and_phases():
    variable = backend.variable([1.0, 2.0])
    backend.update_add(variable, 1.0)
    backend.set_value(variable, backend.get_value(variable) * 2)
    assert backend.eval(variable).tolist() == [4, 6]
    assert backend.get_value(backend.constant(3.0)) == 3
    assert backend.in_train_phase(1, 2) == 2 and backend.in_train_phase(1, 2, training=True) == 1
    backend.set_learning_phase(1)
    assert backend.learning_phase() == 1 and backend.in_test_phase(1, 2) == 2
    backend.set_learning_phase(0)
    draws = np.asarray(backend.random_uniform((1000,), seed=1))
    assert draws.min() >= 0 and draws.max() < 1 and abs(draws.mean() - 0.5) < 0.05
    for name in backend.TODAY:
        assert callable(getattr(backend, name)), name
