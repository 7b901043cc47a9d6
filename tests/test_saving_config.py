"""Configs: equal to Keras', read back, and refused where they hold what no config needs."""

from __future__ import annotations

import copy
import json
import sys

import numpy as np
import pytest

import sequax
from sequax import layers, saving
from sequax.core import catalogue, constructor, schema
from sequax.core.kinds import Kind
from sequax.core.names import is_ours
from sequax.models import Sequential, clone_model, load_model, model_from_json
from sequax.saving import LoadError
from tests.saving_models import MODELS, plain


@pytest.mark.parametrize("name", ["without_input", "frozen", "shared", "structures", "operations", "stack_in_graph"])
def test_json_makes_the_same_model(name):
    ours = MODELS[name](sequax)
    again = model_from_json(ours.to_json())
    assert plain(saving.serialize_keras_object(again)) == plain(saving.serialize_keras_object(ours))
    assert type(again) is type(ours)


def test_keras_reads_json_of_ours(keras):
    for name in ("operations", "structures"):
        ours = MODELS[name](sequax)
        theirs = keras.models.model_from_json(ours.to_json())
        assert [tuple(w.shape) for w in theirs.weights] == [tuple(w.shape) for w in ours.weights], name


def test_compile_settings_come_back(keras):
    ours, theirs = (MODELS["dense"](library) for library in (sequax, keras))
    for one, library in ((ours, sequax), (theirs, keras)):
        rate = library.optimizers.schedules.ExponentialDecay(0.1, 5, 0.5)
        one.compile(
            library.optimizers.SGD(rate, momentum=0.9),
            library.losses.BinaryCrossentropy(from_logits=True),
            metrics=["mae"],
            weighted_metrics=[],
        )
    config = ours.get_compile_config()
    expected = theirs.get_compile_config()
    assert plain({key: config[key] for key in ("optimizer", "loss", "metrics", "weighted_metrics")}) == plain(
        {key: expected[key] for key in ("optimizer", "loss", "metrics", "weighted_metrics")}
    )
    again = model_from_json(theirs.to_json())
    assert plain(again.get_compile_config()) == plain(config)
    assert sequax.Sequential().get_compile_config() == {}


# --- own classes ---


class Scaled(sequax.Layer):
    def __init__(self, factor, inner=None, **kwargs):
        super().__init__(**kwargs)
        self.factor, self.inner = factor, inner

    def call(self, x):
        return x * self.factor if self.inner is None else self.inner(x * self.factor)


class Own(sequax.Model):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units, self.head = units, layers.Dense(units)

    def call(self, x):
        return self.head(x)


def double(x):
    return x * 2


def test_own_classes_come_back_by_name():
    model = Sequential([sequax.Input((3,)), Scaled(2.0, layers.Dense(2)), layers.Dense(1, activation=double)])
    text = model.to_json()
    again = model_from_json(text, custom_objects={"Scaled": Scaled, "double": double})
    assert again.layers[0].factor == 2.0 and again.layers[0].inner.units == 2 and again.layers[1].activation is double
    with pytest.raises(LoadError, match=r"config\.config\.layers\[1\]: .*the class 'Scaled'.*custom_objects"):
        model_from_json(text)
    with pytest.raises(TypeError):  # as with Keras
        model_from_json(text)


def test_own_models_come_back_built():
    model = Own(3)
    model(np.ones((2, 4), "float32"))
    config = saving.serialize_keras_object(model)
    assert (config["module"], config["class_name"]) == (__name__, "Own")
    assert config["build_config"] == {"input_shape": (2, 4)}
    again = saving.deserialize_keras_object(json.loads(json.dumps(config)), custom_objects={"Own": Own})
    assert again.units == 3 and [tuple(w.shape) for w in again.weights] == [(4, 3), (3,)]


def test_graphs_of_a_class_of_ones_own():
    class Wired(sequax.Model):
        pass

    x = sequax.Input((3,))
    config = Wired(x, layers.Dense(2)(x), name="wired").get_config()
    again = Wired.from_config(json.loads(json.dumps(config)))
    assert type(again) is Wired and again.name == "wired" and len(again.layers) == 2
    del config["trainable"]
    assert Wired.from_config(config).trainable


def test_registered_names():
    @saving.register_keras_serializable("pack")
    class Dense(layers.Dense):
        pass

    try:
        config = saving.serialize_keras_object(Dense(2))
        assert config["registered_name"] == "pack>Dense"
        assert type(layers.deserialize(config)) is Dense
        builtin = saving.serialize_keras_object(layers.Dense(2))
        assert type(layers.deserialize(builtin)) is layers.Dense  # a class of the user never hides one of ours
        with pytest.raises(LoadError, match="built in"):
            layers.deserialize({**builtin, "registered_name": "pack>Dense"})
        assert type(layers.deserialize(builtin, custom_objects={"Dense": Dense})) is layers.Dense  # as with Keras
        unnamed = {"class_name": "Dense", "config": builtin["config"]}
        assert type(layers.deserialize(unnamed, custom_objects={"Dense": Dense})) is Dense
    finally:
        saving.get_custom_objects().pop("pack>Dense")


def test_a_scope_of_nothing_is_a_scope():
    scope = saving.custom_object_scope
    with scope({"double": double}), scope(None), scope():
        assert sequax.activations.get("double") is double
    with scope({"double": double}):
        config = saving.serialize_keras_object(layers.Dense(2, activation=double))
        assert layers.deserialize(config, custom_objects=None).activation is double


def test_functions_of_lambda_layers_are_given():
    model = Sequential([sequax.Input((3,)), layers.Lambda(double, name="twice")])
    assert model_from_json(model.to_json(), {"double": double}).layers[0].function is double
    entry = json.loads(model.to_json())
    entry["config"]["layers"][1]["config"]["function"] = CODE
    assert model_from_json(json.dumps(entry), {"twice": double}).layers[0].function is double
    with pytest.raises(LoadError, match=r"function: it holds Python code.*custom_objects=\{'twice'"):
        model_from_json(json.dumps(entry))


def test_functions_that_are_no_ops_have_no_config():
    x = sequax.Input((3,))
    model = sequax.Model(x, sequax.ops.vectorize(lambda v: v + 1)(x))
    with pytest.raises(NotImplementedError, match="Lambda"):
        model.get_config()


# --- attacks ---

CODE = {"class_name": "__lambda__", "config": {"code": "4wAAAAA=", "defaults": None, "closure": None}}


def layer(class_name, module="keras.layers", **config):
    return {"module": module, "class_name": class_name, "config": config, "registered_name": None}


def call_of(name, config="x", module="builtins"):
    return {"module": module, "class_name": name, "config": config, "registered_name": name}


SYSTEM = {"module": "os", "class_name": "function", "config": "system", "registered_name": "system"}
GOOD = layer("Dense", units=3, name="good")


def dense_with(**config):
    return layer("Dense", **{"units": 3, **config})


def nested(depth):
    entry = GOOD
    for _ in range(depth):
        entry = layer("Sequential", "keras", name="s", layers=[entry])
    return entry


ATTACKS = {
    "bytecode": layer("Lambda", function=CODE, name="l"),
    "bytecode in output_shape": layer("Lambda", function="relu", output_shape=CODE),
    "bytecode in mask": layer("Lambda", function="relu", mask=CODE),
    "old bytecode": layer("Lambda", function=["4wAA", None, None], function_type="lambda"),
    "system as layer": SYSTEM,
    "system as activation": dense_with(activation=SYSTEM),
    "system as initializer": dense_with(kernel_initializer=SYSTEM),
    "system as regularizer": dense_with(kernel_regularizer=SYSTEM),
    "import": layer("X", "antigravity"),
    "inner function": layer("get_file", "keras.src.utils.file_utils", origin="http://127.0.0.1:9/x"),
    "get_file by Lambda": layer("Lambda", function=call_of("function", "get_file", "keras.utils")),
    "utils by Lambda": layer("Lambda", function=call_of("function", "clear_session")),
    "unsafe switch": call_of("function", "enable_unsafe_deserialization", "keras.config"),
    "unsafe switch as class": layer("enable_unsafe_deserialization", "keras.config"),
    "torch": layer("TorchModuleWrapper", module_="gASV"),
    "saved model": layer("TFSMLayer", filepath="x"),
    "jax": layer("JaxLayer", call_fn=CODE),
    "file as vocabulary": layer("StringLookup", vocabulary="/etc/hostname"),
    "URL as vocabulary": layer("IntegerLookup", vocabulary="http://127.0.0.1:9/v"),
    "URL as text vocabulary": layer("TextVectorization", vocabulary="file:///etc/hostname"),
    "file as weights": layer("StringLookup", vocabulary=["a"], output_mode="tf_idf", idf_weights="/etc/hostname"),
    "registered name on a built-in": {**GOOD, "registered_name": "Evil>Dense"},
    "registered name without module": {**GOOD, "registered_name": "Evil>Dense", "module": None},
    "object array": dense_with(
        kernel_initializer=layer(
            "Constant", "keras.initializers", value=call_of("__numpy__", {"value": [1], "dtype": "O"})
        )
    ),
    "huge strings": dense_with(
        kernel_initializer=layer(
            "Constant", "keras.initializers", value=call_of("__numpy__", {"value": [1], "dtype": "S600000000"})
        )
    ),
    **{
        f"special {name}": dense_with(bias_initializer=call_of(name, {}))
        for name in ("__typespec__", "__ellipsis__", "__slice__", "__bytes__", "__keras_tensor__", "__dunder__")
    },
    **{
        f"units {str(value)[:12]}": dense_with(units=value)
        for value in (10**12, "3", True, -1, 0, 2.5, float("nan"), float("inf"), [3, "x"], None, {}, 10**100)
    },
    "kernel too large": layer("Conv2D", filters=2, kernel_size=[10**10, 3]),
    "shape too large": layer("InputLayer", batch_shape=[None, 2**40]),
    "shape of strings": layer("InputLayer", batch_shape=["x"]),
    "no shape": layer("InputLayer", batch_shape="4"),
    "unknown key": dense_with(frobnicate=1),
    "misspelt key": dense_with(activaton="relu"),
    "unknown key beside": {**GOOD, "frobnicate": 1},
    "unknown class": layer("Dens", units=3),
    "class name is no string": layer(["Dense"], units=3),
    "arguments are no object": {**GOOD, "config": [1, 2]},
    **{
        f"name {str(name)[:12]!r}": dense_with(name=name)
        for name in ("../../evil", "/abs", "a/b", "a\0b", "x" * 2**20, "", "..", "C:\\x", 3, ["x"])
    },
    "name of another place": layer("SpatialDropout1D", rate=0.5, name="../../evil"),
    "file as table": layer("Embedding", input_dim=3, output_dim=2, weights="/etc/hostname"),
    "part of an axis": layer("LayerNormalization", axis=[1.5]),
    "no groups": layer("GroupNormalization", groups=0),
    "cell by name": layer("RNN", cell="LSTMCell"),
    "layer by name": layer("Bidirectional", layer="LSTM"),
    "slope of a string": layer("ReLU", negative_slope="0"),
    "deep": nested(60),
    "seed of 300 digits": layer("Dropout", rate=0.5, seed=10**300),
    "quantized otherwise": dense_with(dtype=layer("QuantizedDTypePolicy", "keras.dtype_policies", mode="int2")),
    "long history": dense_with(
        dtype=layer("QuantizedFloat8DTypePolicy", "keras.dtype_policies", mode="float8", amax_history_length=2**40)
    ),
    "groups of none": dense_with(dtype=layer("GPTQDTypePolicy", "keras.dtype_policies", mode="gptq/4/0")),
    "quantizer of bytes": dense_with(quantization_config=layer("AbsMaxQuantizer", "keras.quantizers", value_range=3)),
    "quantized by a layer": dense_with(quantization_config=layer("Dense", units=1)),
    "build shapes": {**GOOD, "build_config": {"input_shape": [None, 2**40]}},
    "build code": {**GOOD, "build_config": CODE},
}


def model_with(entry):
    entries = [layer("InputLayer", batch_shape=[None, 4], dtype="float32", name="in"), entry]
    return layer("Sequential", "keras", name="s", layers=entries)


@pytest.mark.parametrize("name", ATTACKS)
def test_configs_that_are_refused(name, monkeypatch):
    entry = ATTACKS[name]
    before = copy.deepcopy(entry)
    seen = []
    monkeypatch.setattr("builtins.open", lambda *a, **k: seen.append(a))
    for read in (
        lambda: layers.deserialize(entry),
        lambda: saving.deserialize_keras_object(entry),
        lambda: saving.deserialize_keras_object(entry, safe_mode=False),
        lambda: Sequential.from_config(model_with(entry)["config"]),
        lambda: model_from_json(json.dumps(model_with(entry))),
    ):
        with pytest.raises(LoadError) as error:
            read()
        assert len(str(error.value)) < 2000
    assert not seen and "antigravity" not in sys.modules and entry == before


MOST = [
    ("STFTSpectrogram", "fft_length", 2**16),
    ("STFTSpectrogram", "frame_length", 2**20),
    ("MelSpectrogram", "num_mel_bins", 2**10),
    ("StringLookup", "num_oov_indices", 2**16),
    ("TextVectorization", "ngrams", 2**10),
    ("Equalization", "bins", 2**16),
    ("AugMix", "num_chains", 2**10),
    ("RandAugment", "num_ops", 2**10),
    ("MaxNumBoundingBoxes", "max_number", 2**20),
    ("AUC", "num_thresholds", 2**16),
]


@pytest.mark.parametrize("name, argument, most", MOST)
def test_sizes_of_tables_have_a_bound(name, argument, most):
    family = "keras.metrics" if name == "AUC" else "keras.layers"
    made = saving.deserialize_keras_object(layer(name, family, **{argument: most}))
    assert made.get_config()[argument] == most
    with pytest.raises(LoadError, match=rf"{argument}: .* to {most}"):
        saving.deserialize_keras_object(layer(name, family, **{argument: most + 1}))


FAMILIES = ["losses", "metrics", "initializers", "regularizers", "constraints", "optimizers", "optimizers.schedules"]
READ_APART = {"dtype", "inner_optimizer", "optimizer_map", "default_optimizer"}  # what reads them says what they may be


@pytest.mark.parametrize("family", FAMILIES)
def test_each_argument_has_a_kind_that_bounds_it(family):
    for name, cls in catalogue.family(f"keras.{family}").classes.items():
        if is_ours(cls):
            bounded = constructor.kinds(cls)
            assert constructor.parameters(cls)[0].keys() - bounded.keys() <= READ_APART, name
            assert all(type(kind).fits is not Kind.fits for kind in bounded.values()), name


@pytest.mark.parametrize(
    ("family", "name", "argument", "value"),
    [
        ("losses", "Huber", "delta", "x"),
        ("losses", "Dice", "axis", [0, "x"]),
        ("losses", "Hinge", "reduction", "average"),
        ("losses", "Hinge", "name", "../x"),
        ("metrics", "AUC", "thresholds", "/etc/passwd"),
        ("metrics", "Precision", "top_k", "x"),
        ("metrics", "MeanIoU", "num_classes", 2**31),
        ("initializers", "Constant", "value", "x"),
        ("initializers", "VarianceScaling", "mode", ["fan_in"]),
        ("regularizers", "L1", "l1", -1),
        ("constraints", "MaxNorm", "axis", 0.5),
        ("optimizers", "Adam", "beta_1", [0.5]),
        ("optimizers", "SGD", "learning_rate", "fast"),
        ("optimizers", "Muon", "ns_steps", 10**9),
        ("optimizers.schedules", "CosineDecay", "decay_steps", 0),
    ],
)
def test_arguments_out_of_bounds_are_refused(family, name, argument, value):
    with pytest.raises(LoadError, match=rf"{argument}: `{argument}` must be .*; found"):
        saving.deserialize_keras_object(layer(name, f"keras.{family}", **{argument: value}))


def test_a_users_class_has_the_config_of_the_class_it_extends():
    """Its constructor is not wrapped; what it passes on is what counts."""

    class Gentle(sequax.losses.Huber):
        def __init__(self, width, **options):
            super().__init__(delta=width, **options)

    class OfClass(sequax.metrics.Precision):
        def __init__(self, number):
            super().__init__(class_id=number, name="p")

    class Eager(sequax.optimizers.Adam):
        def __init__(self, *rates, extra=1, **options):
            super().__init__(*rates, **options)

    class Narrow(sequax.initializers.RandomNormal):
        def __init__(self, width):
            super().__init__(stddev=width, seed=1)

    assert Gentle(3.0).get_config() == sequax.losses.Huber(3.0).get_config()
    assert OfClass(1).get_config() == sequax.metrics.Precision(class_id=1, name="p").get_config()
    expected = sequax.optimizers.Adam(0.5, 0.8, clipnorm=2.0, name="a").get_config()
    assert Eager(0.5, 0.8, extra=3, clipnorm=2.0, name="a").get_config() == expected
    assert Narrow(0.5).get_config() == sequax.initializers.RandomNormal(stddev=0.5, seed=1).get_config()


def test_configs_have_a_bound(monkeypatch):
    monkeypatch.setattr(schema, "MAX_VALUES", 5)
    monkeypatch.setattr(schema, "MAX_DEPTH", 3)
    for good in ([0] * 4, {"a": [0], "b": [0]}, [[0]]):
        schema.measure(good, "config")
    for bad, message in (([0] * 5, "more than 5 values"), ([[[0]]], "more than 3 levels")):
        with pytest.raises(LoadError, match=message):
            schema.measure(bad, "config")


@pytest.mark.parametrize(
    "entry, place",
    [
        (dense_with(units=10**12), r"layers\[1\]\.config\.units: `units` must be .*2147483647; found 1000000000000"),
        (dense_with(units=10**21), r"`units` must be a positive .*; found a whole number of 22 digits"),
        (dense_with(frobnicate=1), r"config\.config\.layers\[1\]\.config: Dense has no argument 'frobnicate'"),
        (dense_with(activaton="relu"), r"Did you mean 'activation'"),
        (dense_with(self=1), r"Dense has no argument 'self'"),
        (layer("Dens"), r"Did you mean 'Dense'"),
        (dense_with(activation=SYSTEM), r"layers\[1\]\.config\.activation: .*function 'system'.*Nothing is imported"),
        (dense_with(activation="sytem"), r"layers\[1\]: a Dense cannot be made.*sytem"),
        (dense_with(units=10**9), r"layers|kernel.*would take"),
    ],
)
def test_refusals_say_where_and_what(entry, place):
    with pytest.raises(LoadError, match=place):
        model_from_json(json.dumps(model_with(entry)))


def test_weights_that_do_not_fit_into_memory_are_refused_before_they_are_made():
    with pytest.raises(LoadError, match=r"dense/kernel.*would take 15 MB.*memory_budget"), saving.memory_budget(10**6):
        Sequential.from_config(model_with(dense_with(units=10**6, name="dense"))["config"])
    with saving.memory_budget(10**8):
        Sequential.from_config(model_with(dense_with(units=10**6))["config"])


TEXTS = {
    "no JSON": "{",
    "a list": "[]",
    "deep": "[" * 200_000,
    "deep in a model": '{"class_name": "Sequential", "config": ' + "[" * 150 + "]" * 150 + "}",
    "repeated key": '{"class_name": "Sequential", "config": {"name": "a", "name": "b", "layers": []}}',
    "5000 digits": json.dumps(model_with(GOOD)).replace('"units": 3', '"units": ' + "9" * 5000),
    "overflow": json.dumps(model_with(GOOD)).replace('"units": 3', '"units": 1e999'),
    "a layer": json.dumps(GOOD),
    "a string": '"Dense"',
    "bytes": b"\xff\xfe{}",
    "nothing": "",
}


@pytest.mark.parametrize("name", TEXTS)
def test_texts_that_are_refused(name):
    with pytest.raises(LoadError):
        model_from_json(TEXTS[name])


def graph(**changes):
    """The config of a small graph, with parts replaced by path, such as `{"layers/1/name": "x"}`."""
    x = sequax.Input((4,), name="x")
    model = sequax.Model(x, sequax.ops.relu(layers.Dense(3, name="d")(x))[:, :2])
    config = json.loads(json.dumps(model.get_config()))
    for path, value in changes.items():
        target = config
        *way, last = [int(part) if part.isdigit() else part for part in path.split("/")]
        for part in way:
            target = target[part]
        target[last] = value
    return config


def tensor(*history):
    return {"class_name": "__keras_tensor__", "config": {"shape": [None, 4], "keras_history": list(history)}}


GRAPHS = {
    "a circle": {"layers/1/inbound_nodes/0/args": [tensor("relu", 0, 0)]},
    "itself": {"layers/1/inbound_nodes/0/args": [tensor("d", 0, 0)]},
    "no such layer": {"layers/1/inbound_nodes/0/args": [tensor("y", 0, 0)]},
    "no such call": {"layers/1/inbound_nodes/0/args": [tensor("x", 7, 0)]},
    "no such output": {"layers/1/inbound_nodes/0/args": [tensor("x", 0, 5)]},
    "negative output": {"layers/1/inbound_nodes/0/args": [tensor("x", 0, -1)]},
    "no history": {"layers/1/inbound_nodes/0/args": [tensor()]},
    "nodes are text": {"layers/1/inbound_nodes": "x"},
    "node is text": {"layers/1/inbound_nodes": ["x"]},
    "node has more": {"layers/1/inbound_nodes/0/more": 1},
    "code as argument": {"layers/1/inbound_nodes/0/kwargs": {"training": CODE}},
    "system as argument": {"layers/1/inbound_nodes/0/kwargs": {"training": SYSTEM}},
    "unknown argument": {"layers/1/inbound_nodes/0/kwargs": {"foo": 1}},
    "name twice": {"layers/1/name": "x"},
    "no name": {"layers/1/name": None},
    "unknown op": {"layers/2/class_name": "System"},
    "unknown family": {"layers/2/module": "keras.src.ops.os"},
    "setting of an op": {"layers/2/config/foo": 1},
    "op without tensor": {"layers/2/inbound_nodes/0/args": [1.0]},
    "op with too much": {"layers/2/inbound_nodes/0/args": [tensor("d", 0, 0), 2, 3]},
    "slice of text": {"layers/3/inbound_nodes/0/args/1/0/config/start": "x"},
    "no outputs": {"output_layers": []},
    "outputs are text": {"output_layers": "x"},
    "outputs elsewhere": {"output_layers": ["z", 0, 0]},
    "layers are text": {"layers": "x"},
    "layer is text": {"layers/0": "x"},
    "split into many": {
        "layers/2": {
            "module": "keras.src.ops.numpy",
            "class_name": "Split",
            "registered_name": "Split",
            "name": "relu",
            "config": {"name": "relu", "indices_or_sections": 10**9, "axis": -1},
            "inbound_nodes": [{"args": [tensor("d", 0, 0)], "kwargs": {}}],
        }
    },
}


@pytest.mark.parametrize("name", GRAPHS)
def test_graphs_that_are_refused(name):
    with pytest.raises(LoadError):
        sequax.Model.from_config(graph(**GRAPHS[name]))


def test_graphs_are_read_in_any_order():
    config = graph()
    config["layers"].reverse()
    assert sequax.Model.from_config(config).output_shape == (None, 2)


def test_unknown_losses_are_refused():
    config = {**model_with(GOOD), "compile_config": {"optimizer": "sgd", "loss": "os.system"}}
    with pytest.raises(LoadError, match=r"os\.system"):
        model_from_json(json.dumps(config))
    with pytest.raises(LoadError, match="foo"):
        model_from_json(json.dumps({**model_with(GOOD), "compile_config": {"foo": 1}}))
    with pytest.raises(LoadError, match="system"):
        model_from_json(json.dumps({**model_with(GOOD), "compile_config": {"optimizer": SYSTEM}}))


def test_clones_are_held_against_the_schema():
    model = Sequential([layers.Dense(2)])
    model.layers[0].activation = SYSTEM
    with pytest.raises(LoadError):
        clone_model(model)


# --- older versions ---


def test_keras_2_graph():
    config = {
        "name": "old", "trainable": True, "input_layers": [["x", 0, 0], ["y", 0, 0]], "output_layers": [["out", 0, 0]],
        "layers": [
            {"class_name": "InputLayer", "name": "x", "inbound_nodes": [],
             "config": {"batch_input_shape": [None, 4], "dtype": "float32", "sparse": False, "name": "x"}},
            {"class_name": "InputLayer", "name": "y", "inbound_nodes": [],
             "config": {"batch_input_shape": [None, 4], "dtype": "float32", "ragged": False, "name": "y"}},
            {"class_name": "Sequential", "name": "inner", "inbound_nodes": [[["x", 0, 0, {}]], [["y", 0, 0, {}]]],
             "config": {"name": "inner", "layers": [
                 {"class_name": "Dense", "config": {
                     "name": "d", "trainable": True, "batch_input_shape": [None, 4], "dtype": "float32", "units": 3,
                     "activation": "relu", "use_bias": True, "bias_constraint": None, "activity_regularizer": None,
                     "kernel_initializer": {"class_name": "VarianceScaling", "config": {
                         "scale": 1.0, "mode": "fan_avg", "distribution": "normal", "seed": None, "dtype": "float32"}},
                     "bias_initializer": {"class_name": "Zeros", "config": {"dtype": "float32"}}}}]}},
            {"class_name": "Concatenate", "name": "cat", "config": {"name": "cat", "trainable": True, "axis": -1},
             "inbound_nodes": [[["inner", 1, 0, {}], ["inner", 2, 0, {}]]]},
            {"class_name": "BatchNormalizationV1", "name": "norm",
             "inbound_nodes": [[["cat", 0, 0, {"training": False}]]],
             "config": {"name": "norm", "axis": [1], "momentum": 0.9, "epsilon": 0.001, "dtype": {
                 "class_name": "Policy", "config": {"name": "float32"}}, "renorm": False, "fused": None}},
            {"class_name": "Dense", "name": "out", "config": {"name": "out", "units": 2, "activation": "softmax_v2"},
             "inbound_nodes": [[["norm", 0, 0, {}]]]},
        ],
    }  # fmt: skip
    text = json.dumps(
        {"class_name": "Functional", "config": config, "keras_version": "2.12.0", "backend": "tensorflow"}
    )
    model = model_from_json(text)
    assert [one.name for one in model.layers] == ["x", "y", "inner", "cat", "norm", "out"]
    assert model.output_shape == (None, 2) and model.get_layer("cat").output.shape == (None, 6)
    assert model.get_layer("inner").layers[0].kernel_initializer.distribution == "truncated_normal"
    assert model.predict([np.ones((2, 4))] * 2, verbose=0).shape == (2, 2)


def test_keras_1_stack():
    entries = [
        {"class_name": "Convolution2D", "config": {
            "name": "c", "nb_filter": 2, "nb_row": 3, "nb_col": 3, "border_mode": "same", "subsample": [1, 1],
            "dim_ordering": "tf", "init": "glorot_uniform", "activation": "relu", "bias": True, "W_regularizer": None,
            "batch_input_shape": [None, 6, 6, 1], "input_dtype": "float32", "trainable": True}},
        {"class_name": "Flatten", "config": {"name": "f", "trainable": True}},
        {"class_name": "Dropout", "config": {"name": "p", "p": 0.25, "trainable": True}},
        {"class_name": "Dense", "config": {
            "name": "d", "output_dim": 2, "init": "uniform", "activation": "softmax", "input_dim": None, "bias": True}},
    ]  # fmt: skip
    model = model_from_json(json.dumps({"class_name": "Sequential", "config": entries, "keras_version": "1.2.2"}))
    assert model.output_shape == (None, 2) and model.layers[0].padding == "same" and model.layers[2].rate == 0.25
    assert model.input_shape == (None, 6, 6, 1)


@pytest.mark.parametrize(
    "name, arguments, dtype", [("Embedding", {"input_dim": 5, "output_dim": 2}, "int32"), ("Dense", {}, "float32")]
)
def test_inputs_of_keras_2_stacks(name, arguments, dtype):
    """The first layer knew its input shape, but the dtype follows from what it is."""
    config = {"units": 2, **arguments} if name == "Dense" else arguments
    entry = {"class_name": name, "config": {"name": "first", "batch_input_shape": [None, 3], **config}}
    stack = {"class_name": "Sequential", "keras_version": "2.4.0", "config": {"name": "s", "layers": [entry]}}
    model = model_from_json(json.dumps(stack))
    assert model.input_shape == (None, 3) and model.inputs[0].dtype == dtype


class Along(layers.Layer):
    def __init__(self, axis=None, **settings):
        super().__init__(**settings)
        self.axis = axis

    def call(self, inputs):
        x, factor = inputs
        return x * factor


def old_graph(class_name, config, *second):
    """A graph as Keras 2 wrote it, of one layer that is called on two inputs."""
    entries = [
        {"class_name": "InputLayer", "name": "x", "inbound_nodes": [],
         "config": {"batch_input_shape": [None, 2], "dtype": "float32", "name": "x"}},
        {"class_name": class_name, "name": "out", "config": config,
         "inbound_nodes": [[["x", 0, 0, {}], [*second, {}]]]},
    ]  # fmt: skip
    ends = {"input_layers": [["x", 0, 0]], "output_layers": [["out", 0, 0]]}
    return {"class_name": "Functional", "keras_version": "2.12.0", "config": {"name": "g", "layers": entries, **ends}}


def test_numbers_and_own_layers_in_graphs_of_keras_2():
    config = old_graph("Along", {"name": "out", "axis": [1]}, "_CONSTANT_VALUE", -1, 3.0)
    model = model_from_json(json.dumps(config), custom_objects={"Along": Along})
    assert model(np.ones((1, 2))).tolist() == [[3, 3]]
    assert model.get_layer("out").axis == [1]  # only normalization had its one axis in a list


def test_stacks_as_outputs_of_keras_2_graphs():
    """Call 0 of a model inside was its own wiring."""
    inner = {"name": "out", "layers": [{"class_name": "Dense", "config": {"name": "d", "units": 3}}]}
    config = old_graph("Sequential", inner, "x", 0, 0)
    config["config"]["layers"][1]["inbound_nodes"] = [[["x", 0, 0, {}]]]
    config["config"]["output_layers"] = [["out", 1, 0]]
    assert model_from_json(json.dumps(config)).output_shape == (None, 3)


@pytest.mark.parametrize("config", [{"name": "out", "dtype": "float32"}, {}], ids=str)
def test_layers_that_are_named_as_ops(config):
    model = model_from_json(json.dumps(old_graph("Add", config, "x", 0, 0)))
    assert type(model.layers[1]) is layers.Add


def test_old_compile_settings():
    from sequax.saving.legacy import compile_config

    settings = {
        "loss": {"class_name": "BinaryCrossentropy", "config": {"reduction": "auto", "name": "b", "from_logits": True}},
        "metrics": [[{"class_name": "MeanMetricWrapper", "config": {"name": "acc", "dtype": "float32", "fn": "x"}}]],
        "optimizer_config": {
            "class_name": "Adam", "config": {"name": "Adam", "lr": 0.01, "decay": 0.5, "epsilon": None}
        },
        "sample_weight_mode": None,
    }  # fmt: skip
    model = Sequential([sequax.Input((2,)), layers.Dense(1)])
    model.compile_from_config(compile_config(settings))
    assert float(model.optimizer.learning_rate) == pytest.approx(0.01)
    assert model.loss.get_config()["from_logits"]


def test_load_model_is_public():
    assert saving.load_model is load_model is sequax.models.load_model


def test_names_that_earlier_versions_of_keras_wrote():
    config = {"module": "keras.initializers", "class_name": "OrthogonalInitializer", "config": {"gain": 2.0, "seed": 1}}
    found = sequax.saving.deserialize_keras_object({**config, "registered_name": None})
    assert type(found) is sequax.initializers.Orthogonal and found.gain == 2.0


def test_configs_in_the_form_of_keras_2(keras):
    from sequax.legacy import saving as own
    from sequax.utils import legacy

    assert legacy.serialize_keras_object is own.serialize_keras_object
    theirs = keras.legacy.saving
    for name in ("Constant", "HeNormal"):
        config = own.serialize_keras_object(getattr(sequax.initializers, name)())
        expected = theirs.serialize_keras_object(getattr(keras.initializers, name)())
        assert (config["class_name"], config["config"]) == (expected["class_name"], expected["config"])
        revived = own.deserialize_keras_object(config, module_objects=vars(sequax.initializers))
        assert own.serialize_keras_object(revived) == config

    def own_function(x):
        return x

    class Thing:
        def __init__(self, size=1):
            self.size = size

        def get_config(self):
            return {"size": self.size}

        @classmethod
        def from_config(cls, config):
            return cls(**config)

    given = {"Thing": Thing, "own_function": own_function}
    assert own.deserialize_keras_object("own_function", custom_objects=given) is own_function
    config = own.serialize_keras_object(Thing(3))
    assert config == {"class_name": "Thing", "config": {"size": 3}}
    assert own.deserialize_keras_object(config, custom_objects=given).size == 3
    assert own.deserialize_keras_object("Thing", given).size == 1
    assert own.serialize_keras_object(None) is own.deserialize_keras_object(None) is None
    assert own.deserialize_keras_object(own_function) is own_function
    with pytest.raises(ValueError, match="Unknown initializer: 'Onse'"):
        own.deserialize_keras_object("Onse", {"Ones": Thing}, printable_module_name="initializer")
    for wrong in (3, object()):
        with pytest.raises(ValueError, match="Cannot"):
            own.deserialize_keras_object(wrong) if wrong == 3 else own.serialize_keras_object(wrong)
