"""`import keras` served by Sequax: what `sequax run` switches on so that a script runs unchanged.

    from sequax import compat
    compat.install()      # from here on `import keras` and `from tensorflow import keras` mean Sequax
    compat.uninstall()

Nothing here happens on `import sequax`. The served modules are thin: they look names up in Sequax' own modules, and
say so where this version of Sequax does not have a name. Of TensorFlow there is a stub with `keras` and `__version__`.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from ._version import __version__
from .core.names import suggest

KERAS_VERSION = "3.15.1"  # whose names and numerics Sequax follows; scripts compare it
TENSORFLOW_VERSION = "2.20.0+sequax"

_ROOTS = ("keras", "tensorflow")
_INSTEAD_OF_TENSORFLOW = {
    "config": "devices are JAX' business, see `jax.devices()`",
    "constant": "pass NumPy arrays",
    "convert_to_tensor": "pass NumPy arrays",
    "data": "pass NumPy arrays to `fit`",
    "random": "seeds are set by `keras.utils.set_random_seed(seed)`",
}


def install() -> None:
    """Serve `keras` and `tensorflow.keras` with Sequax, for all imports of this process that follow.

    Raises:
        ImportError: if Keras or TensorFlow has been imported already; the two would be mixed.
    """
    if _finder in sys.meta_path:
        return
    present = [name for name in _ROOTS if name in sys.modules]
    if present:
        raise ImportError(
            f"sequax.compat.install() must come before the first `import {present[0]}`: this process has"
            f" {' and '.join(present)} loaded already, and objects of the two libraries do not mix."
        )
    sys.meta_path.insert(0, _finder)


def uninstall() -> None:
    """Stop serving; later imports find what is installed. Modules a script holds already keep working."""
    if _finder not in sys.meta_path:
        return
    sys.meta_path.remove(_finder)
    for name in [name for name in sys.modules if name.partition(".")[0] in _ROOTS]:
        del sys.modules[name]


class ServedModule(ModuleType):
    """A module named `keras...` whose names are those of a module of Sequax."""

    def __init__(self, name: str, source: ModuleType):
        super().__init__(name, source.__doc__)
        self._source = source
        self.__path__: list[str] = []  # a package for the import system, so that our finder is asked for what is in it
        self.__all__ = sorted(public_names(source))
        if name == "keras":
            self.__version__ = KERAS_VERSION
            self.version = lambda: KERAS_VERSION

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name not in self.__all__:
            raise AttributeError(_missing(self, name))
        value = getattr(self._source, name)
        if isinstance(value, ModuleType):
            return importlib.import_module(f"{self.__name__}.{name}")
        return value

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self.__all__})

    def __repr__(self) -> str:
        return f"<module {self.__name__!r} served by {self._source.__name__}>"


class TensorFlowStub(ModuleType):
    """`tensorflow` as far as Sequax has it: `keras` and `__version__`."""

    __version__ = TENSORFLOW_VERSION
    __all__ = ("keras",)

    def __init__(self) -> None:
        super().__init__("tensorflow", type(self).__doc__)
        self.__path__: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name == "keras":
            return importlib.import_module("tensorflow.keras")
        raise AttributeError(name if name.startswith("__") else _not_tensorflow(name))


class Finder(MetaPathFinder, Loader):
    """Finds `keras`, `tensorflow`, and whatever is imported from within them."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if fullname.partition(".")[0] not in _ROOTS:
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _serve(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        name = module.__spec__.name  # type: ignore[union-attr]
        if name != module.__name__:  # `tensorflow.keras.layers` is `keras.layers`, the same object
            sys.modules[name] = importlib.import_module(module.__name__)


_finder = Finder()


def _serve(name: str) -> ModuleType:
    """The module for an imported name.

    Raises:
        ImportError: if Sequax does not have it.
    """
    if name == "tensorflow":
        return TensorFlowStub()
    if name.startswith("tensorflow."):
        name = name.removeprefix("tensorflow.")
        if name.partition(".")[0] != "keras":
            raise ImportError(_not_tensorflow(name), name=f"tensorflow.{name}")
        return ModuleType(name)  # a placeholder; `exec_module` puts the module of that name in its place
    parent, _, child = name.rpartition(".")
    if not parent:
        return ServedModule(name, importlib.import_module(__package__))
    holder = importlib.import_module(parent)
    if child not in holder.__all__:
        raise ImportError(_missing(holder, child), name=name)
    found = getattr(holder._source, child)
    if not isinstance(found, ModuleType):
        raise ImportError(f"{name} is not a module. Write `from {parent} import {child}`.", name=name)
    return ServedModule(name, found)


def public_names(module: ModuleType) -> Iterator[str]:
    """The names a module offers: its `__all__`, or else what it defines itself."""
    listed = getattr(module, "__all__", None)
    if listed is not None:
        yield from (name for name in listed if not name.startswith("__"))
        return
    for name, value in vars(module).items():
        if not name.startswith("_") and str(getattr(value, "__module__", "")).startswith(f"{__package__}."):
            yield name


def _missing(module: ModuleType, name: str) -> str:
    return (
        f"{module.__name__}.{name} is not available: this version of Sequax ({__version__}), which serves"
        f" {module.__name__} here, does not have it.{suggest(name, module.__all__)}"
    )


def _not_tensorflow(name: str) -> str:
    instead = _INSTEAD_OF_TENSORFLOW.get(name.partition(".")[0])
    return (
        f"tensorflow.{name} is not served by Sequax, which has no TensorFlow in it: `sequax run` serves"
        f" tensorflow.keras and nothing else of it.{f' Instead: {instead}.' if instead else ''}"
    )
