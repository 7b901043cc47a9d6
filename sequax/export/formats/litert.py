"""LiteRT, formerly TensorFlow Lite: a file for phones and small devices, written without TensorFlow.

The program goes by way of StableHLO. LiteRT has no fast loops, so recurrent layers are written out step by step. The
batch size is 1 unless another one is asked for; `batch_size=None` leaves it open, which interpreters are slower with.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from ...kernels import dispatch
from .. import host
from ..errors import ExportError
from ..trace import Trace, Traceable, untraceable
from ..unrolling import unrolled

SIGNATURE = "serve"


def write(trace: Trace, place: Path, batch_size: int | None = 1) -> None:
    """Write one file, and beside it what stands before the program, if there is something.

    Args:
        batch_size: number of rows that the program takes; None: any.
    """
    place.write_bytes(content(trace, batch_size))
    host.write_beside(trace.host, place.parent, f"{place.stem}.")


def content(trace: Traceable, batch_size: int | None = 1) -> bytes:
    """What the file holds."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from litert_converter import converter_api_ext as converter
    from litert_converter.mlir import ir, passmanager
    from litert_converter.mlir.dialects import stablehlo

    exported = _exported(trace, batch_size)
    taken = [trace.inputs[i].name for i in exported.module_kept_var_idx]
    with ir.Context() as context:
        converter.prepare_mlir_context(context)
        stablehlo.register_dialect(context)
        module = stablehlo.deserialize_portable_artifact(context, exported.mlir_module_serialized)
        main = next(one for one in module.body.operations if str(one.name) == '"main"')
        converter.set_signature(main.operation, SIGNATURE, taken, trace.output_names)
        try:
            converter.run_convert_to_tfl_passes(module, passmanager.PassManager(), converter.ConvertToTFLConfig())
            return converter.export_flatbuffer_to_bytes(module.operation)
        except Exception as error:  # what its C++ part raises has no base of its own
            raise _refused(module, error, batch_size) from error


def _exported(trace: Traceable, batch_size: int | None) -> jax.export.Exported:
    """The program for no platform in particular, as StableHLO."""
    inputs = trace.symbols(batch_size)
    try:
        with dispatch.for_platform("portable"):
            traced = jax.make_jaxpr(partial(trace, trace.weights()))(*inputs)
            return jax.export.export(jax.jit(unrolled(traced)), platforms=("tpu",))(*inputs)
    except ExportError:
        raise
    except Exception as error:
        raise untraceable(error, trace.inputs) from error


def _refused(module: Any, error: Exception, batch_size: int | None) -> ExportError:
    """What LiteRT has no operation for: what is left of StableHLO."""
    left = sorted(set(re.findall(r"(?<![!#.\w])(?:stablehlo|chlo|vhlo)\.(\w+?)(?:_v\d+)?\b", str(module))))
    named = f" the operations {', '.join(left)}" if left else " something"
    fixed = "" if batch_size is not None else " With a fixed `batch_size` it has more of them."
    return ExportError(
        f"LiteRT has no form of{named} that the model needs.{fixed} Export with format='onnx' or 'stablehlo'."
        f" ({str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__})",
        primitive=left[0] if left else None,
    )


def runner(place: Path, trace: Traceable) -> Callable[[list[np.ndarray]], Any] | None:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        return None
    interpreter = Interpreter(model_path=os.fspath(place))
    serve = interpreter.get_signature_runner(SIGNATURE)
    held = set(serve.get_input_details())

    def run(arrays: list[np.ndarray]) -> list[Any]:
        pairs = zip(trace.inputs, arrays, strict=True)
        found = serve(**{entry.name: array for entry, array in pairs if entry.name in held})
        return [found[name] for name in trace.output_names]

    return run
