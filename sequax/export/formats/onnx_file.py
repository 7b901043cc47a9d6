"""ONNX, for onnxruntime and whatever else reads it; the translator is `export/onnx/`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import host
from ..errors import ExportError
from ..onnx import to_onnx
from ..trace import Trace, Traceable

if TYPE_CHECKING:
    import onnx

OPSET = 20
NESTS, HOST = "sequax", "sequax.host"  # texts in the file: how arguments and results nest, and the steps before


def write(trace: Trace, place: Path, batch_size: int | None = None, opset_version: int | None = None) -> None:
    """Write one file.

    Args:
        batch_size: fixes the size of batches; None: any.
        opset_version: of the operators, if not 20; the package `onnx` converts them.
    """
    place.write_bytes(content(trace, batch_size, opset_version).SerializeToString(deterministic=True))


def content(trace: Traceable, batch_size: int | None = None, opset_version: int | None = None) -> onnx.ModelProto:
    """What the file holds."""
    texts = {NESTS: json.dumps({"arguments": trace.nest, "result": trace.output_nest})}
    if trace.host is not None:
        texts[HOST] = host.text_of(trace.host)
    found = to_onnx(trace, batch_size=batch_size, metadata=texts)
    return found if opset_version in (None, OPSET) else _converted(found, int(opset_version or OPSET))


def _converted(found: onnx.ModelProto, opset: int) -> onnx.ModelProto:
    from onnx import version_converter

    try:
        return version_converter.convert_version(found, opset)
    except Exception as error:  # what its C++ part raises has no base of its own
        raise ExportError(
            f"the operators of opset {OPSET} that the model needs cannot be written as those of opset {opset}:"
            f" {error}. Leave `opset_version` out."
        ) from error


def runner(place: Path, trace: Traceable) -> Callable[[list[np.ndarray]], Any] | None:
    try:
        import onnxruntime
    except ImportError:
        return None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(os.fspath(place), options, providers=["CPUExecutionProvider"])
    names = [entry.name for entry in trace.inputs]
    held = {one.name for one in session.get_inputs()}  # an input that no output hangs on may be gone

    def run(arrays: list[np.ndarray]) -> list[Any]:
        given = dict(zip(names, arrays, strict=True))
        return session.run(None, {name: array for name, array in given.items() if name in held})

    return run
