"""Starts one child per peer, side by side, and lets them take turns: while one runs, the others use no processor.

Each peer has a first turn, told apart because it compiles, then one turn per round. The order rotates, so that nobody
always runs behind the same neighbour. A peer that fails, dies or hangs is named and left out; the others go on.
"""

from __future__ import annotations

import json
import queue
import statistics
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import Any

from .peers import ROOT, Peer

TIMEOUT = 300.0  # seconds for one answer

Record = dict[str, Any]  # of one peer in one row: seconds, rounds, first, loss, peak_mb, the like of predict; or error
Request = Callable[[Peer, bool], dict[str, Any]]  # what to ask, for the first turn or a later one
Tell = Callable[[str], None]

# What an answer says in seconds; where a record has the first turn's, and the others'.
TIMES = {"seconds": ("first", "rounds"), "predict": ("first_predict", "predict_rounds")}
PEAKS = ("peak_mb", "device_mb")  # of the process; of the GPU, where there is one


class Failed(Exception):
    """The child answered with an error, died or hung."""


class Child:
    """A process that answers lines of JSON."""

    def __init__(self, command: list[str], variables: dict[str, str]) -> None:
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 closed in `close`
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=self.errors, text=True, cwd=ROOT, env=variables
        )
        self.lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def ask(self, timeout: float = TIMEOUT, **request: Any) -> dict[str, Any]:
        # the pipe of a dead process breaks; `line` then says that it died
        with suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
        answer = json.loads(self.line(timeout, request["do"]))
        if "error" in answer:
            raise Failed(answer["error"])
        return answer

    def line(self, timeout: float, during: str) -> str:
        try:
            line = self.lines.get(timeout=timeout)
        except queue.Empty:
            raise Failed(f"no answer to {during!r} within {timeout:g} s") from None
        if line is None:
            raise Failed(f"died with status {self.process.wait()} during {during!r}: {self.last_words()}")
        return line

    def last_words(self) -> str:
        self.errors.seek(0)
        lines = self.errors.read().strip().splitlines()
        return lines[-1] if lines else "it printed nothing"

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.errors):
            with suppress(BrokenPipeError):  # what was not yet sent is lost with the process
                stream.close()


def launch(workload: str, peer: Peer, cache: str) -> Child:
    return Child([str(peer.python()), "-m", "benchmarks.child", workload, peer.name], peer.variables(cache))


def take_turns(
    workload: str,
    peers: Iterable[Peer],
    rounds: int,
    request: Request,
    tell: Tell = lambda text: None,
    launch: Callable[[str, Peer, str], Child] = launch,
    timeout: float | None = None,
) -> dict[str, Record]:
    """What each peer answered, by its name: medians over the rounds, the first turn apart."""
    records: dict[str, Record] = {}
    peers = list(peers)
    timeout = TIMEOUT if timeout is None else timeout
    with ExitStack() as stack:
        cache = stack.enter_context(tempfile.TemporaryDirectory(prefix="sequax-bench-"))  # empty: first runs compile
        children = {}

        def turn(peer: Peer, what: str, **message: Any) -> Record | None:
            tell(f"{peer.title}: {what}")
            try:
                return children[peer].ask(timeout, **message)
            except Failed as failure:
                records[peer.name] = {"error": str(failure)}
                tell(f"{peer.title} failed: {failure}")
                children.pop(peer).close()
                return None

        for peer in peers:
            children[peer] = launch(workload, peer, cache)
            stack.callback(children[peer].close)
        with ThreadPoolExecutor() as pool:  # imports are not what is measured here
            started = dict(zip(peers, pool.map(lambda peer: turn(peer, "start", do="start"), peers), strict=True))
        for peer in list(children):
            first = turn(peer, "first run", **request(peer, True))
            if first:
                facts = {key: first[key] for key in ("loss", *PEAKS) if key in first}
                records[peer.name] = {"versions": started[peer]["versions"], **facts}
                for key, (of_first, rounds_of) in TIMES.items():
                    if key in first:
                        records[peer.name] |= {of_first: first[key], rounds_of: []}
        for number in range(rounds):
            for peer in rotated(list(children), number):
                answer = turn(peer, f"round {number + 1} of {rounds}", **request(peer, False))
                if answer:
                    record = records[peer.name]
                    for key, (_, rounds_of) in TIMES.items():
                        if key in answer:
                            record[rounds_of].append(answer[key])
                    record |= {key: max(record[key], answer[key]) for key in PEAKS if key in answer}
    for record in records.values():
        for key, (_, rounds_of) in TIMES.items():
            if record.get(rounds_of):
                record[key] = statistics.median(record[rounds_of])
    return records


def rotated(items: list[Any], by: int) -> list[Any]:
    by %= max(len(items), 1)
    return items[by:] + items[:by]
