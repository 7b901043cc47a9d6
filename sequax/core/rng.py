"""Randomness: seeds are variables, so that a run can be repeated and resumed."""

from __future__ import annotations

import random as python_random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._holding import Holding
from . import names, scope
from .catalogue import Catalogue
from .variable import Variable

# Fresh seeds come from here; `set_random_seed` restarts it.
_seeds = np.random.default_rng()
_default: SeedGenerator | None = None
_given: int | None = None
_instead: ContextVar[SeedGenerator | None] = ContextVar("sequax_random", default=None)

catalogue: Catalogue = Catalogue("seed generator", "keras.random")


def set_random_seed(seed: int) -> None:
    """Seed Python's `random`, NumPy and Sequax: the same program then gives the same numbers.

    Args:
        seed: whole number from 0 to 2**32 - 1.
    """
    global _seeds, _default, _given
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**32:
        raise ValueError(f"set_random_seed: expected a whole number from 0 to 2**32 - 1. Received: seed={seed!r}")
    python_random.seed(int(seed))
    np.random.seed(int(seed))
    _seeds = np.random.default_rng(int(seed))
    _default, _given = None, int(seed)


def given_seed() -> int | None:
    """What `set_random_seed` was called with last; None if it was not."""
    return _given


def fresh_seed() -> int:
    """A new seed from the process' stream (which `set_random_seed` restarts)."""
    return int(_seeds.integers(2**31 - 1))


@contextmanager
def seeded(seed: int | Sequence[int]) -> Iterator[None]:
    """Inside, fresh seeds come from a stream of their own, begun with whatever NumPy takes as a seed."""
    global _seeds
    kept, _seeds = _seeds, np.random.default_rng(seed)
    try:
        yield
    finally:
        _seeds = kept


def state() -> dict[str, Any]:
    """Where the process' streams stand, as plain values."""
    drawn = None if _default is None else np.asarray(_default.state.value).tolist()
    return {"seeds": _seeds.bit_generator.state, "default": drawn}


def restore(state: dict[str, Any]) -> None:
    """Go on drawing as the process did that gave this state."""
    _seeds.bit_generator.state = state["seeds"]
    if state["default"] is not None:
        default_generator().state.assign(np.array(state["default"], "uint32"))


def numpy_generator(seed: int | None) -> np.random.Generator:
    """A NumPy generator from a seed; from the process' stream if None."""
    return np.random.default_rng(fresh_seed() if seed is None else int(seed))


@catalogue.register()
class SeedGenerator:
    """A stream of seeds for random functions; its state is a variable of the layer that owns it.

    Args:
        seed: whole number; None draws one from the process' stream.
        name: of the state's owner in paths.

    `next()` returns the current state, a uint32 array of shape (2,): the seed and a counter that grows by one a call;
    `next(ordered=False)` mixes both numbers instead, as Keras does where the order of calls is not known.
    """

    tracked_as = "seed"

    def __init__(self, seed: int | None = None, name: str | None = None, **kwargs: object):
        if kwargs:
            raise ValueError(f"SeedGenerator: unrecognized keyword arguments {sorted(kwargs)}.")
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0):
            raise ValueError(f"SeedGenerator: `seed` must be a whole number >= 0 or None. Received: seed={seed!r}")
        self.name: str = name if name is not None else names.auto_name("seed_generator")
        self._initial_seed = seed
        self.seed: int = fresh_seed() if seed is None else int(seed)
        with scope.calling(self):
            self.state: Variable = Variable(
                np.array([self.seed % 2**32, 0], "uint32"), dtype="uint32", trainable=False, name="seed_generator_state"
            )

    def next(self, ordered: bool = True) -> jax.Array:
        """The current state; the counter moves on."""
        state = self.state.value
        counted = state + jnp.array([0, 1], "uint32")
        self.state.assign(counted if ordered else (state + 1) * jnp.uint32(5387) % jnp.uint32(933199))
        return state

    def get_config(self) -> dict[str, Any]:
        return {"seed": self._initial_seed, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeedGenerator:
        return cls(**config)


def drawing_from(generator: SeedGenerator) -> Holding[SeedGenerator]:
    """Inside, random functions that are called without a seed draw from this stream."""
    return Holding(_instead, generator)


def default_generator() -> SeedGenerator:
    """The stream that random functions draw from when called without a seed."""
    global _default
    instead = _instead.get()
    if instead is not None:
        return instead
    if _default is None:
        _default = SeedGenerator()
    return _default


def current() -> SeedGenerator | None:
    """The stream of `default_generator`, if there is one yet."""
    return _default


def draw_seed(seed: Seed) -> jax.Array:
    """A uint32 (2,) seed from an int, a SeedGenerator, a key of JAX, or None (the process' stream).

    The stream is a SeedGenerator, too, so that a compiled call without a seed is refused (nobody tracks the stream)
    instead of drawing the same numbers at each run.
    """
    if seed is None:
        seed = default_generator()
    if isinstance(seed, SeedGenerator):
        return seed.next()
    if isinstance(seed, (int, np.integer)):
        return jnp.array([int(seed) % 2**32, 0], "uint32")
    if _is_key(seed):
        data = jax.random.key_data(seed) if jnp.issubdtype(seed.dtype, jax.dtypes.prng_key) else seed
        if data.shape == (2,):
            return data
        raise ValueError(
            f"As a seed, a key of JAX must be one key of the generator threefry2x32, as `jax.random.key(0)` is."
            f" Received: a key of shape {seed.shape}, with data of shape {data.shape}"
        )
    raise ValueError(f"A seed must be a whole number, a SeedGenerator, a key of JAX or None. Received: {seed!r}")


def _is_key(seed: Seed) -> bool:
    """`jax.random.key(0)`, or the older `PRNGKey(0)`: plain uint32 numbers."""
    return isinstance(seed, jax.Array) and (
        jnp.issubdtype(seed.dtype, jax.dtypes.prng_key) or (seed.dtype == "uint32" and seed.ndim > 0)
    )


def key(seed: Seed) -> jax.Array:
    """A JAX random key from a seed of any of those kinds."""
    state = draw_seed(seed)
    return jax.random.fold_in(jax.random.key(state[0]), state[1])


Seed = int | SeedGenerator | jax.Array | None  # an array is a key of JAX
