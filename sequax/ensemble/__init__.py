"""Many copies of one model, trained together in one compiled program. Read `ensemble.py` first."""

from typing import TYPE_CHECKING

from .._lazy import listed
from .ensemble import Ensemble, Evaluation

__all__ = ["Ensemble", "Evaluation"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
