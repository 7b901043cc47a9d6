"""Libraries built on Keras, unchanged, under `sequax run`: each script in `tests/libraries` in a process of its own."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

SCRIPTS = {
    "tuner": ("keras_tuner", "sequax.applications"),
    "scikeras_wrappers": ("scikeras",),
    "bars": ("tqdm",),
    "pruning": ("optuna", "optuna_integration"),
    "live_plots": ("livelossplot",),
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_library_built_on_keras_works(script, tmp_path):
    missing = [name for name in SCRIPTS[script] if not _is_there(name)]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}: pip install 'sequax[dev]'")
    path = ROOT / "tests" / "libraries" / f"{script}.py"
    done = subprocess.run(
        [sys.executable, "-m", "sequax", "run", str(path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def _is_there(module):
    try:
        return importlib.util.find_spec(module) is not None
    except ImportError:  # an absent namespace of ours
        return False
