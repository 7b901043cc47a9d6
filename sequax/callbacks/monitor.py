"""What `EarlyStopping` and its kin share: one number of the logs, its direction, and what counts as better."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable
from typing import Annotated, Any, Literal

from ..core.kinds import Kind, Owner
from ..core.warning import warn
from .base import Callback, Logs


class _Mode(Kind):
    """Which values are better; an unknown word warns and is `auto`, as in Keras."""

    def resolve(self, value: object, name: str, owner: Owner) -> str:
        if value in ("auto", "min", "max"):
            return value
        warn(f"{owner} mode '{value}' is unknown: 'auto' is used. There are 'auto', 'min' and 'max'.")
        return "auto"


Mode = Annotated[Literal["auto", "min", "max"], _Mode()]

# Matched against the monitored name without "val_"; a digit suffix ("auc_1") is what a second metric of one name gets.
_HIGHER_IS_BETTER = re.compile(
    r"(.*_)?(acc|accuracy|auc|precision|recall|f1|iou|dice|map|bleu|psnr|ssim"
    r"|(f1|fbeta|r2|f|dice)_score|r2|mean_io_u|io_u|cosine_similarity|pearson_correlation|concordance_correlation"
    r"|true_positives|true_negatives"
    r"|(sensitivity|specificity|precision|recall)_at_(sensitivity|specificity|precision|recall))(_\d+)?",
    re.IGNORECASE,
)
_LOWER_IS_BETTER = re.compile(
    r"(.*_)?(loss|error|mse|mae|rmse|mape|msle|crossentropy|bce|cce|hinge|poisson|logcosh|log_cosh|kl|kld|perplexity|wer|cer"
    r"|(kl|kullback_leibler)_divergence|false_positives|false_negatives)(_\d+)?",
    re.IGNORECASE,
)


def direction(monitor: str) -> str | None:
    """Which values of a metric are better, by its name: "max", "min", or None where the name does not tell.

    >>> direction("val_accuracy"), direction("val_out_loss"), direction("colour")
    ('max', 'min', None)
    """
    name = monitor.removeprefix("val_")
    if _HIGHER_IS_BETTER.fullmatch(name):
        return "max"
    return "min" if _LOWER_IS_BETTER.fullmatch(name) else None


def _operations() -> dict[str, Any]:
    from .. import ops  # comes in when it is wanted

    table: Any = ops
    return {"min": table.less, "max": table.greater}


class MonitorCallback(Callback):
    """Base of the callbacks that follow one metric.

    Args:
        monitor: a name in the logs, for example `"val_loss"`.
        mode: `"min"`, `"max"`, or `"auto"`, which goes by the metric's name.
        best: the value to beat at first, or None.
        min_delta: a change smaller than this is no improvement.

    Attributes:
        monitor_op: `ops.less` or `ops.greater`, once the direction is known; or a function `(new, old) -> bool` of the
            user's, set before training.
    """

    monitor: str
    mode: str

    def __init__(
        self, monitor: str = "val_loss", mode: Mode = "auto", best: float | None = None, min_delta: float = 0
    ) -> None:
        super().__init__()
        self.best = best
        self.min_delta: float = abs(min_delta)
        self.monitor_op: Callable[..., Any] | None = None

    def get_monitor_value(self, logs: Logs | None) -> float | None:
        """The monitored value; None in an epoch that `validation_freq` leaves without validation.

        Raises:
            ValueError: the logs have no such name. (Keras warns, and then never stops.)
        """
        logs = logs or {}
        if self.monitor in logs:
            value: Any = logs[self.monitor]  # of a metric per output, an array, which may have one entry
            return float(value.item() if getattr(value, "size", 0) == 1 else value)
        if self._awaits_validation(logs):
            return None
        raise ValueError(self._missing_message(logs))

    def is_improvement(self, value: float, reference: float | None) -> bool:
        """Whether `value` beats `reference` by more than `min_delta`. NaN beats nothing and anything beats None.

        Keras accepts a NaN in the first epoch as the best value, which no later value can beat.
        """
        if math.isnan(value):
            return False
        if reference is None:
            return True
        mode = self._resolved_mode()
        if mode == "own" and self.monitor_op is not None:
            return bool(self.monitor_op(value - self.min_delta, reference))
        return value - self.min_delta > reference if mode == "max" else value + self.min_delta < reference

    def _resolved_mode(self) -> str:
        """`"min"` or `"max"`, or `"own"` if the user has set `monitor_op`."""
        known = _operations()
        if self.monitor_op is not None:
            return next((mode for mode, operation in known.items() if operation is self.monitor_op), "own")
        mode = direction(self.monitor) if self.mode == "auto" else self.mode
        if mode is None:
            raise ValueError(
                f"{type(self).__name__}(monitor={self.monitor!r}): the name does not tell whether higher or lower is "
                f'better. Pass mode="max" or mode="min".'
            )
        self.monitor_op = known[mode]
        return mode

    def _awaits_validation(self, logs: Logs) -> bool:
        validates_seldom = (self.params or {}).get("validation_freq", 1) != 1
        has_validation = any(name.startswith("val_") for name in logs)
        return validates_seldom and self.monitor.startswith("val_") and not has_validation

    def _missing_message(self, logs: Logs) -> str:
        message = (
            f"{type(self).__name__}(monitor={self.monitor!r}): the logs have no {self.monitor!r}; "
            f"they have: {', '.join(logs) or 'nothing'}."
        )
        twins = [f"val_{name}" for name in logs if not name.startswith("val_") and f"val_{name}" not in logs]
        nearest = difflib.get_close_matches(self.monitor, [*logs, *twins], n=1, cutoff=0.5)
        if nearest and nearest[0] != self.monitor:
            message += f" Did you mean {nearest[0]!r}?"
        if nearest and nearest[0] in twins:
            message += f" {nearest[0]!r} needs validation_data or validation_split in fit()."
        return message
