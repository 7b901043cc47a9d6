"""StableHLO: a zip with a program that runs where only JAX is installed, and what it takes and gives.

    with zipfile.ZipFile("model.stablehlo") as file:
        serve = jax.export.deserialize(bytearray(file.read("serve.bin")))
    outputs = serve.call(x)

`signature.json` names the endpoints, their inputs and outputs, and how these nest; `host.json` says what has to be done
with texts and categories before, and `host.py` does it. A program has a symbol for each size that is not known, and
runs on CPUs, GPUs of NVIDIA and TPUs.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from ..._version import __version__
from .. import host
from ..errors import ExportError
from ..signature import Entry
from ..trace import Trace, Traceable, untraceable

if TYPE_CHECKING:
    from ...core.variable import Variable

PLATFORMS = ("cpu", "cuda", "tpu")
SIGNATURE, ENDPOINT = "signature.json", "serve"
_TIME = (1980, 1, 1, 0, 0, 0)  # equal models give equal files


def write(trace: Trace, place: Path, weights: bool = True, batch_size: int | None = None) -> None:
    """Write the program of a model.

    Args:
        weights: False leaves them out: they become the first argument of the program, a dict.
        batch_size: fixes the size of batches; None: any.
    """
    write_endpoints({ENDPOINT: trace}, place, weights, batch_size)


def write_endpoints(
    endpoints: Mapping[str, Traceable],
    place: Path,
    weights: bool = True,
    batch_size: int | None = None,
    collections: Mapping[str, Sequence[Variable]] | None = None,
) -> None:
    """Write the programs of several functions.

    Args:
        collections: variables whose values the file holds, too, by a name for each list.
    """
    held = {name: [np.asarray(v.value) for v in listed] for name, listed in (collections or {}).items()}
    programs = {name: program(traced, weights, batch_size) for name, traced in endpoints.items()}
    described = {name: _described(traced, weights, batch_size) for name, traced in endpoints.items()}
    texts = {"producer": f"sequax {__version__}", "platforms": PLATFORMS, "endpoints": described}
    texts["variables"] = {name: len(arrays) for name, arrays in held.items()}
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as file:
        _add(file, SIGNATURE, json.dumps(texts, indent=1).encode())
        for name, compiled in programs.items():
            _add(file, f"{name}.bin", bytes(compiled.serialize()))
        before = next(iter(endpoints.values())).host
        if before is not None:
            _add(file, host.FILE, host.text_of(before).encode())
            _add(file, host.READER, host.reader_source().encode())
        for name, arrays in held.items():
            for i, array in enumerate(arrays):
                _add(file, f"variables/{name}/{i}.npy", _npy(array))


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _add(file: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, _TIME)
    entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
    file.writestr(entry, content)


def program(traced: Traceable, weights: bool = True, batch_size: int | None = None) -> jax.export.Exported:
    """The function lowered for all platforms, from arrays to a tuple of arrays."""
    values = traced.weights()
    function = partial(traced, values) if weights else traced
    first = () if weights else (jax.tree.map(lambda a: jax.ShapeDtypeStruct(np.shape(a), a.dtype), values),)
    inputs = traced.symbols(batch_size)
    try:
        return jax.export.export(jax.jit(function), platforms=PLATFORMS)(*first, *inputs)
    except ExportError:
        raise
    except Exception as error:
        raise untraceable(error, traced.inputs) from error


def _described(traced: Traceable, weights: bool, batch_size: int | None) -> dict[str, Any]:
    inputs = _entries(traced.inputs, traced.symbols(batch_size))
    outputs = _entries(traced.outputs, traced.abstract_outputs(batch_size))
    found = {"inputs": inputs, "arguments": traced.nest, "outputs": outputs, "result": traced.output_nest}
    if not weights:
        held = traced.weights()
        found["weights"] = [{"name": k, "shape": v.shape, "dtype": v.dtype.name} for k, v in held.items()]
    return found


def _entries(entries: Sequence[Entry], arrays: Sequence[Any]) -> list[dict[str, Any]]:
    pairs = zip(entries, arrays, strict=True)
    shapes = [(entry, [size if isinstance(size, int) else None for size in array.shape]) for entry, array in pairs]
    return [{"name": entry.name, "shape": shape, "dtype": entry.dtype} for entry, shape in shapes]


def runner(place: Path, trace: Traceable) -> Callable[[list[np.ndarray]], Any]:
    with zipfile.ZipFile(place) as file:
        described = json.loads(file.read(SIGNATURE))["endpoints"][ENDPOINT]
        serve = jax.export.deserialize(bytearray(file.read(f"{ENDPOINT}.bin")))
    if "weights" in described:
        return lambda arrays: serve.call(trace.weights(), *arrays)
    return lambda arrays: serve.call(*arrays)
