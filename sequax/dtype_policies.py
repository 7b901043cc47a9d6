"""Public namespace `keras.dtype_policies`."""

from __future__ import annotations

from .core.dtypes import DTypePolicy, FloatDTypePolicy, get

__all__ = ["DTypePolicy", "FloatDTypePolicy", "get"]
