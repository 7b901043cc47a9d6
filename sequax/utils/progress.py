"""The progress display: a live bar on a terminal, curves in a notebook, one plain line per epoch elsewhere.

`Meter` counts steps and seconds and writes the text. A display shows a meter: `LineDisplay` prints one line when it is
done, `BarDisplay` also draws a bar meanwhile, with rich, which is imported by the first bar drawn. Every finished epoch
leaves the same line on a terminal and in a file, without control characters, so that a log can be read and compared.
`NotebookDisplay` redraws one area instead, and leaves that.
"""

from __future__ import annotations

import errno
import os
import sys
import weakref
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .messages import announce, is_interactive_logging_enabled
from .meter import (
    Meter as Meter,
    format_logs as format_logs,
    format_pace as format_pace,
    format_seconds as format_seconds,
    format_value as format_value,
)
from .notebook import NotebookDisplay, in_notebook
from .terminal import can_print, printable

if TYPE_CHECKING:
    from rich.console import OverflowMethod, RenderableType

REFRESH_SECONDS = 0.1


class LineDisplay:
    """Prints one line when a meter is done: for files, pipes and `verbose=2`."""

    live = False
    interval = REFRESH_SECONDS

    def show(self, meter: Meter) -> None:
        """`meter` is the one at work from now on."""

    def finish(self, meter: Meter) -> None:
        """Prints the meter's line."""
        announce(meter.line())

    def check(self) -> None:
        """Printing has raised its errors itself."""

    def close(self) -> None:
        """Nothing to give back."""


class BarDisplay:
    """Draws the meter at work as one live line, and prints a plain line above it for each finished one."""

    live = True

    def __init__(self, width: int = 20, interval: float = REFRESH_SECONDS) -> None:
        self._width = width
        self.interval: float = max(interval, 0.02)
        self._close: Callable[[], Any] | None = None
        self._shown: list[Meter] = []
        self._failures: list[OSError] = []

    def show(self, meter: Meter) -> None:
        """Draws `meter` from now on."""
        self._shown[:] = [meter]  # The drawing thread holds this very list.
        if self._close is None:
            self._close = _open_bar(self, self._shown, self._failures, self._width, self.interval)

    def finish(self, meter: Meter) -> None:
        """Takes the bar away and prints the meter's line where the bar was."""
        self.check()
        self._shown.clear()
        # Within the lifetime of the bar rich stands behind sys.stdout and moves the bar below what is printed.
        print(printable(meter.line()), flush=True)

    def check(self) -> None:
        """Raises the error that the drawing thread met: nobody reads any more what is drawn."""
        if self._failures:
            raise self._failures[0]

    def close(self) -> None:
        """Takes the bar away, gives back the cursor, `sys.stdout` and `sys.stderr`."""
        if self._close is not None:
            with suppress(OSError):  # a terminal that is gone needs nothing back
                self._close()
            self._close = None


def _open_bar(
    owner: BarDisplay, shown: list[Meter], failures: list[OSError], width: int, interval: float
) -> Callable[[], Any]:
    from rich import get_console
    from rich.errors import LiveError
    from rich.live import Live
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    def draw() -> RenderableType:
        meters = shown[-1:]
        if not meters:
            return Text("")
        meter = meters[0]
        bar = ProgressBar(meter.target, min(meter.done, meter.target or 0), width, pulse=not meter.target)
        text = Text(printable(meter.running_text()), no_wrap=True)
        overflow: OverflowMethod = "ellipsis" if can_print("…") else "crop"
        row = Table.grid(padding=(0, 1))
        for _ in range(3):
            row.add_column(no_wrap=True, overflow=overflow)  # A narrow terminal cuts the logs, not the counts.
        row.add_column(overflow=overflow)
        row.add_row(
            Text(printable(meter.label), style="bold", no_wrap=True), bar, Text(meter.counts(), no_wrap=True), text
        )
        return row

    class Bar(Live):
        def refresh(self) -> None:
            # In the drawing thread an error would only end that thread, and rich turns a closed pipe into SystemExit.
            try:
                super().refresh()
            except OSError as error:
                failures.append(error)
            except SystemExit:
                failures.append(BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)))

    # The console every other user of rich in this process writes to: two bars, or a bar inside the user's own, then
    # know of each other.
    live = Bar(get_renderable=draw, console=get_console(), refresh_per_second=1 / interval, transient=True)
    try:
        live.start()
    except LiveError:  # rich before 14.1 draws one bar at a time; the lines of finished epochs still come.
        return lambda: None
    # Also at the exit of the interpreter or when nobody holds the display any more: a script that dies outside of
    # `fit` must not leave the cursor hidden. `draw` therefore holds the meters, not the display.
    return weakref.finalize(owner, live.stop)


def can_draw_bar() -> bool:
    """Whether `sys.stdout` can redraw a line. rich is imported only where it is a terminal."""
    try:
        is_terminal = sys.stdout.isatty()
    except (AttributeError, ValueError):  # None under pythonw, or closed
        return False
    if not is_terminal or os.environ.get("TERM", "") in ("dumb", "unknown"):
        return False
    try:
        from rich import get_console
    except ImportError:
        return False
    console = get_console()
    return console.is_terminal and not console.is_dumb_terminal


# What `open_display` gives.
Display = LineDisplay | BarDisplay | NotebookDisplay


def open_display(verbose: int | str, width: int = 20, interval: float = REFRESH_SECONDS) -> Display | None:
    """The display for `verbose`: 0 none; 1 or "auto" a bar or a notebook's area where one can be drawn, else a line;
    2 a line."""
    if not verbose:
        return None
    if verbose not in (1, "auto") or not is_interactive_logging_enabled():
        return LineDisplay()
    if in_notebook():
        return NotebookDisplay(interval)
    return BarDisplay(width, interval) if can_draw_bar() else LineDisplay()


class Progbar:
    """A progress display for loops of one's own.

    Args:
        target: number of steps, or None where it is not known.
        width: width of the bar in characters.
        verbose: 0 nothing; 1 a bar on a terminal, else a line at the end; 2 a line at the end.
        interval: least seconds between two drawings.
        stateful_metrics: names shown as they come. Others are averaged over the steps.
        stateless_metrics: names averaged over the steps. Others are shown as they come. Give one of the two at most.
        unit_name: what a step is called.

    >>> bar = Progbar(3, verbose=2)
    >>> for loss in (3.0, 2.0, 1.0):
    ...     bar.add(1, [("loss", loss)])  # doctest: +ELLIPSIS
    3/3 - 0.0s - ...us/step - loss: 1.0000
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
        stateless_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
    ) -> None:
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ValueError(
                "Progbar expects stateful_metrics (the rest is averaged) or stateless_metrics (the rest is not), "
                "but received both. Leave one out."
            )
        self.target = target
        self.verbose = verbose
        self._stateful = None if stateful_metrics is None else set(stateful_metrics)
        self._stateless = None if stateless_metrics is None else set(stateless_metrics)
        self._totals: dict[str, tuple[Any, int]] = {}
        self._meter = Meter(target=target, unit=unit_name)
        self._display = open_display(verbose, width, interval)

    def update(
        self, current: int, values: Iterable[tuple[str, Any]] | None = None, finalize: bool | None = None
    ) -> None:
        """`current` steps are done.

        Args:
            current: steps done since the start.
            values: pairs of name and value. In the last update they replace the averages, as in Keras.
            finalize: whether this is the last update; None: when `current` reaches `target`.
        """
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        steps = max(current - self._meter.done, 1)
        for name, value in values or ():
            self._take(name, value, steps, as_is=finalize or self._shown_as_it_comes(name))
        self._meter.advance(current, {name: self._mean(name) for name in self._totals})
        if self._display is None:
            return
        if finalize:
            self._display.finish(self._meter)
            self._display.close()
        else:
            self._display.show(self._meter)

    def add(self, n: int, values: Iterable[tuple[str, Any]] | None = None) -> None:
        """`n` more steps are done."""
        self.update(self._meter.done + n, values)

    def _shown_as_it_comes(self, name: str) -> bool:
        if self._stateless is not None:
            return name not in self._stateless
        return self._stateful is not None and name in self._stateful

    def _take(self, name: str, value: Any, steps: int, as_is: bool) -> None:
        value = sum(value) / len(value) if isinstance(value, (list, tuple)) and value else value  # several: their mean
        if as_is or isinstance(value, str):
            self._totals[name] = (value, 1)
            return
        total, count = self._totals.get(name, (0.0, 0))
        self._totals[name] = (total + value * steps, count + steps)

    def _mean(self, name: str) -> float | str:
        total, count = self._totals[name]
        return total if isinstance(total, str) else total / count
