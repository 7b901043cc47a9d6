"""Public namespace `keras.models`: the kinds of models, copies of them, and models from files and configs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._lazy import listed
from .cloning import clone_model
from .model import Model
from .saving.config import model_from_json
from .saving.models import load_model, save_model
from .sequential import Sequential

__all__ = ["Model", "Sequential", "clone_model", "load_model", "model_from_json", "save_model"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
