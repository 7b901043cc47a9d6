"""Tables of `sequax inspect` in a terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .files import printable
from .settings import shown

_WIDE = 200  # columns where the output goes to a file or a pipe: nothing is folded that need not be
_LONGEST = 200


def show_overview(found: dict[str, Any]) -> None:
    console, totals = _console(), found["totals"]
    rows = [("file", found["file"]), ("kind", found["kind"]), ("size", f"{found['size']:,} bytes")]
    rows += [("Keras", found["keras_version"]), ("saved", found["date_saved"])]
    model = found.get("model")
    if model is not None:
        rows.append(("model", f"{model['class_name']} {model['name'] or ''}"))
        rows += [(key, shown(value)) for key, value in model["compile"].items()]
    rows += [(name, f"{size:,} bytes") for name, size in found.get("assets", {}).items()]
    run = found.get("run", {})
    rows += [(key, _short(value)) for key, value in {**run, **run.get("facts", {})}.items() if key != "facts"]
    rows.append(("checksums", _checksums(totals)))
    _print_pairs(console, rows)
    if model is not None and model["layers"]:
        lines = [(row["name"], row["class_name"], _settings(row["settings"])) for row in model["layers"]]
        _print_table(console, ("layer", "class", "settings"), lines)
    named = any(row["layer"] for row in found["arrays"])
    head = ("array", *(("layer",) if named else ()), "shape", "dtype", "bytes")
    _print_table(console, head, [_array(row, named) for row in found["arrays"]], numbers=1)
    console.print(_total(totals))


def _array(row: dict[str, Any], named: bool) -> tuple[str, ...]:
    layer = (row["layer"] or "",) if named else ()
    shape = "" if row["shape"] is None else str(tuple(row["shape"]))
    return row["path"], *layer, shape, row["dtype"], f"{row['bytes']:,}"


def _total(totals: dict[str, Any]) -> str:
    text = f"{totals['arrays']} arrays, {totals['numbers']:,} numbers, {totals['bytes']:,} bytes"
    if totals["optimizer_arrays"]:
        text += f"; the optimizer has {totals['optimizer_arrays']} of the arrays, {totals['optimizer_bytes']:,} bytes"
    return text


def _checksums(totals: dict[str, Any]) -> str:
    if totals["verified"] == totals["arrays"]:
        return "all verified" if totals["arrays"] else "no arrays"
    return f"{totals['verified']} of {totals['arrays']} arrays have one, verified" if totals["verified"] else "absent"


def _settings(values: dict[str, Any]) -> str:
    return ", ".join(f"{key}={shown(value)}" for key, value in values.items())


def show_comparison(found: dict[str, Any]) -> None:
    console, (first, second) = _console(), found["files"]
    for name, key in ((first, "only_in_first"), (second, "only_in_second")):
        _print_table(console, (f"only in {name}", "array"), [(row["path"], row["is"]) for row in found[key]])
    kinds = [(row["path"], row["was"], row["is"]) for row in found["other_shape_or_dtype"]]
    _print_table(console, ("other shape or dtype", "was", "is"), kinds)
    values = [
        (row["path"], f"{row['different']:,} of {row['numbers']:,}", f"{row['largest_difference']:.6g}")
        for row in found["other_values"]
    ]
    _print_table(console, ("other values", "different", "largest difference"), values, numbers=2)
    settings = [(row["path"], _short(row["was"]), _short(row["is"])) for row in found["config"]]
    _print_table(console, ("config", "was", "is"), settings)
    _say(console, _summary(found, any((kinds, values, found["only_in_first"], found["only_in_second"]))))


def _summary(found: dict[str, Any], arrays_differ: bool) -> str:
    text = f"{found['same_arrays']} arrays are the same" + (" in both files." if arrays_differ else ": all of them.")
    if found["configs_compared"]:
        text += "" if found["config"] else " The configs are the same."
    matched = found["same_arrays"] or found["other_values"] or found["other_shape_or_dtype"]
    if not matched and found["only_in_first"] and found["only_in_second"]:
        text += (
            " No path stands in both files: they may be in different formats. `sequax convert` brings one of them into"
            " the format of the other."
        )
    return text


def _short(value: object) -> str:
    text = "-" if value is None else shown(value) if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


# --- printing ---


def _console() -> Console:
    return Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE)


def _say(console: Console, text: str) -> None:
    console.print(Text(printable(text)), soft_wrap=True)


def _print_pairs(console: Console, rows: Iterable[tuple[str, Any]]) -> None:
    table = Table.grid(padding=(0, 2))
    for key, value in rows:
        if value is not None:
            table.add_row(Text(printable(key)), Text(printable(str(value)), overflow="fold"))
    console.print(table)
    console.print()


def _print_table(console: Console, head: Sequence[str], rows: Sequence[Sequence[str]], numbers: int = 0) -> None:
    """A table whose last columns are numbers; nothing if it has no rows."""
    if not rows:
        return
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for position, name in enumerate(head):
        right = position >= len(head) - numbers
        table.add_column(Text(printable(name)), justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    console.print(table)
    console.print()
