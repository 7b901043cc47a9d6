"""Public namespace `keras.legacy`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazily

if TYPE_CHECKING:  # the same for type checkers and editors
    from . import saving as saving
else:
    __getattr__, __dir__, __all__ = lazily(__name__, ("saving",), {})
