"""The names of Keras 3.15.1 that this version does not have, and what to do in their place.

One table for all ways to ask: `sequax.remat`, `from sequax.layers import TFSMLayer`, `import sequax.export`,
and the same under `sequax run`. Such a name does not exist (`hasattr` is False, imports fail), but the error says why.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from typing import NoReturn

from . import _removed
from ._version import __version__

# By path below the package; a module speaks for all that is in it.
ABSENT: dict[str, str] = {
    "layers.TFSMLayer": (
        "a SavedModel is a program for TensorFlow, which Sequax does not run. Export as `.stablehlo` or `.onnx`, which"
        " `export.load` reads; or build the model from layers and load its weights from `.keras`, `.weights.h5`"
        " or `.h5`"
    ),
    "layers.TorchModuleWrapper": (
        "a PyTorch module cannot be part of a compiled JAX program. Rebuild it from layers and set their weights with"
        " `set_weights`, transposed where PyTorch stores (outputs, inputs)"
    ),
    "optimizers.legacy": (
        "neither Keras 3 nor Sequax has the optimizers of before 2023. Take those of `optimizers`, which have the same"
        " names; a `decay=` of theirs is the schedule `InverseTimeDecay(rate, 1, decay)`"
    ),
}


def sentence(path: str, root: str = "sequax") -> str | None:
    """Why a name of Keras, such as `layers.TFSMLayer`, is not there; None for any other name."""
    parts = path.split(".")
    found = (ABSENT.get(".".join(parts[:count])) for count in range(len(parts), 0, -1))
    reason = next(filter(None, found), None)
    if reason is not None:
        return f"{root}.{path} is not available (Sequax {__version__}): {reason}."
    today = _removed.of_name(path)
    return None if today is None else f"{root}.{path} is of an older Keras. Today: {today}."


def error(module: str, name: str) -> AttributeError:
    """For a module's `__getattr__`: what to raise for a name that the module does not have."""
    said = sentence(f"{module}.{name}".partition(".")[2])
    if said is None:
        # With the module, tracebacks show the nearest name.
        return AttributeError(f"module {module!r} has no attribute {name!r}", name=name, obj=sys.modules.get(module))
    return AttributeError(said, name=name, obj=None)  # without an object Python guesses no similar name


def missing(module: str) -> Callable[[str], NoReturn]:
    """The `__getattr__` of a module that imports its names itself."""

    def __getattr__(name: str) -> NoReturn:
        raise error(module, name)

    return __getattr__


class Finder(MetaPathFinder):
    """Asked last, when nothing else has found a module: imports of absent names fail with their sentence.

    `from package import name` comes by here too, since Python looks for a module where the package has no attribute.
    """

    def find_spec(self, fullname: str, path: Sequence[str] | None = None, target: object | None = None) -> None:
        if fullname.startswith("sequax."):
            said = sentence(fullname.partition(".")[2])
            if said is not None:
                raise ImportError(said, name=fullname)


def install() -> None:
    if not any(isinstance(finder, Finder) for finder in sys.meta_path):
        sys.meta_path.append(Finder())
