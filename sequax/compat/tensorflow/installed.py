"""TensorFlow itself, where it is installed, for the names that are not served here.

It is loaded when a script asks for the first of them. `tensorflow`, `tensorflow.keras` and `keras` stay what is served;
the modules inside TensorFlow that it loads for itself are its own.
"""

from __future__ import annotations

import functools
import sys
from importlib.machinery import PathFinder
from types import ModuleType
from typing import Any

from ..notes import say

_ROOT = "tensorflow"
_loading = False


def is_there() -> bool:
    """Whether TensorFlow is installed."""
    return PathFinder.find_spec(_ROOT) is not None


def is_its_own(path: object) -> bool:
    """Whether a module is asked for by TensorFlow itself, from inside.

    Args:
        path: where the parent package looks for its modules; packages served here look nowhere.
    """
    return _loading or bool(path)


@functools.cache
def module() -> ModuleType | None:
    """TensorFlow; None where it is not installed, or does not load."""
    global _loading
    if not is_there():
        return None
    served = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] == _ROOT}
    _loading = True
    try:
        import tensorflow

        return tensorflow
    except Exception as error:
        print(f"sequax: TensorFlow is installed, but does not load: {error}", file=sys.stderr)
        return None
    finally:
        _loading = False
        sys.modules.update(served)


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
    """Load it anew when it is asked for again."""
    module.cache_clear()
