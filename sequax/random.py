"""Public namespace `keras.random`."""

from __future__ import annotations

from .core.rng import SeedGenerator

__all__ = ["SeedGenerator"]
