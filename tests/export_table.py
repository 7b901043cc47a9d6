"""The rows of the table of layers as models to export: every layer with the settings and weights of its row."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

import sequax
from sequax.export.trace import Trace
from tests.layer_table import Row, draw_weights, each, given, make, sequax_library, symbolic_input


def is_fixed(row: Row) -> bool:
    """Whether the call of a row holds arrays for its batch, such as masks."""
    return any(hasattr(part, "shape") for part in jax.tree.leaves(row.call))


def sizes_of(row: Row) -> tuple[int, ...]:
    """Batch sizes to try; the first is the largest."""
    return (jax.tree.leaves(row.shape)[0],) if is_fixed(row) else (3, 2)


def model_of(row: Row) -> Any:
    """A model of the one layer, for any batch size."""
    library = sequax_library()
    layer = make(library, row)
    inputs = symbolic_input(library, row, unknown=() if is_fixed(row) else (0,))
    model = sequax.Model(inputs, layer(*given(row, inputs), **row.call))
    layer.set_weights(draw_weights(layer))
    return model


def rows_of(row: Row, count: int) -> list[np.ndarray]:
    """Random inputs of `count` rows, one array after another."""
    rng = np.random.default_rng(1)

    def draw(shape: tuple[int, ...]) -> np.ndarray:
        if np.issubdtype(np.dtype(row.dtype), np.integer):
            return rng.integers(0, row.high, (count, *shape[1:])).astype(row.dtype)
        return rng.normal(size=(count, *shape[1:])).astype(row.dtype)

    return jax.tree.leaves(each(draw, row.shape), is_leaf=lambda part: isinstance(part, np.ndarray))


def expected(trace: Trace, arrays: list[np.ndarray]) -> list[np.ndarray]:
    """What the model gives."""
    return [np.asarray(one) for one in jax.jit(trace)(trace.weights(), *arrays)]


def check_rows(row: Row, trace: Trace, run: Any, tolerance: float = 1e-5) -> None:
    """An artifact gives what the model gives, at two batch sizes.

    What a layer makes of a row hangs on no other row, so that one program of ours tells what belongs to both sizes.
    """
    most, *fewer = sizes_of(row)
    arrays = rows_of(row, most)
    wanted = expected(trace, arrays)
    assert_equal(run(arrays), wanted, tolerance)
    for count in fewer:
        assert_equal(run([array[:count] for array in arrays]), [one[:count] for one in wanted], tolerance)


def assert_equal(found: Any, wanted: list[np.ndarray], tolerance: float) -> None:
    """Equal shapes, and values within `tolerance` of the largest one."""
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        scale = max(1.0, float(np.abs(other[np.isfinite(other)]).max(initial=0)))
        np.testing.assert_allclose(np.asarray(one), other, rtol=0, atol=tolerance * scale)
