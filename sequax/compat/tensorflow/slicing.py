"""`v[0].assign(x)`: a part of a `tf.Variable` is a plain array, which knows whose part it is."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from ...core.variable import Variable

_parts: dict[int, tuple[Any, Any, Any]] = {}  # by id of the array: a weak reference to it, the variable, the key


def part(variable: Any, key: Any) -> Any:
    """`variable[key]`, to which something may be assigned."""
    array = variable.value[key]
    number = id(array)
    _parts[number] = weakref.ref(array, lambda gone: _forget(number, gone)), variable, key
    return array


def _forget(number: int, gone: Any) -> None:
    if number in _parts and _parts[number][0] is gone:
        del _parts[number]


def _assign(self: Any) -> Callable[..., Any]:
    found, variable, key = _parts.get(id(self), (None, None, None))
    if found is None or found() is not self:
        raise AttributeError(
            "assign: this tensor is no variable, nor a part `v[...]` of a `tf.Variable`, and cannot be assigned to."
        )

    def assign(value: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True) -> Any:
        value = value.value if isinstance(value, Variable) else value
        return variable.assign(variable.value.at[key].set(jnp.asarray(value, variable.value.dtype)))

    return assign


ASSIGN = property(_assign)
