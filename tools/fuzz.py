"""Damage good files byte by byte and read them: each must be refused by `LoadError` or read right.

    python -m tools.fuzz                            all kinds, every length, 10,000 changed bytes each
    python -m tools.fuzz --kinds h5 --seed 7 --only 23456      one case again

Cases of a kind are numbered: first the file cut off at each length, then changed bytes, which follow from seed and
number. They are read in a child process, watched as in `tests/attacks`: time, memory, opened files. When a case ends
or hangs the child, that is a finding, and another child goes on behind it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
MEGABYTES = 64
SILENCE = 60  # seconds without a word, after which a child counts as hanging
EVERY = 200  # cases between two words of a child


class Kind(NamedTuple):
    """A kind of file: how a good one is made, and how damage gets into it."""

    ending: str
    part: str | None = None  # member of the archive that is damaged before it is packed, so that its checksum fits
    same: bool = True  # whether what is read must be what was saved: without checksums it cannot be known


KINDS = {
    "keras": Kind(".keras"),
    "weights.h5": Kind(".weights.h5"),
    "h5": Kind(".h5"),
    "safetensors": Kind(".safetensors"),
    "config": Kind(".keras", "config.json", same=False),
    "weights without checksums": Kind(".keras", "model.weights.h5", same=False),
}


# --- the child ---


class Reader:
    """Good files of a small model, and what came of reading damaged ones."""

    def __init__(self, folder: Path, seed: int):
        from tests.attacks import child, watch

        self.watched, self.attempt, self.seed = watch.Watch(), watch.attempt, seed
        self.fixture = child.Fixture(folder)
        child.warm(self.fixture)
        self.expected = self.fixture.values()
        self.watched.cut_network()
        watch.limit_memory()

    def good(self, kind: Kind) -> bytes:
        if kind.part is None:
            return self.fixture.good[kind.ending]
        data = self.fixture.members[kind.part]
        return without_checksums(data) if kind.part.endswith(".h5") else data

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
        if kind.same and found.get("model") is not None:
            values = [one.tobytes() for one in found["model"].get_weights()]
            if values != self.expected[: len(values)] or not values:
                wrong.append("other weights were read than were saved")
        return wrong

    def _load(self, kind: Kind, path: Path) -> Any:
        from sequax.models import load_model

        if kind.ending in (".keras", ".h5"):
            return load_model(path)
        self.fixture.model.load_weights(path)
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


def work(folder: Path, options: argparse.Namespace, first: int) -> None:
    """Read the cases of the kinds from the first one on; a word now and then, and for each finding."""
    reader = Reader(folder, options.seed)
    for name in options.kinds:
        kind = KINDS[name]
        data = reader.good(kind)
        numbers = cases(len(data), options.step, options.count)
        chosen = [options.only] if options.only is not None else numbers[first:]
        outcomes: Counter[str] = Counter()
        for number in chosen:
            (folder / "position").write_text(f"{name}\n{number}")
            wrong = reader.read(kind, damaged(data, number, options.step, options.seed, kind.part == "config.json"))
            outcomes[reader.outcome] += 1
            if wrong:
                say(kind=name, number=number, wrong=wrong)
            if number % EVERY == 0 or number == chosen[-1]:
                say(kind=name, done=number + 1, total=len(numbers), size=len(data), outcomes=outcomes)
                outcomes.clear()
        first = 0


def say(**line: Any) -> None:
    print(json.dumps(line), flush=True)


# --- the parent ---


def children(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """What the children say; another one begins behind a case that ended one."""
    kinds, first = list(options.kinds), 0
    while kinds:
        with tempfile.TemporaryDirectory() as folder:
            with start(options, kinds, first, folder) as process:
                yield from spoken(process, Path(folder))
            if process.returncode == 0:
                return
            position = Path(folder, "position")
            if not position.exists():
                raise SystemExit(f"the child could not begin; it ended with {process.returncode}")
            name, number = position.read_text().split("\n")
            yield {"kind": name, "number": int(number), "wrong": [f"the process ended with {process.returncode}"]}
            kinds, first = kinds[kinds.index(name) :], int(number) + 1


def start(options: argparse.Namespace, kinds: list[str], first: int, folder: str) -> subprocess.Popen:
    settings = [f"--seed={options.seed}", f"--count={options.count}", f"--step={options.step}", "--kinds", *kinds]
    only = [] if options.only is None else [f"--only={options.only}"]
    command = [sys.executable, "-m", "tools.fuzz", "--child", folder, f"--first={first}", *settings, *only]
    environment = {**os.environ, "SEQUAX_CACHE": "off"}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)  # its files would be opened while the reader is watched
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)


def spoken(process: subprocess.Popen, folder: Path) -> Iterator[dict[str, Any]]:
    """Lines of a child until it ends; it is killed when it says nothing for too long."""
    import selectors

    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while process.poll() is None:
            if not selector.select(SILENCE):
                process.kill()
                break
            line = process.stdout.readline()
            if line.startswith("{"):
                yield json.loads(line)
    for line in process.stdout:
        if line.startswith("{"):
            yield json.loads(line)
    process.wait()


def run(options: argparse.Namespace) -> int:
    """Read all cases and show how far it is; returns the number of findings."""
    print(
        f"seed {options.seed}, {options.count} changed bytes per kind, lengths in steps of {options.step}", flush=True
    )
    started, findings = time.monotonic(), 0
    outcomes: dict[str, Counter[str]] = {name: Counter() for name in options.kinds}
    live = sys.stderr.isatty()
    for line in children(options):
        if "wrong" in line:
            findings += 1
            print(f"FOUND {line['kind']!r} --seed {options.seed} --only {line['number']}: {'; '.join(line['wrong'])}")
        else:
            outcomes[line["kind"]].update(line["outcomes"])
            if live:
                print(f"\r{line['kind']}: {line['done']:,} of {line['total']:,} ", end="", file=sys.stderr, flush=True)
            elif line["done"] == line["total"]:
                print(f"{line['kind']}: {line['total']:,} cases of a file of {line['size']:,} bytes", flush=True)
    for name, counted in outcomes.items():
        print(f"{name:<26} {', '.join(f'{count:,} {outcome}' for outcome, count in sorted(counted.items()))}")
    total = sum(sum(counted.values()) for counted in outcomes.values())
    print(f"{total:,} cases in {time.monotonic() - started:.0f} s: {findings or 'nothing'} found")
    return findings


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.fuzz", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--count", type=int, default=10_000, help="changed bytes per kind (default: 10,000)")
    parser.add_argument("--step", type=int, default=1, help="between two lengths (default: 1, every length)")
    parser.add_argument("--seed", type=int, default=0, help="of the changed bytes (default: 0)")
    parser.add_argument("--only", type=int, help="the number of one case")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--first", type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    options = parsed(arguments)
    if options.child is None:
        return 1 if run(options) else 0
    folder = Path(options.child)
    with contextlib.chdir(folder):
        work(folder, options, options.first)
    return 0


if __name__ == "__main__":
    sys.exit(main())
