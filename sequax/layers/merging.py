"""Layers that make one tensor of several: sums, products, extremes, dot products and concatenation."""

from __future__ import annotations

import functools
import string
from collections.abc import Sequence
from typing import Annotated, Any, Unpack

import jax
import jax.numpy as jnp

from ..core import dtypes, masks, shapes
from ..core.constructor import LayerOptions
from ..core.kinds import AxesOf, Axis, Kind, Owner
from ..core.layer import Layer
from ..core.tensor import KerasTensor, shape_of
from ..core.types import ArrayLike, Nested, Shape, ShapeLike, Tensor
from .catalogue import layer

Shapes = Nested[ShapeLike] | None  # other than a list of shapes is refused


class Merging(Layer):
    """Base of layers that are called on a list of tensors; refuses other inputs when built and on every call."""

    supports_masking = True
    inputs_needed: int | None = None  # exactly so many; None: one or more

    def __init__(self, **options: Unpack[LayerOptions]):
        super().__init__(**options)

    def build(self, input_shape: Shapes) -> None:
        self.compute_output_shape(input_shape)

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        self.compute_output_shape(shape_of(inputs))  # NumPy's broadcasting would hide shapes that do not fit
        return self.merge(list(inputs))

    def merge(self, inputs: list[Tensor]) -> Tensor:
        """The result for tensors whose shapes have been checked."""
        raise NotImplementedError

    def compute_output_spec(self, inputs: Sequence[KerasTensor]) -> KerasTensor:
        shape = self.compute_output_shape(shape_of(inputs))
        own = self.compute_dtype if self.autocast else None
        seen = [own if own and "float" in t.dtype else t.dtype for t in inputs]
        return KerasTensor(shape, self.result_dtype(jnp.result_type(*map(dtypes.jnp_dtype, seen)).name))

    def result_dtype(self, dtype: str) -> str:
        """The dtype of the result for inputs of a common dtype."""
        return dtype

    def listed(self, input_shape: Shapes) -> list[Shape]:
        """The shapes of the inputs.

        Raises:
            ValueError: if there is no list of them, or they are not as many as needed.
        """
        kind, needed = type(self).__name__, self.inputs_needed
        number = "a list of at least 1 input" if needed is None else f"a list of exactly {needed} inputs"
        several = input_shape if isinstance(input_shape, (list, tuple)) and not shapes.is_shape(input_shape) else ()
        if not several or needed not in (None, len(several)):
            raise ValueError(
                f"Layer '{self.name}': a `{kind}` layer should be called on {number}, as in `{kind}(...)([a, b])`."
                f" Received: input_shape={input_shape}"
            )
        return [tuple(shape) for shape in several]


class ElementwiseMerging(Merging):
    """Base of functions of corresponding elements.

    Sizes of 1 stretch to those of the other inputs, the batch axis excepted. An input of lower rank gets axes of size 1
    behind its batch axis: `(batch, features)` counts as `(batch, 1, features)` beside `(batch, steps, features)`.

    The output has a mask if all inputs have one; a step counts where it counts in any of them.
    """

    def merge(self, inputs: list[Tensor]) -> Tensor:
        rank = max(x.ndim for x in inputs)
        return self.combine([_with_rank(x, rank) for x in inputs])

    def combine(self, inputs: list[Tensor]) -> Tensor:
        """The function of tensors of equal rank."""
        raise NotImplementedError

    def compute_output_shape(self, input_shape: Shapes) -> Shape:
        listed = self.listed(input_shape)
        if not all(listed):
            raise ValueError(f"Layer '{self.name}': every input needs a batch axis. Received shapes: {listed}")
        batches = {shape[0] for shape in listed} - {None}
        if len(batches) > 1:
            raise ValueError(
                f"Layer '{self.name}': Cannot merge tensors with different batch sizes. Received tensors with shapes"
                f" {listed}"
            )
        rank = max(map(len, listed))
        aligned = [(*shape[:1], *(1,) * (rank - len(shape)), *shape[1:]) for shape in listed]
        sizes = [_common_size(column) for column in list(zip(*aligned, strict=True))[1:]]
        if _MISFIT in sizes:
            raise ValueError(
                f"Layer '{self.name}': Inputs have incompatible shapes. Received shapes {listed}; axis"
                f" {1 + sizes.index(_MISFIT)} differs (of shapes {aligned}, if brought to equal rank). Sizes must be"
                f" equal, or 1."
            )
        return (batches.pop() if batches else None, *sizes)

    def compute_mask(self, inputs: Sequence[Tensor], mask: Sequence[Tensor | None] | None = None) -> Tensor | None:
        if mask is None:
            return None
        if not isinstance(mask, (list, tuple)):
            raise ValueError(f"Layer '{self.name}': `mask` should be a list. Received: mask={mask}")
        if not isinstance(inputs, (list, tuple)):
            raise ValueError(f"Layer '{self.name}': `inputs` should be a list. Received: inputs={inputs}")
        if len(mask) != len(inputs):
            raise ValueError(
                f"Layer '{self.name}': The lists `inputs` and `mask` should have the same length. Received"
                f" {len(inputs)} inputs and {len(mask)} masks."
            )
        return None if any(m is None for m in mask) else either(list(mask), self.name)


def either(found: list[Any], layer_name: str) -> Tensor:
    """Where any of the masks is True.

    Raises:
        ValueError: if their shapes do not broadcast.
    """
    arrays = [jnp.asarray(m, bool) for m in found]
    rank = max(m.ndim for m in arrays)
    arrays = [_with_rank(m, rank) for m in arrays]
    try:
        return functools.reduce(jnp.logical_or, arrays)
    except TypeError:
        raise ValueError(
            f"Layer '{layer_name}': the masks of its inputs do not fit together. Received masks of shapes"
            f" {[tuple(m.shape) for m in found]}."
        ) from None


@layer()
class Add(ElementwiseMerging):
    """Sum of the inputs.

    Shapes: a list of tensors whose sizes are equal or 1, the batch axis excepted -> the common shape.

    Args:
        **options: `name`, `dtype`, ...: as in `Layer`.

    Raises:
        ValueError: when called on something else than a list, or on shapes that do not fit together.

    Example:

    >>> import numpy as np
    >>> Add()([np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])]).tolist()
    [[4.0, 6.0]]
    """

    def combine(self, inputs: list[Tensor]) -> Tensor:
        return functools.reduce(jnp.add, inputs)


@layer()
class Subtract(ElementwiseMerging):
    """First input minus the second.

    Shapes: a list of tensors whose sizes are equal or 1, the batch axis excepted -> the common shape.

    Args:
        **options: `name`, `dtype`, ...: as in `Layer`.

    Raises:
        ValueError: when called on something else than a list of two, or on shapes that do not fit together.

    Example:

    >>> import numpy as np
    >>> Subtract()([np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])]).tolist()
    [[-2.0, -2.0]]
    """

    inputs_needed: int | None = 2

    def combine(self, inputs: list[Tensor]) -> Tensor:
        return jnp.subtract(*inputs)


class MaskedMerging(ElementwiseMerging):
    """Base of functions that leave masked steps out: an input without a mask counts everywhere."""

    def merge(self, inputs: list[Tensor]) -> Tensor:
        found = [masks.get(x) for x in inputs]
        if all(m is None for m in found):
            return super().merge(inputs)
        rank = max(x.ndim for x in inputs)
        counting = [jnp.ones(x.shape[:1], bool) if m is None else m for x, m in zip(inputs, found, strict=True)]
        counting = [_with_rank(_to_rank(m, x.ndim), rank) for x, m in zip(inputs, counting, strict=True)]
        result, seen = _with_rank(inputs[0], rank), counting[0]
        for x, counts in zip([_with_rank(x, rank) for x in inputs[1:]], counting[1:], strict=True):
            result = jnp.where(seen & counts, self.combine([result, x]), jnp.where(counts, x, result))
            seen = seen | counts
        return self.empty(result, seen)

    def empty(self, result: Tensor, seen: Tensor) -> Tensor:
        """The result where no input counts, which is not `seen`: that of the first input."""
        return result


@layer()
class Multiply(MaskedMerging):
    """Product of the inputs.

    Masked steps of an input count as 1, and the product is 0 where no input counts.

    Shapes: a list of tensors whose sizes are equal or 1, the batch axis excepted -> the common shape.

    Args:
        **options: `name`, `dtype`, ...: as in `Layer`.

    Raises:
        ValueError: when called on something else than a list, or on shapes that do not fit together.

    Example:

    >>> import numpy as np
    >>> Multiply()([np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])]).tolist()
    [[3.0, 8.0]]
    """

    def combine(self, inputs: list[Tensor]) -> Tensor:
        return functools.reduce(jnp.multiply, inputs)

    def empty(self, result: Tensor, seen: Tensor) -> Tensor:
        return jnp.where(seen, result, 0)


@layer()
class Average(ElementwiseMerging):
    """Mean of the inputs.

    The result is a float also for whole numbers.

    Shapes: a list of tensors whose sizes are equal or 1, the batch axis excepted -> the common shape.

    Args:
        **options: `name`, `dtype`, ...: as in `Layer`.

    Raises:
        ValueError: when called on something else than a list, or on shapes that do not fit together.

    Example:

    >>> import numpy as np
    >>> Average()([np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])]).tolist()
    [[2.0, 3.0]]
    """

    def combine(self, inputs: list[Tensor]) -> Tensor:
        return functools.reduce(jnp.add, inputs) / len(inputs)

    def result_dtype(self, dtype: str) -> str:
        return dtype if dtypes.is_float(dtype) else "float32"


@layer()
class Maximum(MaskedMerging):
    """Largest of the inputs, element by element.

    Masked steps are left out where another input counts.

    Shapes: a list of tensors whose sizes are equal or 1, the batch axis excepted -> the common shape.

    Args:
        **options: `name`, `dtype`, ...: as in `Layer`.

    Raises:
        ValueError: when called on something else than a list, or on shapes that do not fit together.

    Example:

    >>> import numpy as np
    >>> Maximum()([np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])]).tolist()
    [[3.0, 4.0]]
    """

    def combine(self, inputs: list[Tensor]) -> Tensor:
        return functools.reduce(jnp.maximum, inputs)


@layer()
class Minimum(MaskedMerging):
    """Smallest of the inputs, element by element.

    Masked steps are left out where another input counts.

    Shapes: a list of tensors whose sizes are equal or 1, the batch axis excepted -> the common shape.

    Args:
        **options: `name`, `dtype`, ...: as in `Layer`.

    Raises:
        ValueError: when called on something else than a list, or on shapes that do not fit together.

    Example:

    >>> import numpy as np
    >>> Minimum()([np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])]).tolist()
    [[1.0, 2.0]]
    """

    def combine(self, inputs: list[Tensor]) -> Tensor:
        return functools.reduce(jnp.minimum, inputs)


@layer()
class Concatenate(Merging):
    """The inputs one behind the other along an axis; all other sizes are equal.

    The output has a mask if any input has one; along the axis of steps it is made of theirs, otherwise a step counts
    where it counts in any input. An input without a mask counts everywhere.

    Args:
        axis: along which the inputs are joined.
        **options: `name`, `dtype`, ...: as in `Layer`.

    Raises:
        TypeError: if `axis` is no whole number.
        ValueError: when called on something else than a list, or on shapes that differ along other axes.

    Example:

    >>> import numpy as np
    >>> Concatenate()([np.ones((2, 3)), np.zeros((2, 1))]).shape
    (2, 4)
    """

    axis: int

    def __init__(self, axis: Axis = -1, **options: Unpack[LayerOptions]):
        super().__init__(**options)

    def merge(self, inputs: list[Tensor]) -> Tensor:
        return jnp.concatenate(inputs, self.axis)

    def compute_output_shape(self, input_shape: Shapes) -> Shape:
        listed = self.listed(input_shape)
        rank = len(listed[0])
        if any(len(shape) != rank for shape in listed):
            self._refuse(listed)
        if not -rank <= self.axis < rank:
            raise ValueError(
                f"Layer '{self.name}' (Concatenate): axis {self.axis} does not exist in inputs of {rank} dimensions."
                f" Received: input_shape={listed}"
            )
        columns = list(zip(*listed, strict=True))
        along = columns[self.axis]
        sizes = [_equal_size(column) for column in columns]
        sizes[self.axis] = None if None in along else sum(along)
        if _MISFIT in sizes:
            self._refuse(listed)
        return tuple(sizes)

    def _refuse(self, listed: list[Shape]) -> None:
        raise ValueError(
            f"Layer '{self.name}': a `Concatenate` layer requires inputs with matching shapes except for the"
            f" concatenation axis {self.axis}. Received: input_shape={listed}"
        )

    def compute_mask(self, inputs: Sequence[Tensor], mask: Sequence[Tensor | None] | None = None) -> Tensor | None:
        if mask is None or all(m is None for m in mask):
            return None
        if len(mask) != len(inputs):
            raise ValueError(
                f"Layer '{self.name}': The lists `inputs` and `mask` should have the same length. Received"
                f" {len(inputs)} inputs and {len(mask)} masks."
            )
        rank = max(m.ndim for m in mask if m is not None)
        found = [_stretched(m, x.shape[:rank]) for x, m in zip(inputs, mask, strict=True)]
        axis = self.axis % inputs[0].ndim
        joined = jnp.concatenate(found, axis) if axis < rank else either(found, self.name)
        # A mask of single features becomes one of steps.
        return joined.any(-1) if rank == inputs[0].ndim else joined


class _DotAxes(Kind):
    """One axis of both inputs, or one for each."""

    expected = "a whole number, or a list of two"

    def resolve(self, value: object, name: str, owner: Owner) -> int | Sequence[int]:
        if not isinstance(value, (int, list, tuple)):
            raise TypeError(
                f"{owner}: Invalid type for argument `{name}`: it should be a list or an int. Received: {name}={value}"
            )
        if not isinstance(value, int) and (len(value) != 2 or not all(isinstance(axis, int) for axis in value)):
            raise ValueError(
                f"{owner}: Invalid format for argument `{name}`: it should contain two elements, and list elements"
                f" should be integers. Received: {name}={value}"
            )
        return value

    def fits(self, value: object, cls: type) -> bool:
        return AxesOf().fits(value, cls)


DotAxes = Annotated[int | Sequence[int], _DotAxes()]


@layer()
class Dot(Merging):
    """Dot products of two inputs along one axis of each, sample by sample.

    Shapes: `(batch, *a)`, `(batch, *b)` -> `(batch, *a without its axis, *b without its axis)`, at least
    `(batch, 1)`.

    Args:
        axes: the axis of both inputs, or one for each; the batch axis 0 is no choice.
        normalize: whether to scale to length 1 along the axes first: then the result is the cosine.
        **options: `name`, `dtype`, ...: as in `Layer`.

    Raises:
        TypeError: if `axes` is neither a whole number nor a list.
        ValueError: for another number of axes than two, axes that do not exist, or shapes that do not fit together.

    Example:

    >>> import numpy as np
    >>> Dot(axes=(1, 2))([np.ones((2, 3, 4)), np.ones((2, 5, 3))]).shape
    (2, 4, 5)
    """

    inputs_needed: int | None = 2

    axes: int | Sequence[int]
    normalize: bool

    def __init__(self, axes: DotAxes, normalize: bool = False, **options: Unpack[LayerOptions]):
        super().__init__(**options)

    def merge(self, inputs: list[Tensor]) -> Tensor:
        axes = self._axes([x.shape for x in inputs])
        if self.normalize:
            inputs = [_unit_length(x, axis) for x, axis in zip(inputs, axes, strict=True)]
        letters = iter(string.ascii_letters[2:])
        first, second = (
            ["a", *("b" if axis == own else next(letters) for axis in range(1, x.ndim))]
            for x, own in zip(inputs, axes, strict=True)
        )
        kept = [name for name in first[1:] + second[1:] if name != "b"]
        result = jnp.einsum(f"{''.join(first)},{''.join(second)}->a{''.join(kept)}", *inputs)
        return result if kept else result[:, None]

    def compute_output_shape(self, input_shape: Shapes) -> Shape:
        listed = self.listed(input_shape)
        axes = self._axes(listed)
        pairs = list(zip(listed, axes, strict=True))
        first, second = ([size for i, size in enumerate(shape) if i not in (0, axis)] for shape, axis in pairs)
        batch = _equal_size([shape[0] for shape in listed])
        if _MISFIT in (batch, _equal_size([shape[axis] for shape, axis in pairs])):
            raise ValueError(
                f"Layer '{self.name}' (Dot): Incompatible input shapes: the batch sizes, and the sizes along axes"
                f" {axes}, must be equal. Full input shapes: {listed[0]}, {listed[1]}"
            )
        return (batch, *first, *second) if first or second else (batch, 1)

    def result_dtype(self, dtype: str) -> str:
        return dtype if dtypes.is_float(dtype) or not self.normalize else "float32"

    def compute_mask(self, inputs: Sequence[Tensor], mask: Sequence[Tensor | None] | None = None) -> None:
        return None

    def _axes(self, listed: Sequence[Shape]) -> tuple[int, ...]:
        """The axis of each input, counted from the front."""
        given = (self.axes, self.axes) if isinstance(self.axes, int) else tuple(self.axes)
        for shape, axis in zip(listed, given, strict=True):
            if not -len(shape) <= axis < len(shape) or axis % len(shape) == 0:
                raise ValueError(
                    f"Layer '{self.name}' (Dot): axis {axis} is the batch axis or does not exist in an input of shape"
                    f" {tuple(shape)}. Received: axes={self.axes}"
                )
        return tuple(axis % len(shape) for shape, axis in zip(listed, given, strict=True))


# --- shapes ---

_MISFIT = -1


def _equal_size(sizes: Sequence[int | None]) -> int | None:
    known = set(sizes) - {None}
    return _MISFIT if len(known) > 1 else known.pop() if known else None


def _common_size(sizes: Sequence[int | None]) -> int | None:
    """Of sizes of which 1 stretches; a known size tells what an unknown one can only be."""
    known = set(sizes) - {None, 1}
    if known:
        return _MISFIT if len(known) > 1 else known.pop()
    return None if None in sizes else 1


def _with_rank(x: Tensor, rank: int) -> Tensor:
    """With axes of size 1 behind the batch axis."""
    return x.reshape(x.shape[:1] + (1,) * (rank - x.ndim) + x.shape[1:])


def _to_rank(mask: Tensor, rank: int) -> Tensor:
    """A mask of the first axes with axes of size 1 for the others."""
    mask = jnp.asarray(mask, bool)
    return mask.reshape(mask.shape + (1,) * (rank - mask.ndim))


def _stretched(mask: Tensor | None, shape: Shape) -> Tensor:
    """A mask of the first axes stretched to a shape, whose unknown sizes are the mask's; None means that all counts."""
    if mask is None:
        return jnp.ones(shape, bool)
    mask = _to_rank(mask, len(shape))
    sizes = tuple(own if size is None else size for own, size in zip(mask.shape, shape, strict=True))
    return jnp.broadcast_to(mask, sizes)


def _unit_length(x: Tensor, axis: int) -> Tensor:
    """Zeros stay zeros."""
    exact = x.astype(jnp.promote_types(x.dtype, "float32"))  # squares of small 16-bit floats would vanish
    square = jnp.square(exact).sum(axis, keepdims=True)
    result = exact * jax.lax.rsqrt(jnp.maximum(square, 1e-24))
    return result.astype(x.dtype) if dtypes.is_float(x.dtype) else result


# --- the same as functions ---


def add(inputs: Sequence[ArrayLike], **options: Unpack[LayerOptions]) -> Any:
    """Sum of the inputs: `Add(**options)(inputs)`.

    Args:
        inputs: a list of tensors.
        **options: of the layer.
    """
    return Add(**options)(inputs)


def subtract(inputs: Sequence[ArrayLike], **options: Unpack[LayerOptions]) -> Any:
    """First input minus the second: `Subtract(**options)(inputs)`.

    Args:
        inputs: a list of two tensors.
        **options: of the layer.
    """
    return Subtract(**options)(inputs)


def multiply(inputs: Sequence[ArrayLike], **options: Unpack[LayerOptions]) -> Any:
    """Product of the inputs: `Multiply(**options)(inputs)`.

    Args:
        inputs: a list of tensors.
        **options: of the layer.
    """
    return Multiply(**options)(inputs)


def average(inputs: Sequence[ArrayLike], **options: Unpack[LayerOptions]) -> Any:
    """Mean of the inputs: `Average(**options)(inputs)`.

    Args:
        inputs: a list of tensors.
        **options: of the layer.
    """
    return Average(**options)(inputs)


def maximum(inputs: Sequence[ArrayLike], **options: Unpack[LayerOptions]) -> Any:
    """Largest of the inputs, element by element: `Maximum(**options)(inputs)`.

    Args:
        inputs: a list of tensors.
        **options: of the layer.
    """
    return Maximum(**options)(inputs)


def minimum(inputs: Sequence[ArrayLike], **options: Unpack[LayerOptions]) -> Any:
    """Smallest of the inputs, element by element: `Minimum(**options)(inputs)`.

    Args:
        inputs: a list of tensors.
        **options: of the layer.
    """
    return Minimum(**options)(inputs)


def concatenate(inputs: Sequence[ArrayLike], axis: int = -1, **options: Unpack[LayerOptions]) -> Any:
    """The inputs one behind the other: `Concatenate(axis, **options)(inputs)`.

    Args:
        inputs: a list of tensors.
        axis: along which they are joined.
        **options: of the layer.
    """
    return Concatenate(axis=axis, **options)(inputs)


def dot(inputs: Sequence[ArrayLike], axes: int | Sequence[int] = -1, **options: Any) -> Any:
    """Dot products sample by sample: `Dot(axes, **options)(inputs)`.

    Args:
        inputs: a list of two tensors.
        axes: the axis of both, or one for each.
        **options: `normalize` and others of the layer.
    """
    return Dot(axes=axes, **options)(inputs)
