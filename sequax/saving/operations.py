"""Ops as nodes of a graph: how Keras writes a call, and how one that was written is made again.

A node's config holds the settings of its op; its inputs, symbolic tensors and constants, stand in `inbound_nodes`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ..core.errors import LoadError
from ..core.op_table import BY_NAME, Op
from ..core.operation import OPERATORS, FunctionOperation
from ..core.tensor import is_tensor, leaves
from ..core.types import Symbols

# Settings that an op counts up to in Python, and operands among which einsum looks for the best order.
_LOOPED = frozenset(("indices_or_sections", "num", "n", "k"))
# Settings from which tables are made, or loops in several dimensions, when the graph is put together.
_TABLES = frozenset(("output_size", "fft_length", "sequence_length", "pad_width"))
_MOST_STEPS, _LARGEST_TABLE, _MOST_OPERANDS = 1_000, 1 << 16, 10


def function_of(op: Op) -> Callable[..., Any]:
    """The op as it is here."""
    from .. import ops  # a second of work that a graph of layers alone does not need

    found = getattr(ops, op.name, None)
    return found or getattr(getattr(ops, op.module.rpartition(".")[2]), op.name)


def _parameters(op: Op) -> list[inspect.Parameter]:
    return list(inspect.signature(function_of(op)).parameters.values())


def written(
    operation: FunctionOperation, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Op, dict[str, Any], list[Any]]:
    """How Keras writes a recorded call of an op: the op, its settings, and its inputs.

    Raises:
        NotImplementedError: for a function that is no op, such as one of `vectorize`.
    """
    op = BY_NAME.get(operation.kind)
    if op is not None and OPERATORS.get(op.name) is operation.function:
        return op, {}, list(args)
    if op is None or op.name == "get_item" or getattr(function_of(op), "__wrapped__", None) is not operation.function:
        raise NotImplementedError(
            f"The node '{operation.name}' is a call of {operation.kind!r}, which has no config. Put the function into a"
            f" `Lambda` layer, or into a `Layer` of your own."
        )
    bound = inspect.signature(function_of(op)).bind(*args, **kwargs)
    bound.apply_defaults()
    settings = {name: bound.arguments[name] for name in op.settings if name in bound.arguments}
    inputs: list[Any] = []
    for parameter in _parameters(op):
        if parameter.name in op.settings:
            continue
        value = bound.arguments[parameter.name]
        if parameter.kind is parameter.VAR_POSITIONAL:
            inputs.extend(value)
        elif parameter.kind is not parameter.VAR_KEYWORD:
            inputs.append(value)
    return op, settings, _without_defaults(op, inputs)


def _without_defaults(op: Op, inputs: list[Any]) -> list[Any]:
    """Inputs up to the last one that was given: Keras leaves optional ones out."""
    defaults = [p.default for p in _parameters(op) if p.name not in op.settings]
    while len(inputs) == len(defaults) > 1 and defaults[-1] is not inspect.Parameter.empty:
        if inputs[-1] is not defaults[-1]:
            break
        inputs, defaults = inputs[:-1], defaults[:-1]
    return inputs


def called(op: Op, name: str, settings: dict[str, Any], args: list[Any], kwargs: dict[str, Any], place: str) -> Symbols:
    """The symbolic outputs of an op on inputs that were read from a config; its node gets the name it had.

    Raises:
        LoadError: for settings or inputs that the op does not take.
    """
    if set(settings) - set(op.settings):
        raise LoadError(f"{op.class_name} has no setting {sorted(set(settings) - set(op.settings))}", place)
    if not any(map(is_tensor, leaves((args, kwargs)))):
        raise LoadError("an op of a graph needs a tensor of the graph among its inputs", place)
    for setting in _LOOPED & set(settings):
        if isinstance(settings[setting], int) and settings[setting] > _MOST_STEPS:
            raise LoadError(f"expected at most {_MOST_STEPS} as `{setting}`; found {settings[setting]}", place)
    for setting in _TABLES & set(settings):
        if any(isinstance(size, int) and abs(size) > _LARGEST_TABLE for size in leaves(settings[setting])):
            raise LoadError(f"expected sizes up to {_LARGEST_TABLE} as `{setting}`", place)
    if op.name == "einsum" and len(args) > _MOST_OPERANDS:
        raise LoadError(f"einsum of {len(args)} operands; {_MOST_OPERANDS} are the limit", place)
    try:
        if op.name == "get_item":
            tensor, key = (*args, *kwargs.values())
            outputs = tensor[tuple(key) if isinstance(key, list) else key]  # JSON has no tuples
        elif op.module.startswith("keras.src.activations."):
            from ..activations import relu

            outputs = FunctionOperation(lambda x: relu(x, **settings), "relu")(*args, **kwargs)
        else:
            first = [] if _takes_any_number(op) else _names(op, len(args), place)
            given = {**settings, **dict(zip(first, args, strict=False)), **kwargs}
            if not first:
                lead = [given.pop(p.name) for p in _parameters(op) if p.name == "subscripts"]
                outputs = function_of(op)(*lead, *args, **given)
            else:
                outputs = function_of(op)(**given)
    except LoadError:
        raise
    except Exception as error:
        raise LoadError(f"the op {op.name} does not take these inputs. {error}", place) from error
    for tensor in leaves(outputs)[:1]:
        node = tensor.node.operation
        node.name, node.kind = name, op.name  # an op may have several names
    return outputs


def _names(op: Op, count: int, place: str) -> list[str]:
    names = [p.name for p in _parameters(op) if p.name not in op.settings]
    if count > len(names):
        raise LoadError(f"{op.class_name} takes {len(names)} inputs; found {count}", place)
    return names[:count]


def _takes_any_number(op: Op) -> bool:
    return any(p.kind is p.VAR_POSITIONAL for p in _parameters(op))
