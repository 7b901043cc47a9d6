"""Packages that Sequax can do without: imported when something needs them, and missed in a sentence."""

from __future__ import annotations

import importlib
from types import ModuleType

# What a package is called and what pip installs for it, where these are not its name in Python.
_PACKAGES = {
    "PIL": ("Pillow", "'sequax[images]'"),
    "google": ("protobuf", "'sequax[records]'"),
    "huggingface_hub": ("huggingface_hub", "'sequax[hub]'"),
    "matplotlib": ("matplotlib", "'sequax[plot]'"),
    "onnx": ("onnx", "'sequax[onnx]'"),
    "optuna": ("Optuna", "'sequax[search]'"),
    "orbax": ("orbax-checkpoint", "'sequax[orbax]'"),
    "pydot": ("pydot", "'sequax[plot]'"),
    "sklearn": ("scikit-learn", "'sequax[sklearn]'"),
}


def needed(module: str, owner: str, otherwise: str = "") -> ModuleType:
    """A module of a package that need not be installed.

    Args:
        module: its name, such as `"matplotlib.figure"`.
        owner: what needs it, for the message.
        otherwise: a sentence on what there is without it.

    Raises:
        ImportError: saying what to install.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != package:
            raise  # of something that an installed package needs itself
        name, how = _PACKAGES.get(package, (package, package))
        told = f"{owner} needs {name}, which is not installed. Run: pip install {how}. {otherwise}"
        raise ImportError(told.rstrip(), name=error.name) from None
