"""`BatchNormalization`, with moving averages for inference."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, Unpack

import jax
import jax.numpy as jnp

from .. import kernels
from ..core import dtypes, rows
from ..core.constructor import LayerOptions
from ..core.input_spec import InputSpec
from ..core.kinds import Axis, ConstraintLike, InitializerLike, Number, RegularizerLike
from ..core.types import DTypeLike, Shape, ShapeLike, Tensor
from ..core.variable import Variable
from .arguments import resolve_axes
from .catalogue import layer
from .normalization import Normalizing, along, precise, sizes_of

# Up to as many axes autodiff derives the gradient, so that forward mode (`jax.jvp`, `jax.hessian`) works in stacks of
# dense layers; with more there usually is a convolution, which refuses it anyway.
_MOST_AXES_OF_AUTODIFF = 2


class Moments(NamedTuple):
    """Per channel; in a shape that broadcasts to the input."""

    mean: Tensor
    variance: Tensor


@layer()
class BatchNormalization(Normalizing):
    """Normalizes each channel over the batch: `gamma * (x - mean) / sqrt(variance + epsilon) + beta`.

    Ioffe and Szegedy 2015, Batch Normalization. In training, mean and variance are those of the batch (over all axes
    but `axis`; masked steps left out), and moving averages of them are kept, with the biased variance as in Keras (the
    paper takes the unbiased one). In inference, and always when frozen (`trainable = False`), the averages are used.

    Shapes: `(batch, ..., channels)`; the output has the shape of the input.

    Args:
        axis: of the channels.
        momentum: share of the old value when a moving average is updated.
        epsilon: added to the variance, so that constants do not divide by zero.
        center, scale: whether there is a `beta`, a `gamma`.
        beta_initializer, gamma_initializer: of the offset and of the scale; default: zeros and ones.
        moving_mean_initializer, moving_variance_initializer: of the moving averages; default: zeros and ones.
        beta_regularizer, gamma_regularizer: penalties of them, added to the loss; name, callable or None.
        beta_constraint, gamma_constraint: functions that they go through after each update; name, callable or None.
        renorm: batch renormalization (Ioffe 2017): training corrects the batch's moments by `r` and `d`, constants to
            the gradient, so that it computes what inference will.
        renorm_clipping: dict with any of `rmin`, `rmax` (limits of `r`) and `dmax` (of the size of `d`).
        renorm_momentum: as `momentum`, for the averages that `r` and `d` refer to.
        synchronized: accepted; a batch split over devices always counts as one batch.
        **options: `name`, `dtype`, `trainable`, ...: as in `Layer`.

    Raises:
        TypeError: if `axis` is no whole number.
        ValueError: if `renorm_clipping` has other keys or limits that contradict each other; when built, if the number
            of channels is unknown.

    Example:

    >>> import numpy as np
    >>> layer = BatchNormalization(epsilon=0.0)
    >>> layer(np.array([[1.0], [3.0]]), training=True).round(3).tolist()
    [[-1.0], [1.0]]
    >>> layer.moving_mean.numpy().round(3).tolist()
    [0.019999999552965164]
    """

    axis: int
    momentum: float
    moving_mean_initializer: Callable[..., Tensor]
    moving_variance_initializer: Callable[..., Tensor]
    renorm: bool
    renorm_momentum: float

    def __init__(
        self,
        axis: Axis = -1,
        momentum: Number = 0.99,
        epsilon: Number = 0.001,
        center: bool = True,
        scale: bool = True,
        beta_initializer: InitializerLike = "zeros",
        gamma_initializer: InitializerLike = "ones",
        moving_mean_initializer: InitializerLike = "zeros",
        moving_variance_initializer: InitializerLike = "ones",
        beta_regularizer: RegularizerLike = None,
        gamma_regularizer: RegularizerLike = None,
        beta_constraint: ConstraintLike = None,
        gamma_constraint: ConstraintLike = None,
        renorm: bool = False,
        renorm_clipping: dict[str, Number] | None = None,
        renorm_momentum: Number = 0.99,
        synchronized: bool = False,
        **options: Unpack[LayerOptions],
    ):
        super().__init__(**options)
        self.renorm_clipping: dict[str, Number] | None = _clipping(renorm_clipping, renorm)

    def build(self, input_shape: ShapeLike) -> None:
        resolve_axes(self.name, [self.axis], len(input_shape))
        shape = sizes_of(self, input_shape, [self.axis])
        self.add_scale_and_offset(shape)
        mean, variance = self.moving_mean_initializer, self.moving_variance_initializer
        self.moving_mean: Variable = self._average("moving_mean", shape, mean)
        self.moving_variance: Variable = self._average("moving_variance", shape, variance)
        if self.renorm:

            def deviation(shape: Shape, dtype: DTypeLike | None = None) -> Tensor:
                return jnp.sqrt(variance(shape, dtype=dtype))

            self.moving_stddev: Variable = self._average("moving_stddev", shape, deviation)
            self.renorm_mean: Variable = self._average("renorm_mean", shape, mean)
            self.renorm_stddev: Variable = self._average("renorm_stddev", shape, deviation)
        self.input_spec: InputSpec = InputSpec(ndim=len(input_shape), axes={self.axis: shape[0]})

    def _average(self, name: str, shape: Shape, initializer: Callable[..., Tensor]) -> Variable:
        return self.add_weight(shape, initializer, trainable=False, autocast=False, name=name)

    def call(self, inputs: Tensor, training: bool | None = None, mask: Tensor | None = None) -> Tensor:
        x = precise(inputs)
        shape = along([self.axis % x.ndim], x.shape)
        if training and self.trainable:
            if mask is None and not self.renorm and x.ndim > _MOST_AXES_OF_AUTODIFF:
                return self._fused(x, shape)
            normalized = self._normalized_by_batch(x, mask, shape)
        else:
            moving = Moments(precise(self.moving_mean.value), precise(self.moving_variance.value))
            normalized = self._normalized(x, Moments(*(value.reshape(shape) for value in moving)))
        return self.scale_and_shift(normalized, shape)

    def _normalized(self, x: Tensor, moments: Moments) -> Tensor:
        return (x - moments.mean) * jax.lax.rsqrt(moments.variance + self.epsilon)

    def _fused(self, x: Tensor, shape: tuple[int, ...]) -> Tensor:
        gamma, beta = (None if v is None else precise(v.value).reshape(shape) for v in (self.gamma, self.beta))
        y, *moments = kernels.batch_normalized(x, gamma, beta, self._others(x), self.epsilon, _kept(x, self._others(x)))
        self._update_averages(Moments(*moments))
        return y.astype(self.compute_dtype)

    def _others(self, x: Tensor) -> tuple[int, ...]:
        return tuple(axis for axis in range(x.ndim) if axis != self.axis % x.ndim)

    def _update_averages(self, batch: Moments) -> None:
        _update(self.moving_mean, batch.mean, self.momentum)
        _update(self.moving_variance, batch.variance, self.momentum)

    def _normalized_by_batch(self, x: Tensor, mask: Tensor | None, shape: tuple[int, ...]) -> Tensor:
        batch = _moments(x, self._others(x), mask)
        normalized = self._normalized(x, batch)
        if not self.renorm:
            self._update_averages(batch)
            return normalized
        batch = Moments(*map(jax.lax.stop_gradient, batch))
        r, d = self._correction(batch, shape)
        self._update_renorm(batch)
        return normalized * r + d

    def _correction(self, batch: Moments, shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        """What turns values normalized by the batch into values normalized by the renorm averages: `r` and `d`."""
        mean, deviation = (precise(v.value).reshape(shape) for v in (self.renorm_mean, self.renorm_stddev))
        limits = self.renorm_clipping or {}
        r = jnp.sqrt(batch.variance + self.epsilon) / deviation
        d = (batch.mean - mean) / deviation
        r = jnp.clip(r, limits.get("rmin"), limits.get("rmax"))
        dmax = limits.get("dmax")
        return r, d if dmax is None else jnp.clip(d, -dmax, dmax)

    def _update_renorm(self, batch: Moments) -> None:
        deviation = jnp.sqrt(batch.variance + self.epsilon)
        _update(self.renorm_mean, batch.mean, self.renorm_momentum)
        _update(self.renorm_stddev, deviation, self.renorm_momentum)
        _update(self.moving_mean, batch.mean, self.momentum)
        _update(self.moving_stddev, deviation, self.momentum)
        moving = jnp.square(precise(self.moving_stddev.value)) - self.epsilon
        self.moving_variance.assign(jnp.maximum(moving, 0))


def _kept(x: Tensor, axes: tuple[int, ...]) -> kernels.Kept | None:
    """The rows that count, for moments over axes."""
    kept = rows.kept(x)
    return None if kept is None else kernels.Kept(kept, rows.share(math.prod(x.shape[axis] for axis in axes)))


def _moments(x: Tensor, axes: tuple[int, ...], mask: Tensor | None) -> Moments:
    """Mean and biased variance over axes, masked entries left out."""
    if mask is None:
        return Moments(*kernels.batch_moments(x, axes, keepdims=True, kept=_kept(x, axes)))
    mask = jnp.asarray(mask)
    counts = jnp.broadcast_to(mask.reshape(mask.shape + (1,) * (x.ndim - mask.ndim)), x.shape).astype(bool)
    kept = rows.kept(x)
    counts = counts if kept is None else counts & kept
    # A batch that is masked whole counts as zeros. The epsilon is seen where one row of a batch counts, as in Keras:
    # its mean is off by as much, and a gradient that would be 0 is not.
    total = counts.sum(axes, keepdims=True) + dtypes.epsilon()
    mean = jnp.where(counts, x, 0).sum(axes, keepdims=True) / total
    variance = jnp.where(counts, jnp.square(x - mean), 0).sum(axes, keepdims=True) / total
    return Moments(mean, variance)


def _update(average: Variable, value: Tensor, momentum: Number) -> None:
    old = precise(average.value)
    average.assign(old * momentum + jax.lax.stop_gradient(value).reshape(old.shape) * (1 - momentum))


def _clipping(limits: dict[str, Number] | None, renorm: bool) -> dict[str, Number] | None:
    if not limits:
        return {} if renorm else limits
    unknown = set(limits) - {"rmax", "rmin", "dmax"}
    if unknown:
        raise ValueError(
            f"Received invalid keys for `renorm_clipping` argument: {sorted(unknown)}. Supported values: ['rmax',"
            f" 'rmin', 'dmax']."
        )
    rmin, rmax, dmax = (limits.get(name) for name in ("rmin", "rmax", "dmax"))
    if rmin is not None and rmax is not None and rmax < rmin:
        raise ValueError(
            f"rmax should be greater than rmin in the `renorm_clipping` argument. Received: rmax={rmax}, rmin={rmin}."
        )
    if dmax is not None and dmax < 0:
        raise ValueError(f"dmax should be non-negative in the `renorm_clipping` argument. Received: dmax={dmax}.")
    return dict(limits)
