"""Layers that bring values to mean 0 and variance 1, or to length 1. Statistics are computed in float32 at least."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from .. import constraints, initializers, kernels, regularizers
from ..core.input_spec import InputSpec
from ..core.layer import Layer
from .arguments import Number, axes_list, resolve_axes
from .base import Elementwise
from .catalogue import layer


class Normalizing(Layer):
    """Base: the trained scale `gamma` and offset `beta` along the normalized axes."""

    supports_masking = True

    def __init__(
        self,
        center: bool,
        scale: bool,
        beta_initializer: Any,
        gamma_initializer: Any,
        beta_regularizer: Any,
        gamma_regularizer: Any,
        beta_constraint: Any,
        gamma_constraint: Any,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.center, self.scale = center, scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)

    def add_scale_and_offset(self, shape: tuple[int, ...]) -> None:
        """Create `gamma` and `beta`, None where switched off."""
        self.gamma = self.beta = None
        # Read as stored also under a mixed policy: the formula runs in float32.
        if self.scale:
            self.gamma = self.add_weight(
                shape,
                self.gamma_initializer,
                autocast=False,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
                name="gamma",
            )
        if self.center:
            self.beta = self.add_weight(
                shape,
                self.beta_initializer,
                autocast=False,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
                name="beta",
            )

    def scale_and_shift(self, x: jax.Array, shape: tuple[int, ...]) -> jax.Array:
        """`gamma * x + beta`, both in a shape that broadcasts, in the dtype that the layer computes in."""
        if self.gamma is not None:
            x = x * self.gamma.value.reshape(shape)
        if self.beta is not None:
            x = x + self.beta.value.reshape(shape)
        return x.astype(self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return tuple(input_shape)


def sizes_of(layer: Layer, input_shape: Any, axes: Sequence[int]) -> tuple[int, ...]:
    """The sizes of axes of the input, from which weights get their shape.

    Raises:
        ValueError: if one is unknown.
    """
    sizes = tuple(input_shape[axis] for axis in axes)
    if None in sizes:
        raise ValueError(
            f"Layer '{layer.name}' ({type(layer).__name__}): the size of axis {axes[sizes.index(None)]} must be known,"
            f" it gives the weights their size. Received: input_shape={tuple(input_shape)}. Replace None by a number."
        )
    return sizes


def along(axes: Sequence[int], shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape that is 1 except on `axes`."""
    return tuple(size if axis in axes else 1 for axis, size in enumerate(shape))


def precise(x: Any) -> jax.Array:
    """In float32 at least."""
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


@layer()
class LayerNormalization(Normalizing):
    """Normalizes each sample by itself: `gamma * (x - mean) / sqrt(variance + epsilon) + beta`.

    Ba et al. 2016, Layer Normalization. Mean and variance go over `axis`, which also get a scale and offset each.

    Args:
        axis: one axis or several, typically the features.
        center, scale: whether there is a `beta`, a `gamma`.
        rms_scaling: skip centring: `gamma * x / sqrt(variance + epsilon)`.

    >>> import numpy as np
    >>> LayerNormalization(epsilon=0.0)(np.array([[1.0, 3.0]])).tolist()
    [[-1.0, 1.0]]
    """

    config_keys = frozenset({"rms_scaling"})

    def __init__(
        self,
        axis: Any = -1,
        epsilon: Number = 0.001,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ):
        rms_scaling = kwargs.pop("rms_scaling", False)
        super().__init__(
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            beta_regularizer,
            gamma_regularizer,
            beta_constraint,
            gamma_constraint,
            **kwargs,
        )
        self.autocast = False  # computed in float32: inputs beyond float16 do not become infinite on the way
        self.axis = axis if isinstance(axis, int) else axes_list("LayerNormalization", axis)
        self.epsilon, self.rms_scaling = epsilon, rms_scaling

    def build(self, input_shape: Any) -> None:
        if not isinstance(self.axis, int):
            self.axis = sorted(self.axis)  # the order of the weights' axes in files
        axes = axes_list("LayerNormalization", self.axis)
        resolve_axes(self.name, axes, len(input_shape))
        if self.rms_scaling:
            self.center, self.scale = False, True
        self.add_scale_and_offset(sizes_of(self, input_shape, axes))

    def call(self, inputs: Any) -> jax.Array:
        axes = resolve_axes(self.name, axes_list("LayerNormalization", self.axis), inputs.ndim)
        x = precise(inputs)
        mean = x.mean(axes, keepdims=True)
        variance = jnp.square(x - mean).mean(axes, keepdims=True)
        centred = x if self.rms_scaling else x - mean
        return self.scale_and_shift(centred * jax.lax.rsqrt(variance + self.epsilon), along(axes, inputs.shape))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rms_scaling": self.rms_scaling}


@layer()
class GroupNormalization(Normalizing):
    """Normalizes groups of channels of each sample: over the channels of a group and all other axes but the batch.

    Wu and He 2018, Group Normalization. `groups=1` is layer normalization over all axes, `groups=-1` (a group for every
    channel) is instance normalization.

    Raises:
        ValueError: if the channels cannot be divided into the groups, or their number is unknown.
    """

    def __init__(
        self,
        groups: Any = 32,
        axis: int = -1,
        epsilon: Number = 0.001,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ):
        super().__init__(
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            beta_regularizer,
            gamma_regularizer,
            beta_constraint,
            gamma_constraint,
            **kwargs,
        )
        self.autocast = False  # as in LayerNormalization
        if isinstance(groups, bool) or not isinstance(groups, int) or (groups < 1 and groups != -1):
            raise ValueError(
                f"Layer '{self.name}': Invalid value for argument `groups`. Expected a positive whole number, or -1 for"
                f" a group for every channel. Received: groups={groups!r}"
            )
        self.groups, self.axis, self.epsilon = groups, axis, epsilon

    def build(self, input_shape: Any) -> None:
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
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: channels})
        self.add_scale_and_offset((channels,))

    def call(self, inputs: Any) -> jax.Array:
        axis, shape = self.axis % inputs.ndim, inputs.shape
        x = precise(inputs)
        others = tuple(a for a in range(1, x.ndim) if a != axis)
        mean, variance = self._by_group(*_channel_moments(x, others), axis)
        normalized = (x - mean) * jax.lax.rsqrt(variance + self.epsilon)
        return self.scale_and_shift(normalized, along([axis], shape))

    def _by_group(self, means: jax.Array, variances: jax.Array, axis: int) -> tuple[jax.Array, jax.Array]:
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


def _channel_moments(x: jax.Array, axes: tuple[int, ...]) -> tuple[jax.Array, jax.Array]:
    return kernels.batch_moments(x, axes, keepdims=True) if axes else (x, jnp.zeros_like(x))


@layer()
class RMSNormalization(Layer):
    """Divides by the root of the mean square: `scale * x / sqrt(mean(x ** 2) + epsilon)`.

    Zhang and Sennrich 2019, Root Mean Square Layer Normalization.
    """

    def __init__(self, axis: Any = -1, epsilon: Number = 1e-06, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = axis if isinstance(axis, int) else axes_list("RMSNormalization", axis)
        self.epsilon = epsilon

    def build(self, input_shape: Any) -> None:
        axes = axes_list("RMSNormalization", self.axis)
        resolve_axes(self.name, axes, len(input_shape))
        self.scale = self.add_weight(sizes_of(self, input_shape, axes), "ones", autocast=False, name="scale")

    def call(self, x: Any) -> jax.Array:
        axes = resolve_axes(self.name, axes_list("RMSNormalization", self.axis), x.ndim)
        wide = precise(x)
        size = jax.lax.rsqrt(jnp.square(wide).mean(axes, keepdims=True) + self.epsilon)
        return (wide * size * self.scale.value.reshape(along(axes, x.shape))).astype(self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return tuple(input_shape)


@layer()
class UnitNormalization(Elementwise):
    """Divides by the Euclidean length along an axis or several; zeros stay zeros.

    >>> import numpy as np
    >>> UnitNormalization()(np.array([[3.0, 4.0]])).round(3).tolist()
    [[0.6000000238418579, 0.800000011920929]]
    """

    def __init__(self, axis: Any = -1, **kwargs: Any):
        super().__init__(**kwargs)
        self.axis = axis if isinstance(axis, int) else axes_list("UnitNormalization", axis)

    def call(self, inputs: Any) -> jax.Array:
        axes = resolve_axes(self.name, axes_list("UnitNormalization", self.axis), inputs.ndim)
        x = precise(inputs)
        square = jnp.square(x).sum(axes, keepdims=True)
        # Below 1e-12 the length counts as 1e-6: finite, and with a gradient of 0 for the length at zero.
        return (x * jax.lax.rsqrt(jnp.maximum(square, 1e-12))).astype(inputs.dtype)
