"""OpenVINO: an `.xml` and a `.bin` file for Intel's runtime, which reads our ONNX.

On CPUs with 16-bit arithmetic that runtime computes in it unless it is told otherwise, which is off by some 0.006:
`core.compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .. import host
from ..errors import ExportError
from ..trace import Trace, Traceable
from . import onnx_file


def write(trace: Trace, place: Path, batch_size: int | None = None) -> None:
    """Write both files, and beside them what stands before the program, if there is something.

    Args:
        batch_size: fixes the size of batches; None: any.
    """
    import openvino

    if place.suffix != ".xml":
        raise ExportError(f"OpenVINO's files have the ending `.xml` (and `.bin` beside). Received: {place.name!r}")
    by_way = place.with_suffix(".onnx")
    onnx_file.write(trace, by_way, batch_size)
    try:
        openvino.save_model(openvino.Core().read_model(os.fspath(by_way)), os.fspath(place), compress_to_fp16=False)
    except Exception as error:  # what its C++ part raises has no base of its own
        raise ExportError(f"OpenVINO does not read the model's ONNX: {error}. Export with format='onnx'.") from error
    finally:
        by_way.unlink()
    host.write_beside(trace.host, place.parent, f"{place.stem}.")


def runner(place: Path, trace: Traceable) -> Callable[[list[np.ndarray]], Any]:
    import openvino

    compiled = openvino.Core().compile_model(os.fspath(place), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    held = {name for one in compiled.inputs for name in one.names}

    def run(arrays: list[np.ndarray]) -> list[Any]:
        pairs = zip(trace.inputs, arrays, strict=True)
        found = compiled({entry.name: array for entry, array in pairs if entry.name in held})
        return [found[name] for name in trace.output_names]

    return run
