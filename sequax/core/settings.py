"""Settings of the process: what layers read when they are made, limits for trial runs, checks of values."""

from __future__ import annotations

import os

from . import tracking
from .warning import warn

_image_data_format = "channels_last"


def image_data_format() -> str:
    """Where the channels of images are, `"channels_last"` unless set: the default of layers made without one."""
    return _image_data_format


def set_image_data_format(data_format: str) -> None:
    """Make `data_format`, `"channels_last"` or `"channels_first"`, that of layers made from now on without one."""
    global _image_data_format
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(f"Expected 'channels_last' or 'channels_first'. Received: data_format={data_format!r}")
    _image_data_format = data_format


# --- limits for trial runs ------------------------------------------------------------------------------------------


def _limit(name: str, value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{name}: expected a whole number above 0, or None for no limit. Received: {value!r}")
    return value


def _from_environment(variable: str) -> int | None:
    text = os.environ.get(variable)
    return None if not text else _limit(variable, int(text) if text.strip().isdigit() else text)


_max_epochs = _from_environment("KERAS_MAX_EPOCHS")
_max_steps_per_epoch = _from_environment("KERAS_MAX_STEPS_PER_EPOCH")


def max_epochs() -> int | None:
    """The most epochs that `fit` trains, whatever it is told; None: no limit."""
    return _max_epochs


def set_max_epochs(max_epochs: int | None) -> None:
    """Let `fit` train this many epochs at most, to try a script out; also by KERAS_MAX_EPOCHS in the environment.

    Args:
        max_epochs: at most so many per `fit`; None: no limit.
    """
    global _max_epochs
    _max_epochs = _limit("set_max_epochs", max_epochs)


def max_steps_per_epoch() -> int | None:
    """The most batches in an epoch of `fit`, and in `evaluate` and `predict`; None: no limit."""
    return _max_steps_per_epoch


def set_max_steps_per_epoch(max_steps_per_epoch: int | None) -> None:
    """Let `fit`, `evaluate` and `predict` take this many batches at most; also by KERAS_MAX_STEPS_PER_EPOCH.

    Args:
        max_steps_per_epoch: at most so many; None: no limit.
    """
    global _max_steps_per_epoch
    _max_steps_per_epoch = _limit("set_max_steps_per_epoch", max_steps_per_epoch)


def limited_epochs(epochs: int) -> int:
    """`epochs`, or the limit where that is less."""
    if _max_epochs is None or not isinstance(epochs, int) or epochs <= _max_epochs:
        return epochs
    warn(f"Limiting epochs to {_max_epochs}, as set by set_max_epochs.")
    return _max_epochs


def limited_steps(steps: int | None, batches: int | None) -> int | None:
    """`steps` of data that make `batches` (None: unknown), or the limit where that is less."""
    asked = steps or batches
    if _max_steps_per_epoch is None or (asked is not None and asked <= _max_steps_per_epoch):
        return steps
    warn(f"Limiting the steps to {_max_steps_per_epoch}, as set by set_max_steps_per_epoch.")
    return _max_steps_per_epoch


_flash_attention: bool | None = None


def enable_flash_attention() -> None:
    """Ask for flash attention where an engine has it. On CPUs JAX has none, and attention is computed as always."""
    global _flash_attention
    _flash_attention = True


def disable_flash_attention() -> None:
    """Ask for attention without flash attention."""
    global _flash_attention
    _flash_attention = False


def is_flash_attention_enabled() -> bool | None:
    """What was asked for: True, False, or None where nobody said."""
    return _flash_attention


# --- checks of values -----------------------------------------------------------------------------------------------

_data_checks = os.environ.get("SEQUAX_CHECKS", "on").lower() not in ("off", "0", "false", "no")


def data_checks() -> bool:
    """Whether values are checked (default: yes, unless the environment says SEQUAX_CHECKS=off)."""
    return _data_checks


def set_data_checks(value: bool) -> None:
    """Turn checks of values on or off for the whole process; checks of shapes and arguments stay on.

    Args:
        value: whether values of data are checked.
    """
    global _data_checks
    _data_checks = bool(value)
    tracking.note_change()  # programs look up rows in another way
