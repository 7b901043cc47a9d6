"""Losses of probabilities. Probabilities are kept between `epsilon()` and `1 − epsilon()` before a logarithm."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from ..core import dtypes, masks
from ..core.types import ArrayLike, Axis
from .align import Number, floating, pair
from .catalogue import loss


@loss("bce", "BCE")
def binary_crossentropy(
    y_true: ArrayLike, y_pred: ArrayLike, from_logits: bool = False, label_smoothing: Number = 0.0, axis: Axis = -1
) -> jax.Array:
    """`mean(−y log p − (1 − y) log(1 − p))` over `axis`; `p = sigmoid(y_pred)` if `from_logits`.

    Shapes: `(batch, ..., d)` twice -> `(batch, ...)`.

    Args:
        y_true: labels from 0 to 1.
        y_pred: predictions, of the same shape.
        from_logits: whether `y_pred` holds logits instead of probabilities.
        label_smoothing: s moves labels to `y (1 − s) + s / 2`.
        axis: over which the mean is taken.

    >>> round(float(binary_crossentropy([[1.0]], [[0.5]])[0]), 4)
    0.6931
    """
    y_true, y_pred = pair("binary_crossentropy", y_true, y_pred)
    y_true = _smooth(y_true, label_smoothing, 2)
    return jnp.mean(_binary(y_true, y_pred, from_logits), axis=axis)


@loss()
def binary_focal_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    apply_class_balancing: bool = False,
    alpha: Number = 0.25,
    gamma: Number = 2.0,
    from_logits: bool = False,
    label_smoothing: Number = 0.0,
    axis: Axis = -1,
) -> jax.Array:
    """Binary crossentropy times `(1 − q)^gamma`, q the probability given to the true class. Lin et al. 2017.

    Shapes: `(batch, ..., d)` twice -> `(batch, ...)`.

    Args:
        y_true: labels from 0 to 1.
        y_pred: predictions, of the same shape.
        apply_class_balancing: whether to weigh class 1 by `alpha` and class 0 by `1 − alpha`, as in the paper.
        alpha: weight of class 1.
        gamma: how little easy samples count.
        from_logits: whether `y_pred` holds logits instead of probabilities.
        label_smoothing: s moves labels to `y (1 − s) + s / 2`.
        axis: over which the mean is taken.

    >>> round(float(binary_focal_crossentropy([[1.0]], [[0.5]])[0]), 4)
    0.1733
    """
    y_true, y_pred = pair("binary_focal_crossentropy", y_true, y_pred)
    y_true = _smooth(y_true, label_smoothing, 2)
    p = jax.nn.sigmoid(y_pred) if from_logits else y_pred
    values = _binary(y_true, p, from_logits=False)
    values = jnp.power(1 - (y_true * p + (1 - y_true) * (1 - p)), gamma) * values
    if apply_class_balancing:
        values = (y_true * alpha + (1 - y_true) * (1 - alpha)) * values
    return jnp.mean(values, axis=axis)


@loss()
def categorical_crossentropy(
    y_true: ArrayLike, y_pred: ArrayLike, from_logits: bool = False, label_smoothing: Number = 0.0, axis: int = -1
) -> jax.Array:
    """`−Σ y log p` over the classes on `axis`; `p = softmax(y_pred)` if `from_logits`, else `y_pred / Σ y_pred`.

    Shapes: `(batch, ..., classes)` twice -> `(batch, ...)`.

    Args:
        y_true: one-hot labels, or probabilities.
        y_pred: predictions, of the same shape.
        from_logits: whether `y_pred` holds logits instead of probabilities.
        label_smoothing: s moves labels to `y (1 − s) + s / classes` (Szegedy et al. 2016).
        axis: the axis of the classes; it is removed.

    >>> round(float(categorical_crossentropy([[0.0, 1.0]], [[0.2, 0.8]])[0]), 4)
    0.2231
    """
    y_true, y_pred = pair("categorical_crossentropy", y_true, y_pred)
    y_true = _smooth(y_true, label_smoothing, y_true.shape[-1])
    log_p = jax.nn.log_softmax(y_pred, axis=axis) if from_logits else jnp.log(_probabilities(y_pred, axis))
    return -jnp.sum(y_true * log_p, axis=axis)


@loss()
def categorical_focal_crossentropy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    alpha: ArrayLike = 0.25,
    gamma: Number = 2.0,
    from_logits: bool = False,
    label_smoothing: Number = 0.0,
    axis: int = -1,
) -> jax.Array:
    """`−Σ alpha (1 − p)^gamma y log p` over the classes on `axis`. Lin et al. 2017, for many classes.

    Shapes: `(batch, ..., classes)` twice -> `(batch, ...)`.

    Args:
        y_true: one-hot labels, or probabilities.
        y_pred: predictions, of the same shape.
        alpha: weight of all classes, or one for each.
        gamma: how little easy samples count.
        from_logits: whether `y_pred` holds logits instead of probabilities.
        label_smoothing: s moves labels to `y (1 − s) + s / classes`.
        axis: the axis of the classes; it is removed.

    >>> round(float(categorical_focal_crossentropy([[0.0, 1.0]], [[0.2, 0.8]])[0]), 4)
    0.0022
    """
    y_true, y_pred = pair("categorical_focal_crossentropy", y_true, y_pred)
    y_true = _smooth(y_true, label_smoothing, y_true.shape[-1])
    p = _probabilities(jax.nn.softmax(y_pred, axis=axis) if from_logits else y_pred, axis)
    return jnp.sum(-jnp.asarray(alpha) * jnp.power(1 - p, gamma) * y_true * jnp.log(p), axis=axis)


@loss(of_class_numbers=True)
def sparse_categorical_crossentropy(
    y_true: ArrayLike, y_pred: ArrayLike, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> jax.Array:
    """`−log p[y]`, y the number of the true class; `p` as in `categorical_crossentropy`.

    Labels that name no class give 0, too (`fit` refuses them beforehand).

    Args:
        y_true: class numbers, of shape `(batch, ...)` or `(batch, ..., 1)`.
        y_pred: predictions, of shape `(batch, ..., classes)`.
        from_logits: whether `y_pred` holds logits instead of probabilities.
        ignore_class: labels of this number give 0, and are masked in the result: a mean over it, as `Loss` takes it,
            leaves them out.
        axis: the axis of the classes; it is removed.

    Raises:
        ValueError: if there is not one label for each row of predictions.

    >>> round(float(sparse_categorical_crossentropy([1], [[0.2, 0.8]])[0]), 4)
    0.2231
    """
    name = "sparse_categorical_crossentropy"
    y_pred = jnp.moveaxis(floating(y_pred), axis, -1)
    labels = class_numbers(name, y_true, y_pred.shape)
    counts = (labels >= 0) & (labels < y_pred.shape[-1])
    valid = None if ignore_class is None else labels != ignore_class
    counts = counts if valid is None else counts & valid
    index = jnp.where(counts, labels, 0)
    if from_logits:
        values = jax.nn.logsumexp(y_pred, axis=-1) - _of_classes(y_pred, index)
    else:
        # Normalised and clipped after the gather: one logarithm per label instead of one per class.
        values = -jnp.log(_clip(_of_classes(y_pred, index) / jnp.sum(y_pred, axis=-1)))
    values = jnp.where(counts, values, 0)
    masks.mark(values, valid)
    return values


@loss(of_class_numbers=True)
def categorical_generalized_cross_entropy(y_true: ArrayLike, y_pred: ArrayLike, q: Number) -> jax.Array:
    """`(1 − p[y]^q) / q`, robust to wrong labels. Zhang and Sabuncu 2018.

    Args:
        y_true: class numbers, of shape `(batch, ...)` or `(batch, ..., 1)`.
        y_pred: probabilities, of shape `(batch, ..., classes)`.
        q: between 0 (as the crossentropy) and 1 (as the absolute error).

    >>> round(float(categorical_generalized_cross_entropy([1], [[0.2, 0.8]], q=0.5)[0]), 4)
    0.2111
    """
    y_pred = floating(y_pred)
    labels = class_numbers("categorical_generalized_cross_entropy", y_true, y_pred.shape)
    p = jnp.sum(jax.nn.one_hot(labels, y_pred.shape[-1], dtype=y_pred.dtype) * y_pred, axis=-1)
    return (1 - jnp.power(p, q)) / q


@loss("kld", "KLD")
def kl_divergence(y_true: ArrayLike, y_pred: ArrayLike) -> jax.Array:
    """`Σ y_true log(y_true / y_pred)` over the last axis, both between `epsilon()` and 1. Kullback and Leibler 1951.

    Shapes: `(batch, ..., classes)` twice -> `(batch, ...)`.

    Args:
        y_true: probabilities.
        y_pred: predictions, of the same shape.

    >>> round(float(kl_divergence([[0.5, 0.5]], [[0.25, 0.75]])[0]), 4)
    0.1438
    """
    y_true, y_pred = pair("kl_divergence", y_true, y_pred)
    y_true, y_pred = (jnp.clip(y, dtypes.epsilon(), 1) for y in (y_true, y_pred))
    return jnp.sum(y_true * jnp.log(y_true / y_pred), axis=-1)


@loss()
def poisson(y_true: ArrayLike, y_pred: ArrayLike) -> jax.Array:
    """`mean(y_pred − y_true log(y_pred + epsilon()))`: minus the log likelihood of counts, up to a constant.

    Shapes: `(batch, ..., d)` twice -> `(batch, ...)`.

    Args:
        y_true: counts.
        y_pred: expected counts, of the same shape.

    >>> round(float(poisson([[1.0, 2.0]], [[1.0, 3.0]])[0]), 4)
    0.9014
    """
    y_true, y_pred = pair("poisson", y_true, y_pred)
    return jnp.mean(y_pred - y_true * jnp.log(y_pred + dtypes.epsilon()), axis=-1)


@loss()
def ctc(y_true: ArrayLike, y_pred: ArrayLike) -> jax.Array:
    """Connectionist temporal classification of sequences without alignment. Graves et al. 2006.

    Returns one value per sequence, `(batch,)`.

    Args:
        y_true: labels, of shape `(batch, labels)`; those that are 0 pad.
        y_pred: logits, of shape `(batch, time, classes)`; class 0 is the blank.

    Raises:
        ValueError: for other shapes.

    >>> round(float(ctc([[1, 2]], [[[0.0, 2.0, 0.0], [0.0, 0.0, 2.0], [2.0, 0.0, 0.0]]])[0]), 4)
    0.5578
    """
    import optax  # only this loss needs it

    logits = floating(y_pred)
    labels = dtypes.as_array(y_true).astype("int32")
    if logits.ndim != 3 or labels.ndim != 2 or labels.shape[0] != logits.shape[0]:
        raise ValueError(
            f"ctc: expected labels of shape (batch, labels) and logits of shape (batch, time, classes). Received:"
            f" y_true.shape={labels.shape}, y_pred.shape={logits.shape}"
        )
    return optax.ctc_loss(logits, jnp.zeros(logits.shape[:2]), labels, (labels == 0).astype(logits.dtype))


def class_numbers(name: str, y_true: ArrayLike, shape: tuple[int, ...]) -> jax.Array:
    """Labels as whole numbers, shaped like predictions of `shape` without their last axis."""
    labels = dtypes.as_array(y_true)
    given = labels.shape
    if labels.ndim == len(shape) and given[-1] == 1:
        labels = labels[..., 0]
    if labels.shape != tuple(shape[:-1]):
        hint = " If y_true is one-hot, use the variant that is not sparse." if given == tuple(shape) else ""
        raise ValueError(
            f"{name}: y_true has shape {given}, y_pred {tuple(shape)}: class numbers of shape {tuple(shape[:-1])}"
            f" (or with a last axis of 1) were expected.{hint}"
        )
    return labels.astype("int32")


def _binary(y_true: jax.Array, y_pred: jax.Array, from_logits: bool) -> jax.Array:
    if from_logits:
        return jax.nn.relu(y_pred) - y_pred * y_true + jnp.log1p(jnp.exp(-jnp.abs(y_pred)))
    p = _clip(y_pred)
    return -(y_true * jnp.log(p) + (1 - y_true) * jnp.log(1 - p))


def _smooth(y_true: jax.Array, smoothing: Number, classes: int) -> jax.Array:
    return y_true * (1 - smoothing) + smoothing / classes if smoothing else y_true


def _probabilities(p: jax.Array, axis: int) -> jax.Array:
    return _clip(p / jnp.sum(p, axis=axis, keepdims=True))


def _clip(p: jax.Array) -> jax.Array:
    return _between(p, dtypes.epsilon(), 1 - dtypes.epsilon())


@partial(jax.custom_jvp, nondiff_argnums=(1, 2))
def _between(p: jax.Array, low: float, high: float) -> jax.Array:
    """`p` held between two numbers; its derivative is in one piece, where that of `clip` is a dozen operations."""
    return jnp.clip(p, low, high)


@_between.defjvp
def _between_jvp(low: float, high: float, primals: Any, tangents: Any) -> tuple[jax.Array, jax.Array]:
    (p,), (moved,) = primals, tangents
    held = _between(p, low, high)
    at_a_bound = (held == low) | (held == high)
    slope = jnp.where(at_a_bound, jnp.where(held == p, 0.5, 0), 1)  # half of it on a bound itself, as usual in JAX
    return held, moved * slope.astype(moved.dtype)


@jax.custom_jvp
def _of_classes(values: jax.Array, index: jax.Array) -> jax.Array:
    """The value of one class in each row; its gradient compares numbers, where that of a gather adds up in a loop.

    Args:
        values: of shape `(..., classes)`.
        index: of shape `(...)`, in bounds.
    """
    return jnp.take_along_axis(values, index[..., None], axis=-1, mode="promise_in_bounds")[..., 0]


@_of_classes.defjvp
def _of_classes_jvp(primals: Any, tangents: Any) -> tuple[jax.Array, jax.Array]:
    (values, index), (moved, _) = primals, tangents
    is_chosen = index[..., None] == jnp.arange(values.shape[-1])
    return _of_classes(values, index), jnp.sum(jnp.where(is_chosen, moved, 0), axis=-1)
