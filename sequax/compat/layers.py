"""Layers of Keras 1 and 2 that have another form today."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import layers
from ..core.types import Tensor
from .notes import note

_MERGES: dict[str, Callable[..., Tensor]] = {
    "ave": layers.average,
    "concat": layers.concatenate,
    "cos": lambda inputs, **options: layers.dot(inputs, normalize=True, **options),
    "dot": layers.dot,
    "max": layers.maximum,
    "min": layers.minimum,
    "mul": layers.multiply,
    "sum": layers.add,
}


class _OldName(type):
    """The class of an old name: calling it gives an object of the class that it extends, which counts as its own."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if not cls._is_name():
            return super().__call__(*args, **kwargs)
        args, kwargs = _one_kernel_size(cls.rank, args, kwargs)  # type: ignore[attr-defined]
        return cls.__base__(*args, **kwargs)  # type: ignore[misc]

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, cls.__mro__[1]) if cls._is_name() else super().__instancecheck__(instance)

    def _is_name(cls) -> bool:
        """False for a class of a script's own that extends it."""
        return cls.__module__ == __name__


class Convolution1D(layers.Conv1D, metaclass=_OldName):
    """`Convolution1D(filters, length)`."""

    rank: int = 1


class Convolution2D(layers.Conv2D, metaclass=_OldName):
    """`Convolution2D(filters, rows, columns)`: the window was given by single numbers."""

    rank: int = 2


class Convolution3D(layers.Conv3D, metaclass=_OldName):
    """`Convolution3D(filters, size1, size2, size3)`."""

    rank: int = 3


AtrousConvolution1D = Convolution1D
AtrousConvolution2D = Convolution2D


def _one_kernel_size(
    rank: int, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The window as one argument, where it was given as `rank` numbers; what follows was the initializer."""
    window = args[1 : 1 + rank]
    if rank == 1 or len(window) < rank or not all(isinstance(size, int) for size in window):
        return args, kwargs
    shown = ", ".join(map(str, window))
    note(f"Convolution{rank}D(filters, {shown})", f"Conv{rank}D(filters, ({shown}))", key=f"Convolution{rank}D")
    return (args[0], window), {**dict(zip(("init", "activation"), args[1 + rank :], strict=False)), **kwargs}


def Deconvolution2D(*args: Any, output_shape: object = None, **kwargs: Any) -> layers.Conv2DTranspose:
    """The shape of the output follows from the strides and the padding."""
    args, kwargs = _one_kernel_size(2, args, kwargs)
    return layers.Conv2DTranspose(*args, **kwargs)


def TimeDistributedDense(output_dim: int, **kwargs: Any) -> layers.TimeDistributed:
    """A `Dense` for each step."""
    outer = {name: kwargs.pop(name) for name in ("input_shape", "batch_input_shape", "name") if name in kwargs}
    if "input_dim" in kwargs:
        outer["input_shape"] = (kwargs.pop("input_length", None), kwargs.pop("input_dim"))
    return layers.TimeDistributed(layers.Dense(output_dim, **kwargs), **outer)


def ThresholdedReLU(theta: float = 1.0, **kwargs: Any) -> layers.ReLU:
    """`x` where it is greater than `theta`, else 0."""
    return layers.ReLU(threshold=float(theta), **kwargs)


def merge(
    inputs: Sequence[Tensor],
    mode: str | Callable[[Sequence[Tensor]], Tensor] = "sum",
    concat_axis: int = -1,
    dot_axes: int | Sequence[int] = -1,
    **kwargs: object,
) -> Tensor:
    """Several tensors as one.

    Args:
        mode: "sum", "mul", "ave", "max", "min", "concat", "dot" or "cos"; or a function of the list of tensors.
        concat_axis: for "concat".
        dot_axes: for "dot" and "cos".

    Raises:
        ValueError: for another mode.
    """
    if callable(mode):
        note("merge(mode=function)", "keras.layers.Lambda(function)(inputs)")
        given: dict[str, Any] = {key: kwargs[key] for key in ("arguments", "name") if key in kwargs}
        return layers.Lambda(mode, **given)(inputs)
    if mode not in _MERGES:
        raise ValueError(
            f"merge: `mode` must be one of {', '.join(map(repr, _MERGES))}., or a function. Received: mode={mode!r}."
        )
    today = _MERGES[mode].__name__ if mode != "cos" else "dot(..., normalize=True)"
    note(f"merge(mode={mode!r})", f"keras.layers.{today}")
    options: dict[str, Any] = {"name": kwargs["name"]} if "name" in kwargs else {}
    if mode == "concat":
        options["axis"] = concat_axis
    elif mode in ("dot", "cos"):
        options["axes"] = dot_axes
    return _MERGES[mode](inputs, **options)
