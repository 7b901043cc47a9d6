"""The code in docs/extending.md runs, as the files it says it is."""

from __future__ import annotations

import re
import sys
import types
from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent / "docs" / "extending.md"


def blocks():
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)


@pytest.fixture
def catalogues():
    """Catalogues are left as they were: other tests count what is in them."""
    from sequax.core import catalogue

    families = [catalogue.family(f"keras.{name}") for name in ("layers", "losses", "metrics", "optimizers")]
    tables = [table for family in families for table in (family.classes, family.functions, family.aliases)]
    before = [dict(table) for table in tables]
    yield
    for table, old in zip(tables, before, strict=True):
        table.clear()
        table.update(old)


def test_the_code_runs(catalogues, monkeypatch):
    names = {}
    written = []
    for code in blocks():
        path = re.match(r"# (sequax/[\w/]+)\.py\n", code)
        if path is None:
            exec(code, names)
            continue
        module = types.ModuleType(path[1].replace("/", "."))
        module.__package__ = module.__name__.rpartition(".")[0]
        monkeypatch.setitem(sys.modules, module.__name__, module)
        exec(code, vars(module))
        names |= {name: value for name, value in vars(module).items() if not name.startswith("_")}
        written.append(module.__name__)
    assert len(written) == 5


def test_the_check_warns():
    import numpy as np

    code = next(code for code in blocks() if "def check_classes" in code)
    names = {"__package__": "sequax.data.checks", "__name__": "sequax.data.checks.classes"}
    exec(code, names)
    schema = types.SimpleNamespace(loss="sparse_categorical_crossentropy")
    names["check_classes"]([np.array([0, 1])], [schema])
    with pytest.warns(UserWarning, match="All targets are class 1"):
        names["check_classes"]([np.array([1, 1])], [schema])


def test_the_files_it_names_exist():
    for path in re.findall(r"`((?:sequax|tests)/[\w/]+(?:\.py|/))`", PAGE.read_text(encoding="utf-8")):
        assert (PAGE.parents[1] / path).exists(), path
