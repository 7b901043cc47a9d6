"""The tests seen as a map from lines to the tests that run them, and running some of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from .runner import Runner

NEAREST = 6  # files of tests that are tried before all others
PER_FILE = 5  # tests of each of them
STARTUP = 60.0  # seconds allowed beside those of the tests themselves
SLOWER = 5.0  # a mutant may be so many times slower before it counts as endless


class Suite:
    """Which tests run which line, and how long each takes; measured once per commit and kept in a folder.

    Args:
        root: a copy of the repository that nobody changes.
        folder: where the map is kept.
        patience: tests that cover a line are run up to so many seconds (of the unchanged code).
    """

    def __init__(self, root: Path, folder: Path, patience: float):
        self.root, self.folder, self.patience = root, folder, patience
        if not (folder / "junit.xml").exists():
            self._measure()
        self.seconds = self._read_seconds()
        self.sizes: dict[str, int] = defaultdict(int)
        for test in self.seconds:
            self.sizes[test.split("::")[0]] += 1

    def _measure(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        print("Running the suite once, to learn which tests run which line ...", flush=True)
        options = ["--cov=sequax", "--cov-context=test", "--cov-report=", "--junitxml", str(self.folder / "junit.xml")]
        command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "worksteal", *options]
        environment = {**_environment(self.root), "COVERAGE_FILE": str(self.folder / "coverage")}
        subprocess.run(command, cwd=self.root, env=environment, stdout=subprocess.DEVNULL, check=False)

    def _read_seconds(self) -> dict[str, float]:
        seconds = {}
        for case in ElementTree.parse(self.folder / "junit.xml").iter("testcase"):
            if not len(case):  # neither failed nor skipped
                file = case.get("classname", "").replace(".", "/") + ".py"
                seconds[f"{file}::{case.get('name')}"] = float(case.get("time", "0"))
        return seconds

    def covering(self, path: str, line: int) -> list[str]:
        """Tests that run a line: the nearest files first, in each the quickest first."""
        import coverage

        data = coverage.CoverageData(str(self.folder / "coverage"))
        data.read()
        by_line = data.contexts_by_lineno(str(self.root / path))
        found = self._tests_of(by_line.get(line, []))
        if not found and line in by_line:  # it runs when the file is imported: any test of the file sees its effect
            found = self._tests_of(context for contexts in by_line.values() for context in contexts)
        by_file: dict[str, list[str]] = defaultdict(list)
        for test in found:
            by_file[test.split("::")[0]].append(test)
        # The nearest file is the one of whose tests most run the line.
        files = sorted(by_file, key=lambda file: (-len(by_file[file]) / self.sizes[file], file))
        for tests in by_file.values():
            tests.sort(key=self.seconds.__getitem__)
        near = [by_file[file][i] for i in range(PER_FILE) for file in files[:NEAREST] if i < len(by_file[file])]
        rest = found.difference(near)
        return near + sorted(rest, key=self.seconds.__getitem__) + self._beside(files[:NEAREST], found)

    def _beside(self, files: list[str], found: set[str]) -> list[str]:
        """The other tests of the nearest files.

        What a fixture of a module or a cached helper computes is credited to the test that happened to come first.
        """
        others = (test for test in self.seconds if test.split("::")[0] in files and test not in found)
        return sorted(others, key=self.seconds.__getitem__)

    def _tests_of(self, contexts: Iterable[str]) -> set[str]:
        return {test for context in contexts if (test := context.split("|")[0]) in self.seconds}

    def notices(self, runner: Runner, copy: Path, tests: list[str]) -> tuple[str | None, int]:
        """Run tests in a changed copy until one fails; returns that one (None: all pass) and how many there were."""
        within: list[str] = []
        spent = 0.0
        for test in tests:
            spent += self.seconds[test]
            if spent > self.patience and within:
                break
            within.append(test)
        near = NEAREST * PER_FILE
        for some in (within[:near], within[near:]):
            if some and (failed := self._run(runner, copy, some)):
                return failed, len(within)
        return None, len(within)

    def _run(self, runner: Runner, copy: Path, tests: list[str]) -> str | None:
        listed = copy / "tests.args"
        listed.write_text("\n".join(tests), encoding="utf-8")
        options = ["-q", "-x", "--tb=no", "-p", "no:cacheprovider", "-p", "no:xdist", f"@{listed.name}"]
        done = runner.run(copy, options, STARTUP + SLOWER * sum(map(self.seconds.__getitem__, tests)))
        if done["code"] is None:
            return "(endless)"
        if done["code"] == 0:
            return None
        failed = [line for line in done["printed"].splitlines() if line.startswith(("FAILED ", "ERROR "))]
        return failed[0].split(" ", 1)[1] if failed else f"(exit {done['code']})"


def _environment(root: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}


def write_json(path: Path, rows: list[dict]) -> None:
    path.write_text(json.dumps(rows, indent=1), encoding="utf-8")
