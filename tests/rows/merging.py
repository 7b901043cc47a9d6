"""Rows: merging layers."""

from tests.layer_table import Row

STEPS = (2, 3, 4)
TWO, THREE = [STEPS, STEPS], [STEPS, STEPS, STEPS]

ROWS = [
    Row("Add", {}, TWO, mask=True, unknown=(1,)),
    Row("Add", {}, [(2, 3, 4), (2, 4), (2, 1, 4)]),
    Row("Add", {}, [(2, 3), (2, 1)], "int32"),
    Row("Subtract", {}, [(2, 4), (2, 3, 4)]),
    Row("Multiply", {}, THREE, mask=True, unknown=(1,)),
    Row("Average", {}, THREE, mask=True),
    Row("Average", {}, [(2, 3), (2, 3)], "int32"),
    Row("Maximum", {}, TWO, mask=True),
    Row("Minimum", {}, THREE, mask=True),
    Row("Concatenate", {}, [(2, 3, 4), (2, 3, 1)], mask=True, unknown=(1,)),
    Row("Concatenate", {"axis": 1}, [(2, 3, 4), (2, 5, 4)], mask=True, unknown=(1,)),
    Row("Concatenate", {"axis": 1}, [(2, 3), (2, 1)], "int32"),
    Row("Dot", {"axes": 1}, [(2, 3), (2, 3)]),
    Row("Dot", {"axes": (1, 2), "normalize": True}, [(2, 3, 4), (2, 5, 3)], mask=True),
    Row("Dot", {"axes": [2, 1]}, [(2, 3, 4, 5), (2, 4)]),
]
