"""Elements are nested tuples and dicts; everything else is a leaf, lists and None too."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any

Nest = Any  # a leaf, or tuples and dicts of them


def mapped(function: Callable[..., Any], structure: Nest, *others: Nest) -> Nest:
    """`function` over the leaves of structures that have one form, which the result has, too."""
    if isinstance(structure, tuple):
        parts = [mapped(function, *together) for together in zip(structure, *others, strict=True)]
        return type(structure)(*parts) if hasattr(structure, "_fields") else tuple(parts)
    if isinstance(structure, Mapping):
        return {key: mapped(function, value, *(other[key] for other in others)) for key, value in structure.items()}
    return function(structure, *others)


def leaves(structure: Nest) -> list[Any]:
    """The leaves in order."""
    if type(structure) is tuple and not any(isinstance(part, (tuple, Mapping)) for part in structure):
        return list(structure)
    return list(_leaves(structure))


def _leaves(structure: Nest) -> Iterator[Any]:
    if isinstance(structure, (tuple, Mapping)):
        for part in structure.values() if isinstance(structure, Mapping) else structure:
            yield from _leaves(part)
    else:
        yield structure


def form(structure: Nest) -> Hashable:
    """Equal for structures that differ in their leaves alone."""
    if isinstance(structure, tuple):
        return "tuple", *map(form, structure)
    if isinstance(structure, Mapping):
        return "dict", *((key, form(value)) for key, value in structure.items())
    return None


def packed(structure: Nest, values: Iterator[Any]) -> Nest:
    """The structure with other leaves, which come in order."""
    return mapped(lambda _: next(values), structure)
