"""Each argument of each public class and function is named in its docstring."""

from __future__ import annotations

import importlib
import inspect
import re

import pytest

import sequax

NAMESPACES = [
    *("activations", "callbacks", "config", "constraints", "initializers", "layers", "losses", "metrics", "models"),
    "distribution",
    *("ops", "optimizers", "optimizers.schedules", "random", "regularizers", "saving", "tree", "utils"),
]
METHODS = [
    *(
        "fit",
        "evaluate",
        "predict",
        "compile",
        "summary",
        "add",
        "pop",
        "add_weight",
        "compute_loss",
        "compute_metrics",
    ),
    *("train_on_batch", "test_on_batch", "predict_on_batch", "save", "save_weights", "load_weights"),
]


def unnamed(function, text):
    """Arguments that a docstring does not name."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    names = [p.name for p in inspect.signature(function).parameters.values() if p.kind in kinds]
    return [name for name in names if name != "self" and not re.search(rf"\b{re.escape(name)}\b", text or "")]


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_public_names_say_what_their_arguments_are(namespace):
    module = importlib.import_module(f"sequax.{namespace}")
    found = {}
    for name in module.__all__:
        target = getattr(module, name)
        is_class = inspect.isclass(target)
        if not (is_class or inspect.isfunction(target)) or (is_class and issubclass(target, Exception)):
            continue
        if target.__module__.startswith("sequax") and (not is_class or inspect.isfunction(target.__init__)):
            found[name] = unnamed(target.__init__ if is_class else target, inspect.getdoc(target))
    assert found and {name: missing for name, missing in found.items() if missing} == {}


@pytest.mark.parametrize("name", METHODS)
def test_methods_of_models_say_what_their_arguments_are(name):
    method = getattr(sequax.Sequential, name)
    assert unnamed(method, inspect.getdoc(method)) == []
