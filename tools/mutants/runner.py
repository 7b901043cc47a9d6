"""A process that has imported what takes seconds to import, but not Sequax, and forks a child for each run of tests.

Half the time of a mutant would else go into starting Python, JAX and Keras. Nothing is computed before the fork, so JAX
has no threads yet that the child would lack.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Any

IMPORTED = ("jax", "jax.numpy", "keras", "numpy", "pandas", "pytest", "beartype")  # no plugins of pytest: it loads them


class Runner:
    """The parent's end of it; closing it ends the process."""

    def __init__(self, root: Path):
        command = [sys.executable, "-W", "ignore", "-m", "tools.mutants.runner", str(root)]
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path.cwd(), env=environment
        )

    def run(self, copy: Path, arguments: list[str], limit: float) -> dict[str, Any]:
        """Run pytest in a copy: its exit code (None: it took longer than `limit` seconds) and what it printed."""
        assert self._process.stdin is not None and self._process.stdout is not None
        print(json.dumps([str(copy), arguments, limit]), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def serve(root: Path) -> None:
    prepare(root)
    for line in sys.stdin:
        copy, arguments, limit = json.loads(line)
        output = Path(copy) / "output.txt"
        child = os.fork()
        if child == 0:
            run_tests(copy, arguments, output)
        code = wait(child, limit)
        printed = output.read_text(encoding="utf-8", errors="replace") if output.exists() else ""
        print(json.dumps({"code": code, "printed": printed[-20_000:]}), flush=True)


def prepare(root: Path) -> None:
    """Settings of the suite's conftest, which JAX and Keras read when they are imported; then the imports."""
    os.environ["SEQUAX_TYPECHECK"] = "0"  # the hook is for the child, where Sequax is imported
    spec = importlib.util.spec_from_file_location("settings_of_the_suite", root / "tests" / "conftest.py")
    assert spec is not None and spec.loader is not None
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    del os.environ["SEQUAX_TYPECHECK"]
    for name in IMPORTED:
        importlib.import_module(name)


def run_tests(copy: str, arguments: list[str], output: Path) -> None:
    """In the child: never returns."""
    os.setsid()  # so that what the tests start ends with them
    handle = os.open(output, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.chdir(copy)
    sys.path[0] = copy
    os.environ["PYTHONPATH"] = copy
    code = 99
    try:
        import pytest

        code = int(pytest.main(arguments))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def wait(child: int, limit: float) -> int | None:
    until = time.monotonic() + limit
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
