"""Data sets that come with the package: no download, no network."""

from __future__ import annotations

from sequax.datasets import digits

__all__ = ["digits"]
