"""`model_to_dot` and `plot_model`: a model as a drawing of its layers. pydot and Graphviz are imported when used."""

from __future__ import annotations

import html
import os
import shutil
import sys
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from ..core import names
from ..core.needed import needed
from ..core.tensor import leaves, shape_of
from ..core.types import Path
from . import drawing
from .calls import Call, calls_of, edges_known
from .summary import format_shape

if TYPE_CHECKING:
    import pydot

    from ..model import Model


class Style(NamedTuple):
    """What the boxes show."""

    shapes: bool
    dtypes: bool
    names: bool
    activations: bool
    trainable: bool
    expand_nested: bool


def model_to_dot(
    model: Model,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    subgraph: bool = False,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
    **kwargs: object,
) -> pydot.Dot | pydot.Cluster:
    """A model as a graph of pydot: a box per layer, an arrow per tensor.

    Args:
        model: a built model.
        show_shapes: shapes that go in and come out.
        show_dtype: dtype that comes out.
        show_layer_names: names beside the kinds of layers.
        rankdir: "TB" from top to bottom, "LR" from left to right.
        expand_nested: draw the layers of models that are layers, in a frame.
        dpi: resolution.
        subgraph: return a `pydot.Cluster`, to be put into another graph.
        show_layer_activations: activations of the layers that have one.
        show_trainable: whether the weights are trained.
        splines: how arrows run: "ortho", "curved", "polyline", ...

    Raises:
        ImportError: without pydot.
        ValueError: for a model that is not built.
    """
    if kwargs:
        raise ValueError(f"model_to_dot: unrecognized keyword arguments: {sorted(kwargs)}")
    pydot = needed("pydot", "model_to_dot")
    if not getattr(model, "built", False) or not edges_known(model):
        raise ValueError(
            "This model has not yet been built. Build the model first by calling `build()` or by calling the model on a"
            " batch of data."
        )
    style = Style(
        show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable, expand_nested
    )  # fmt: skip
    if subgraph:
        graph = _cluster(pydot, model.name)
    else:
        graph = pydot.Dot(graph_type="digraph")
        graph.set("rankdir", rankdir)
        graph.set("concentrate", True)
        graph.set("dpi", dpi)
        graph.set("splines", splines)
        graph.set_node_defaults(shape="record")
    _Drawing(pydot, style).draw(model, graph)
    return graph


def plot_model(
    model: Model,
    to_file: Path = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
    **kwargs: object,
) -> object:
    """Write the drawing of `model_to_dot` into a file, whose suffix says the format (png, svg, pdf, dot, ...).

    Args:
        to_file: path of the file.
        model: the model.
        show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable: what the boxes say.
        rankdir: "TB" from top to bottom, "LR" from left to right.
        expand_nested: draw the layers of nested models, too.
        dpi: dots per inch.
        splines: how Graphviz draws the lines, such as "ortho".

    Returns:
        In a notebook, the drawing; otherwise nothing.

    Without pydot or Graphviz a file `*.svg` is written as `model.plot` draws it.

    Raises:
        ImportError: without pydot, and without Graphviz, whose program `dot` makes the picture, for other formats.
    """
    path = os.fspath(to_file)
    format = os.path.splitext(path)[1][1:].lower() or "png"
    if format == "svg" and (find_spec("pydot") is None or shutil.which("dot") is None):
        drawing.draw(model, show_shapes, expand_nested).save(path)
        return _shown(path, format)
    needed("pydot", "plot_model")
    if format != "dot" and shutil.which("dot") is None:
        raise ImportError(
            "plot_model: pictures are made by Graphviz, whose program `dot` was not found. With"
            " `to_file='model.svg'`, or by `model.plot()`, the model is drawn without it. Or install it (`apt install"
            " graphviz`, `brew install graphviz`, https://graphviz.org/download/), or write the graph as text with"
            " `to_file='model.dot'`."
        )
    graph: Any = model_to_dot(
        model, show_shapes, show_dtype, show_layer_names, rankdir, expand_nested, dpi, False, show_layer_activations,
        show_trainable, splines, **kwargs,
    )  # fmt: skip
    graph.write(path, format="raw" if format == "dot" else format)
    return _shown(path, format)


def _shown(path: str, format: str) -> object:
    if "ipykernel" not in sys.modules or format not in ("png", "jpg", "jpeg", "svg"):
        return None
    from IPython import display

    return display.SVG(path) if format == "svg" else display.Image(path)


def _cluster(pydot: ModuleType, name: str) -> Any:
    cluster = pydot.Cluster(graph_name=name, label=name)
    cluster.set("style", "dashed")
    cluster.set("labeljust", "l")
    return cluster


class _Drawing:
    """Boxes and arrows, with the names of the boxes already drawn."""

    def __init__(self, pydot: ModuleType, style: Style):
        self.pydot, self.style = pydot, style
        self.count = 0

    def draw(self, model: Any, graph: pydot.Graph) -> tuple[list[str], list[str]]:
        """Add the layers of a model. Returns the boxes that its inputs go to, and those its outputs come from."""
        calls = calls_of(model)
        ends: dict[int, tuple[list[str], list[str]]] = {}
        for call in calls:
            if id(call.layer) not in ends:
                ends[id(call.layer)] = self._place(call, graph)
        arrows = set()
        for call in calls:
            starts = ends[id(call.layer)][0]
            for number, (source, position) in enumerate(call.sources):
                outputs = ends[id(source)][1]
                arrows.add((outputs[min(position, len(outputs) - 1)], starts[min(number, len(starts) - 1)]))
        for start, end in sorted(arrows, key=lambda pair: [int(name.split("_")[1]) for name in pair]):
            graph.add_edge(self.pydot.Edge(start, end, penwidth="2"))
        return self._ends(model, calls, ends)

    def _place(self, call: Call, graph: pydot.Graph) -> tuple[list[str], list[str]]:
        if self.style.expand_nested and hasattr(call.layer, "layers") and edges_known(call.layer):
            cluster = _cluster(self.pydot, call.layer.name)
            ends = self.draw(call.layer, cluster)
            graph.add_subgraph(cluster)
            return ends
        self.count += 1
        name = f"layer_{self.count}"
        graph.add_node(
            self.pydot.Node(name, label=_label(call, self.style), fontname="Helvetica", border="0", margin="0")
        )
        return [name], [name]

    def _ends(self, model: Model, calls: list[Call], ends: dict[Any, Any]) -> tuple[list[str], list[str]]:
        graph = getattr(model, "recorded_graph", None)
        if graph is None:
            return ends[id(calls[0].layer)][0], ends[id(calls[-1].layer)][1]
        first = [ends[id(t.node.operation)][0][0] for t in leaves(graph.inputs) if t.node is not None]
        last = []
        for tensor in leaves(graph.outputs):
            boxes = ends[id(tensor.node.operation)][1]
            last.append(boxes[min(tensor.position, len(boxes) - 1)])
        return first, last


def _label(call: Call, style: Style) -> str:
    """A box as a table of HTML, as Graphviz reads it."""
    cells = _cells(call, style)
    width = max(len(cells), 1)
    name, kind = html.escape(str(call.layer.name)), html.escape(names.kind_of(call.layer))
    title = f"<b>{name}</b> ({kind})" if style.names else f"<b>{kind}</b>"
    rows = [f'<tr><td colspan="{width}" bgcolor="black"><font point-size="16" color="white">{title}</font></td></tr>']
    activation = getattr(call.layer, "activation", None) if style.activations else None
    if activation is not None:
        shown = html.escape(str(getattr(activation, "__name__", None) or getattr(activation, "name", activation)))
        text = f'<font point-size="14">Activation: <b>{shown}</b></font>'
        rows.append(f'<tr><td bgcolor="white" colspan="{width}">{text}</td></tr>')
    if cells:
        rows.append(f"<tr>{''.join(cells)}</tr>")
    table = '<table border="0" cellborder="1" bgcolor="black" cellpadding="10">'
    return f"<{table}{''.join(rows)}</table>>"


def _cells(call: Call, style: Style) -> list[str]:
    cells = []
    if style.shapes and call.inputs is not None:
        cells.append(_cell("Input shape", format_shape(shape_of(call.inputs))))
    if style.shapes:
        cells.append(_cell("Output shape", format_shape(shape_of(call.outputs))))
    if style.dtypes:
        cells.append(_cell("Output dtype", ", ".join(dict.fromkeys(str(t.dtype) for t in leaves(call.outputs)))))
    if style.trainable and getattr(call.layer, "weights", None):
        color, text = ("forestgreen", "Trainable") if call.layer.trainable else ("firebrick", "Non-trainable")
        cells.append(f'<td bgcolor="{color}"><font point-size="14" color="white"><b>{text}</b></font></td>')
    return cells


def _cell(title: str, text: str) -> str:
    return f'<td bgcolor="white"><font point-size="14">{title}: <b>{html.escape(text)}</b></font></td>'
