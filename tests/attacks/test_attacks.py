"""Every way to attack by a file or a config, through every entry point: refused, with nothing run, opened or taken.

`configs.py` and `files.py` hold the attacks, one named case each; `child.py` makes them in a process that `watch.py`
watches. What they show is the contract in docs/security.md.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from . import child, entries, files

ROOT = Path(__file__).resolve().parents[2]
MEGABYTES = 64  # beyond what was in memory before; bombs and claims would take hundreds
LONGEST_MESSAGE = 4000  # the place alone may be 25 models deep
ALSO = {"either": ("refused", "loaded"), "ValueError": ("refused",), "any": ("refused", "loaded", "ValueError")}
GROUPS = {"files": 1400, "configs": 2600}  # and the fewest attempts
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory and limits are read from /proc")


def run_child(group: str, folder: Path, done: int) -> list[dict]:
    environment = {**os.environ, "SEQUAX_CACHE": "off", "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)  # its files would be opened while attacks are watched
    command = [sys.executable, "-m", "tests.attacks.child", group, str(folder), str(done)]
    found = subprocess.run(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300
    )
    lines = [json.loads(line) for line in found.stdout.splitlines() if line.startswith("{")]
    if found.returncode and not lines:
        raise AssertionError(f"the child could not begin: {found.stderr[-2000:]}")
    if found.returncode:
        lines.append({**lines[-1], "outcome": f"the process ended by {found.returncode}", "rest": found.stderr[-500:]})
    return lines


def attempts(group: str, folder: Path) -> list[dict]:
    """The reports of all cases; behind one that ended the process, another one goes on."""
    found: list[dict] = []
    while not found or found[-1]["outcome"].startswith("the process ended"):
        part = folder / f"part{len(found)}"
        part.mkdir()
        for name, text in files.BAITS.items():
            (part / name).write_text(text)
        lines = run_child(group, part, found[-1]["number"] + 1 if found else 0)
        if not any("outcome" in line for line in lines):
            break
        found += [line for line in lines if "outcome" in line]
    return found


def wrong(one: dict) -> list[str]:
    """What is against the contract in one report."""
    found = []
    if one["outcome"] not in (one.get("expected"), *ALSO.get(one.get("expected", ""), ())):
        found.append(f"{one['outcome']}: {one.get('message', '')}")
    if "MemoryError" in one.get("message", ""):
        found.append(f"memory was asked for: {one['message']}")
    found += [f"event {event}" for event in one.get("events", [])]
    found += [f"imported {name}" for name in one.get("imported", [])]
    found += [what for what in ("marker", "changed") if one.get(what)]
    if one.get("megabytes", 0) > MEGABYTES:
        found.append(f"{one['megabytes']} MB")
    if one.get("length", 0) > LONGEST_MESSAGE:
        found.append(f"a message of {one['length']} characters")
    return found


def test_the_watch_sees_what_is_not_allowed(tmp_path, monkeypatch):
    monkeypatch.setenv("ATTACK_SECONDS", "0.5")
    monkeypatch.setenv("ATTACK_WAITING", "2")
    found = attempts("caught", tmp_path)
    seen = {one["case"]: "; ".join(wrong(one)) for one in found}
    signs = {"file": "secret.txt", "file for writing": "new.txt", "import": "imported evil_module", "code": "exec"}
    signs |= {"command": "os.system", "network": "AssertionError", "memory": "MB", "more memory": "MemoryError"}
    signs |= {"time": "TookTooLong", "waiting": "TookTooLong", "crash": "the process ended"}
    assert {name: sign for name, sign in signs.items() if sign not in seen.get(name, "")} == {}, seen


def test_every_public_function_that_takes_a_file_or_a_config_is_known():
    import importlib
    import inspect
    import re

    public = (
        "models",
        "saving",
        "layers",
        "optimizers",
        "utils",
        "dtype_policies",
        "preprocessing",
        "optimizers.schedules",
    )
    namespaces = {}
    for name in (*public, *(f"datasets.{one}" for one in ("mnist", "digits", "imdb")), *child.FAMILIES):
        parent, _, last = f"sequax.{name}".rpartition(".")
        namespaces[name] = getattr(importlib.import_module(parent), last)
    for module in namespaces.values():
        for name in dir(module):
            thing = getattr(module, name)
            takes = re.search(r"deserial|load|from_(?!keras_tensor)|clone|^get(_file)?$|^model_from", name)
            if takes and not name.startswith("_") and inspect.isroutine(thing):
                place = f"{thing.__module__}.{thing.__qualname__}".removeprefix("sequax.")
                assert any(place.startswith(known) for known in entries.PUBLIC), f"{place}: where is it attacked?"


@pytest.mark.parametrize("group", GROUPS)
def test_attacks(group, tmp_path):
    found = attempts(group, tmp_path)
    failures = [f"{one['case']} by {one['way']}: {'; '.join(wrong(one))}" for one in found if wrong(one)]
    assert not failures, "\n".join([f"{len(failures)} of {len(found)}:", *failures])
    assert len(found) >= GROUPS[group]
    assert not any((tmp_path / name).exists() for name in ("evil", "evil.txt", "marker"))
