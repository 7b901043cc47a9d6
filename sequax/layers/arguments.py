"""Constructor arguments that several families of layers share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from ..core.kinds import Kind, Owner, Whole, is_whole


class TimesOf(Whole):
    """How many times something is repeated. Python's habit: another type is a TypeError."""

    def resolve(self, value: object, name: str, owner: Owner) -> int:
        if not is_whole(value):
            raise TypeError(
                f"{owner}: Expected an integer value for `{name}`. Received: {name}={value!r} (of type"
                f" {type(value).__name__})."
            )
        if value.__index__() < self.least:
            raise ValueError(f"{owner}: `{name}` should be a positive integer. Received: {name}={value!r}")
        return value.__index__()


Times = Annotated[int, TimesOf(1)]


class DenseOf(Kind):
    """Whether outputs are sparse or ragged, as those of TensorFlow may be: False only."""

    expected = "false: outputs are dense arrays"

    def resolve(self, value: object, name: str, owner: Owner) -> bool:
        if value:
            raise ValueError(
                f"{owner}: `{name}=True` is not supported; outputs are dense arrays. Received: {name}={value!r}. Leave"
                f" it out."
            )
        return False

    def fits(self, value: object, cls: type) -> bool:
        return value is None or isinstance(value, (bool, int))


Dense = Annotated[bool, DenseOf()]


def resolve_axes(layer: str, axes: int | Sequence[int], rank: int) -> tuple[int, ...]:
    """One axis or several, counted from the front.

    Raises:
        ValueError: if one lies outside of the rank.
    """
    axes = [axes] if isinstance(axes, int) else axes
    wrong = [a for a in axes if not -rank <= a < rank]
    if wrong:
        raise ValueError(f"Layer '{layer}': axis {wrong[0]} does not exist in an input of {rank} dimensions.")
    return tuple(a % rank for a in axes)
