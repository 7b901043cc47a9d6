"""`SwapEMAWeights`: evaluate with the moving averages of the weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .base import Callback, Logs

if TYPE_CHECKING:
    from ..optimizers.base import Optimizer


class SwapEMAWeights(Callback):
    """Puts the averages that an optimizer with `use_ema=True` keeps in the place of the weights, and takes them back.

    They stand there as long as the model is evaluated or used.

    Args:
        swap_on_epoch: also from the end of an epoch to the beginning of the next, so that callbacks after this one,
            such as one that saves the model, see the averages. After the last epoch they stay.

    Before the first update there are no averages, and the weights are used.

    Raises:
        ValueError: if the optimizer keeps no averages.

    Source: Polyak & Juditsky 1992, Acceleration of Stochastic Approximation by Averaging.

    Example:

        model.compile(Adam(use_ema=True), "mse")
        model.fit(x, y, validation_split=0.1, callbacks=[SwapEMAWeights()])
    """

    def __init__(self, swap_on_epoch: bool = False) -> None:
        super().__init__()
        self.swap_on_epoch = swap_on_epoch
        self._swapped = False
        self._shown: list[Any] = []  # the averages that stand in the weights between two epochs

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._swapped, self._shown = False, []
        self._pairs()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._back()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.swap_on_epoch:
            self._forth()
            self._shown = [variable.value for variable, _ in self._pairs()]

    def on_train_end(self, logs: Logs | None = None) -> None:
        # Before this moment an optimizer writes its averages into the weights, and now these are not the averages.
        for (variable, average), shown in zip(self._pairs() if self._shown else [], self._shown, strict=True):
            if variable.value is shown or variable.value is average.value:  # else others have set it, and are right
                variable.assign(shown)
                average.assign(shown)
        self._swapped, self._shown = False, []

    def on_test_begin(self, logs: Logs | None = None) -> None:
        self._forth()

    def on_test_end(self, logs: Logs | None = None) -> None:
        self._back()

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        self._forth()

    def on_predict_end(self, logs: Logs | None = None) -> None:
        self._back()

    def on_close(self) -> None:
        self._back()  # after an error in between

    def state_dict(self) -> dict[str, Any]:
        return {"swapped": self._swapped}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._swapped = bool(state["swapped"])
        self._shown = [variable.value for variable, _ in self._pairs()] if self._swapped else []

    def _forth(self) -> None:
        self._swapped = True
        self._swap()

    def _back(self) -> None:
        if self._swapped:
            self._swapped, self._shown = False, []
            self._swap()

    def _swap(self) -> None:
        for variable, average in self._pairs():
            weight = variable.value
            variable.assign(average.value)
            average.assign(weight)

    def _pairs(self) -> list[tuple[Any, Any]]:
        optimizer: Any = getattr(self.model, "optimizer", None)
        if not any(getattr(one, "use_ema", False) for one in _with_parts(optimizer)):
            raise ValueError(
                "SwapEMAWeights needs an optimizer that keeps averages: it must be created with `use_ema=True`."
                f" Received: {optimizer!r}"
            )
        return optimizer.averages() if int(optimizer.iterations) else []


def _with_parts(optimizer: Optimizer) -> list[Any]:
    """An optimizer and those it is made of."""
    parts = [getattr(optimizer, "inner_optimizer", None), *getattr(optimizer, "optimizers", ())]
    return [optimizer, *(one for part in parts if part is not None for one in _with_parts(part))]
