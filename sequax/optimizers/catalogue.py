"""The catalogue of optimizers: `@optimizer` makes a class public under `keras.optimizers`."""

from __future__ import annotations

import inspect
from typing import TypeVar

from ..core.registry import Catalogue
from .settings import Common

T = TypeVar("T", bound=type)

optimizers = Catalogue("optimizer", "keras.optimizers")


def optimizer(cls: T) -> T:
    """Class decorator: register under the class name in any case, and show the common arguments in the signature."""
    signature = inspect.signature(cls.__init__)  # type: ignore[misc]
    if "common" in signature.parameters:
        cls.__init__.__signature__ = _with_common(signature)  # type: ignore[misc]
    return optimizers.register(cls.__name__.lower())(cls)


def _with_common(signature: inspect.Signature) -> inspect.Signature:
    own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    defaults = {"use_ema": False, "ema_momentum": 0.99}
    common = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=defaults.get(name), annotation=annotation)
        for name, annotation in Common.__annotations__.items()
        if name not in signature.parameters
    ]
    return signature.replace(parameters=[*own, *common])
