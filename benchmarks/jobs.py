"""Everything that can be measured, by name: one job is one row of a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from . import startup
from .driver import Record, Tell, take_turns
from .families import FAMILIES
from .peers import Peer
from .workload import Habit, Workload, find
from .workloads import NAMES
from .works import APPLICATIONS, PREFIX, WORKS

LASTING = 0.2  # seconds at least that a turn of a work repeats what is quick
SEARCHES = 200
SEARCHES_KERAS = 5  # each of Keras' compiles anew, so that 200 are 40 times as long

# workload, rows, calls of `predict` in one turn
PREDICTIONS = (
    ("mlp_32", 1, 200),
    ("mlp_32", 32, 200),
    ("mlp_32", 100_000, 3),
    ("convnet", 1, 200),
    ("convnet", 32, 50),
    ("convnet", 5_000, 3),
)


class Job(NamedTuple):
    name: str
    title: str
    kind: str  # "training", "predict", "search", "start-up", or one of those below: which table it is a row of
    run: Callable[[list[Peer], int | None, Tell], dict[str, Record]]  # peers, rounds (None: its own number)


def jobs(kind: str = "") -> list[Job]:
    """The rows of the bench; those of another kind, "works", "applications" or "families"."""
    if kind == "families":
        return [training(family.workload(), kind) for family in FAMILIES]
    if kind == "works":
        return [work(one) for one in WORKS.values()]
    if kind == "applications":
        return [work(one)._replace(kind=kind) for one in APPLICATIONS.values()]
    return [
        *(training(find(name)) for name in NAMES),
        *(prediction(find(name), rows, calls) for name, rows, calls in PREDICTIONS),
        search(find("tabular")),
        *(Job(row.name, row.title, "start-up", row.run) for row in startup.ROWS),
    ]


def chosen(all_jobs: Iterable[Job], words: Iterable[str]) -> list[Job]:
    """Those whose name contains one of the words; without words, all."""
    words = list(words)
    return [job for job in all_jobs if not words or any(word in job.name for word in words)]


def training(workload: Workload, kind: str = "training") -> Job:
    def run(peers: list[Peer], rounds: int | None, tell: Tell) -> dict[str, Record]:
        able = [peer for peer in peers if getattr(workload, peer.loop) is not None]
        return take_turns(workload.name, able, rounds or workload.rounds, lambda peer, first: {"do": "fit"}, tell)

    return Job(workload.name, workload.title, kind, run)


def work(one: Workload | Habit) -> Job:
    """A network or a habit, beside Keras on each backend: first turn, later ones, predictions of the whole data."""
    name = PREFIX + one.name

    def run(peers: list[Peer], rounds: int | None, tell: Tell) -> dict[str, Record]:
        able = [peer for peer in peers if peer.loop == "keras"]
        request = {True: {"do": "work", "lasting": 0.0}, False: {"do": "work", "lasting": LASTING}}
        return take_turns(name, able, rounds or one.rounds, lambda peer, first: request[first], tell)

    return Job(name, one.title, "works", run)


def prediction(workload: Workload, rows: int, calls: int) -> Job:
    def request(peer: Peer, first: bool) -> dict[str, Any]:
        return {"do": "predict", "rows": rows, "calls": 1 if first else calls}

    def run(peers: list[Peer], rounds: int | None, tell: Tell) -> dict[str, Record]:
        able = [peer for peer in peers if peer.loop != "sklearn" and getattr(workload, peer.loop) is not None]
        return take_turns(workload.name, able, rounds or 3, request, tell)

    what = workload.name.partition("_")[0]
    return Job(f"predict-{what}-{rows}", f"predict {rows:,} row{'s' * (rows > 1)}, {what}", "predict", run)


def search(workload: Workload) -> Job:
    """Clone, compile, fit one epoch, so many times: the inner loop of a search over settings."""

    def request(peer: Peer, first: bool) -> dict[str, Any]:
        return {"do": "search", "times": SEARCHES if peer.name == "sequax" else SEARCHES_KERAS, "of": SEARCHES}

    def run(peers: list[Peer], rounds: int | None, tell: Tell) -> dict[str, Record]:
        able = [peer for peer in peers if peer.name in ("sequax", "keras-jax")]
        return take_turns(workload.name, able, rounds or 3, request, tell)

    title = f"{SEARCHES} times clone, compile, fit 768x8 (Keras: {SEARCHES_KERAS} times, scaled)"
    return Job("search", title, "search", run)
