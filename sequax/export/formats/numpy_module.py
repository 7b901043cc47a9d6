"""A Python package that needs NumPy alone: one module with the function `predict`, and one file of weights.

    sys.path.insert(0, "folder")
    import digits
    digits.predict(x)

For hosts of functions and small machines, where JAX' 600 MB are too much. The module is text that one can read: a line
per operation, under the name of the layer that it is of.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from ..._version import __version__
from ...kernels import dispatch
from .. import host, signature
from ..errors import ExportError
from ..numpy_code import rules as rules, writer as writing
from ..numpy_code.writer import Value, Writer, known, needed
from ..trace import Trace, Traceable, untraceable

WEIGHTS = "weights.npz"


def write(trace: Trace, place: Path, batch_size: int | None = None) -> None:
    """Write the package of a model into a folder.

    Args:
        batch_size: fixes the size of batches; None: any.
    """
    text, arrays = module(trace, trace.model.name, batch_size)
    place.mkdir()
    (place / "__init__.py").write_text(text, "utf-8")
    host.write_beside(trace.host, place)
    np.savez_compressed(place / WEIGHTS, **arrays)  # type: ignore[arg-type] # their names, not an option's


def module(traced: Traceable, name: str, batch_size: int | None = None) -> tuple[str, dict[str, np.ndarray]]:
    """The text of a module, and the arrays that it reads."""
    held = {key.replace("/", "_"): value for key, value in traced.weights().items()}
    inputs = traced.symbols(batch_size)
    program = _traced(traced, inputs)
    writer = Writer()
    flat = [known(value, key) for key, value in held.items()]
    given = [Value(one, name=f"x{i}") for i, one in enumerate(inputs)]
    results = writer.inline(program.jaxpr, [known(constant) for constant in program.consts], [*flat, *given])
    outputs = signature.filled(traced.output_nest, [writing.Text(writer.name(one)) for one in results])
    writer.line(f"return {_nested(outputs)}")
    writer.used.add("checked")
    parameters, opening = _opening(traced, inputs)
    before = traced.host is not None
    lines = [
        _HEAD.format(name=name.replace('"', ""), version=__version__, imports=_HOST_IMPORTS if before else ""),
        needed(writer.used),
        *(_BEHIND_HOST if before else []),
        "",
        "",
        f"def {PROGRAM if before else 'predict'}({', '.join(parameters)}):",
        f'    """{_described(traced)}"""',
        *opening,
        *writer.body(),
        "",
    ]
    return "\n".join(lines), writer.arrays


def _traced(traced: Traceable, inputs: list[Any]) -> Any:
    weights = {key: jax.ShapeDtypeStruct(value.shape, value.dtype) for key, value in traced.weights().items()}
    try:
        with dispatch.for_platform("portable"):
            return jax.make_jaxpr(traced)(weights, *inputs)
    except ExportError:
        raise
    except Exception as error:
        raise untraceable(error, traced.inputs) from error


_HEAD = '''"""Model '{name}', written by Sequax {version}: `predict` gives its outputs. It needs NumPy alone."""

import functools
import itertools
import json
import os

import numpy as np
{imports}
with np.load(os.path.join(os.path.dirname(__file__), "weights.npz")) as _file:
    W = dict(_file)
LARGEST_PATCHES = 1 << 24

'''
PROGRAM = "program"
_HOST_IMPORTS = """
from .host import Host
"""
_BEHIND_HOST = '''

with open(os.path.join(os.path.dirname(__file__), "host.json"), encoding="utf-8") as _file:
    _host = Host(json.load(_file))


def predict(*inputs):
    """Outputs for inputs, texts and categories as the model takes them."""
    return program(*_host(*inputs))'''.splitlines()


def _described(traced: Traceable) -> str:
    def shown(entries: list[signature.Entry]) -> str:
        return "; ".join(f"{one.name}: {one.dtype} {one.shape}" for one in entries)

    lines = ["Outputs for inputs, a row per sample.", "", f"    Takes {shown(traced.inputs)}."]
    return "\n".join([*lines, f"    Gives {shown(traced.outputs)}.", "    "])


def _opening(traced: Traceable, inputs: list[Any]) -> tuple[list[str], list[str]]:
    """Names of the parameters, and the lines that check what comes and find out its sizes."""
    parameters, lines = [], []
    nest = traced.nest if traced.host is None else tuple(range(len(traced.inputs)))
    for position, part in enumerate(nest):
        entry = traced.inputs[part] if isinstance(part, int) else None
        name = entry.name if entry is not None and entry.name.isidentifier() else f"inputs_{position + 1}"
        name = "inputs" if entry is None and len(nest) == 1 else name
        name = f"{name}_" if name in ("W", "np", "os", "itertools") or name.startswith("v") else name
        parameters.append(name)
        for place, index in _places(part, name):
            one = traced.inputs[index]
            shape = tuple(size if isinstance(size, int) else None for size in inputs[index].shape)
            lines.append(f"    x{index} = checked({one.name!r}, {place}, {one.dtype!r}, {shape})")
    sizes: dict[str, str] = {}
    for index, one in enumerate(inputs):
        for axis, size in enumerate(one.shape):
            if not isinstance(size, int):
                sizes.setdefault(str(size), f"    {size} = x{index}.shape[{axis}]")
    return parameters, [*lines, *sizes.values()]


def _places(nest: Any, name: str) -> list[tuple[str, int]]:
    """Where each array stands in an argument: an expression, and its position among the inputs."""
    if isinstance(nest, Mapping):
        return [found for key, part in nest.items() for found in _places(part, f"{name}[{key!r}]")]
    if isinstance(nest, (list, tuple)):
        return [found for i, part in enumerate(nest) for found in _places(part, f"{name}[{i}]")]
    return [] if nest is None else [(name, nest)]


def _nested(nest: Any) -> str:
    if isinstance(nest, writing.Text):
        return str(nest)
    if isinstance(nest, Mapping):
        return f"{{{', '.join(f'{key!r}: {_nested(part)}' for key, part in nest.items())}}}"
    if isinstance(nest, (list, tuple)):
        inner = ", ".join(map(_nested, nest))
        return f"[{inner}]" if isinstance(nest, list) else f"({inner},)"
    return repr(nest)


def runner(place: Path, trace: Traceable) -> Callable[[list[np.ndarray]], Any]:
    loaded = imported(place)

    def run(arrays: list[np.ndarray]) -> list[Any]:
        given = signature.filled(trace.nest, arrays) if trace.host is None else arrays
        function = loaded.predict if trace.host is None else getattr(loaded, PROGRAM)
        return signature.flattened(trace.output_nest, function(*given))

    return run


def imported(place: Path) -> Any:
    """The package in a folder, imported under a name of its own that is taken back."""
    name = f"_sequax_exported_{abs(hash(str(place)))}"
    spec = importlib.util.spec_from_file_location(name, place / "__init__.py")
    assert spec is not None and spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    sys.modules[name] = loaded
    try:
        spec.loader.exec_module(loaded)
    finally:
        sys.dont_write_bytecode = before
        for known_name in [one for one in sys.modules if one.split(".")[0] == name]:
            del sys.modules[known_name]
    return loaded
