"""`LayerStatistics`: how large the weights and gradients of each layer are, and how far the weights moved."""

from __future__ import annotations

import os
from typing import Any

import jax.numpy as jnp
import numpy as np

from ..core.variable import Variable
from ..metrics import Metric
from . import figure as figures
from .base import Callback, Logs


class LayerStatistics(Callback):
    """Measures the trainable weights of each layer, once an epoch.

    Args:
        in_logs: write the numbers into the epoch's logs as well, as `<layer>/<measure>`.
        gradients: measure the gradients of each step, too, inside the compiled program.

    Attributes:
        history: layer name -> measure -> value per epoch. The measures:
            `weight_norm`, the Euclidean length of all weights of the layer after the epoch;
            `change_norm`, the length of the way from where the epoch began to where it ended;
            `relative_change`, `change_norm / weight_norm`: a layer that stays far below the others hardly learns;
            with `gradients`, `gradient_norm` and `largest_gradient_norm`, the Euclidean length of the gradient of all
            weights of the layer, as the mean and the maximum over the steps of the epoch, before any clipping.

    Without `gradients` it takes a copy of the weights and no time per batch.

    Raises:
        ValueError: for `gradients` of a model with a `train_step` of its own, which keeps them to itself.

    Example:

        statistics = LayerStatistics(gradients=True)
        model.fit(x, y, epochs=5, callbacks=[statistics])
        statistics.history["dense"]["gradient_norm"]  # one value per epoch
    """

    def __init__(self, in_logs: bool = False, gradients: bool = False) -> None:
        super().__init__()
        self.in_logs = in_logs
        self.gradients = gradients
        self.history: dict[str, dict[str, list[float]]] = {}
        self._before: dict[str, list[np.ndarray]] = {}
        self._norms: GradientNorms | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.history = {}
        if self.gradients:
            self._norms = GradientNorms({layer.name: layer.trainable_weights for layer in self.model.layers})
            self.model.compilation.gradient_norms = self._norms

    def on_close(self) -> None:
        if self._norms is not None:
            self.model.compilation.gradient_norms = None

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
                **(self._norms.of(name) if self._norms is not None else {}),
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

    def plot(self, measure: str = "relative_change", path: str | os.PathLike[str] | None = None) -> figures.Figure:
        """Draws one measure of all layers over the epochs, and saves the chart to `path` if given.

        Where several processes train one model, the first saves it.

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
        figure = figures.new_figure(1, "LayerStatistics.plot", numbers="LayerStatistics.history")
        axes = figure.axes[0]
        for name, measures in self.history.items():
            axes.plot(range(1, len(measures[measure]) + 1), measures[measure], label=name)
        axes.set(yscale="log", xlabel="epoch", ylabel=measure.replace("_", " "))
        axes.legend()
        return figures.saved(figure, path if self.leads else None)


class GradientNorms(Metric):
    """Mean and maximum over steps of the length of each layer's gradient.

    Args:
        layers: name of a layer -> its trainable variables.
    """

    def __init__(self, layers: dict[str, list[Variable]], name: str = "gradient_norms"):
        super().__init__(name=name)
        self.layers: dict[str, list[Variable]] = {name: variables for name, variables in layers.items() if variables}
        self.steps: Variable = self.add_variable((), name="steps")
        self.sums: list[Variable] = [self.add_variable((), name=f"{layer}_sum") for layer in self.layers]
        self.largest: list[Variable] = [self.add_variable((), name=f"{layer}_largest") for layer in self.layers]

    @property
    def variables(self) -> list[Variable]:
        return [self.steps, *self.sums, *self.largest]  # not those of the layers

    def update_state(self, gradients: dict[Variable, Any]) -> None:
        """Take in the gradients of one step."""
        self.steps.assign_add(1)
        for variables, total, largest in zip(self.layers.values(), self.sums, self.largest, strict=True):
            squares = [jnp.sum(jnp.square(gradients[v].astype("float32"))) for v in variables if v in gradients]
            length = jnp.sqrt(sum(squares, jnp.zeros(())))
            total.assign_add(length)
            largest.assign(jnp.maximum(largest.value, length))

    def of(self, layer: str) -> dict[str, float]:
        """The two measures of a layer; nothing for one that has joined since."""
        if layer not in self.layers:
            return {}
        position = list(self.layers).index(layer)
        steps = max(float(self.steps.numpy()), 1.0)
        mean, largest = float(self.sums[position].numpy()) / steps, float(self.largest[position].numpy())
        return {"gradient_norm": mean, "largest_gradient_norm": largest}


def _length(arrays: list[np.ndarray]) -> float:
    return float(np.sqrt(sum(np.sum(np.square(array)) for array in arrays)))
