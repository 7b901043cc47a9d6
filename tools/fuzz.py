"""Damage good files byte by byte and read them: each must be refused by `LoadError` or read right.

    python -m tools.fuzz                            all kinds, every length, 10,000 changed bytes each
    python -m tools.fuzz --seconds 60 --step 97     a little of everything
    python -m tools.fuzz --kinds h5 --seed 7 --only 23456      one case again

Cases of a kind are numbered: first the file cut off at each length, then changed bytes, which follow from seed and
number. They are read in child processes, watched as in `tests/attacks`: time, memory, opened files. When a case ends
or hangs its process, that is a finding, and another process goes on behind it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
MEGABYTES = 64
SILENCE = 600  # seconds without a word, after which a child counts as hanging; it ends single cases itself
EVERY = 200  # cases between two words of a child
PARTS = 20  # of each kind: what a child is given at once


class Kind(NamedTuple):
    """A kind of file: how a good one is made, and how damage gets into it."""

    ending: str
    part: str | None = None  # member of the archive that is damaged before it is packed, so that its checksum fits
    checksums: bool = True  # without them it cannot be known whether what is read is what was saved


KINDS = {
    "keras": Kind(".keras"),
    "weights.h5": Kind(".weights.h5"),
    "h5": Kind(".h5"),
    "safetensors": Kind(".safetensors"),
    "config": Kind(".keras", "config.json", checksums=False),
    "weights without checksums": Kind(".weights.h5", checksums=False),
}


# --- the child ---


class Reader:
    """Good files of a small model, and what came of reading damaged ones."""

    def __init__(self, folder: Path, seed: int):
        import sequax
        from tests.attacks import child, files, watch

        sequax.utils.set_random_seed(seed)  # the good files are the same in all processes
        self.watched, self.attempt = watch.Watch(), watch.attempt
        self.fixture, self.other = child.Fixture(folder), files.good_model()
        child.warm(self.fixture)
        self.expected = self.fixture.values()
        self.watched.cut_network()
        watch.limit_memory()

    def good(self, kind: Kind) -> bytes:
        if kind.part is not None:
            return self.fixture.members[kind.part]
        data = self.fixture.good[kind.ending]
        return data if kind.checksums else without_checksums(data)

    def read(self, kind: Kind, data: bytes) -> list[str]:
        """Read damaged data; what is against the contract."""
        from tests.attacks import files

        path = self.fixture.folder / f"damaged{kind.ending}"
        path.write_bytes(data if kind.part is None else files.packed({**self.fixture.members, kind.part: data}))
        found: dict[str, Any] = {}
        report = self.attempt(self.watched, lambda: found.update(model=self._load(kind, path)), [path])
        self.outcome = report["outcome"]
        wrong = [f"{name}: {report[name]}" for name in ("events",) if report[name]]
        if self.outcome not in ("loaded", "refused"):
            wrong.append(f"{self.outcome}: {report['message']}")
        if report["megabytes"] > MEGABYTES:
            wrong.append(f"{report['megabytes']} MB more")
        if self.fixture.values() != self.expected:
            wrong.append("a model was changed")
        if kind.checksums and found.get("model") is not None:
            values = [one.tobytes() for one in found["model"].get_weights()]
            if values != self.expected[: len(values)] or not values:
                wrong.append("other weights were read than were saved")
        return wrong

    def _load(self, kind: Kind, path: Path) -> Any:
        from sequax.models import load_model

        if kind.ending in (".keras", ".h5"):
            return load_model(path)
        (self.fixture.model if kind.checksums else self.other).load_weights(path)
        return None


def without_checksums(data: bytes) -> bytes:
    """Weights as Keras writes them: damage gets behind the checksums."""
    from tests.attacks import files

    def change(file: Any, _: str) -> None:
        file.visititems(lambda name, one: one.attrs.pop("sha256", None))

    return files.rewritten(data, change)


def damaged(data: bytes, number: int, step: int, seed: int, text: bool = False) -> bytes:
    """Case `number` of a file: a length, or a changed byte; in a text mostly by a sign that a text may hold."""
    import numpy as np

    if number * step < len(data):
        return data[: number * step]
    random = np.random.default_rng((seed, number))
    place = int(random.integers(len(data)))
    value = data[place] ^ int(random.integers(1, 256))
    if text and number % 8:
        value = int(random.choice(list(b'0123456789-.,:[]{}"\\ aensu')))
    return data[:place] + bytes([value]) + data[place + 1 :]


def cases(length: int, step: int, count: int) -> range:
    return range(-(-length // step) + count)


def work(folder: Path, options: argparse.Namespace) -> None:
    """Read the cases that come in as tasks, one line each; a word now and then, for each finding, and at the end."""
    reader = Reader(folder, options.seed)
    for line in sys.stdin:
        task = json.loads(line)
        kind = KINDS[task["kind"]]
        data = reader.good(kind)
        everything = cases(len(data), options.step, options.count)
        numbers = everything[task["part"] :: PARTS] if options.only is None else [options.only]
        outcomes: Counter[str] = Counter()
        for done in range(task["done"], len(numbers)):
            number = numbers[done]
            (folder / "position").write_text(f"{done} {number}")
            wrong = reader.read(kind, damaged(data, number, options.step, options.seed, kind.part == "config.json"))
            outcomes[reader.outcome] += 1
            if wrong:
                say(kind=task["kind"], number=number, wrong=wrong)
            if done % EVERY == 0:
                say(kind=task["kind"], outcomes=outcomes)
                outcomes.clear()
        say(kind=task["kind"], outcomes=outcomes, end=True, total=len(everything), size=len(data))


def say(**line: Any) -> None:
    print(json.dumps(line), flush=True)


# --- the parent ---


class Tasks:
    """What is still to be read: parts of kinds, each given to one child; none after some time."""

    def __init__(self, options: argparse.Namespace):
        parts = range(PARTS if options.only is None else 1)
        self.all = len(parts) * len(options.kinds)
        self._end = time.monotonic() + options.seconds
        self._left: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        for part in parts:
            for kind in options.kinds:
                self._left.put({"kind": kind, "part": part, "done": 0})

    def take(self) -> dict[str, Any] | None:
        with contextlib.suppress(queue.Empty):
            return self._left.get_nowait() if time.monotonic() < self._end else None
        return None


def lead(options: argparse.Namespace, tasks: Tasks, events: queue.SimpleQueue[dict[str, Any] | None]) -> None:
    """Give tasks to a child and pass on what it says; when a case ends it, the next child goes on behind that case."""
    task = tasks.take()
    while task is not None:
        with tempfile.TemporaryDirectory(dir=memory()) as folder, start(options, folder) as process:
            while task is not None:
                last = {}
                for last in spoken(process, task):
                    events.put(last)
                if not last.get("end"):
                    break
                task = tasks.take()
            assert process.stdin is not None
            process.stdin.close()
            code, position = process.wait(), Path(folder, "position")
            if task is not None:
                if not position.exists():
                    events.put({"failed": f"a child could not begin; it ended with {code}"})
                    break
                done, number = map(int, position.read_text().split())
                events.put({"kind": task["kind"], "number": number, "wrong": [f"the process ended with {code}"]})
                task = {**task, "done": done + 1}
    events.put(None)


def memory() -> str | None:
    """A folder in memory, where the system has one: files are written and read by the ten thousand."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def start(options: argparse.Namespace, folder: str) -> subprocess.Popen:
    settings = [f"--seed={options.seed}", f"--count={options.count}", f"--step={options.step}"]
    only = [] if options.only is None else [f"--only={options.only}"]
    command = [sys.executable, "-m", "tools.fuzz", "--child", folder, *settings, *only]
    environment = {**os.environ, "SEQUAX_CACHE": "off"}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)  # its files would be opened while the reader is watched
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdin=pipe, stdout=pipe, text=True)


def spoken(process: subprocess.Popen, task: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What a child says about a task, to its end or the child's; it is killed when it says nothing for too long."""
    assert process.stdin is not None and process.stdout is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(json.dumps(task) + "\n")
        process.stdin.flush()
    while True:
        watchdog = threading.Timer(SILENCE, process.kill)
        watchdog.start()
        line = process.stdout.readline()
        watchdog.cancel()
        if not line:
            return
        if line.startswith("{"):
            found = json.loads(line)
            yield found
            if found.get("end"):
                return


def run(options: argparse.Namespace) -> int:
    """Read all cases and show how far it is; returns the number of findings."""
    print(
        f"seed {options.seed}, {options.count} changed bytes per kind, lengths in steps of {options.step}", flush=True
    )
    started, progress = time.monotonic(), Progress(options)
    tasks, events = Tasks(options), queue.SimpleQueue[Any]()
    leaders = [threading.Thread(target=lead, args=(options, tasks, events), daemon=True) for _ in range(options.jobs)]
    for leader in leaders:
        leader.start()
    for _ in leaders:
        while (line := events.get()) is not None:
            progress.take(line, tasks.all, time.monotonic() - started)
    return progress.told(tasks.all, time.monotonic() - started)


class Progress:
    """What came of the cases so far."""

    def __init__(self, options: argparse.Namespace):
        self.seed, self.live, self.shown = options.seed, sys.stderr.isatty(), 0.0
        self.outcomes: dict[str, Counter[str]] = {name: Counter() for name in options.kinds}
        self.totals: dict[str, tuple[int, int]] = {}
        self.parts, self.findings = 0, 0

    def take(self, line: dict[str, Any], parts: int, seconds: float) -> None:
        if "failed" in line:
            raise SystemExit(line["failed"])
        if "wrong" in line:
            self.findings += 1
            print(f"FOUND {line['kind']!r} --seed {self.seed} --only {line['number']}: {'; '.join(line['wrong'])}")
            return
        self.outcomes[line["kind"]].update(line["outcomes"])
        if line.get("end"):
            self.parts += 1
            self.totals[line["kind"]] = line["total"], line["size"]
        text = f"{self.read:,} cases, {100 * self.parts // parts} % in {seconds:.0f} s, {self.findings} found"
        if self.live:
            print(f"\r{text} ", end="", file=sys.stderr, flush=True)
        elif seconds > self.shown + 30:
            self.shown = seconds
            print(text, flush=True)

    @property
    def read(self) -> int:
        return sum(sum(counted.values()) for counted in self.outcomes.values())

    def told(self, parts: int, seconds: float) -> int:
        """Print the result; returns the number of findings."""
        if self.live:
            print(file=sys.stderr)
        for name, counted in self.outcomes.items():
            total, size = self.totals.get(name, (0, 0))
            found = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(counted.items()))
            print(f"{name:<26} {total:>7,} cases of a file of {size:,} bytes: {found}")
        if self.parts < parts:
            print(f"stopped after {self.parts} of {parts} parts, since the time was over")
        print(f"{self.read:,} cases in {seconds:.0f} s: {self.findings or 'nothing'} found")
        return self.findings


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.fuzz", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--count", type=int, default=10_000, help="changed bytes per kind (default: 10,000)")
    parser.add_argument("--step", type=int, default=1, help="between two lengths (default: 1, every length)")
    parser.add_argument("--seed", type=int, default=0, help="of the changed bytes (default: 0)")
    parser.add_argument("--seconds", type=float, default=1e9, help="begin nothing new after so long (default: no end)")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time (default: 2)")
    parser.add_argument("--only", type=int, help="the number of one case")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    options = parsed(arguments)
    if options.only is not None:
        options.jobs = 1
    if options.child is None:
        return 1 if run(options) else 0
    folder = Path(options.child)
    with contextlib.chdir(folder):
        work(folder, options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
