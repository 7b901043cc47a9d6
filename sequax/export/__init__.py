"""Models out of Python: `model.export(path, format=...)`, archives of several functions, and what reads them back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazily

_NAMES = {
    "Artifact": ".loading",
    "ExportArchive": ".archive",
    "ExportError": ".errors",
    "load": ".loading",
}

if TYPE_CHECKING:
    from .archive import ExportArchive as ExportArchive
    from .errors import ExportError as ExportError
    from .loading import Artifact as Artifact, load as load
else:
    __getattr__, __dir__, __all__ = lazily(__name__, (), _NAMES)
