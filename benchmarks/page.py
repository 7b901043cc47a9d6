"""The committed figures as tables of docs/performance.md and README.md, between the marks that stand there.

    python -m benchmarks.page

`make bench` runs it, so that no figure is copied by hand.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from . import report
from .peers import KERAS, PEERS, ROOT
from .report import Row

BEGIN, END = "<!-- made by benchmarks/page.py: begin -->", "<!-- end -->"
KERAS_AND_TORCH = ("keras-jax", "keras-tensorflow", "keras-torch", "torch")
README_ROWS = {
    "tabular": "tabular, 768 x 8, batch 10, 50 epochs",
    "mlp_32": "MLP, 60,000 x 784, batch 32",
    "mlp_256": "the same, batch 256, 2 epochs",
    "convnet": "convnet, 6,000 x 28 x 28, batch 128",
    "vgg_64": "VGG block, 256 x 32 x 32, 64 channels",
    "mobilenet": "MobileNet-like, 256 x 32 x 32",
    "resnet": "residual net, 512 x 32 x 32",
    "lstm_400": "LSTM, 512 texts of 400 words",
    "gru_80": "GRU, 1,024 texts of 80 words",
    "transformer": "transformer encoder block, 1,024 texts of 64 words",
    "dataset": "`PyDataset`, 768 x 8, batch 32, 20 epochs",
    "predict-mlp-1": "`predict` of one row, MLP",
    "predict-convnet-5000": "`predict` of 5,000 images, convnet",
    "script-convnet-warm": "script to first epoch, convnet, warm cache",
    "script-convnet-cold": "the same, empty cache",
}


WORKS_IN_README = 6  # of the worst, and of the best


def main() -> None:
    rows, works = committed("benchmarks.json"), committed("works.json")
    replace("docs/performance.md", performance(rows, works))
    replace("README.md", readme(rows, works))


def committed(name: str) -> list[Row]:
    """The rows of a file in docs/; none before it is first measured."""
    path = ROOT / "docs" / name
    return json.loads(path.read_text())["rows"] if path.exists() else []


def replace(page: str, text: str) -> None:
    """Put a text between the marks of a page."""
    path = ROOT / page
    before, begin, rest = path.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} lacks the marks {BEGIN} and {END} around its tables.")
    path.write_text(f"{before}{begin}\n{text}\n{end}{after}")


def performance(rows: list[Row], works: Sequence[Row] = ()) -> str:
    parts = []
    for kind, title in report.TITLES.items():
        of_kind = [row for row in rows if row["kind"] == kind]
        if of_kind:
            parts.append(
                f"### {title}\n\n{ratio_table(of_kind, [name for name in PEERS if name != 'sequax'], report.number)}"
            )
    parts.append(
        "### First run, memory, losses\n\n"
        "The first run compiles, with an empty cache. Peaks include the library. Losses are those after the first run."
        "\n\n" + first_table([row for row in rows if row["kind"] == "training"])
    )
    parts.append("\n".join(f"- {line}" for line in report.summary(rows)))
    if works:
        parts.append(
            f"### {report.TITLES['works']}\n\n"
            "First run / a later one / `predict` of all data, in seconds, the worst row first. The ratios are what the "
            "fastest Keras backend takes over what Sequax takes, each column for itself; the last is the least peak "
            "memory of any of them over ours.\n\n" + works_table(works)
        )
        parts.append("\n".join(f"- {line}" for line in report.summary(list(works))))
    return "\n\n".join(parts)


def works_table(works: Sequence[Row]) -> str:
    """All figures of the works, sorted by how much the fastest Keras backend takes of our time."""
    ratios = ("seconds", "first", "predict", "peak_mb")
    cells = []
    for row in by_ratio(works):
        least = (report.fastest_keras(row, key) for key in ratios)
        figures = (three_times(row, peer) for peer in ("sequax", *KERAS))
        cells.append([row["title"], *figures, *("" if value is None else report.number(value) for value in least)])
    peers = ("Sequax", *(PEERS[name].title for name in KERAS))
    return markdown(["work", *peers, "later", "first", "predict", "memory"], cells)


def by_ratio(works: Sequence[Row]) -> list[Row]:
    """The worst first; those without a ratio, where something failed, before all."""
    return sorted(works, key=lambda row: report.fastest_keras(row) or 0.0)


def three_times(row: Row, peer: str) -> str:
    record = row["peers"].get(peer, {})
    if "error" in record:
        return "failed"
    return " / ".join(digits(record[key]) for key in ("first", "seconds", "predict") if key in record)


def digits(seconds: float) -> str:
    if seconds < 0.01:
        return f"{seconds * 1e3:.2g} ms"
    return f"{seconds:.1f}" if seconds >= 9.95 else f"{seconds:.2g}"


def readme(rows: list[Row], works: Sequence[Row] = ()) -> str:
    chosen = [{**row, "title": README_ROWS[row["name"]]} for row in rows if row["name"] in README_ROWS]
    order = list(README_ROWS)
    chosen.sort(key=lambda row: order.index(row["name"]))
    table = ratio_table(chosen, KERAS_AND_TORCH, times)
    if not works:
        return table
    ordered = by_ratio(works)
    count = WORKS_IN_README
    what = f"{len(works)} real networks and habits"
    if len(ordered) > 2 * count:
        ordered = ordered[:count] + ordered[-count:]
        what = f"Of {what} these are the {count} where Sequax is worst, and the {count} where it is best"
    else:
        what += ", the worst first"
    return f"{table}\n\n{what}:\n\n{ratio_table(ordered, KERAS_AND_TORCH, times)}"


def times(value: float) -> str:
    return f"{report.number(value, 1)}x"


def ratio_table(rows: list[Row], peers: Sequence[str], form: Callable[[float], str]) -> str:
    """Our seconds, and the ratio of each peer that has any here."""
    able = [name for name in peers if any(report.ratio(row, name) for row in rows)]
    cells = [
        [
            row["title"],
            report.fact(row, "sequax", "seconds", report.seconds),
            *(form(value) if (value := report.ratio(row, name)) else "" for name in able),
        ]
        for row in rows
    ]
    return markdown(["workload", "Sequax", *(PEERS[name].title for name in able)], cells)


def first_table(rows: list[Row]) -> str:
    facts = [(what, key, form) for what, key, form in report.FACTS if key != "predict"]
    heads = [head for what, _, _ in facts for head in (what, "Keras, JAX")]
    peers = ("sequax", "keras-jax")
    cells = [
        [row["title"], *(report.fact(row, peer, key, form) for _, key, form in facts for peer in peers)] for row in rows
    ]
    return markdown(["workload", *heads], cells)


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
