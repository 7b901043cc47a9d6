"""`import keras` served by Sequax: what `sequax run` switches on so that a script runs unchanged.

    from .. import compat
    compat.install()      # from here on `import keras` and `from tensorflow import keras` mean Sequax
    compat.uninstall()

Nothing here happens on `import sequax`. The served modules are thin: they look names up in Sequax' own modules, then in
the tables of old spellings (`spellings.py`), and say so where there is no such name. Old arguments and methods are
patched into the classes while the hook is installed (`patches.py`). Of TensorFlow there is a stub (`tensorflow.py`).
"""

from __future__ import annotations

import importlib
import itertools
import sys
from collections.abc import Callable, Iterator
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from .. import _absent
from .._version import __version__
from ..core import outside
from ..core.names import suggest
from . import children, dialect, internals, out_of_reach, patches, places, spellings
from .notes import note
from .out_of_reach import ModuleOutOfReach, is_place, reason
from .tensorflow import TENSORFLOW_VERSION, Stub, installed, keras_inside
from .tensorflow.member import Version

__all__ = ["KERAS_VERSION", "TENSORFLOW_VERSION", "install", "uninstall"]

KERAS_VERSION = Version("3.15.1")  # whose names and numerics Sequax follows; scripts compare it
_OURS = "sequax"
_ROOTS = ("keras", "tensorflow")
_OTHERS = ("keras_preprocessing", "keras_core", "tf_keras")  # packages of what is in `keras` as well


def install() -> None:
    """Serve `keras` and `tensorflow.keras` with Sequax, for all imports that follow, here and in new processes.

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
    outside.served["tensorflow"] = installed.itself
    children.include()


def uninstall() -> None:
    """Stop serving; later imports find what is installed. Modules a script holds already keep working."""
    if _finder not in sys.meta_path:
        return
    sys.meta_path.remove(_finder)
    outside.served.pop("tensorflow", None)
    children.exclude()
    patches.undo()
    installed.forget()
    for name in [name for name in sys.modules if name.partition(".")[0] in (*_ROOTS, *_OTHERS)]:
        del sys.modules[name]


class ServedModule(ModuleType):
    """A module named `keras...` whose names are those of a module of Sequax, and old ones."""

    def __init__(self, name: str, source: ModuleType, today: str):
        super().__init__(name, source.__doc__)
        self._source, self._old_names_of = source, today
        self._old = {**_old_names(today), **_old_names(name)}
        self.__file__ = getattr(source, "__file__", None)  # scripts print it, and look for data beside it
        self.__path__: list[str] = []  # a package for the import system, so that our finder is asked for what is in it
        self._names = sorted(public_names(source))
        self._all_read: Iterator[str] = iter(())
        if name == "keras":
            self.__version__ = KERAS_VERSION
            self.version: Callable[[], str] = lambda: KERAS_VERSION

    @property
    def __all__(self) -> list[str]:
        """Names of today and old ones, for `from keras.layers import *`."""
        listed = sorted({*self._names, *(name for name in self._old if not name.startswith("_"))})
        self._all_read = iter(listed)
        return listed

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in self._old:
            return self._of_old(name)
        if name not in self._names:
            full = f"{self.__name__}.{name}"
            if _is_elsewhere(full) or internals.beside(full):
                return importlib.import_module(full)
            why = reason(full)
            if why is not None:
                return out_of_reach.named(self.__name__, name, why)
            raise AttributeError(_missing(self, name))
        value = getattr(self._source, name)
        if isinstance(value, ModuleType):
            return importlib.import_module(f"{self.__name__}.{name}")
        return value

    def _of_old(self, name: str) -> Any:
        target, today = self._old[name]
        module, _, attribute = target.partition(":")
        found = _ours(module)
        # A star asks for all names, one after another; that the script wants an old one among them is not said.
        in_star = any(one == name for one in itertools.takewhile(lambda one: one <= name, self._all_read))
        if today is not None and not in_star:
            note(f"{self.__name__}.{name}", today)
        return getattr(found, attribute) if attribute else found

    def __call__(self, *args: object, **kwargs: object) -> Any:
        """`keras.layers.merge` was a function in Keras 1 and a module in Keras 2."""
        if self.__name__ != "keras.layers.merge":
            raise TypeError(f"module {self.__name__!r} is not callable")
        return _ours("compat.layers").merge(*args, **kwargs)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._names})

    def __reduce__(self) -> tuple[Callable[[str], ModuleType], tuple[str]]:
        """Functions that go to worker processes by value take their globals along, this module by its name."""
        return importlib.import_module, (self.__name__,)

    def __repr__(self) -> str:
        return f"<module {self.__name__!r} served by {self._source.__name__}>"


class Finder(MetaPathFinder, Loader):
    """Finds `keras`, `tensorflow`, and whatever is imported from within them."""

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        root = fullname.partition(".")[0]
        if root not in (*_ROOTS, *_OTHERS) or (root == "tensorflow" and installed.is_its_own(path)):
            return None
        if root == "tensorflow":
            installed.serving(fullname)
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        try:
            return _serve(spec.name)
        except ImportError as error:
            # Libraries look for the places of many versions, and expect of those that are not there what Python
            # raises for a module. It has no `name`: by that, `from a import b` would put its own words in place.
            raise ModuleNotFoundError(str(error)) from None

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
    if name.partition(".")[0] == "tensorflow":
        patches.apply()
        inside = keras_inside(name)
        if inside is not None:
            dialect.hear("tensorflow.keras")
        # A placeholder of that name; `exec_module` puts the module itself in its place.
        return Stub(name) if inside is None else ModuleType(inside)
    for place, whole in places.ALIASES.items():
        if name == place or name.startswith(f"{place}."):
            return ModuleType(whole + name.removeprefix(place))  # a placeholder, as above
    parent, _, child = name.rpartition(".")
    if not parent:
        patches.apply()
        return ServedModule(name, importlib.import_module(_OURS), name)
    if name == internals.ROOT or name.startswith(f"{internals.ROOT}."):
        return internals.serve(name)
    holder = importlib.import_module(parent)
    if name in places.MODULES:
        return _of_old(name)
    if child not in _names_of(holder):
        if parent in places.MODULES and _is_file_of(child, holder):
            return ServedModule(name, holder._source, holder._old_names_of)
        if is_place(name):
            return ModuleOutOfReach(name)
        if internals.beside(name):
            return ModuleType(f"{internals.ROOT}{name.removeprefix('keras')}")  # a placeholder, as above
        raise ImportError(_missing(holder, child), name=name)
    found = getattr(holder._source, child)
    if not isinstance(found, ModuleType):
        raise ImportError(f"{name} is not a module. Write `from {parent} import {child}`.", name=name)
    return ServedModule(name, found, name)


def _is_elsewhere(name: str) -> bool:
    """Whether a module is one by name alone: no module of ours has it among its names."""
    return name in places.MODULES or name in places.ALIASES or name == internals.ROOT or is_place(name)


def _is_file_of(child: str, holder: Any) -> bool:
    """Whether a module inside of an old one was the file of one of its classes: `core.dense`, `rnn.base_rnn`."""
    plain = child.replace("_", "").removeprefix("base").removesuffix("layer")
    return any(name.lower() == plain for name in _names_of(holder))


def _of_old(name: str) -> ModuleType:
    """An old module; it lists the old names of today's module as well."""
    source, today = places.MODULES[name]
    if today is not None:
        note(name, today)
    if source is None:
        return ServedModule(name, ModuleType(name), name)
    listed = (place for place in ("keras.engine", "keras.optimizer_v2") if name.startswith(place))
    names_of = next(listed, f"keras.{source}")
    return ServedModule(name, _ours(source), names_of)


def _old_names(module: str) -> dict[str, spellings.Name]:
    if module == "keras.backend":  # too many to list twice: the module itself says what they are called today
        today = _ours("compat.backend").TODAY
        old = {name: spellings.Name(f"compat.backend:{name}", text) for name, text in today.items()}
        return old | spellings.NAMES[module]
    return spellings.NAMES.get(module, {})


def _ours(module: str) -> ModuleType:
    return importlib.import_module(f"{_OURS}.{module}" if module else _OURS)


def public_names(module: ModuleType) -> Iterator[str]:
    """The names a module offers: its `__all__`, or else what it defines itself."""
    listed = getattr(module, "__all__", None)
    if listed is not None:
        yield from (name for name in listed if not name.startswith("__"))
        return
    for name, value in vars(module).items():
        if not name.startswith("_") and str(getattr(value, "__module__", "")).startswith(f"{_OURS}."):
            yield name


def _names_of(module: Any) -> list[str]:
    return module._names if isinstance(module, ServedModule) else module.__all__


def _missing(module: ModuleType, name: str) -> str:
    said = _absent.sentence(f"{module.__name__}.{name}".partition(".")[2], "keras")
    if said is not None:
        return said
    known = [*_names_of(module), *getattr(module, "_old", ())]
    return (
        f"{module.__name__}.{name} is not available: this version of Sequax ({__version__}), which serves"
        f" {module.__name__} here, does not have it.{suggest(name, known)}"
    )
