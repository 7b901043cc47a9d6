"""Losses that ask for a margin, and losses of overlap."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ..core import dtypes, masks
from ..core.types import ArrayLike, Axis
from .align import Number, floating, pair
from .catalogue import loss


@loss()
def hinge(y_true: ArrayLike, y_pred: ArrayLike) -> jax.Array:
    """`mean(max(1 − y_true y_pred, 0))`. Cortes and Vapnik 1995.

    Shapes: `(batch, ..., d)` twice -> `(batch, ...)`.

    Args:
        y_true: targets −1 and 1, or 0 and 1.
        y_pred: predictions, of the same shape.

    >>> hinge([[1.0, -1.0]], [[0.5, 0.5]]).tolist()
    [1.0]
    """
    y_true, y_pred = pair("hinge", y_true, y_pred)
    return jnp.mean(_above_zero(1 - _signs(y_true) * y_pred), axis=-1)


@loss()
def squared_hinge(y_true: ArrayLike, y_pred: ArrayLike) -> jax.Array:
    """`mean(max(1 − y_true y_pred, 0)²)`.

    Shapes: `(batch, ..., d)` twice -> `(batch, ...)`.

    Args:
        y_true: targets −1 and 1, or 0 and 1.
        y_pred: predictions, of the same shape.

    >>> squared_hinge([[1.0, -1.0]], [[0.5, 0.5]]).tolist()
    [1.25]
    """
    y_true, y_pred = pair("squared_hinge", y_true, y_pred)
    return jnp.mean(jnp.square(_above_zero(1 - _signs(y_true) * y_pred)), axis=-1)


@loss()
def categorical_hinge(y_true: ArrayLike, y_pred: ArrayLike) -> jax.Array:
    """`max(1 + max((1 − y_true) y_pred) − Σ y_true y_pred, 0)` over the last axis. Crammer and Singer 2001.

    Shapes: `(batch, ..., classes)` twice -> `(batch, ...)`.

    Args:
        y_true: one-hot targets.
        y_pred: predictions, of the same shape.

    >>> categorical_hinge([[0.0, 1.0]], [[0.25, 0.5]]).tolist()
    [0.75]
    """
    y_true, y_pred = pair("categorical_hinge", y_true, y_pred)
    right = jnp.sum(y_true * y_pred, axis=-1)
    wrong = jnp.max((1 - y_true) * y_pred, axis=-1)
    return _above_zero(1 + wrong - right)


@loss()
def dice(y_true: ArrayLike, y_pred: ArrayLike, axis: Axis = None) -> jax.Array:
    """`1 − 2 Σ y_true y_pred / (Σ y_true + Σ y_pred)` over `axis`. Milletari et al. 2016.

    Args:
        y_true: targets from 0 to 1.
        y_pred: predictions, of the same shape.
        axis: one or several; they are removed. None: everything, which gives one number.

    >>> round(float(dice([[1.0, 0.0]], [[0.75, 0.25]])), 4)
    0.25
    """
    y_true, y_pred = pair("dice", y_true, y_pred)
    axis = tuple(axis) if isinstance(axis, list) else axis
    common = jnp.sum(y_true * y_pred, axis=axis)
    total = jnp.sum(y_true, axis=axis) + jnp.sum(y_pred, axis=axis)
    return 1 - 2 * common / (total + dtypes.epsilon())


@loss()
def tversky(
    y_true: ArrayLike, y_pred: ArrayLike, alpha: Number = 0.5, beta: Number = 0.5, axis: Axis = None
) -> jax.Array:
    """`1 − TP / (TP + alpha FN + beta FP)` of soft counts over `axis`.

    As in Keras; Salehi et al. 2017, who proposed it, have alpha at FP and beta at FN.

    Args:
        y_true: targets from 0 to 1.
        y_pred: predictions, of the same shape.
        alpha: weight of the false negatives.
        beta: weight of the false positives.
        axis: one or several; they are removed. None: everything, which gives one number.

    >>> round(float(tversky([[1.0, 0.0]], [[0.75, 0.25]], alpha=0.7, beta=0.3)), 4)
    0.25
    """
    y_true, y_pred = pair("tversky", y_true, y_pred)
    axis = tuple(axis) if isinstance(axis, list) else axis
    hits = jnp.sum(y_true * y_pred, axis=axis)
    false_positives = jnp.sum((1 - y_true) * y_pred, axis=axis)
    misses = jnp.sum(y_true * (1 - y_pred), axis=axis)
    return 1 - hits / (hits + alpha * misses + beta * false_positives + dtypes.epsilon())


@loss()
def circle(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    ref_labels: ArrayLike | None = None,
    ref_embeddings: ArrayLike | None = None,
    remove_diagonal: bool = True,
    gamma: Number = 80,
    margin: Number = 0.4,
) -> jax.Array:
    """Circle loss of embeddings. Sun et al. 2020, equation 6.

    Returns one value per row, `(batch,)`. Rows without a partner of the same or of another class give 0, and do not
    count in a mean.

    Args:
        y_true: labels, of shape `(batch,)` or `(batch, 1)`.
        y_pred: embeddings of length 1 (see `UnitNormalization`), of shape `(batch, d)`.
        ref_labels: labels of the rows to compare with; default: those of the batch.
        ref_embeddings: embeddings of these rows; default: those of the batch.
        remove_diagonal: whether row i is not compared with reference row i, which in the batch is itself.
        gamma: scale of the similarities.
        margin: how far from perfect a similarity counts as good enough.

    >>> values = circle([0, 0, 1], [[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]], gamma=2.0)
    >>> [round(value, 3) for value in values.tolist()]
    [0.452, 0.776, 0.0]
    """
    y_pred = floating(y_pred)
    others = y_pred if ref_embeddings is None else floating(ref_embeddings)
    same, different = _pairs(y_true, y_true if ref_labels is None else ref_labels, remove_diagonal)
    similarity = jnp.minimum(y_pred @ others.T, 1)  # no distance is below 0, of longer embeddings neither
    # As in Keras the gradient goes through the weights too, which the paper holds constant.
    pull = jax.nn.relu(1 + margin - similarity)
    push = jax.nn.relu(margin + similarity)
    near = jax.nn.logsumexp(-gamma * pull * (similarity - 1 + margin), axis=1, where=same)
    far = jax.nn.logsumexp(gamma * push * (similarity - margin), axis=1, where=different)
    values = jax.nn.softplus(near + far)
    masks.mark(values, values != 0)  # a NaN counts
    return values


def _pairs(labels: ArrayLike, others: ArrayLike, remove_diagonal: bool) -> tuple[jax.Array, jax.Array]:
    """Which rows are of the same class as which others, and of different ones."""
    same = dtypes.as_array(labels).reshape(-1, 1) == dtypes.as_array(others).reshape(1, -1)
    itself = jnp.eye(same.shape[0], same.shape[1], dtype=bool)
    return (same & ~itself if remove_diagonal else same), ~same


def _above_zero(x: jax.Array) -> jax.Array:
    """`max(x, 0)`, with Keras' slope of ½ at 0, where `relu` has 0."""
    return jnp.maximum(x, 0)


def _signs(y_true: jax.Array) -> jax.Array:
    """Targets 0 and 1 as −1 and 1; others as they are."""
    binary = jnp.all((y_true == 0) | (y_true == 1))
    return jnp.where(binary, 2 * y_true - 1, y_true)
