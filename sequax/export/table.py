"""The formats that models are exported in: one row and one module each."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import MappingProxyType, ModuleType
from typing import Any, NamedTuple

from ..core import names, outside
from .errors import ExportError


class Format(NamedTuple):
    """A format.

    Attributes:
        module: of this package; has `write(trace, place, **options)`, and `runner(place, trace)`, which gives a
            function that runs what was written, or None where nothing here can.
        suffixes: of files in it.
        is_folder: whether an artifact is a folder.
        packages: what writing needs, by the name that is imported.
        extra: of Sequax, that installs them.
        options: keyword arguments of `export` that it takes.
        defaults: of some of them.
    """

    module: str
    suffixes: tuple[str, ...] = ()
    is_folder: bool = False
    packages: tuple[str, ...] = ()
    extra: str | None = None
    options: frozenset[str] = frozenset()
    defaults: Mapping[str, Any] = MappingProxyType({})

    def load(self) -> ModuleType:
        return importlib.import_module(f"sequax.export.formats.{self.module}")


FORMATS: dict[str, Format] = {
    "tf_saved_model": Format(
        "saved_model",
        is_folder=True,
        packages=("tensorflow",),
        options=frozenset({"batch_size", "is_static", "jax2tf_kwargs"}),
    ),
    "onnx": Format(
        "onnx_file",
        (".onnx",),
        packages=("onnx",),
        extra="onnx",
        options=frozenset({"batch_size", "opset_version", "quantize", "calibration"}),
    ),
    "litert": Format(
        "litert",
        (".tflite", ".litert"),
        packages=("litert_converter",),
        extra="litert",
        options=frozenset({"batch_size"}),
        defaults={"batch_size": 1},
    ),
    "openvino": Format(
        "openvino", (".xml",), packages=("onnx", "openvino"), extra="openvino", options=frozenset({"batch_size"})
    ),
    "numpy": Format("numpy_module", is_folder=True, options=frozenset({"batch_size"})),
    "web": Format(
        "web",
        is_folder=True,
        packages=("onnx",),
        extra="onnx",
        options=frozenset({"batch_size", "runtime", "quantize", "calibration"}),
    ),
    "stablehlo": Format("stablehlo", (".stablehlo",), options=frozenset({"weights", "batch_size"})),
}

DEFAULT = "tf_saved_model"

_ELSEWHERE = {
    "torch": (
        "a program of PyTorch is made by PyTorch. Export with format='onnx', which PyTorch's users run with"
        " onnxruntime, or convert back with `onnx2torch`"
    ),
    "coreml": "Core ML reads neither ONNX nor JAX any more. Export with format='onnx' and run it with onnxruntime",
}


def chosen(filepath: str, name: str | None) -> tuple[str, Format]:
    """The format of a name, or else of the ending of a path, or else Keras' default.

    Raises:
        ValueError: for a name that is none.
        ExportError: where what it needs is not installed.
    """
    if name is None:
        by_ending = (one for one, row in FORMATS.items() if filepath.lower().endswith(row.suffixes or ("\\0",)))
        name = next(by_ending, DEFAULT)
    if name in _ELSEWHERE:
        raise ExportError(f"format={name!r} is not written: {_ELSEWHERE[name]}.")
    if name not in FORMATS:
        raise ValueError(
            f"Unrecognized format={name}. Supported formats are: {list(FORMATS)}."
            f"{names.suggest(str(name), list(FORMATS))}"
        )
    row = FORMATS[name]
    absent = [package for package in row.packages if not outside.is_installed(package)]
    if absent:
        how = f"pip install 'sequax[{row.extra}]'" if row.extra else f"pip install {' '.join(absent)}"
        others = ", ".join(f"'{one}'" for one in FORMATS if one != name and not FORMATS[one].packages)
        raise ExportError(
            f"format={name!r} needs the package {', '.join(absent)}, which is not installed: {how}. Formats that need"
            f" nothing: {others}."
        )
    return name, row


def check_options(name: str, row: Format, options: dict[str, object]) -> None:
    """Refuse keyword arguments that a format does not know."""
    unknown = sorted(set(options) - row.options)
    if unknown:
        takes = f"it takes {sorted(row.options)}" if row.options else "it takes none"
        raise TypeError(f"export: format={name!r} does not know the arguments {unknown}; {takes}.")
