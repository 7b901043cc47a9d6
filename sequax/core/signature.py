"""What a layer's `call` and `build` accept, read once per class, and the conversion of call arguments to arrays."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from . import dtypes, masks
from .tensor import KerasTensor
from .types import Tensor
from .variable import Variable


class Signature:
    """The parameters of one `call` method."""

    def __init__(self, function: Callable[..., Any]):
        parameters = list(inspect.signature(function).parameters.values())[1:]  # without self
        kinds = inspect.Parameter
        self.names: list[str] = [
            p.name for p in parameters if p.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD)
        ]
        self.required: list[str] = [
            p.name
            for p in parameters
            if p.default is kinds.empty and p.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD)
        ]
        self.accepts: set[str] = {p.name for p in parameters if p.kind not in (kinds.VAR_POSITIONAL, kinds.VAR_KEYWORD)}
        self.any_positional: bool = any(p.kind is kinds.VAR_POSITIONAL for p in parameters)
        self.any_keyword: bool = any(p.kind is kinds.VAR_KEYWORD for p in parameters)
        self.defaults: dict[str, Any] = {p.name: p.default for p in parameters if p.default is not kinds.empty}

    def named(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Arguments by parameter name; the first of a bare `*args` is the input."""
        names = self.names or (["inputs"] if self.any_positional else [])
        return {**dict(zip(names, args, strict=False)), **kwargs}


@functools.cache
def of(function: Callable[..., Any]) -> Signature:
    return Signature(function)


def convert(value: object, dtype: str | None, layer: str) -> Any:
    """An argument of a layer's call with its arrays as JAX arrays, floats in `dtype` (None: as they are).

    Numeric nested lists count as one array. Symbolic tensors, None and keyword options pass unchanged.
    """
    if isinstance(value, (list, tuple)):
        if value and _is_numeric(value):
            return _cast(dtypes.as_array(np.asarray(value)), dtype)
        return (
            type(value)(*(convert(v, dtype, layer) for v in value))
            if hasattr(value, "_fields")
            else type(value)(convert(v, dtype, layer) for v in value)
        )
    if isinstance(value, dict):
        return {k: convert(v, dtype, layer) for k, v in value.items()}
    if isinstance(value, Variable):
        return _cast(value.value, dtype)
    if isinstance(value, jax.Array):
        return _cast(value, dtype)
    if isinstance(value, (str, bytes, KerasTensor)) or value is None:
        return value
    if isinstance(value, (np.ndarray, np.generic)) or hasattr(value, "__array__"):
        array = np.asarray(value)
        if array.dtype.kind in "OUSMm":
            raise ValueError(
                f"Layer '{layer}' received an array of dtype {array.dtype}; expected numbers. Encode strings and dates"
                f" as numbers first."
            )
        return _cast(dtypes.as_array(array), dtype)
    return value


def is_input(value: object) -> bool:
    """Whether a value may stand as a positional argument of a call: arrays, symbolic tensors, None, nests of them."""
    if isinstance(value, (list, tuple)):
        return all(map(is_input, value))
    if isinstance(value, dict):
        return all(map(is_input, value.values()))
    return value is None or isinstance(value, (jax.Array, KerasTensor, np.ndarray))


def _cast(array: Tensor, dtype: str | None) -> Tensor:
    if dtype is None or array.dtype == dtype or not dtypes.is_float(array.dtype) or not dtypes.is_float(dtype):
        return array
    cast = array.astype(dtypes.jnp_dtype(dtype))
    masks.hand_on(array, cast)
    return cast


def _is_numeric(value: object) -> bool:
    if isinstance(value, (list, tuple)):
        return len(value) > 0 and all(map(_is_numeric, value))
    return isinstance(value, (int, float, np.number)) and not isinstance(value, jax.Array)
