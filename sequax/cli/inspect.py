"""`sequax inspect`: what a model or weights file holds, or how two files differ. Nothing in them is made or run."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np

from ..core.errors import LoadError
from ..saving import differences, legacy
from . import comparing, files, settings, showing


def inspect(path: str, other: str | None = None, as_json: bool = False) -> int:
    """Print what a file holds, or with `other` what is different there; returns the exit code."""
    try:
        found = overview(path) if other is None else comparing.compare(path, other)
    except (OSError, ValueError) as error:
        return files.fail("inspect", error)
    if as_json:
        print(json.dumps(finite(found), indent=2, allow_nan=False))
    elif other is None:
        showing.show_overview(found)
    else:
        showing.show_comparison(found)
    return 0


def finite(value: object) -> Any:
    """JSON has no NaN and no infinite numbers: these become texts."""
    if isinstance(value, dict):
        return {key: finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(one) for one in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def overview(path: str) -> dict[str, Any]:
    """What `--json` prints: plain values only."""
    with files.opened(path) as contents:
        rows = [_row(contents, name, array) for name, array in contents.read()]
        found: dict[str, Any] = {"file": path, "kind": contents.kind, "size": contents.size}
        found["keras_version"], found["date_saved"] = contents.version, contents.date
        if contents.model is not None:
            found["model"] = _model(contents)
        if contents.kind == files.RUN:
            found["run"] = _run(contents)
        if contents.members:
            found["assets"] = contents.members
        found["arrays"], found["totals"] = rows, _totals(contents, rows)
        if contents.model is not None:
            found["config"] = contents.model
    return found


def _row(contents: files.Contents, path: str, array: np.ndarray | None) -> dict[str, Any]:
    one = contents.arrays[path]
    verified = array is not None and files.has_checksum(one)
    return {
        "path": path,
        "layer": contents.layer_of(path),
        "shape": None if one.shape is None else list(one.shape),
        "dtype": differences.stored_name(one),
        "bytes": one.bytes,
        "checksum": "verified" if verified else "absent",
    }


def _totals(contents: files.Contents, rows: list[dict[str, Any]]) -> dict[str, Any]:
    states = [row for row in rows if contents.is_state(row["path"])]
    return {
        "arrays": len(rows),
        "numbers": sum(math.prod(row["shape"] or ()) for row in rows if row["shape"] is not None),
        "bytes": sum(row["bytes"] for row in rows),
        "optimizer_arrays": len(states),
        "optimizer_bytes": sum(row["bytes"] for row in states),
        "verified": sum(row["checksum"] == "verified" for row in rows),
    }


def _model(contents: files.Contents) -> dict[str, Any]:
    assert contents.model is not None
    model = contents.model
    try:
        version = contents.version or ("2" if contents.kind == files.OLD_MODEL else None)
        model = dict(legacy.modernized(model, version)) if "config" in model else model
    except files.MALFORMED:
        pass
    inner = model.get("config")
    given = {key: (contents.compiled or {}).get(key) for key in ("optimizer", "loss", "metrics")}
    return {
        "class_name": model["class_name"],
        "name": inner.get("name") if isinstance(inner, dict) else None,
        "layers": settings.layers(model),
        "compile": {key: settings.described(value) for key, value in given.items() if value},
    }


def _run(contents: files.Contents) -> dict[str, Any]:
    try:
        run = json.loads(contents.texts["run"])
        state = {key: run["state"].get(key) for key in ("epoch", "step")}
        return {**state, "facts": dict(run["facts"])}
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
        raise LoadError(f"{contents.path}: the state of the training run is damaged.") from None
