"""`model.export`: trace, write, try, keep."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ..core import outside
from ..core.types import Path
from ..saving.together import in_one
from . import checking, locations, placing, table
from .signature import Entry
from .trace import Trace

if TYPE_CHECKING:
    from ..model import Model


def export_model(
    model: Model,
    filepath: Path,
    format: str | None = None,
    verbose: bool | int | None = None,
    input_signature: Any = None,
    **options: Any,
) -> None:
    """Write a model for inference elsewhere; see `Model.export`."""
    target = os.fspath(filepath)
    target = os.fsdecode(target)
    name, row = table.chosen(target, format)
    table.check_options(name, row, options)
    options = {**row.defaults, **options}
    trace = Trace(model, input_signature)
    with in_one(model, target) as writes:
        if not writes:
            return
        writer = row.load()
        staged = placing.staged(target, make_parents=row.is_folder)
        with outside.themselves(row.packages), locations.hidden(), staged as place:
            note = writer.write(trace, place, **options)
            run = writer.runner(place, trace)
            if run is not None:
                checking.compare(trace, run, f"Model '{model.name}' in format {name!r}", options.get("batch_size"))
    if verbose is None or verbose:
        print(told(target, {"serve": trace}))
        if note:
            print(f"\n{note}")


def told(target: str, endpoints: dict[str, Any]) -> str:
    """What is printed when an artifact stands."""
    lines = [f"Saved artifact at '{target}'. The following endpoints are available:"]
    for name, traced in endpoints.items():
        lines += ["", f"* Endpoint '{name}'", *_listed("takes", traced.inputs), *_listed("gives", traced.outputs)]
    return "\n".join(lines)


def _listed(what: str, entries: list[Entry]) -> list[str]:
    return [f"  {what} {one.name}: {one.dtype} {one.shape}" for one in entries]
