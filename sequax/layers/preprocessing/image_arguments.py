"""Kinds of arguments that layers on images take: ranges to draw from, pixel values, ways to fill what a move leaves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeGuard

from ...core.constructor import LayerOptions, UnnamedOptions
from ...core.kinds import Checked, Number, OneOf, Owner, Plain, Whole
from ...kernels import boxes

Range = tuple[Any, Any]


class RangeOf(Checked):
    """The range that a number is drawn from: two numbers, which are sorted, or one.

    One number stands for `(-number, number)` if `low` is negative, otherwise for the range from `low` to it.

    Args:
        low, high: the ends that one number must lie between.
        strict: whether two numbers must lie there, too.
        as_given: whether configs hold what was passed; the layer then asks `ends` for the range.
    """

    low: int
    high: int
    strict: bool
    as_given: bool

    def __init__(self, low: int, high: int, strict: bool = True, as_given: bool = False):
        self.low, self.high, self.strict, self.as_given = low, high, strict, as_given
        self.expected: str = f"a number (or a list of two numbers) in the range [{low}, {high}]"

    def resolve(self, value: object, name: str, owner: Owner) -> Ends:
        checked: Ends = super().resolve(value, name, owner)
        return checked if self.as_given else self.ends(checked)

    def contains(self, value: Any) -> bool:
        pair = is_pair(value)
        values = list(value) if pair else [value]
        if len(values) != (2 if pair else 1) or not all(map(is_finite, values)):
            return False
        return (pair and not self.strict) or all(self.low <= v <= self.high for v in values)

    def ends(self, value: Any) -> Range:
        if is_pair(value):
            return min(value), max(value)
        return (-abs(value), abs(value)) if self.low < 0 else (self.low, value)


class RangeBothWays(RangeOf):
    """From 0 to 1; one number stands for as much below zero. Two numbers may be negative: configs hold such."""

    def __init__(self) -> None:
        super().__init__(0, 1)

    def contains(self, value: object) -> bool:
        return RangeOf(-1, 1).contains(value) if is_pair(value) else super().contains(value)

    def ends(self, value: Any) -> Range:
        low, high = super().ends(value)
        return (low, high) if is_pair(value) else (-high, high)


class BitsOf(RangeOf):
    """From 1 to 8, whole numbers."""

    def __init__(self) -> None:
        super().__init__(1, 8)
        self.expected = "a whole number of bits (or a list of two) in the range [1, 8]"

    def contains(self, value: object) -> bool:
        values = list(value) if is_pair(value) else [value]
        return super().contains(value) and all(not isinstance(v, float) or v.is_integer() for v in values)


class ValueRangeOf(Checked):
    """The least and the greatest value of a pixel."""

    expected = "a list of two different numbers"

    def resolve(self, value: object, name: str, owner: Owner) -> Range:
        low, high = super().resolve(value, name, owner)
        return min(low, high), max(low, high)

    def contains(self, value: object) -> bool:
        return is_pair(value) and len(value) == 2 and all(map(is_finite, value)) and value[0] != value[1]


class FiniteOf(Checked):
    """A finite number, as it came.

    Args:
        least, most: the ends of its range.
        above: a lower end that does not belong to it.
    """

    least: Number
    most: Number
    above: Number

    def __init__(self, least: Number = -math.inf, most: Number = math.inf, above: Number = -math.inf):
        self.least, self.most, self.above = least, most, above
        within = f" between {least:g} and {most:g}" if most < math.inf else ""
        self.expected: str = f"a number{within or (f' above {above:g}' if above > -math.inf else '')}"

    def contains(self, value: object) -> bool:
        return is_finite(value) and self.least <= value <= self.most and value > self.above


class ColorOf(FiniteOf):
    """A number, or one for each channel."""

    def __init__(self) -> None:
        super().__init__()
        self.expected = "a number, or a list of one for each channel"

    def contains(self, value: object) -> bool:
        return all(map(super().contains, value if isinstance(value, (tuple, list)) else [value]))


class KnownOf(OneOf):
    """One of some ways to do it; another one is a NotImplementedError, as in Keras."""

    def resolve(self, value: object, name: str, owner: Owner) -> object:
        try:
            return super().resolve(value, name, owner)
        except ValueError as error:
            raise NotImplementedError(str(error)) from None


class BoxFormatOf(Checked):
    """What the four numbers of a box mean."""

    expected: str = f"one of {boxes.FORMATS} or None"

    def contains(self, value: object) -> bool:
        return value is None or str(value).lower() in boxes.FORMATS


def is_pair(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, Sequence) and not isinstance(value, str)


def is_finite(value: Any) -> TypeGuard[float]:
    return not isinstance(value, (bool, str)) and hasattr(value, "__float__") and math.isfinite(float(value))


Ends = Number | Sequence[Number]
Share = Annotated[Ends, RangeOf(0, 1)]
LooseShare = Annotated[Ends, RangeOf(0, 1, strict=False)]  # two numbers may lie beyond, as in Keras
GivenShare = Annotated[Ends, RangeOf(0, 1, strict=False, as_given=True)]
Change = Annotated[Ends, RangeOf(-1, 1, strict=False)]
GivenChange = Annotated[Ends, RangeOf(-1, 1, strict=False, as_given=True)]
MOVE = RangeOf(-1, 1, as_given=True)
GivenMove = Annotated[Ends, MOVE]
Shear = Annotated[Ends, RangeBothWays()]
Bits = Annotated[Ends, BitsOf()]
ValueRange = Annotated[Sequence[Number], ValueRangeOf()]
Finite = Annotated[Number, FiniteOf()]
Probability = Annotated[Number, FiniteOf(0, 1)]
AboveZero = Annotated[Number, FiniteOf(above=0)]
Color = Annotated[Number | Sequence[Number], ColorOf()]
Steps = Annotated[int, Whole(1, most=1 << 10)]
Interpolation = Annotated[Literal["nearest", "bilinear"], KnownOf("nearest", "bilinear")]
FillMode = Annotated[
    Literal["reflect", "wrap", "constant", "nearest"], KnownOf("reflect", "wrap", "constant", "nearest")
]
BoxFormat = Annotated[str | None, BoxFormatOf()]
HiddenSeed = Annotated[int | None, Plain("a whole number", int, refused=(bool,), in_config=False)]  # as in Keras


class BoxOptions(LayerOptions, total=False):
    """Keyword arguments of layers on images that list `data_format` themselves."""

    bounding_box_format: BoxFormat


class UnnamedBoxOptions(UnnamedOptions, total=False):
    """Those of layers that list `name` and `data_format` themselves."""

    bounding_box_format: BoxFormat


class ImageOptions(BoxOptions, total=False):
    """Those of layers that do not."""

    data_format: Literal["channels_last", "channels_first"] | None
