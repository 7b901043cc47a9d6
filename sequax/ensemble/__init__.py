"""Many copies of one model, trained together in one compiled program. Read `ensemble.py` first."""

from .ensemble import Ensemble, Evaluation

__all__ = ["Ensemble", "Evaluation"]
