"""How many public scripts find every name they use under the import hook: `python -m tools.public_names NAMES.tsv`.

The table has a line per file, tabs between `group`, `repository`, `path` and the names it uses, with blanks between
those: `keras.…` for Keras, wherever it was imported from, `tensorflow.…` for the rest of TensorFlow. Each name is
looked up once, in this process, as a script would: by imports as far as modules go, and by attributes after that. What
resolves to something that only says why it is out of reach (`__out_of_reach__`) counts as found, and is shown apart.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import importlib
import io
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from sequax import compat

KINDS = ("keras", "tensorflow")


class File(NamedTuple):
    """A public file and the names it uses."""

    repository: str
    path: str
    names: tuple[str, ...]


def read(table: Path) -> list[File]:
    """The files of a table; the first line has the titles of its columns."""
    with table.open(newline="") as lines:
        rows = list(csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))[1:]
    return [File(row[1], row[2], tuple(dict.fromkeys(row[3].split()))) for row in rows if len(row) > 3]


def resolve(name: str) -> Any:
    """What a dotted name stands for.

    Raises:
        AttributeError, ImportError: where there is no such name.
    """
    root, *parts = name.split(".")
    found: Any = importlib.import_module(root)
    for part in parts:
        try:
            found = getattr(found, part)
        except AttributeError:
            if not isinstance(found, ModuleType):
                raise
            found = importlib.import_module(f"{found.__name__}.{part}")
    return found


def why_missing(names: Iterable[str], granted: tuple[str, ...]) -> tuple[dict[str, str], set[str]]:
    """The unresolved names with their errors, and the names that resolve and only say why they are out of reach."""
    missing, says_why = {}, set()
    for name in names:
        if any(name == prefix or name.startswith(f"{prefix}.") for prefix in granted):
            continue
        try:
            found = resolve(name)
        except Exception as error:
            missing[name] = f"{type(error).__name__}: {error}"
        else:
            if getattr(found, "__out_of_reach__", None) is not None:
                says_why.add(name)
    return missing, says_why


def share(files: list[File], counts: Callable[[str], bool], missing: dict[str, str]) -> str:
    """The part of the files whose names of a kind all resolve."""
    whole = sum(not any(counts(name) and name in missing for name in file.names) for file in files)
    return f"{100 * whole / len(files):5.1f} %  {whole:,} of {len(files):,}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("--show", type=int, default=30, metavar="N", help="how many unresolved names to list")
    parser.add_argument("--kind", choices=KINDS, help="list names of this kind only")
    parser.add_argument("--grant", action="append", default=[], metavar="PREFIX", help="count these names as resolved")
    parser.add_argument("--errors", action="store_true", help="the error of each listed name as well")
    options = parser.parse_args()

    files = read(options.table)
    compat.install()
    with contextlib.redirect_stderr(io.StringIO()):  # a line per old spelling
        names = sorted({name for file in files for name in file.names})
        missing, says_why = why_missing(names, tuple(options.grant))
    print("files whole        ", share(files, lambda name: True, missing))
    for kind in KINDS:
        print(f"in names of {kind:10s}", share(files, lambda name, kind=kind: name.partition(".")[0] == kind, missing))  # type: ignore[misc]
    print(f"{len(names):,} names: {len(missing):,} unresolved, {len(says_why):,} only say why they are out of reach")
    in_files = Counter(name for file in files for name in file.names if name in missing)
    alone = Counter(left[0] for file in files if len(left := [name for name in file.names if name in missing]) == 1)
    listed = [name for name, _ in in_files.most_common() if options.kind in (None, name.partition(".")[0])]
    print("\nfiles  alone  unresolved (alone: the only one of its file)")
    for name in listed[: options.show]:
        print(f"{in_files[name]:5d}  {alone[name]:5d}  {name}{f'  {missing[name]}' if options.errors else ''}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
