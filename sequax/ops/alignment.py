"""Connectionist temporal classification: sequences of labels without their times. Graves et al. 2006."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from ..core.types import ArrayLike
from .table import array, op

NEVER = -jnp.inf  # logarithm of the probability of what cannot be
STRATEGIES = ("greedy", "beam_search")


@op
def ctc_loss(
    target: ArrayLike, output: ArrayLike, target_length: ArrayLike, output_length: ArrayLike, mask_index: int = 0
) -> jax.Array:
    """Minus the logarithm of the probability of `target`, summed over all ways to lay it out in time.

    Args:
        target: `(batch, labels)`, class numbers.
        output: `(batch, time, classes)`, logits.
        target_length, output_length: `(batch,)`, how many labels and steps count.
        mask_index: the class that means no label.

    Returns:
        `(batch,)`, float32; about 1e5 where the labels do not fit into the time.
    """
    import optax  # only this op needs it

    target, logits = array(target).astype("int32"), array(output).astype("float32")
    if logits.ndim != 3 or target.ndim != 2 or target.shape[0] != logits.shape[0]:
        raise ValueError(
            f"ctc_loss: expected target of shape (batch, labels) and output of shape (batch, time, classes). Received:"
            f" target.shape={target.shape}, output.shape={logits.shape}"
        )
    logit_pads = _beyond(output_length, logits.shape[1])
    label_pads = _beyond(target_length, target.shape[1])
    return optax.ctc_loss(logits, logit_pads, target, label_pads, blank_id=mask_index)


def _beyond(lengths: ArrayLike, size: int) -> jax.Array:
    """1 at the steps that do not count, `(batch, size)`."""
    return (jnp.arange(size) >= array(lengths)[:, None]).astype("float32")


@op
def ctc_decode(
    inputs: ArrayLike,
    sequence_lengths: ArrayLike,
    strategy: str = "greedy",
    beam_width: int = 100,
    top_paths: int = 1,
    merge_repeated: bool = True,
    mask_index: int | None = 0,
) -> tuple[jax.Array, jax.Array]:
    """The likeliest labels.

    Args:
        inputs: `(batch, time, classes)`, logits.
        sequence_lengths: `(batch,)`, how many steps count.
        strategy: `"greedy"`: the likeliest class of every step; `"beam_search"`: the likeliest labels among the
            `beam_width` best beginnings, which sums over their layouts in time.
        top_paths: how many sequences of labels `"beam_search"` returns.
        merge_repeated: greedy only: equal neighbours are one label.
        mask_index: the class that means no label; None: the last one.

    Returns:
        labels `(top_paths, batch, time)`, int32, -1 behind the last one; scores `(batch, top_paths)`: logarithms of
        probabilities, or, greedy, minus the sum of the largest logits.

    Raises:
        ValueError: for an unknown strategy, a wrong shape, or more `top_paths` than `beam_width`.
    """
    logits, lengths = array(inputs).astype("float32"), array(sequence_lengths)
    if strategy not in STRATEGIES:
        raise ValueError(f"ctc_decode: `strategy` must be one of {STRATEGIES}. Received: strategy={strategy!r}")
    if logits.ndim != 3:
        raise ValueError(
            f"ctc_decode: expected inputs of shape (batch, time, classes). Received: inputs.shape={logits.shape}"
        )
    blank = logits.shape[-1] - 1 if mask_index is None else mask_index
    if strategy == "greedy":
        return _greedy(logits, lengths, blank, merge_repeated)
    if top_paths > beam_width:
        raise ValueError(
            f"ctc_decode: no more paths than beams can be returned. Received: top_paths={top_paths},"
            f" beam_width={beam_width}"
        )
    labels, scores = jax.vmap(lambda x, length: _beam_search(x, length, beam_width, top_paths, blank))(logits, lengths)
    return jnp.swapaxes(labels, 0, 1), scores


def _greedy(logits: jax.Array, lengths: jax.Array, blank: int, merge: bool) -> tuple[jax.Array, jax.Array]:
    batch, time, _ = logits.shape
    counts = jnp.arange(time) < lengths[:, None]
    best = jnp.argmax(logits, -1).astype("int32")
    kept = counts & (best != blank)
    if merge:
        kept &= jnp.concatenate([jnp.ones((batch, 1), bool), best[:, 1:] != best[:, :-1]], 1)
    place = jnp.where(kept, jnp.cumsum(kept, 1) - 1, time)
    labels = jnp.full((batch, time), -1, "int32").at[jnp.arange(batch)[:, None], place].set(best, mode="drop")
    score = -jnp.sum(jnp.where(counts, logits.max(-1), 0), 1, keepdims=True)
    return labels[None], score


def _beam_search(logits: jax.Array, length: jax.Array, width: int, top: int, blank: int) -> tuple[Any, ...]:
    """Prefix beam search (Hannun et al. 2014) of one sequence.

    A beam is a beginning: its labels, how many, and the probability that the steps so far spell it and end with a
    blank, or with its last label.
    """
    time, classes = logits.shape
    log_p = jax.nn.log_softmax(logits)

    def step(beams: tuple[Any, ...], inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        labels, sizes, blank_p, label_p = beams
        now, at = inputs
        last = jnp.take_along_axis(labels, jnp.maximum(sizes - 1, 0)[:, None], 1)[:, 0]
        total = jnp.logaddexp(blank_p, label_p)
        # Longer by one label. After its own last label a beginning grows only where a blank came between.
        repeats = (jnp.arange(classes) == last[:, None]) & (sizes > 0)[:, None]
        longer = jnp.where(repeats, blank_p[:, None], total[:, None]) + now
        longer = longer.at[:, blank].set(NEVER)
        # A longer beginning that is already a beam adds to that one.
        parent = _parents(labels, sizes)
        reached = jnp.where(parent, longer[:, jnp.maximum(last, 0)], NEVER)
        stay_blank = total + now[blank]
        stay_label = jnp.where(sizes > 0, label_p + now[jnp.maximum(last, 0)], NEVER)
        stay_label = jnp.logaddexp(stay_label, jax.nn.logsumexp(reached, 0))
        taken = jnp.any(parent[:, :, None] & (jnp.arange(classes) == last[None, :, None]), 1)
        longer = jnp.where(taken, NEVER, longer)
        scores = jnp.concatenate([jnp.logaddexp(stay_blank, stay_label), longer.reshape(-1)])
        _, chosen = jax.lax.top_k(scores, width)
        grown = chosen >= width
        source, label = jnp.divmod(jnp.maximum(chosen - width, 0), classes)
        source = jnp.where(grown, source, jnp.minimum(chosen, width - 1))
        end = (jnp.arange(time) == sizes[source][:, None]) & grown[:, None]
        found = (
            jnp.where(end, label[:, None].astype("int32"), labels[source]),
            sizes[source] + grown,
            jnp.where(grown, NEVER, stay_blank[source]),
            jnp.where(grown, scores[chosen], stay_label[source]),
        )
        return jax.tree.map(lambda new, old: jnp.where(at < length, new, old), found, beams), None

    start = (
        jnp.full((width, time), -1, "int32"),
        jnp.zeros(width, "int32"),
        jnp.full(width, NEVER).at[0].set(0.0),
        jnp.full(width, NEVER),
    )
    (labels, _, blank_p, label_p), _ = jax.lax.scan(step, start, (log_p, jnp.arange(time)))
    scores, order = jax.lax.top_k(jnp.logaddexp(blank_p, label_p), top)
    return labels[order], scores


def _parents(labels: jax.Array, sizes: jax.Array) -> jax.Array:
    """Whether beam i is beam j without its last label, `(i, j)`."""
    before = jnp.arange(labels.shape[1]) < (sizes - 1)[:, None]
    shortened = jnp.where(before, labels, -1)
    same = jnp.all(labels[:, None] == shortened[None], -1)
    return same & (sizes[:, None] + 1 == sizes[None])


__all__ = ["ctc_decode", "ctc_loss"]
