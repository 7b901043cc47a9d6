"""`sequax.tree` against `keras.tree`."""

from __future__ import annotations

import inspect
from collections import OrderedDict, defaultdict, deque, namedtuple

import numpy as np
import pytest

import sequax
from sequax import tree

Point = namedtuple("Point", "x y")
Other = namedtuple("Other", "x y")
UNSORTED = defaultdict(int, {"b": 1, "a": 2})
ORDERED = OrderedDict([("b", 1), ("a", [2])])
STRUCTURES = [
    3,
    None,
    "abc",
    [],
    (),
    {},
    [[], ()],
    [1, (2, None), {"b": 3, "a": [4]}, Point(5, (6,))],
    ORDERED,
    UNSORTED,
    {2: 1, 1: 2},
    {"a": 1, 1: 2},
    deque([1, [2]]),
    {1, 2},
    range(3),
]


def add(*values):
    return ("sum", *values)


def halve(part):
    """Replaces some leaves and structures, removes others."""
    if part == 2:
        return tree.MAP_TO_NONE
    if isinstance(part, list):
        return tuple(part)
    return part * 10 if isinstance(part, int) else None


def outcome(function, *args, **kwargs):
    """What a call returns, types of containers included, or the type of its error."""
    try:
        return repr(function(*args, **kwargs))
    except Exception as error:
        return type(error)


@pytest.mark.parametrize("structure", STRUCTURES, ids=repr)
def test_one_structure_equals_keras(keras, structure):
    theirs = keras.tree

    def visited(traverse, **kwargs):
        seen = []
        traverse(lambda part: seen.append(repr(part)), structure, **kwargs)
        return seen

    for name in ("is_nested", "flatten", "flatten_with_path", "lists_to_tuples"):
        assert outcome(getattr(tree, name), structure) == outcome(getattr(theirs, name), structure), name
    assert outcome(tree.map_structure, add, structure) == outcome(theirs.map_structure, add, structure)
    skipping = [outcome(t.map_structure, add, structure, none_is_leaf=False) for t in (tree, theirs)]
    assert skipping[0] == skipping[1]
    leaves = [f"leaf {i}" for i in range(len(tree.flatten(structure)))]
    assert outcome(tree.pack_sequence_as, structure, leaves) == outcome(theirs.pack_sequence_as, structure, leaves)
    for top_down in (True, False):
        assert visited(tree.traverse, top_down=top_down) == visited(theirs.traverse, top_down=top_down)


PAIRS = [
    ([1, {"a": 2}], [3, {"a": 4}]),
    ([1], (1,)),
    ([1, 2], [1]),
    ([1], 1),
    (1, [1]),
    ({"a": 1}, {"b": 1}),
    ({"a": 1}, {"a": 1, "b": 2}),
    (ORDERED, {"a": [3], "b": 4}),
    (UNSORTED, {"a": 3, "b": 4}),
    (OrderedDict([("b", 1), ("a", 2)]), OrderedDict([("a", 2), ("b", 1)])),
    (Point(1, 2), (1, 2)),
    (Point(1, 2), Other(1, 2)),
    (Point(1, 2), Point(3, 4)),
    ([None], [1]),
    ([None], [[]]),
    ([1, [2]], [1, 2]),
    ([1, 2], [1, [2]]),
    ([[]], [1]),
]


@pytest.mark.parametrize(("a", "b"), PAIRS, ids=repr)
def test_two_structures_equal_keras(keras, a, b):
    theirs = keras.tree
    for name in ("assert_same_structure", "assert_same_paths"):
        assert outcome(getattr(tree, name), a, b) == outcome(getattr(theirs, name), a, b), name
    for none_is_leaf in (True, False):
        found = [outcome(t.map_structure, add, a, b, none_is_leaf=none_is_leaf) for t in (tree, theirs)]
        assert found[0] == found[1]
    if None not in tree.flatten(a):  # Keras refuses None in the shallow structure
        assert outcome(tree.map_structure_up_to, a, add, b, b) == outcome(theirs.map_structure_up_to, a, add, b, b)


@pytest.mark.parametrize(
    "shapes",
    [(1, 2), [1, 2], [(1, 2), (None,)], {"a": (1, None), "b": [(3,)]}, (), None, [[1], None], ("a",), 3],
    ids=repr,
)
def test_shapes_equal_keras(keras, shapes):
    found, expected = (t.map_shape_structure(lambda s: ("F", s), shapes) for t in (tree, keras.tree))
    assert repr(found) == repr(expected)
    assert tree.map_shape_structure(lambda s: None, [(1,)]) == [None]


def test_traverse_replaces():
    structure = [1, [2], {"a": 2, "b": Point(3, (4,))}]
    assert tree.traverse(halve, structure) == (1, [2], {"a": 2, "b": Point(3, (4,))})
    assert tree.traverse(halve, structure, top_down=False) == (10, (None,), {"a": None, "b": Point(30, (40,))})
    assert tree.traverse(lambda part: 7 if part is None else None, [None, 1]) == [7, 1]


def test_tensors_are_leaves():
    values = [np.zeros(2), sequax.Variable([1.0]), sequax.KerasTensor((None, 2))]
    assert [a is b for a, b in zip(tree.flatten({"x": values}), values, strict=True)] == [True] * 3
    kept = tree.map_structure(lambda x: x, defaultdict(list, {"x": OrderedDict(y=1)}, z=deque([1], 3)))
    assert (type(kept), type(kept["x"]), kept["z"]) == (defaultdict, OrderedDict, deque([1]))
    assert kept["z"].maxlen == 3


BAD = [
    (tree.map_structure, (3, [1]), TypeError, "callable"),
    (tree.map_structure, (add,), ValueError, "at least one"),
    (tree.map_structure, (add, {"x": [1, 2]}, {"x": [1]}), ValueError, r"at \['x'\], expected one like \[1, 2\]"),
    (tree.map_structure_up_to, ([1], add), ValueError, "at least one"),
    (tree.pack_sequence_as, ([1, 2], [5]), ValueError, "2 leaves"),
    (tree.pack_sequence_as, ([1, 2], [5, 6, 7]), ValueError, "Received: 3"),
    (tree.pack_sequence_as, ([1], 5), TypeError, "iterable"),
    (tree.traverse, (3, [1]), TypeError, "callable"),
    (tree.map_shape_structure, (3, [(1,)]), TypeError, "callable"),
]


@pytest.mark.parametrize(("function", "args", "error", "message"), BAD)
def test_bad_input_is_refused(function, args, error, message):
    with pytest.raises(error, match=message):
        function(*args)


def test_check_types_has_no_effect():
    with pytest.warns(DeprecationWarning, match="check_types"):
        tree.assert_same_structure([1], [2], check_types=False)


def test_names_and_signatures(keras):
    assert set(tree.__all__) == {name for name in dir(keras.tree) if not name.startswith("_")}
    for name in set(tree.__all__) - {"MAP_TO_NONE"}:
        found, expected = (inspect.signature(getattr(t, name)).parameters for t in (tree, keras.tree))
        assert [(p.name, p.default) for p in found.values()] == [(p.name, p.default) for p in expected.values()], name
