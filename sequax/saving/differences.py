"""What a file has and what a model expects, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np

from ..core import placement
from ..core.text import aligned
from .hdf5_reader import Dataset
from .layout import Place

if TYPE_CHECKING:
    from ..model import Model

_SHOWN = 10
_KINDS = {"f": "float", "V": "float", "i": "integer", "u": "integer", "b": "boolean"}


def expected(place: Place) -> dict[str, tuple[tuple[int, ...], str]]:
    """Shape and dtype of each dataset of a place, by path."""
    if not place.writes_itself:
        return {path: (v.shape, v.stored_dtype.name) for path, v in place.entries().items()}
    store: dict[str, Any] = {}
    with placement.fetched(place.owner.variables):  # as where it is written
        place.owner.save_own_variables(store)
    arrays = {f"{place.group}/{key}": np.asarray(value) for key, value in store.items()}
    return {path: (array.shape, array.dtype.name) for path, array in arrays.items()}


@dataclass
class Report:
    """Differences as rows of path, what is expected, and what the file has."""

    total: int
    rows: list[tuple[str, str, str]] = field(default_factory=list)
    missing: int = 0
    extra: int = 0

    @property
    def any(self) -> bool:
        return bool(self.rows)

    def concerns(self, place: Place) -> bool:
        """Whether one of the variables of a place differs."""
        paths = expected(place)
        return any(path in paths for path, _, _ in self.rows)

    def first(self) -> str:
        path, wanted, found = self.rows[0]
        return f"First difference: {path}: expected {wanted}, found {found}."

    def message(self, name: str, model: Model, outcome: str = "Nothing was loaded.") -> str:
        """A table of the first differences, and what may be the reason."""
        shown = aligned([("path", "expected", "found"), *self.rows[:_SHOWN]], texts=3)
        table = "\n".join(f"  {line.rstrip()}" for line in shown)
        more = len(self.rows) - _SHOWN
        return (
            f"{name} does not fit model '{model.name}' ({type(model).__name__}): {len(self.rows)} differences in"
            f" {self.total} variables. {outcome}\n{table}\n"
            + (f"  ... and {more} more\n" if more > 0 else "")
            + self._advice()
        )

    def _advice(self) -> str:
        if self.missing == len(self.rows) == self.total:
            return "The file holds none of the variables. Is it a weights file of this model?"
        if self.missing or self.extra:
            return "Model and file have other layers. Build the model with the code that the file was written by."
        return (
            "The layers are the same, their sizes are not. Build the model with the sizes in the file, or pass"
            " `skip_mismatch=True` to leave such layers as they are."
        )


def compare(places: list[Place], found: Mapping[str, Dataset]) -> Report:
    """All differences in number, shape and type."""
    wanted = {path: one for place in places for path, one in expected(place).items()}
    report = Report(len(wanted))
    for path, (shape, dtype) in wanted.items():
        dataset = found.get(path)
        if dataset is None:
            report.missing += 1
            report.rows.append((path, f"{shape} {dtype}", "nothing"))
        elif dataset.shape != shape or not fits(dataset, dtype):
            report.rows.append((path, f"{shape} {dtype}", described(dataset)))
    for path in found:
        if path not in wanted:
            report.extra += 1
            report.rows.append((path, "nothing", described(found[path])))
    return report


def described(dataset: Dataset) -> str:
    return f"{dataset.shape} {stored_name(dataset)}"


def stored_name(dataset: Dataset) -> str:
    """The type of the elements in words."""
    if is_bfloat16(dataset):
        return "bfloat16"
    return dataset.type.numpy.name if dataset.type.kind in _KINDS.values() and dataset.type.numpy else dataset.type.kind


def fits(dataset: Dataset, dtype: str) -> bool:
    """Floats may be stored as other floats, and integers as other integers; nothing else is converted."""
    kind = "float" if is_bfloat16(dataset) else dataset.type.kind
    return kind == _KINDS.get("f" if dtype == "bfloat16" else np.dtype(dtype).kind)


def is_bfloat16(dataset: Dataset) -> bool:
    """Keras stores bfloat16 as two bytes without meaning and a note."""
    return dataset.type.kind == "opaque" and dataset.type.size == 2 and dataset.attribute("dtype") == "bfloat16"


def as_numbers(dataset: Dataset, array: np.ndarray) -> np.ndarray:
    return np.frombuffer(array.tobytes(), ml_dtypes.bfloat16).reshape(array.shape) if is_bfloat16(dataset) else array
