"""Where the channels stand: ops compute with channels last and turn their arrays round for the other layout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from ..core import settings
from ..core.types import ArrayLike

LAYOUTS = ("channels_first", "channels_last")


def channels_first(data_format: str | None) -> bool:
    """Whether the channels follow the batch; None: as `config.image_data_format()` says.

    Raises:
        ValueError: for an unknown name.
    """
    if data_format is None:
        data_format = settings.image_data_format()
    if data_format not in LAYOUTS:
        raise ValueError(f"`data_format` must be one of {LAYOUTS} or None. Received: data_format={data_format!r}")
    return data_format == LAYOUTS[0]


def channels_last(function: Callable[..., Any], x: jax.Array, data_format: str | None, axis: int = 1) -> jax.Array:
    """`function(x)`, which takes and gives arrays with the channels last, for `x` of this layout.

    Args:
        axis: of the channels where they are not last.
    """
    if not channels_first(data_format):
        return function(x)
    return jnp.moveaxis(function(jnp.moveaxis(x, axis, -1)), -1, axis)


def same_float(x: ArrayLike, *others: ArrayLike) -> tuple[jax.Array, ...]:
    """Arrays in the dtype that they promote to together."""
    return tuple(jnp.asarray(a, jnp.result_type(x, *others)) for a in (x, *others))
