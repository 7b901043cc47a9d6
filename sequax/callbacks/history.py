"""`History`: what `fit` returns."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ..core import html
from ..core.needed import needed
from ..utils import curves
from ..utils.meter import mean_of
from . import figure as figures
from .base import Callback, Logs

if TYPE_CHECKING:
    from pandas import DataFrame


class History(Callback):
    """Records every epoch's logs.

    Attributes:
        history: name -> list with one float per epoch, for example `{"loss": [0.9, 0.7], "val_loss": [1.0, 0.8]}`.
        epoch: the epochs recorded, counted from 0.
        params: `verbose`, `epochs` and `steps` of the `fit`.
        model: the model trained.

    An instance passed to two `fit` calls keeps adding to `history`, while `epoch` starts over, as in Keras.

    Example:

        history = model.fit(x, y, epochs=2)
        history.history["loss"]  # two numbers
    """

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []
        self._places: dict[str, list[int]] = {}  # the epoch of each value, counted from 1; a further `fit` goes on

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        last = max((places[-1] for places in self._places.values()), default=0)
        place = last + epoch - self.epoch[-1] if self.epoch else max(last, epoch) + 1
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
            self._places.setdefault(name, []).append(place)

    def state_dict(self) -> dict[str, Any]:
        lists: dict[str, dict[str, list[Any]]] = {"history": {**self.history}, "places": {**self._places}}
        copies = {key: {name: list(values) for name, values in kept.items()} for key, kept in lists.items()}
        return {"epoch": list(self.epoch), **copies}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.epoch = [int(epoch) for epoch in state["epoch"]]
        self.history = {name: list(values) for name, values in state["history"].items()}
        self._places = {name: list(map(int, places)) for name, places in state.get("places", {}).items()}

    def __repr__(self) -> str:
        last = ", ".join(f"{name} {mean_of(values[-1]):.4g}" for name, values in self.history.items() if values)
        count = len(self.epoch)
        return f"History({count} epoch{'' if count == 1 else 's'}{': ' + last if last else ''})"

    def _repr_html_(self) -> str:
        """In a notebook: a line that opens to curves and values."""
        series = {
            name: list(zip(self._epochs(name), map(mean_of, values), strict=True))
            for name, values in self.history.items()
            if values
        }
        title = repr(self).removeprefix("History(").removesuffix(")")
        return html.fold(f"History: {title}", curves.charts(series) + curves.values_table(series))

    def plot(self, path: str | os.PathLike[str] | None = None) -> figures.Figure:
        """Draws one chart per metric, with its `val_` twin dashed, and saves it to `path` if given.

        Where several processes train one model, the first saves it.

        Returns:
            The matplotlib figure.

        Raises:
            ImportError: matplotlib is not installed.
            TypeError: `path` is no path.
            ValueError: there is nothing to draw.
        """
        if path is not None and not isinstance(path, (str, os.PathLike)):
            raise TypeError(
                f"History.plot: `path` is that of the picture; it shows all metrics. Received: path={path!r:.60}."
                " Choose among those of `history.to_frame()`."
            )
        if not any(self.history.values()):
            raise ValueError("History.plot: nothing is recorded yet. Call fit() with at least one epoch first.")
        names = [n for n in self.history if not (n.startswith("val_") and n.removeprefix("val_") in self.history)]
        figure = figures.new_figure(len(names), "History.plot", numbers="History.history")
        for axes, name in zip(figure.axes, names, strict=True):
            axes.plot(self._epochs(name), self.history[name], label=name)
            if f"val_{name}" in self.history:
                axes.plot(self._epochs(f"val_{name}"), self.history[f"val_{name}"], "--", label=f"val_{name}")
            axes.set(title=name, xlabel="epoch")
            figures.whole_numbers(axes)
            axes.legend()
        return figures.saved(figure, path if self.leads else None)

    def to_frame(self) -> DataFrame:
        """A pandas data frame: a row per epoch, counted from 1, and a column per metric.

        Epochs without validation, by `validation_freq`, have NaN there.

        Raises:
            ImportError: pandas is not installed.
        """
        pandas = needed("pandas", "History.to_frame", "The numbers themselves are in History.history.")
        columns = {
            name: pandas.Series(values, index=self._epochs(name), dtype=None if values else "float64")
            for name, values in self.history.items()
        }
        frame = pandas.DataFrame(columns)
        frame.index.name = "epoch"
        return frame

    def _epochs(self, name: str) -> list[int]:
        """Where the points of a curve stand, counted from 1 as in the display; `validation_freq` leaves gaps."""
        places, count = self._places.get(name, []), len(self.history[name])
        if len(places) == count:
            return places
        stride = max(map(len, self.history.values())) // max(count, 1)  # `history` was written by somebody else
        return [stride * (point + 1) for point in range(count)]
