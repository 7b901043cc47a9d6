"""Models as notebooks show them: tables that fold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.html import escape, fold, table
from . import summary

if TYPE_CHECKING:
    from ..model import Model

_OPEN_UP_TO = 25  # layers; longer tables are opened by the reader


def of_model(model: Model) -> str:
    """The layers of a model with shapes and parameters, the models inside of it folded, and the totals."""
    rows = list(summary.rows_of(model))
    state = "" if model.built else ", not built yet"
    title = f"{type(model).__name__} '{model.name}': {len(rows)} layers, {_count(model)} parameters{state}"
    head = "", "layer", "type", "output shape", "parameters", "trained"
    lines = [(i, row.name, row.kind, row.shape, row.params, row.trainable) for i, row in enumerate(rows)]
    inside = [of_model(layer) for layer in model.layers if getattr(layer, "is_model", False)]
    totals = "<br>".join(map(escape, summary.total_lines(model)))
    return fold(title, f"{table(head, lines)}{''.join(inside)}<small>{totals}</small>", len(rows) <= _OPEN_UP_TO)


def _count(model: Model) -> str:
    return f"{summary.count_of(model.weights):,}"
