"""Checks of what optimizers are told. Each refuses early what would become NaN or a silent wrong answer."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, TypedDict

import jax
import numpy as np

from ..core.names import suggest


class Common(TypedDict, total=False):
    """Keyword arguments that every optimizer takes; `Optimizer` says what they mean."""

    weight_decay: float | None
    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    loss_scale_factor: float | None
    gradient_accumulation_steps: int | None
    name: str | None


def is_number(value: object) -> bool:
    """Whether a value is one real number: of Python, NumPy or JAX, but no bool."""
    if isinstance(value, (bool, np.bool_)):
        return False
    if isinstance(value, (int, float, np.number)):
        return True
    return isinstance(value, (np.ndarray, jax.Array)) and value.shape == () and value.dtype.kind in "fiuV"


def check_learning_rate(value: Any, owner: str) -> Any:
    """A learning rate that is a number >= 0; traced values pass, nothing is known of them."""
    if not isinstance(value, jax.core.Tracer) and not 0.0 <= float(value) < math.inf:
        raise ValueError(
            f"{owner}: `learning_rate` must be a finite number >= 0; a negative one would climb the loss."
            f" Received: learning_rate={float(value)}"
        )
    return value


def check_fraction(owner: str, **argument: float) -> float:
    """A number from 0 to 1."""
    ((name, value),) = argument.items()
    if not is_number(value) or not 0.0 <= float(value) <= 1.0:
        raise ValueError(f"{owner}: `{name}` must be a number in the range [0, 1]. Received: {name}={value!r}")
    return value


def check_clipping(owner: str, **arguments: float | None) -> None:
    """At most one way to clip, and no negative bound."""
    given = {name: value for name, value in arguments.items() if value is not None}
    if len(given) > 1:
        received = ", ".join(f"{name}={value}" for name, value in arguments.items())
        raise ValueError(
            f"{owner}: only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set. Received: {received}"
        )
    for name, value in given.items():
        if not is_number(value) or not float(value) >= 0.0:
            raise ValueError(f"{owner}: `{name}` must be a number >= 0 or None. Received: {name}={value!r}")


def check_count(owner: str, smallest: int, **argument: int | None) -> int | None:
    """A whole number of at least `smallest`, or None; 0 counts as None, as in Keras."""
    ((name, value),) = argument.items()
    if not value:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < smallest:
        raise ValueError(f"{owner}: `{name}` must be an integer >= {smallest} or None. Received: {name}={value!r}")
    return int(value)


def refuse_unknown(owner: str, given: Iterable[str], known: Iterable[str]) -> None:
    """No keyword argument is ignored: each is refused with the nearest name that exists."""
    renamed = {"lr": "learning_rate"}
    known = list(known)
    for name in given:
        hint = f" Did you mean {renamed[name]!r}?" if name in renamed else suggest(name, known)
        raise ValueError(f"{owner}: argument(s) not recognized: {name!r}.{hint}")
