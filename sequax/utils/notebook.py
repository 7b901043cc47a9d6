"""The display of a run in a notebook: one area, redrawn while the run goes on, which stays as one small output.

It needs IPython alone, which a notebook has by nature, and no widgets: IPython replaces an output that has an id. A
saved notebook then holds the curves and the last values, however many epochs there were.
"""

from __future__ import annotations

import sys
import threading
import time
import weakref
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

from ..core.html import escape
from . import curves
from .messages import announce
from .meter import Meter, mean_of

# Editors draw a replaced output more slowly than a terminal its line: VS Code stumbles over ten a second.
REFRESH_SECONDS = 0.25
# What takes no longer than this, an evaluation or a single epoch, leaves its line of text among others.
_SHORT_SECONDS = 0.5


def in_notebook() -> bool:
    """Whether outputs can be replaced: a kernel of Jupyter whose printed text goes into the notebook.

    Where `print` was sent elsewhere (`%%capture`, `redirect_stdout`), lines go there, too. Consoles of Spyder show
    replaced outputs as new ones, so they get lines.
    """
    ipython = sys.modules.get("IPython")
    if ipython is None or "ipykernel" not in sys.modules or "spyder_kernels" in sys.modules:
        return False
    shell = ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None and type(sys.stdout).__module__.startswith("ipykernel")


class NotebookDisplay:
    """Draws the meter at work, and what the finished ones before it had, in one area of a notebook."""

    live = True

    def __init__(self, interval: float = REFRESH_SECONDS) -> None:
        self.interval: float = max(interval, REFRESH_SECONDS)
        self._panel = Panel()
        self._stop: Callable[[], Any] | None = None

    def show(self, meter: Meter) -> None:
        """Draws `meter` from now on."""
        self._panel.begin(meter)
        if self._stop is None:
            self._stop = _draw_beside(self, self._panel, self.interval)

    def finish(self, meter: Meter) -> None:
        """Adds the meter's last values to the curves."""
        self._panel.end(meter)

    def check(self) -> None:
        """Raises what the drawing thread met."""
        if self._panel.failures:
            raise self._panel.failures[0]

    def close(self) -> None:
        """Draws the last state, which stays."""
        if self._stop is not None:
            self._stop()
            self._stop = None
            self._panel.leave()


class Panel:
    """What stands in the area: the meter at work, and the curves of the epochs that are finished."""

    def __init__(self) -> None:
        self.failures: list[Exception] = []
        self._began = time.perf_counter()
        self._meters: list[Meter] = []
        self._lines: list[str] = []
        self._finished = 0
        self._series: dict[str, list[tuple[float, float]]] = {}
        self._area: Any = None
        self._drawn = ""

    def begin(self, meter: Meter) -> None:
        self._meters[:] = [meter]

    def end(self, meter: Meter) -> None:
        self._finished += 1
        self._lines = [meter.line()]
        if meter.epoch is not None:
            for name, value in meter.logs.items():
                if value is not None and not isinstance(value, str):
                    self._series.setdefault(name, []).append((meter.epoch, mean_of(value)))
        self._meters.clear()

    def draw(self) -> None:
        """Draws what is new; in the beginning only what takes long enough, or will draw curves."""
        if self._area is None and not (self._finished > 1 or time.perf_counter() - self._began > _SHORT_SECONDS):
            return
        html = self.html()
        if html != self._drawn:
            self._drawn = html
            self._send({"text/html": html, "text/plain": self.text()})

    def leave(self) -> None:
        """The last state: the area as it stays, or a line where nothing was worth an area."""
        cut_short, self._meters[:] = self._meters[-1:], []
        if cut_short and (cut_short[0].done or cut_short[0].logs):  # an error or Ctrl-C inside an epoch
            self._lines = [*self._lines, f"{cut_short[0].line()} (ended here)"]
        if self._area is None and self._finished < 2:
            for line in self._lines:
                announce(line)
        else:
            self._drawn = ""
            self.draw()

    def text(self) -> str:
        """The same without pictures: the latest lines."""
        return "\n".join(self._lines)

    def html(self) -> str:
        parts = [f'<div style="font-family:monospace;font-size:90%">{self._state()}</div>']
        if any(len(points) > 1 for points in self._series.values()):
            parts.append(curves.charts(self._series))
            parts.append(curves.values_table(self._series))
        return "".join(parts)

    def _state(self) -> str:
        meters = self._meters[-1:]  # one reading: this runs in the drawing thread
        if not meters:
            return "<br>".join(map(escape, self._lines))
        meter = meters[0]
        part = min(meter.done / meter.target, 1.0) if meter.target else 0.0
        bar = f'<progress value="{part:.3f}" max="1" style="width:10em;vertical-align:middle"></progress>'
        shown = [escape(meter.label), bar, escape(meter.counts()), escape(meter.running_text())]
        return " ".join(one for one in shown if one)

    def _send(self, data: dict[str, str]) -> None:
        from IPython.display import DisplayHandle, display

        if self._area is None:
            self._area = DisplayHandle()
            self._area.display(data, raw=True)
        else:
            display(data, raw=True, display_id=self._area.display_id, update=True)


def _draw_beside(owner: NotebookDisplay, panel: Panel, interval: float) -> Callable[[], Any]:
    """Draws again and again in a thread, which goes on while Python waits for a compilation; returns what ends it."""
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(interval):
            try:
                panel.draw()
            except Exception as error:
                panel.failures.append(error)
                return

    # A copy of the context: the kernel finds in it the cell that the outputs belong to.
    thread = threading.Thread(target=copy_context().run, args=(work,), name="sequax-display", daemon=True)
    thread.start()

    def stop() -> None:
        ended.set()
        if thread is not threading.current_thread():
            thread.join()

    # Also when nobody holds the display any more; `work` therefore holds the panel only.
    return weakref.finalize(owner, stop)
