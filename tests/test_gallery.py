"""The notebooks of the gallery, which `make docs` runs: kept without outputs, and one of them runs here too."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tools.docs_pages import GALLERY

nbformat = pytest.importorskip("nbformat")
FOLDER = Path(__file__).resolve().parents[1] / "examples" / "notebooks"
NOTEBOOKS = sorted(path.stem for path in FOLDER.glob("*.ipynb"))


def read(name):
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def test_each_notebook_has_its_place_in_the_gallery():
    assert sorted(GALLERY) == NOTEBOOKS


def test_the_build_runs_each_notebook_anew():
    """A cache of mkdocs-jupyter knows the text of a notebook, and nothing of the package that it runs."""
    settings = (Path(__file__).resolve().parents[1] / "mkdocs.yml").read_text(encoding="utf-8")
    assert re.search(r"^ +execute: true$", settings, re.M) and re.search(r"^ +cache: false\b", settings, re.M)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebooks_are_kept_as_they_were_written(name):
    notebook = read(name)
    nbformat.validate(notebook)
    assert notebook.cells[0].cell_type == "markdown" and notebook.cells[0].source.startswith("# ")
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None
            ast.parse(cell.source)


def test_a_notebook_runs(tmp_path):
    nbclient = pytest.importorskip("nbclient")
    notebook = read("tables")
    client = nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert not any(output.output_type == "error" for output in shown)
    assert sum("image/png" in output.get("data", {}) for output in shown) == 3  # curves, columns, spread
    said = "".join(output.get("text", "") for output in shown)
    assert "426 rows to learn from" in said and "% right" in said
