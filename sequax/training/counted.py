"""Targets that count: those that no mask and no weight of 0 takes out of the loss.

Padded steps carry whatever the user pads with, -1 mostly, and a loss that leaves them out is right. So targets are
looked at once more without them when something is wrong with some; finding out takes a run of the model as far as its
masks depend on the data.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from ..core import pure
from ..core.types import Tensors
from .state import TrainVariables

if TYPE_CHECKING:
    from ..model import Model


def only(model: Model, x: Tensors, targets: Sequence[Any], weights: Sequence[Any]) -> list[Any]:
    """The targets with entries that do not count replaced by one that does."""
    masks = _masks(model, x) if any(target is not None and target.ndim > 1 for target in targets) else []
    masks = masks if len(masks) == len(targets) else [None] * len(targets)
    return [_replaced(*one) for one in zip(targets, weights, masks, strict=True)]


def _masks(model: Model, x: Tensors) -> list[Any]:
    """The masks of the outputs, None where there is none."""
    state = TrainVariables.of(model).borrow()

    def run(params: pure.Values, other: pure.Values, x: Tensors) -> list[Any]:
        masks = pure.call(model, params, other, x, training=False).masks
        return jax.tree.leaves(masks, is_leaf=lambda mask: mask is None)

    return [None if mask is None else np.asarray(mask) for mask in jax.jit(run)(state.params, state.other, x)]


def _replaced(target: np.ndarray | None, weight: np.ndarray | None, mask: np.ndarray | None) -> np.ndarray | None:
    if target is None:
        return None
    counts = np.ones(target.shape, bool)
    for given in (None if weight is None else weight != 0, mask):
        fitted = None if given is None else _fitted(given, target.shape)
        counts = counts if fitted is None else counts & fitted
    return np.where(counts, target, target[counts][0]) if counts.any() else target


def _fitted(given: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
    """A mask or what a weight says, over the entries of a target; None if it has another shape."""
    if given.shape[-1:] == (1,):
        given = given[..., 0]
    given = given.reshape(given.shape + (1,) * (len(shape) - given.ndim))
    try:
        return np.broadcast_to(given, shape)
    except ValueError:
        return None
