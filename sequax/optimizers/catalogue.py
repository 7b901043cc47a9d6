"""The catalogue of optimizers: `@optimizer` makes a class public under `keras.optimizers`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from ..core.catalogue import Catalogue
from .settings import Common

T = TypeVar("T", bound=type)

optimizers = Catalogue("optimizer", "keras.optimizers")


def optimizer(cls: T) -> T:
    """Class decorator: register under the class name in any case, and take the common arguments as written out."""
    signature = inspect.signature(cls.__init__)  # type: ignore[misc]
    if "common" in signature.parameters:
        cls.__init__ = _taking(_with_common(signature), cls.__init__)  # type: ignore[misc]
    return optimizers.register(cls.__name__.lower())(cls)


def _with_common(signature: inspect.Signature) -> inspect.Signature:
    """The order of Keras: own arguments, the common ones, then those that only a keyword reaches in our code."""
    given = list(signature.parameters.values())
    own = [p for p in given if p.kind is p.POSITIONAL_OR_KEYWORD]
    last = [p.replace(kind=p.POSITIONAL_OR_KEYWORD) for p in given if p.kind is p.KEYWORD_ONLY]
    defaults = {"use_ema": False, "ema_momentum": 0.99}
    common = [
        inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=defaults.get(name), annotation=kind)
        for name, kind in Common.__annotations__.items()
        if name not in signature.parameters
    ]
    rest = inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD)
    return signature.replace(parameters=[*own, *common, *last, rest])


def _taking(signature: inspect.Signature, init: Callable) -> Callable:
    """`init` with a signature whose arguments may be given by position, too."""
    names = [name for name in signature.parameters if name not in ("self", "kwargs")]

    @functools.wraps(init)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        if len(args) > len(names):
            owner = type(self).__name__
            raise TypeError(f"{owner}: expected at most {len(names)} arguments by position. Received {len(args)}.")
        for name, value in zip(names, args, strict=False):
            if name in kwargs:
                raise TypeError(f"{type(self).__name__}: `{name}` was given twice, by position and by name.")
            kwargs[name] = value
        init(self, **kwargs)

    __init__.__signature__ = signature  # type: ignore[attr-defined]
    return __init__
