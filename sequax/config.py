"""Public namespace `keras.config`: settings of the process."""

from __future__ import annotations

from .core.dtypes import dtype_policy, epsilon, floatx, set_dtype_policy, set_epsilon, set_floatx
from .core.settings import image_data_format, set_image_data_format
from .data.checks import enabled as data_checks
from .data.checks import set_enabled as set_data_checks


def backend() -> str:
    """The engine, always `"jax"`."""
    return "jax"


def set_backend(backend: str) -> None:
    if backend != "jax":
        raise ValueError(f"Sequax has one engine, 'jax'. Received: backend={backend!r}")


__all__ = [
    "backend",
    "data_checks",
    "dtype_policy",
    "epsilon",
    "floatx",
    "image_data_format",
    "set_backend",
    "set_data_checks",
    "set_dtype_policy",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
]
