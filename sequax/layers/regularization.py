"""Layers that act in training only: dropout and noise. And the penalty of activities."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from .. import kernels, regularizers
from ..core import rng
from ..core.input_spec import InputSpec
from .arguments import Number, data_format as resolve_data_format
from .base import Elementwise
from .catalogue import layer


class Random(Elementwise):
    """Base of layers that draw random numbers in training; they own a seed, so that a resumed run draws the same."""

    def __init__(self, seed: int | None, active: bool, **kwargs: Any):
        super().__init__(**kwargs)
        self.seed = seed
        self.seed_generator: Any = rng.SeedGenerator(seed) if active else None

    def call(self, inputs: Any, training: bool = False) -> Any:
        return self.disturb(inputs) if training and self.seed_generator is not None else inputs

    def disturb(self, inputs: Any) -> Any:
        raise NotImplementedError

    def normal(self, inputs: Any) -> jax.Array:
        """Standard normal numbers in the shape and dtype of the inputs."""
        return jax.random.normal(rng.key(self.seed_generator), inputs.shape, inputs.dtype)


class Dropping(Random):
    """Base of layers that drop values at a rate."""

    keeps_values = True  # in inference, for which a model is made

    def __init__(self, rate: Any, noise_shape: Any = None, seed: int | None = None, **kwargs: Any):
        super().__init__(seed, active=_rate(type(self).__name__, rate) > 0, **kwargs)
        self.rate = rate
        self.noise_shape = _noise_shape(type(self).__name__, noise_shape)

    def kept(self, shape: tuple[int, ...]) -> jax.Array:
        """Boolean array that broadcasts to the input, False where a value is dropped."""
        if self.noise_shape is not None:
            sizes = self.noise_shape
            # A noise shape stands for the last axes if it is shorter than the input.
            shape = tuple(own if size is None else size for size, own in zip(sizes, shape[-len(sizes) :], strict=True))
        return kernels.dropout_mask(self.seed_generator.next(), shape, self.rate)


@layer()
class Dropout(Dropping):
    """Sets values to 0 with probability `rate` in training, and scales the others by `1 / (1 - rate)`.

    Srivastava et al. 2014, Dropout (which scales at inference instead; the expectation is the same).
    Inert outside of training. Every call draws a new mask; the state of the seed is a variable.

    Args:
        rate: from 0 to below 1. A rate of 1, which would drop everything, is refused (Keras accepts it).
        noise_shape: shape of the mask, with 1 for axes along which all is dropped together and None for sizes as in
            the input: `(None, 1, None)` drops the same features in all steps.
        seed: whole number; default: drawn from the process' stream.

    >>> import numpy as np
    >>> Dropout(0.5)(np.ones(3)).tolist()
    [1.0, 1.0, 1.0]
    """

    def __init__(self, rate: Any, noise_shape: Any = None, seed: int | None = None, **kwargs: Any):
        super().__init__(rate, noise_shape, seed, **kwargs)

    def disturb(self, inputs: Any) -> jax.Array:
        return jnp.where(self.kept(inputs.shape), inputs / (1 - self.rate), 0)


@layer()
class AlphaDropout(Dropping):
    """Dropout that keeps mean and variance of self-normalizing networks: dropped values become SELU's lower limit.

    Klambauer et al. 2017, Self-Normalizing Neural Networks: `a * x + b` with `x` set to `alpha'` where dropped.
    """

    def __init__(self, rate: Any, noise_shape: Any = None, seed: int | None = None, **kwargs: Any):
        super().__init__(rate, noise_shape, seed, **kwargs)

    def disturb(self, inputs: Any) -> jax.Array:
        lowest = -1.6732632423543772 * 1.0507009873554805
        a = ((1 - self.rate) * (1 + self.rate * lowest**2)) ** -0.5
        return a * jnp.where(self.kept(inputs.shape), inputs, lowest) - a * lowest * self.rate


class SpatialDropout(Dropping):
    """Base of dropout of whole channels."""

    spatial: int

    def __init__(self, rate: Any, data_format: Any, seed: int | None, name: str | None, dtype: Any):
        super().__init__(rate, None, seed, name=name, dtype=dtype)
        ones = (1,) * self.spatial
        self.data_format = resolve_data_format(data_format)
        self.noise_shape = (None, None, *ones) if self.data_format == "channels_first" else (None, *ones, None)
        self.input_spec = InputSpec(ndim=self.spatial + 2)

    def disturb(self, inputs: Any) -> jax.Array:
        return jnp.where(self.kept(inputs.shape), inputs / (1 - self.rate), 0)

    def get_config(self) -> dict[str, Any]:
        config = {"rate": self.rate, "seed": self.seed, "name": self.name, "dtype": self.dtype_policy.name}
        return config if self.spatial == 1 else {**config, "data_format": self.data_format}


@layer()
class SpatialDropout1D(SpatialDropout):
    """Dropout of whole channels of `(batch, steps, channels)`. Tompson et al. 2014."""

    spatial = 1

    def __init__(self, rate: Any, seed: int | None = None, name: str | None = None, dtype: Any = None):
        super().__init__(rate, None, seed, name, dtype)


@layer()
class SpatialDropout2D(SpatialDropout):
    """Dropout of whole channels of `(batch, rows, columns, channels)`. Tompson et al. 2014."""

    spatial = 2

    def __init__(
        self,
        rate: Any,
        data_format: Any = None,
        seed: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(rate, data_format, seed, name, dtype)


@layer()
class SpatialDropout3D(SpatialDropout):
    """Dropout of whole channels of `(batch, depth, rows, columns, channels)`. Tompson et al. 2014."""

    spatial = 3

    def __init__(
        self,
        rate: Any,
        data_format: Any = None,
        seed: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(rate, data_format, seed, name, dtype)


@layer()
class GaussianDropout(Random):
    """Multiplies by normal noise of mean 1 and deviation `sqrt(rate / (1 - rate))` in training.

    Srivastava et al. 2014, section 10: the deviation that dropout of the same rate has. A rate of 1 is refused.
    """

    def __init__(self, rate: Any, seed: int | None = None, **kwargs: Any):
        super().__init__(seed, active=_rate("GaussianDropout", rate) > 0, **kwargs)
        self.rate = rate

    def disturb(self, inputs: Any) -> jax.Array:
        return inputs * (1 + math.sqrt(self.rate / (1 - self.rate)) * self.normal(inputs))


@layer()
class GaussianNoise(Random):
    """Adds normal noise of mean 0 and deviation `stddev` (from 0 to 1) in training."""

    def __init__(self, stddev: Any, seed: int | None = None, **kwargs: Any):
        if isinstance(stddev, str) or not 0 <= stddev <= 1:
            raise ValueError(
                f"Invalid value received for argument `stddev`. Expected a float value between 0 and 1."
                f" Received: stddev={stddev}"
            )
        super().__init__(seed, active=stddev > 0, **kwargs)
        self.stddev = stddev

    def disturb(self, inputs: Any) -> jax.Array:
        return inputs + self.stddev * self.normal(inputs)


@layer()
class ActivityRegularization(Elementwise):
    """Returns its input and adds `l1 * sum(abs(x)) + l2 * sum(x ** 2)` to the loss."""

    def __init__(self, l1: Number = 0.0, l2: Number = 0.0, **kwargs: Any):
        super().__init__(activity_regularizer=regularizers.L1L2(l1=l1, l2=l2), **kwargs)
        self.l1, self.l2 = l1, l2

    def call(self, inputs: Any) -> Any:
        return inputs

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["activity_regularizer"]  # made from l1 and l2
        return config


def _rate(layer_class: str, rate: Any) -> Number:
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate < 1:
        raise ValueError(
            f"{layer_class}: Invalid value received for argument `rate`. Expected a number from 0 to below 1 (1 would"
            f" drop everything). Received: rate={rate!r}"
        )
    return rate


def _noise_shape(layer_class: str, shape: Any) -> tuple[int | None, ...] | None:
    if shape is None:
        return None
    if not isinstance(shape, (tuple, list)) or any(s is not None and not hasattr(s, "__index__") for s in shape):
        raise ValueError(
            f"{layer_class}: Invalid value received for argument `noise_shape`. Expected a tuple or list of integers or"
            f" None. Received: noise_shape={shape!r}"
        )
    if any(size is not None and size < 1 for size in shape):
        raise ValueError(
            f"{layer_class}: Invalid value received for argument `noise_shape`. Expected all dimensions to be positive"
            f" integers or None. Received: noise_shape={shape!r}"
        )
    return tuple(shape)
