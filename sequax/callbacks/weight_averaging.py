"""`WeightAveraging`: the mean of the weights at the ends of the last epochs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np

from ..core.placement import DEVICE
from ..core.types import ArrayLike
from .base import Callback, Logs
from .learning_rate import learning_rate_of


class WeightAveraging(Callback):
    """Puts the mean of the weights at the ends of the last epochs into the model when training ends.

    Weights that go around a minimum at a rate that stays high have their mean nearer to it, and it lies where the loss
    is flatter.

    Args:
        start: the first epoch to count: a whole number from 1, or a fraction of `epochs` between 0 and 1.
        learning_rate: for these epochs; None leaves it as it is.
        statistics: inputs, for instance those of the training, over which the moving averages of `BatchNormalization`
            are computed again for the mean weights. None: their own mean is taken, which is near it.
        batch_size: rows of a batch of `statistics`.

    Attributes:
        count: how many epochs are in the mean.

    Validation and logs are those of the weights that are trained. Before `start` nothing changes; if training ends
    before it, the weights stay. Not to be used with `EarlyStopping(restore_best_weights=True)`: the later of the two
    in the list decides.

    Raises:
        ValueError: for a `start` that is no epoch.
        TypeError: if `learning_rate` is given and that of the optimizer is a schedule.

    Source: Izmailov et al. 2018, Averaging Weights Leads to Wider Optima and Better Generalization (SWA).

    Example:

        model.fit(x, y, epochs=40, callbacks=[WeightAveraging(start=0.75, learning_rate=1e-2, statistics=x)])
    """

    def __init__(
        self,
        start: float = 0.75,
        learning_rate: float | None = None,
        statistics: ArrayLike | None = None,
        batch_size: int = 32,
    ) -> None:
        super().__init__()
        whole = isinstance(start, (int, np.integer)) and not isinstance(start, bool)
        if not (start >= 1 if whole else 0 <= start < 1):
            raise ValueError(
                f"WeightAveraging: expected `start` to be the number of an epoch, from 1, or a fraction from 0 to below"
                f" 1. Received: start={start!r}"
            )
        self.start = start
        self.learning_rate = learning_rate
        self.statistics = statistics
        self.batch_size = batch_size
        self.count: int = 0
        self._means: list[Any] = []

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.count, self._means = 0, []
        if self.learning_rate is not None:
            learning_rate_of(self)  # a schedule is an error before anything happens

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        if self.learning_rate is not None and epoch + 1 >= self._first():
            self.model.optimizer.learning_rate = self.learning_rate

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if epoch + 1 < self._first():
            return
        self.count += 1
        values = [variable.value for variable in self._averaged()]
        if len(values) != len(self._means):  # the first one, or a callback has unfrozen a layer: start over
            self.count, self._means = 1, values
        else:
            self._means = [_moved(mean, value, self.count) for mean, value in zip(self._means, values, strict=True)]

    def on_train_end(self, logs: Logs | None = None) -> None:
        if not self.count:
            return
        for variable, mean in zip(self._averaged(), self._means, strict=True):
            variable.assign(mean)
        if self.statistics is not None:
            recompute_statistics(self.model, self.statistics, self.batch_size)

    def state_dict(self) -> dict[str, Any]:
        return {"count": self.count, "means": [np.array(DEVICE.fetch(mean)) for mean in self._means]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.count = int(state["count"])
        self._means = list(state["means"])

    def _first(self) -> int:
        """The number of the first epoch that counts."""
        if self.start >= 1:
            return int(self.start)
        return int(self.start * ((self.params or {}).get("epochs") or 1)) + 1

    def _averaged(self) -> list[Any]:
        """What is trained, and statistics; counters and seeds stay those of the last epoch."""
        moving = [v for layer in _normalizations(self.model) for v in (layer.moving_mean, layer.moving_variance)]
        return [*self.model.trainable_variables, *moving]


def _moved(mean: Any, value: Any, count: int) -> Any:
    wide = jnp.promote_types(mean.dtype, jnp.float32)
    return (mean.astype(wide) + (value.astype(wide) - mean.astype(wide)) / count).astype(mean.dtype)


def _normalizations(model: Any) -> Iterator[Any]:
    for layer in model.flatten_layers():
        if getattr(layer, "moving_mean", None) is not None and getattr(layer, "moving_variance", None) is not None:
            yield layer


def recompute_statistics(model: Any, x: Any, batch_size: int) -> None:
    """Set the moving averages of `BatchNormalization` to the plain means over the batches of some inputs."""
    layers = [layer for layer in _normalizations(model) if layer.trainable and hasattr(layer, "momentum")]
    if not layers:
        return
    kept = [layer.momentum for layer in layers]
    try:
        for count, start in enumerate(range(0, len(x), batch_size), start=1):
            for layer in layers:
                layer.momentum = 1 - 1 / count  # a mean over the batches so far
            model(x[start : start + batch_size], training=True)
    finally:
        for layer, momentum in zip(layers, kept, strict=True):
            layer.momentum = momentum
