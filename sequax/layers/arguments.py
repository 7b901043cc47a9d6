"""Constructor arguments that several families of layers share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from ..core import settings
from ..core.kinds import Kind, Owner, Whole, is_whole

Number = float | int
DATA_FORMATS = ("channels_last", "channels_first")


class TimesOf(Whole):
    """How many times something is repeated. Python's habit: another type is a TypeError."""

    def resolve(self, value: Any, name: str, owner: Owner) -> int:
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

    def resolve(self, value: Any, name: str, owner: Owner) -> bool:
        if value:
            raise ValueError(
                f"{owner}: `{name}=True` is not supported; outputs are dense arrays. Received: {name}={value!r}. Leave"
                f" it out."
            )
        return False

    def fits(self, value: Any, cls: type) -> bool:
        return value is None or isinstance(value, (bool, int))


Dense = Annotated[bool, DenseOf()]


def positive_integer(layer: str, name: str, value: Any) -> int:
    """`value` if it is a whole number above zero.

    Raises:
        ValueError: otherwise, naming the layer, the argument and the value.
    """
    if isinstance(value, bool) or not hasattr(value, "__index__") or value.__index__() < 1:
        raise ValueError(
            f"{layer}: received an invalid value for `{name}`, expected a positive integer. Received: {name}={value!r}"
            f" (of type {type(value).__name__})."
        )
    return value.__index__()


def data_format(value: Any) -> str:
    """The layout of images and sequences; None: what `config.set_image_data_format` set, channels last at first."""
    if value is None:
        return settings.image_data_format()
    if value not in DATA_FORMATS:
        raise ValueError(f"`data_format` must be one of {DATA_FORMATS}. Received: data_format={value!r}")
    return value


def axes_list(layer: str, axis: Any) -> list[int]:
    """One axis or several, as a list.

    Raises:
        TypeError: for anything but whole numbers.
    """
    axes = list(axis) if isinstance(axis, Sequence) and not isinstance(axis, str) else [axis]
    if not axes or any(isinstance(a, bool) or not hasattr(a, "__index__") for a in axes):
        raise TypeError(f"{layer}: expected an int or a list/tuple of ints for `axis`. Received: axis={axis!r}")
    return [a.__index__() for a in axes]


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
