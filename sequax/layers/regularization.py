"""Layers that act in training only: dropout and noise. And the penalty of activities."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, Unpack

import jax
import jax.numpy as jnp

from .. import kernels, regularizers
from ..core import rng
from ..core.constructor import LayerOptions, Options
from ..core.input_spec import InputSpec
from ..core.kinds import DataFormat, Factor, Fraction, Owner, Rate, ShapeOf, is_whole
from ..core.types import DTypeLike, Tensor
from .base import Elementwise
from .catalogue import layer


class Random(Elementwise):
    """Base of layers that draw random numbers in training; they own a seed, so that a resumed run draws the same."""

    seed: int | None

    def __init__(self, **options: Unpack[LayerOptions]):
        super().__init__(**options)
        self.seed_generator: rng.SeedGenerator | None = rng.SeedGenerator(self.seed) if self._disturbs() else None

    def _disturbs(self) -> bool:
        """Whether the settings leave anything to draw."""
        raise NotImplementedError

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        return self.disturb(inputs) if training and self.seed_generator is not None else inputs

    def disturb(self, inputs: Tensor) -> Tensor:
        raise NotImplementedError

    def normal(self, inputs: Tensor) -> Tensor:
        """Standard normal numbers in the shape and dtype of the inputs."""
        return jax.random.normal(rng.key(self.seed_generator), inputs.shape, inputs.dtype)


class Dropping(Random):
    """Base of layers that drop values at a rate."""

    keeps_values = True  # in inference, for which a model is made
    rate: float
    noise_shape: tuple[int | None, ...] | None

    def _disturbs(self) -> bool:
        return self.rate > 0

    def disturb(self, inputs: Tensor) -> Tensor:
        return jnp.where(self.kept(inputs.shape), inputs / (1 - self.rate), 0)

    def kept(self, shape: tuple[int, ...]) -> Tensor:
        """Boolean array that broadcasts to the input, False where a value is dropped."""
        if self.noise_shape is not None:
            sizes = self.noise_shape
            # A noise shape stands for the last axes if it is shorter than the input.
            shape = tuple(own if size is None else size for size, own in zip(sizes, shape[-len(sizes) :], strict=True))
        return kernels.dropout_mask(rng.draw_seed(self.seed_generator), shape, self.rate)


class _NoiseShape(ShapeOf):
    """Sizes above zero; None for a size as in the input."""

    def resolve(self, value: object, name: str, owner: Owner) -> tuple[int | None, ...] | None:
        if value is None:
            return None
        wrong, received = f"{owner}: Invalid value received for argument `{name}`.", f"Received: {name}={value!r}"
        if not isinstance(value, (tuple, list)) or not all(size is None or is_whole(size) for size in value):
            raise ValueError(f"{wrong} Expected a tuple or list of integers or None. {received}")
        if any(size is not None and size < 1 for size in value):
            raise ValueError(f"{wrong} Expected all dimensions to be positive integers or None. {received}")
        return tuple(value)


NoiseShape = Annotated[Sequence[int | None] | None, _NoiseShape()]


@layer()
class Dropout(Dropping):
    """Sets values to 0 with probability `rate` in training, and scales the others by `1 / (1 - rate)`.

    Srivastava et al. 2014, Dropout (which scales at inference instead; the expectation is the same).
    Inert outside of training. Every call draws a new mask; the state of the seed is a variable.

    Shapes: any; the output has the shape of the input.

    Args:
        rate: probability, from 0 to below 1. A rate of 1, which would drop everything, is refused (Keras accepts it).
        noise_shape: shape of the mask, with 1 for axes along which all is dropped together and None for sizes as in
            the input: `(None, 1, None)` drops the same features in all steps. Default: that of the input.
        seed: whole number; default: drawn from the process' stream.
        **options: `name`, `dtype`, ...: as in `Layer`.

    Raises:
        ValueError: for a rate out of range, or a `noise_shape` that is no shape.

    Example:

    >>> import numpy as np
    >>> Dropout(0.5)(np.ones(3)).tolist()
    [1.0, 1.0, 1.0]
    """

    numpy_form: str | None = "nothing"

    def __init__(
        self, rate: Rate, noise_shape: NoiseShape = None, seed: int | None = None, **options: Unpack[LayerOptions]
    ):
        super().__init__(**options)


@layer()
class AlphaDropout(Dropping):
    """Dropout that keeps mean and variance of self-normalizing networks: dropped values become SELU's lower limit.

    Klambauer et al. 2017, Self-Normalizing Neural Networks: `a * x + b` with `x` set to `alpha'` where dropped.
    Inert outside of training.

    Shapes: any; the output has the shape of the input.

    Args:
        rate: probability, from 0 to below 1. A rate of 1, which would drop everything, is refused (Keras accepts it).
        noise_shape: shape of the mask, with 1 for axes along which all is dropped together and None for sizes as in
            the input: `(None, 1, None)` drops the same features in all steps. Default: that of the input.
        seed: whole number; default: drawn from the process' stream.
        **options: `name`, `dtype`, ...: as in `Layer`.

    Raises:
        ValueError: for a rate out of range, or a `noise_shape` that is no shape.

    Example:

    >>> import numpy as np
    >>> AlphaDropout(0.5)(np.ones(3)).tolist()
    [1.0, 1.0, 1.0]
    """

    def __init__(
        self, rate: Rate, noise_shape: NoiseShape = None, seed: int | None = None, **options: Unpack[LayerOptions]
    ):
        super().__init__(**options)

    def disturb(self, inputs: Tensor) -> Tensor:
        lowest = -1.6732632423543772 * 1.0507009873554805
        a = ((1 - self.rate) * (1 + self.rate * lowest**2)) ** -0.5
        return a * jnp.where(self.kept(inputs.shape), inputs, lowest) - a * lowest * self.rate


class SpatialDropout(Dropping):
    """Base of dropout of whole channels."""

    spatial: int
    data_format: str

    def __init__(self, data_format: str, name: str | None, dtype: DTypeLike | None):
        super().__init__(name=name, dtype=dtype)
        ones = (1,) * self.spatial
        self.noise_shape: tuple[int | None, ...] = (
            (None, None, *ones) if data_format == "channels_first" else (None, *ones, None)
        )
        self.input_spec: InputSpec = InputSpec(ndim=self.spatial + 2)

    def get_config(self) -> dict[str, Any]:
        config = {"rate": self.rate, "seed": self.seed, "name": self.name, "dtype": self.dtype_policy.name}
        return config if self.spatial == 1 else {**config, "data_format": self.data_format}


@layer()
class SpatialDropout1D(SpatialDropout):
    """Dropout of whole channels of `(batch, steps, channels)`: all values of a channel are dropped together.

    Tompson et al. 2014, Efficient Object Localization Using Convolutional Networks. Inert outside of training.

    Shapes: `(batch, steps, channels)`; the output has the shape of the input.

    Args:
        rate: probability, from 0 to below 1. A rate of 1, which would drop everything, is refused (Keras accepts it).
        seed: whole number; default: drawn from the process' stream.
        name: must be unique within a model; default: made from the name of the class.
        dtype: a dtype, or a policy of dtypes, as in `Layer`.

    Raises:
        ValueError: for a rate out of range.

    Example:

    >>> import numpy as np
    >>> SpatialDropout1D(0.5)(np.ones((2, 5, 3))).shape
    (2, 5, 3)
    """

    spatial = 1

    def __init__(self, rate: Rate, seed: int | None = None, name: str | None = None, dtype: DTypeLike | None = None):
        super().__init__("channels_last", name, dtype)


class SpatialDropout2Or3(SpatialDropout):
    """Of images and volumes, which may have their channels first."""

    def __init__(
        self,
        rate: Rate,
        data_format: DataFormat = None,
        seed: int | None = None,
        name: str | None = None,
        dtype: DTypeLike | None = None,
    ):
        super().__init__(self.data_format, name, dtype)


@layer()
class SpatialDropout2D(SpatialDropout2Or3):
    """Dropout of whole channels of `(batch, rows, columns, channels)`: all values of a channel are dropped together.

    Tompson et al. 2014, Efficient Object Localization Using Convolutional Networks. Inert outside of training.

    Shapes: `(batch, rows, columns, channels)`, or `(batch, channels, rows, columns)` with the channels first; the
    output has the shape of the input.

    Args:
        rate: probability, from 0 to below 1. A rate of 1, which would drop everything, is refused (Keras accepts it).
        data_format: `"channels_last"` or `"channels_first"`; default: as `config.set_image_data_format` says, channels
            last at first.
        seed: whole number; default: drawn from the process' stream.
        name: must be unique within a model; default: made from the name of the class.
        dtype: a dtype, or a policy of dtypes, as in `Layer`.

    Raises:
        ValueError: for a rate out of range, or an unknown `data_format`.

    Example:

    >>> import numpy as np
    >>> SpatialDropout2D(0.5)(np.ones((2, 5, 5, 3))).shape
    (2, 5, 5, 3)
    """

    spatial = 2


@layer()
class SpatialDropout3D(SpatialDropout2Or3):
    """Dropout of whole channels of `(batch, depth, rows, columns, channels)`: all values of one are dropped together.

    Tompson et al. 2014, Efficient Object Localization Using Convolutional Networks. Inert outside of training.

    Shapes: `(batch, depth, rows, columns, channels)`, or `(batch, channels, depth, rows, columns)` with the channels
    first; the output has the shape of the input.

    Args:
        rate: probability, from 0 to below 1. A rate of 1, which would drop everything, is refused (Keras accepts it).
        data_format: `"channels_last"` or `"channels_first"`; default: as `config.set_image_data_format` says, channels
            last at first.
        seed: whole number; default: drawn from the process' stream.
        name: must be unique within a model; default: made from the name of the class.
        dtype: a dtype, or a policy of dtypes, as in `Layer`.

    Raises:
        ValueError: for a rate out of range, or an unknown `data_format`.

    Example:

    >>> import numpy as np
    >>> SpatialDropout3D(0.5)(np.ones((2, 4, 5, 5, 3))).shape
    (2, 4, 5, 5, 3)
    """

    spatial = 3


@layer()
class GaussianDropout(Random):
    """Multiplies by normal noise of mean 1 and deviation `sqrt(rate / (1 - rate))` in training.

    Srivastava et al. 2014, section 10: the deviation that dropout of the same rate has. Inert outside of training.

    Shapes: any; the output has the shape of the input.

    Args:
        rate: of the dropout, from 0 to below 1. A rate of 1 is refused.
        seed: whole number; default: drawn from the process' stream.
        **options: `name`, `dtype`, ...: as in `Layer`.

    Raises:
        ValueError: for a rate out of range.

    Example:

    >>> import numpy as np
    >>> GaussianDropout(0.5)(np.ones(3)).tolist()
    [1.0, 1.0, 1.0]
    """

    rate: float

    def __init__(self, rate: Rate, seed: int | None = None, **options: Unpack[LayerOptions]):
        super().__init__(**options)

    def _disturbs(self) -> bool:
        return self.rate > 0

    def disturb(self, inputs: Tensor) -> Tensor:
        return inputs * (1 + math.sqrt(self.rate / (1 - self.rate)) * self.normal(inputs))


@layer()
class GaussianNoise(Random):
    """Adds normal noise of mean 0 and deviation `stddev` in training. Inert outside of it.

    Shapes: any; the output has the shape of the input.

    Args:
        stddev: standard deviation, from 0 to 1.
        seed: whole number; default: drawn from the process' stream.
        **options: `name`, `dtype`, ...: as in `Layer`.

    Raises:
        ValueError: for a deviation out of range.

    Example:

    >>> import numpy as np
    >>> GaussianNoise(0.1)(np.ones(3)).tolist()
    [1.0, 1.0, 1.0]
    """

    stddev: float

    def __init__(self, stddev: Fraction, seed: int | None = None, **options: Unpack[LayerOptions]):
        super().__init__(**options)

    def _disturbs(self) -> bool:
        return self.stddev > 0

    def disturb(self, inputs: Tensor) -> Tensor:
        return inputs + self.stddev * self.normal(inputs)


@layer()
class ActivityRegularization(Elementwise):
    """Returns its input and adds `l1 * sum(abs(x)) + l2 * sum(x ** 2)` to the loss.

    Shapes: any; the output is the input.

    Args:
        l1: factor of the sum of absolute values.
        l2: factor of the sum of squares.
        **options: `name`, `dtype`, ...: as in `Layer`.

    Example:

    >>> import numpy as np
    >>> layer = ActivityRegularization(l1=1.0, l2=10.0)
    >>> layer(np.array([[1.0, -2.0]])).tolist(), float(layer.losses[0])
    ([[1.0, -2.0]], 53.0)
    """

    def __init__(self, l1: Factor = 0.0, l2: Factor = 0.0, **options: Unpack[Options]):
        super().__init__(activity_regularizer=regularizers.L1L2(l1=l1, l2=l2), **options)

    def call(self, inputs: Tensor) -> Tensor:
        return inputs

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["activity_regularizer"]  # made from l1 and l2
        return config
