"""`model.profile(x)`: time, operations and memory of a model, layer by layer, on a batch of real data."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np

from ..callbacks import figure as figures
from ..core import html, pure, scope
from ..core.tensor import Node, is_tensor, leaves, map_structure, shape_of
from ..core.text import aligned
from ..core.types import Data
from ..data.batches import prediction_inputs
from ..training import data_spec, predict as predicting
from ..utils import costs
from ..utils.summary import format_bytes, format_shape
from . import sample as samples

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..model import Model

_SECONDS = 0.05  # that each layer is measured


class LayerProfile(NamedTuple):
    """One layer on the batch.

    Fields:
        seconds: of its forward pass alone, compiled; the shortest of several.
        flops: floating-point operations; None where they cannot be counted.
        weights, outputs: bytes.
    """

    name: str
    kind: str
    shape: str
    parameters: int
    seconds: float
    flops: int | None
    weights: int
    outputs: int


class Profile:
    """What `model.profile(x)` gives: print it, or let a notebook show it.

    Attributes:
        rows: rows of the batch.
        layers: one entry per layer, in the order in which they are run.
        forward_seconds: of the whole forward pass as `predict` runs it, where layers are compiled together.
        step_seconds: of a step of training; None without `y` or if the model is not compiled.
    """

    def __init__(self, rows: int, layers: list[LayerProfile], forward_seconds: float, step_seconds: float | None):
        self.rows = rows
        self.layers = layers
        self.forward_seconds = forward_seconds
        self.step_seconds = step_seconds

    @property
    def slowest(self) -> LayerProfile:
        """The layer that takes the most time."""
        return max(self.layers, key=lambda layer: layer.seconds)

    def _head(self) -> tuple[str, ...]:
        return "layer", "output", "parameters", "time", "share", "FLOPs", "GFLOP/s", "weights", "outputs"

    def _lines(self) -> list[tuple[str, ...]]:
        whole = sum(layer.seconds for layer in self.layers) or 1.0
        return [
            (
                f"{one.name} ({one.kind})",
                one.shape,
                f"{one.parameters:,}",
                _milliseconds(one.seconds),
                f"{one.seconds / whole:.0%}",
                "?" if one.flops is None else f"{one.flops:,}",
                f"{one.flops / one.seconds / 1e9:.2f}" if one.flops else "-",
                format_bytes(one.weights),
                format_bytes(one.outputs),
            )
            for one in self.layers
        ]

    def _totals(self) -> list[str]:
        flops = [layer.flops for layer in self.layers]
        known = [one for one in flops if one is not None]
        count = f"{'' if len(known) == len(flops) else '>= '}{sum(known):,} FLOPs"
        lines = [
            f"Batch of {self.rows} rows: forward pass {_milliseconds(self.forward_seconds)}"
            f" ({self.rows / self.forward_seconds:,.0f} rows a second), {count},"
            f" {format_bytes(sum(layer.outputs for layer in self.layers))} of outputs"
        ]
        if self.step_seconds is not None:
            lines.append(
                f"A step of training: {_milliseconds(self.step_seconds)}"
                f" ({self.rows / self.step_seconds:,.0f} rows a second)"
            )
        lines.append(
            f"Layers alone add up to {_milliseconds(sum(layer.seconds for layer in self.layers))}: each is called by"
            f" itself there, and compiled together they share what they can."
        )
        return lines

    def __repr__(self) -> str:
        return "\n".join([*aligned([self._head(), *self._lines()], texts=2), *self._totals()])

    def _repr_html_(self) -> str:
        return (
            self._bars()
            + html.table(self._head(), self._lines(), len(self._head()) - 2)
            + "<br>".join(map(html.escape, self._totals()))
        )

    def _bars(self) -> str:
        """The time of each layer as a bar."""
        longest = max((layer.seconds for layer in self.layers), default=0.0) or 1.0
        height, parts = 16 * len(self.layers), []
        for i, layer in enumerate(self.layers):
            width = max(300 * layer.seconds / longest, 1)
            parts.append(
                f'<text x="150" y="{16 * i + 12}" text-anchor="end">{html.escape(layer.name[:24])}</text>'
                f'<rect x="156" y="{16 * i + 3}" width="{width:.1f}" height="10" fill="#4c8ecb"/>'
                f'<text x="{160 + width:.1f}" y="{16 * i + 12}">{_milliseconds(layer.seconds)}</text>'
            )
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="540" height="{height}" font-family="sans-serif"'
            f' font-size="10" fill="currentColor">{"".join(parts)}</svg>'
        )

    def to_dict(self) -> dict[str, Any]:
        """All numbers, as plain values."""
        return {
            "rows": self.rows,
            "forward_seconds": self.forward_seconds,
            "step_seconds": self.step_seconds,
            "layers": [layer._asdict() for layer in self.layers],
        }

    def plot(self, path: str | os.PathLike[str] | None = None) -> Figure:
        """Draw time, operations and memory by layer with matplotlib.

        Args:
            path: of a file to save the chart to.

        Returns:
            The figure.
        """
        figure = figures.new_figure(3, "Profile.plot", numbers="Profile.layers")
        names = [layer.name for layer in self.layers]
        columns = [
            ("milliseconds", [layer.seconds * 1e3 for layer in self.layers]),
            ("million FLOPs", [(layer.flops or 0) / 1e6 for layer in self.layers]),
            ("MB of outputs", [layer.outputs / 2**20 for layer in self.layers]),
        ]
        for axes, (title, values) in zip(figure.axes, columns, strict=True):
            axes.barh(names, values)
            axes.invert_yaxis()
            axes.set(title=title)
        return figures.saved(figure, path)


def profile(model: Model, x: Data, y: Data | None, rows: int) -> Profile:
    """Measure a model on the first rows of data."""
    spec = data_spec.of(model)
    given = prediction_inputs(spec, x)
    batch = jax.tree.map(lambda array: np.asarray(array[:rows]), given)
    count = len(leaves(batch)[0])
    part = model.compiled_part
    calls = costs.calls_in(part)
    if calls is None:
        raise ValueError(
            f"profile: model '{model.name}' ({type(model).__name__}) has a `call` of its own, so that its layers are"
            f" not known one by one. summary() lists them; jax.profiler shows what runs inside."
        )
    forward = predicting.predictor(model)
    return Profile(
        count, _layers(part, calls, batch, count), _shortest(lambda: forward.one(batch)), _step(model, x, y, rows)
    )


def _step(model: Model, x: Data, y: Data | None, rows: int) -> float | None:
    if y is None or not model.compiled:
        return None
    sample = samples.of(model, x, y, None, rows)
    again = np.arange(sample.rows * _STEPS) % sample.rows
    several = sample._replace(batch=jax.tree.map(lambda array: array[again], sample.batch))
    return _shortest(lambda: samples.train(several, sample.rows, 1, [])) / _STEPS


_STEPS = 8  # of an epoch that is measured


def _layers(model: Any, calls: list[Node], batch: Any, rows: int) -> list[LayerProfile]:
    values: dict[int, Any] = {
        id(tensor): jax.numpy.asarray(array)
        for tensor, array in zip(leaves(model.symbolic_inputs), leaves(batch), strict=True)
    }
    found = []
    for call in calls:
        run, arrays = _runner(call, values)
        outputs = run(*arrays)
        seconds = _shortest(lambda run=run, arrays=arrays: jax.block_until_ready(run(*arrays)))  # type: ignore[misc]
        for tensor, array in zip(leaves(call.outputs), leaves(outputs), strict=True):
            values[id(tensor)] = array
        cost = costs.of_call(call)
        weights = getattr(call.operation, "weights", [])
        found.append(
            LayerProfile(
                name=call.operation.name,
                kind=type(call.operation).__name__,
                shape=format_shape(shape_of(outputs)),
                parameters=sum(int(np.prod(v.shape)) for v in weights),
                seconds=seconds,
                flops=None if cost is None else cost.flops * rows,
                weights=sum(v.value.nbytes for v in weights),
                outputs=sum(array.nbytes for array in leaves(outputs)),
            )
        )
    return found


def _runner(call: Node, values: dict[int, Any]) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """One call as a compiled function, and what to call it with."""
    table = pure.keys(getattr(call.operation, "state_variables", ()))
    tensors = call.inputs
    given = [values[id(tensor)] for tensor in tensors]

    def run(state: dict[str, Any], arrays: list[Any]) -> Any:
        at = {id(tensor): array for tensor, array in zip(tensors, arrays, strict=True)}
        args, kwargs = map_structure(lambda t: at[id(t)] if is_tensor(t) else t, (call.args, call.kwargs))
        with scope.fresh_call():
            return pure.apply(call.operation, list(table.values()), list(state.values()), *args, **kwargs)[0]

    return jax.jit(run), (pure.read(table), given)


def _shortest(run: Callable[[], Any]) -> float:
    """Seconds of the shortest of several runs, after one that compiles."""
    run()
    best, ends = float("inf"), time.perf_counter() + _SECONDS
    while True:
        began = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - began)
        if time.perf_counter() > ends:
            return best


def _milliseconds(seconds: float) -> str:
    """
    >>> _milliseconds(0.0123), _milliseconds(0.000012)
    ('12.3 ms', '0.012 ms')
    """
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-4 else f"{seconds * 1e3:.3f} ms"
