"""The pages of the documentation site, from the files of the repository: `python -m tools.docs_pages build`.

Pages keep their places (`README.md`, `docs/...`), so that links between them hold. What is added is a page per example,
the reference, in which each public name stands once, and `mkdocs.yml` with the order of all.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = "reference"
MANY = 60  # entries; a namespace with more has a page for each of its modules
ALONE = ("sequax",)  # whose classes have pages of their own, as they show what they inherit
# From a prompt to the next empty line that no other prompt follows.
DOCTEST = re.compile(r"^( *)>{3} .*(?:\n(?!\n).*|\n\n(?=\1>{3} ).*)*", re.M)

# Pages by subject; every page of docs/ is in one of these, or the build warns and fails.
CHAPTERS = {
    "Start": ["README.md", "docs/installation.md", "docs/migrating.md", "docs/notebooks.md", "docs/compared.md"],
    "Guides": [
        *("docs/data.md", "docs/shapes.md", "docs/around_fit.md", "docs/fit_and_evaluate.md", "docs/fine-tuning.md"),
        *("docs/applications.md", "docs/ensemble.md", "docs/resume.md", "docs/files.md", "docs/scikit_learn.md"),
        "docs/distribution.md",
        *("docs/export.md", "docs/serving.md", "docs/browser.md", "docs/quantization.md"),
        "docs/trackers_and_hubs.md",
        "docs/security.md",
    ],
    "Speed": ["docs/performance.md"],
    "Inside": ["docs/differences.md", "docs/extending.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"],
}
# Notebooks in the order in which one would read them; the build runs them.
GALLERY = ["tables", "series", "images", "texts", "transfer", "gan", "reinforcement", "deployment"]
SECTIONS = ("Start", "Guides", "Gallery", "Examples", "Reference", "Speed", "Inside")


class Entry(NamedTuple):
    """A public name and what it stands for."""

    namespace: str
    name: str
    target: Any

    @property
    def path(self) -> str:
        return f"{self.namespace}.{self.name}"


def inside(namespace: str) -> list[str]:
    """The public modules in a public module."""
    module = importlib.import_module(namespace)
    found = [getattr(module, name) for name in module.__all__]
    return [inner.__name__ for inner in found if isinstance(inner, ModuleType) and inner.__name__.startswith(namespace)]


def namespaces(root: str = "sequax") -> list[str]:
    """All public modules, each before those in it."""
    return [root, *(name for inner in inside(root) for name in namespaces(inner))]


def entries(namespace: str) -> list[Entry]:
    """The public names of a module that are no modules themselves."""
    module = importlib.import_module(namespace)
    found = [Entry(namespace, name, getattr(module, name)) for name in sorted(module.__all__, key=str.lower)]
    return [entry for entry in found if not isinstance(entry.target, ModuleType) and not entry.name.startswith("__")]


def homes() -> dict[int, Entry]:
    """The one entry of each object that is written out: under its own name, in the first namespace that has it."""
    found: dict[int, Entry] = {}
    for entry in [entry for namespace in namespaces() for entry in entries(namespace)]:
        own = found.get(id(entry.target))
        proper = entry.name == getattr(entry.target, "__name__", entry.name)
        if own is None or (proper and own.name != getattr(own.target, "__name__", own.name)):
            found[id(entry.target)] = entry
    return found


def family(entry: Entry) -> str:
    """The title of the page that has an entry: the module inside the namespace that the object comes from."""
    if entry.namespace in ALONE:
        return entry.name if inspect.isclass(entry.target) else "functions"
    package = importlib.import_module(entry.namespace)
    for name, module in vars(package).items():
        if isinstance(module, ModuleType) and entry.name in getattr(module, "__all__", ()):
            return name
    inside, found, rest = entry.target.__module__.partition(f"{entry.namespace}.")
    return rest.partition(".")[0] if found and not inside else "more"


def title(namespace: str, part: str) -> str:
    """The title of a page: the name of a class, or that of a module as words."""
    return part if namespace in ALONE else part.replace("_", " ")


def with_fences(docstring: str) -> str:
    """A docstring whose doctests are fenced blocks: in Markdown, `>>>` would be a quotation."""
    text = re.sub(r"^( *)Example:$", r"\1**Example**", docstring, flags=re.M)
    return DOCTEST.sub(lambda found: f"{found[1]}```pycon\n{found[0].rstrip()}\n{found[1]}```", text)


def sentence(target: Any) -> str:
    """The first sentence of a docstring, as a cell of a table."""
    paragraph = " ".join((inspect.getdoc(target) or "").partition("\n\n")[0].split())
    first = re.split(r"(?<=[.]) (?=[A-Z`])", paragraph)[0]
    return re.sub(r"(`[^`]*`)|\|", lambda found: found[1] or "\\|", first)  # a bar in code divides no cells


def row(entry: Entry, home: Entry) -> str:
    if entry.path == home.path:
        return f"| [`{entry.name}`][{home.path}] | {sentence(entry.target)} |"
    return f'| <a id="{entry.path}"></a>[`{entry.name}`][{home.path}] | the same as `{home.path}` |'


def written_out(entry: Entry) -> str:
    """The directive that the reference generator replaces by signature, docstring and methods."""
    inherited = "\n    options:\n      inherited_members: true" if entry.namespace in ALONE else ""
    return f"::: {entry.path}{inherited}\n"


def reference() -> Iterator[tuple[str, str]]:
    """Paths and texts of the pages of the reference."""
    home = homes()
    for namespace in namespaces():
        public = entries(namespace)
        own = [entry for entry in public if home[id(entry.target)] == entry]
        lines = [f"# {namespace}", "", inspect.getdoc(importlib.import_module(namespace)) or "", ""]
        if inside(namespace):
            lines += ["Inside: " + ", ".join(f"[{name}](../{name}/index.md)" for name in inside(namespace)), ""]
        if public:
            lines += ["| name | |", "|---|---|", *(row(entry, home[id(entry.target)]) for entry in public), ""]
        split = len(own) > MANY or namespace in ALONE
        yield f"{namespace}/index.md", "\n".join(lines if split else [*lines, *map(written_out, own)])
        if split:
            for part in sorted({family(entry) for entry in own}):
                text = "\n".join(written_out(entry) for entry in own if family(entry) == part)
                yield f"{namespace}/{part}.md", f"# {namespace}: {title(namespace, part)}\n\n{text}"


def example(path: Path) -> str:
    """A page that shows an example: its docstring as text, its source below."""
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    code = "".join(source.splitlines(keepends=True)[tree.body[0].end_lineno :]).lstrip()
    return f"# {path.name}\n\n{ast.get_docstring(tree)}\n\n```python\n{code}```\n"


def write(folder: Path, path: str, text: str) -> None:
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")


def link_to_pages(text: str) -> str:
    """Links to examples lead to their pages."""
    return re.sub(r"(\]\([^)\s]*examples/\w+)\.py\)", r"\1.md)", text)


def order(pages: Path) -> list[dict[str, Any]]:
    """The contents of the site as mkdocs wants them."""
    design = sorted(str(path.relative_to(pages)) for path in (pages / "docs" / "design").glob("*.md"))
    tree: dict[str, Any] = {title: list(chapter) for title, chapter in CHAPTERS.items()}
    tree["Inside"] += [{"Design": design}]
    tree["Gallery"] = [f"examples/notebooks/{name}.ipynb" for name in GALLERY]
    tree["Examples"] = sorted(str(path.relative_to(pages)) for path in (pages / "examples").glob("*.md"))
    tree["Reference"] = contents(pages, "sequax")["sequax"]
    return [{title: tree[title]} for title in SECTIONS]


def contents(pages: Path, namespace: str) -> dict[str, Any]:
    """A namespace with its pages and the namespaces inside."""
    first = pages / REFERENCE / namespace / "index.md"
    others = sorted({*first.parent.glob("*.md")} - {first}, key=lambda path: path.stem.lower())
    parts = [{title(namespace, path.stem): str(path.relative_to(pages))} for path in others]
    below = [*parts, *(contents(pages, name) for name in inside(namespace))]
    return {namespace: [str(first.relative_to(pages)), *below] if below else str(first.relative_to(pages))}


def build(folder: Path) -> None:
    """Write the pages and the file that tells mkdocs about them."""
    pages = folder / "pages"
    shutil.rmtree(pages, ignore_errors=True)
    shutil.copytree(ROOT / "docs", pages / "docs")
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        write(pages, str(path.relative_to(ROOT)), link_to_pages(path.read_text(encoding="utf-8")))
    for path in (ROOT / "examples").glob("*.py"):
        write(pages, f"examples/{path.stem}.md", example(path))
    shutil.copytree(ROOT / "examples" / "notebooks", pages / "examples" / "notebooks")
    for name, text in reference():
        write(pages, f"{REFERENCE}/{name}", text)
    shutil.copy(ROOT / "tools" / "site.css", pages)
    settings = {"INHERIT": "../mkdocs.yml", "docs_dir": "pages", "site_dir": "site", "nav": order(pages)}
    write(folder, "mkdocs.yml", json.dumps(settings, indent=1))


if __name__ == "__main__":
    build(Path(sys.argv[1]))
