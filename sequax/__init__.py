"""Sequax: Keras' `Sequential`, compiled whole.

`import sequax as keras` runs existing code. Everything here is imported when it is first used.
"""

from __future__ import annotations

from . import _absent
from ._lazy import lazily
from ._version import __version__

_MODULES = (
    "activations",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "datasets",
    "dtype_policies",
    "initializers",
    "layers",
    "legacy",
    "losses",
    "metrics",
    "mixed_precision",
    "models",
    "ops",
    "optimizers",
    "preprocessing",
    "random",
    "regularizers",
    "saving",
    "tree",
    "utils",
)

_NAMES = {
    "DTypePolicy": ".core.dtypes",
    "Ensemble": ".ensemble",
    "FloatDTypePolicy": ".core.dtypes",
    "Function": ".function",
    "Initializer": ".initializers",
    "Input": ".layers.input_layer",
    "InputSpec": ".core.input_spec",
    "KerasTensor": ".core.tensor",
    "Layer": ".core.layer",
    "Loss": ".losses",
    "Metric": ".metrics",
    "Model": ".model",
    "Operation": ".core.operation",
    "Optimizer": ".optimizers",
    "Regularizer": ".regularizers",
    "Sequential": ".sequential",
    "StatelessScope": ".core.pure",
    "SymbolicScope": ".scopes",
    "Variable": ".core.variable",
    "device": ".scopes",
    "name_scope": ".scopes",
    "version": "._version",
}

_absent.install()
__getattr__, __dir__, _public = lazily(__name__, _MODULES, _NAMES)
__all__ = ["__version__", *_public]
