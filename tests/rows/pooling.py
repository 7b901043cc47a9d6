"""Rows of the poolings."""

from __future__ import annotations

from tests.layer_table import Row

SHAPES = {1: (2, 7, 3), 2: (2, 7, 6, 3), 3: (2, 7, 6, 5, 3)}


def channels_first(shape):
    return (shape[0], shape[-1], *shape[1:-1])


def windowed(kind, rank):
    """Rows of one pooling over windows, e.g. MaxPooling2D; images, the most used, get all settings."""
    name, shape = f"{kind}Pooling{rank}D", SHAPES[rank]
    spatial = tuple(range(1, rank + 1))
    yield Row(name, {"pool_size": 3, "strides": 2, "padding": "same"}, shape, unknown=spatial)
    yield Row(name, {"pool_size": 2, "data_format": "channels_first"}, channels_first(shape))
    if rank == 2:
        yield Row(name, {"pool_size": 2}, shape, unknown=spatial)
        yield Row(name, {"pool_size": 3, "strides": 2}, shape, unknown=spatial)
        yield Row(name, {"pool_size": 2, "strides": 1, "padding": "same"}, shape, unknown=spatial)
        yield Row(name, {"pool_size": 2, "padding": "same", "data_format": "channels_first"}, channels_first(shape))


def whole(kind, rank):
    """Rows of one global pooling, e.g. GlobalMaxPooling1D."""
    name, shape = f"Global{kind}Pooling{rank}D", SHAPES[rank]
    yield Row(name, {}, shape, unknown=tuple(range(1, rank + 1)))
    yield Row(name, {"data_format": "channels_first", "keepdims": True}, channels_first(shape))


ROWS = [
    row for form in (windowed, whole) for kind in ("Max", "Average") for rank in SHAPES for row in form(kind, rank)
] + [
    Row("MaxPooling2D", {}, SHAPES[2]),
    Row("MaxPooling2D", {"pool_size": (2, 3), "strides": (3, 1)}, SHAPES[2]),
    Row("AveragePooling2D", {"pool_size": (7, 6)}, SHAPES[2]),
    Row("GlobalAveragePooling1D", {"keepdims": True}, SHAPES[1], mask=True),
    Row("GlobalAveragePooling1D", {}, SHAPES[1], mask=True),
    Row("MaxPooling2D", {}, SHAPES[2], dtype="int32"),
    Row("GlobalAveragePooling2D", {}, SHAPES[2], dtype="int32", mixed=False),  # Keras ignores the policy for integers
]
