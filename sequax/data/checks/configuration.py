"""Whether activation, loss and metrics of an output belong together."""

from __future__ import annotations

from collections.abc import Sequence

from .facts import ACCURACIES, BINARY, CATEGORICAL, REGRESSION, SPARSE, UNBOUNDED, OutputFacts
from .findings import warn


def check_configuration(facts: Sequence[OutputFacts], *, stacklevel: int = 2) -> None:
    """Check that each output's activation, loss and metrics belong together; call it before looking at targets.

    Raises:
        ValueError: for outputs that are constant, or losses that are always 0.

    Warns of losses that read unscaled outputs as probabilities, of a second softmax or sigmoid, and of accuracy
    measured on a regression.
    """
    for fact in facts:
        where = "The output" if len(facts) == 1 else f"Output {fact.name!r}"
        _check_single_unit(fact, where)
        _check_probabilities(fact, where, stacklevel + 1)
        accuracies = sorted(ACCURACIES.intersection(fact.metrics))
        if fact.loss in REGRESSION and accuracies:
            warn(
                f"{where} has the regression loss {fact.loss} and the metric {accuracies[0]!r}, which counts exact "
                "matches and stays near 0: use 'mae' or 'r2_score', or a crossentropy loss if these are classes.",
                stacklevel,
            )


def _check_single_unit(fact: OutputFacts, where: str) -> None:
    if fact.units != 1 or len(fact.shape) < 2 or fact.loss is None:
        return
    if fact.activation == "softmax":
        raise ValueError(f"{where} is softmax over 1 unit, which is always 1: use sigmoid with binary_crossentropy.")
    if fact.loss in SPARSE | CATEGORICAL:
        raise ValueError(
            f"{where} has 1 unit, and {fact.loss} over 1 class is always 0: use sigmoid with binary_crossentropy "
            "for two classes, or one unit per class."
        )


def _check_probabilities(fact: OutputFacts, where: str, stacklevel: int) -> None:
    if fact.loss not in SPARSE | CATEGORICAL | BINARY:
        return
    usual = "sigmoid" if fact.loss in BINARY else "softmax"
    if fact.from_logits and fact.activation in ("softmax", "sigmoid"):
        warn(
            f"{where} is {fact.activation}, and {fact.loss} has from_logits=True, so {usual} would be applied on top "
            f"of it: drop from_logits=True, or the {fact.activation}.",
            stacklevel,
        )
    if not fact.from_logits and fact.activation in UNBOUNDED:
        warn(
            f"{where} is {fact.activation}, but {fact.loss} reads it as probabilities: "
            f"pass from_logits=True to the loss, or end the model with {usual}.",
            stacklevel,
        )
