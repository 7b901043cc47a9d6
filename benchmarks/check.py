"""Did Sequax become slower? Measures a few rows again and compares the ratios to Keras on JAX with the committed ones.

usage: python -m benchmarks.check [WORD ...]

Ratios of one machine vary by 20 to 30 %, so a row counts as fallen when its ratio is more than a third below the
committed one twice in a row. Figures of another machine are another matter: its ratios differ for good.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from . import report
from .__main__ import measure, present
from .jobs import chosen, jobs
from .peers import ROOT

COMMITTED = tuple(ROOT / "docs" / name for name in ("benchmarks.json", "works.json"))
ALLOWED = 2 / 3
MAIN = ("tabular", "mlp_32", "convnet", "lstm_80", "embedding", "predict-mlp-1", "script-convnet-warm")
MAIN += ("work:train_on_batch", "work:folds", "work:convnet_bn")


class Change(NamedTuple):
    name: str
    committed: float
    now: float

    @property
    def fallen(self) -> bool:
        return self.now < ALLOWED * self.committed

    def __str__(self) -> str:
        now = f"{self.now:.2f}" if self.now else "has no figure"
        return f"{self.name}: Keras on JAX / Sequax {now}, committed {self.committed:.2f}"


def compare(rows: list[report.Row], committed: list[report.Row]) -> list[Change]:
    """Every row of the committed ones that has a ratio; one that failed now counts as 0."""
    before, now = ({row["name"]: report.ratio(row, "keras-jax") for row in given} for given in (committed, rows))
    return [Change(name, before[name], now[name] or 0.0) for name in now if before.get(name)]


def check(
    measure_rows: Callable[[list[str]], list[report.Row]],
    names: list[str],
    committed: list[report.Row],
    tell: Callable[[str], None] = print,
) -> list[Change]:
    """The rows that are fallen in two measurements."""
    fallen = names
    for attempt in ("first", "second"):
        changes = compare(measure_rows(fallen), committed)
        for change in changes:
            verdict = "fallen" if change.fallen else "ok"
            tell(f"{change} ({verdict}, {attempt} measurement)")
        found = [change for change in changes if change.fallen]
        fallen = [change.name for change in found]
        if not found:
            break
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.check")
    parser.add_argument("words", nargs="*", help="rows whose name contains a word; without words a quick choice")
    parser.add_argument("--committed", type=Path, nargs="+", default=COMMITTED, help="figures to compare with")
    options = parser.parse_args()
    documents = [json.loads(path.read_text()) for path in options.committed if path.exists()]
    if not documents:
        names = " or ".join(path.name for path in options.committed)
        sys.exit(f"There is no {names} to compare with: `make bench` writes it.")
    others = [document["machine"] for document in documents if document["machine"] != report.machine()]
    if others:
        print(f"The committed figures are of another machine: {others[0]}.")
    committed = [row for document in documents for row in document["rows"]]
    every = {job.name: job for job in (*jobs(), *jobs("works"))}
    names = [job.name for job in chosen(every.values(), options.words)] if options.words else list(MAIN)
    peers = present(["sequax", "keras-jax"])
    fallen = check(lambda some: measure([every[name] for name in some], peers, None), names, committed)
    sys.exit(f"Fallen: {', '.join(change.name for change in fallen)}." if fallen else 0)


if __name__ == "__main__":
    main()
