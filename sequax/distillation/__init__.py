"""Public namespace `keras.distillation`: a small model learns from a large one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import listed
from .distiller import Distiller
from .losses import DistillationLoss, FeatureDistillation, LogitsDistillation

__all__ = ["DistillationLoss", "Distiller", "FeatureDistillation", "LogitsDistillation"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
