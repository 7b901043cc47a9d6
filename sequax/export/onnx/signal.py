"""Rules of Fourier transformations and complex numbers, which are pairs of real ones here."""

from __future__ import annotations
