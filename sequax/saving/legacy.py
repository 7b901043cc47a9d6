"""Configs of Keras 1 and 2 (`tf.keras`, `.h5` files) in the form of Keras 3.

Old configs name classes without their modules, give the calls of a graph as lists of `[layer, call, output, kwargs]`,
and hold arguments that have other names now, or that only ever had one value in practice.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any, TypeGuard

from ..core import op_table
from ..core.catalogue import family
from ..core.errors import LoadError
from ..core.named import lookup

_CLASSES = {
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "CuDNNGRU": "GRU",
    "CuDNNLSTM": "LSTM",
    "Deconvolution2D": "Conv2DTranspose",
    "Model": "Functional",
    "Policy": "DTypePolicy",
    "PolicyV1": "DTypePolicy",
    "SeparableConvolution2D": "SeparableConv2D",
    "SyncBatchNormalization": "BatchNormalization",
}
_ARGUMENTS = {  # of Keras 1
    "W_constraint": "kernel_constraint",
    "W_regularizer": "kernel_regularizer",
    "b_constraint": "bias_constraint",
    "b_regularizer": "bias_regularizer",
    "beta_init": "beta_initializer",
    "bias": "use_bias",
    "border_mode": "padding",
    "gamma_init": "gamma_initializer",
    "init": "kernel_initializer",
    "inner_activation": "recurrent_activation",
    "inner_init": "recurrent_initializer",
    "nb_filter": "filters",
    "p": "rate",
    "pool_length": "pool_size",
    "stride": "strides",
    "subsample": "strides",
    "atrous_rate": "dilation_rate",
    "subsample_length": "strides",
    "filter_length": "kernel_size",
    "experimental_autocast": "autocast",
    "lr": "learning_rate",
}
_FUNCTIONS = {"softmax_v2": "softmax", "swish": "silu", "relu_v2": "relu"}
_ORDERINGS = {"tf": "channels_last", "th": "channels_first"}
# Arguments without a meaning today; a value that had one is refused by the constructor that does not know it.
_GONE_WORDS = """
    implementation batch_input_shape input_length consume_less fused renorm adjustment virtual_batch_size
    query_shape key_shape value_shape jit_compile is_legacy_optimizer exclude_from_weight_decay fn ragged
    dim_ordering input_dtype sample_weight_mode
"""
_GONE = frozenset(_GONE_WORDS.split())
_BUILT_FROM_MORE = frozenset(["MultiHeadAttention"])  # than the one shape in a build_config of Keras 2
_NO_GROUPS = frozenset(["DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D", "Conv2DTranspose"])
_OLD_MODULE = re.compile(
    r"(?:tensorflow\.)?(?:python\.)?keras(?:\.api)?(?:\._v[12])?(?:\.src)?(?:\.(?P<part>\w+))?(?:\..*)?$"
)
_PARTS = {
    "engine": None,
    "models": None,
    "optimizers": "keras.optimizers",
    "regularizers": "keras.regularizers",
    "constraints": "keras.constraints",
    "initializers": "keras.initializers",
    "losses": "keras.losses",
    "metrics": "keras.metrics",
    "layers": "keras.layers",
    "saving": None,
    "mixed_precision": None,
}


def modernized(config: Mapping[str, Any], version: str | None = None) -> Mapping[str, Any]:
    """A config of any version in the form of Keras 3; one that has this form already comes back as it is.

    Args:
        version: of the Keras that wrote it; else the config itself tells.

    Raises:
        LoadError: for old parts that have no equal today.
    """
    version = version or config.get("keras_version")
    own = {key: value for key, value in config.items() if key not in ("keras_version", "backend")}
    modern = str(version or "3").split(".")[0] not in ("0", "1", "2")
    if modern and _is_modern(own):
        return config if len(own) == len(config) else own
    return _object(own, modern, "config")


def _is_modern(config: Mapping[str, Any]) -> bool:
    """Whether all is written as Keras 3 does: a module with every class name."""
    module = config.get("module")
    return "module" in config and not (isinstance(module, str) and module in _OLD_MODULES)


_OLD_MODULES = frozenset(
    ["keras.src.engine.functional", "keras.src.engine.sequential", "keras.engine.functional", "keras.engine.sequential"]
)


def _object(config: Mapping[str, Any], modern: bool, place: str) -> dict[str, Any]:
    """An object and what it holds. `modern`: written by Keras 3, which leaves the modules out in `.h5` files."""
    name, inner = config["class_name"], config["config"]
    entry = {key: value for key, value in config.items() if key != "shared_object_id"}
    if not isinstance(name, str) or name.startswith("__") or name == "function":
        return entry
    module = entry.get("module")
    if op_table.is_op(module, name):
        return entry
    if isinstance(module, str):
        module = entry["module"] = _module(module)
        if module is None:  # any family may have the class; null would stand for an own one
            del entry["module"]
    if entry.get("module") is None and "inbound_nodes" in entry and _is_bare_op(name, inner):
        entry["module"] = next(m for m, c in op_table.known_classes() if c == name)
        return entry
    if not modern:
        name = entry["class_name"] = _CLASSES.get(name, name)
    if isinstance(inner, list) and name == "Sequential":
        inner = {"name": "sequential", "layers": inner}
    if isinstance(inner, Mapping):
        inner = {key: _value(value, modern, f"{place}.config.{key}") for key, value in inner.items()}
        if not modern:
            inner = _arguments(name, inner)
        if isinstance(inner.get("layers"), list):
            inner = _model(name, inner)
        entry["config"] = inner
    if not modern and name in _BUILT_FROM_MORE:
        entry.pop("build_config", None)
    for key in ("compile_config", "build_config"):
        if not modern and key in entry and not isinstance(entry[key], Mapping):
            del entry[key]
    if isinstance(entry.get("compile_config"), Mapping):
        entry["compile_config"] = compile_config(entry["compile_config"], modern)
    return entry


def _value(value: object, modern: bool, place: str) -> object:
    if isinstance(value, Mapping):
        if "class_name" in value and "config" in value:
            return _object(value, modern, place)
        return {key: _value(item, modern, f"{place}.{key}") for key, item in value.items()}
    if isinstance(value, list):
        return [_value(item, modern, f"{place}[{i}]") for i, item in enumerate(value)]
    return value


def _module(module: str) -> str | None:
    """The public module of an old one; None where any family may have the class."""
    if family(module) is not None:
        return module
    found = _OLD_MODULE.match(module)
    return module if found is None or found["part"] not in _PARTS else _PARTS[found["part"]]


def _is_bare_op(name: str, config: Mapping[str, Any]) -> bool:
    """An op whose module was left out: unlike a layer of that name, its config has no `trainable` and no `dtype`."""
    if not isinstance(config, Mapping) or "trainable" in config or "layers" in config:
        return False
    bare = "name" in config and ("dtype" not in config or name in ("Cast", "Full", "Arange"))
    return bare and name != "InputLayer" and any(c == name for _, c in op_table.known_classes())


# --- arguments ---


def _arguments(name: str, config: dict[str, Any]) -> dict[str, Any]:
    config = {_ARGUMENTS.get(key, key): value for key, value in config.items()}
    if name == "Dropout" or name.startswith(("SpatialDropout", "Gaussian")):
        config = {{"sigma": "stddev"}.get(key, key): value for key, value in config.items()}
    elif "p" in config:
        config["p"] = config.pop("p")
    if name == "LeakyReLU" and "alpha" in config:
        config.setdefault("negative_slope", config.pop("alpha"))
    if "dim_ordering" in config:
        config.setdefault("data_format", _ORDERINGS.get(config["dim_ordering"], "channels_last"))
    if name in ("Dense", "LSTM", "GRU", "SimpleRNN") and "output_dim" in config:
        config.setdefault("units", config.pop("output_dim"))
        config.pop("input_dim", None)
    if "nb_row" in config:
        config.setdefault("kernel_size", [config.pop("nb_row"), config.pop("nb_col", 1)])
    if name == "InputLayer":
        config.setdefault("batch_shape", config.get("batch_input_shape"))
        config["dtype"] = config.get("input_dtype") or config.get("dtype") or "float32"
    if name == "BatchNormalization" and isinstance(config.get("axis"), list) and len(config["axis"]) == 1:
        config["axis"] = config["axis"][0]
    if name in _NO_GROUPS:
        for key in ("groups", "kernel_initializer", "kernel_regularizer", "kernel_constraint"):
            if key == "groups" or name.startswith("Separable"):
                config.pop(key, None)
    if isinstance(config.get("activation"), str):
        config["activation"] = _FUNCTIONS.get(config["activation"], config["activation"])
    if config.get("distribution") == "normal":
        config["distribution"] = "truncated_normal"
    if config.get("reduction") == "auto":
        config["reduction"] = "sum_over_batch_size"
    return _without_gone(name, config)


def _without_gone(name: str, config: dict[str, Any]) -> dict[str, Any]:
    """Without the arguments that no class has any more, as long as they said nothing."""
    found = lookup({"class_name": name})
    if found is None or not isinstance(found, type):
        return config
    from ..core.constructor import parameters

    known, any_key = parameters(found)
    empty = (None, False, 0.0)
    kept = {}
    for key, value in config.items():
        said_nothing = key in _GONE or (key not in known and any(value is e for e in empty) and not any_key)
        said_nothing = said_nothing or (key == "dtype" and not hasattr(found, "add_weight") and "dtype" not in known)
        if key in ("name", "trainable", "layers") or key in known or not said_nothing:
            kept[key] = value
    if "batch_input_shape" in config and name != "InputLayer" and hasattr(found, "add_weight"):
        kept["batch_input_shape"] = config["batch_input_shape"]
    if name == "InputLayer":
        kept.pop("batch_input_shape", None)
    if name == "DTypePolicy":
        kept = {"name": str(config.get("name", "float32")).removesuffix("_infer") or "float32"}
    return kept


# --- models ---


def _model(name: str, config: dict[str, Any]) -> dict[str, Any]:
    entries = [e for e in config["layers"] if isinstance(e, Mapping) and isinstance(e.get("config"), Mapping)]
    if len(entries) != len(config["layers"]):
        return config
    if name == "Sequential":
        return {**config, "layers": _with_entry(entries)}
    if not {"input_layers", "output_layers"} <= set(config):
        return config
    old = any(isinstance(node, list) for entry in entries for node in entry.get("inbound_nodes") or ())
    wired = [{**entry, "inbound_nodes": _calls(entry)} for entry in map(_without_shape, entries)]
    ends = {key: copy.deepcopy(config[key]) for key in ("input_layers", "output_layers")}
    if old:
        _renumbered(wired, ends["output_layers"])
        ends = {key: _single(value) for key, value in ends.items()}
    return {**config, "layers": wired, **ends}


def _with_entry(entries: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The stack with an `InputLayer` in front, where the first layer knew its input shape."""
    first = entries[0] if entries else {}
    shape = first.get("config", {}).get("batch_input_shape") if first.get("class_name") != "InputLayer" else None
    entries = [_without_shape(entry) for entry in entries]
    if shape is None:
        return entries
    dtype = "int32" if first["class_name"] == "Embedding" else "float32"
    config = {"batch_shape": shape, "dtype": dtype, "name": f"{first['config'].get('name', 'layer')}_input"}
    return [{"module": "keras.layers", "class_name": "InputLayer", "config": config}, *entries]


def _without_shape(entry: Mapping[str, Any]) -> dict[str, Any]:
    config = {key: value for key, value in entry["config"].items() if key != "batch_input_shape"}
    return {**entry, "config": config}


def _single(ends: object) -> object:
    """Old configs put a single input or output into a list, too."""
    return ends[0] if isinstance(ends, list) and len(ends) == 1 and isinstance(ends[0], list) else ends


def _calls(entry: Mapping[str, Any]) -> list[Any]:
    """`inbound_nodes` with `args` and `kwargs`."""
    nodes = entry.get("inbound_nodes") or []
    if not isinstance(nodes, list):
        raise LoadError("expected a list of calls", f"layer {entry.get('name')!r:.80}: inbound_nodes")
    return [node if isinstance(node, Mapping) and "args" in node else _call(node, entry) for node in nodes]


def _call(node: object, entry: Mapping[str, Any]) -> dict[str, Any]:
    kwargs: dict[str, Any] = {}

    def tensors(value: object) -> object:
        if isinstance(value, Mapping):
            return {key: tensors(item) for key, item in value.items()}
        if _is_reference(value):
            if len(value) == 4 and isinstance(value[3], Mapping):
                kwargs.update({key: _keyword(item) for key, item in value[3].items() if item is not None})
            return value[2] if value[0] == "_CONSTANT_VALUE" else _tensor(value)
        if isinstance(value, list):
            return [tensors(item) for item in value]
        raise LoadError(
            f"expected tensors as [layer, call, output]; found {value!r:.80}",
            f"layer {entry.get('name')!r:.80}: inbound_nodes",
        )

    given = tensors(node)
    return {"args": given if isinstance(given, list) and len(given) == 1 else [given], "kwargs": kwargs}


def _keyword(value: object) -> object:
    if _is_reference(value):
        return _tensor(value)
    return [_keyword(item) for item in value] if isinstance(value, list) else value


def _is_reference(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list) and len(value) in (3, 4) and isinstance(value[0], str) and type(value[1]) is int


def _tensor(reference: list[Any]) -> dict[str, Any]:
    return {"class_name": "__keras_tensor__", "config": {"keras_history": reference[:3]}}


def _renumbered(entries: list[dict[str, Any]], outputs: object) -> None:
    """Calls of models inside counted from 0 among the inputs of layers; old versions count them from 1, as call 0 of a
    model is its own wiring. Among the outputs, where Keras 3 does the same for graphs, only those of stacks change."""
    kinds = {entry.get("name"): entry["class_name"] for entry in entries}
    models = {name for name, kind in kinds.items() if kind in ("Functional", "Model", "Sequential")}
    for entry in entries:
        for history in _histories(entry["inbound_nodes"]):
            if history[0] in models:
                history[1] = max(history[1] - 1, 0)
    for history in _histories(outputs):
        if kinds.get(history[0]) == "Sequential":
            history[1] = max(history[1] - 1, 0)


def _histories(structure: object) -> list[list[Any]]:
    """The names of tensors in a structure, to be changed in place."""
    found, pending = [], [structure]
    while pending:
        value = pending.pop()
        if isinstance(value, list) and len(value) == 3 and isinstance(value[0], str) and type(value[1]) is int:
            found.append(value)
        elif isinstance(value, Mapping):
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)
    return found


# --- compile ---


def compile_config(config: Mapping[str, Any], modern: bool = False) -> dict[str, Any]:
    """The arguments of `compile` from the `training_config` of an `.h5` file, or from an old `compile_config`."""
    found = {key: _value(value, modern, f"compile_config.{key}") for key, value in config.items()}
    optimizer = found.pop("optimizer_config", found.pop("optimizer", None))
    for key in ("sample_weight_mode", "from_serialized"):
        found.pop(key, None)
    if isinstance(optimizer, Mapping) and isinstance(optimizer.get("config"), Mapping):
        optimizer = optimizer if modern else _optimizer(optimizer)
    if optimizer is not None:
        found["optimizer"] = optimizer
    for key, module in (("loss", "keras.losses"), ("metrics", "keras.metrics"), ("weighted_metrics", "keras.metrics")):
        if key in found:
            found[key] = _of_module(found[key], module)
    return found


def _of_module(value: object, module: str) -> object:
    """Objects of losses and metrics, whose class names are the same in both families."""
    if isinstance(value, list):
        return [_of_module(item, module) for item in value]
    if not isinstance(value, Mapping):
        return value
    if "class_name" not in value:
        return {key: _of_module(item, module) for key, item in value.items()}
    if value["class_name"] in ("MeanMetricWrapper", "LossFunctionWrapper") and isinstance(value["config"], Mapping):
        return value["config"].get("name") if value["class_name"] == "MeanMetricWrapper" else value["config"].get("fn")
    # Keras 3 writes a module always: null for own classes, which may be called as ours are.
    return value if "module" in value or value["class_name"] == "function" else {**value, "module": module}


def _optimizer(entry: Mapping[str, Any]) -> dict[str, Any]:
    config = {_ARGUMENTS.get(key, key): value for key, value in entry["config"].items()}
    decay = config.pop("decay", 0.0)
    decay = 0.0 if entry["class_name"] == "Nadam" else decay  # there, of the momentum; it has no such argument now
    if isinstance(decay, (int, float)) and decay and isinstance(config.get("learning_rate"), (int, float)):
        arguments = {"initial_learning_rate": config["learning_rate"], "decay_steps": 1, "decay_rate": decay}
        config["learning_rate"] = {
            "module": "keras.optimizers.schedules",
            "class_name": "InverseTimeDecay",
            "config": arguments,
        }
    for key in ("epsilon", "schedule_decay"):
        if config.get(key, 0) is None or key == "schedule_decay":
            config.pop(key, None)
    name = str(entry["class_name"])
    if lookup({"class_name": name}) is None:
        name = name.removeprefix("Custom>").removeprefix("Experimental")  # of TensorFlow 2.11 to 2.15, and 2.9 to 2.10
    found = lookup({"class_name": name, "module": "keras.optimizers"})
    config = _without_gone(name, config) if found is not None else config
    kept = {key: value for key, value in entry.items() if key != "registered_name" and value is not None}
    return {**kept, "class_name": name, "config": config}
