"""Exported models behind HTTP: what `export.load` gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.html import escape
from ..export import signature
from .ports import Port
from .refused import bad
from .servable import Arrays, checked_name

if TYPE_CHECKING:
    from ..export.loading import Artifact

_CLOSE = 1e-4  # of outputs of a row alone and among others; batches of other sizes are rounded differently


class ServedArtifact:
    """The first endpoint of an exported model.

    Args:
        artifact: what `export.load` gave.
        name: in addresses.
        together: whether rows of several requests may be in one batch; None: it is tried on a few rows.
        platform: in whose format it is.

    Raises:
        ValueError: for a program without its weights.
    """

    def __init__(
        self, artifact: Artifact, name: str | None = None, together: bool | None = None, platform: str = "stablehlo"
    ):
        endpoint, described = next(iter(artifact.signature.items()))
        if "weights" in described:
            raise ValueError(
                "The file holds a program without its weights, which cannot be served. Export it with them."
            )
        self.name, self.platform = checked_name(endpoint if name is None else name), platform
        self.inputs, self.outputs = _ports(described["inputs"]), _ports(described["outputs"])
        self.any_size = platform == "onnx"  # onnxruntime compiles nothing; JAX does for each shape
        self._call, self._described = artifact.endpoints[endpoint], described
        self.together = self._leaves_rows_alone() if together is None else together

    def prepared(self, arrays: Arrays) -> Arrays:
        return arrays

    def run(self, arrays: Arrays) -> Arrays:
        try:
            found = self._call(*signature.filled(self._described["arguments"], arrays))
        except ValueError as error:
            raise bad(str(error)) from None
        return [np.asarray(one) for one in signature.flattened(self._described["result"], found)]

    def as_html(self) -> str:
        return f"<p>An exported model ({escape(self.platform)}).</p>"

    def _leaves_rows_alone(self) -> bool:
        """Whether outputs of rows are the same when others are beside them, on a few random rows."""
        rows = 2 if self.inputs[0].shape[0] is None else self.inputs[0].shape[0]
        rng = np.random.default_rng(0)
        some = [_random(port, rows, rng) for port in self.inputs]
        other = [
            np.concatenate([array[:1], _random(port, rows, rng)[1:]])
            for port, array in zip(self.inputs, some, strict=True)
        ]
        try:
            pairs = zip(self.run(some), self.run(other), strict=True)
            return rows > 1 and all(
                np.allclose(a[:1], b[:1], rtol=_CLOSE, atol=_CLOSE, equal_nan=True) for a, b in pairs if len(a) == rows
            )
        except Exception:  # runtimes have errors of their own; what these rows did not suit is predicted row by row
            return False


def _ports(entries: Sequence[Mapping[str, Any]]) -> list[Port]:
    return [
        Port(one["name"], tuple(one["shape"]), "string" if one["dtype"] == "object" else one["dtype"])
        for one in entries
    ]


def _random(port: Port, rows: int, rng: np.random.Generator) -> np.ndarray:
    shape = (rows, *(4 if size is None else size for size in port.shape[1:]))
    if port.is_text:
        return rng.choice(np.array(["a", "b"], dtype=object), shape)
    kind = np.dtype(port.dtype).kind
    return (
        rng.normal(size=shape).astype(port.dtype) if kind not in "iub" else rng.integers(0, 2, shape).astype(port.dtype)
    )
