"""What was measured: as tables in the terminal, as JSON, as a picture.

A ratio is always the peer's time over that of Sequax in the same run: above 1, Sequax is faster.
"""

from __future__ import annotations

import json
import math
import os
import platform
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import Any

from .peers import KERAS, PEERS

Row = dict[str, Any]  # kind, name, title, peers: {name: record}

TITLES = {
    "training": "Training",
    "predict": "Predictions, one call of predict",
    "search": "A search loop",
    "start-up": "Start-up",
    "works": "Real networks and habits",
    "applications": "Networks of keras.applications",
    "families": "Families of layers",
}


def ratio(row: Row, peer: str, key: str = "seconds") -> float | None:
    """What the peer takes over what we do, None where one of the two is missing."""
    theirs, ours = (row["peers"].get(name, {}).get(key) for name in (peer, "sequax"))
    return theirs / ours if theirs and ours else None


def ratios(rows: Iterable[Row], of: Callable[[Row], float | None]) -> dict[str, float]:
    found = {row["name"]: of(row) for row in rows}
    return {name: value for name, value in found.items() if value is not None}


def fastest_keras(row: Row, key: str = "seconds") -> float | None:
    """The ratio to the Keras backend that is fastest on this row."""
    return min((value for name in KERAS if (value := ratio(row, name, key)) is not None), default=None)


def geometric_mean(values: Iterable[float]) -> float | None:
    logs = [math.log(value) for value in values]
    return math.exp(sum(logs) / len(logs)) if logs else None


def summary(rows: list[Row]) -> list[str]:
    """The sentences below the tables."""
    lines = []
    for kind in ("training", "predict", "works", "applications"):
        of_kind = [row for row in rows if row["kind"] == kind]
        for what, of in (
            ("the fastest Keras backend of each row", fastest_keras),
            ("PyTorch", lambda row: ratio(row, "torch")),
        ):
            values = ratios(of_kind, of)
            if values:
                mean = geometric_mean(values.values())
                lines.append(f"{TITLES[kind].split(',')[0]}: {what} / Sequax, mean of {len(values)} rows: {mean:.2f}")
    best = ratios(rows, fastest_keras)
    if best:
        behind = [f"{name} ({value:.2f})" for name, value in best.items() if value < 1]
        lines.append(f"Rows where a Keras backend is ahead: {', '.join(behind) or 'none'} (of {len(best)}).")
    for row in rows:
        for name, record in row["peers"].items():
            if "error" in record:
                lines.append(f"{row['name']}: {name} failed: {record['error']}")
    return lines


def show(rows: list[Row], console: Any) -> None:
    for kind, title in TITLES.items():
        of_kind = [row for row in rows if row["kind"] == kind]
        if of_kind:
            console.print(table(f"{title} (seconds; ratios are peer / Sequax)", of_kind))
    for line in summary(rows):
        console.print(line, highlight=False, markup=False)


def table(title: str, rows: list[Row]) -> Any:
    """Columns without any figure are left out."""
    from rich.table import Table

    others = [name for name in PEERS if name != "sequax"]
    columns: list[tuple[str, Callable[[Row], str]]] = [
        ("Sequax", lambda row: fact(row, "sequax", "seconds", seconds)),
        *((PEERS[name].title, lambda row, name=name: ratio_or_failure(row, name)) for name in others),
    ]
    for head, key, form in FACTS:
        for name, short in (("sequax", "Sequax"), ("keras-jax", "Keras JAX")):
            columns.append((f"{head}\n{short}", lambda row, name=name, key=key, form=form: fact(row, name, key, form)))
    shown = Table(title=title)
    shown.add_column("workload", no_wrap=True)
    cells = {head: [cell(row) for row in rows] for head, cell in columns}
    cells = {head: values for head, values in cells.items() if any(values)}
    for head in cells:
        shown.add_column(head, justify="right")
    for index, row in enumerate(rows):
        shown.add_row(row["title"], *(values[index] for values in cells.values()))
    return shown


def fact(row: Row, peer: str, key: str, form: Callable[[Any], str]) -> str:
    record = row["peers"].get(peer, {})
    if key == "seconds" and "error" in record:
        return "failed"
    return form(record[key]) if key in record else ""


def ratio_or_failure(row: Row, peer: str) -> str:
    value = ratio(row, peer)
    if value is None:
        return "failed" if "error" in row["peers"].get(peer, {}) else ""
    return number(value)


def number(value: float, digits: int = 2) -> str:
    return f"{value:.{digits}f}" if value < 9.95 else f"{value:,.0f}"


def seconds(value: float) -> str:
    if value < 1e-3:
        return f"{value * 1e6:.0f} us"
    return f"{value * 1e3:.1f} ms" if value < 1 else f"{value:.2f} s"


# What is told of us and of Keras on JAX beside the ratios: its head, its key in a record, its form.
FACTS: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("first run", "first", seconds),
    ("predict", "predict", seconds),
    ("peak MB", "peak_mb", lambda value: f"{value:,.0f}"),
    ("loss", "loss", lambda value: f"{value:.4f}"),
)


def document(rows: list[Row]) -> dict[str, Any]:
    """Everything, for JSON; nothing that names this machine beyond what it is made of."""
    versions: dict[str, dict[str, str]] = {}
    for row in rows:
        for name, record in row["peers"].items():
            versions.setdefault(name, record.get("versions", {}))
            versions[name] = versions[name] or record.get("versions", {})
    bare = [
        {**row, "peers": {name: without(record, "versions") for name, record in row["peers"].items()}} for row in rows
    ]
    return {"date": date.today().isoformat(), "machine": machine(), "versions": versions, "rows": rounded(bare)}


def without(record: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name != key}


def rounded(value: Any) -> Any:
    """Five digits are more than any of these figures has."""
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [rounded(inner) for inner in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def machine() -> dict[str, Any]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    facts: dict[str, Any] = {"system": platform.system(), "cores": cores, "processor": processor()}
    if hasattr(os, "sysconf"):
        facts["memory_gb"] = round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9)
    return facts


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def write(rows: list[Row], path: Path) -> None:
    path.write_text(json.dumps(document(rows), indent=1) + "\n")
