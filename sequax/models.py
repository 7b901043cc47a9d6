"""Public namespace `keras.models`: the kinds of models, and copies of them."""

from __future__ import annotations

from .cloning import clone_model
from .model import Model
from .sequential import Sequential

__all__ = ["Model", "Sequential", "clone_model"]
