"""Layers that bring values to mean 0 and variance 1, or to length 1. Statistics are computed in float32 at least."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Unpack

import jax
import jax.numpy as jnp

from .. import kernels
from ..core.constructor import LayerOptions
from ..core.input_spec import InputSpec
from ..core.kinds import (
    MAX_SIZE,
    Axes,
    Axis,
    ConstraintLike,
    InitializerLike,
    Kind,
    Number,
    Owner,
    RegularizerLike,
    is_whole,
)
from ..core.layer import Layer
from ..core.types import ShapeLike, Tensor
from ..core.variable import Variable
from ..kernels.formulas import named
from .arguments import resolve_axes
from .base import Elementwise, ShapeKeeping, Weighted
from .catalogue import layer


class Normalizing(ShapeKeeping, Weighted):
    """Base: the trained scale `gamma` and offset `beta` along the normalized axes."""

    supports_masking = True
    center: bool
    scale: bool
    epsilon: float

    def add_scale_and_offset(self, shape: tuple[int, ...]) -> None:
        """Create `gamma` and `beta`, None where switched off."""
        # Read as stored also under a mixed policy: the formula runs in float32.
        self.gamma: Variable | None = self.add("gamma", shape, autocast=False) if self.scale else None
        self.beta: Variable | None = self.add("beta", shape, autocast=False) if self.center else None

    def scale_and_shift(self, x: Tensor, shape: tuple[int, ...]) -> Tensor:
        """`gamma * x + beta`, both in a shape that broadcasts, in the dtype that the layer computes in."""
        if self.gamma is not None:
            x = x * self.gamma.value.reshape(shape)
        if self.beta is not None:
            x = x + self.beta.value.reshape(shape)
        return x.astype(self.compute_dtype)


def sizes_of(layer: Layer, input_shape: ShapeLike, axes: Sequence[int]) -> tuple[int, ...]:
    """The sizes of axes of the input, from which weights get their shape.

    Raises:
        ValueError: if one is unknown.
    """
    sizes = tuple(size for axis in axes if (size := input_shape[axis]) is not None)
    if len(sizes) < len(axes):
        unknown = next(axis for axis in axes if input_shape[axis] is None)
        raise ValueError(
            f"Layer '{layer.name}' ({type(layer).__name__}): the size of axis {unknown} must be known,"
            f" it gives the weights their size. Received: input_shape={tuple(input_shape)}. Replace None by a number."
        )
    return sizes


def along(axes: Sequence[int], shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape that is 1 except on `axes`."""
    return tuple(size if axis in axes else 1 for axis, size in enumerate(shape))


def precise(x: Tensor) -> Tensor:
    """In float32 at least."""
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def _scaled(x: Tensor, axes: tuple[int, ...], epsilon: float) -> Tensor:
    """Variance 1 along the axes, but the mean is left where it is."""
    variance = jnp.square(x - x.mean(axes, keepdims=True)).mean(axes, keepdims=True)
    return x * jax.lax.rsqrt(variance + epsilon)


class LayerNormalizationOptions(LayerOptions, total=False):
    """Further keyword arguments of `LayerNormalization`."""

    rms_scaling: bool


@layer()
class LayerNormalization(Normalizing):
    """Normalizes each sample by itself: `gamma * (x - mean) / sqrt(variance + epsilon) + beta`.

    Ba et al. 2016, Layer Normalization. Mean and variance go over `axis`, which also get a scale and offset each.

    Shapes: any; the output has the shape of the input.

    Args:
        axis: one axis or several, typically the features.
        epsilon: added to the variance, so that constants do not divide by zero.
        center, scale: whether there is a `beta`, a `gamma`.
        beta_initializer, gamma_initializer: of the offset and of the scale; default: zeros and ones.
        beta_regularizer, gamma_regularizer: penalties of them, added to the loss; name, callable or None.
        beta_constraint, gamma_constraint: functions that they go through after each update; name, callable or None.
        **options: `name`, `dtype`, `trainable`, ...: as in `Layer`. `rms_scaling=True`, of older code, skips centring:
            `gamma * x / sqrt(variance + epsilon)`.

    Raises:
        TypeError: if `axis` is neither a whole number nor several.
        ValueError: when built, if an axis does not exist or its size is unknown.

    Example:

    >>> import numpy as np
    >>> LayerNormalization(epsilon=0.0)(np.array([[1.0, 3.0]])).tolist()
    [[-1.0, 1.0]]
    """

    center: bool
    scale: bool

    config_keys: frozenset[str] = frozenset({"rms_scaling"})
    axis: int | list[int]

    def __init__(
        self,
        axis: Axes = -1,
        epsilon: Number = 0.001,
        center: bool = True,
        scale: bool = True,
        beta_initializer: InitializerLike = "zeros",
        gamma_initializer: InitializerLike = "ones",
        beta_regularizer: RegularizerLike = None,
        gamma_regularizer: RegularizerLike = None,
        beta_constraint: ConstraintLike = None,
        gamma_constraint: ConstraintLike = None,
        **options: Unpack[LayerNormalizationOptions],
    ):
        self.rms_scaling: bool = options.pop("rms_scaling", False)
        super().__init__(**options)
        self.autocast = False  # computed in float32: inputs beyond float16 do not become infinite on the way

    def build(self, input_shape: ShapeLike) -> None:
        if not isinstance(self.axis, int):
            self.axis = sorted(self.axis)  # the order of the weights' axes in files
        axes = resolve_axes(self.name, self.axis, len(input_shape))
        if self.rms_scaling:
            self.center, self.scale = False, True
        self.add_scale_and_offset(sizes_of(self, input_shape, axes))

    def call(self, inputs: Tensor) -> Tensor:
        axes = resolve_axes(self.name, self.axis, inputs.ndim)
        x = precise(inputs)
        name, form = ("scaled", _scaled) if self.rms_scaling else ("standardized", kernels.standardized)
        normalized = named(name, form, x, axes=axes, epsilon=self.epsilon)
        return self.scale_and_shift(normalized, along(axes, inputs.shape))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rms_scaling": self.rms_scaling}


class _Groups(Kind):
    """A number of groups; -1 for one for every channel."""

    expected = "a positive whole number, or -1 for a group for every channel"

    def resolve(self, value: object, name: str, owner: Owner) -> int:
        if not is_whole(value) or not self.fits(value.__index__(), type(owner.instance)):
            raise ValueError(f"{owner}: the argument `{name}` must be {self.expected}. Received: {name}={value!r}")
        return value.__index__()

    def fits(self, value: object, cls: type) -> bool:
        return type(value) is int and (0 < value <= MAX_SIZE or value == -1)


Groups = Annotated[int, _Groups()]


@layer()
class GroupNormalization(Normalizing):
    """Normalizes groups of channels of each sample: over the channels of a group and all other axes but the batch.

    Wu and He 2018, Group Normalization. `groups=1` is layer normalization over all axes, `groups=-1` (a group for every
    channel) is instance normalization.

    Shapes: `(batch, ..., channels)`; the output has the shape of the input.

    Args:
        groups: number of groups, which divides the number of channels; -1: a group for every channel.
        axis: of the channels.
        epsilon: added to the variance, so that constants do not divide by zero.
        center, scale: whether there is a `beta`, a `gamma`.
        beta_initializer, gamma_initializer: of the offset and of the scale; default: zeros and ones.
        beta_regularizer, gamma_regularizer: penalties of them, added to the loss; name, callable or None.
        beta_constraint, gamma_constraint: functions that they go through after each update; name, callable or None.
        **options: `name`, `dtype`, `trainable`, ...: as in `Layer`.

    Raises:
        ValueError: if `groups` is neither positive nor -1; when built, if the channels cannot be divided into the
            groups, or their number is unknown.

    Example:

    >>> import numpy as np
    >>> GroupNormalization(groups=2, epsilon=0.0)(np.array([[1.0, 3.0, 10.0, 30.0]])).tolist()
    [[-1.0, 1.0, -1.0, 1.0]]
    """

    groups: int
    axis: int

    def __init__(
        self,
        groups: Groups = 32,
        axis: Axis = -1,
        epsilon: Number = 0.001,
        center: bool = True,
        scale: bool = True,
        beta_initializer: InitializerLike = "zeros",
        gamma_initializer: InitializerLike = "ones",
        beta_regularizer: RegularizerLike = None,
        gamma_regularizer: RegularizerLike = None,
        beta_constraint: ConstraintLike = None,
        gamma_constraint: ConstraintLike = None,
        **options: Unpack[LayerOptions],
    ):
        super().__init__(**options)
        self.autocast = False  # as in LayerNormalization

    def build(self, input_shape: ShapeLike) -> None:
        resolve_axes(self.name, [self.axis], len(input_shape))
        (channels,) = sizes_of(self, input_shape, [self.axis])
        if self.groups == -1:
            self.groups = channels
        if channels < self.groups:
            raise ValueError(
                f"Layer '{self.name}': Number of groups ({self.groups}) cannot be more than the number of channels"
                f" ({channels})."
            )
        if self.groups < 1 or channels % self.groups:
            raise ValueError(
                f"Layer '{self.name}': the number of channels ({channels}) must be a multiple of the number of groups"
                f" ({self.groups})."
            )
        self.input_spec: InputSpec = InputSpec(ndim=len(input_shape), axes={self.axis: channels})
        self.add_scale_and_offset((channels,))

    def call(self, inputs: Tensor) -> Tensor:
        axis, shape = self.axis % inputs.ndim, inputs.shape
        x = kernels.in_memory(precise(inputs))
        others = tuple(a for a in range(1, x.ndim) if a != axis)
        mean, variance = self._by_group(*_channel_moments(x, others), axis)
        normalized = (x - mean) * jax.lax.rsqrt(variance + self.epsilon)
        return self.scale_and_shift(normalized, along([axis], shape))

    def _by_group(self, means: Tensor, variances: Tensor, axis: int) -> tuple[Tensor, Tensor]:
        """Moments of each group from those of its channels, once per channel (the law of total variance).

        Reducing channel by channel keeps the channels side by side in memory: three times as fast as reducing groups.
        """
        size = means.shape[axis] // self.groups
        means, variances = (
            v.reshape(*v.shape[:axis], self.groups, size, *v.shape[axis + 1 :]) for v in (means, variances)
        )
        mean = means.mean(axis + 1, keepdims=True)
        variance = (variances + jnp.square(means - mean)).mean(axis + 1, keepdims=True)
        return jnp.repeat(mean.squeeze(axis + 1), size, axis), jnp.repeat(variance.squeeze(axis + 1), size, axis)


def _channel_moments(x: Tensor, axes: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    return kernels.batch_moments(x, axes, keepdims=True) if axes else (x, jnp.zeros_like(x))


@layer()
class RMSNormalization(ShapeKeeping):
    """Divides by the root of the mean square: `scale * x / sqrt(mean(x ** 2) + epsilon)`.

    Zhang and Sennrich 2019, Root Mean Square Layer Normalization.

    Shapes: any; the output has the shape of the input.

    Args:
        axis: one axis or several, typically the features; each of their elements has a trained scale, 1 at first.
        epsilon: added to the mean square, so that zeros do not divide by zero.
        **options: `name`, `dtype`, `trainable`, ...: as in `Layer`.

    Raises:
        TypeError: if `axis` is neither a whole number nor several.
        ValueError: when built, if an axis does not exist or its size is unknown.

    Example:

    >>> import numpy as np
    >>> RMSNormalization()(np.array([[3.0, -3.0]])).round(3).tolist()
    [[1.0, -1.0]]
    """

    axis: int | list[int]
    epsilon: float

    def __init__(self, axis: Axes = -1, epsilon: Number = 1e-06, **options: Unpack[LayerOptions]):
        super().__init__(**options)

    def build(self, input_shape: ShapeLike) -> None:
        axes = resolve_axes(self.name, self.axis, len(input_shape))
        self.scale: Variable = self.add_weight(sizes_of(self, input_shape, axes), "ones", autocast=False, name="scale")

    def call(self, x: Tensor) -> Tensor:
        axes = resolve_axes(self.name, self.axis, x.ndim)
        wide = kernels.in_memory(precise(x))
        size = jax.lax.rsqrt(jnp.square(wide).mean(axes, keepdims=True) + self.epsilon)
        return (wide * size * self.scale.value.reshape(along(axes, x.shape))).astype(self.compute_dtype)


@layer()
class UnitNormalization(Elementwise):
    """Divides by the Euclidean length along an axis or several; zeros stay zeros.

    Shapes: any; the output has the shape of the input.

    Args:
        axis: one axis or several, typically the features.
        **options: `name`, `dtype`, ...: as in `Layer`.

    Raises:
        TypeError: if `axis` is neither a whole number nor several.

    Example:

    >>> import numpy as np
    >>> UnitNormalization()(np.array([[3.0, 4.0]])).round(3).tolist()
    [[0.6000000238418579, 0.800000011920929]]
    """

    axis: int | list[int]

    def __init__(self, axis: Axes = -1, **options: Unpack[LayerOptions]):
        super().__init__(**options)

    def call(self, inputs: Tensor) -> Tensor:
        axes = resolve_axes(self.name, self.axis, inputs.ndim)
        x = precise(inputs)
        square = jnp.square(x).sum(axes, keepdims=True)
        # Below 1e-12 the length counts as 1e-6: finite, and with a gradient of 0 for the length at zero.
        return (x * jax.lax.rsqrt(jnp.maximum(square, 1e-12))).astype(inputs.dtype)
