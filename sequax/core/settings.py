"""Settings of the process that layers read when they are made."""

from __future__ import annotations

_image_data_format = "channels_last"


def image_data_format() -> str:
    """Where the channels of images are, `"channels_last"` unless set: the default of layers made without one."""
    return _image_data_format


def set_image_data_format(data_format: str) -> None:
    global _image_data_format
    if data_format not in ("channels_last", "channels_first"):
        raise ValueError(f"Expected 'channels_last' or 'channels_first'. Received: data_format={data_format!r}")
    _image_data_format = data_format
