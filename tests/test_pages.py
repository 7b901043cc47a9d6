"""The examples of pages run, one after another in one namespace each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"
PAGES = ["around_fit.md", "fit_and_evaluate.md", "notebooks.md", "shapes.md"]


def examples(page):
    return re.findall(r"^```python\n(.*?)^```", (DOCS / page).read_text(encoding="utf-8"), re.M | re.S)


@pytest.mark.parametrize("page", PAGES)
def test_examples_run(page, tmp_path, monkeypatch):
    from sequax.core import tracebacks

    monkeypatch.chdir(tmp_path)
    filtering, namespace = tracebacks.filtering(), {"__name__": page}
    try:
        found = examples(page)
        for number, source in enumerate(found):
            exec(compile(source, f"{page}, example {number}", "exec"), namespace)
    finally:
        tracebacks.set_filtering(filtering)
    assert found
