"""ONNX, for onnxruntime and whatever else reads it; the translator is `export/onnx/`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import checking, host
from ..errors import ExportError
from ..onnx import to_onnx
from ..trace import Trace, Traceable

if TYPE_CHECKING:
    import onnx

OPSET = 20
NESTS, HOST = "sequax", "sequax.host"  # texts in the file: how arguments and results nest, and the steps before
QUANTIZED = "sequax.quantize"  # whether its numbers are those of the model


def write(
    trace: Trace,
    place: Path,
    batch_size: int | None = None,
    opset_version: int | None = None,
    quantize: str | None = None,
    calibration: Any = None,
) -> str | None:
    """Write one file.

    Args:
        batch_size: fixes the size of batches; None: any.
        opset_version: of the operators, if not 20; the package `onnx` converts them.
        quantize: `"int8"` or `"int8_dynamic"`; None: float32. See `export/onnx/quantize.py`.
        calibration: for `quantize`, rows as `predict` takes them, some dozen at least.

    Returns:
        what quantization has measured; None if there was none.

    Raises:
        ValueError: for another `quantize`, or `calibration` that does not fit.
    """
    if quantize is None and calibration is not None:
        raise ValueError("`calibration` finds the ranges of 8 bits: pass `quantize='int8'` with it.")
    found = content(trace, batch_size, opset_version)
    place.write_bytes(found.SerializeToString(deterministic=True))
    if quantize is None:
        return None
    from ..onnx.quantize import quantized

    # The formulas are held against the model in float32; what 8 bits do to them is measured, and told.
    if (run := runner(place, trace)) is not None:
        checking.compare(trace, run, "The model in float32", batch_size)
    rows = None if calibration is None else trace.rows(calibration, "calibration")
    made, report = quantized(found, quantize, rows)
    made.metadata_props.add(key=QUANTIZED, value=quantize)
    place.write_bytes(made.SerializeToString(deterministic=True))
    return None if report is None else f"quantize={quantize!r}: {report}."


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
    if QUANTIZED in session.get_modelmeta().custom_metadata_map:
        return None
    names = [entry.name for entry in trace.inputs]
    held = {one.name for one in session.get_inputs()}  # an input that no output hangs on may be gone

    def run(arrays: list[np.ndarray]) -> list[Any]:
        given = dict(zip(names, arrays, strict=True))
        return session.run(None, {name: array for name, array in given.items() if name in held})

    return run
