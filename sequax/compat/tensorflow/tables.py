"""What is served of TensorFlow, by the part of a name behind `tensorflow.`: the tables of all modules as one."""

from __future__ import annotations

import functools

from . import (
    arithmetic,
    arrays,
    averages,
    candidates,
    checkpoints,
    checks,
    colors,
    control,
    data,
    distributing,
    examples,
    files,
    function,
    images,
    inner,
    keras_names,
    linear,
    linear_operators,
    messages,
    module,
    neural,
    numpy_names,
    picking,
    ragged,
    randoms,
    records,
    rows,
    settings,
    summaries,
    suppressing,
    tape,
    texts,
    values,
    variable,
)
from .member import Member

_WITH_TABLES = (
    *(settings, values, arrays, arithmetic, picking, randoms, candidates, images, suppressing, colors, neural),
    *(linear, linear_operators, keras_names, checks, texts, files, distributing, summaries, checkpoints),
    *(records, messages, examples, ragged, rows),
    *(inner, control, function, tape, variable, averages, module, data, numpy_names),
)


@functools.cache
def members() -> dict[str, Member]:
    """What each name stands for."""
    found = {name: member for module in _WITH_TABLES for name, member in module.MEMBERS.items()}
    return {name: rows.taking_rows(name, member) for name, member in found.items()}


@functools.cache
def places() -> frozenset[str]:
    """The modules in `tensorflow` that hold a member, such as `random` and `config.experimental`."""
    inner = {name[:end] for name in members() for end, letter in enumerate(name) if letter == "."}
    return frozenset(inner | {"compat", "compat.v1", "compat.v2", "python"})


# Where scripts that reach inside TensorFlow look for a function which has a public name.
_INNER = ("", "math.", "nn.", "linalg.", "image.", "random.", "strings.", "io.", "data.")


def member(inside: str) -> Member | None:
    """What a name stands for; one of `tensorflow.python` for what it is called outside."""
    found = members().get(inside)
    if found is not None or not inside.startswith("python."):
        return found
    name = inside.rpartition(".")[2]
    return next((members()[f"{place}{name}"] for place in _INNER if f"{place}{name}" in members()), None)


def names_in(inside: str) -> list[str]:
    """The names that a module has here, for suggestions."""
    start = f"{inside}." if inside else ""
    return sorted({name.removeprefix(start).partition(".")[0] for name in members() if name.startswith(start)})
