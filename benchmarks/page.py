"""The committed figures as tables of docs/performance.md and README.md, between the marks that stand there.

    python -m benchmarks.page

`make bench` runs it, so that no figure is copied by hand.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from . import report
from .peers import PEERS, ROOT
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


def main() -> None:
    rows: list[Row] = json.loads((ROOT / "docs" / "benchmarks.json").read_text())["rows"]
    replace("docs/performance.md", performance(rows))
    replace("README.md", readme(rows))


def replace(page: str, text: str) -> None:
    """Put a text between the marks of a page."""
    path = ROOT / page
    before, begin, rest = path.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} lacks the marks {BEGIN} and {END} around its tables.")
    path.write_text(f"{before}{begin}\n{text}\n{end}{after}")


def performance(rows: list[Row]) -> str:
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
    return "\n\n".join(parts)


def readme(rows: list[Row]) -> str:
    chosen = [{**row, "title": README_ROWS[row["name"]]} for row in rows if row["name"] in README_ROWS]
    order = list(README_ROWS)
    chosen.sort(key=lambda row: order.index(row["name"]))
    return ratio_table(chosen, KERAS_AND_TORCH, lambda value: f"{report.number(value, 1)}x")


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
    heads = [head for what, _, _ in report.FACTS for head in (what, "Keras, JAX")]
    peers = ("sequax", "keras-jax")
    cells = [
        [row["title"], *(report.fact(row, peer, key, form) for _, key, form in report.FACTS for peer in peers)]
        for row in rows
    ]
    return markdown(["workload", *heads], cells)


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
