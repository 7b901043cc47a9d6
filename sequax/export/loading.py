"""`load`: what was exported, as something to call."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any

import jax
import numpy as np
from jax import export

from ..core.errors import LoadError
from ..core.needed import needed
from ..core.types import Path
from . import host, signature
from .formats import onnx_file
from .formats.stablehlo import ENDPOINT, SIGNATURE
from .host_code import reader

_LARGEST_TEXT = 1 << 28


class Artifact:
    """An exported model: called with inputs, as the model is, it gives outputs as NumPy arrays.

    Args:
        functions: by endpoint, from the arguments of a call to its result.
        described: by endpoint, what stands in `signature.json`.

    Attributes:
        endpoints: the functions, by name.
        signature: for each, its inputs and outputs with names, shapes (null: any size) and dtypes.
        variables: collections of variables that the archive was given, by name.
    """

    def __init__(
        self,
        functions: Mapping[str, Callable[..., Any]],
        described: Mapping[str, Any],
        variables: Mapping[str, list[np.ndarray]] | None = None,
    ):
        self.endpoints = dict(functions)
        self.signature = dict(described)
        self.variables = dict(variables or {})

    def __call__(self, *args: Any) -> Any:
        """The first endpoint.

        Args:
            args: as the model takes them; of a program without weights, a dict of these comes first.

        Raises:
            ValueError: for arguments of another kind or shape.
        """
        return next(iter(self.endpoints.values()))(*args)

    def __getattr__(self, name: str) -> Any:
        found = {**vars(self).get("variables", {}), **vars(self).get("endpoints", {})}
        if name not in found:
            raise AttributeError(f"The artifact has no endpoint {name!r}; it has {list(found)}.")
        return found[name]

    def __repr__(self) -> str:
        shown = [
            f"{name}({', '.join(_shown(one) for one in described['inputs'])})"
            f" -> {', '.join(_shown(one) for one in described['outputs'])}"
            for name, described in self.signature.items()
        ]
        return f"<Artifact {'; '.join(shown)}>"


def _shown(entry: Mapping[str, Any]) -> str:
    return f"{entry['name']}: {entry['dtype']} {tuple(entry['shape'])}"


def load(filepath: Path) -> Artifact:
    """A callable from a file that `model.export` or an `ExportArchive` wrote. Nothing of it is run before it is called.

    Args:
        filepath: a file `*.stablehlo`, run by JAX, or `*.onnx`, run by onnxruntime.

    Returns:
        An `Artifact`: `load(path)(x)` gives what the model's `predict(x)` gives. It has the endpoints as attributes.

    Raises:
        OSError: if there is no such file.
        sequax.saving.LoadError: if it is no such artifact.
        ImportError: if onnxruntime is needed and not installed.
    """
    path = FilePath(os.fsdecode(os.fspath(filepath)))
    if path.is_dir():
        raise LoadError(
            f"{path} is a folder. `export.load` reads `.stablehlo` and `.onnx` files; a SavedModel is loaded by"
            f" `tf.saved_model.load`, a folder in format 'numpy' is imported as a module."
        )
    with open(path, "rb") as file:
        start = file.read(4)
    if start == b"PK\x03\x04":
        return _stablehlo(path)
    if path.suffix.lower() == ".onnx":
        return _onnx(path)
    raise LoadError(
        f"{path} is neither a `.stablehlo` nor an `.onnx` file. LiteRT files are run by `ai_edge_litert`, those of"
        f" OpenVINO by `openvino`; a `.keras` file is loaded by `saving.load_model`."
    )


# --- StableHLO ---


def _stablehlo(path: FilePath) -> Artifact:
    try:
        with zipfile.ZipFile(path) as file:
            texts = json.loads(_bounded(file, SIGNATURE))
            described = texts["endpoints"]
            programs = {name: export.deserialize(bytearray(file.read(f"{name}.bin"))) for name in described}
            before = json.loads(_bounded(file, host.FILE)) if host.FILE in file.namelist() else None
            held = {
                name: [_array(file, f"variables/{name}/{i}.npy") for i in range(count)]
                for name, count in texts.get("variables", {}).items()
            }
    except Exception as error:  # what flatbuffers and MLIR raise for damaged bytes has no base of its own
        raise LoadError(f"{path} is no `.stablehlo` file that Sequax wrote, or it is damaged: {error}") from error
    functions = {name: _caller(programs[name], described[name], before) for name in described}
    return Artifact(functions, {name: _with_host(one, before) for name, one in described.items()}, held)


def _with_host(described: Mapping[str, Any], before: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The signature of a program together with the steps before it."""
    if before is None:
        return described
    return {**described, "inputs": before["inputs"], "arguments": before["arguments"]}


def _bounded(file: zipfile.ZipFile, name: str) -> bytes:
    if file.getinfo(name).file_size > _LARGEST_TEXT:
        raise ValueError(f"{name} is larger than any such file is")
    return file.read(name)


def _array(file: zipfile.ZipFile, name: str) -> np.ndarray:
    with file.open(name) as part:
        return np.lib.format.read_array(part, allow_pickle=False)


def _caller(
    program: export.Exported, described: Mapping[str, Any], before: Mapping[str, Any] | None
) -> Callable[..., Any]:
    call = jax.jit(program.call)
    prepared = _preparation(described, before)

    def run(*args: Any) -> Any:
        first, rest = (args[:1], args[1:]) if "weights" in described else ((), args)
        found = [np.asarray(one) for one in call(*first, *prepared(rest))]
        return signature.filled(described["result"], found)

    return run


def _preparation(
    described: Mapping[str, Any], before: Mapping[str, Any] | None
) -> Callable[[tuple[Any, ...]], list[np.ndarray]]:
    """From the arguments of a call to what a program takes."""
    if before is None:
        return lambda args: fitted(described["arguments"], described["inputs"], args)
    steps = reader.Host(before)
    flat = list(range(len(described["inputs"])))
    return lambda args: fitted(flat, described["inputs"], tuple(steps(*args)))


def fitted(nest: Any, entries: Sequence[Mapping[str, Any]], args: tuple[Any, ...]) -> list[np.ndarray]:
    """The arguments of a call as flat arrays of the dtypes that the program takes.

    Raises:
        ValueError: for another number of arguments, another nest, or shapes that do not fit.
    """
    single = len(nest) == 1 and len(entries) > 1
    given = args[0] if single and len(args) == 1 else list(args)
    parts = signature.flattened(nest[0] if single else nest, given)
    arrays = []
    for entry, part in zip(entries, parts, strict=True):
        array = np.asarray(part, entry["dtype"])
        shape = tuple(entry["shape"])
        if len(array.shape) != len(shape) or any(
            want is not None and have != want for have, want in zip(array.shape, shape, strict=True)
        ):
            raise ValueError(f"Input '{entry['name']}' has shape {array.shape}; the program takes {shape}.")
        arrays.append(array)
    return arrays


# --- ONNX ---


def _onnx(path: FilePath) -> Artifact:
    onnxruntime = needed("onnxruntime", "Loading an `.onnx` file")
    try:
        session = onnxruntime.InferenceSession(os.fspath(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no base of their own
        raise LoadError(f"{path} is no ONNX file that onnxruntime can run: {error}") from error
    entries = [_onnx_entry(one) for one in session.get_inputs()]
    outputs = [_onnx_entry(one) for one in session.get_outputs()]
    texts = session.get_modelmeta().custom_metadata_map
    kept = json.loads(texts.get(onnx_file.NESTS, "{}"))
    before = json.loads(texts[onnx_file.HOST]) if onnx_file.HOST in texts else None
    several = list(range(len(entries)))
    nest = kept.get("arguments", several if len(entries) < 2 else [several])
    result = kept.get("result", 0 if len(outputs) == 1 else list(range(len(outputs))))
    described = {"inputs": entries, "arguments": nest, "outputs": outputs, "result": result}
    prepared = _preparation(described, before)

    def run(*args: Any) -> Any:
        found = session.run(None, dict(zip((one["name"] for one in entries), prepared(args), strict=True)))
        return signature.filled(result, found)

    return Artifact({ENDPOINT: run}, {ENDPOINT: _with_host(described, before)})


_ONNX_DTYPES = {"tensor(float)": "float32", "tensor(double)": "float64", "tensor(float16)": "float16"}


def _onnx_entry(given: Any) -> dict[str, Any]:
    dtype = _ONNX_DTYPES.get(given.type, given.type.removeprefix("tensor(").removesuffix(")"))
    shape = [size if isinstance(size, int) else None for size in given.shape]
    return {"name": given.name, "shape": shape, "dtype": "object" if dtype == "string" else dtype}
