"""Public namespace `keras.tree`: nested structures of lists, tuples, namedtuples, dicts and deques.

Everything else is a leaf, None too. Leaves come in the order of lists and tuples, of the sorted keys of dicts, and of
the entries of an `OrderedDict`. Written out here, since `jax.tree` takes None for empty, deques for leaves, and a dict
and an `OrderedDict` for different structures.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ._lazy import listed
from .core.warning import warn

Path = tuple[Any, ...]


class MAP_TO_NONE:
    """What the function of `traverse` returns (the class itself) to put None in place of a part."""


class _Open(NamedTuple):
    """One level of a structure: keys and values in the order of leaves, and how to make it again from new values."""

    kind: type  # equal for structures that match
    keys: list[Any]
    values: list[Any]
    rebuild: Callable[[list[Any]], Any]


def _open(structure: object) -> _Open | None:
    """The parts of one level; None for a leaf."""
    if isinstance(structure, dict):
        keys = list(structure) if isinstance(structure, OrderedDict) else _sorted(structure)
        return _Open(dict, keys, [structure[key] for key in keys], lambda values: _like(structure, keys, values))
    if isinstance(structure, tuple):
        if hasattr(structure, "_fields"):
            cls = type(structure)
            return _Open(cls, list(range(len(structure))), list(structure), lambda values: cls(*values))
        return _Open(tuple, list(range(len(structure))), list(structure), tuple)
    if isinstance(structure, list):
        return _Open(list, list(range(len(structure))), structure, list)
    if isinstance(structure, deque):
        length = structure.maxlen
        return _Open(deque, list(range(len(structure))), list(structure), lambda values: deque(values, length))
    return None


def _sorted(keys: Iterable[Any]) -> list[Any]:
    try:
        return sorted(keys)
    except TypeError:  # keys of several types
        return sorted(keys, key=lambda key: (type(key).__name__, key))


def _like(structure: dict[Any, Any], keys: list[Any], values: list[Any]) -> dict[Any, Any]:
    """A dict of the same type with its keys in the same order."""
    made = dict(zip(keys, values, strict=True))
    ordered = {key: made[key] for key in structure}
    if isinstance(structure, defaultdict):
        return defaultdict(structure.default_factory, ordered)
    return OrderedDict(ordered) if isinstance(structure, OrderedDict) else ordered


def is_nested(structure: object) -> bool:
    """Whether a value is a structure, not a leaf.

    >>> is_nested([]), is_nested({"a": 1}), is_nested("abc"), is_nested(None)
    (True, True, False, False)
    """
    return _open(structure) is not None


def flatten(structure: object) -> list[Any]:
    """The leaves.

    Args:
        structure: nested lists, tuples, dicts and what is registered.

    >>> flatten({"b": [1, (2,)], "a": None})
    [None, 1, 2]
    """
    return [leaf for _, leaf in flatten_with_path(structure)]


def flatten_with_path(structure: object) -> list[tuple[Path, Any]]:
    """The leaves with the keys and positions that lead to them.

    Args:
        structure: nested lists, tuples, dicts and what is registered.

    >>> flatten_with_path({"b": [1], "a": 2})
    [(('a',), 2), (('b', 0), 1)]
    """
    return list(_walk(structure, ()))


def _walk(structure: object, path: Path) -> Iterator[tuple[Path, Any]]:
    level = _open(structure)
    if level is None:
        yield path, structure
        return
    for key, value in zip(level.keys, level.values, strict=True):
        yield from _walk(value, (*path, key))


def map_structure(func: Callable[..., Any], *structures: object, none_is_leaf: bool = True) -> Any:
    """`func` of the leaves at each place of one or more equal structures, in the structure of the first one.

    Args:
        none_is_leaf: False: None stays None and `func` does not see it.

    Raises:
        ValueError: if the structures differ.
    """
    _check_call("map_structure", func, structures)
    return _map(func, structures, none_is_leaf, ())


def _map(func: Callable[..., Any], structures: Sequence[Any], none_is_leaf: bool, path: Path, deep: bool = True) -> Any:
    first, others = structures[0], structures[1:]
    level = _open(first)
    if level is None:
        if deep and any(is_nested(other) for other in others):
            raise _mismatch(path, first, next(other for other in others if is_nested(other)))
        if first is None and not none_is_leaf:
            if any(other is not None for other in others):
                raise _mismatch(path, None, next(other for other in others if other is not None))
            return None
        return func(*structures)
    columns = [level.values, *(_matching(level, first, other, path) for other in others)]
    return level.rebuild(
        [
            _map(func, parts, none_is_leaf, (*path, key), deep)
            for key, parts in zip(level.keys, zip(*columns, strict=True), strict=True)
        ]
    )


def _matching(level: _Open, first: object, other: Any, path: Path) -> list[Any]:
    """The values of `other` in the order of `level`."""
    theirs = _open(other)
    if theirs is None or theirs.kind is not level.kind or len(theirs.keys) != len(level.keys):
        raise _mismatch(path, first, other)
    if level.kind is not dict:
        return theirs.values
    if set(theirs.keys) != set(level.keys):
        raise _mismatch(path, first, other)
    return [other[key] for key in level.keys]


def _mismatch(path: Path, expected: object, received: object) -> ValueError:
    place = "".join(f"[{key!r}]" for key in path) or "the top"
    return ValueError(
        f"The structures don't have the same nested structure: at {place}, expected one like {expected!r}, received"
        f" {received!r}."
    )


def _check_call(name: str, func: object, structures: Sequence[Any]) -> None:
    if not callable(func):
        raise TypeError(f"tree.{name}: `func` must be callable. Received: {func!r}")
    if not structures:
        raise ValueError(f"tree.{name}: must provide at least one structure.")


def map_structure_up_to(shallow_structure: object, func: Callable[..., Any], *structures: object) -> Any:
    """`func` of the parts of `structures` at the leaves of `shallow_structure`, in that structure.

    >>> map_structure_up_to([0, 0], len, [[1, 2], (3,)])
    [2, 1]
    """
    _check_call("map_structure_up_to", func, structures)
    return _map(lambda _, *parts: func(*parts), (shallow_structure, *structures), True, (), deep=False)


def assert_same_structure(a: object, b: object, check_types: bool | None = None) -> None:
    """Refuse structures that differ in anything but leaves; all kinds of dicts count as equal.

    Args:
        check_types: has no effect.
        a, b: the two structures.

    Raises:
        ValueError: if they differ.
    """
    if check_types is not None:
        warn(
            "assert_same_structure: `check_types` has no effect. For a looser check use `assert_same_paths`.",
            DeprecationWarning,
        )
    _map(lambda *_: None, (a, b), True, ())


def assert_same_paths(a: object, b: object) -> None:
    """Refuse structures whose leaves are not at the same places; lists and tuples count as equal.

    Args:
        a, b: the two structures.

    Raises:
        ValueError: if they differ.
    """
    first, second = ({path for path, _ in flatten_with_path(structure)} for structure in (a, b))
    if first != second:
        raise ValueError(
            f"`a` and `b` don't have the same paths. Only in `a`: {first - second or 'none'}. Only in `b`:"
            f" {second - first or 'none'}."
        )


def pack_sequence_as(structure: object, flat_sequence: Iterable[Any]) -> Any:
    """The leaves `flat_sequence` in the form of `structure`; the inverse of `flatten`.

    >>> pack_sequence_as({"b": 0, "a": [0, 0]}, [1, 2, 3])
    {'b': 3, 'a': [1, 2]}

    Raises:
        ValueError: if there are too few or too many leaves.
    """
    given, expected = list(flat_sequence), len(flatten(structure))
    if len(given) != expected:
        raise ValueError(f"tree.pack_sequence_as: the structure has {expected} leaves. Received: {len(given)}.")
    leaves = iter(given)
    return _map(lambda _: next(leaves), (structure,), True, ())


def lists_to_tuples(structure: object) -> Any:
    """The structure with tuples in place of lists."""
    return traverse(lambda part: tuple(part) if isinstance(part, list) else None, structure, top_down=False)


def map_shape_structure(func: Callable[..., Any], structure: object) -> Any:
    """`func` of each shape (a list or tuple of ints and None) in a structure of shapes."""
    if not callable(func):
        raise TypeError(f"tree.map_shape_structure: `func` must be callable. Received: {func!r}")

    def visit(part: object) -> Any:
        if isinstance(part, (list, tuple)) and all(size is None or isinstance(size, int) for size in part):
            return _result(func(part))
        return None if is_nested(part) else _result(func(part))

    return traverse(visit, structure)


def _result(value: object) -> object:
    return MAP_TO_NONE if value is None else value


def traverse(func: Callable[..., Any], structure: object, top_down: bool = True) -> Any:
    """Visit every part of a structure, leaves and structures alike.

    Args:
        func: of one part. Returns what stands in its place; None: leave it (`top_down`: and visit what it contains);
            `MAP_TO_NONE`: put None there.
        top_down: a structure before its parts (what replaces it is not visited), otherwise after them.
    """
    if not callable(func):
        raise TypeError(f"tree.traverse: `func` must be callable. Received: {func!r}")
    return _traverse_down(func, structure) if top_down else _traverse_up(func, structure)


def _traverse_down(func: Callable[..., Any], structure: object) -> Any:
    replaced = func(structure)
    if replaced is not None:
        return None if replaced is MAP_TO_NONE else replaced
    level = _open(structure)
    return structure if level is None else level.rebuild([_traverse_down(func, value) for value in level.values])


def _traverse_up(func: Callable[..., Any], structure: object) -> Any:
    level = _open(structure)
    if level is not None:
        structure = level.rebuild([_traverse_up(func, value) for value in level.values])
    replaced = func(structure)
    return structure if replaced is None else None if replaced is MAP_TO_NONE else replaced


__all__ = [
    "MAP_TO_NONE", "assert_same_paths", "assert_same_structure", "flatten", "flatten_with_path", "is_nested",
    "lists_to_tuples", "map_shape_structure", "map_structure", "map_structure_up_to", "pack_sequence_as", "traverse",
]  # fmt: skip

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
