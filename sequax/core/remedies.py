"""What to change where the shape of an input does not fit a layer, as sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from . import shapes
from .input_spec import InputSpec
from .tensor import is_tensor, leaves, shape_of

if TYPE_CHECKING:
    from .layer import Layer


def advise(error: ValueError, layer: Layer, x: object) -> None:
    """Add to an error of a layer that was called on a symbolic tensor what to change, if that is known."""
    tensors = leaves(x)
    if len(tensors) != 1 or not is_tensor(tensors[0]):
        return
    layers, before, tensor = [layer], [shape_of(tensors[0])], tensors[0]
    while tensor.node is not None and len(tensor.node.inputs) == 1:
        layers.insert(0, tensor.node.operation)
        tensor = tensor.node.inputs[0]
        before.insert(0, shape_of(tensor))
    said = remedy(layers, len(layers) - 1, before)
    if said:
        error.args = (f"{error}\n{said}",)


def remedy(layers: Sequence[Layer], position: int, before: Sequence[Any]) -> str:
    """What to change, as sentences; empty where that is not known.

    Args:
        layers: of a stack.
        position: of the layer that does not fit.
        before: the shape in front of each layer up to that one.
    """
    layer, shape = layers[position], before[position]
    axes = layer.input_axes
    if not shapes.is_shape(shape):
        return ""
    if axes is None:
        return _of_sizes(layer, shape)
    reads = f"'{layer.name}' reads ({', '.join(('batch', *axes))})"
    sample = tuple(shape[1:])
    missing = len(axes) - len(sample)
    if missing == 0:
        return _of_sizes(layer, shape)
    if missing < 0:
        return f"{reads}: {_too_many(layer, axes, sample)}"
    return f"{reads}: {_given_away(layers, position, before, len(axes)) or _too_few(axes, sample, position)}"


def _given_away(layers: Sequence[Layer], position: int, before: Sequence[Any], wanted: int) -> str:
    """The layer in front that took the axes away which this one needs."""
    for earlier in range(position - 1, -1, -1):
        shape = before[earlier]
        if not shapes.is_shape(shape) or len(shape) - 1 < wanted:
            continue
        one = layers[earlier]
        if getattr(one, "return_sequences", None) is False:
            return f"'{one.name}' puts out its last step only. Give it `return_sequences=True`."
        return (
            f"'{one.name}' ({type(one).__name__}) has made {before[earlier + 1]} of {shape}. Put it behind this layer."
        )
    return ""


def _too_few(axes: tuple[str, ...], sample: tuple[Any, ...], position: int) -> str:
    def put(shape: tuple[Any, ...]) -> str:
        if position or None in shape:
            return f"put `Reshape({_with_minus(shape)})` in front"
        return f"begin the stack with `Input({shape})`"

    if len(axes) - len(sample) > 1:
        last = "of as many values" if None in sample else f"of {math.prod(sample)} values"
        return f"{len(axes) - len(sample)} axes are missing. Put `Reshape(({', '.join(axes)}))` {last} in front."
    if axes[0] == "time" and len(axes) == 2:
        steps = sample[0] if sample else 1
        return (
            f"a time axis is missing. For {'' if steps is None else f'{steps} '}steps of one number {put((steps, 1))};"
            f" for one step of all of them {put((1, steps))}."
        )
    if axes[0] == "time":
        return f"a time axis is missing. For single steps {put((1, *sample))}, and pass x[:, None]."
    if axes[-1] == "channels":
        more = "" if position else "; data without that axis then fit as they are, or pass x[..., None]"
        return f"a channel axis is missing. For one channel {put((*sample, 1))}{more}."
    return f"a channel axis is missing. For one channel {put((1, *sample))}, and pass x[:, None]."


def _too_many(layer: Layer, axes: tuple[str, ...], sample: tuple[Any, ...]) -> str:
    count = len(sample) - len(axes)
    if axes[0] == "time" and None not in sample[1:]:
        joined = math.prod(sample[len(axes) - 1 :])
        target = (*sample[: len(axes) - 1], joined)
        return (
            f"it gets {count} {'axis' if count == 1 else 'axes'} more. Join the last ones: put"
            f" `Reshape({_with_minus(target)})` or `TimeDistributed(Flatten())` in front."
        )
    rank = getattr(layer, "rank", None)
    name = type(layer).__name__
    if rank and f"{rank}D" in name:
        other = name.replace(f"{rank}D", f"{rank + count}D")
        return f"it gets {count} {'axis' if count == 1 else 'axes'} more. Take `{other}`, or put a `Reshape` in front."
    return f"it gets {count} {'axis' if count == 1 else 'axes'} more. Put a `Reshape` in front."


def _of_sizes(layer: Layer, shape: Sequence[int | None]) -> str:
    """Of a layer that was built for another size."""
    spec = layer.input_spec
    known = [size for size in shape[1:] if size is not None]
    if not layer.built or not isinstance(spec, InputSpec) or len(known) < len(shape) - 1:
        return ""
    size = spec.axes.get(-1)
    if size is None or shape[-1] == size:
        return ""
    if len(shape) > 2 and math.prod(known) == size:
        return f"'{layer.name}' was built for {size} values a sample, which these are: put `Flatten()` in front."
    return f"'{layer.name}' was built for {size}; a new layer in its place takes {shape[-1]}."


def _with_minus(shape: tuple[Any, ...]) -> tuple[int, ...]:
    """As `Reshape` takes it: one size that is not known is -1."""
    return tuple(-1 if size is None else size for size in shape)
