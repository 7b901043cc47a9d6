"""How much of the package has known types: the share of `Any` among its annotations, and pyright's own figure.

    python -m tools.types_known [--folders] [--no-pyright]

An annotation is that of an argument, a return value or a variable. `Any` counts where it stands alone (or with None):
`np.ndarray | Any` still tells an editor what to offer, and `dict[str, Any]` that it is a dict.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "sequax"
MOST_ANY = 0.08
LEAST_KNOWN = 0.95


def annotations_in(tree: ast.AST) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            given = node.args
            arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
            yield from (one.annotation for one in arguments if one is not None and one.annotation is not None)
            if node.returns is not None:
                yield node.returns
        elif isinstance(node, ast.AnnAssign):
            yield node.annotation


def by_folder() -> dict[str, Counter[str]]:
    """Folder -> how many annotations it has, and how many of them are `Any`."""
    found: dict[str, Counter[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        counts = found.setdefault(str(path.parent.relative_to(ROOT)), Counter())
        for annotation in annotations_in(ast.parse(path.read_text())):
            counts["all"] += 1
            counts["Any"] += ast.unparse(annotation) in ("Any", "Any | None")
    return found


def pyright() -> str | None:
    """The program; None if it is not installed."""
    return shutil.which("pyright", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))


def known() -> dict[str, int]:
    """What `pyright --verifytypes` counts: symbols with known, ambiguous and unknown types."""
    command = [str(pyright()), "--pythonpath", sys.executable, "--verifytypes", "sequax", "--ignoreexternal"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run([*command, "--outputjson"], cwd=ROOT, env=environment, capture_output=True, text=True)
    counts = json.loads(run.stdout)["typeCompleteness"]["exportedSymbolCounts"]
    return {
        "known": counts["withKnownType"],
        "ambiguous": counts["withAmbiguousType"],
        "unknown": counts["withUnknownType"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folders", action="store_true", help="the share of each folder, too")
    parser.add_argument("--no-pyright", action="store_true", help="count annotations only; a second instead of ten")
    options = parser.parse_args()
    folders = by_folder()
    total = sum(folders.values(), Counter())
    if options.folders:
        for folder, counts in folders.items():
            print(f"{folder:32} {counts['Any']:5} of {counts['all']:5}  {counts['Any'] / max(counts['all'], 1):6.1%}")
    share = total["Any"] / total["all"]
    print(f"annotations that are Any: {total['Any']} of {total['all']}, {share:.1%} (at most {MOST_ANY:.0%})")
    good = share <= MOST_ANY
    if not options.no_pyright:
        if pyright() is None:
            sys.exit("pyright is not installed: pip install 'sequax[dev]'")
        symbols = known()
        part = symbols["known"] / sum(symbols.values())
        print(f"symbols of known type: {part:.1%} (at least {LEAST_KNOWN:.0%}); {symbols}")
        good &= part >= LEAST_KNOWN
    sys.exit(not good)


if __name__ == "__main__":
    main()
