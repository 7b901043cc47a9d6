"""The cache of compiled programs on disk: private, movable, and off when told so."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import sequax
from sequax.training import compiled

MODEL = """
import numpy as np, sequax
model = sequax.Sequential([sequax.Input((2,)), sequax.layers.Dense(1)])
"""
FIT = """
model.compile("sgd", "mse")
model.fit(np.ones((ROWS, 2)), np.ones((ROWS, 1)), verbose=0)
"""
CALL = "model(np.ones((1, 2)))"


def run(setting, home, rows=8, script=FIT):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("JAX_") or k == "JAX_PLATFORMS"}
    environment.update(SEQUAX_CACHE=setting, HOME=str(home), XDG_CACHE_HOME=str(home / ".cache"))
    subprocess.run(
        [sys.executable, "-c", MODEL + script.replace("ROWS", str(rows))], check=True, env=environment, cwd=home
    )


@pytest.mark.parametrize("setting, script", [("", FIT), ("{home}/elsewhere", CALL)])
def test_programs_are_kept_in_a_private_folder(setting, script, tmp_path):
    run(setting.format(home=tmp_path), tmp_path, script=script)
    (folder,) = tmp_path.glob("**/programs/*")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert any(folder.iterdir())
    assert ("elsewhere" in str(folder)) == bool(setting)


def test_programs_serve_other_numbers_of_rows_in_another_process(tmp_path):
    kept = []
    for rows in (70, 61):
        run("", tmp_path, rows)
        kept.append({path.name for path in tmp_path.glob("**/*-cache")})
    assert kept[0] == kept[1] != set()


def test_off_writes_nothing(tmp_path):
    run("off", tmp_path)
    assert not list(tmp_path.glob("**/programs"))


@pytest.mark.parametrize("longest, calls", [(0.0, [0]), (3600.0, [])])
def test_memory_is_given_back_after_long_compilations(longest, calls, monkeypatch):
    trimmed = []
    monkeypatch.setattr(compiled, "LONG", longest)
    monkeypatch.setattr(compiled.ctypes, "CDLL", lambda name: SimpleNamespace(malloc_trim=trimmed.append))
    monkeypatch.setattr(compiled.sys, "platform", "linux")
    model = sequax.Sequential([sequax.layers.Dense(3, activation="softplus")])
    model.compile("sgd", "mse")
    model.fit(np.ones((7, 5)), np.ones((7, 3)), verbose=0)
    assert trimmed == calls
