"""How two model or weights files differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..saving import differences
from . import files

_OF_LAYOUT = frozenset(("module", "registered_name", "build_config", "compile_config", "shared_object_id"))


def compare(path: str, other: str) -> dict[str, Any]:
    """What `--json` prints: arrays and settings that are not the same."""
    with files.opened(path) as first, files.opened(other) as second:
        ours, theirs = first.arrays, second.arrays
        common = [name for name in ours if name in theirs]
        kinds = [
            {"path": name, "was": differences.described(ours[name]), "is": differences.described(theirs[name])}
            for name in common
            if differences.described(ours[name]) != differences.described(theirs[name])
        ]
        values = _values(first, second)
        return {
            "files": [path, other],
            "only_in_first": [_described(ours, name) for name in ours if name not in theirs],
            "only_in_second": [_described(theirs, name) for name in theirs if name not in ours],
            "other_shape_or_dtype": kinds,
            "other_values": values,
            "same_arrays": len(common) - len(kinds) - len(values),
            "configs_compared": first.model is not None and second.model is not None,
            "config": list(_configs(first, second)),
        }


def _described(arrays: Mapping[str, Any], name: str) -> dict[str, str]:
    return {"path": name, "is": differences.described(arrays[name])}


def _values(first: files.Contents, second: files.Contents) -> list[dict[str, Any]]:
    """Arrays of equal shape and dtype that hold other numbers."""
    theirs = dict(second.read())
    found = []
    for name, array in first.read():
        other = theirs.get(name)
        if array is None or other is None or (array.shape, array.dtype) != (other.shape, other.dtype):
            continue
        number, largest = difference(array, other)
        if number:
            found.append({"path": name, "numbers": array.size, "different": number, "largest_difference": largest})
    return found


def difference(one: np.ndarray, other: np.ndarray) -> tuple[int, float]:
    """How many elements differ, and the largest absolute difference; NaN equals NaN."""
    same = one == other
    if one.dtype.kind in "fV":
        same |= np.isnan(one) & np.isnan(other)
    apart = [array[~same].astype(np.float64) for array in (one, other)]
    return int((~same).sum()), float(np.abs(apart[0] - apart[1]).max(initial=0))


def _configs(first: files.Contents, second: files.Contents) -> Iterator[dict[str, Any]]:
    if first.model is None or second.model is None:
        return
    alike = first.kind == second.kind
    models = [dict(one.model or {}) if alike else _bare(one.model) for one in (first, second)]
    compiled = [one.compiled if alike else _bare(one.compiled) for one in (first, second)]
    for model in models:
        model.pop("compile_config", None)
    yield from config_differences(models[0], models[1], "")
    yield from config_differences(compiled[0], compiled[1], "compile")


def _bare(value: object) -> Any:
    """A config without what one of the two formats leaves out."""
    if isinstance(value, Mapping):
        return {key: _bare(one) for key, one in value.items() if key not in _OF_LAYOUT}
    return [_bare(one) for one in value] if isinstance(value, list) else value


def config_differences(was: object, now: object, path: str) -> Iterator[dict[str, Any]]:
    """Path, old and new value of all that differs; layers are matched by their names."""
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        for key in dict.fromkeys([*was, *now]):
            yield from config_differences(was.get(key), now.get(key), _below(path, f".{key}" if path else str(key)))
    elif isinstance(was, list) and isinstance(now, list) and (was or now):
        yield from _list_differences(was, now, path)
    elif was != now or isinstance(was, bool) != isinstance(now, bool):
        yield {"path": path, "was": was, "is": now}


def _list_differences(was: list[Any], now: list[Any], path: str) -> Iterator[dict[str, Any]]:
    ours, theirs = _by_name(was), _by_name(now)
    if ours is not None and theirs is not None:
        if list(ours) != list(theirs):
            yield {"path": path, "was": list(ours), "is": list(theirs)}
        for name in ours:
            if name in theirs:
                yield from config_differences(ours[name], theirs[name], _below(path, f"[{name}]"))
    elif len(was) == len(now) and any(isinstance(one, (Mapping, list)) for one in [*was, *now]):
        for position, (one, other) in enumerate(zip(was, now, strict=True)):
            yield from config_differences(one, other, _below(path, f"[{position}]"))
    elif was != now:
        yield {"path": path, "was": was, "is": now}


def _below(path: str, part: str) -> str:
    """The path of a part; the beginning of a very long one is left out, since each difference below repeats it."""
    found = path + part
    return found if len(found) <= 1000 else f"...{found[-1000:]}"


def _by_name(entries: list[Any]) -> dict[str, Any] | None:
    """The entries of a list of layers; None if the list is another one."""
    configs = [entry.get("config") if isinstance(entry, Mapping) else None for entry in entries]
    found = [config.get("name") if isinstance(config, Mapping) else None for config in configs]
    if not all(isinstance(name, str) for name in found) or len(set(found)) != len(found):
        return None
    return dict(zip(found, entries, strict=True))  # type: ignore[arg-type]
