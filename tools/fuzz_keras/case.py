"""A case: all that a random model and its run consist of, as plain values that print as they are written."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class New:
    """An object of either library: `New("layers.Dense", {"units": 3})` is `library.layers.Dense(units=3)`."""

    path: str
    arguments: dict[str, Any] = field(default_factory=dict)

    def of(self, library: Any) -> Any:
        found = library
        for name in self.path.split("."):
            found = getattr(found, name)
        return found(**made(self.arguments, library))

    def __repr__(self) -> str:
        return f"{self.path}({', '.join(f'{key}={value!r}' for key, value in self.arguments.items())})"

    def without(self, name: str) -> New:
        return replace(self, arguments={key: value for key, value in self.arguments.items() if key != name})


def made(value: Any, library: Any) -> Any:
    """`value` with the objects of `library` in the place of each `New`."""
    if isinstance(value, New):
        return value.of(library)
    if isinstance(value, dict):
        return {key: made(item, library) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(made(item, library) for item in value)
    return value


@dataclass(frozen=True)
class Source:
    """An input: its shape without the batch axis, and what its values are (`high`: whole numbers below it)."""

    shape: tuple[int, ...]
    high: int = 0
    padded: bool = False  # rows end in zeros, as padded texts do
    dtype: str = ""  # of the array, where it is not the usual one


@dataclass(frozen=True)
class Node:
    """A layer (its place in `Case.layers`) called with tensors: first the inputs, then what the nodes give, counted."""

    layer: int
    inputs: tuple[int, ...]
    spread: bool = False  # `layer(a, b)` in place of `layer([a, b])`


@dataclass(frozen=True)
class Head:
    """What is asked of an output: its loss, its metrics, and the kind of its targets."""

    loss: Any
    targets: str
    metrics: tuple[Any, ...] = ()
    weighted_metrics: tuple[Any, ...] = ()
    form: str = ""  # of the targets: "flat" without a last axis of 1, "column" with one, or a dtype


@dataclass(frozen=True)
class Step:
    """A call of the model: a method, and settings that `trace` knows how to read."""

    method: str
    settings: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"{self.method}({', '.join(f'{key}={value!r}' for key, value in self.settings.items())})"


@dataclass(frozen=True)
class Case:
    seed: int
    kind: str  # sequential, deferred, functional, subclass, nested
    policy: str
    rows: int
    sources: tuple[Source, ...]
    layers: tuple[New, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[int, ...]
    heads: tuple[Head, ...]
    optimizer: New
    settings: dict[str, Any]  # of compile
    steps: tuple[Step, ...]
    frozen: tuple[int, ...] = ()
    files: bool = False  # whether each library reads the other's file

    def __str__(self) -> str:
        lines = [f"seed {self.seed}: {self.kind}, {self.policy}, {self.rows} rows"]
        lines += [f"  input {number}: {source}" for number, source in enumerate(self.sources)]
        for number, node in enumerate(self.nodes, len(self.sources)):
            frozen = " (frozen)" if node.layer in self.frozen else ""
            lines.append(f"  {number} = {self.layers[node.layer]!r} of {node.inputs}, layer {node.layer}{frozen}")
        lines += [f"  output {place}: {head}" for place, head in zip(self.outputs, self.heads, strict=True)]
        lines.append(f"  compile {self.optimizer!r} {self.settings}")
        lines += [f"  {step!r}" for step in self.steps]
        return "\n".join([*lines, *(["  each library reads the other's file"] if self.files else [])])
