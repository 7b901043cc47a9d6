"""Inputs, targets and sample weights as one tuple, in Keras' form."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """Inputs, targets and weights as a tuple; `x` alone stays as it is, unless it is a list or tuple itself.

    Args:
        x: inputs.
        y: targets, or None.
        sample_weight: a weight per row, or None.

    >>> pack_x_y_sample_weight(1, 2), pack_x_y_sample_weight(1)
    ((1, 2), 1)
    """
    if y is None:
        return (x,) if isinstance(x, (list, tuple)) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


def unpack_x_y_sample_weight(data: object) -> tuple[Any, Any, Any]:
    """`(x, y, sample_weight)` of `x`, `(x,)`, `(x, y)` or `(x, y, sample_weight)`, None for what is missing.

    Args:
        data: any of these.

    Raises:
        ValueError: for a tuple or list of another length.
    """
    parts = data if isinstance(data, (tuple, list)) else (data,)
    if not 1 <= len(parts) <= 3:
        raise ValueError(
            f"Data is expected to be in format `x`, `(x,)`, `(x, y)`, or `(x, y, sample_weight)`. Received a"
            f" {type(data).__name__} of {len(parts)} parts."
        )
    x, y, weight = (*parts, None, None, None)[:3]
    return x, y, weight


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class AsGiven:
    """A batch for a step that the user wrote, which is not inputs, targets and weights with a row per sample.

    Args:
        data: what the step gets: of more than three parts, or of parts with unequal numbers of rows.
        packed: whether each array is one row, which is the whole of it.
    """

    data: Any
    packed: bool = dataclasses.field(default=False, metadata={"static": True})

    def pack(self) -> AsGiven:
        """The same as one row."""
        return AsGiven(jax.tree.map(lambda array: array[None], self.data), True)

    def for_step(self) -> Any:
        """What the step gets."""
        return jax.tree.map(lambda array: array[0], self.data) if self.packed else self.data
