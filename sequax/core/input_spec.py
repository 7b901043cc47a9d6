"""`InputSpec`: what a layer expects of its input, checked on every call."""

from __future__ import annotations

from typing import Any

from . import shapes
from .tensor import KerasTensor, leaves
from .types import Nested, ShapeLike, Tensor


class InputSpec:
    """Rank, shape and dtype that a layer expects of one input.

    Args:
        dtype: expected dtype name.
        shape: expected shape, None where any size will do.
        ndim, max_ndim, min_ndim: expected rank.
        axes: dict axis -> expected size.
        allow_last_axis_squeeze: accept a missing or extra last axis of size 1 against `shape`.
        name: key of this input in a dict of inputs.
        optional: whether None may come in its place.
    """

    max_ndim: int | None
    min_ndim: int | None
    allow_last_axis_squeeze: bool
    name: str | None
    optional: bool

    def __init__(
        self,
        dtype: str | None = None,
        shape: ShapeLike | None = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: dict[int, int | None] | None = None,
        allow_last_axis_squeeze: bool = False,
        name: str | None = None,
        optional: bool = False,
    ):
        self.dtype = dtype
        self.shape: tuple[int | None, ...] | None = None if shape is None else shapes.standardize(shape)
        self.ndim: int | None = len(self.shape) if self.shape is not None else ndim
        self.max_ndim, self.min_ndim = max_ndim, min_ndim
        self.axes: dict[int, int | None] = {int(axis): size for axis, size in (axes or {}).items()}
        self.allow_last_axis_squeeze, self.name, self.optional = allow_last_axis_squeeze, name, optional

    def __repr__(self) -> str:
        shown = ("dtype", "shape", "ndim", "max_ndim", "min_ndim", "axes")
        return f"InputSpec({', '.join(f'{k}={getattr(self, k)}' for k in shown if getattr(self, k))})"

    def get_config(self) -> dict[str, Any]:
        kept = ("dtype", "shape", "ndim", "max_ndim", "min_ndim", "axes", "optional")
        return {name: getattr(self, name) for name in kept}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> InputSpec:
        return cls(**config)

    def problem(self, tensor: Tensor | KerasTensor) -> str | None:
        """What is wrong with a tensor, as the end of a sentence; None if it fits."""
        shape = tuple(tensor.shape)
        rank = len(shape)
        if self.ndim is not None and rank != self.ndim and not self._squeezable(shape):
            return f"expected {self.ndim} dimensions, found {rank}"
        if self.max_ndim is not None and rank > self.max_ndim:
            return f"expected at most {self.max_ndim} dimensions, found {rank}"
        if self.min_ndim is not None and rank < self.min_ndim:
            return f"expected at least {self.min_ndim} dimensions, found {rank}"
        if self.dtype is not None and str(tensor.dtype) != self.dtype:
            return f"expected dtype {self.dtype}, found {tensor.dtype}"
        for axis, size in self.axes.items():
            if size is not None and -rank <= axis < rank and shape[axis] not in (size, None):
                return f"expected axis {axis} to have size {size}, found {shape[axis]}"
        if self.shape is not None:
            # One of them may end with an axis more, of size 1.
            for axis, (expected, found) in enumerate(zip(self.shape, shape, strict=False)):
                if expected is not None and found is not None and expected != found:
                    return f"expected shape {self.shape}; axis {axis} has size {found}"
        return None

    def _squeezable(self, shape: tuple[Any, ...]) -> bool:
        if not self.allow_last_axis_squeeze or self.shape is None:
            return False
        longer, shorter = sorted((shape, self.shape), key=len, reverse=True)
        return len(longer) == len(shorter) + 1 and longer[-1] in (1, None)


def check(spec: Nested[InputSpec] | None, inputs: object, layer: str) -> None:
    """Compare the inputs of a layer with its spec (one, a list or a dict of them).

    Raises:
        ValueError: naming the layer, what it expects and the shape received.
    """
    if spec is None:
        return
    if isinstance(spec, dict):
        pairs = [(s, inputs[key]) for key, s in spec.items() if isinstance(inputs, dict) and key in inputs]
    else:
        specs, tensors = leaves(spec), leaves(inputs)
        if len(specs) != len(tensors):
            raise ValueError(
                f"Layer '{layer}' expects {len(specs)} input(s), but it received {len(tensors)} input tensors,"
                f" of shapes {[tuple(t.shape) for t in tensors]}."
            )
        pairs = list(zip(specs, tensors, strict=True))
    for position, (one, tensor) in enumerate(pairs):
        problem = one.problem(tensor)
        if problem:
            which = "its input" if len(pairs) == 1 else f"input {position}"
            raise ValueError(
                f"Layer '{layer}' is incompatible with {which}: {problem}. Full shape received: {tuple(tensor.shape)}."
            )
