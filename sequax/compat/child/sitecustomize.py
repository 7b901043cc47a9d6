"""Python imports this at the start of a process whose parent has the import hook: the hook is here as well.

The folder of this file stands in `PYTHONPATH`, see `compat/children.py`.
"""

import importlib.machinery
import importlib.util
import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))


def _run_hidden() -> None:
    """The environment's own `sitecustomize`, which this one stands before."""
    others = [path for path in sys.path if os.path.abspath(path) != _HERE]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", others)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


def _install() -> None:
    if importlib.util.find_spec("sequax") is None:  # the parent had it from its current folder
        sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(_HERE))))
    try:
        from sequax import compat
    except ImportError:  # a Python of another version, say
        return
    compat.install()


_run_hidden()
_install()
