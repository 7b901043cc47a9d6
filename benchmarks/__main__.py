"""Sequax beside its peers: every figure is a ratio within this run, peers take turns, medians of several rounds.

Without words all rows are measured (`--list` names them): training, predictions, a search loop, start-up.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from . import picture, report
from .jobs import Job, chosen, jobs
from .peers import PEERS, Peer


def main() -> None:
    from rich.console import Console

    options = parse()
    selected = chosen(jobs(options.kind), options.words)
    if options.list:
        for job in selected:
            print(f"{job.kind:14}{job.name:28}{job.title}")
        return
    if not selected:
        sys.exit(f"No row's name contains {' or '.join(options.words)}: --list shows the names.")
    names = ["sequax", "keras-jax"] if options.kind == "families" else options.peers
    rows = measure(selected, present(names), options.rounds)
    report.show(rows, Console(width=None if sys.stdout.isatty() else 240))
    if options.json:
        report.write(rows, options.json)
    if options.picture:
        picture.draw(rows, options.picture)


def parse() -> Any:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("words", nargs="*", metavar="WORD", help="measure the rows whose name contains a word")
    parser.add_argument("--peers", type=known_peers, default=list(PEERS), metavar="A,B", help=", ".join(PEERS))
    parser.add_argument("--rounds", type=int, help="rounds of each row, in place of its own number")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--picture", type=Path, help="draw the ratios into this PNG file")
    for kind, what in (
        ("families", "families of layers, beside Keras on JAX"),
        ("works", "real networks and habits"),
        ("applications", "the networks of keras.applications; hours, so name some"),
    ):
        parser.add_argument(f"--{kind}", dest="kind", action="store_const", const=kind, default="", help=what)
    parser.add_argument("--list", action="store_true", help="name the rows and stop")
    return parser.parse_args()


def known_peers(text: str) -> list[str]:
    """Sequax is always among them: every ratio needs it."""
    names = text.split(",")
    for name in names:
        if name not in PEERS:
            raise argparse.ArgumentTypeError(f"{name!r} is no peer, choose from {', '.join(PEERS)}")
    return [name for name in PEERS if name in names or name == "sequax"]


def present(names: Iterable[str]) -> list[Peer]:
    """The peers that are installed; the others are told by name."""
    found = []
    for peer in (PEERS[name] for name in names):
        reason = peer.missing()
        if reason:
            print(f"{peer.name}: {reason}", file=sys.stderr)
        else:
            found.append(peer)
    return found


def measure(selected: list[Job], peers: list[Peer], rounds: int | None) -> list[report.Row]:
    rows: list[report.Row] = []
    for number, job in enumerate(selected, 1):
        with Progress(f"[{number}/{len(selected)}] {job.title}") as progress:
            records = job.run(peers, rounds, progress.tell)
        for name, record in records.items():
            if "error" in record:
                print(f"{name} failed: {record['error']}", file=sys.stderr)
        rows.append({"kind": job.kind, "name": job.name, "title": job.title, "peers": records})
    return rows


class Progress:
    """One line per row on standard error, that says who runs now."""

    def __init__(self, title: str) -> None:
        self.title, self.start = title, time.perf_counter()

    def tell(self, text: str) -> None:
        if sys.stderr.isatty():
            print(f"\r\x1b[K{self.title}: {text}", end="", file=sys.stderr, flush=True)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        start = "\r\x1b[K" if sys.stderr.isatty() else ""
        print(f"{start}{self.title}: {time.perf_counter() - self.start:.0f} s", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
