"""Configs that must be refused: each would run code, open something, take memory or time, or is no config at all."""

from __future__ import annotations

import base64
import json
import marshal
import pickle
from typing import Any

MARKER = "marker"  # in the folder of the process: made by code that was run
PAYLOAD = f"open({MARKER!r}, 'w').close()"


def bytecode() -> str:
    """A function as Keras stores it, which makes the marker when it is made or called."""
    return base64.b64encode(marshal.dumps(compile(f"lambda x: [x, {PAYLOAD}][0]", "evil", "eval"))).decode()


class Payload:
    """Runs when it is unpickled."""

    def __reduce__(self):
        return exec, (PAYLOAD,)


PICKLED = pickle.dumps(Payload())
CODE = {"class_name": "__lambda__", "config": {"code": bytecode(), "defaults": None, "closure": None}}


def entry(class_name: Any, module: Any = "keras.layers", **config: Any) -> dict[str, Any]:
    return {"module": module, "class_name": class_name, "config": config, "registered_name": None}


def function(name: str, module: str = "builtins") -> dict[str, Any]:
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


def special(name: str, **config: Any) -> dict[str, Any]:
    return {"class_name": name, "config": config}


def dense(**config: Any) -> dict[str, Any]:
    return entry("Dense", **{"units": 3, **config})


def constant(value: Any) -> dict[str, Any]:
    return dense(kernel_initializer=entry("Constant", "keras.initializers", value=value))


def stack(*entries: Any, shape: Any = (None, 4)) -> dict[str, Any]:
    first = entry("InputLayer", batch_shape=list(shape), dtype="float32", name="in")
    return entry("Sequential", "keras", name="s", layers=[first, *entries])


def tensor(*history: Any) -> dict[str, Any]:
    return special("__keras_tensor__", shape=[None, 4], dtype="float32", keras_history=list(history))


def call(*history: Any) -> dict[str, Any]:
    return {"args": [tensor(*history)], "kwargs": {}}


def graph(layer: Any, calls: int = 1, name: str = "g") -> dict[str, Any]:
    """A graph that calls a layer on an input, and again on what came out."""
    given = layer["config"].get("name") if isinstance(layer.get("config"), dict) else None
    called = str(given or "layer")
    nodes = [call("in", 0, 0), *(call(called, number, 0) for number in range(calls - 1))]
    first = entry("InputLayer", batch_shape=[None, 4], dtype="float32", name="in")
    inner = {**layer, "name": called, "inbound_nodes": nodes}
    made = entry(
        "Functional",
        "keras.src.models.functional",
        name=name,
        trainable=True,
        layers=[{**first, "name": "in", "inbound_nodes": []}, inner],
        input_layers=[["in", 0, 0]],
        output_layers=[[called, calls - 1, 0]],
    )
    return {**made, "registered_name": "Functional"}


def nested_stacks(depth: int) -> dict[str, Any]:
    made = dense(name="d")
    for _ in range(depth):
        made = stack(made)
    return made


def nested_graphs(depth: int, calls: int) -> dict[str, Any]:
    """Each model calls the one inside so many times: calls**depth calls of the innermost layer."""
    made = entry("Dense", units=4, name="d")
    for number in range(depth):
        made = graph(made, calls, f"m{number}")
    return made


# What stands for a layer. The entry points of test_configs read each as a layer, and in models and wrappers.
LAYERS: dict[str, dict[str, Any]] = {
    "bytecode": entry("Lambda", function=CODE, name="l", arguments={}),
    "bytecode in output_shape": entry("Lambda", function="relu", output_shape=CODE),
    "bytecode in mask": entry("Lambda", function="relu", mask=CODE),
    "bytecode of Keras 2": entry("Lambda", function=[bytecode(), None, None], function_type="lambda"),
    "bytecode as the layer": CODE,
    "system": function("system", "os"),
    "system in Keras' names": function("os.system", "keras.layers"),
    "eval": function("eval"),
    "module with a trap": entry("Evil", "evil_module"),
    "module that nobody needs": entry("X", "antigravity"),
    "module with dots": entry("Evil", "keras.layers.evil_module"),
    "class with dots": entry("Dense.__init__.__globals__", "keras.layers"),
    "dunder": entry("__class__", "keras.layers"),
    "private": entry("Catalogue", "sequax.core.catalogue"),
    "our module": entry("load_model", "sequax.saving"),
    "inner function": entry("get_file", "keras.src.utils.file_utils", origin="http://127.0.0.1:9/x"),
    "get_file by Lambda": entry(
        "Lambda", function=function("get_file", "keras.utils"), arguments={"origin": "http://127.0.0.1:9/x"}
    ),
    "unsafe switch": function("enable_unsafe_deserialization", "keras.config"),
    "unsafe switch as class": entry("enable_unsafe_deserialization", "keras.config"),
    "pickle of torch": entry("TorchModuleWrapper", module=base64.b64encode(PICKLED).decode()),
    "saved model": entry("TFSMLayer", filepath="secret.txt"),
    "JAX layer": entry("JaxLayer", call_fn=CODE),
    "Flax layer": {**entry("FlaxLayer"), "config": {"module": CODE}},
    "Flax layer of nothing": entry("FlaxLayer"),
    "module is code": entry("FlaxLayer", module=CODE),
    **{
        f"{kind} from {place[:6]}": entry(kind, vocabulary=place)
        for kind in ("StringLookup", "IntegerLookup", "TextVectorization")
        for place in ("/etc/hostname", "secret.txt", "http://127.0.0.1:9/v", "file:///etc/hostname")
    },
    "weights of words from a file": entry(
        "StringLookup", vocabulary=["a"], output_mode="tf_idf", idf_weights="secret.txt"
    ),
    "another registered name": {**dense(), "registered_name": "Evil>Dense"},
    "registered class": {**entry("Hidden", None), "registered_name": "attack>Unknown"},
    "objects in an array": constant(special("__numpy__", value=[1], dtype="O")),
    "strings of 600 MB": constant(special("__numpy__", value=[1], dtype="S600000000")),
    "structured array": constant(special("__numpy__", value=[1], dtype="f4,O")),
    "text in an array": constant(special("__numpy__", value=["x"], dtype="float32")),
    "pickle in an array": constant(special("__numpy__", value=base64.b64encode(PICKLED).decode(), dtype="uint8")),
    **{
        f"{name} anywhere": dense(bias_initializer=special(name, value=1))
        for name in ("__typespec__", "__ellipsis__", "__slice__", "__bytes__", "__keras_tensor__", "__other__")
    },
    "type of TensorFlow": dense(
        activation={"class_name": "__typespec__", "spec_name": "evil_module.Evil", "config": 1}
    ),
    **{
        f"units {value!s:.12}": dense(units=value)
        for value in (10**9 * 4, "3", True, -1, 0, 2.5, float("nan"), float("inf"), [3, "x"], None, {}, 10**100)
    },
    "kernel of 10 billion": entry("Conv2D", filters=2, kernel_size=[10**10, 3]),
    "shape beyond memory": entry("InputLayer", batch_shape=[None, 2**40]),
    "words of many words": entry("TextVectorization", ngrams=10**8),
    "unknown words": entry("StringLookup", vocabulary=["a"], num_oov_indices=10**8),
    "unknown numbers": entry("IntegerLookup", vocabulary=[1], num_oov_indices=10**8),
    "unknown key": dense(frobnicate=1),
    "unknown key beside": {**dense(), "frobnicate": 1},
    "unknown class": entry("Dens", units=3),
    "class is a list": entry(["Dense"], units=3),
    "arguments are a list": {**dense(), "config": [1, 2]},
    **{
        f"name {name!s:.10}": dense(name=name)
        for name in ("../../../evil", "/abs", "a/b", "a\0b", "x" * 2**20, "", "..", "C:\\x", 3, ["x"])
    },
    "300 stacks": nested_stacks(300),
    "60 stacks": nested_stacks(60),
    "60 graphs that double": nested_graphs(60, 2),
    "seed of 300 digits": entry("Dropout", rate=0.5, seed=10**300),
    "built for 2**40": {**dense(), "build_config": {"input_shape": [None, 2**40]}},
    "built with code": {**dense(), "build_config": CODE},
}

# Small files that would keep a reader busy for days; whether they are refused does not matter, if only at once.
BUSY: dict[str, dict[str, Any]] = {
    "22 stacks": nested_stacks(22),
    "22 graphs": nested_graphs(22, 1),
    "18 graphs that double": nested_graphs(18, 2),
}

# Ops of graphs that would make tables, or go around in loops, beyond all measure: module, class, settings, shape.
OPS: dict[str, tuple[str, str, dict[str, Any], list[int | None]]] = {
    "pooling to a billion": ("nn", "AdaptiveAveragePool", {"output_size": 10**9}, [None, 4, 4]),
    "pooling to images": ("nn", "AdaptiveMaxPool", {"output_size": [10**8, 10**8]}, [None, 4, 4, 1]),
    "window of a billion": (
        "math",
        "STFT",
        {"sequence_length": 10**9, "sequence_stride": 1, "fft_length": 2**31},
        [None, 4],
    ),
    "mirrors of mirrors": ("numpy", "Pad", {"pad_width": [[0, 0], [0, 10**12]], "mode": "reflect"}, [None, 4]),
    "differences": ("numpy", "Diff", {"n": 10**5, "axis": 1}, [None, 4]),
    "pieces": ("numpy", "Split", {"indices_or_sections": 10**9, "axis": 1}, [None, 4]),
    "slices": ("core", "Unstack", {"num": 10**9, "axis": 0}, [None, 4]),
    "unknown op": ("os", "System", {}, [None, 4]),
    "function of ops": ("numpy", "load", {}, [None, 4]),
}


def graph_of(module: str, class_name: str, settings: dict[str, Any], shape: list[int | None]) -> dict[str, Any]:
    """A graph of one op."""
    made = graph(entry(class_name, f"keras.src.ops.{module}", name="op", **settings))
    first, op = made["config"]["layers"]
    first["config"]["batch_shape"] = op["inbound_nodes"][0]["args"][0]["config"]["shape"] = shape
    return made


# What stands for an activation, initializer, loss, ...: anywhere where Keras takes an object by config.
VALUES: dict[str, Any] = {
    "code": CODE,
    "system": function("system", "os"),
    "eval": function("eval"),
    "module with a trap": entry("Evil", "evil_module"),
    "function with a trap": function("evil", "evil_module"),
    "get_file": function("get_file", "keras.utils"),
    "get_file as class": entry("get_file", "keras.src.utils.file_utils", origin="http://127.0.0.1:9/x"),
    "unsafe switch": function("enable_unsafe_deserialization", "keras.config"),
    "load_model": function("load_model", "keras.models"),
    "layer": entry("TorchModuleWrapper", module=base64.b64encode(PICKLED).decode()),
    "path": "os.system",
    "module": "evil_module",
}

METRICS: dict[str, Any] = {  # memory that the file does not have
    "thresholds": entry("AUC", "keras.metrics", num_thresholds=5 * 10**7),
    "thresholds at recall": entry("PrecisionAtRecall", "keras.metrics", recall=0.5, num_thresholds=5 * 10**7),
    "classes": entry("MeanIoU", "keras.metrics", num_classes=10**4),
}

# Texts where JSON is expected.
TEXTS: dict[str, Any] = {
    "no JSON": "{",
    "a list": "[]",
    "nothing": "",
    "a string": '"Dense"',
    "a layer": json.dumps(dense()),
    "200,000 levels": "[" * 200_000,
    "50,000 levels": '{"a":' * 50_000 + "1" + "}" * 50_000,
    "levels in a model": '{"class_name": "Sequential", "config": ' + "[" * 150 + "]" * 150 + "}",
    "key twice": '{"class_name": "Sequential", "config": {"name": "a", "name": "b", "layers": []}}',
    "units twice": json.dumps(stack(dense())).replace('"units": 3', '"units": 3, "units": 5'),
    "5000 digits": json.dumps(stack(dense())).replace('"units": 3', '"units": ' + "9" * 5000),
    "overflow": json.dumps(stack(dense())).replace('"units": 3', '"units": 1e999'),
    "YAML": f"!!python/object/apply:builtins.exec [{PAYLOAD!r}]",
    "pickle": PICKLED.decode("latin-1"),
    "Python": f"__import__('os').system({MARKER!r})",
    "values without end": "[" + "{}," * 2_500_000 + "0]",
}
