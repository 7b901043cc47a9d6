"""Objects and values in configs: own classes, functions, lambdas, and what JSON has no form for."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys

import numpy as np
import pytest

import sequax
from sequax import activations, constraints, initializers, layers, losses, metrics, optimizers, regularizers, saving
from sequax.models import Sequential, clone_model, model_from_json
from sequax.saving import LoadError


def through_text(config):
    return json.loads(json.dumps(config))


VALUES = {
    "text": "hello",
    "bytes": b"hello",
    "ellipsis": ...,
    "numbers": [0, 1.5, True, None],
    "slice": slice(None, 20, 1),
    "slice of an array": slice(None, np.array([0, 1]), 1),
    "array": np.array([[0.5, 1.0]]),
    "whole numbers": np.array([0, 1]),
    "number": np.float32(1),
    "dict": {"a": [True, {"b": "c"}]},
}


@pytest.mark.parametrize("name", VALUES)
def test_values_are_written_as_keras_does_and_come_back(name, keras):
    config = saving.serialize_keras_object(VALUES[name])
    assert config == keras.saving.serialize_keras_object(VALUES[name])
    again = saving.deserialize_keras_object(through_text(config))
    assert saving.serialize_keras_object(again) == config
    if not name.startswith("slice"):
        np.testing.assert_equal(again, VALUES[name])


def test_tensors_tuples_and_dtypes():
    array = sequax.ops.ones((2, 1), "bfloat16")
    again = saving.deserialize_keras_object(through_text(saving.serialize_keras_object({"x": array})))["x"]
    assert type(again) is type(array) and again.dtype == array.dtype and again.shape == (2, 1)
    symbol = saving.deserialize_keras_object(through_text(saving.serialize_keras_object(sequax.Input((3,)))))
    assert isinstance(symbol, sequax.KerasTensor) and tuple(symbol.shape) == (None, 3)
    assert saving.serialize_keras_object((1, (2,))) == (1, (2,))
    assert saving.serialize_keras_object([np.dtype("int32"), np.float32]) == ["int32", "float32"]
    with pytest.raises(TypeError, match="no UTF-8 text"):
        saving.serialize_keras_object(b"\xff")


@pytest.mark.parametrize(
    "kind, config",
    [
        ("__tuple__", 3),
        ("__bytes__", {"value": 3}),
        ("__bytes__", {}),
        ("__slice__", {"start": 0}),
        ("__slice__", {"start": {"class_name": "__lambda__", "config": {}}, "stop": 0, "step": 1}),
        ("__keras_tensor__", {"shape": "x", "dtype": "float32"}),
        ("__keras_tensor__", {"shape": [1], "dtype": "O"}),
        ("__typespec__", "neither list nor tuple"),
        ("__typespec__", [1]),
        ("__ellipsis__", {"value": 1}),
    ],
)
def test_malformed_values_are_refused(kind, config):
    with pytest.raises(LoadError):
        saving.deserialize_keras_object({"class_name": kind, "config": config})


@pytest.mark.parametrize(
    "config", [{"class_name": "Dense", "config": [1, 2]}, {"class_name": "__typespec__", "config": "x"}]
)
def test_parts_of_another_kind_are_type_errors_too(config):
    with pytest.raises(TypeError, match="Expected 'config' to be a"):
        saving.deserialize_keras_object(config)


# --- own classes with names of ours ---


def _own(base, name, **methods):
    return type(name, (base,), {"__module__": __name__, **methods})


OWN = {
    "layer L2": _own(sequax.Layer, "L2", call=lambda self, x: x * 2),
    "layer Adam": _own(sequax.Layer, "Adam", call=lambda self, x: x * 2),
    "layer Dense": _own(layers.Dense, "Dense", call=lambda self, x: super(layers.Dense, self).call(x)),
    "layer Constant": _own(sequax.Layer, "Constant", call=lambda self, x: x * 2),
    "initializer Constant": _own(initializers.Initializer, "Constant"),
    "regularizer L2": _own(regularizers.Regularizer, "L2", get_config=lambda self: {}),
}


@pytest.mark.parametrize("module", [__name__, "__main__"])
@pytest.mark.parametrize("name", OWN)
def test_an_own_class_never_comes_back_as_the_built_in_of_its_name(name, module, monkeypatch):
    cls = OWN[name]
    monkeypatch.setattr(cls, "__module__", module)
    obj = cls(3) if name == "layer Dense" else cls()
    config = saving.serialize_keras_object(obj)
    assert type(saving.deserialize_keras_object(config)) is cls  # in memory a config knows its class
    from_file = through_text(config)
    with pytest.raises(LoadError, match=f"class '{cls.__name__}'.*built-in class of this name is not meant"):
        saving.deserialize_keras_object(from_file)
    again = saving.deserialize_keras_object(from_file, custom_objects={cls.__name__: cls})
    assert type(again) is cls


@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_an_own_layer_and_ours_of_the_same_name_in_one_file(ending, tmp_path):
    own = OWN["layer L2"]
    model = Sequential([sequax.Input((2,)), own(), layers.Dense(1, kernel_regularizer=regularizers.L2(0.5))])
    path = tmp_path / f"m{ending}"
    model.save(path)
    with pytest.raises(LoadError):
        sequax.models.load_model(path)
    again = sequax.models.load_model(path, custom_objects={"L2": own})
    assert type(again.layers[0]) is own and type(again.layers[1].kernel_regularizer) is regularizers.L2
    np.testing.assert_array_equal(again(np.ones((1, 2))), model(np.ones((1, 2))))


@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_an_own_optimizer_with_the_name_of_ours(ending, tmp_path):
    own = _own(optimizers.SGD, "RMSprop")
    model = Sequential([sequax.Input((2,)), layers.Dense(1)])
    model.compile(own(0.5), "mse")
    path = tmp_path / f"m{ending}"
    model.save(path)
    with pytest.raises(LoadError, match="built-in class of this name is not meant"):
        sequax.models.load_model(path)
    assert type(sequax.models.load_model(path, custom_objects={"RMSprop": own}).optimizer) is own


@pytest.mark.filterwarnings("ignore:.*HDF5 file.*")  # Keras calls `.h5` a format of the past
def test_registered_optimizers_come_back_from_h5_files(keras, tmp_path):
    @saving.register_keras_serializable("pack")
    class Slow(optimizers.SGD):
        pass

    @keras.saving.register_keras_serializable("pack", "Slow")
    class Theirs(keras.optimizers.SGD):
        pass

    try:
        model = Sequential([sequax.Input((2,)), layers.Dense(1)])
        model.compile(Slow(0.5), sequax.losses.MeanSquaredError())
        model.save(tmp_path / "ours.h5")
        again = keras.models.load_model(tmp_path / "ours.h5")
        assert type(again.optimizer) is Theirs
        again.save(tmp_path / "theirs.h5")
        for name in ("ours.h5", "theirs.h5"):
            found = sequax.models.load_model(tmp_path / name).optimizer
            assert type(found) is Slow and float(found.learning_rate) == 0.5
    finally:
        saving.get_custom_objects().pop("pack>Slow")
        keras.saving.get_custom_objects().pop("pack>Slow")


def test_registered_classes_come_back_from_h5_files(tmp_path):
    @saving.register_keras_serializable("pack")
    class Twice(sequax.Layer):
        def call(self, x):
            return x * 2

    @saving.register_keras_serializable("pack")
    class Half(sequax.losses.Loss):
        def call(self, y_true, y_pred):
            return (y_true - y_pred) / 2

    Half.__module__ = "__main__"  # a class of a script is written without a module
    try:
        model = Sequential([sequax.Input((2,)), Twice(), layers.Dense(1)])
        model.compile("sgd", Half())
        model.save(tmp_path / "m.h5")
        for given in (None, {"Half": Half}):
            again = sequax.models.load_model(tmp_path / "m.h5", custom_objects=given)
            assert type(again.layers[0]) is Twice and type(again.loss) is Half
    finally:
        saving.get_custom_objects().pop("pack>Twice")
        saving.get_custom_objects().pop("pack>Half")


def test_a_registered_function_is_found_without_its_package():
    @saving.register_keras_serializable("pack")
    def squared(x):
        return x**2

    try:
        for name in ("squared", "pack>squared"):
            config = {"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"}
            assert saving.deserialize_keras_object(config) is squared
    finally:
        saving.get_custom_objects().pop("pack>squared")


def test_an_empty_registered_name_is_none():
    config = {"module": "keras.layers", "class_name": "Dense", "config": {"units": 1}, "registered_name": ""}
    assert type(saving.deserialize_keras_object(config)) is layers.Dense


# --- objects in configs of own classes ---


class Around(sequax.Layer):
    def __init__(self, inner, **kwargs):
        super().__init__(**kwargs)
        self.inner = saving.deserialize_keras_object(inner)

    def call(self, x):
        return self.inner(x)

    def get_config(self):
        return {"inner": self.inner, "name": self.name}  # the layer itself, not its config


def test_objects_that_get_config_returns_are_serialized():
    layer = Around(layers.Dense(2, activation="relu"))
    config = through_text(saving.serialize_keras_object(layer))
    again = saving.deserialize_keras_object(config, custom_objects={"Around": Around})
    assert again.inner.units == 2 and again.inner.activation is activations.relu


def test_a_config_is_a_dict():
    layer = sequax.Layer()
    layer.get_config = lambda: [1]
    with pytest.raises(TypeError, match=r"`get_config\(\)`.*should return a dict"):
        saving.serialize_keras_object(layer)


class NoWayBack:
    def __call__(self, x):
        return x

    def get_config(self):
        return {}


def test_a_class_without_from_config_says_so():
    config = through_text(saving.serialize_keras_object(layers.Dense(1, activation=NoWayBack())))
    with pytest.raises(TypeError, match="Unable to reconstruct an instance of 'NoWayBack'"):
        saving.deserialize_keras_object(config, custom_objects={"NoWayBack": NoWayBack})


# --- lambdas ---


def with_lambdas():
    factor = 3.0
    model = Sequential(
        [
            sequax.Input((2,)),
            layers.Lambda(lambda x: x * factor, output_shape=lambda shape: shape, name="times"),
            layers.Dense(1, activation=lambda x: x - 1, kernel_initializer="ones"),
        ]
    )
    model.compile("sgd", loss=lambda y, p: sequax.ops.mean((y - p) ** 2))
    return model


def test_configs_with_lambdas_come_back_in_memory():
    model, x = with_lambdas(), np.ones((2, 2), "float32")
    for again in (Sequential.from_config(model.get_config()), clone_model(model)):
        np.testing.assert_array_equal(again(x), model(x))
    layer = model.layers[0]
    assert layers.Lambda.from_config(layer.get_config()).function is layer.function


def test_a_text_keeps_only_the_name_of_a_lambda():
    text = with_lambdas().to_json()
    assert "__lambda__" not in text
    with pytest.raises(LoadError, match=r"Could not locate the function '<lambda>'.*custom_objects"):
        model_from_json(text)


WAYS = {
    "pickle": lambda one: pickle.loads(pickle.dumps(one)),
    "pickle 2": lambda one: pickle.loads(pickle.dumps(one, protocol=2)),
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
}


@pytest.mark.parametrize("way", WAYS)
def test_models_with_lambdas_are_copied(way):
    model, x = with_lambdas(), np.ones((4, 2), "float32")
    model.fit(x, x[:, :1], verbose=0)
    again = WAYS[way](model)
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
    assert again.evaluate(x, x[:, :1], verbose=0) == model.evaluate(x, x[:, :1], verbose=0)
    again.fit(x, x[:, :1], verbose=0)


def test_functions_that_pickles_take_along():
    def inner(x, *, by=lambda v: v + 1):
        return by(x) * offset + np.float32(1)

    offset = 10.0
    x = sequax.Input((2,))
    graph = sequax.Model(x, layers.Lambda(inner, arguments={"by": lambda v: v + 2})(x))
    for one in (graph, layers.Dense(2, activation=inner), metrics.MeanMetricWrapper(lambda y, p: p, name="m")):
        pickle.loads(pickle.dumps(one))
    again = pickle.loads(pickle.dumps(graph))
    np.testing.assert_array_equal(again(np.ones((1, 2))), graph(np.ones((1, 2))))
    assert again.layers[1].function.__qualname__ == inner.__qualname__
    kept = pickle.loads(pickle.dumps(layers.Dense(1, activation=activations.relu)))
    assert kept.activation is activations.relu


def test_a_pickle_runs_in_another_process(tmp_path):
    (tmp_path / "m.pickle").write_bytes(pickle.dumps(with_lambdas()))
    code = "import pickle, sys, numpy; m = pickle.load(open(sys.argv[1], 'rb')); print(m(numpy.ones((1, 2)))[0, 0])"
    run = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "m.pickle"], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert float(run.stdout) == 5


# --- names of arguments ---


@pytest.mark.parametrize(
    "module, argument, value",
    [
        (activations, "activation", activations.relu),
        (constraints, "constraint", constraints.NonNeg()),
        (initializers, "initializer", initializers.Ones()),
        (layers, "layer", layers.Dense(1)),
        (losses, "loss", losses.MeanSquaredError()),
        (metrics, "metric", metrics.Mean()),
        (regularizers, "regularizer", regularizers.L2(0.5)),
    ],
)
def test_serialize_takes_keras_keywords(module, argument, value):
    config = module.serialize(**{argument: value})
    assert module.serialize(value) == config
    read = {"name": config} if module is losses else {"config": config}
    again = module.deserialize(**read, custom_objects=None)
    assert again is value or type(again) is type(value)


class TakesNoOptions(sequax.Layer):
    def __init__(self, units):
        super().__init__()
        self.units = units

    def call(self, x):
        return x

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def test_a_name_is_looked_up_in_module_objects():
    table = {"ones": initializers.Ones, "relu": activations.relu}
    ones, relu, other = (
        saving.deserialize_keras_object(name, module_objects=table, printable_module_name="parts")
        for name in ("ones", "relu", "other")
    )
    assert isinstance(ones, initializers.Ones) and relu is activations.relu and other == "other"


def test_a_layer_without_options_says_how_to_take_them(tmp_path):
    path = tmp_path / "model.keras"
    sequax.Sequential([sequax.Input((3,)), TakesNoOptions(2)]).save(path)
    with pytest.raises(sequax.saving.LoadError, match=r"def __init__\(self, ..., \*\*kwargs\)"):
        sequax.models.load_model(path, custom_objects={"TakesNoOptions": TakesNoOptions})
