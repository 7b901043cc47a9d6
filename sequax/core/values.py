"""Values that JSON has no form for, as Keras writes them in configs: bytes, slices, `...`, arrays, symbolic tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

ARRAYS = frozenset(("__numpy__", "__tensor__"))
KINDS = ARRAYS | {"__bytes__", "__slice__", "__ellipsis__", "__keras_tensor__"}
_PARTS = ("start", "stop", "step")


def written(value: object, serialize: Callable[[Any], Any]) -> Any:
    """The config of such a value; None for any other one. A class may write its own: `value_config()`.

    Args:
        serialize: makes the configs of what it holds.

    Raises:
        TypeError: for bytes that are no text; configs are texts.
    """
    if isinstance(value, bytes):
        try:
            return _config("__bytes__", value=value.decode())
        except UnicodeDecodeError:
            raise TypeError(
                f"Cannot make a config of bytes that are no UTF-8 text: {value[:20]!r}. Keep a list of numbers."
            ) from None
    if isinstance(value, slice):
        return _config("__slice__", **{part: serialize(getattr(value, part)) for part in _PARTS})
    if value is Ellipsis:
        return _config("__ellipsis__")
    if isinstance(value, type):
        return np.dtype(value).name if issubclass(value, np.generic) else None
    if isinstance(value, np.dtype):
        return value.name
    if hasattr(value, "tolist") and hasattr(value, "dtype"):
        return _array(value)
    return value.value_config() if hasattr(value, "value_config") else None


def _array(value: Any) -> Any:
    """An array with its dtype; a NumPy number is a number."""
    in_numpy = type(value).__module__ == "numpy"
    if in_numpy and not value.ndim:
        return value.item()
    return _config("__numpy__" if in_numpy else "__tensor__", value=value.tolist(), dtype=str(value.dtype))


def _config(kind: str, **config: object) -> dict[str, Any]:
    return {"class_name": kind, "config": config}


def read(kind: str, config: Mapping[str, Any], revive: Callable[[Any], Any]) -> Any:
    """The value of a config that was checked."""
    if kind == "__bytes__":
        return config["value"].encode()
    if kind == "__slice__":
        return slice(*(revive(config[part]) for part in _PARTS))
    if kind == "__ellipsis__":
        return ...
    found = np.array(config["value"], _numpy_dtype(config.get("dtype")))
    if kind == "__numpy__":
        return found
    import jax.numpy as jnp

    return jnp.asarray(found)


def _numpy_dtype(name: str | None) -> str | type | None:
    if name != "bfloat16":
        return name
    import ml_dtypes

    return ml_dtypes.bfloat16
