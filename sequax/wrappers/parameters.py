"""Parameters of an estimator whose names have two parts, such as `model__units`, `fit__epochs`, `optimizer__name`.

What stands before the `__` says to whom the rest goes; a search over parameters may set any of them:

model__NAME       an argument of the function that makes the model
fit__NAME         an argument of `Model.fit`
compile__NAME     an argument of `Model.compile`
optimizer__NAME   a setting of the optimizer, such as `learning_rate`
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..core.names import suggest
from ..model import Model

# Where the values are kept: parameters of the constructor that hold dicts.
DICTS = {"model": "model_kwargs", "fit": "fit_kwargs", "compile": "compile_kwargs"}
_ALIASES = {kept: prefix for prefix, kept in DICTS.items()}
_OPTIMIZER = "optimizer__"
_GIVEN_BY_FIT = frozenset({"self", "X", "y", "x"})


def listed(model: Any, dicts: Mapping[str, Mapping[str, Any] | None]) -> dict[str, Any]:
    """The parameters in two parts, with their values.

    Args:
        model: a model, or a function that makes one, whose defaults are listed too.
        dicts: the dicts by prefix.
    """
    found = {f"model__{name}": value for name, value in _defaults(model).items()}
    for prefix, values in dicts.items():
        # A parameter may hold anything until `fit` looks at it.
        for name, value in values.items() if isinstance(values, Mapping) else ():
            found[name if name.startswith(_OPTIMIZER) else f"{prefix}__{name}"] = value
    return found


def split(name: str, model: Any) -> tuple[str, str] | None:
    """The parameter of the constructor, and the key in it, that a name in two parts means; None for other names.

    Raises:
        ValueError: for a name that nobody takes.
    """
    prefix, two, key = name.partition("__")
    if not two:
        return None
    prefix = _ALIASES.get(prefix, prefix)
    if prefix == "optimizer" or name.startswith("compile__optimizer__"):
        return DICTS["compile"], _OPTIMIZER + name.rpartition("__")[2]
    if prefix not in DICTS:
        return None
    if prefix == "model":
        known = _arguments(model) if callable(model) and not isinstance(model, Model) else []
    else:
        known = _arguments(getattr(Model, prefix))
    if known is not None and key not in known:
        owner = getattr(model, "__name__", type(model).__name__) if prefix == "model" else f"Model.{prefix}"
        raise ValueError(f"Invalid parameter {name!r}: {owner} takes no {key!r}.{suggest(key, known)}")
    return DICTS[prefix], key


def check(unknown: Iterable[str], model: Any) -> None:
    """Say to whom names belong that no parameter has.

    Raises:
        ValueError: for one that the function that makes the model takes, or `Model.fit`.
    """
    takers: dict[str, Callable[..., Any]] = {"fit": Model.fit, "compile": Model.compile}
    if callable(model) and not isinstance(model, Model):
        takers = {"model": model, **takers}
    for name in unknown:
        for prefix, taker in takers.items():
            if name in (_arguments(taker) or ()):
                raise ValueError(f"Invalid parameter {name!r}. Did you mean '{prefix}__{name}'?")


def arguments_for(function: Callable[..., Any], offered: Mapping[str, Any]) -> dict[str, Any]:
    """Those of some arguments that a function takes."""
    known = _arguments(function, but=frozenset())
    return {name: value for name, value in offered.items() if known is None or name in known}


def _arguments(function: Callable[..., Any], but: Iterable[str] = _GIVEN_BY_FIT) -> list[str] | None:
    """Names of the arguments of a function; None if it takes any."""
    parameters = _signature(function)
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    return [p.name for p in parameters if p.name not in but and p.kind is not p.POSITIONAL_ONLY]


def _defaults(model: Any) -> dict[str, Any]:
    if isinstance(model, Model) or not callable(model):
        return {}
    parameters = (p for p in _signature(model) if p.name not in _GIVEN_BY_FIT)
    return {p.name: p.default for p in parameters if p.default is not p.empty}


def _signature(function: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # some functions in C have none
        return []
