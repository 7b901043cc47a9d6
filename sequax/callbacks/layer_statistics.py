"""`LayerStatistics`: how large the weights of each layer are, and how far they moved."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from sequax.callbacks.base import Callback, Logs
from sequax.callbacks.figure import new_figure


class LayerStatistics(Callback):
    """Measures the trainable weights of each layer, once an epoch.

    Args:
        in_logs: write the numbers into the epoch's logs as well, as `<layer>/<measure>`.

    Attributes:
        history: layer name -> measure -> value per epoch. The measures:
            `weight_norm`, the Euclidean length of all weights of the layer after the epoch;
            `change_norm`, the length of the way from where the epoch began to where it ended;
            `relative_change`, `change_norm / weight_norm`: a layer that stays far below the others hardly learns.

    These are changes over whole epochs, not gradients: gradients do not leave the compiled program. It takes a copy of
    the weights and no time per batch.
    """

    def __init__(self, in_logs: bool = False) -> None:
        super().__init__()
        self.in_logs = in_logs
        self.history: dict[str, dict[str, list[float]]] = {}
        self._before: dict[str, list[np.ndarray]] = {}

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.history = {}

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._before = self._weights()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        for name, after in self._weights().items():
            before = self._before.get(name, after)
            length = _length(after)
            change = _length([a - b for a, b in zip(after, before, strict=True)])
            values = {
                "weight_norm": length,
                "change_norm": change,
                "relative_change": change / length if length else 0.0,
            }
            measures = self.history.setdefault(name, {})
            for measure, value in values.items():
                measures.setdefault(measure, []).append(value)
                if self.in_logs and logs is not None:
                    logs[f"{name}/{measure}"] = value

    def _weights(self) -> dict[str, list[np.ndarray]]:
        layers = {layer.name: layer.trainable_weights for layer in self.model.layers}
        return {name: [w.numpy().astype("float64") for w in weights] for name, weights in layers.items() if weights}

    def state_dict(self) -> dict[str, Any]:
        return {"history": {name: {k: list(v) for k, v in m.items()} for name, m in self.history.items()}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.history = {name: {k: list(v) for k, v in m.items()} for name, m in state["history"].items()}

    def plot(self, measure: str = "relative_change", path: str | os.PathLike[str] | None = None) -> Any:
        """Draws one measure of all layers over the epochs, and saves the chart to `path` if given.

        Returns:
            The matplotlib figure.
        """
        if not self.history:
            raise ValueError("LayerStatistics.plot: nothing is recorded yet. Give the callback to a fit() first.")
        if measure not in next(iter(self.history.values())):
            raise ValueError(
                f"LayerStatistics.plot: the measures are {list(next(iter(self.history.values())))}."
                f" Received: measure={measure!r}"
            )
        figure = new_figure(1, "LayerStatistics.plot", numbers="LayerStatistics.history")
        axes = figure.axes[0]
        for name, measures in self.history.items():
            axes.plot(range(1, len(measures[measure]) + 1), measures[measure], label=name)
        axes.set(yscale="log", xlabel="epoch", ylabel=measure.replace("_", " "))
        axes.legend()
        if path is not None:
            figure.savefig(path)
        return figure


def _length(arrays: list[np.ndarray]) -> float:
    return float(np.sqrt(sum(np.sum(np.square(array)) for array in arrays)))
