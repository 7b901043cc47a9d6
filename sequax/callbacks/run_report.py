"""`RunReport`: what is to be known of a run to repeat it, as JSON and as a page to read."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..core.types import Path
from . import run_facts
from .base import Callback, Logs

if TYPE_CHECKING:
    from ..training.resume import ResumePoint


class RunReport(Callback):
    """Writes down a run: versions, devices, seeds, settings, digests of the data, the model, and what came of it.

    Args:
        filepath: where to write it when `fit` ends, also if it is broken off: `.json` for plain values, `.md` for a
            page. None: nowhere; `facts` has the values, `save` writes them.

    Attributes:
        facts: dict of all of it.

    The digests are SHA-256 of the bytes of `x`, `y` and `sample_weight` as the model gets them (numbers as float32, in
    C order). Arrays larger than memory give a digest of a sample of their rows, streams none. Two runs of equal facts
    that say a `seed` give equal numbers on the same kind of device.

    Raises:
        ValueError: for another ending.

    Example:

        report = RunReport("run.json")
        model.fit(x, y, callbacks=[report])
        print(report)
    """

    def __init__(self, filepath: Path | None = None) -> None:
        super().__init__()
        self.filepath: str | None = None if filepath is None else os.fspath(filepath)
        if self.filepath is not None:
            _check_ending(self.filepath)
        self.facts: dict[str, Any] = {}
        self._begun = 0.0
        self._run: Any = None
        self._history: dict[str, Any] = {}

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._begun, self._history = time.perf_counter(), {"epochs": [], "logs": {}, "seconds": 0.0}

    def on_run_begin(self, run: ResumePoint) -> None:
        self._run = run
        self.facts = {
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            **run_facts.of_machine(),
            **run_facts.of_run(run, self.params),
            "ended": "was broken off",
        }

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._history["epochs"].append(epoch + 1)
        for name, value in run_facts.scalars(logs).items():
            self._history["logs"].setdefault(name, []).append(value)

    def on_train_end(self, logs: Logs | None = None) -> None:
        self.facts["ended"] = "early" if self.model.stop_training else "by itself"

    def on_close(self) -> None:
        if self._run is None:
            return
        seconds = self._history["seconds"] + time.perf_counter() - self._begun
        self.facts |= {
            "seconds": round(seconds, 3),
            "resumed": bool(self._run.resumed),
            "epochs": self._history["epochs"],
            "history": self._history["logs"],
        }
        self._run = None
        if self.filepath is not None and self.leads:
            self.save(self.filepath)

    def save(self, filepath: Path) -> None:
        """Write the report; whole or not at all.

        Args:
            filepath: ends with `.json` or `.md`.
        """
        from ..saving import atomic  # files come in when they are wanted

        path = os.fspath(filepath)
        _check_ending(path)
        text = json.dumps(self.facts, indent=2, default=str) if path.endswith(".json") else str(self)
        atomic.write(path, f"{text}\n".encode())

    def __str__(self) -> str:
        """The report as Markdown."""
        return page(self.facts) if self.facts else "Nothing has been run yet."

    def state_dict(self) -> dict[str, Any]:
        seconds = self._history["seconds"] + time.perf_counter() - self._begun
        return {**json.loads(json.dumps(self._history)), "seconds": seconds}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._history = {**state, "epochs": list(state["epochs"])}


def _check_ending(path: str) -> None:
    if not path.endswith((".json", ".md")):
        raise ValueError(f"RunReport: the name of the file must end with .json or .md. Received: {path!r}")


def page(facts: dict[str, Any], title: str = "# Report of a run") -> str:
    """Facts as Markdown: a heading for each part, a line for each value."""
    lines = [title, ""]
    plain = {name: value for name, value in facts.items() if not isinstance(value, dict)}
    lines += [f"- **{name}**: {_shown(value)}" for name, value in plain.items() if value is not None]
    for name, value in facts.items():
        if isinstance(value, dict) and value:
            lines += ["", f"## {name.capitalize()}", ""]
            lines += [f"- **{key}**: {_shown(one)}" for key, one in value.items() if one is not None]
    return "\n".join(lines)


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{key} {_shown(one)}" for key, one in value.items() if one is not None)
    if isinstance(value, list):
        shown = [_shown(one) for one in value]
        return ", ".join(shown if len(shown) <= 12 else [*shown[:6], "…", *shown[-5:]])
    return f"{value:.6g}" if isinstance(value, float) else f"{value}"
