"""Who hears that a variable is read: open tapes, which watch it, and functions that are about to be compiled.

Nothing of this stands in `Variable` itself: the first tape or `tf.function` of a process puts it there, and
`sequax.compat.uninstall` takes it away.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np

from ...core import scope
from ...core.variable import Variable
from ..patching import is_put, put
from .recording import open_notes, unrecorded


class Tracing(Protocol):
    """A function that is being traced."""

    def adopt(self, variable: Variable) -> jax.Array:
        """The value that the variable holds in the function."""
        ...


tracing: ContextVar[Tracing | None] = ContextVar("sequax_tracing", default=None)


def follow() -> None:
    """From here on, reads are heard of."""
    if not is_put(Variable, "value"):
        plain_value, plain_numpy = Variable.value.fget, Variable.numpy  # type: ignore[attr-defined]

        def value(self: Variable) -> jax.Array:
            _heard(self)
            return plain_value(self)

        def numpy(self: Variable) -> np.ndarray:
            _taken_in(self)
            return plain_numpy(self)

        put(Variable, "value", property(value, doc=Variable.value.__doc__))
        put(Variable, "numpy", numpy)


def _heard(variable: Variable) -> None:
    _taken_in(variable)
    notes = open_notes()
    if notes:
        frame = scope.frame()
        for tape in notes:
            # A pure function inside a tape holds values of its own, which are none of the tape's business.
            if tape.frame is frame and tape.watches_reads and variable.trainable and not tape.paused:  # type: ignore[attr-defined]
                tape.see(variable)  # type: ignore[attr-defined]


def _taken_in(variable: Variable) -> None:
    function = tracing.get()
    if function is not None:
        frame = scope.frame()
        if frame is not None and id(variable) not in frame.values:
            frame.values[id(variable)] = function.adopt(variable)


def held(variable: Variable) -> jax.Array:
    """What a variable holds, in no other dtype than its own."""
    frame = scope.frame()
    found = None if frame is None else frame.values.get(id(variable))
    return variable.stored if found is None else found


def apart(variable: Variable) -> jax.Array:
    """Let a variable hold a copy of its array, which another one may hold as well."""
    with unrecorded():  # no computation, but another name for the variable
        copy = jnp.array(held(variable), copy=True)
    frame = scope.frame()
    if frame is not None:
        frame.values[id(variable)] = copy
    else:
        variable.restore(copy)
    return copy
