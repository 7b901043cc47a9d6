"""The table of layers by format in `docs/export.md`, which `tools/export_table.py` writes, holds what is true."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from tests.export_table import check_rows, model_of
from tests.test_layer_table import ROWS
from tools.export_table import FORMATS, PAGE, Result, table, written

pytestmark = pytest.mark.usefixtures("symbolic_sizes")

TEXT = PAGE.read_text("utf-8").partition("<!-- table -->")[2]
COUNTS = {
    cells[0]: list(map(int, cells[1:])) for cells in re.findall(r"^\| (`.*`) " + r"\| (\d+) " * 5 + r"\|$", TEXT, re.M)
}
LACKING = re.findall(rf"^\| `([^`]*)` \| ({'|'.join(FORMATS.values())}) \| (.+) \|$", TEXT, re.M)


def test_every_layer_and_setting_is_in_the_table():
    named = {name for cell in COUNTS for name in re.findall(r"`(\w+)`", cell)}
    assert named == {parameter.values[0].layer for parameter in ROWS}
    assert sum(counts[0] for counts in COUNTS.values()) == len(ROWS)
    for column, name in enumerate(FORMATS.values(), 1):
        held = sum(counts[column] for counts in COUNTS.values())
        assert held + sum(format == name for _, format, _ in LACKING) == len(ROWS)


def test_most_settings_are_held():
    lost = Counter(format for _, format, _ in LACKING)
    assert not {"StableHLO", "NumPy"} & set(lost) and lost["ONNX"] <= 15 and lost["LiteRT"] <= 15


@pytest.mark.parametrize(("row", "format"), [(row, format) for row, format, _ in LACKING])
def test_what_is_not_held_is_not(row, format, tmp_path):
    pytest.importorskip("litert_converter")
    pytest.importorskip("ai_edge_litert")
    name = next(key for key, title in FORMATS.items() if title == format)
    same = [parameter.values[0] for parameter in ROWS if str(parameter.values[0]) == row]  # they differ in their inputs
    with pytest.raises(Exception):  # noqa: B017 # any kind: of the converter, of the interpreter, of the comparison
        for number, one in enumerate(same):
            (tmp_path / str(number)).mkdir()
            trace = trace_of(one)
            check_rows(one, trace, written(trace, name, tmp_path / str(number)))


def trace_of(row):
    from sequax.export.trace import Trace

    return Trace(model_of(row))


def test_how_the_table_is_made():
    found = [
        Result(
            "dense", "Dense", "Dense(units=3)", name, "ExportError: no form. Export with x" if name == "onnx" else None
        )
        for name in FORMATS
    ]
    lines = table(found).splitlines()
    assert "| `Dense` | 1 | 1 | 0 | 1 | 1 |" in lines and "| `Dense(units=3)` | ONNX | no form. |" in lines
