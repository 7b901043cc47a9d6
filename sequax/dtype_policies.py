"""Public namespace `keras.dtype_policies`."""

from __future__ import annotations

from ._absent import missing
from .core.dtypes import DTypePolicy, FloatDTypePolicy, get

__getattr__ = missing(__name__)
__path__: list[str] = []  # Python asks for a module where a package lacks a name, and `_absent.Finder` answers

__all__ = ["DTypePolicy", "FloatDTypePolicy", "get"]
