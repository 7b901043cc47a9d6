"""`inspect_predictions`: where a classifier is right, sure, and wrong.

Counts and scores are scikit-learn's, pictures matplotlib's; each is imported when it is asked for.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .callbacks import figure as figures
from .core import html
from .core.needed import needed
from .core.text import aligned
from .core.types import ArrayLike, Data
from .model import Model
from .wrappers.labels import probabilities

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SHOWN = 5  # of confusions and of samples, in texts


class Sample(NamedTuple):
    """One row, and what was thought of it.

    Attributes:
        row: its number.
        label: its class.
        predicted: the class with the highest probability.
        probability: that the true class was given.
        confidence: the probability of the predicted class.
    """

    row: int
    label: Any
    predicted: Any
    probability: float
    confidence: float


class Confusion(NamedTuple):
    """Rows of one class that were taken for another.

    Attributes:
        label: the class.
        predicted: what it was taken for.
        rows: how many.
    """

    label: Any
    predicted: Any
    rows: int


class Calibration(NamedTuple):
    """How often the model is right when it is so sure.

    Attributes:
        confidence: mean probability of the predicted class, by bin.
        accuracy: the part of these rows that is right.
        rows: in each bin; bins without rows are left out.
        error: expected calibration error: the mean distance of the two, weighted by rows. Guo et al. 2017.
    """

    confidence: np.ndarray
    accuracy: np.ndarray
    rows: np.ndarray
    error: float


class Predictions:
    """What `inspect_predictions` returns. Printed, it is a report; in a notebook, tables.

    Attributes:
        classes: the labels, or the names that were given for them.
        labels: number of the true class of each row.
        predicted: number of the predicted class.
        probabilities: a row per sample, a column per class.
        accuracy: the part of the rows that is right.
    """

    labels: np.ndarray
    probabilities: np.ndarray
    classes: list[Any]

    def __init__(self, x: Any, labels: np.ndarray, probabilities: np.ndarray, classes: Sequence[Any]):
        self.x = x
        self.labels, self.probabilities, self.classes = labels, probabilities, list(classes)
        self.predicted: Any = probabilities.argmax(axis=1)
        self.accuracy: float = float((self.predicted == labels).mean())
        self._of_truth = probabilities[np.arange(len(labels)), labels]
        self._confidence = probabilities.max(axis=1)

    # --- numbers ---

    @property
    def confusion(self) -> np.ndarray:
        """How many rows of a class (down) were predicted as each class (across)."""
        numbers = range(len(self.classes))
        return _metrics().confusion_matrix(self.labels, self.predicted, labels=list(numbers))

    def confusions(self, count: int | None = None) -> list[Confusion]:
        """What was taken for what, the most frequent first.

        Args:
            count: how many; None: all there are.
        """
        wrong = self.confusion
        np.fill_diagonal(wrong, 0)
        order = np.argsort(-wrong, axis=None, kind="stable")[: np.count_nonzero(wrong)][:count]
        pairs = zip(*np.unravel_index(order, wrong.shape), strict=True)
        return [Confusion(self.classes[i], self.classes[j], int(wrong[i, j])) for i, j in pairs]

    def report(self) -> dict[Any, dict[str, float]]:
        """Precision, recall, F1 and number of rows (`support`) of each class."""
        numbers = list(range(len(self.classes)))
        columns = _metrics().precision_recall_fscore_support(
            self.labels, self.predicted, labels=numbers, zero_division=0.0
        )
        names = ("precision", "recall", "f1", "support")
        return {
            label: dict(zip(names, (float(column[i]) for column in columns), strict=True))
            for i, label in enumerate(self.classes)
        }

    def calibration(self, bins: int = 10) -> Calibration:
        """Whether probabilities are what they say.

        Args:
            bins: of equal width, from 0 to 1.
        """
        right = self.predicted == self.labels
        places = np.minimum((self._confidence * bins).astype(int), bins - 1)
        count = np.bincount(places, minlength=bins)
        kept = count > 0
        confidence = np.bincount(places, self._confidence, bins)[kept] / count[kept]
        accuracy = np.bincount(places, right, bins)[kept] / count[kept]
        error = float((np.abs(confidence - accuracy) * count[kept]).sum() / len(right))
        return Calibration(confidence, accuracy, count[kept], error)

    def worst(self, count: int = 10) -> list[Sample]:
        """The rows whose true class got the lowest probability: wrong labels are often among them.

        Args:
            count: how many.
        """
        order = np.argsort(self._of_truth, kind="stable")[:count]
        return [
            Sample(
                int(i),
                self.classes[self.labels[i]],
                self.classes[self.predicted[i]],
                float(self._of_truth[i]),
                float(self._confidence[i]),
            )
            for i in order
        ]

    # --- texts ---

    def __repr__(self) -> str:
        head, rows = self._by_class()
        return "\n".join([self._title(), "", *aligned([head, *rows]), *self._wrong_ones()])

    def _repr_html_(self) -> str:
        head, rows = self._by_class()
        parts = [f"<p>{html.escape(self._title())}</p>", html.table(head, rows, numbers=len(head) - 1)]
        confusions, samples = self.confusions(2 * _SHOWN), self.worst(2 * _SHOWN)
        taken = html.table(("class", "taken for", "rows"), confusions, numbers=1)
        parts.append(html.fold("confusions", taken))
        lines = [(s.row, s.label, s.predicted, f"{s.probability:.3f}") for s in samples]
        parts.append(
            html.fold("worst rows", html.table(("row", "class", "predicted", "probability"), lines, numbers=1))
        )
        return "".join(parts)

    def _title(self) -> str:
        error = self.calibration().error
        return (
            f"{len(self.labels):,} rows, {len(self.classes)} classes: accuracy {self.accuracy:.3f},"
            f" calibration error {error:.3f}"
        )

    def _by_class(self) -> tuple[list[str], list[list[str]]]:
        rows = [
            [str(label), *(f"{line[name]:.3f}" for name in ("precision", "recall", "f1")), f"{line['support']:.0f}"]
            for label, line in self.report().items()
        ]
        return ["class", "precision", "recall", "f1", "rows"], rows

    def _wrong_ones(self) -> list[str]:
        lines = [f"  {c.label} taken for {c.predicted}: {c.rows}" for c in self.confusions(_SHOWN)]
        lines = ["", "most frequent confusions", *lines] if lines else []
        lines += ["", "worst rows"]
        lines += [
            f"  {s.row}: {s.label}, predicted {s.predicted} ({s.confidence:.3f}; its class {s.probability:.3f})"
            for s in self.worst(_SHOWN)
        ]
        return lines

    # --- pictures ---

    def plot(self, path: str | os.PathLike[str] | None = None) -> Figure:
        """The confusion matrix beside the calibration curve.

        Args:
            path: a file to write as well.

        Returns:
            The matplotlib figure.
        """
        figure = figures.new_figure(2, "Predictions.plot", numbers="`confusion` and `calibration()`")
        matrix, curve = figure.axes
        self._draw_confusion(matrix)
        found = self.calibration()
        curve.plot([0, 1], [0, 1], ":", color="gray")
        curve.plot(found.confidence, found.accuracy, "o-")
        curve.set(xlabel="probability of the predicted class", ylabel="part that is right", xlim=(0, 1), ylim=(0, 1.02))
        curve.set_title(f"calibration error {found.error:.3f}")
        return figures.saved(figure, path)

    def plot_worst(self, count: int = 12, path: str | os.PathLike[str] | None = None) -> Figure:
        """The worst rows as images, each with its class and what it was taken for.

        Args:
            count: how many.
            path: a file to write as well.

        Returns:
            The matplotlib figure.

        Raises:
            ValueError: if the inputs are no images.
        """
        images = np.asarray(self.x)
        if images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[-1] not in (1, 3, 4)):
            raise ValueError(
                f"plot_worst draws images, (rows, height, width) or with 1, 3 or 4 channels behind. The inputs have the"
                f" shape {images.shape}; `worst()` lists the rows."
            )
        samples = self.worst(count)
        figure = figures.new_figure(1, "Predictions.plot_worst", numbers="`worst()`")
        figure.clear()
        across = min(len(samples), 4)
        down = -(-len(samples) // across)
        figure.set_size_inches(2.2 * across, 2.5 * down)
        for place, sample in enumerate(samples, start=1):
            axes = figure.add_subplot(down, across, place)
            axes.imshow(_shown(images[sample.row]), cmap="gray")
            taken = "" if sample.predicted == sample.label else f", not {sample.predicted}"
            axes.set_title(f"{sample.row}: {sample.label}{taken}", fontsize=8)
            axes.axis("off")
        return figures.saved(figure, path)

    def _draw_confusion(self, axes: Any) -> None:
        counts = self.confusion
        axes.imshow(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1), cmap="Blues", vmin=0, vmax=1)
        places = range(len(self.classes))
        if len(self.classes) <= 20:
            axes.set_xticks(places, [str(label) for label in self.classes], rotation=90)
            axes.set_yticks(places, [str(label) for label in self.classes])
            for i, row in enumerate(counts):
                for j, count in enumerate(row):
                    dark = count > 0.5 * max(row.sum(), 1)
                    axes.text(
                        j, i, f"{count}", ha="center", va="center", fontsize=7, color="white" if dark else "black"
                    )
        axes.set(xlabel="predicted", ylabel="class", title=f"accuracy {self.accuracy:.3f}")


def inspect_predictions(
    model: Any, x: Data, y: Data, class_names: Sequence[Any] | None = None, batch_size: int | None = None
) -> Predictions:
    """Where a classifier is right, sure, and wrong: confusion matrix, scores by class, calibration, worst rows.

    Args:
        model: a trained model; an estimator of scikit-learn with `predict_proba`; or probabilities `(rows, classes)`.
        x: inputs.
        y: true classes: numbers, one-hot rows, or the labels of an estimator.
        class_names: a name for each class; default: the estimator's labels, or numbers.
        batch_size: for `Model.predict`.

    Raises:
        ValueError: if outputs and `y` are not about classes, or do not fit.
        ImportError: without scikit-learn, once numbers are asked for.

    >>> import numpy as np
    >>> found = inspect_predictions(np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]]), None, [0, 1, 1])
    >>> found.confusion.tolist(), found.worst(1)[0].row
    ([[1, 0], [1, 1]], 2)
    """
    given = _probabilities(model, x, y, batch_size)
    known = list(getattr(model, "classes_", range(given.shape[1])))
    labels = _numbers(y, known, given.shape)
    names = known if class_names is None else list(class_names)
    if len(names) != given.shape[1]:
        raise ValueError(f"class_names has {len(names)} names; the model tells {given.shape[1]} classes apart.")
    return Predictions(x, labels, given, [name.item() if hasattr(name, "item") else name for name in names])


def _probabilities(model: Any, x: Data, y: Data, batch_size: int | None) -> np.ndarray:
    if isinstance(model, Model):
        outputs = np.asarray(model.predict(x, batch_size=batch_size, verbose=0))
        if outputs.ndim != 2:
            raise ValueError(
                f"inspect_predictions needs outputs of shape (rows, classes). Model {model.name!r} gives"
                f" {outputs.shape}."
            )
        return probabilities(model, outputs, max(outputs.shape[1], 2))
    if hasattr(model, "predict_proba"):
        return np.asarray(model.predict_proba(x), np.float64)
    given = np.asarray(model, np.float64) if not callable(model) else np.zeros(())
    if given.ndim != 2:
        raise ValueError(
            "inspect_predictions takes a model, an estimator with `predict_proba`, or probabilities of shape (rows,"
            f" classes). Received: {type(model).__name__}."
        )
    return given if given.shape[1] > 1 else np.hstack([1 - given, given])


def _numbers(y: Data | ArrayLike, classes: list[Any], shape: tuple[int, ...]) -> np.ndarray:
    """The number of the class of each row."""
    given = np.asarray(y)
    if given.ndim == 2 and given.shape[1] > 1:
        given = given.argmax(axis=1)
    given = given.reshape(-1)
    if len(given) != shape[0]:
        raise ValueError(f"y has {len(given)} rows, the predictions {shape[0]}.")
    places = {label: place for place, label in enumerate(classes)}
    unknown = [label for label in np.unique(given).tolist() if label not in places]
    if unknown:
        raise ValueError(
            f"y has {unknown[0]!r}, which is no class: classes are {classes[:10]}. Numbers of regressions are not"
            f" inspected here."
        )
    return np.array([places[label] for label in given.tolist()], int)


def _shown(image: np.ndarray) -> np.ndarray:
    """An image with values from 0 to 1."""
    image = image[..., 0] if image.ndim == 3 and image.shape[-1] == 1 else image
    low, high = float(image.min()), float(image.max())
    return (image - low) / (high - low) if high > low else np.zeros_like(image, dtype=np.float32)


def _metrics() -> ModuleType:
    without = "Its `labels`, `predicted` and `probabilities` are there without."
    return needed("sklearn.metrics", "inspect_predictions", without)


__all__ = ["Calibration", "Confusion", "Predictions", "Sample", "inspect_predictions"]
