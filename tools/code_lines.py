"""Count the lines of code of `sequax/` without `compat/`: docstrings, comments and blank lines are not counted.

`python tools/code_lines.py` prints them per folder; `--against COMMIT` adds how many there were, and the change.
"""

from __future__ import annotations

import argparse
import ast
import io
import subprocess
import tarfile
import tokenize
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE, LEFT_OUT = "sequax", "compat"
_NO_CODE = frozenset(
    (
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENCODING,
        tokenize.ENDMARKER,
    )
)


def code_lines(source: str) -> set[int]:
    """The numbers of the lines that hold code.

    >>> sorted(code_lines('"A module."' + chr(10) * 2 + 'x = [' + chr(10) + '    1]  # one' + chr(10)))
    [3, 4]
    """
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in _NO_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines.difference_update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return lines


def present() -> dict[str, str]:
    """The sources of the working tree, by path."""
    return {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in (ROOT / PACKAGE).rglob("*.py")}


def committed(commit: str) -> dict[str, str]:
    """The sources of a commit, by path."""
    archive = subprocess.run(["git", "archive", commit, PACKAGE], cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        found = {member.name: files.extractfile(member) for member in files if member.name.endswith(".py")}
        return {name: file.read().decode("utf-8") for name, file in found.items() if file is not None}


def per_folder(sources: Mapping[str, str]) -> Counter[str]:
    """Lines of code by folder below the package; `.` for its own modules."""
    counts: Counter[str] = Counter()
    for path, source in sources.items():
        parts = path.split("/")
        folder = parts[1] if len(parts) > 2 else "."
        if folder != LEFT_OUT:
            counts[folder] += len(code_lines(source))
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", metavar="COMMIT", help="compare with this commit")
    commit = parser.parse_args().against
    now = per_folder(present())
    before = per_folder(committed(commit)) if commit else Counter()
    for folder in [*sorted({*now, *before}), "all"]:
        old, new = (counts.total() if folder == "all" else counts[folder] for counts in (before, now))
        print(f"{folder:<14}{new:>7,}" + (f"{old:>9,}{new - old:>+8,}" if commit else ""))


if __name__ == "__main__":
    main()
