"""The networks of `applications`: Keras' layers, weights and answers, and what users do with them.

`tools/applications.py` wrote down what Keras says; `make applications` holds all of it against Keras itself.
"""

from __future__ import annotations

import copy
import inspect
import json
import pickle

import h5py
import numpy as np
import pytest

import sequax
from sequax import applications, layers
from sequax.applications import common, imagenet_utils
from tests.long import all_but, long
from tools import applications as tool

RECORD = json.loads(tool.RECORD.read_text())
CONSTRUCTORS = [name for name in applications.__all__ if name[0].isupper()]
TINY = {"weights": None, "input_shape": (32, 32, 3), "classes": 4}
QUICK = ("MobileNetV2",)  # of Keras itself, which takes long to make the others


@pytest.fixture(autouse=True)
def fresh_names():
    sequax.utils.clear_session()


def mobile(**options):
    return applications.MobileNetV2(**{"weights": None, "include_top": False, "alpha": 0.35, **options})


# --- as Keras has them ----------------------------------------------------------------------------------------------


def test_all_are_in_the_record():
    assert sorted(RECORD) == sorted(CONSTRUCTORS) and len(CONSTRUCTORS) == 40


@pytest.mark.parametrize("name", CONSTRUCTORS)
def test_layers_and_numbers_of_weights_are_those_of_keras(name):
    model = getattr(applications, name)(weights=None)
    assert tool.facts(model) == {key: value for key, value in RECORD[name].items() if key != "logits"}


@pytest.mark.parametrize("name", all_but(tool.SMALLEST, ("NASNetMobile", "InceptionResNetV2")))
def test_outputs_are_those_of_keras(name):
    model = tool.small(getattr(applications, name), name)
    tool.set_known_weights(model)
    assert tool.difference(tool.outputs(model), np.array(RECORD[name]["logits"])) < 1e-5


@pytest.mark.parametrize("name", QUICK)
def test_files_of_keras_are_read(name, keras, tmp_path):
    assert tool.compare(name, keras, sequax, tmp_path) == []


@pytest.mark.parametrize("name", CONSTRUCTORS)
def test_arguments_are_those_of_keras(name, keras):
    ours, theirs = (inspect.signature(getattr(library.applications, name)) for library in (sequax, keras))
    common = {key: p.default for key, p in ours.parameters.items() if p.kind is not p.KEYWORD_ONLY}
    assert list(common.items()) == [(key, p.default) for key, p in theirs.parameters.items()]


def test_modules_have_the_names_of_keras(keras):
    for module in applications.__all__:
        if module[0].islower():
            theirs, ours = (getattr(library.applications, module) for library in (keras, sequax))
            assert {n for n in dir(theirs) if not n.startswith("_")} <= {*vars(ours)}, module
    assert applications.resnet50.ResNet50 is applications.resnet.ResNet50 is applications.ResNet50
    assert pickle.loads(pickle.dumps(applications.ResNet50)) is applications.ResNet50
    assert "input_shape" in applications.EfficientNetV2S.__doc__


VARIANTS = {
    "alpha": ("MobileNet", {"alpha": 0.5, "depth_multiplier": 2, "dropout": 0.1}),
    "wide": ("MobileNetV2", {"alpha": 1.4}),
    "minimalistic": ("MobileNetV3Large", {"minimalistic": True, "alpha": 0.75}),
    "bare": ("MobileNetV3Small", {"include_preprocessing": False, "dropout_rate": 0, "alpha": 1.25}),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_variants_are_those_of_keras(variant, keras):
    name, options = VARIANTS[variant]
    keras.utils.clear_session()
    theirs, ours = (getattr(library.applications, name)(**TINY, **options) for library in (keras, sequax))
    assert tool.layers_of(ours) == tool.layers_of(theirs) and ours.name == theirs.name
    assert [v.shape for v in ours.weights] == [tuple(v.shape) for v in theirs.weights]


# --- arguments ------------------------------------------------------------------------------------------------------

WRONG = {
    "weights": ({"weights": "imagenette"}, "the `weights` argument should be either"),
    "classes": ({"weights": "imagenet", "classes": 5}, "`classes` should be 1000"),
    "pooling": ({"weights": None, "pooling": "mean"}, "`pooling` must be None, 'avg' or 'max'"),
    "shape": ({"weights": None, "input_shape": (64, 64)}, "tuple of three integers"),
    "small": ({"weights": None, "input_shape": (16, 64, 3), "include_top": False}, "must be at least 32x32"),
    "unknown": ({"weights": None, "input_shape": (None, None, 3)}, "static `input_shape`"),
    "channels": ({"include_top": False, "input_shape": (64, 64, 4)}, "must have 3 channels"),
    "top": ({"input_shape": (64, 64, 3)}, r"should be \(224, 224, 3\)"),
    "activation": ({"classifier_activation": "relu"}, "only `None` and `softmax`"),
    "tensor": ({"weights": None, "input_tensor": np.zeros((1, 64, 64, 3))}, "must be a symbolic tensor"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_arguments_are_refused(case):
    options, message = WRONG[case]
    with pytest.raises(ValueError, match=message):
        applications.ResNet50(**options)


def test_some_networks_have_no_channels_first():
    sequax.config.set_image_data_format("channels_first")
    try:
        for name in ("ConvNeXtTiny", "DenseNet121", "NASNetMobile"):
            with pytest.raises(ValueError, match="does not support the `channels_first`"):
                getattr(applications, name)(weights=None)
        first = mobile(input_shape=(3, 32, 32))
    finally:
        sequax.config.set_image_data_format("channels_last")
    sequax.utils.clear_session()
    last = mobile(input_shape=(32, 32, 3))
    assert tool.layers_of(first) == tool.layers_of(last) and first.output_shape == (None, 1280, 1, 1)
    tool.set_known_weights(first)
    tool.set_known_weights(last)
    x = tool.images(32)
    outputs = np.moveaxis(first.predict(np.moveaxis(x, -1, 1), verbose=0), 1, -1)
    assert tool.difference(outputs, last.predict(x, verbose=0)) < 1e-5


@pytest.mark.parametrize("name", ["EfficientNetV2B0", "MobileNetV3Small", "NASNetLarge", "ResNet50V2", "Xception"])
def test_features_of_images_of_any_size(name):
    model = getattr(applications, name)(weights=None, include_top=False, input_shape=(None, None, 1))
    assert model.output_shape[:3] == (None, None, None) and model.output_shape[3] > 500
    model = getattr(applications, name)(weights=None, include_top=False, input_shape=(96, 96, 4), pooling="max")
    assert model.output_shape == (None, model.layers[-1].output.shape[-1])


def test_a_network_begins_with_a_tensor():
    start = sequax.Input((64, 64, 4), name="four")
    model = mobile(input_tensor=layers.Conv2D(3, 1, name="three")(start), pooling="avg")
    assert [layer.name for layer in model.layers[:3]] == ["four", "three", "Conv1"] and model.input is start
    with pytest.raises(ValueError, match="must equal the shape of `input_tensor`"):
        mobile(input_tensor=start, input_shape=(32, 32, 3))


# --- files ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """What is asked of `get_file`, which gives a file of weights made here."""
    calls = []

    def get_file(fname, origin, cache_subdir="datasets", file_hash=None, hash_algorithm="auto"):
        calls.append((fname, origin, cache_subdir, file_hash))
        return str(tmp_path / "some.weights.h5")

    monkeypatch.setattr(common, "get_file", get_file)
    return calls


def test_weights_of_imagenet_come_from_where_keras_has_them(asked, tmp_path):
    random = applications.VGG16(weights=None, include_top=False)
    random.save_weights(tmp_path / "some.weights.h5")
    model = applications.VGG16(include_top=False)
    address = "https://storage.googleapis.com/tensorflow/keras-applications/vgg16/"
    name = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
    assert asked == [(name, address + name, "models", "6d6bbae143d832006294945121d1f1fc")]
    for one, other in zip(model.get_weights(), random.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_every_network_has_its_files(monkeypatch):
    class Found(Exception):
        pass

    def get_file(fname, origin, cache_subdir, file_hash, **_):
        assert origin.startswith("https://storage.googleapis.com/") and len(file_hash) in (32, 64)
        raise Found(fname)

    monkeypatch.setattr(common, "get_file", get_file)
    seen = set()
    for name in CONSTRUCTORS:
        extra = {"weights_sha256": "0" * 64} if name in ("MobileNet", "MobileNetV2") else {}
        for top in (True, False):
            shape = {"input_shape": (224, 224, 3)} if name.startswith("MobileNet") else {}
            with pytest.raises(Found) as found:
                getattr(applications, name)(include_top=top, **shape, **extra)
            seen.add(str(found.value))
    assert len(seen) == 80


def test_files_without_a_hash_are_not_downloaded(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(ValueError, match=r"(?s)mobilenet_v2.*1\.0_96_no_top\.h5.*`weights_sha256=`"):
        applications.MobileNetV2(include_top=False, input_shape=(96, 96, 3))
    with pytest.raises(ValueError, match=r"mobilenet_2_5_128_tf\.h5"):
        applications.MobileNet(input_shape=(128, 128, 3), alpha=0.25)
    folder = tmp_path / "models"
    folder.mkdir()
    random = mobile(input_shape=(96, 96, 3))
    random.save_weights(tmp_path / "x.weights.h5")
    name = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_96_no_top.h5"
    (tmp_path / "x.weights.h5").rename(folder / name)
    model = mobile(weights="imagenet", input_shape=(96, 96, 3))
    np.testing.assert_array_equal(model.get_weights()[0], random.get_weights()[0])


def write_as_keras_1(model, path):
    """Weights alone, without a version, with counts of 64 bits, as files of ImageNet from several years are."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        for layer in model.layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}_{variable.name}_1:0" for variable in layer.weights]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, variable in zip(names, layer.weights, strict=True):
                group[name] = variable.numpy().astype("int64" if variable.dtype == "int32" else "float32")


def test_old_files_of_weights_are_read(tmp_path):
    model = tool.small(applications.EfficientNetB0, "EfficientNetB0")
    tool.set_known_weights(model)
    write_as_keras_1(model, tmp_path / "old.h5")
    read = tool.small(applications.EfficientNetB0, "EfficientNetB0", weights=tmp_path / "old.h5")
    for one, other in zip(read.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_weights_of_another_network_are_refused(tmp_path):
    mobile(alpha=0.5).save_weights(tmp_path / "a.weights.h5")
    with pytest.raises(ValueError, match="does not fit model"):
        mobile(weights=tmp_path / "a.weights.h5")


@pytest.mark.parametrize("suffix", ["keras", "h5"])
@pytest.mark.parametrize("name", ["ConvNeXtTiny", long("InceptionResNetV2")])
def test_networks_with_layers_of_their_own_are_saved(name, suffix, tmp_path):
    model = getattr(applications, name)(weights=None, include_top=False, pooling="avg")
    model.save(tmp_path / f"a.{suffix}")
    loaded = sequax.models.load_model(tmp_path / f"a.{suffix}")
    assert tool.layers_of(loaded) == tool.layers_of(model)
    for one, other in zip(loaded.get_weights()[-4:], model.get_weights()[-4:], strict=True):
        np.testing.assert_array_equal(one, other)


# --- images and classes ---------------------------------------------------------------------------------------------

MODES = {"vgg16": "caffe", "resnet50": "caffe", "xception": "tf", "mobilenet_v2": "tf", "densenet": "torch"}


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("module", [*MODES, "efficientnet"])
def test_images_are_prepared_as_in_keras(module, data_format, keras, rng):
    theirs, ours = (getattr(library.applications, module).preprocess_input for library in (keras, sequax))
    shape = (3, 5, 6) if data_format == "channels_first" else (5, 6, 3)
    for kind in ("float32", "float64", "uint8"):
        for images in (rng.uniform(0, 255, shape).astype(kind), rng.uniform(0, 255, (2, *shape)).astype(kind)):
            expected = theirs(images.copy(), data_format=data_format)
            found = ours(images.copy(), data_format=data_format)
            assert found.dtype == expected.dtype
            np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-4)
            frozen = images.copy()
            frozen.flags.writeable = False
            np.testing.assert_allclose(ours(frozen, data_format), expected, rtol=1e-6, atol=1e-4)
            by_jax = ours(sequax.ops.array(images), data_format=data_format)
            np.testing.assert_allclose(by_jax, expected, rtol=1e-5, atol=1e-3)
            start = sequax.Input(shape, dtype=kind if kind != "float64" else "float32")
            model = sequax.Model(start, ours(start, data_format=data_format))
            batch = images if images.ndim == 4 else images[None]
            np.testing.assert_allclose(model(batch), expected.reshape(batch.shape), rtol=1e-5, atol=1e-3)


def test_preparing_writes_over_floats_as_in_keras(rng):
    for mode in ("tf", "torch"):
        images = rng.uniform(0, 255, (2, 4, 4, 3))
        assert imagenet_utils.preprocess_input(images, mode=mode) is images
    with pytest.raises(ValueError, match="mode"):
        imagenet_utils.preprocess_input(images, mode="pytorch")
    with pytest.raises(ValueError, match="data_format"):
        imagenet_utils.preprocess_input(images, data_format="last")


def test_a_model_that_prepares_its_images_is_saved(tmp_path):
    start = sequax.Input((8, 8, 3))
    model = sequax.Model(start, applications.vgg16.preprocess_input(start))
    model.save(tmp_path / "a.keras")
    x = np.arange(192.0, dtype="float32").reshape(1, 8, 8, 3)
    np.testing.assert_allclose(sequax.models.load_model(tmp_path / "a.keras")(x), model(x))


def test_classes_are_named(monkeypatch, tmp_path, keras, rng):
    index = {str(i): [f"n{i:08}", f"thing_{i}"] for i in range(1000)}
    (tmp_path / "index.json").write_text(json.dumps(index))
    for library in (keras.src.applications.imagenet_utils.file_utils, imagenet_utils):
        monkeypatch.setattr(library, "get_file", lambda *args, **kwargs: str(tmp_path / "index.json"))
    monkeypatch.setattr(keras.src.applications.imagenet_utils, "CLASS_INDEX", None)
    imagenet_utils._class_names.cache_clear()
    scores = rng.normal(size=(3, 1000)).astype("float32")
    found = applications.vgg16.decode_predictions(scores, top=3)
    assert found == keras.applications.vgg16.decode_predictions(scores, top=3)
    assert len(applications.resnet.decode_predictions(sequax.ops.array(scores))[0]) == 5
    with pytest.raises(ValueError, match=r"\(samples, 1000\)"):
        imagenet_utils.decode_predictions(scores[:, :10])
    imagenet_utils._class_names.cache_clear()


# --- transfer learning ----------------------------------------------------------------------------------------------


@pytest.fixture
def data(rng):
    y = rng.integers(0, 3, 24)
    return (rng.normal(size=(24, 32, 32, 3)) + y[:, None, None, None]).astype("float32"), y


def stack(base):
    return sequax.Sequential([base, layers.GlobalAveragePooling2D(), layers.Dense(3, activation="softmax")])


def values(model):
    return [np.array(v.value) for v in model.weights]


def test_a_frozen_base_under_a_new_head(data, tmp_path):
    base = mobile(input_shape=(32, 32, 3))
    base.trainable = False
    model = stack(base)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    before = values(base)
    history = model.fit(*data, epochs=3, batch_size=8, verbose=0).history
    assert history["loss"][-1] < history["loss"][0] and len(model.trainable_variables) == 2
    for one, other in zip(before, values(base), strict=True):
        np.testing.assert_array_equal(one, other)
    features = model[:-1].predict(data[0][:2], verbose=0)
    assert features.shape == (2, 1280)
    for suffix in ("keras", "h5"):
        model.save(tmp_path / f"a.{suffix}")
        loaded = sequax.models.load_model(tmp_path / f"a.{suffix}")
        np.testing.assert_allclose(loaded.predict(data[0], verbose=0), model.predict(data[0], verbose=0), atol=1e-6)
        assert len(loaded.trainable_variables) == 2


def test_the_last_layers_of_a_base_are_tuned(data):
    base = mobile(input_shape=(32, 32, 3))
    for layer in base.layers[:-20]:
        layer.trainable = False
    model = stack(base)
    model.compile(sequax.optimizers.SGD(0.01), "sparse_categorical_crossentropy")
    before = values(base)
    model.fit(*data, epochs=1, batch_size=8, verbose=0)
    own = {id(v) for layer in base.layers[-20:] for v in layer.weights}
    changed = [not np.array_equal(one, v.value) for one, v in zip(before, base.weights, strict=True)]
    assert changed == [id(v) in own for v in base.weights]


def test_a_base_in_a_graph_stays_in_inference(data):
    base = mobile(input_shape=(32, 32, 3))
    start = sequax.Input((32, 32, 3))
    x = base(applications.mobilenet_v2.preprocess_input(start), training=False)
    model = sequax.Model(start, layers.Dense(3)(layers.GlobalAveragePooling2D()(x)))
    loss = sequax.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    moving = [np.array(v.value) for v in base.non_trainable_variables]
    model.fit(*data, epochs=1, batch_size=8, verbose=0)
    for one, v in zip(moving, base.non_trainable_variables, strict=True):
        np.testing.assert_array_equal(one, v.value)


def test_networks_are_copied():
    base = applications.MobileNet(weights=None, alpha=0.25, include_top=False, input_shape=(32, 32, 3), pooling="avg")
    x = tool.images(32)
    for other in (copy.deepcopy(base), pickle.loads(pickle.dumps(base)), sequax.models.clone_model(base)):
        other.set_weights(base.get_weights())
        np.testing.assert_allclose(other.predict(x, verbose=0), base.predict(x, verbose=0), atol=1e-6)
        assert tool.layers_of(other) == tool.layers_of(base) and other.get_config() == base.get_config()


def test_features_from_the_middle(tmp_path):
    base = applications.VGG16(weights=None, include_top=False, input_shape=(32, 32, 3))
    names = ["block1_conv2", "block3_conv3"]
    model = sequax.Model(base.input, [base.get_layer(name).output for name in names])
    assert [f.shape for f in model.predict(tool.images(32), verbose=0)] == [(2, 32, 32, 64), (2, 8, 8, 256)]
    model = sequax.Model(inputs=base.inputs, outputs=layers.Flatten()(base.output))
    model.save(tmp_path / "a.keras")
    assert sequax.models.load_model(tmp_path / "a.keras").output_shape == (None, 512)
    assert len({v.path for v in base.weights}) == 26
