"""Fully connected layers: `Dense` along the last axis, `EinsumDense` along any axes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Unpack

import jax.numpy as jnp

from .. import initializers
from ..adapters.contraction import Contraction
from ..core.constructor import LayerOptions, Options
from ..core.input_spec import InputSpec
from ..core.kinds import (
    ActivationLike,
    ConstraintLike,
    InitializerLike,
    LowRankAlpha,
    LowRankSize,
    QuantizationLike,
    RegularizerLike,
    Size,
)
from ..core.layer import Layer
from ..core.types import Shape, ShapeLike, Tensor
from ..core.variable import Variable
from .base import ActivityListed
from .catalogue import layer
from .quantized import Kept, QuantizableWeight


@layer()
class Dense(QuantizableWeight):
    """Every output is a weighted sum of all inputs: `activation(inputs @ kernel + bias)`.

    Shapes: `(batch, ..., features)` -> `(batch, ..., units)`.

    Args:
        units: size of the output's last axis.
        activation: name or callable; default: none.
        use_bias: whether to add a bias.
        kernel_initializer, bias_initializer: of the kernel and of the bias; name, object or callable.
        kernel_regularizer, bias_regularizer: penalties of them, added to the loss; name, callable or None.
        activity_regularizer: penalty of the outputs, added to the loss; name, callable or None.
        kernel_constraint, bias_constraint: functions applied to them after each update; name, callable or None.
        lora_rank, lora_alpha: `enable_lora(lora_rank, lora_alpha)` when the layer is built; None: not.
        quantization_config: how `dtype="int8_from_float32"` and the like quantize; None: the usual way.
        **options: `name`, `dtype`, `trainable`, ...: as in `Layer`.

    Raises:
        ValueError: if `units` is no positive integer, or the size of the input's last axis is unknown.

    Example:

    >>> import numpy as np
    >>> Dense(3, activation="relu")(np.ones((2, 5))).shape
    (2, 3)
    """

    kernel: Variable = Kept()  # type: ignore[assignment]
    kept_as = "product"
    numpy_form: str | None = "product"
    supports_masking = True
    units: int
    activation: Callable[[Tensor], Tensor] | None

    def __init__(
        self,
        units: Size,
        activation: ActivationLike = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        lora_rank: LowRankSize = None,
        lora_alpha: LowRankAlpha = None,
        quantization_config: QuantizationLike = None,
        **options: Unpack[Options],
    ):
        super().__init__(activity_regularizer=activity_regularizer, **options)
        self.input_spec: InputSpec = InputSpec(min_ndim=2)

    def build(self, input_shape: ShapeLike) -> None:
        features = last_size(self, input_shape)
        self.add_adapted((features, self.units))
        self.bias: Variable | None = self.add_bias((self.units,))
        self.input_spec = InputSpec(min_ndim=2, axes={-1: features})
        self.adapt_from_start()

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        outputs = self.plus_bias(self.adapted.product(jnp.matmul, inputs))
        return outputs if self.activation is None else self.activation(outputs)

    def contraction(self) -> Contraction:
        return Contraction("i", "io", "o", "o")

    def compute_output_shape(self, input_shape: ShapeLike) -> Shape:
        return (*input_shape[:-1], self.units)


def last_size(layer: Layer, input_shape: ShapeLike | None) -> int:
    """The size of the input's last axis, from which weights get their shape.

    Raises:
        ValueError: if the shape has fewer than two axes or the last one is unknown.
    """
    expected = f"Layer '{layer.name}' ({type(layer).__name__}) expects an input of shape (batch, ..., features)"
    if input_shape is None or len(input_shape) < 2:
        raise ValueError(f"{expected}. Received: input_shape={input_shape}")
    if input_shape[-1] is None:
        raise ValueError(
            f"{expected}; the last axis gives its weights their size, so it must be known."
            f" Received: input_shape={tuple(input_shape)}. Give the model an Input whose last size is a number."
        )
    return int(input_shape[-1])


@layer()
class EinsumDense(ActivityListed, QuantizableWeight):
    """A dense layer along any axes: `activation(einsum(equation, inputs, kernel) + bias)`.

    Args:
        equation: `"X,Y->Z"`, where X names the axes of the input, Y those of the kernel and Z those of the output. An
            ellipsis may stand for axes that stay as they are, before both X and Z or behind both.
        output_shape: sizes of the output without the batch axis (without the axes of an ellipsis, too); None for
            an axis whose size comes from the input.
        activation: name or callable; default: none.
        bias_axes: those axes of the output along which the bias varies, such as `"d"`; default: no bias.
        kernel_initializer, bias_initializer: of the kernel and of the bias; name, object or callable.
        kernel_regularizer, bias_regularizer: penalties of them, added to the loss; name, callable or None.
        kernel_constraint, bias_constraint: functions applied to them after each update; name, callable or None.
        lora_rank, lora_alpha: `enable_lora(lora_rank, lora_alpha)` when the layer is built; None: not.
        gptq_unpacked_column_size: size of a matrix that GPTQ has rounded; files say it.
        quantization_config: how `dtype="int8_from_float32"` and the like quantize; None: the usual way.
        **options: `activity_regularizer`, `name`, `dtype`, `trainable`, ...: as in `Layer`.

    Raises:
        ValueError: if the equation is malformed, sizes contradict each other, or a size of a weight is unknown.

    Example:

    >>> import numpy as np
    >>> EinsumDense("abc,cde->abde", output_shape=(None, 4, 5), bias_axes="e")(np.ones((2, 3, 6))).shape
    (2, 3, 4, 5)
    """

    kernel: Variable = Kept()  # type: ignore[assignment]
    kept_as = "product"
    equation: str
    kernel_initializer: Callable[..., Tensor]
    activation: Callable[[Tensor], Tensor] | None
    bias_axes: str | None
    gptq_unpacked_column_size: int | None

    def __init__(
        self,
        equation: str,
        output_shape: int | ShapeLike | None,
        activation: ActivationLike = None,
        bias_axes: str | None = None,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        lora_rank: LowRankSize = None,
        lora_alpha: LowRankAlpha = None,
        gptq_unpacked_column_size: LowRankSize = None,
        quantization_config: QuantizationLike = None,
        **options: Unpack[LayerOptions],
    ):
        super().__init__(**options)
        self.output_shape: Shape = tuple(output_shape) if isinstance(output_shape, Sequence) else (output_shape,)

    def build(self, input_shape: ShapeLike) -> None:
        kernel_shape, bias_shape, _ = einsum_shapes(self.equation, self.output_shape, self.bias_axes, input_shape)
        if None in kernel_shape or None in (bias_shape or ()):
            raise ValueError(
                f"Layer '{self.name}' (EinsumDense, equation '{self.equation}'): the sizes of its weights must be"
                f" known. Found kernel {kernel_shape}, bias {bias_shape} for input_shape={tuple(input_shape)} and"
                f" output_shape={self.output_shape}. Replace None by numbers in one of the two."
            )
        self.add_adapted(kernel_shape, self._initializer_of_kernel())
        self.bias: Variable | None = None if bias_shape is None else self.add("bias", bias_shape)
        self.adapt_from_start()

    def is_linear_at_last(self) -> bool:
        _, inputs, after, kernel, outputs = _parts(self.equation)
        return not after and kernel[-1] == outputs[-1] and kernel[-1] not in inputs

    def _initializer_of_kernel(self) -> Callable[..., Tensor]:
        """What counts as input and as output of a unit says the equation, not the place of an axis in the kernel."""
        if not isinstance(self.kernel_initializer, initializers.VarianceScaling):
            return self.kernel_initializer
        *_, kernel, outputs = _parts(self.equation)
        axes = {kind: tuple(i for i, axis in enumerate(kernel) if (axis in outputs) == kind) for kind in (False, True)}
        return self.kernel_initializer.along(axes[False], axes[True])

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        outputs = self.plus_bias(self.adapted.product(partial(jnp.einsum, self.equation), inputs))
        return outputs if self.activation is None else self.activation(outputs)

    @property
    def original_kernel_shape(self) -> Shape:
        """The shape of the kernel in floats; one of 4 bits is kept as a matrix."""
        return self.adapted_shape

    def contraction(self) -> Contraction:
        _, inputs, after, kernel, outputs = _parts(self.equation)
        return Contraction(inputs, kernel, outputs, outputs, after)

    def get_config(self) -> dict[str, Any]:
        size = self.gptq_unpacked_column_size
        return super().get_config() | ({} if size is None else {"gptq_unpacked_column_size": size})

    def compute_output_shape(self, input_shape: ShapeLike) -> Shape:
        return einsum_shapes(self.equation, self.output_shape, self.bias_axes, input_shape)[2]


def einsum_shapes(
    equation: str, output_shape: Shape, bias_axes: str | None, input_shape: ShapeLike
) -> tuple[Shape, Shape | None, Shape]:
    """Shapes of the kernel, the bias (None without one) and the whole output of an `EinsumDense`.

    >>> einsum_shapes("...x,xy->...y", (4,), "y", (None, 3, 2))
    ((2, 4), (4,), (None, 3, 4))
    """
    before, inputs, after, kernel, outputs = _parts(equation)
    elided = len(input_shape) - len(inputs)
    if elided < 0 or (elided > 0 and not (before or after)):
        raise ValueError(
            f"EinsumDense: equation '{equation}' names {len(inputs)} axes of the input, which has {len(input_shape)}."
            f" Received: input_shape={tuple(input_shape)}"
        )
    first = elided if before else 0
    sizes = dict(zip(inputs, input_shape[first:], strict=False))
    # Before an ellipsis the first axis is the batch, which `output_shape` leaves out.
    named = outputs if before else outputs[1:]
    if len(named) != len(output_shape):
        raise ValueError(
            f"EinsumDense: equation '{equation}' needs `output_shape` with {len(named)} sizes, for the axes '{named}'."
            f" Received: output_shape={output_shape}"
        )
    for axis, size in zip(named, output_shape, strict=True):
        known = sizes.get(axis)
        if size is not None and known not in (None, size):
            raise ValueError(
                f"Input shape and output shape do not match at shared dimension '{axis}' of equation '{equation}'."
                f" Input shape is {known}, and output shape is {size}."
            )
        sizes[axis] = known if size is None else size
    result = tuple(sizes.get(axis) for axis in outputs)
    if before:
        result = (*input_shape[:elided], *result)
    elif after:
        result = (*result, *input_shape[len(inputs) :])
    bias = None if not bias_axes else _bias_shape(bias_axes, outputs, sizes, elided if after else 0)
    return tuple(sizes.get(axis) for axis in kernel), bias, result


def _parts(equation: str) -> tuple[bool, str, bool, str, str]:
    """Whether an ellipsis stands before, axes of the input, whether one stands behind, axes of kernel and output."""
    found = re.fullmatch(r"(\.\.\.)?([a-zA-Z]+)(\.\.\.)?,([a-zA-Z]+)->(\.\.\.)?([a-zA-Z]+)(\.\.\.)?", equation)
    if found:
        before, inputs, after, kernel, out_before, outputs, out_after = found.groups()
        if (before, after) == (out_before, out_after) and not (before and after):
            return bool(before), inputs, bool(after), kernel, outputs
    raise ValueError(
        f"Invalid einsum equation '{equation}'. Equations must be in the form [X],[Y]->[Z], ...[X],[Y]->...[Z], or"
        f" [X]...,[Y]->[Z]..., without spaces."
    )


def _bias_shape(bias_axes: str, outputs: str, sizes: dict[str, int | None], behind: int) -> Shape:
    """Sizes from the first axis along which the bias varies to the last of the output; 1 where it does not vary."""
    for axis in bias_axes:
        if axis not in outputs:
            raise ValueError(f"Bias dimension '{axis}' was requested, but is not part of the output spec '{outputs}'")
    start = min(outputs.index(axis) for axis in bias_axes)
    return tuple(sizes[axis] if axis in bias_axes else 1 for axis in outputs[start:]) + (1,) * behind
