"""`print_summary`: a table of the layers of a model, with output shapes and parameters."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import building, names, placement
from ..core.tensor import leaves, shape_of
from ..core.types import Symbols
from . import costs as costing
from .terminal import can_print, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from ..core.layer import Layer
    from ..core.operation import Operation
    from ..functional import Graph
    from ..model import Model

DEFAULT_LENGTH = 80
_UNKNOWN = "?"
_LINES = "┏└"


@dataclass(frozen=True)
class Row:
    """One layer in the table; `depth` counts the models around it."""

    name: str
    kind: str
    shape: str
    params: str
    trainable: str
    connected: str
    depth: int = 0
    flops: str = ""
    activations: str = ""


def print_summary(
    model: Model,
    line_length: int | None = None,
    positions: Sequence[float] | None = None,
    print_fn: Callable[[str], Any] | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Sequence[str] | None = None,
    costs: bool = False,
) -> None:
    """Print the layers of a model, one row each, and the totals.

    With `costs=True`, what one sample costs: the floating-point operations of the forward pass (a multiplication with
    an addition is two, any other operation on one number is one; integers, comparisons and moving data are free) and
    the bytes that the layers put out, which training keeps for the backward pass. Both are read off the program before
    it is compiled; XLA may compute less and keep more or less than that. `>=` says that a loop of unknown length or a
    kernel that cannot be looked into is in there, `?` that something is not known yet: the size of an axis other than
    the batch, or the optimizer's state before the first `fit`.

    Args:
        model: built or not; shapes that are not known yet are shown as `?`.
        line_length: characters per line; default: the width of the terminal, at most 80.
        positions: where the columns end, as fractions of the line or as absolute positions.
        print_fn: gets the whole table as one string, in place of `sys.stdout`.
        expand_nested: also list the layers inside of models that are layers.
        show_trainable: add a column: Y, N, or - for layers without weights.
        layer_range: two regular expressions: the rows from the first layer whose name begins like the first, to the
            last one that begins like the second. Totals are always those of the whole model.
        costs: add two columns, FLOPs and activation memory of one sample, with their totals and an estimate of the
            memory that training takes: parameters, gradients, state of the optimizer, and activations by batch size.
            Unlike all else here, this is not in Keras.

    Raises:
        ValueError: for a `layer_range` of another length, or that no layers match.
    """
    rows = _within(list(rows_of(model, expand_nested, costs)), layer_range)
    columns = _columns(rows, connected=_branches(model), trainable=show_trainable, costs=costs)
    totals = "\n".join(f" {line}" for line in [*total_lines(model), *(cost_lines(model) if costs else [])])
    if print_fn is None and (console := _live_console()) is not None:
        console.print(_title(model.name, styled=True))
        console.print(_table(columns, line_length or min(console.width, DEFAULT_LENGTH), positions))
        console.print(totals, highlight=True)
        return
    plain = print_fn is None and not can_print(_LINES)
    table = _as_text(_table(columns, line_length or DEFAULT_LENGTH, positions, plain), line_length or DEFAULT_LENGTH)
    text = f"{_title(model.name)}\n{table}\n{totals}"
    if print_fn is None:
        print(printable(text))
    else:
        print_fn(text)


# --- what stands in the table ---


def rows_of(model: Model, expand_nested: bool = False, costs: bool = False, depth: int = 0) -> Iterable[Row]:
    """One row per layer, in order; with `expand_nested` also those inside of layers that are models."""
    for position, (part, layer, shape) in enumerate(_members(model)):
        cost = costing.of_layer(model, layer) if costs else None
        inner = layer if expand_nested and (hasattr(layer, "layers") or hasattr(layer, "described_layers")) else None
        yield Row(
            name=f"{part}: {layer.name}" if part else layer.name,
            kind=names.kind_of(layer),
            shape=_output_shape(model, position, layer) if shape is None else format_shape(shape),
            params=_parameters(layer),
            trainable=_trainable(layer),
            connected=_connections(model, layer) if depth == 0 else "-",
            depth=depth,
            flops=_flops(cost),
            activations=_UNKNOWN if cost is None else format_bytes(cost.activations),
        )
        if inner is not None:
            yield from rows_of(inner, expand_nested, costs, depth + 1)


def _members(model: Model) -> list[tuple[str, Any, Any]]:
    """The layers of a model, of a graph also the plain functions in it; containers add parts and output shapes."""
    if hasattr(model, "described_layers"):
        return model.described_layers()
    graph = model.recorded_graph
    return [("", layer, None) for layer in (model.layers if graph is None else graph.operations)]


def _output_shape(model: Model, position: int, layer: Any) -> str:
    tensors, graph = model.symbolic_steps, model.recorded_graph
    if tensors is not None:
        return format_shape(shape_of(tensors[position + 1]))
    if graph is not None:
        return format_shape(shape_of(_outputs_in(graph, layer)))
    if getattr(layer, "symbolic_outputs", None) is not None:
        return format_shape(shape_of(layer.symbolic_outputs))
    return _shape_by_layer(layer)


def _outputs_in(graph: Graph, operation: Operation) -> Symbols:
    for node in graph.nodes:
        if node.operation is operation:
            return node.outputs
    entries = [t for t in leaves(graph.inputs) if t.node is not None and t.node.operation is operation]
    return entries[0]


def _shape_by_layer(layer: Layer) -> str:
    """Of a layer whose surroundings know nothing: what it says for the shape it was built with."""
    built_with = building.shapes_of(layer)
    if not built_with:
        return _UNKNOWN
    try:
        return format_shape(layer.compute_output_shape(*built_with.values()))
    except (NotImplementedError, TypeError, ValueError):  # own layers may write it for other arguments, or not at all
        return _UNKNOWN


def format_shape(shape: Sequence[Any] | Mapping[str, Any]) -> str:
    """A shape, or several of them, as text.

    >>> format_shape((None, 3)), format_shape([(None, 3), (None, 4)]), format_shape({"a": (2,)})
    ('(None, 3)', '[(None, 3), (None, 4)]', 'a: (2,)')
    """
    if isinstance(shape, dict):
        return ", ".join(f"{name}: {format_shape(one)}" for name, one in shape.items())
    if any(isinstance(one, (list, tuple, dict)) for one in shape):
        return f"[{', '.join(map(format_shape, shape))}]"
    return str(tuple(shape))


def _parameters(layer: Layer) -> str:
    if not hasattr(layer, "weights"):
        return "0"
    count = count_of(layer.weights)
    return f"{count:,}" if layer.built or count else "0 (unbuilt)"


def _flops(cost: costing.Cost | None) -> str:
    return _UNKNOWN if cost is None else f"{'' if cost.exact else '>= '}{cost.flops:,}"


def _trainable(layer: Layer) -> str:
    if not getattr(layer, "weights", None):
        return "-"
    return "Y" if layer.trainable else "N"


def _connections(model: Model, layer: Layer) -> str:
    """Where the inputs of a layer come from: `name[call][output]`."""
    graph = model.recorded_graph
    if graph is None:
        return "-"
    origins = []
    for node in graph.nodes:
        if node.operation is not layer:
            continue
        for tensor in node.inputs:
            source = tensor.node
            origins.append(
                tensor.name if source is None else f"{source.operation.name}[{source.index}][{tensor.position}]"
            )
    return ", ".join(origins) or "-"


def _branches(model: Model) -> bool:
    """Whether a model is a graph that is no chain, each layer once and fed by the one before it."""
    graph = model.recorded_graph
    if graph is None:
        return False
    inputs = leaves(graph.inputs)
    before = [*inputs[:1], *(node.outputs for node in graph.nodes)]
    chained = all(
        len(node.inputs) == 1 and any(node.inputs[0] is tensor for tensor in leaves(source))
        for node, source in zip(graph.nodes, before, strict=False)
    )
    once = len({id(node.operation) for node in graph.nodes}) == len(graph.nodes)
    return len(inputs) != 1 or not chained or not once


def _within(rows: list[Row], layer_range: Sequence[str] | None) -> list[Row]:
    if layer_range is None:
        return rows
    if isinstance(layer_range, str) or len(layer_range) != 2:
        raise ValueError(
            f"layer_range must be a list or tuple of length 2: the names of the first and of the last layer to show."
            f" Received: layer_range={layer_range!r}"
        )
    first, last = (
        [i for i, row in enumerate(rows) if row.depth == 0 and re.match(pattern, row.name)] for pattern in layer_range
    )
    if not first or not last:
        raise ValueError(
            f"Passed layer_names do not match the layer names in the model: {[r.name for r in rows if r.depth == 0]}."
            f" Received: layer_range={list(layer_range)}"
        )
    start, end = sorted((first[0], last[-1]))
    while end + 1 < len(rows) and rows[end + 1].depth > 0:  # the layers inside of the last one belong to it
        end += 1
    return rows[start : end + 1]


# --- totals ---


def total_lines(model: Model) -> list[str]:
    """Numbers of parameters and the memory they take; with the state of the optimizer once there is one."""
    trainable = list(model.trainable_weights)
    known = {id(v) for v in trainable}
    frozen = [v for v in model.weights if id(v) not in known]
    optimizer = getattr(model, "optimizer", None)
    state = list(optimizer.variables) if optimizer is not None and getattr(optimizer, "built", False) else []
    groups = {"Total": trainable + frozen + state, "Trainable": trainable, "Non-trainable": frozen}
    if state:
        groups["Optimizer"] = state
    return [f"{name} params: {count_of(found):,} ({format_bytes(_bytes(found))})" for name, found in groups.items()]


def cost_lines(model: Model) -> list[str]:
    """What one sample costs, and an estimate of the memory that training takes."""
    cost = costing.of_model(model)
    per_sample = _UNKNOWN if cost is None else format_bytes(cost.activations)
    optimizer = getattr(model, "optimizer", None)
    state = _UNKNOWN
    if optimizer is not None and getattr(optimizer, "built", False):
        state = format_bytes(_bytes(optimizer.variables))
    return [
        f"Forward pass of one sample: {_flops(cost)} FLOPs, {per_sample} of activations",
        f"Training memory, about: {format_bytes(_bytes(model.weights))} of parameters"
        f" + {format_bytes(_bytes(model.trainable_weights))} of gradients + {state} of optimizer state"
        f" + batch size * {per_sample} of activations",
        *_device_lines(model, optimizer),
    ]


def _device_lines(model: Model, optimizer: Any) -> list[str]:
    """What each of several devices holds; nothing of one."""
    place = placement.where(model)
    if place.devices == 1:
        return []
    parameters = format_bytes(_bytes_per_device(place, model.weights))
    state = (
        format_bytes(_bytes_per_device(place, optimizer.variables)) if getattr(optimizer, "built", False) else _UNKNOWN
    )
    return [f"On each of {place.devices} devices: {parameters} of parameters + {state} of optimizer state"]


def _bytes_per_device(place: placement.Placement, variables: Iterable[Any]) -> int:
    return sum(math.prod(place.share_of(v)) * v.stored_dtype.itemsize for v in variables)


def count_of(variables: Iterable[Any]) -> int:
    """How many numbers variables hold."""
    return sum(int(np.prod(v.shape, dtype=np.int64)) for v in variables)


def _bytes(variables: Iterable[Any]) -> int:
    return sum(v.value.nbytes for v in variables)


def format_bytes(number: int) -> str:
    """A number of bytes in the unit that suits it.

    >>> format_bytes(580), format_bytes(218_152), format_bytes(3 * 1024**3)
    ('580.00 B', '213.04 KB', '3.00 GB')
    """
    size = float(number)
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1024:
            return f"{size:.2f} {unit}"
        size /= 1024
    return f"{size:.2f} TB"


# --- how it looks ---


@dataclass(frozen=True)
class Column:
    """One column; a solid one is wide enough for what it holds, the others share the rest of the line and wrap."""

    title: str
    cells: list[str]
    share: float
    solid: bool = False
    justify: str = "left"
    style: str | None = None

    def needed(self) -> int:
        """Characters of the longest entry."""
        return max(map(len, [self.title, *self.cells]))


def _columns(rows: list[Row], connected: bool, trainable: bool, costs: bool) -> list[Column]:
    columns = [
        Column("Layer (type)", [_label(row) for row in rows], 8),
        Column("Output Shape", [row.shape for row in rows], 5.5, style="cyan"),
        Column("Param #", [row.params for row in rows], 3, solid=True, justify="right", style="green"),
    ]
    if costs:
        columns.append(Column("FLOPs", [row.flops for row in rows], 3, solid=True, justify="right"))
        columns.append(Column("Activations", [row.activations for row in rows], 3, solid=True, justify="right"))
    if connected:
        columns.append(Column("Connected to", [row.connected for row in rows], 6.5))
    if trainable:
        columns.append(Column("Trainable", [row.trainable for row in rows], 2, solid=True, justify="center"))
    return columns


def _widths(columns: list[Column], length: int) -> list[int]:
    """Characters inside each column, borders and blanks left out."""
    room = length - 3 * len(columns) - 1
    total = sum(column.share for column in columns)
    solid = {i: max(int(room * c.share / total), c.needed()) for i, c in enumerate(columns) if c.solid}
    rest, shares = room - sum(solid.values()), sum(column.share for column in columns if not column.solid)
    widths = [solid.get(i, max(int(rest * column.share / shares), 4)) for i, column in enumerate(columns)]
    widths[0] += max(room - sum(widths), 0)  # what rounding has left over
    return widths


def _widths_from(positions: Sequence[float], length: int, columns: int) -> list[int]:
    """The same from where the columns end."""
    ends = [round(p * length) if p <= 1 else round(p) for p in positions][:columns]
    if len(ends) < columns or any(end <= begin for begin, end in zip([0, *ends], ends, strict=False)):
        raise ValueError(
            f"summary: `positions` must say, rising, where each of the {columns} columns ends, as fractions of the line"
            f" or in characters. Received: positions={list(positions)}"
        )
    return [max(end - begin - 3, 1) for begin, end in zip([0, *ends], ends, strict=False)]


def _label(row: Row) -> str:
    indent = "   " * row.depth + ("└ " if row.depth else "")
    return f"{indent}{row.name} ({row.kind})"


def _title(name: str, styled: bool = False) -> str:
    from rich.markup import escape

    return f'[bold]Model: "{escape(name)}"[/bold]' if styled else f'Model: "{name}"'


def _table(columns: list[Column], length: int, positions: Sequence[float] | None, ascii_only: bool = False) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    widths = _widths_from(positions, length, len(columns)) if positions else _widths(columns, length)
    table = Table(box=box.ASCII if ascii_only else box.HEAVY_HEAD, show_lines=not ascii_only)
    for column, width in zip(columns, widths, strict=True):
        table.add_column(
            column.title,
            width=width,
            overflow="fold",  # a cut name or number would be lost
            justify=column.justify,  # type: ignore[arg-type]
            style=column.style,
            header_style="bold",
        )
    for cells in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*(Text(cell.replace("└", "`-") if ascii_only else cell) for cell in cells))
    return table


def _as_text(table: Table, length: int) -> str:
    from rich.console import Console

    paper = io.StringIO()
    # Wide enough for `positions` beyond the line: the table has widths of its own.
    console = Console(file=paper, width=4 * length, color_system=None, force_terminal=False, force_jupyter=False)
    console.print(table)
    return "\n".join(line.rstrip() for line in paper.getvalue().splitlines())


def _live_console() -> Console | None:
    """rich's console where it can show colours: a terminal or a notebook."""
    from rich import get_console

    console = get_console()
    return console if console.is_jupyter or (console.is_terminal and can_print(_LINES)) else None
