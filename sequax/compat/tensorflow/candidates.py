"""`tf.random.log_uniform_candidate_sampler` and the losses that look at a few classes of many: NCE, sampled softmax."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, SupportsInt

import jax
import jax.numpy as jnp
import numpy as np

from ... import random
from ...core.types import ArrayLike
from .randoms import stream
from .serving import Table
from .values import tensor

MEMBERS = Table()


class Candidates(NamedTuple):
    """Classes drawn, and how often the true ones and the drawn ones are expected among as many draws."""

    sampled_candidates: jax.Array
    true_expected_count: jax.Array
    sampled_expected_count: jax.Array


def _uniform(count: int) -> np.ndarray:
    return np.full(count, 1 / count)


def _log_uniform(count: int) -> np.ndarray:
    classes = np.arange(count)
    return np.log((classes + 2) / (classes + 1)) / np.log(count + 1)


def _tries(chances: np.ndarray, count: int) -> float:
    """After how many draws so many different classes are expected."""
    low, high = float(count), float(count)
    while high < 1e9 and -np.expm1(high * np.log1p(-chances)).sum() < count - 1e-6:
        high *= 2
    for _ in range(50):
        middle = (low + high) / 2
        enough = -np.expm1(middle * np.log1p(-chances)).sum() >= count
        low, high = (low, middle) if enough else (middle, high)
    return high


def _drawn(
    chances: np.ndarray, true_classes: ArrayLike, count: int, unique: bool, seed: ArrayLike | None
) -> Candidates:
    if unique and count > len(chances):
        raise ValueError(
            f"tensorflow.random: `num_sampled` different classes are drawn from `range_max`, which must not be fewer."
            f" Received: num_sampled={count}, range_max={len(chances)}"
        )
    logs = jnp.asarray(np.log(chances), jnp.float32)
    if unique:
        noise = random.uniform((len(chances),), 1e-7, 1.0, "float32", stream(seed))
        found = jax.lax.top_k(logs - jnp.log(-jnp.log(noise)), count)[1]
        with np.errstate(divide="ignore"):
            expected = -np.expm1(_tries(chances, count) * np.log1p(-chances))
    else:
        found = random.categorical(logs[None], count, seed=stream(seed))[0]
        expected = count * chances
    counts = jnp.asarray(expected, jnp.float32)
    return Candidates(found.astype(jnp.int32), counts[tensor(true_classes)], counts[found])


def _serve(name: str, chances: Callable[[int], np.ndarray]) -> None:
    @MEMBERS.serve(f"random.{name}_candidate_sampler", f"nn.{name}_candidate_sampler")
    def sampler(
        true_classes: ArrayLike,
        num_true: int,
        num_sampled: int,
        unique: bool,
        range_max: int,
        seed: ArrayLike | None = None,
    ) -> Candidates:
        return _drawn(chances(int(range_max)), true_classes, int(num_sampled), bool(unique), seed)


_serve("log_uniform", _log_uniform)
_serve("uniform", _uniform)


def _logits(
    weights: ArrayLike, biases: ArrayLike, labels: ArrayLike, inputs: ArrayLike, found: Candidates, remove_hits: bool
) -> tuple[Any, Any]:
    """Scores of the true and of the drawn classes, less the logarithm of how often they are expected."""
    weights, biases, inputs = tensor(weights), tensor(biases), tensor(inputs)
    labels = tensor(labels).reshape(inputs.shape[0], -1)
    drawn, true_counts, counts = map(tensor, found)
    true = jnp.einsum("bd,bnd->bn", inputs, weights[labels]) + biases[labels]
    other = inputs @ weights[drawn].T + biases[drawn] - jnp.log(counts)
    if remove_hits:
        hits = (labels[:, :, None] == drawn[None, None, :]).any(axis=1)
        other = jnp.where(hits, jnp.finfo(other.dtype).min, other)
    return true - jnp.log(true_counts).reshape(labels.shape), other


def _found(
    labels: ArrayLike,
    num_sampled: SupportsInt,
    num_classes: SupportsInt,
    sampled_values: Iterable[Any] | None,
    seed: ArrayLike | None = None,
) -> Candidates:
    if sampled_values is not None:
        return Candidates(*sampled_values)
    return _drawn(_log_uniform(int(num_classes)), labels, int(num_sampled), True, seed)


@MEMBERS.serve("nn.nce_loss")
def nce_loss(
    weights: ArrayLike,
    biases: ArrayLike,
    labels: ArrayLike,
    inputs: ArrayLike,
    num_sampled: int,
    num_classes: int,
    num_true: int = 1,
    sampled_values: Iterable[Any] | None = None,
    remove_accidental_hits: bool = False,
) -> jax.Array:
    found = _found(labels, num_sampled, num_classes, sampled_values)
    true, other = _logits(weights, biases, labels, inputs, found, remove_accidental_hits)
    right = jax.nn.softplus(true) - true / num_true
    return right.sum(axis=1) + jax.nn.softplus(other).sum(axis=1)


@MEMBERS.serve("nn.sampled_softmax_loss")
def sampled_softmax_loss(
    weights: ArrayLike,
    biases: ArrayLike,
    labels: ArrayLike,
    inputs: ArrayLike,
    num_sampled: int,
    num_classes: int,
    num_true: int = 1,
    sampled_values: Iterable[Any] | None = None,
    remove_accidental_hits: bool = True,
    seed: ArrayLike | None = None,
) -> jax.Array:
    found = _found(labels, num_sampled, num_classes, sampled_values, seed)
    true, other = _logits(weights, biases, labels, inputs, found, remove_accidental_hits)
    logs = jax.nn.log_softmax(jnp.concatenate([true, other], axis=1))
    return -logs[:, : true.shape[1]].sum(axis=1) / num_true
