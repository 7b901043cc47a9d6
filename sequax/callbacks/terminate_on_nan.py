"""`TerminateOnNaN`: end training when the loss is no number any more."""

from __future__ import annotations

import math

from .base import Callback, Logs


class TerminateOnNaN(Callback):
    """Ends training when the loss is NaN or infinite.

    Args:
        raise_error: raise `RuntimeError` instead of ending training quietly.

    The loss is looked at after each dispatch, not after each batch (Keras), so that this callback costs no speed.
    Nothing is missed: the loss in the logs is a mean over the epoch so far, and a mean with a NaN in it stays NaN.

    Example:

        model.fit(x, y, callbacks=[TerminateOnNaN()])
    """

    accepts_nan = True  # without this callback `fit` itself refuses such a loss

    def __init__(self, raise_error: bool = False) -> None:
        super().__init__()
        self.raise_error = raise_error

    def on_train_chunk_end(self, step: int, logs: Logs | None = None) -> None:
        self._check(f"by batch {step - 1} of the epoch (counted from 0)", logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._check(f"at the end of epoch {epoch + 1}", logs)

    def _check(self, moment: str, logs: Logs | None) -> None:
        loss = (logs or {}).get("loss")
        if loss is None or math.isfinite(loss):
            return
        message = f"TerminateOnNaN: the loss is {loss} {moment}. Training ends."
        if self.raise_error:
            raise RuntimeError(f"{message} Lower the learning rate, clip gradients, or look for NaN in the data.")
        if not self.model.stop_training:
            self.say(message)
        self.model.stop_training = True
