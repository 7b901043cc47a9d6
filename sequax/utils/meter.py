"""`Meter`: steps, seconds and logs of one epoch, one evaluation or one prediction, and how they are written."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

import numpy as np


def format_value(value: Any) -> str:
    """Four decimals; below a thousandth in scientific notation, as Keras writes it.

    >>> format_value(0.43125), format_value(1.2345e-05), format_value(24)
    ('0.4313', '1.2345e-05', '24.0000')
    """
    if isinstance(value, str):
        return value
    number = mean_of(value)
    return f"{number:.4f}" if abs(number) > 1e-3 or not math.isfinite(number) else f"{number:.4e}"


def mean_of(value: Any) -> float:
    """A value of logs as one number: of several their mean."""
    return float(np.mean(value))


def format_logs(logs: Mapping[str, Any]) -> str:
    """`loss: 0.4312 - val_loss: 0.4000`."""
    return " - ".join(f"{name}: {format_value(value)}" for name, value in logs.items() if value is not None)


def format_seconds(seconds: float) -> str:
    """
    >>> [format_seconds(s) for s in (0.43, 12.3, 83, 3700, 90000)]
    ['0.4s', '12s', '1m 23s', '1h 01m', '25h 00m']
    """
    if seconds < 9.95:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes == 0:
        return f"{rest}s"
    return f"{minutes}m {rest:02d}s" if minutes < 60 else f"{minutes // 60}h {minutes % 60:02d}m"


def format_pace(seconds: float, unit: str = "step") -> str:
    """
    >>> format_pace(0.0171), format_pace(2.5), format_pace(0.00042, "batch")
    ('17ms/step', '2.5s/step', '420us/batch')
    """
    if seconds >= 0.9995:
        return f"{seconds:.1f}s/{unit}"
    return f"{seconds * 1e3:.0f}ms/{unit}" if seconds >= 0.9995e-3 else f"{seconds * 1e6:.0f}us/{unit}"


class Meter:
    """Steps, seconds and logs of one epoch, one evaluation or one prediction.

    Seconds that went into compilation count as elapsed but not as work, so that the pace of the first epoch is that of
    the others.

    Args:
        label: what stands at the beginning of its line.
        target: number of steps, if it is known.
        unit: what a step is called.
        epoch: number of the epoch of a `fit`, from 1.
    """

    def __init__(
        self, label: str = "", target: int | None = None, unit: str = "step", epoch: int | None = None
    ) -> None:
        self.label = label
        self.target = target
        self.unit = unit
        self.epoch = epoch
        self.done: int = 0
        self.logs: dict[str, Any] = {}
        self._started = time.perf_counter()
        self._activities: list[tuple[str, float]] = []
        self._work_seconds = 0.0
        self._compile_seconds = 0.0

    def advance(self, done: int, logs: Mapping[str, Any] | None = None) -> None:
        """`done` steps are done, of this meter's whole."""
        if done > self.done:
            self.done = done
            self._work_seconds = max(self.elapsed() - self._compile_seconds, 0.0)
        if logs:
            self.logs = dict(logs)

    def begin(self, activity: str) -> None:
        """Shows `activity` and its seconds in place of the logs, until `end`. One activity may stand within another."""
        self._activities.append((activity, time.perf_counter()))

    def end(self, compiled: bool = False) -> None:
        """The latest activity is over. If it was a compilation, its seconds do not count as work."""
        if self._activities:
            _, started = self._activities.pop()
            self._compile_seconds += time.perf_counter() - started if compiled else 0.0

    def elapsed(self) -> float:
        """Seconds since the start, compilation included."""
        return time.perf_counter() - self._started

    def pace(self) -> float | None:
        """Seconds per step, without compilation and without what came after the last step; None before the first."""
        return self._work_seconds / self.done if self.done else None

    def counts(self) -> str:
        """`12/24`, or `12` where the number of steps is not known."""
        return f"{self.done}/{self.target}" if self.target else f"{self.done}"

    def line(self) -> str:
        """`Epoch 3/10 - 24/24 - 0.4s - 17ms/step - loss: 0.4312`."""
        pace = self.pace()
        parts = [self.label, self.counts(), format_seconds(self.elapsed())]
        parts += ["" if pace is None else format_pace(pace, self.unit), format_logs(self.logs)]
        return " - ".join(part for part in parts if part)

    def running_text(self) -> str:
        """What stands to the right of the bar: times, pace, and the logs or the activity."""
        pace = self.pace()
        parts = [format_seconds(self.elapsed())]
        if pace is not None and self.target and self.done < self.target:
            parts[0] += f"<{format_seconds(pace * (self.target - self.done))}"
        if pace is not None:
            parts.append(format_pace(pace, self.unit))
        activities = self._activities[-1:]  # One reading: this runs in the drawing thread.
        if activities:
            parts.append(f"{activities[0][0]} {format_seconds(time.perf_counter() - activities[0][1])}")
        elif self.logs:
            parts.append(format_logs(self.logs))
        return " - ".join(parts)
