"""Who trains what at this moment: two runs on the same weights would overwrite each other's updates.

A run holds a claim on its model from the first look at the data to the end, however it ends. Other models may be
trained meanwhile, in the same thread (a callback may do that) and in others, as long as they share no weights with it.
Predictions and evaluations hold no claim; what they leave behind is decided in `TrainVariables.write_moved`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..core import processes

if TYPE_CHECKING:
    from ..model import Model

_claims: list[Claim] = []
_lock = threading.Lock()


class Claim:
    """One run of `fit` or `train_on_batch`, as a context.

    Args:
        model: a model or an ensemble.
        what: the method that trains it.

    Raises:
        RuntimeError: on entering, if another run trains the model, or in a process that cannot compute. A single step
            inside of a callback of that run is fine: nothing is on its way then.
    """

    model: object
    what: str
    thread: int

    def __init__(self, model: object, what: str):
        self.model, self.what, self.thread = model, what, threading.get_ident()
        self.weights: frozenset[int] = frozenset()
        self.nested: bool = False  # a single step inside of a callback of another run

    def __enter__(self) -> Claim:
        processes.check(self.what)
        with _lock:
            for other in _claims:
                if other.model is self.model:
                    self.nested = self.what == "train_on_batch" and other.thread == self.thread
                    if not self.nested:
                        raise RuntimeError(self._refusal(other))
            _claims.append(self)
        return self

    def __exit__(self, *error: object) -> None:
        with _lock:
            _claims.remove(self)

    def hold(self, weights: Iterable[Any]) -> None:
        """Name the variables that are trained.

        Raises:
            RuntimeError: if another thread trains one of them, as part of another model.
        """
        self.weights = frozenset(map(id, weights))
        with _lock:
            for other in _claims:
                if other.thread != self.thread and not self.weights.isdisjoint(other.weights):
                    raise RuntimeError(
                        f"{self._title(self.model)} shares weights with {self._title(other.model)}, which another"
                        f" thread is training: each would overwrite the other's updates. Wait until that is done, or"
                        f" freeze the shared layers in one of them."
                    )

    def _refusal(self, other: Claim) -> str:
        if other.thread == self.thread:
            where, remedy = "", "A callback may call `train_on_batch`, `evaluate` and `predict`, or `fit` of another."
        else:
            where, remedy = " in another thread", "Wait for it, or train a copy (`sequax.models.clone_model`)."
        return (
            f"{self._title(self.model)} is being trained by `{other.what}`{where}, so `{self.what}` cannot train it,"
            f" too: each would overwrite the other's updates. {remedy}"
        )

    @staticmethod
    def _title(model: object) -> str:
        return f"{type(model).__name__} '{getattr(model, 'name', '')}'".removesuffix(" ''")


def trained(model: Model) -> bool:
    """Whether a run is training the model, in any thread."""
    return bool(_claims) and any(claim.model is model for claim in list(_claims))


def trained_elsewhere() -> bool:
    """Whether another thread trains anything."""
    return bool(_claims) and any(claim.thread != threading.get_ident() for claim in list(_claims))
