"""Checks of what optimizers are told. Each refuses early what would become NaN or a silent wrong answer."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, SupportsFloat, TypedDict

import jax
import numpy as np

from ..core.kinds import MAX_SIZE, Kind, Number, Owner, Real, is_whole
from ..core.names import suggest


class Shared(TypedDict, total=False):
    """Keyword arguments that every optimizer takes; `Optimizer` says what they mean."""

    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    loss_scale_factor: float | None
    gradient_accumulation_steps: int | None
    name: str | None


class Common(Shared, total=False):
    """Those of optimizers that do not list `weight_decay` themselves."""

    weight_decay: float | None


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


class Scalar(Real):
    """A number in a range, of Python, NumPy or JAX."""

    def contains(self, value: Any) -> bool:
        return is_number(value) and super().contains(float(value))


class _Rate(Kind):
    """A learning rate; `rates.Rate` says more."""

    expected = "a number, or the config of a schedule"
    attribute = in_config = False

    def fits(self, value: object, cls: type) -> bool:
        return is_number(value) or isinstance(value, Mapping)


class _Count(Kind):
    """A whole number, or None; 0 counts as None, as in Keras."""

    def __init__(self, least: int):
        self.least, self.expected = least, f"an integer >= {least} or None"

    def resolve(self, value: Any, name: str, owner: Owner) -> int | None:
        if not value:
            return None
        if not is_whole(value) or value.__index__() < self.least:
            self.refuse(value, name, owner)
        return value.__index__()

    def fits(self, value: object, cls: type) -> bool:
        return not value or (type(value) is int and self.least <= value <= MAX_SIZE)


RateLike = Annotated[Number | Callable[..., Any] | Mapping[str, Any] | SupportsFloat, _Rate()]
Momentum = Annotated[float, Scalar(0, 1)]
UpToOne = Annotated[float, Scalar(above=0, most=1)]
AtLeastZero = Annotated[float, Scalar(0)]
AtMostZero = Annotated[float, Scalar(most=0)]
Every = Annotated[int | None, _Count(1)]
Rounds = Annotated[int | None, _Count(2)]


def check_clipping(owner: str, **arguments: float | None) -> None:
    """At most one way to clip."""
    if sum(value is not None for value in arguments.values()) > 1:
        received = ", ".join(f"{name}={value}" for name, value in arguments.items())
        raise ValueError(
            f"{owner}: only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set. Received: {received}"
        )


def refuse_unknown(owner: str, given: Iterable[str], known: Iterable[str]) -> None:
    """No keyword argument is ignored: each is refused with the nearest name that exists."""
    renamed = {"lr": "learning_rate"}
    known = list(known)
    for name in given:
        hint = f" Did you mean {renamed[name]!r}?" if name in renamed else suggest(name, known)
        raise ValueError(f"{owner}: argument(s) not recognized: {name!r}.{hint}")
