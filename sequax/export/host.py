"""`host.json`: what stands before an exported program, for readers that know nothing of Sequax.

Compiled programs hold numbers only; layers that take texts or categories run on the host, before (`host_prefix.py`).
An artifact of such a model has `host.json`, which says what they do, and `host.py`, which does it in NumPy alone.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.tensor import leaves
from . import signature
from .errors import ExportError
from .signature import Entry

if TYPE_CHECKING:
    from ..host_prefix import HostPrefix
    from ..model import Model

FILE, READER, SCRIPT = "host.json", "host.py", "host.js"
VERSION = 1


def described(model: Model, inputs: Sequence[Entry]) -> dict[str, Any] | None:
    """What the host part of a model does, JSON-friendly; None for a model without one.

    Args:
        inputs: what the program behind it takes.

    Raises:
        ExportError: for a layer whose work is not data: a function of the user, or a class of the user.
    """
    prefix = model.host_prefix
    if prefix is None:
        return None
    tensors = leaves(prefix.inputs)
    places = {id(tensor): position for position, tensor in enumerate(tensors)}
    steps: list[dict[str, Any]] = []
    _add(prefix, places, steps, len(tensors))
    border = leaves(prefix.border)
    return {
        "version": VERSION,
        "inputs": [
            {"name": name, "shape": list(tensor.shape), "dtype": tensor.dtype}
            for name, tensor in zip(model.input_names, tensors, strict=True)
        ],
        "arguments": [signature.positions(prefix.inputs)],
        "steps": steps,
        "outputs": [
            {"name": entry.name, "from": places[id(tensor)], "dtype": entry.dtype}
            for entry, tensor in zip(inputs, border, strict=True)
        ],
    }


def _add(prefix: HostPrefix, places: dict[int, int], steps: list[dict[str, Any]], first: int) -> None:
    """Append the steps of a host part; those of models inside stand among them."""
    for node in prefix.nodes:
        layer, given = node.operation, [places[id(tensor)] for tensor in node.inputs]
        inner = getattr(layer, "host_prefix", None)
        if inner is not None:
            own = dict(zip(map(id, leaves(inner.inputs)), given, strict=True))
            _add(inner, own, steps, first)
            found = [own[id(tensor)] for tensor in leaves(inner.border)]
            places.update(zip(map(id, leaves(node.outputs)), found, strict=True))
            continue
        settings = layer.described()
        if settings is None:
            raise ExportError(
                f"what it does on the host is no data that a reader elsewhere could follow: {type(layer).__name__} with"
                f" a function or class of your own. Take the layer out, call it on the data yourself, and export the"
                f" model behind it.",
                layer.name,
            )
        places[id(leaves(node.outputs)[0])] = place = first + len(steps)
        steps.append({"name": layer.name, **settings, "takes": given, "gives": place})


def text_of(content: dict[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, indent=None, separators=(",", ":"))


@cache
def reader_source() -> str:
    """The text of `host.py`: the reader and the hashes, one file that needs NumPy alone."""
    from ..layers.preprocessing import fingerprints
    from .host_code import reader

    parts = [inspect.getsource(module) for module in (fingerprints, reader)]
    doc = reader.__doc__ or ""
    lines = [f'"""{doc}"""', "", "from __future__ import annotations", ""]
    kept = (line for part in parts for line in _without_head(part).splitlines())
    body = "\n".join(line for line in kept if not line.startswith(("from __future__", "from ...")))
    return "\n".join([*lines, body.strip(), ""])


def script_path() -> Path:
    """Where `host.js` is, the reader in JavaScript."""
    return Path(__file__).parent / "host_code" / SCRIPT


def _without_head(source: str) -> str:
    """A module's text without its docstring."""
    return source.split('"""', 2)[2]


def write_beside(content: dict[str, Any] | None, folder: Path, prefix: str = "") -> None:
    """Put `host.json` and `host.py` into a folder, where there is something to say."""
    if content is not None:
        (folder / f"{prefix}{FILE}").write_text(text_of(content), "utf-8")
        (folder / f"{prefix}{READER}").write_text(reader_source(), "utf-8")
