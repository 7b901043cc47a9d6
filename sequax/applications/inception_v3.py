"""InceptionV3: blocks of branches with convolutions of several shapes, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .._lazy import listed
from ..core.kinds import CausalPadding
from ..core.tensor import KerasTensor
from ..layers import Activation, AveragePooling2D, Concatenate, Conv2D, MaxPooling2D
from .common import Network, channel_axis, classifier, network, normalized
from .imagenet_utils import Preprocessing, decode_predictions, preprocessing

__all__ = ["InceptionV3", "decode_predictions", "preprocess_input"]

ABOUT = "Szegedy, Vanhoucke, Ioffe, Shlens and Wojna 2016, Rethinking the Inception architecture for computer vision."


class Conv(NamedTuple):
    """A convolution with normalization and ReLU; one with `shrinks` has no padding, and `strides`."""

    filters: int
    kernel: int | tuple[int, int] = 1
    strides: int = 1
    shrinks: bool = False

    def __call__(self, x: KerasTensor, name: str | None = None) -> KerasTensor:
        kernel = (self.kernel, self.kernel) if isinstance(self.kernel, int) else self.kernel
        padding: CausalPadding = "valid" if self.shrinks else "same"
        x = Conv2D(self.filters, kernel, strides=self.strides, padding=padding, use_bias=False, name=name)(x)
        x = normalized(x, name and f"{name}_bn", scale=False)
        return Activation("relu", name=name and f"{name}_ac")(x)


class Mean:
    """The mean of the places around each."""

    def __call__(self, x: KerasTensor) -> KerasTensor:
        return AveragePooling2D(3, strides=1, padding="same")(x)


class Halving:
    """The maximum of the places around every other one."""

    def __call__(self, x: KerasTensor) -> KerasTensor:
        return MaxPooling2D(3, strides=2)(x)


class Fork(NamedTuple):
    """Two convolutions of the same, joined."""

    one: Conv
    other: Conv
    name: str | None = None

    def __call__(self, x: KerasTensor) -> KerasTensor:
        return joined(x, ((self.one,), (self.other,)), self.name)


Step = Conv | Mean | Halving | Fork
Branches = tuple[tuple[Step, ...], ...]


def joined(x: KerasTensor, branches: Branches, name: str | None) -> KerasTensor:
    """The outputs of all branches, one behind the other along the channels."""
    ends = []
    for branch in branches:
        end = x
        for step in branch:
            end = step(end)
        ends.append(end)
    return Concatenate(axis=channel_axis(), name=name)(ends)


def stem(x: KerasTensor) -> KerasTensor:
    first = Conv(32, 3, 2, True), Conv(32, 3, 1, True), Conv(64, 3), Halving()
    for step in (*first, Conv(80, 1, 1, True), Conv(192, 3, 1, True), Halving()):
        x = step(x)
    return x


def _fine(pool: int) -> Branches:
    return (Conv(64),), (Conv(48), Conv(64, 5)), (Conv(64), Conv(96, 3), Conv(96, 3)), (Mean(), Conv(pool))


def _wide(inner: int) -> Branches:
    row, column = (1, 7), (7, 1)
    twice = Conv(inner), Conv(inner, column), Conv(inner, row), Conv(inner, column), Conv(192, row)
    return (Conv(192),), (Conv(inner), Conv(inner, row), Conv(192, column)), twice, (Mean(), Conv(192))


def _last(number: int) -> Branches:
    row, column = Conv(384, (1, 3)), Conv(384, (3, 1))
    forked = Conv(384), Fork(row, column, f"mixed9_{number}")
    return (Conv(320),), forked, (Conv(448), Conv(384, 3), Fork(row, column)), (Mean(), Conv(192))


_WIDE_HALVING = Conv(192), Conv(192, (1, 7)), Conv(192, (7, 1)), Conv(192, 3, 2, True)
_MIXED: tuple[Branches, ...] = (
    *map(_fine, (32, 64, 64)),
    ((Conv(384, 3, 2, True),), (Conv(64), Conv(96, 3), Conv(96, 3, 2, True)), (Halving(),)),
    *map(_wide, (128, 160, 160, 192)),
    ((Conv(192), Conv(320, 3, 2, True)), _WIDE_HALVING, (Halving(),)),
    *map(_last, (0, 1)),
)


def blocks(x: KerasTensor) -> KerasTensor:
    x = stem(x)
    for number, branches in enumerate(_MIXED):
        x = joined(x, branches, f"mixed{number}")
    return x


InceptionV3: Network = network(
    "InceptionV3", __name__, ABOUT, blocks, classifier, size=299, least=75, key="inception_v3"
)
preprocess_input: Preprocessing = preprocessing("tf", __name__)

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
