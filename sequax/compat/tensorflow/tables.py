"""What is served of TensorFlow, by the part of a name behind `tensorflow.`: the tables of all modules as one."""

from __future__ import annotations

import functools

from . import (
    arithmetic,
    arrays,
    colors,
    control,
    data,
    function,
    images,
    inner,
    linear,
    module,
    neural,
    picking,
    randoms,
    settings,
    tape,
    values,
    variable,
)
from .member import Member

_WITH_TABLES = (
    *(settings, values, arrays, arithmetic, picking, randoms, images, colors, neural, linear),
    *(inner, control, function, tape, variable, module, data),
)


@functools.cache
def members() -> dict[str, Member]:
    """What each name stands for."""
    return {name: member for module in _WITH_TABLES for name, member in module.MEMBERS.items()}


@functools.cache
def places() -> frozenset[str]:
    """The modules in `tensorflow` that hold a member, such as `random` and `config.experimental`."""
    inner = {name[:end] for name in members() for end, letter in enumerate(name) if letter == "."}
    return frozenset(inner | {"compat", "compat.v1", "compat.v2", "python"})
