"""Sequax: Keras' `Sequential`, compiled whole.

`import sequax as keras` runs existing code. Everything here is imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _absent, _families as _families
from ._lazy import lazily
from ._version import __version__ as __version__

_MODULES = (
    "activations", "applications", "backend", "callbacks", "config", "constraints", "datasets", "distillation",
    "distribution", "dtype_policies", "export", "hub", "initializers", "layers", "legacy", "losses", "metrics",
    "mixed_precision", "models", "ops", "optimizers", "preprocessing", "quantizers", "random", "regularizers", "saving",
    "serving", "tree", "utils", "visualization", "wrappers",
)  # fmt: skip

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
    "Quantizer": ".quantizers",
    "Regularizer": ".regularizers",
    "RematScope": ".core.remat",
    "Sequential": ".sequential",
    "StatelessScope": ".core.pure",
    "SymbolicScope": ".scopes",
    "Variable": ".core.variable",
    "device": ".scopes",
    "from_pretrained": ".hub.loading",
    "inspect_predictions": ".inspecting",
    "name_scope": ".scopes",
    "search": ".trials.search",
    "remat": ".core.remat",
    "version": "._version",
}

_absent.install()

if TYPE_CHECKING:  # the same for type checkers and editors
    from . import (
        activations as activations,
        applications as applications,
        backend as backend,
        callbacks as callbacks,
        config as config,
        constraints as constraints,
        datasets as datasets,
        distillation as distillation,
        distribution as distribution,
        dtype_policies as dtype_policies,
        export as export,
        hub as hub,
        initializers as initializers,
        layers as layers,
        legacy as legacy,
        losses as losses,
        metrics as metrics,
        mixed_precision as mixed_precision,
        models as models,
        ops as ops,
        optimizers as optimizers,
        preprocessing as preprocessing,
        quantizers as quantizers,
        random as random,
        regularizers as regularizers,
        saving as saving,
        serving as serving,
        tree as tree,
        utils as utils,
        visualization as visualization,
        wrappers as wrappers,
    )
    from ._version import version as version
    from .core.dtypes import DTypePolicy as DTypePolicy, FloatDTypePolicy as FloatDTypePolicy
    from .core.input_spec import InputSpec as InputSpec
    from .core.layer import Layer as Layer
    from .core.operation import Operation as Operation
    from .core.pure import StatelessScope as StatelessScope
    from .core.remat import RematScope as RematScope, remat as remat
    from .core.tensor import KerasTensor as KerasTensor
    from .core.variable import Variable as Variable
    from .ensemble import Ensemble as Ensemble
    from .function import Function as Function
    from .hub.loading import from_pretrained as from_pretrained
    from .initializers import Initializer as Initializer
    from .inspecting import inspect_predictions as inspect_predictions
    from .layers.input_layer import Input as Input
    from .losses import Loss as Loss
    from .metrics import Metric as Metric
    from .model import Model as Model
    from .optimizers import Optimizer as Optimizer
    from .quantizers import Quantizer as Quantizer
    from .regularizers import Regularizer as Regularizer
    from .scopes import SymbolicScope as SymbolicScope, device as device, name_scope as name_scope
    from .sequential import Sequential as Sequential
    from .trials.search import search as search
else:
    __getattr__, __dir__, _public = lazily(__name__, _MODULES, _NAMES)
    __all__ = ["__version__", *_public]
