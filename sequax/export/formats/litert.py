"""LiteRT, formerly TensorFlow Lite: a file for phones and small devices, written without TensorFlow.

The program goes by way of StableHLO. LiteRT has no fast loops, so recurrent layers are written out step by step. The
batch size is 1 unless another one is asked for; `batch_size=None` leaves it open, which interpreters are slower with.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
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
from . import litert_converting

SIGNATURE = "serve"


def write(trace: Trace, place: Path, batch_size: int | None = 1) -> None:
    """Write one file, and beside it what stands before the program, if there is something.

    Args:
        batch_size: number of rows that the program takes; None: any.
    """
    place.write_bytes(content(trace, batch_size))
    host.write_beside(trace.host, place.parent, f"{place.stem}.")


def content(trace: Traceable, batch_size: int | None = 1) -> bytes:
    """What the file holds.

    The converter runs in a process of its own: where it has no form of an operation, it may end the process.
    """
    program_of = exported(trace, batch_size)
    taken = [trace.inputs[i].name for i in program_of.module_kept_var_idx]
    with tempfile.TemporaryDirectory() as folder:
        program, made = Path(folder) / "program", Path(folder) / "made"
        program.write_bytes(program_of.mlir_module_serialized)
        names = json.dumps({"signature": SIGNATURE, "inputs": taken, "outputs": trace.output_names})
        command = [sys.executable, litert_converting.__file__, os.fspath(program), os.fspath(made), names]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        run = subprocess.run(command, env=environment, capture_output=True, text=True, errors="replace", check=False)
        if run.returncode != 0 or not made.exists():
            raise _refused(run.stdout, run.stderr, batch_size)
        return made.read_bytes()


def exported(trace: Traceable, batch_size: int | None) -> jax.export.Exported:
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


def _refused(left: str, said: str, batch_size: int | None) -> ExportError:
    """What LiteRT has no operation for: what is left of StableHLO."""
    names = left.split()
    named = f" the operations {', '.join(names)}" if names else " something"
    fixed = "" if batch_size is not None else " With a fixed `batch_size` it has more of them."
    lines = [line for line in said.splitlines() if "rror" in line]
    return ExportError(
        f"LiteRT has no form of{named} that the model needs.{fixed} Export with format='onnx' or 'stablehlo'."
        f"{f' ({lines[-1].strip()[:200]})' if lines else ''}",
        primitive=names[0] if names else None,
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
