"""Public namespace `keras.random`: random arrays from a seed.

`seed` is a whole number (the same one gives the same numbers, and those that Keras draws on JAX), a `SeedGenerator`,
which moves on with each draw, also inside compiled calls of a model that tracks it, a key of JAX (`jax.random.key(0)`
or `PRNGKey(0)`; equal keys give equal numbers), or None: the stream of the process, which
`keras.utils.set_random_seed` restarts.

Draws use JAX's threefry generator (Salmon et al. 2011, *Parallel random numbers: as easy as 1, 2, 3*).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from ._lazy import listed
from .core import dtypes, rng
from .core.operation import symbolic
from .core.rng import Seed, SeedGenerator
from .core.types import ArrayLike, DTypeLike
from .core.variable import Variable

Shape = Sequence[int] | int


def _key(seed: Seed) -> jax.Array:
    return jax.random.wrap_key_data(rng.draw_seed(seed), impl="threefry2x32")


def _dtype(name: str, dtype: DTypeLike | None) -> np.dtype:
    found = dtypes.jnp_dtype(dtypes.standardize(dtype))
    if not dtypes.is_float(found):
        raise ValueError(f"random.{name}: requires a float `dtype`. Received: dtype={dtype!r}")
    return found


def _array(x: ArrayLike, dtype: np.dtype | None = None) -> jax.Array:
    return jnp.asarray(x.value if isinstance(x, Variable) else dtypes.as_array(x), dtype)


def _shape(shape: Shape) -> tuple[int, ...]:
    return (shape,) if isinstance(shape, int) else tuple(shape)


def normal(
    shape: Shape, mean: ArrayLike = 0.0, stddev: ArrayLike = 1.0, dtype: DTypeLike | None = None, seed: Seed = None
) -> jax.Array:
    """Draws from normal distributions; `mean` and `stddev` are broadcast to `shape`.

    Args:
        shape: of the result.
        mean: of the distribution.
        stddev: its standard deviation.
        dtype: a float dtype; default: `floatx()`.
        seed: whole number, `SeedGenerator`, key of JAX, or None for the stream of the process.
    """
    kind = _dtype("normal", dtype)
    return jax.random.normal(_key(seed), _shape(shape), kind) * _array(stddev, kind) + _array(mean, kind)


def truncated_normal(
    shape: Shape, mean: ArrayLike = 0.0, stddev: ArrayLike = 1.0, dtype: DTypeLike | None = None, seed: Seed = None
) -> jax.Array:
    """Draws from normal distributions, those more than two standard deviations from the mean drawn again.

    Args:
        shape: of the result.
        mean: of the distribution.
        stddev: its standard deviation before it is cut.
        dtype: a float dtype; default: `floatx()`.
        seed: whole number, `SeedGenerator`, key of JAX, or None for the stream of the process.
    """
    kind = _dtype("truncated_normal", dtype)
    draws = jax.random.truncated_normal(_key(seed), -2.0, 2.0, _shape(shape), kind)
    return draws * _array(stddev, kind) + _array(mean, kind)


def uniform(
    shape: Shape, minval: ArrayLike = 0.0, maxval: ArrayLike = 1.0, dtype: DTypeLike | None = None, seed: Seed = None
) -> jax.Array:
    """Draws from `minval` (included) to `maxval` (excluded); `randint` draws whole numbers.

    Args:
        shape: of the result.
        minval: the least.
        maxval: the end, which is never drawn.
        dtype: a float dtype; default: `floatx()`.
        seed: whole number, `SeedGenerator`, key of JAX, or None for the stream of the process.
    """
    kind = _dtype("uniform", dtype)
    return jax.random.uniform(_key(seed), _shape(shape), kind, _array(minval, kind), _array(maxval, kind))


def randint(
    shape: Shape, minval: ArrayLike, maxval: ArrayLike, dtype: DTypeLike = "int32", seed: Seed = None
) -> jax.Array:
    """Whole numbers from `minval` (included) to `maxval` (excluded).

    Args:
        shape: of the result.
        minval: the least.
        maxval: the end, which is never drawn.
        dtype: a whole-number dtype.
        seed: whole number, `SeedGenerator`, key of JAX, or None for the stream of the process.
    """
    found = dtypes.jnp_dtype("int32" if dtype is None else dtypes.standardize(dtype))
    if not dtypes.is_int(found):
        raise ValueError(f"random.randint: requires a whole-number `dtype`. Received: dtype={dtype!r}")
    return jax.random.randint(_key(seed), _shape(shape), _array(minval), _array(maxval), found)


def gamma(shape: Shape, alpha: ArrayLike, dtype: DTypeLike | None = None, seed: Seed = None) -> jax.Array:
    """Draws from gamma distributions of shape parameter `alpha` > 0 and scale 1.

    Args:
        shape: of the result.
        alpha: broadcast to `shape`.
        dtype: a float dtype; default: `floatx()`.
        seed: whole number, `SeedGenerator`, key of JAX, or None for the stream of the process.
    """
    kind = _dtype("gamma", dtype)
    return jax.random.gamma(_key(seed), _array(alpha, kind), _shape(shape), kind)


def beta(
    shape: Shape, alpha: ArrayLike, beta: ArrayLike, dtype: DTypeLike | None = None, seed: Seed = None
) -> jax.Array:
    """Draws from beta distributions with parameters `alpha`, `beta` > 0: mean `alpha / (alpha + beta)`.

    Args:
        shape: of the result.
        alpha, beta: broadcast to `shape`.
        dtype: a float dtype; default: `floatx()`.
        seed: whole number, `SeedGenerator`, key of JAX, or None for the stream of the process.
    """
    kind = _dtype("beta", dtype)
    return jax.random.beta(_key(seed), _array(alpha, kind), _array(beta, kind), _shape(shape), kind)


def binomial(
    shape: Shape, counts: ArrayLike, probabilities: ArrayLike, dtype: DTypeLike | None = None, seed: Seed = None
) -> jax.Array:
    """The number of successes in `counts` trials that each succeed with `probabilities`, as floats.

    Args:
        shape: of the result.
        counts: of trials, broadcast to `shape`.
        probabilities: from 0 to 1, broadcast to `shape`.
        dtype: a float dtype; default: `floatx()`.
        seed: whole number, `SeedGenerator`, key of JAX, or None for the stream of the process.
    """
    kind = _dtype("binomial", dtype)
    counts, probabilities = _array(counts, kind), _array(probabilities, kind)
    return jax.random.binomial(_key(seed), counts, probabilities, _shape(shape), kind)


@symbolic
def categorical(logits: ArrayLike, num_samples: int, dtype: DTypeLike = "int32", seed: Seed = None) -> jax.Array:
    """Classes drawn with the probabilities `softmax(logits)`.

    Args:
        logits: `(batch, classes)`.
        num_samples: draws per row.
        dtype: a whole-number dtype.
        seed: whole number, `SeedGenerator`, key of JAX, or None for the stream of the process.

    Returns:
        `(batch, num_samples)`.
    """
    logits = _array(logits)
    if logits.ndim != 2:
        raise ValueError(f"random.categorical: `logits` must have shape (batch, classes). Received: {logits.shape}")
    draws = jax.random.categorical(_key(seed), logits[..., None], axis=1, shape=(logits.shape[0], num_samples))
    return draws.astype(dtypes.jnp_dtype(dtypes.standardize(dtype)))


@symbolic
def dropout(
    inputs: ArrayLike, rate: float, noise_shape: Sequence[int | None] | None = None, seed: Seed = None
) -> jax.Array:
    """`inputs` with a share `rate` of the elements set to 0 and the others divided by `1 - rate`.

    Args:
        noise_shape: shape of the draws, broadcast to that of `inputs`: elements along an axis of size 1 share their
            fate. None stands for the size in `inputs`.
        inputs: floats of any shape.
        rate: from 0 to 1.
        seed: whole number, `SeedGenerator`, key of JAX, or None for the stream of the process.
    """
    inputs = _array(inputs)
    if not 0 <= rate <= 1:
        raise ValueError(f"random.dropout: `rate` must be from 0 to 1. Received: rate={rate!r}")
    if not dtypes.is_float(inputs.dtype):
        raise TypeError(f"random.dropout: `inputs` must be floats. Received: {inputs.dtype}")
    if rate == 0:
        return inputs
    if rate == 1:
        return jnp.zeros_like(inputs)
    shape = inputs.shape if noise_shape is None else _noise(noise_shape, inputs.shape)
    kept = jax.random.bernoulli(_key(seed), 1 - rate, shape)
    return jnp.where(kept, inputs / jnp.asarray(1 - rate, inputs.dtype), jnp.zeros_like(inputs))


def _noise(noise_shape: Sequence[int | None], shape: tuple[int, ...]) -> tuple[int, ...]:
    sizes = tuple(noise_shape)
    aligned = shape[len(shape) - len(sizes) :]
    filled = tuple(total if size is None else size for size, total in zip(sizes, aligned, strict=False))
    if len(sizes) > len(shape) or any(size not in (1, total) for size, total in zip(filled, aligned, strict=True)):
        raise ValueError(f"random.dropout: `noise_shape` {sizes} cannot be broadcast to the inputs' shape {shape}.")
    return filled


@symbolic
def shuffle(x: ArrayLike, axis: int = 0, seed: Seed = None) -> jax.Array:
    """`x` with the elements of each slice along `axis` in a random order of its own.

    The rows of a matrix do not stay together (nor do they in Keras on JAX); to shuffle rows, take them in the order of
    `shuffle(arange(n))`.

    Args:
        x: array of any shape.
        axis: along which elements move.
        seed: whole number, `SeedGenerator`, key of JAX, or None for the stream of the process.
    """
    return jax.random.permutation(_key(seed), _array(x), axis=axis, independent=True)


__all__ = [
    "SeedGenerator", "beta", "binomial", "categorical", "dropout", "gamma", "normal", "randint", "shuffle",
    "truncated_normal", "uniform",
]  # fmt: skip

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
