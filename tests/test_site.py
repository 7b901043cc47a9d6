"""What the site is built from: links of pages lead somewhere, and each public name has its place in the reference."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from types import ModuleType

import pytest

from tools import docs_pages

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FENCED = re.compile(r"^```.*?^```", re.M | re.S)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    """The names of a page's headings, as GitHub and the site make them."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", page.read_text(encoding="utf-8")), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def dead(page: Path) -> list[str]:
    """Local links of a page to files or headings that are not there."""
    found = []
    for link in LINK.findall(FENCED.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            found.append(link)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    assert dead(page) == []


def test_dead_links_are_seen(tmp_path):
    (tmp_path / "b.md").write_text("# One, two\n")
    (tmp_path / "a.md").write_text(
        "[1](b.md) [2](c.md) [3](b.md#one-two) [4](b.md#one) [5](https://x.y)\n```\n[6](d)\n```\n"
    )
    assert dead(tmp_path / "a.md") == ["c.md", "b.md#one"]


def test_each_public_name_stands_in_the_reference():
    texts = "\n".join(text for _, text in docs_pages.reference())
    written = re.findall(r"^::: (\S+)$", texts, re.M)
    shown = {*written, *re.findall(r'<a id="([^"]+)">', texts)}
    assert len(written) == len(set(written))
    public = set()
    for namespace in docs_pages.namespaces():
        module = importlib.import_module(namespace)
        names = [name for name in module.__all__ if not name.startswith("__")]
        public |= {f"{namespace}.{name}" for name in names if not isinstance(getattr(module, name), ModuleType)}
    assert {"sequax.Sequential", "sequax.layers.AvgPool2D", "sequax.ops.linalg.norm"} <= public
    assert public - shown == set()


def test_each_page_has_a_chapter():
    named = {page for chapter in docs_pages.CHAPTERS.values() for page in chapter}
    pages = {str(page.relative_to(ROOT)) for page in PAGES if page.parent.name != "design"}
    assert named == pages


def test_links_to_examples_lead_to_their_pages():
    assert docs_pages.link_to_pages("[a](../examples/guide_gan.py), [b](x.py)") == (
        "[a](../examples/guide_gan.md), [b](x.py)"
    )


def test_an_example_shows_its_docstring_once():
    page = docs_pages.example(ROOT / "examples" / "tabular.py")
    assert page.startswith("# tabular.py\n\nA regression on a table") and page.count("A regression on a table") == 1
    assert page.endswith("```\n") and "import sequax as keras" in page


def test_doctests_become_blocks_of_code():
    docstring = (
        "Adds.\n\nExample:\n\n>>> 1 + 1\n2\n\n>>> 2 + 2\n4\n\nMore.\n\nArgs:\n    x: such as\n        >>> 3\n        3"
    )
    assert docs_pages.with_fences(docstring) == (
        "Adds.\n\n**Example**\n\n```pycon\n>>> 1 + 1\n2\n\n>>> 2 + 2\n4\n```\n\nMore.\n\n"
        "Args:\n    x: such as\n        ```pycon\n        >>> 3\n        3\n        ```"
    )


def test_bars_divide_no_cells():
    def either():
        """Left | right, or `a | b`. And more."""

    assert docs_pages.sentence(either) == "Left \\| right, or `a | b`."
