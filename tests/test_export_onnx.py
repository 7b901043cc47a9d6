"""The ONNX files of models: every layer of the table, equal to the model in onnxruntime for any number of rows."""

from __future__ import annotations

import warnings

import jax
import numpy as np
import pytest

import sequax
from sequax import layers
from tests.layer_table import draw_input, draw_weights, given, make, sequax_library, symbolic_input
from tests.test_layer_table import ROWS

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
onnxruntime.set_default_logger_severity(3)

from sequax.export.onnx import to_onnx  # noqa: E402

pytestmark = pytest.mark.usefixtures("symbolic_sizes")

# Rows that no file with any number of rows can hold.
REFUSED = dict.fromkeys(
    ["attention-6", "attention-7", "attention-13", "attention-14"],
    "the row passes masks of two samples by hand; a graph has them as inputs",
)


def session(proto):
    onnx.checker.check_model(proto, full_check=True)
    return onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])


def expected_of(model, arrays):
    x = jax.tree.unflatten(jax.tree.structure(model.symbolic_inputs, is_leaf=lambda t: hasattr(t, "shape")), arrays)
    return jax.tree.leaves(jax.jit(lambda x: model(x, training=False))(x))


def assert_same(run, model, *arrays, tolerance=1e-5):
    """Equal results of a session and of a model, relative to a size of 1."""
    assert_gives(run, expected_of(model, arrays), arrays, tolerance)


def assert_gives(run, expected, arrays, tolerance=1e-5):
    found = run.run(None, {one.name: array for one, array in zip(run.get_inputs(), arrays, strict=True)})
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_allclose(a, np.asarray(b), rtol=tolerance, atol=tolerance)


def rows(array, count):
    """That many rows, others than the first ones."""
    return np.roll(np.concatenate([array] * count)[:count], 1, 0)


@pytest.mark.parametrize("row", ROWS)
def test_every_layer(row, request):
    if reason := next((why for key, why in REFUSED.items() if request.node.callspec.id.startswith(f"{key}-")), None):
        pytest.xfail(reason)
    layer = make(sequax_library(), row)
    inputs = symbolic_input(sequax_library(), row)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = sequax.Model(inputs, layer(*given(row, inputs), **row.call))
        layer.set_weights(draw_weights(layer))
        run = session(to_onnx(model))
        arrays = jax.tree.leaves(draw_input(row))
        arrays = [rows(array, 5) for array in arrays]
        expected = expected_of(model, arrays)
        for count in (5, 2):  # samples do not meet in inference, so that the model runs once
            assert_gives(run, [one[:count] for one in expected], [array[:count] for array in arrays])


def random(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def test_masks_with_holes():
    model = sequax.Sequential([layers.Input((None, 3)), layers.Masking(), layers.LSTM(4, return_sequences=True)])
    x = random(4, 7, 3)
    x[0, 2:4] = x[1, 0] = x[2, :] = x[3, 5:] = 0
    run = session(to_onnx(model))
    assert_same(run, model, x)
    assert_same(run, model, x[:2, :3])
