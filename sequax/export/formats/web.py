"""A folder for browsers: the model as ONNX, a module that runs it by onnxruntime-web, and a page to try a row.

    python -m http.server --directory FOLDER

Nothing in it is fetched from elsewhere: the runtime is copied in, from where npm installed it. What stands before the
program, texts and categories, is done by `host.js`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ...core.html import escape
from .. import host
from ..errors import ExportError
from ..trace import Trace
from . import onnx_file

MODEL, SIGNATURE, PAGE, SCRIPT, RUNTIME = "model.onnx", "model.json", "index.html", "model.js", "runtime/"
VERSION = "1.30.0"  # of onnxruntime-web, which the tests run
# Of its folder `dist`: what a page imports, what that loads, and the program.
PARTS = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
_CODE = Path(__file__).parent.parent / "web_code"


def write(
    trace: Trace,
    place: Path,
    batch_size: int | None = None,
    runtime: str | None = None,
    quantize: str | None = None,
    calibration: Any = None,
) -> str | None:
    """Write the folder of a model.

    Args:
        batch_size: fixes the size of batches; None: any.
        quantize: `"int8"` or `"int8_dynamic"`, for files of about a third of the size; see `onnx_file.write`.
        calibration: for `quantize`, rows as `predict` takes them.
        runtime: the folder with the files of onnxruntime-web, which are copied, or an address from which the page is to
            load them (`https://.../dist/`); None: `node_modules` here or in a folder above.

    Returns:
        what quantization has measured; None if there was none.

    Raises:
        ExportError: if the runtime is not there.
    """
    source = _found(runtime)
    place.mkdir()
    note = onnx_file.write(trace, place / MODEL, batch_size, quantize=quantize, calibration=calibration)
    described = {
        "inputs": [_entry(one) for one in trace.inputs],
        "outputs": [{"name": name} for name in trace.output_names],
        "arguments": trace.nest,
        "result": trace.output_nest,
        "host": trace.host is not None,
    }
    (place / SIGNATURE).write_text(json.dumps(described), "utf-8")
    if trace.host is not None:
        (place / host.FILE).write_text(host.text_of(trace.host), "utf-8")
    shutil.copyfile(host.script_path(), place / host.SCRIPT)
    where = f"./{RUNTIME}" if isinstance(source, Path) else source
    (place / SCRIPT).write_text((_CODE / SCRIPT).read_text("utf-8").replace("@RUNTIME@", where), "utf-8")
    (place / PAGE).write_text(_page(trace), "utf-8")
    if isinstance(source, Path):
        (place / RUNTIME).mkdir()
        for part in PARTS:
            shutil.copyfile(source / part, place / RUNTIME / part)
    return note


def _entry(one: Any) -> dict[str, Any]:
    return {"name": one.name, "shape": list(one.shape), "dtype": one.dtype}


def _page(trace: Trace) -> str:
    from ...utils import model_html

    text = (_CODE / PAGE).read_text("utf-8")
    return text.replace("@TITLE@", escape(trace.model.name)).replace("@TABLE@", model_html.of_model(trace.model))


def _found(runtime: str | None) -> Path | str:
    """The folder that has the runtime, or the address that was given in its place."""
    if runtime is not None and str(runtime).startswith(("https://", "http://")):
        if any(sign in str(runtime) for sign in "\"'\\\n <>"):
            raise ExportError(f"runtime={runtime!r} is no address")
        return f"{str(runtime).rstrip('/')}/"
    here = Path.cwd()
    modules = (one / "node_modules" / "onnxruntime-web" / "dist" for one in (here, *here.parents))
    for folder in modules if runtime is None else _inside(Path(runtime)):
        if all((folder / part).is_file() for part in PARTS):
            return folder
    where = f"in node_modules of {here} or above" if runtime is None else f"in {runtime}"
    raise ExportError(
        f"the page needs onnxruntime-web, which is not there ({', '.join(PARTS)} {where}). Install it with `npm install"
        f" onnxruntime-web@{VERSION}`, or say where it is: runtime='.../onnxruntime-web/dist'. An address works too, if"
        f" the page may load it from the network"
    )


def _inside(given: Path) -> list[Path]:
    return [
        given,
        given / "dist",
        given / "onnxruntime-web" / "dist",
        given / "node_modules" / "onnxruntime-web" / "dist",
    ]


def runner(place: Path, trace: Trace) -> Callable[[list[np.ndarray]], Any] | None:
    return onnx_file.runner(place / MODEL, trace)
