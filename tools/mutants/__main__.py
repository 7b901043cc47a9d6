"""Draw mutants, run the tests that should notice them, and tell which they did not."""

from __future__ import annotations

import argparse
import difflib
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from .places import Mutant, sample
from .runner import Runner
from .suite import Suite, write_json

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ["core", "training", "data", "losses", "metrics", "optimizers", "kernels", "saving"]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.mutants", description=__doc__)
    parser.add_argument("--count", type=int, default=300, help="mutants to try (300)")
    parser.add_argument("--seed", type=int, default=1, help="which sample (1)")
    parser.add_argument("--packages", default=",".join(PACKAGES), help="folders of sequax to change")
    parser.add_argument("--minutes", type=float, default=120, help="stop after so many minutes (120)")
    parser.add_argument("--jobs", type=int, default=2, help="mutants tried at a time (2)")
    parser.add_argument("--patience", type=float, default=60, help="seconds of tests a mutant has to survive (60)")
    parser.add_argument("--folder", type=Path, default=ROOT / ".mutants", help="where the map of the tests is kept")
    parser.add_argument("--json", type=Path, help="write what became of each mutant")
    options = parser.parse_args()

    commit = git("rev-parse", "--short=12", "HEAD")
    folder = options.folder.resolve() / commit
    whole = folder / "code"
    if not whole.exists():
        export(whole)
    suite = Suite(whole, folder / "map", options.patience)
    mutants = sample(whole, options.packages.split(","), options.count, options.seed)
    print(f"{len(mutants)} mutants of {commit}, sample {options.seed}", flush=True)
    rows = run(mutants, suite, whole, options.jobs, time.monotonic() + 60 * options.minutes)
    if options.json:
        write_json(options.json, rows)
    return report(rows, len(mutants))


def run(mutants: list[Mutant], suite: Suite, whole: Path, jobs: int, until: float) -> list[dict[str, Any]]:
    """Try the mutants in as many copies as there are jobs."""
    waiting: queue.SimpleQueue[Mutant] = queue.SimpleQueue()
    for mutant in mutants:
        waiting.put(mutant)
    rows: list[dict[str, Any]] = []

    def work() -> None:
        with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
            copy = Path(folder) / "code"
            shutil.copytree(whole, copy)
            runner = Runner(whole)
            while time.monotonic() < until:
                try:
                    mutant = waiting.get_nowait()
                except queue.Empty:
                    break
                rows.append(try_one(mutant, suite, runner, whole, copy))
                print(f"{len(rows):4d}/{len(mutants)}  {rows[-1]['outcome']:8s}  {mutant.name}", flush=True)
            runner.close()

    threads = [threading.Thread(target=work) for _ in range(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return rows


def try_one(mutant: Mutant, suite: Suite, runner: Runner, whole: Path, copy: Path) -> dict[str, Any]:
    source = (whole / mutant.path).read_text(encoding="utf-8")
    changed = mutant.applied(source)
    tests = suite.covering(mutant.path, mutant.start[0])
    changed_file = copy / mutant.path
    began = time.monotonic()
    try:
        changed_file.write_text(changed, encoding="utf-8")
        noticed, ran = suite.notices(runner, copy, tests) if tests else (None, 0)
    finally:
        changed_file.write_text(source, encoding="utf-8")
    outcome = "caught" if noticed else "survived" if tests else "not run"
    diff = list(difflib.unified_diff(source.splitlines(), changed.splitlines(), lineterm="", n=0))[3:]
    return {
        "mutant": mutant.name,
        "package": mutant.path.split("/")[1],
        "outcome": outcome,
        "by": noticed,
        "tests": ran,
        "seconds": round(time.monotonic() - began, 1),
        "diff": diff,
    }


def report(rows: list[dict[str, Any]], wanted: int) -> int:
    """Print the survivors and the figures; 1 if fewer than nine in ten were caught."""
    for row in rows:
        if row["outcome"] != "caught":
            print(f"\n{row['outcome']}: {row['mutant']} ({row['tests']} tests ran)", *row["diff"], sep="\n  ")
    print()
    for package, number in sorted(Counter(row["package"] for row in rows).items()):
        caught = sum(row["package"] == package and row["outcome"] == "caught" for row in rows)
        print(f"{package:12s} {caught:3d} of {number:3d} caught")
    caught = sum(row["outcome"] == "caught" for row in rows)
    print(f"{caught} of {len(rows)} caught, {caught / max(len(rows), 1):.1%}")
    if len(rows) < wanted:
        print(f"Time was up before the other {wanted - len(rows)} were tried.")
    return int(caught < 0.9 * len(rows))


def export(folder: Path) -> None:
    """The files of the last commit, in a folder of their own."""
    folder.mkdir(parents=True)
    archive = subprocess.Popen(["git", "archive", "HEAD"], cwd=ROOT, stdout=subprocess.PIPE)
    subprocess.run(["tar", "x", "-C", str(folder)], stdin=archive.stdout, check=True)
    if archive.wait():
        raise SystemExit("git archive failed")


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
