"""Public namespace `keras.preprocessing.sequence`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import listed
from ..utils.sequences import pad_sequences

__all__ = ["pad_sequences"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
