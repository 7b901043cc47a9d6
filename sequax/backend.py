"""Public namespace `keras.backend`: what scripts still take from there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._lazy import listed
from .config import backend, epsilon, floatx, image_data_format, set_epsilon, set_floatx, set_image_data_format
from .core.dtypes import is_float, is_int, result_type, standardize as standardize_dtype
from .core.names import get_uid
from .core.tensor import is_tensor
from .core.types import DTypeLike
from .utils.session import clear_session


def is_keras_tensor(x: object) -> bool:
    """Whether a value is a symbolic tensor, as `Input` and layers called on one return."""
    return is_tensor(x)


def is_sparse(x: object) -> bool:
    """Whether a value is a sparse array of JAX or SciPy; tensors of Sequax are dense."""
    return type(x).__module__.startswith(("jax.experimental.sparse", "scipy.sparse"))


def is_float_dtype(dtype: DTypeLike) -> bool:
    """Whether a dtype (a name, `float`, a NumPy dtype, ...) is one of floats."""
    return is_float(standardize_dtype(dtype))


def is_int_dtype(dtype: DTypeLike) -> bool:
    """Whether a dtype is one of whole numbers, signed or not; booleans are not."""
    return is_int(standardize_dtype(dtype))


__all__ = [
    "backend", "clear_session", "epsilon", "floatx", "get_uid", "image_data_format", "is_float_dtype", "is_int_dtype",
    "is_keras_tensor", "is_sparse", "result_type", "set_epsilon", "set_floatx", "set_image_data_format",
    "standardize_dtype",
]  # fmt: skip

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
