"""Public namespace `keras.mixed_precision`: older names of dtype policies, and the optimizer that scales losses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._lazy import listed
from .core.dtypes import DTypePolicy, dtype_policy, set_dtype_policy
from .optimizers import LossScaleOptimizer

Policy = DTypePolicy
global_policy, set_global_policy = dtype_policy, set_dtype_policy

__all__ = [
    "DTypePolicy",
    "LossScaleOptimizer",
    "Policy",
    "dtype_policy",
    "global_policy",
    "set_dtype_policy",
    "set_global_policy",
]

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
