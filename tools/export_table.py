"""Try every layer in every format, and write what held into `docs/export.md`: `make export-table`.

Some ten minutes on one core.
"""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

PAGE = Path(__file__).parent.parent / "docs" / "export.md"
START, END = "<!-- table -->\n", "<!-- end of table -->"
FORMATS = {"stablehlo": "StableHLO", "onnx": "ONNX", "litert": "LiteRT", "numpy": "NumPy"}
# Why a row is not held, by what the error says.
WHY = {
    "batch_matmul": "a product of whole numbers",
    "STABLEHLO_SCATTER": "writing to places given as numbers (`scatter`)",
    "NotImplementedError: \n": "the converter fails",
    "stablehlo.scatter": "writing to places given as numbers (`scatter`)",
    "Not equal to tolerance": "LiteRT computes something else, so the file is not kept",
}


class Result(NamedTuple):
    """What a row of the table of layers came to in a format: None, or what was wrong."""

    family: str
    layer: str
    row: str
    format: str
    problem: str | None


def results() -> Iterator[Result]:
    """Try all rows."""
    from sequax.export.trace import Trace
    from tests.export_table import check_rows, model_of
    from tests.test_layer_table import ROWS

    for parameter in ROWS:
        row, name_of = parameter.values[0], str(parameter.id)  # type: ignore[attr-defined] # pytest's parameters
        trace = Trace(model_of(row))
        for name in FORMATS:
            with tempfile.TemporaryDirectory() as folder:
                try:
                    run = written(trace, name, Path(folder))
                    check_rows(row, trace, run)
                    problem = None
                except Exception as error:  # any kind: it stands in the table
                    problem = f"{type(error).__name__}: {error}"
            yield Result(name_of.partition("-")[0], row.layer, str(row), name, problem)


def written(trace: Any, name: str, folder: Path) -> Any:
    """A function that runs what was written; in LiteRT for each batch size a file of its own, as is usual there."""
    from sequax.export.formats import litert, litert_converting
    from sequax.export.table import FORMATS as formats

    writer: Any = formats[name].load()
    if name != "litert":
        writer.write(trace, folder / f"m.{name}")
        return writer.runner(folder / f"m.{name}", trace)

    def run(arrays: list[Any]) -> Any:
        count = len(arrays[0])
        program = litert.exported(trace, count)  # converted in this process: another one costs three seconds
        taken = [trace.inputs[i].name for i in program.module_kept_var_idx]
        names = {"signature": litert.SIGNATURE, "inputs": taken, "outputs": trace.output_names}
        made = litert_converting.converted(program.mlir_module_serialized, names)
        (folder / f"{count}.tflite").write_bytes(made)
        return writer.runner(folder / f"{count}.tflite", trace)(arrays)

    return run


def table(found: list[Result]) -> str:
    """The text between the marks of the page."""
    layers: dict[str, list[str]] = defaultdict(list)
    good: dict[tuple[str, str], int] = defaultdict(int)
    total: dict[str, int] = defaultdict(int)
    for one in found:
        if one.layer not in layers[one.family]:
            layers[one.family].append(one.layer)
        good[one.family, one.format] += one.problem is None
        total[one.family] += one.format == "numpy"
    lines = [f"| layers | settings | {' | '.join(FORMATS.values())} |", f"|---|---|{'---|' * len(FORMATS)}"]
    for family, names in layers.items():
        counts = " | ".join(str(good[family, name]) for name in FORMATS)
        lines.append(f"| {', '.join(f'`{name}`' for name in names)} | {total[family]} | {counts} |")
    sums = " | ".join(str(sum(good[family, name] for family in layers)) for name in FORMATS)
    lines += [f"| **all** | {sum(total.values())} | {sums} |", ""]
    lacking = [one for one in found if one.problem is not None]
    if lacking:
        lines += ["| not held | format | why |", "|---|---|---|"]
        lines += [f"| `{one.row}` | {FORMATS[one.format]} | {reason(one.problem or '')} |" for one in lacking]
        lines.append("")
    return "\n".join(lines)


def reason(problem: str) -> str:
    """A sentence from an error."""
    known = next((why for words, why in WHY.items() if words in f"{problem}\n"), None)
    text = known or problem.partition(": ")[2].split(" Export with")[0].split("\n")[0][:160]
    return text.replace("|", "/")


def main() -> int:
    os.environ["SEQUAX_TYPECHECK"] = "0"  # annotations of sizes do not know symbols
    from tests.conftest import set_environment

    set_environment()
    warnings.simplefilter("ignore")
    found = []
    for one in results():
        found.append(one)
        if one.format == "numpy":
            print(len(found) // len(FORMATS), one.row, flush=True)
        if one.problem is not None:
            print(f"{one.format}: {one.row}: {one.problem}", file=sys.stderr)
    text = PAGE.read_text("utf-8")
    before, after = text.partition(START)[0], text.partition(END)[2]
    PAGE.write_text(f"{before}{START}{table(found)}{END}{after}", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
