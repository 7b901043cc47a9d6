"""TensorFlow itself, where it is installed, for the names that are not served here.

It is loaded when a script asks for the first of them. `tensorflow`, `tensorflow.keras` and `keras` stay what is served;
the modules inside TensorFlow that it loads for itself are its own.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from ...core import outside
from ..notes import say

_ROOT = "tensorflow"
_loading = False
# Names of modules that are served, and TensorFlow's own of those names.
_served: set[str] = set()
_own: dict[str, ModuleType] = {}


def is_there() -> bool:
    """Whether TensorFlow is installed."""
    return outside.is_installed(_ROOT)


def is_its_own(path: object) -> bool:
    """Whether a module is asked for by TensorFlow itself, from inside.

    Args:
        path: where the parent package looks for its modules; packages served here look nowhere.
    """
    return _loading or bool(path)


def serving(name: str) -> None:
    """Note that a module of that name is served."""
    _served.add(name)


@contextmanager
def _in_its_place() -> Iterator[None]:
    """Inside, `tensorflow` is what is installed, for all who import it."""
    global _loading
    if _loading:
        yield
        return
    served = {name: sys.modules.pop(name) for name in _served & sys.modules.keys()}
    sys.modules.update(_own)
    _loading = True
    try:
        yield
    finally:
        _loading = False
        _own.update({name: sys.modules[name] for name in served if name in sys.modules})
        sys.modules.update(served)


@functools.cache
def module() -> ModuleType | None:
    """TensorFlow; None where it is not installed, or does not load."""
    if not is_there():
        return None
    try:
        with _in_its_place():
            import tensorflow

            return tensorflow
    except Exception as error:
        print(f"sequax: TensorFlow is installed, but does not load: {error}", file=sys.stderr)
        return None


@contextmanager
def itself() -> Iterator[None]:
    """Inside, imports of `tensorflow` find TensorFlow: for what Sequax and JAX do with it.

    Raises:
        ImportError: if it is not installed, or does not load.
    """
    if module() is None:
        raise ImportError("TensorFlow is not installed, or does not load; `import tensorflow` without Sequax says why.")
    with _in_its_place():
        yield


def value(inside: str) -> Any:
    """What TensorFlow has under a name; says so once.

    Raises:
        AttributeError: if it has no such name, or is not there.
    """
    found: Any = module()
    if found is None:
        raise AttributeError(inside)
    for part in inside.split("."):
        found = getattr(found, part)
    name = inside.partition(".")[0]
    say(
        f"installed {name}",
        f"`tensorflow.{name}` is taken from the TensorFlow that is installed; `keras` and `tf.keras` stay Sequax'",
    )
    return found


def forget() -> None:
    """Load it again when it is asked for again."""
    module.cache_clear()
    _served.clear()
    _own.clear()
