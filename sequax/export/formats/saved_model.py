"""TensorFlow's SavedModel, where TensorFlow is installed: functions that TensorFlow Serving and `tf.saved_model` run.

Weights are `tf.Variable`s, which the functions share; programs are StableHLO inside of TensorFlow's `XlaCallModule`.
"""

from __future__ import annotations

import copy
import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from .. import signature
from ..trace import Trace, Traceable
from .stablehlo import PLATFORMS

if TYPE_CHECKING:
    from ...core.variable import Variable

ENDPOINT = "serve"


def write(trace: Trace, place: Path, batch_size: int | None = None, **accepted: Any) -> None:
    """Write the program of a model as the endpoint `serve`, which is the default signature, too.

    Args:
        batch_size: fixes the size of batches; None: any.
        accepted: `is_static` and `jax2tf_kwargs`, as in Keras, without effect.
    """
    write_endpoints({ENDPOINT: trace}, place, batch_size=batch_size)


def write_endpoints(
    endpoints: Mapping[str, Any],
    place: Path,
    collections: Mapping[str, Sequence[Variable]] | None = None,
    tracked: Sequence[Variable] = (),
    batch_size: int | None = None,
    options: Any = None,
) -> None:
    """Write several functions.

    Args:
        endpoints: traced functions, or those of TensorFlow (`tf.function`), which are written as they are.
        collections: lists of variables that the loaded object has as attributes.
        tracked: variables that it has as `variables`, beside those of the functions.
        options: `tf.saved_model.SaveOptions`.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

    kept: dict[int, Any] = {}

    def variable(own: Variable) -> Any:
        if id(own) not in kept:
            value = np.asarray(_wide(own.value))
            kept[id(own)] = tf.Variable(value, trainable=own.trainable, name=own.path.replace("/", "_"))
        return kept[id(own)]

    root = tf.__internal__.tracking.AutoTrackable()
    held = list({id(v): v for v in [*tracked, *_used(endpoints)]}.values())
    root.variables = [variable(v) for v in held]
    root.trainable_variables = [variable(v) for v in held if v.trainable]
    root.non_trainable_variables = [variable(v) for v in held if not v.trainable]
    functions = {
        name: _function(tf, one, variable, batch_size) if isinstance(one, Traceable) else one
        for name, one in endpoints.items()
    }
    for name, function in functions.items():
        setattr(root, name, function)
    for name, variables in (collections or {}).items():
        setattr(root, name, [variable(v) for v in variables])
    if options is not None and options.function_aliases:
        options = copy.copy(options)  # functions that the archive was given stand for those written here
        options.function_aliases = {k: _alias(v, endpoints, functions) for k, v in options.function_aliases.items()}
    signatures = {**functions, "serving_default": functions.get("serving_default", next(iter(functions.values())))}
    tf.saved_model.save(root, os.fspath(place), signatures=signatures, options=options)


def _used(endpoints: Mapping[str, Any]) -> list[Variable]:
    traced = [one for one in endpoints.values() if isinstance(one, Traceable)]
    return [v for one in traced for v in one.variables.values()]


def _alias(function: Any, endpoints: Mapping[str, Any], functions: Mapping[str, Any]) -> Any:
    """The written form of a function that is an endpoint; any other one as it is."""
    same = (functions[name] for name, one in endpoints.items() if getattr(one, "function", None) == function)
    return next(same, function)


def _wide(value: jax.Array) -> jax.Array:
    return value.astype("float32") if value.dtype in ("float16", "bfloat16") else value


def _function(tf: Any, traced: Traceable, variable: Callable[[Variable], Any], batch_size: int | None) -> Any:
    """The `tf.function` of one endpoint."""
    from jax.experimental import jax2tf

    inputs = traced.symbols(batch_size)
    shapes = [f"({', '.join(map(str, one.shape))})" for one in inputs]
    converted = jax2tf.convert(
        lambda weights, arrays: traced.nested(weights, *arrays),
        polymorphic_shapes=[None, shapes],
        with_gradient=False,
        native_serialization_platforms=PLATFORMS,
    )
    held = {key: variable(own) for key, own in traced.variables.items()}
    specs = [
        tf.TensorSpec([size if isinstance(size, int) else None for size in one.shape], one.dtype, name=entry.name)
        for one, entry in zip(inputs, traced.inputs, strict=True)
    ]

    names = traced.argument_names

    def serve(*args: Any, **kwargs: Any) -> Any:
        given = (*args, *(kwargs[name] for name in names[len(args) :]))
        return converted(held, signature.flattened(traced.nest, given))

    if all(name.isidentifier() for name in names):  # so that arguments may be passed by name
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        vars(serve)["__signature__"] = inspect.Signature([inspect.Parameter(name, kind) for name in names])
    return tf.function(serve, input_signature=signature.filled(traced.nest, specs), autograph=False)


def runner(place: Path, trace: Trace) -> Callable[[list[np.ndarray]], Any]:
    import tensorflow as tf

    loaded = tf.saved_model.load(os.fspath(place))

    def run(arrays: list[np.ndarray]) -> list[Any]:
        found = loaded.serve(*signature.filled(trace.nest, [tf.constant(array) for array in arrays]))
        return [one.numpy() for one in signature.flattened(trace.output_nest, found)]

    return run
