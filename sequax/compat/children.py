"""The import hook in processes that this one starts: workers of joblib, of `multiprocessing`, other scripts."""

from __future__ import annotations

import os

_FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "child")
_VARIABLE = "PYTHONPATH"


def include() -> None:
    """From here on new processes have the hook: Python runs `child/sitecustomize.py` when they start."""
    os.environ[_VARIABLE] = os.pathsep.join([_FOLDER, *_others()])


def exclude() -> None:
    """New processes are as they would be without Sequax."""
    others = _others()
    if others:
        os.environ[_VARIABLE] = os.pathsep.join(others)
    else:
        os.environ.pop(_VARIABLE, None)


def _others() -> list[str]:
    return [path for path in os.environ.get(_VARIABLE, "").split(os.pathsep) if path and path != _FOLDER]
