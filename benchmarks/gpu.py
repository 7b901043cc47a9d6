"""Sequax on a GPU, in eight minutes and without a network: is it right there, how fast, how much memory.

    python -m benchmarks.gpu [--minutes 8] [--json docs/gpu.json] [--page docs/gpu.md]

- Layers: each row of the layer table, outputs, gradients and states, on the GPU against the CPU.
- Rows of the bench beside Keras on JAX and PyTorch, where these are installed; memory of the device.
- Without a GPU the programs of layers, workloads and works are lowered for CUDA, which needs none, and it says so.

The results of one version of JAX on one device replace those of the same in the JSON file, and stand beside others:
run it once in each environment.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from . import driver, page, report
from .__main__ import measure
from .jobs import jobs
from .peers import PEERS, ROOT, Peer
from .workloads import NAMES
from .works import PREFIX, WORKS

MAIN = ("mlp_256", "work:resnet50", "convnet", "transformer", "lstm_80", "work:train_on_batch", "predict-mlp-1")
MAIN += ("work:causal", "work:efficientnet", "work:unet", "resnet", "work:mixed_convnet")
BESIDE = ("sequax", "keras-jax", "keras-torch", "torch")
SHARE_OF_LAYERS = 0.4  # of the time
LONGEST_ANSWER, ROUNDS = 100.0, 2
TOLERANCE = 1e-4  # relative to the largest number of a result, at least 1

Found = dict[str, Any]
Tell = Callable[[str], None]


def main() -> None:
    options = parse()
    deadline = time.monotonic() + 60 * options.minutes
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # several processes share the device
    import jax

    gpu = next((device for device in jax.devices() if device.platform == "gpu"), None)
    where = gpu.device_kind if gpu else "no GPU"
    found: Found = {"date": date.today().isoformat(), "jax": jax.__version__, "device": where}
    print(f"JAX {jax.__version__}, {where}" + ("" if gpu else ": every program is lowered for CUDA, none is run"))
    if gpu:
        until = time.monotonic() + SHARE_OF_LAYERS * (deadline - time.monotonic())
        found["layers"] = compare_layers(jax.devices("cpu")[0], gpu, until)
        write(found, options)  # what there is, in case that the rest fails
        found["rows"] = measured(deadline)
    else:
        found["lowered"] = lowered(deadline, "cuda")
    write(found, options)
    print(told(found))
    sys.exit(1 if failures(found) else 0)


def parse() -> Any:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--json", type=Path, default=ROOT / "docs" / "gpu.json")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "gpu.md")
    return parser.parse_args()


# --- layers: the GPU against the CPU ---


def table_rows() -> list[tuple[str, Any]]:
    """All rows of the layer table by name; the first of each layer before the others."""
    rows = []
    for path in sorted((ROOT / "tests" / "rows").glob("*.py")):
        module = import_module(f"tests.rows.{path.stem}")
        rows += [(f"{path.stem}-{position}-{row}", row) for position, row in enumerate(module.ROWS)]
    firsts = {row.layer: name for name, row in reversed(rows)}
    return sorted(rows, key=lambda named: firsts[named[1].layer] != named[0])


def prepared(row: Any) -> tuple[Callable[..., Any], Any]:
    """A layer with weights, as a function of its values and input, and these."""
    from tests import layer_table as table

    library = table.sequax_library()
    layer = table.make(library, row)
    layer(*table.given(row, table.symbolic_input(library, row, unknown=())), **row.call)
    layer.set_weights(table.draw_weights(layer))
    modes = (False,) if row.random else (False, True)

    def run(values: Any, x: Any) -> Any:
        return table.differentiated(layer, row, modes, *values, x)

    return run, (table.states(layer), table.draw_input(row))


def compare_layers(
    reference: Any, device: Any, until: float, rows: Sequence[tuple[str, Any]] | None = None
) -> dict[str, Found]:
    """The largest difference of each row between two devices, or what went wrong; rows beyond the time are left out."""
    import jax

    results: dict[str, Found] = {}
    with ThreadPoolExecutor() as pool, jax.default_matmul_precision("highest"):
        compiling = {}
        for name, row in table_rows() if rows is None else rows:
            if time.monotonic() > until:
                break
            try:
                run, arguments = prepared(row)
                placed = [jax.device_put(arguments, place) for place in (reference, device)]
                lowered = [jax.jit(run).lower(*one) for one in placed]
            except Exception as error:
                results[name] = problem(error)
                continue
            compiling[name] = [(pool.submit(one.compile), at) for one, at in zip(lowered, placed, strict=True)]
        for name, both in compiling.items():
            try:
                ours, theirs = (jax.device_get(program.result()(*at)) for program, at in both)
                results[name] = {"difference": difference(ours, theirs)}
            except Exception as error:
                results[name] = problem(error)
    return results


def difference(expected: Any, found: Any) -> float:
    """The largest of all arrays, each relative to its largest number; infinite where one is NaN and the other not."""
    import jax

    largest = 0.0
    for a, b in zip(jax.tree.leaves(expected), jax.tree.leaves(found), strict=True):
        a, b = np.asarray(a, "float64"), np.asarray(b, "float64")
        if not np.array_equal(np.isfinite(a), np.isfinite(b)):
            return float("inf")
        a, b = np.nan_to_num(a), np.nan_to_num(b)
        largest = max(largest, float(np.abs(a - b).max(initial=0.0) / np.abs(a).max(initial=1.0)))
    return largest


def problem(error: Exception) -> Found:
    return {"error": f"{type(error).__name__}: {error}"[:400]}


# --- rows of the bench ---


def measured(deadline: float) -> list[report.Row]:
    """As many rows as there is time for, in the order of their weight."""
    driver.TIMEOUT = LONGEST_ANSWER
    every = {job.name: job for job in (*jobs(), *jobs("works"))}
    peers = [peer for peer in (here(PEERS[name]) for name in BESIDE) if peer.missing() is None]
    rows: list[report.Row] = []
    try:
        with alarm(deadline):
            for name in MAIN:
                rows += measure([every[name]], peers, ROUNDS)
    except TimeoutError:
        print(f"The time was over after {len(rows)} of {len(MAIN)} rows.")
    return report.document(rows)["rows"]


def here(peer: Peer) -> Peer:
    """A peer that has no environment of its own may be installed in this one."""
    modules = [name for name in peer.distributions if name != "tensorflow-cpu"]
    return peer._replace(environment="") if peer.missing() and all(map(find_spec, modules)) else peer


@contextmanager
def alarm(deadline: float) -> Iterator[None]:
    """Raises TimeoutError inside once the time is over."""

    def ring(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, max(1e-3, deadline - time.monotonic()))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# --- without a GPU ---


def lowered(deadline: float, platform: str, names: Sequence[str] | None = None) -> dict[str, Found]:
    """How many programs of each workload, work and layer were lowered, or what went wrong."""
    import jax

    from .lowering import programs_of

    results: dict[str, Found] = {}

    def one(name: str, lower: Callable[[], int]) -> None:
        if time.monotonic() < deadline:
            try:
                results[name] = {"programs": lower()}
            except Exception as error:
                results[name] = problem(error)

    def layer(row: Any) -> int:
        run, arguments = prepared(row)
        jax.jit(run).trace(*arguments).lower(lowering_platforms=(platform,))
        return 1

    for name in names or [*NAMES, *(PREFIX + work for work in WORKS)]:
        one(name, lambda name=name: len(programs_of(name, platform)))
    for name, row in [] if names else table_rows():
        one(name, lambda row=row: layer(row))
    return results


# --- results ---


def failures(found: Found) -> list[str]:
    lines = []
    for name, result in {**found.get("layers", {}), **found.get("lowered", {})}.items():
        if "error" in result:
            lines.append(f"{name}: {result['error']}")
        elif result.get("difference", 0.0) > TOLERANCE:
            lines.append(f"{name}: differs by {result['difference']:.2g}")
    return lines


def told(found: Found) -> str:
    """The results of one run as Markdown."""
    parts = [f"## JAX {found['jax']}, {found['device']} ({found['date']})"]
    if "layers" in found:
        layers = found["layers"]
        count, largest = len(table_rows()), max((one.get("difference", 0.0) for one in layers.values()), default=0.0)
        parts.append(
            f"Layers: {len(layers)} of {count} rows of the layer table compared with the CPU, outputs, gradients and "
            f"states; {len(failures(found))} fail; the largest difference is {largest:.1e} of the largest number."
        )
    if "lowered" in found:
        good = [one["programs"] for one in found["lowered"].values() if "programs" in one]
        every = len(NAMES) + len(WORKS) + len(table_rows())
        parts.append(
            f"There was no GPU. {sum(good)} programs of {len(good)} workloads, works and layers (of {every}) were "
            "lowered for CUDA; none was run."
        )
    parts += [f"- {line}" for line in failures(found)]
    if found.get("rows"):
        parts += [rows_table(found["rows"]), "\n".join(f"- {line}" for line in report.summary(found["rows"]))]
    return "\n\n".join(parts)


def rows_table(rows: list[report.Row]) -> str:
    """Ratios to the peers; MB of the device, ours and theirs."""
    peers = [name for name in BESIDE[1:] if any(name in row["peers"] for row in rows)]
    cells = []
    for row in rows:
        ratios = ("" if (value := report.ratio(row, name)) is None else report.number(value) for name in peers)
        memory = (report.fact(row, name, "device_mb", lambda value: f"{value:,.0f}") for name in ("sequax", *peers))
        times = (report.fact(row, "sequax", key, report.seconds) for key in ("first", "seconds", "predict"))
        cells.append([row["title"], *times, *ratios, *memory])
    titles = [PEERS[name].title for name in peers]
    heads = ["row", "first", "Sequax", "predict", *titles, *(f"{title}, MB" for title in ("Sequax", *titles))]
    return page.markdown(heads, cells)


def write(found: Found, options: Any) -> None:
    kept = json.loads(options.json.read_text()) if options.json.exists() else {}
    kept[f"JAX {found['jax']}, {found['device']}"] = report.rounded(found)
    options.json.write_text(json.dumps(kept, indent=1) + "\n")
    intro = (
        "# On a GPU\n\nMade by `make bench-gpu` (`benchmarks/gpu.py`). Ratios are the other's time over that of Sequax."
    )
    options.page.write_text("\n\n".join([intro, *map(told, kept.values())]) + "\n")


if __name__ == "__main__":
    main()
