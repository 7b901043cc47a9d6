"""Whether activation, loss and metrics of an output belong together."""

from __future__ import annotations

from collections.abc import Sequence

from ...core.warning import warn
from .schema import ACCURACIES, BINARY, CATEGORICAL, REGRESSION, SPARSE, UNBOUNDED, OutputSchema


def check_configuration(schemas: Sequence[OutputSchema]) -> None:
    """Check that each output's activation, loss and metrics belong together; call it before looking at targets.

    Raises:
        ValueError: for outputs that are constant, or losses that are always 0.

    Warns of losses that read unscaled outputs as probabilities, of a second softmax or sigmoid, and of accuracy
    measured on a regression.
    """
    for schema in schemas:
        where = "The output" if len(schemas) == 1 else f"Output {schema.name!r}"
        _check_single_unit(schema, where)
        _check_probabilities(schema, where)
        accuracies = sorted(ACCURACIES.intersection(schema.metrics))
        if schema.loss in REGRESSION and accuracies:
            warn(
                f"{where} has the regression loss {schema.loss} and the metric {accuracies[0]!r}, which counts exact "
                "matches and stays near 0: use 'mae' or 'r2_score', or a crossentropy loss if these are classes."
            )


def _check_single_unit(schema: OutputSchema, where: str) -> None:
    if schema.units != 1 or len(schema.shape) < 2 or schema.loss is None:
        return
    if schema.activation == "softmax" and schema.loss in REGRESSION:
        warn(f"{where} is softmax over 1 unit, which is always 1: nothing can be learned. Leave the softmax out.")
    elif schema.activation == "softmax":
        raise ValueError(f"{where} is softmax over 1 unit, which is always 1: use sigmoid with binary_crossentropy.")
    if schema.loss in SPARSE | CATEGORICAL:
        raise ValueError(
            f"{where} has 1 unit, and {schema.loss} over 1 class is always 0: use sigmoid with binary_crossentropy "
            "for two classes, or one unit per class."
        )


def _check_probabilities(schema: OutputSchema, where: str) -> None:
    if schema.loss not in SPARSE | CATEGORICAL | BINARY:
        return
    usual = "sigmoid" if schema.loss in BINARY else "softmax"
    if schema.from_logits and schema.activation in ("softmax", "sigmoid"):
        warn(
            f"{where} is {schema.activation}, and {schema.loss} has from_logits=True, so {usual} would be applied on "
            f"top of it: drop from_logits=True, or the {schema.activation}."
        )
    if not schema.from_logits and schema.activation in UNBOUNDED:
        warn(
            f"{where} is {schema.activation}, but {schema.loss} reads it as probabilities: "
            f"pass from_logits=True to the loss, or end the model with {usual}."
        )
