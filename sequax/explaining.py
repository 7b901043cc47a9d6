"""What a stack does to the shape of its data, row by row, and what to change where a layer does not fit."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from .core import html, scope, shapes
from .core.layer import Layer
from .core.remedies import remedy
from .core.tensor import KerasTensor, leaves, shape_of
from .layers.attending import call_on

if TYPE_CHECKING:
    from .stack import Stack

_MOST_ROWS = 12  # in the message of an error; `explain` shows all
_ARROW = "-->"


class Row(NamedTuple):
    """One layer: its position, name, class, and the shapes before and behind it; `after` is None from the fault on."""

    position: int
    name: str
    kind: str
    before: Any
    after: Any
    fails: bool = False

    def texts(self) -> tuple[str, str, str]:
        after = "does not fit" if self.fails else "?" if self.after is None else str(self.after)
        before = "?" if self.before is None else str(self.before)
        return f"[{self.position}]", f"{self.name} ({self.kind})", f"{before} -> {after}"


class Explanation:
    """What `model.explain(shape)` gives: print it, or let a notebook show it.

    Attributes:
        rows: one per layer.
        fits: whether the shape goes through the whole stack.
        output_shape: what comes out, None if it does not fit.
        problem: what the layer says that does not fit; None if all do.
        remedy: what to change, if it is known; else empty.
    """

    def __init__(self, title: str, rows: list[Row], problem: str | None = None, remedy: str = ""):
        self.title = title
        self.rows = rows
        self.problem = problem
        self.remedy = remedy

    @property
    def fits(self) -> bool:
        return self.problem is None

    @property
    def output_shape(self) -> Any:
        return self.rows[-1].after if self.rows and self.fits else None

    def __repr__(self) -> str:
        ending = [f"Output: {self.output_shape}"] if self.fits else [str(self.problem), self.remedy]
        return "\n".join(line for line in (self.title, text_of(self.rows), *ending) if line)

    def _repr_html_(self) -> str:
        lines = [(_ARROW if row.fails else "", *row.texts()) for row in self.rows]
        ending = f"Output: {self.output_shape}" if self.fits else f"{self.problem} {self.remedy}"
        return f"{html.escape(self.title)}{html.table((), lines)}<b>{html.escape(ending)}</b>"


def explain(model: Stack, shape: Any = None) -> Explanation:
    """Follow a shape through a stack, whose layers stay as they are: nothing is built.

    Args:
        model: built or not.
        shape: with the batch axis, as `x.shape` has it, or data that have a shape; None: that of the model's `Input`.

    Raises:
        ValueError: without a shape, if the model knows none.
    """
    x = _entry(model, shape)
    title = f"{type(model).__name__} '{model.name}' for an input of shape {shape_of(x)}"
    rows: list[Row] = []
    fault: tuple[str, str] | None = None
    for position, layer in enumerate(model.layers):
        after = None
        if fault is None:
            try:
                after = _through(layer, x)
            except (ValueError, TypeError) as error:
                told = [shape_of(x) if row is None else row.before for row in [*rows, None]]
                advice = remedy(model.layers, position, told)
                # The layer was called on a symbolic tensor, whose errors end with the advice already.
                fault = _first_line(error).removesuffix(f"\n{advice}"), advice
                rows.append(_row(layer, position, shape_of(x), None, True))
                x = None
                continue
        shown = [None if one is None else shape_of(one) for one in (x, after)]
        rows.append(_row(layer, position, shown[0], shown[1]))
        x = after
    return Explanation(title, rows, *(fault or (None,)))


def _entry(model: Stack, shape: Any) -> Any:
    if shape is None:
        known = model.symbolic_inputs
        if known is None and model.first_input is not None:
            known = model.first_input
        if known is None:
            raise ValueError(
                f"{type(model).__name__} '{model.name}': explain() needs a shape, since the model has no Input. Pass"
                f" that of your data, explain(x.shape)."
            )
        return known
    if hasattr(shape, "shape"):
        shape = shape.shape
    dtype = model.layers[0].input_dtype if model.layers else "float32"
    return shapes.map_shapes(lambda one: KerasTensor(one, dtype), shapes.map_shapes(tuple, shape))


def _through(layer: Layer, x: Any) -> Any:
    """The symbolic output of a layer, of which no trace is left. A layer that is not built is not built by it."""
    own = layer if layer.built else copy.deepcopy(layer)
    with scope.fresh_call():
        outputs = call_on(own, x)
    if own is layer:
        layer.recorded_calls.pop()
    return outputs


def _row(layer: Layer, position: int, before: Any, after: Any, fails: bool = False) -> Row:
    return Row(position, layer.name, type(layer).__name__, before, after, fails)


def _first_line(error: Exception) -> str:
    return str(error).split("\nIn ")[0]


# --- the text in an error ---


def place_of(model: Stack, position: int, x: object) -> str:
    """Where in a stack a layer failed, with the way of the shape up to there."""
    layers = model.layers
    layer = layers[position]
    given = shape_of(x) if all(hasattr(v, "shape") for v in leaves(x)) else type(x).__name__
    text = (
        f"In Sequential '{model.name}', layer {position} '{layer.name}' ({type(layer).__name__}), input shape {given}"
    )
    tensors = model.symbolic_steps
    if tensors is None or len(tensors) <= position:
        return f"{text}."
    known = [*(shape_of(t) for t in tensors[:position]), given]
    rows = [_row(one, i, known[i], known[i + 1]) for i, one in enumerate(layers[:position])]
    rows.append(_row(layer, position, known[position], None, True))
    advice = remedy(layers, position, known)
    return f"{text}:\n{text_of(rows[-_MOST_ROWS:], len(rows) - _MOST_ROWS)}" + (f"\n{advice}" if advice else "")


def text_of(rows: Sequence[Row], left_out: int = 0) -> str:
    """A table in plain text, the row that fails marked."""
    cells = [row.texts() for row in rows]
    widths = [max((len(line[i]) for line in cells), default=0) for i in (0, 1)]
    lines = [
        f"  {_ARROW if row.fails else '   '} {line[0]:<{widths[0]}} {line[1]:<{widths[1]}}  {line[2]}"
        for row, line in zip(rows, cells, strict=True)
    ]
    return "\n".join(([f"      ... {left_out} layers"] if left_out > 0 else []) + lines)
