"""`LoadError`, which every refusal of a config or a file raises."""

from __future__ import annotations

from ..core.errors import LoadError, UnknownObjectError


class MissingFileError(LoadError, FileNotFoundError):
    """There is no such file."""


__all__ = ["LoadError", "MissingFileError", "UnknownObjectError"]
