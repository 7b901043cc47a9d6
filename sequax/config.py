"""Public namespace `keras.config`: settings of the process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax

from ._lazy import listed
from .core import tracebacks
from .core.dtypes import dtype_policy, epsilon, floatx, set_dtype_policy, set_epsilon, set_floatx
from .core.settings import (
    data_checks,
    disable_flash_attention,
    enable_flash_attention,
    image_data_format,
    is_flash_attention_enabled,
    max_epochs,
    max_steps_per_epoch,
    set_data_checks,
    set_image_data_format,
    set_max_epochs,
    set_max_steps_per_epoch,
)
from .core.warning import warn
from .utils.messages import disable_interactive_logging, enable_interactive_logging, is_interactive_logging_enabled

__path__: list[str] = []  # Python asks for a module where a package lacks a name, and `_absent.Finder` answers


def backend() -> str:
    """The engine, always `"jax"`."""
    return "jax"


def set_backend(backend: str) -> None:
    """Accept `backend="jax"`, the one engine, and refuse any other."""
    if backend != "jax":
        raise ValueError(f"Sequax has one engine, 'jax'. Received: backend={backend!r}")


def is_nnx_enabled() -> bool:
    """Whether layers are Flax NNX modules: never, they are plain objects."""
    return False


def enable_unsafe_deserialization() -> None:
    """Changes nothing, and says so: code in a file is never run."""
    warn(
        "enable_unsafe_deserialization: code in a file is never run, so this changes nothing. Pass the functions of"
        " `Lambda` layers to load_model as `custom_objects`."
    )


def enable_traceback_filtering() -> None:
    """Leave the frames of Sequax and JAX out of tracebacks, which is the default: they end at the call of yours.

    An error that Sequax did not raise on purpose is shown whole all the same.
    """
    tracebacks.set_filtering(True)
    jax.config.update("jax_traceback_filtering", "auto")


def disable_traceback_filtering() -> None:
    """Show all frames of a traceback, of Sequax and of JAX; the environment says it by SEQUAX_TRACEBACKS=whole."""
    tracebacks.set_filtering(False)
    jax.config.update("jax_traceback_filtering", "off")


def is_traceback_filtering_enabled() -> bool:
    """Whether the frames of Sequax and JAX are left out of tracebacks."""
    return tracebacks.filtering()


__all__ = [
    "backend", "data_checks", "disable_flash_attention", "disable_interactive_logging", "disable_traceback_filtering",
    "dtype_policy", "enable_flash_attention", "enable_interactive_logging", "enable_traceback_filtering",
    "enable_unsafe_deserialization", "epsilon", "floatx", "image_data_format", "is_flash_attention_enabled",
    "is_interactive_logging_enabled", "is_nnx_enabled", "is_traceback_filtering_enabled", "max_epochs",
    "max_steps_per_epoch", "set_backend", "set_data_checks", "set_dtype_policy", "set_epsilon", "set_floatx",
    "set_image_data_format", "set_max_epochs", "set_max_steps_per_epoch",
]  # fmt: skip

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
