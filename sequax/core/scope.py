"""The scope of `pure.py`: what the variables hold while a pure function runs, and what a call passes down.

Kept apart from `pure.py` so that `Variable` and `Layer` can look into it without knowing who opened it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from .._holding import Holding

if TYPE_CHECKING:
    from .variable import Variable

_frame: ContextVar[Frame | None] = ContextVar("sequax_frame", default=None)
_call: ContextVar[Call | None] = ContextVar("sequax_call", default=None)
_outside: ContextVar[list[Any] | None] = ContextVar("sequax_outside", default=None)
_named: ContextVar[tuple[Any, ...]] = ContextVar("sequax_named", default=())


class Frame:
    """Values of variables inside a pure function: read and assigned here, never on the variables themselves."""

    __slots__ = ("assigned", "known", "losses", "masks", "penalties", "symbolic", "values")

    def __init__(self, variables: list[Any], values: list[Any], strict: bool, outer: Frame | None = None):
        given: dict[int, Any] = {id(v): value for v, value in zip(variables, values, strict=True)}
        self.known: frozenset[int] | None = frozenset(given) if strict else None
        # A pure function inside another one reads what it was not given from there; it cannot assign it.
        self.values: dict[int, Any] = {**outer.values, **given} if outer is not None else given
        self.symbolic: bool = outer is not None and outer.symbolic  # whether only shapes are asked for
        self.assigned: dict[int, Any] = {}  # keeps the variables alive whose ids are in `values`
        self.losses: list[Any] | None = None  # where penalties are collected, if somebody wants them all
        # What the calls inside left behind: id of a model -> penalties of its last call; masks as in `Call`.
        self.penalties: dict[int, list[Any]] = outer.penalties if outer is not None else {}
        self.masks: dict[int, tuple[Any, Any]] = outer.masks if outer is not None else {}

    def mark(self) -> Any:
        """What `rewind` comes back to."""
        return dict(self.values), dict(self.assigned), dict(self.penalties), dict(self.masks), list(self.losses or ())

    def rewind(self, mark: Any) -> None:
        """Forget what has come since a mark; what belongs to an outer frame as well stays the same object."""
        held: tuple[dict[int, Any], ...] = (self.values, self.assigned, self.penalties, self.masks)
        for own, kept in zip(held, mark, strict=False):
            own.clear()
            own.update(kept)
        if self.losses is not None:
            self.losses[:] = mark[4]

    def join(self, *marks: Any) -> None:
        """Two ways through a function have met, which had come to these marks."""

    def note_read(self, variable: Variable) -> None:
        """A variable is read that holds its own value here; for frames that want to know."""

    def assign(self, variable: Variable, value: object) -> None:
        if self.known is not None and id(variable) not in self.known and not _is_asked_for(variable):
            raise ValueError(
                f"Variable {variable.path!r} is assigned inside a compiled call, but the model does not track it, so"
                f" its new value would be lost. Create it in `__init__` or `build` and keep it as an attribute of the"
                f" layer (directly, or in a list or dict)."
            )
        self.assigned[id(variable)] = variable
        self.values[id(variable)] = value


class Call:
    """What the outermost call hands down to the layers inside it."""

    __slots__ = ("autocast", "losses", "masks", "owners", "training")

    def __init__(self) -> None:
        self.training: bool | None = None
        self.autocast: str | None = None  # dtype in which float variables are read
        self.owners: tuple[Any, ...] = _named.get()  # the layers entered, outermost first; their names make paths
        self.masks: dict[int, tuple[Any, Any]] = {}  # id of a tensor -> (the tensor, its mask)
        self.losses: list[Any] = []


def frame() -> Frame | None:
    return _frame.get()


def call() -> Call | None:
    return _call.get()


def owners() -> tuple[Any, ...]:
    """What a variable's path begins with: the scopes of names and the layers entered, outermost first."""
    call = _call.get()
    return _named.get() if call is None else call.owners


@contextmanager
def named(owner: Any) -> Iterator[None]:
    """Put the name of `owner` before the paths of variables made inside."""
    call = _call.get()
    if call is None:
        with Holding(_named, (*_named.get(), owner)):
            yield
    else:
        before, call.owners = call.owners, (*call.owners, owner)
        try:
            yield
        finally:
            call.owners = before


@contextmanager
def beginning_with(*owners: Any) -> Iterator[None]:
    """The paths of variables made inside begin with the names of `owners`, as if nothing were around these."""
    with Holding(_named, owners), fresh_call():
        yield


def asking_for_outside(found: list[Any]) -> Holding[list[Any] | None]:
    """Inside, variables that a frame does not know may be assigned: they are found out, and their new values lost.

    Args:
        found: takes them in.
    """
    return Holding(_outside, found)


def _is_asked_for(variable: Variable) -> bool:
    found = _outside.get()
    if found is not None:
        found.append(variable)
    return found is not None


def framed(frame: Frame | None) -> Holding[Frame | None]:
    """Inside, variables have the values of a frame."""
    return Holding(_frame, frame)


@contextmanager
def calling(owner: Any, training: bool | None = None, autocast: str | None = None) -> Iterator[Call]:
    """Enter a layer: opens the `Call` if it is the outermost one, restores it afterwards."""
    outer = _call.get()
    current = outer if outer is not None else Call()
    token = None if outer is not None else _call.set(current)
    before = current.training, current.autocast, current.owners
    if owner is not None and (not current.owners or current.owners[-1] is not owner):
        current.owners = (*current.owners, owner)
    current.training = training if training is not None else current.training
    current.autocast = autocast
    try:
        yield current
    finally:
        current.training, current.autocast, current.owners = before
        if token is not None:
            _call.reset(token)


@contextmanager
def some_call() -> Iterator[None]:
    """Inside, there is a call: the present one as it is, or a new one."""
    if _call.get() is not None:
        yield
        return
    with calling(None):
        yield


def fresh_call() -> Holding[None]:
    """No outer call: masks, losses and the training flag start over."""
    return Holding(_call, None)
