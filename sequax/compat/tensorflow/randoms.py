"""`tf.random`: draws from the stream of the process, of the layer that is called, or of a seed.

A seed in TensorFlow begins a sequence, it does not repeat one number: two draws with `seed=3` differ, and a run gives
both again. So each seed has a stream here, and a layer that draws has streams of its own, which compiled programs move.
"""

from __future__ import annotations

from typing import Any, SupportsInt

import jax
import jax.numpy as jnp
import numpy as np

from ... import ops, random
from ...core import dtypes, rng, scope
from ...core.layer import Layer
from ...core.rng import Seed, SeedGenerator
from ...core.types import ArrayLike, DTypeLike
from ...core.variable import Variable
from .arrays import sizes
from .member import Member
from .serving import Table
from .values import AnyTensor, HostTensor, Sizes, StringTensor, as_dtype, tensor

MEMBERS = Table()
_streams: dict[int, SeedGenerator] = {}


def forget() -> None:
    """Restart all streams of seeds, as `tf.random.set_seed` does."""
    _streams.clear()


def stream(seed: ArrayLike | None) -> Seed:
    """Where to draw from: the layer that is called, which compiled programs know, or else the process."""
    seed = None if seed is None else int(np.asarray(seed))
    call, frame = scope.call(), scope.frame()
    owner = call.owners[-1] if call is not None and call.owners else None
    if isinstance(owner, Layer):
        name = "backend_seed" if seed is None else f"backend_seed_{seed}"
        found = getattr(owner, name, None)
        if found is None and (frame is None or frame.symbolic or frame.known is None):
            with scope.framed(None):
                found = SeedGenerator(seed)
            setattr(owner, name, found)
        return found if found is not None else seed
    if seed is None:
        return None
    if frame is None or frame.known is None:
        return _streams.setdefault(seed, SeedGenerator(seed))
    begun = _streams.get(seed)  # a program that has this stream among its inputs moves it on
    return begun if begun is not None and id(begun.state) in frame.known else seed


def _pair(seed: ArrayLike) -> jax.Array:
    """The two numbers of a `stateless_*` seed as a seed of ours."""
    seed = tensor(seed)
    return seed.reshape(2).astype(jnp.uint32)


def _float(dtype: DTypeLike) -> str:
    return str(as_dtype(dtype))


@MEMBERS.serve("random.normal", "random_normal")
def normal(
    shape: Sizes,
    mean: ArrayLike = 0.0,
    stddev: ArrayLike = 1.0,
    dtype: DTypeLike = "float32",
    seed: ArrayLike | None = None,
) -> jax.Array:
    return _normal(sizes(shape), mean, stddev, dtype, stream(seed))


def _normal(shape: tuple[int, ...], mean: ArrayLike, stddev: ArrayLike, dtype: DTypeLike, seed: Seed) -> jax.Array:
    return random.normal(shape, tensor(mean), tensor(stddev), _float(dtype), seed)


@MEMBERS.serve("random.truncated_normal", "truncated_normal")
def truncated_normal(
    shape: Sizes,
    mean: ArrayLike = 0.0,
    stddev: ArrayLike = 1.0,
    dtype: DTypeLike = "float32",
    seed: ArrayLike | None = None,
) -> jax.Array:
    return random.truncated_normal(sizes(shape), tensor(mean), tensor(stddev), _float(dtype), stream(seed))


@MEMBERS.serve("random.uniform", "random_uniform")
def uniform(
    shape: Sizes,
    minval: ArrayLike = 0,
    maxval: ArrayLike | None = None,
    dtype: DTypeLike = "float32",
    seed: ArrayLike | None = None,
) -> jax.Array:
    return _uniform(sizes(shape), minval, maxval, dtype, stream(seed))


def _uniform(
    shape: tuple[int, ...], minval: ArrayLike, maxval: ArrayLike | None, dtype: DTypeLike, seed: Seed
) -> jax.Array:
    dtype = as_dtype(dtype)
    if not dtype.is_integer:
        return random.uniform(shape, tensor(minval), tensor(1.0 if maxval is None else maxval), str(dtype), seed)
    if maxval is None:
        raise ValueError(f"tensorflow.random.uniform: whole numbers ({dtype!s}) need `maxval`. Received: maxval=None")
    return random.randint(shape, tensor(minval), tensor(maxval), dtypes.jnp_dtype(str(dtype)).name, seed)


@MEMBERS.serve("random.categorical", "random.multinomial", "multinomial")
def categorical(
    logits: ArrayLike, num_samples: SupportsInt, dtype: DTypeLike = "int64", seed: ArrayLike | None = None
) -> jax.Array:
    return _categorical(logits, num_samples, dtype, stream(seed))


def _categorical(logits: ArrayLike, num_samples: SupportsInt, dtype: DTypeLike | None, seed: Seed) -> jax.Array:
    dtype = "int64" if dtype is None else dtype
    found = random.categorical(tensor(logits), int(num_samples), seed=seed)
    return ops.cast(found, str(as_dtype(dtype)))


@MEMBERS.serve("random.shuffle", "random_shuffle")
def shuffle(value: ArrayLike, seed: ArrayLike | None = None) -> AnyTensor:
    value = tensor(value)
    if isinstance(value, StringTensor):
        return value[np.asarray(random.shuffle(jnp.arange(len(value)), seed=stream(seed)))]
    return random.shuffle(value, seed=stream(seed))


@MEMBERS.serve("random.gamma", "random_gamma")
def gamma(
    shape: Sizes,
    alpha: ArrayLike,
    beta: ArrayLike | None = None,
    dtype: DTypeLike = "float32",
    seed: ArrayLike | None = None,
) -> jax.Array:
    return _gamma(_over(shape, alpha), alpha, beta, dtype, stream(seed))


def _over(shape: Sizes, *parameters: ArrayLike) -> tuple[int, ...]:
    """A shape for each combination of parameters."""
    return (*sizes(shape), *np.broadcast_shapes(*(np.shape(one) for one in parameters)))


def _gamma(shape: tuple[int, ...], alpha: ArrayLike, beta: ArrayLike | None, dtype: DTypeLike, seed: Seed) -> jax.Array:
    found = random.gamma(shape, tensor(alpha), _float(dtype), seed)
    return found if beta is None else found / tensor(beta)


@MEMBERS.serve("random.poisson", "random_poisson")
def poisson(shape: Sizes, lam: ArrayLike, dtype: DTypeLike = "float32", seed: ArrayLike | None = None) -> jax.Array:
    return _poisson(_over(shape, lam), lam, dtype, stream(seed))


def _poisson(shape: tuple[int, ...], lam: ArrayLike, dtype: DTypeLike, seed: Seed) -> jax.Array:
    key = jax.random.wrap_key_data(rng.draw_seed(seed), impl="threefry2x32")
    return jax.random.poisson(key, tensor(lam), shape).astype(dtypes.jnp_dtype(_float(dtype)))


@MEMBERS.serve("random.split", "random.experimental.stateless_split")
def split(seed: ArrayLike, num: int = 2) -> jax.Array:
    keys = jax.random.split(jax.random.wrap_key_data(_pair(seed), impl="threefry2x32"), int(num))
    return jax.random.key_data(keys).astype(jnp.int32)


@MEMBERS.serve("random.fold_in", "random.experimental.stateless_fold_in")
def fold_in(seed: ArrayLike, data: int | jax.Array) -> jax.Array:
    key = jax.random.fold_in(jax.random.wrap_key_data(_pair(seed), impl="threefry2x32"), data)
    return jax.random.key_data(key).astype(jnp.int32)


@MEMBERS.serve("random.stateless_normal", "random.experimental.stateless_normal")
def stateless_normal(
    shape: Sizes, seed: ArrayLike, mean: ArrayLike = 0.0, stddev: ArrayLike = 1.0, dtype: DTypeLike = "float32"
) -> jax.Array:
    return _normal(sizes(shape), mean, stddev, dtype, _pair(seed))


@MEMBERS.serve("random.stateless_truncated_normal")
def stateless_truncated_normal(
    shape: Sizes, seed: ArrayLike, mean: ArrayLike = 0.0, stddev: ArrayLike = 1.0, dtype: DTypeLike = "float32"
) -> jax.Array:
    return random.truncated_normal(sizes(shape), tensor(mean), tensor(stddev), _float(dtype), _pair(seed))


@MEMBERS.serve("random.stateless_uniform", "random.experimental.stateless_uniform")
def stateless_uniform(
    shape: Sizes, seed: ArrayLike, minval: ArrayLike = 0, maxval: ArrayLike | None = None, dtype: DTypeLike = "float32"
) -> jax.Array:
    return _uniform(sizes(shape), minval, maxval, dtype, _pair(seed))


@MEMBERS.serve("random.stateless_categorical")
def stateless_categorical(
    logits: ArrayLike, num_samples: SupportsInt, seed: ArrayLike, dtype: DTypeLike = "int64"
) -> jax.Array:
    return _categorical(logits, num_samples, dtype, _pair(seed))


@MEMBERS.serve("random.stateless_poisson")
def stateless_poisson(shape: Sizes, seed: ArrayLike, lam: ArrayLike, dtype: DTypeLike = "int32") -> jax.Array:
    return _poisson(sizes(shape), lam, dtype, _pair(seed))


@MEMBERS.serve("random.stateless_gamma")
def stateless_gamma(
    shape: Sizes, seed: ArrayLike, alpha: ArrayLike, beta: ArrayLike | None = None, dtype: DTypeLike = "float32"
) -> jax.Array:
    return _gamma(sizes(shape), alpha, beta, dtype, _pair(seed))


@MEMBERS.serve("random.experimental.stateless_shuffle", "random.stateless_shuffle")
def stateless_shuffle(value: ArrayLike, seed: ArrayLike) -> jax.Array:
    return random.shuffle(tensor(value), seed=_pair(seed))


class Generator:
    """A stream of its own: `tf.random.Generator.from_seed(1).normal([2, 3])`."""

    def __init__(self, seed: ArrayLike | None = None):
        self._stream = SeedGenerator(None if seed is None else int(np.asarray(seed).reshape(-1)[0]))

    @classmethod
    def from_seed(cls, seed: ArrayLike, alg: object = None) -> Generator:
        return cls(seed)

    @classmethod
    def from_non_deterministic_state(cls, alg: object = None) -> Generator:
        return cls()

    @property
    def key(self) -> jax.Array:
        return self._stream.state.value[0]

    @property
    def state(self) -> Variable:
        return self._stream.state

    def reset_from_seed(self, seed: SupportsInt) -> None:
        self._stream.state.assign(np.array([int(seed), 0], "uint32"))

    def skip(self, delta: SupportsInt) -> None:
        self._stream.state.assign(self._stream.state.value + jnp.array([0, int(delta)], "uint32"))

    def make_seeds(self, count: int = 1) -> jax.Array:
        """Seeds for the `stateless_*` functions, as the columns of an array `(2, count)`."""
        drawn = [rng.key(self._stream) for _ in range(int(count))]
        return jnp.stack([jax.random.key_data(key) for key in drawn], axis=1).astype(jnp.int32)

    def split(self, count: int = 1) -> list[Generator]:
        return [Generator(rng.fresh_seed()) for _ in range(int(count))]

    def normal(
        self,
        shape: Sizes,
        mean: ArrayLike = 0.0,
        stddev: ArrayLike = 1.0,
        dtype: DTypeLike = "float32",
        name: object = None,
    ) -> jax.Array:
        return _normal(sizes(shape), mean, stddev, dtype, self._stream)

    def truncated_normal(
        self,
        shape: Sizes,
        mean: ArrayLike = 0.0,
        stddev: ArrayLike = 1.0,
        dtype: DTypeLike = "float32",
        name: object = None,
    ) -> jax.Array:
        return random.truncated_normal(sizes(shape), tensor(mean), tensor(stddev), _float(dtype), self._stream)

    def uniform(
        self,
        shape: Sizes,
        minval: ArrayLike = 0,
        maxval: ArrayLike | None = None,
        dtype: DTypeLike = "float32",
        name: object = None,
    ) -> jax.Array:
        return _uniform(sizes(shape), minval, maxval, dtype, self._stream)

    def binomial(
        self, shape: Sizes, counts: ArrayLike, probs: ArrayLike, dtype: DTypeLike = "int32", name: object = None
    ) -> jax.Array:
        drawn = random.binomial(sizes(shape), tensor(counts), tensor(probs), "float32", self._stream)
        return ops.cast(drawn, str(as_dtype(dtype)))


_global: list[Generator] = []


@MEMBERS.serve("random.get_global_generator")
def get_global_generator() -> Generator:
    if not _global:
        _global.append(Generator())
    return _global[0]


@MEMBERS.serve("random.set_global_generator")
def set_global_generator(generator: Generator) -> None:
    _global[:] = [generator]


MEMBERS["random.Generator"] = MEMBERS["random.experimental.Generator"] = Member(Generator)


@MEMBERS.serve("image.random_crop", "random_crop")
def random_crop(value: ArrayLike, size: Sizes, seed: ArrayLike | None = None) -> AnyTensor:
    return cropped(value, size, stream(seed))


@MEMBERS.serve("image.stateless_random_crop")
def stateless_random_crop(value: ArrayLike, size: Sizes, seed: ArrayLike) -> AnyTensor:
    return cropped(value, size, _pair(seed))


def cropped(value: ArrayLike, size: Sizes, seed: Seed) -> AnyTensor:
    """A part of the given size, from a random place."""
    value = value if isinstance(value, HostTensor) else tensor(value)
    size = tuple(old if new == -1 else new for old, new in zip(value.shape, sizes(size), strict=True))
    room = [old - new for old, new in zip(value.shape, size, strict=True)]
    if min(room) < 0:
        raise ValueError(
            f"tensorflow.image.random_crop: `size` must not exceed the shape {tuple(value.shape)}. Received: {size}"
        )
    starts = random.randint((len(size),), 0, jnp.asarray(room) + 1, seed=seed)
    if isinstance(value, HostTensor):
        return value[tuple(slice(start, start + n) for start, n in zip(np.asarray(starts).tolist(), size, strict=True))]
    return jax.lax.dynamic_slice(value, tuple(starts), size)


def drawn(seed: Seed, low: ArrayLike, high: ArrayLike) -> jax.Array:
    """One number between two; `seed` is a stream."""
    return random.uniform((), low, high, "float32", seed)


def stateless_or_stream(seed: Any, stateless: bool) -> Seed:
    """The seed argument of a function as what to draw from."""
    return _pair(seed) if stateless else stream(seed)
