"""Tracebacks that show the user's code: what lies between a public call and the error is left out of them.

An error that nobody here raised on purpose is shown whole, since it may be a fault of ours, and then the place matters.
"""

from __future__ import annotations

import dis
import functools
import os
import re
import sysconfig
from collections.abc import Callable
from pathlib import Path
from types import CodeType, TracebackType
from typing import ParamSpec, TypeVar

import jax

from .. import _removed
from . import names, peers

P = ParamSpec("P")
R = TypeVar("R")

_PACKAGE = str(Path(__file__).parent.parent) + os.sep
_STANDARD = sysconfig.get_paths()["stdlib"] + os.sep
_INSTALLED = tuple(f"{folder}{os.sep}" for folder in ("site-packages", "dist-packages"))
_ENGINE = tuple(f"{folder}{name}{os.sep}" for folder in _INSTALLED for name in ("jax", "jaxlib", "optax"))
_RAISES = {dis.opmap[name] for name in ("RAISE_VARARGS", "RERAISE") if name in dis.opmap}

SHOWN = (Exception, KeyboardInterrupt)

# Whether tracebacks are cut; a list, which `config` changes.
_filtering = [os.environ.get("SEQUAX_TRACEBACKS", "").lower() not in ("whole", "full", "all")]


def filtering() -> bool:
    """Whether frames of Sequax and JAX are left out of tracebacks."""
    return _filtering[0]


def set_filtering(on: bool) -> None:
    _filtering[0] = on


def public(method: Callable[P, R]) -> Callable[P, R]:
    """A method that users call: its errors are shown as if it had raised them itself."""

    @functools.wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(*args, **kwargs)
        except SHOWN as error:
            __tracebackhide__ = True  # of IPython and pytest: this frame says nothing
            _name_nearest(error, method)
            cut(error)
            raise

    return call


def _name_nearest(error: BaseException, method: Callable[..., object]) -> None:
    """Add the nearest argument of a method to Python's own error on one that it does not have."""
    unmet = error.__traceback__ is not None and error.__traceback__.tb_next is None  # the body did not begin
    _removed.advise(error)
    code: CodeType | None = getattr(method, "__code__", None)
    if code is None or not unmet or not isinstance(error, TypeError) or hasattr(error, "__notes__"):
        return
    if found := re.search(r"unexpected keyword argument '(\w+)'", str(error)):
        known = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        near = names.suggest(found[1], known).strip()
        if near:
            error.add_note(near)


_NO_VALUES = (
    "Functions of a model (`call`, losses, metrics) are compiled: they see arrays whose values are not known yet. Use"
    " `ops` or `jax.numpy` in place of NumPy, and `ops.where` or `ops.cond` in place of `if`. Losses and metrics that"
    " cannot do without the values work under `compile(run_eagerly=True)`."
)


def _explain_tracing(error: BaseException) -> None:
    """Add to JAX's error on a value that is asked for while a program is made what to do about it."""
    kinds = jax.errors.ConcretizationTypeError, jax.errors.TracerArrayConversionError
    if isinstance(error, kinds) and _NO_VALUES not in getattr(error, "__notes__", ()):
        error.add_note(_NO_VALUES)


def cut(error: BaseException) -> None:
    """Leave out of a traceback, which begins in a public call, the frames behind that call that are not the user's.

    For the methods of which every microsecond counts, which have no `public` around them.

    Raises:
        PeerLost: in place of an error that means the end of another process of the run.
    """
    lost = peers.loss(error)
    if lost is not None:
        raise lost from None
    _removed.advise(error)
    _explain_tracing(error)
    head = error.__traceback__
    if head is None or head.tb_next is None or not _filtering[0]:
        return
    entries = _entries(head.tb_next)
    kept = [entry for entry in entries if not _is_inside(entry)]
    # Nothing is learned from where an interrupt came, and another public call inside of this one has looked already.
    known = isinstance(error, KeyboardInterrupt) or getattr(error, "cut_by_sequax", False)
    if known or _is_on_purpose(entries[-1]):
        head.tb_next = _chain(kept)
        _cut_causes(error)
    elif kept and not _is_ours(entries[-1]):  # of JAX, or of the user's own code
        head.tb_next = _chain(kept)
    else:
        return
    error.cut_by_sequax = True  # type: ignore[attr-defined]


def _cut_causes(error: BaseException) -> None:
    """The same for the errors that led to this one."""
    seen = {id(error)}
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        entries = _entries(cause.__traceback__)
        kept = [entry for entry in entries if not _is_inside(entry)]
        cause.__traceback__ = _chain(kept or entries[-1:])
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)


def _entries(traceback: TracebackType | None) -> list[TracebackType]:
    found = []
    while traceback is not None:
        found.append(traceback)
        traceback = traceback.tb_next
    return found


def _chain(entries: list[TracebackType]) -> TracebackType | None:
    following = None
    for entry in reversed(entries):
        following = TracebackType(following, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return following


def _is_ours(entry: TracebackType) -> bool:
    return entry.tb_frame.f_code.co_filename.startswith(_PACKAGE)


def _is_inside(entry: TracebackType) -> bool:
    """Whether a frame is ours, or of what we stand on: the engine and the standard library."""
    name = entry.tb_frame.f_code.co_filename
    standard = name.startswith((_STANDARD, "<frozen")) and not any(folder in name for folder in _INSTALLED)
    return name.startswith(_PACKAGE) or standard or any(part in name for part in _ENGINE)


def _is_on_purpose(entry: TracebackType) -> bool:
    """Whether the error was raised by a `raise` of ours."""
    return _is_ours(entry) and entry.tb_frame.f_code.co_code[entry.tb_lasti] in _RAISES
