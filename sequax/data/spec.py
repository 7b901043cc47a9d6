"""What a model says about its data: all that this folder knows of it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

from .checks import InputSchema, OutputSchema


class Overrides(NamedTuple):
    """What of training, evaluation and prediction is the user's own."""

    train: bool = False
    test: bool = False
    predict: bool = False
    inputs: bool = False  # the step is, so x need not be what the model is called with
    targets: bool = False  # the loss is, so y need not match the outputs


class Form(NamedTuple):
    """What was found out for the first batch of a form, and counts for all that have it.

    Fields:
        inputs, outputs: what arrays are compared with, in order.
        losses: that were matched with its targets.
        plain: whether its arrays are taken as they are given.
    """

    inputs: Any
    outputs: list[OutputSchema]
    losses: Any
    plain: bool


class DataSpec(NamedTuple):
    """What a model says about its data, asked again each time: the first data may build it, `compile` may be called.

    Fields:
        model: its symbolic inputs and outputs, and what builds it and matches its losses with targets.
        own: what the user has written.
        inputs, outputs: what arrays are compared with, in order.
        multiplied_by: the names of the layers that multiply inputs as they are, in order.
        takes_sizes: `(arrays) -> bool`, whether the layers take inputs of sizes other than those they were built for.
        output_shapes: `(x) -> shapes`, for inputs of such sizes.
        counting: `(x, targets, weights) -> targets`, without entries that no loss counts.
        build: `(x, rows, always)` makes the weights by calling the model.
        forms: what is known, as long as the model stays the same, by what arrays have in common that are read alike.
    """

    model: Any
    own: Callable[[], Overrides]
    inputs: Callable[[], list[InputSchema]]
    outputs: Callable[[], list[OutputSchema]]
    multiplied_by: Callable[[], list[str | None]]
    takes_sizes: Callable[[list[Any]], bool]
    output_shapes: Callable[[Any], list[tuple[Any, ...]]]
    counting: Callable[[Any, Sequence[Any], Sequence[Any]], list[Any]]
    build: Callable[[Any, int, bool], None]
    forms: dict[Hashable, Form]
