"""`copy_of`: another model in the same state."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .model import Model


def copy_of(model: Model) -> Model:
    """A model of the same structure, weights, optimizer and state of training, that shares nothing with the other."""
    history, model.history = model.history, None  # of the original, and it refers to the original
    try:
        made: Any = copy.deepcopy(model)
    finally:
        model.history = history
    made.stop_training = False
    made.compilation.losses = None  # to be matched with the outputs again: metrics are known there by who they are
    return made
