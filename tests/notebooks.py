"""Runs cells in a kernel, as a notebook that is then saved."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

# The kernel gets the package of this checkout, and settings for quick compilation, as the test process has them.
_SETUP = """
import sys
sys.path.insert(0, {root!r})
{hidden}
import numpy as np, sequax
sequax.utils.set_random_seed(0)
def model_of(features, epochs=0):
    model = sequax.Sequential([sequax.Input((features,)), sequax.layers.Dense(4, "relu"), sequax.layers.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    return model
x = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
y = x.sum(1, keepdims=True)
"""
_WITHOUT_WIDGETS = "sys.modules['ipywidgets'] = None"


def executed(cells, widgets=True):
    """The cells as saved, after a first one that makes `model_of`, `x` and `y`."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    root = str(Path(__file__).parent.parent)
    setup = _SETUP.format(root=root, hidden="" if widgets else _WITHOUT_WIDGETS)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in (setup, *cells)])
    environment = {
        **os.environ,
        "SEQUAX_TRACEBACKS": "",
        "IPYTHONDIR": str(Path(os.environ.get("TMPDIR", "/tmp")) / "sequax-tests-ipython"),
    }
    client = nbclient.NotebookClient(
        notebook, timeout=120, kernel_name="python3", allow_errors=True, coalesce_streams=True
    )
    client.execute(env=environment)
    return notebook.cells[1:]


def size(cell):
    """Bytes that the outputs of a cell take in the file."""
    return len(json.dumps(cell.outputs).encode())


def shown(output):
    """What a reader of the notebook sees of an output, as HTML or text."""
    data = output.get("data", {})
    return (
        data.get("text/html") or data.get("text/plain") or output.get("text") or "\n".join(output.get("traceback", ()))
    )
