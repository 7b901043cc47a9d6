"""Public namespace `keras.preprocessing.sequence`."""

from __future__ import annotations

from ..utils.sequences import pad_sequences

__all__ = ["pad_sequences"]
