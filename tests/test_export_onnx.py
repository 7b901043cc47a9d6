"""What ONNX files of models are held against, and masks. Every layer of the table: `test_export_layers.py`."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import sequax
from sequax import layers

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
onnxruntime.set_default_logger_severity(3)

from sequax.export.onnx import to_onnx  # noqa: E402

pytestmark = pytest.mark.usefixtures("symbolic_sizes")


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


def random(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def test_masks_with_holes():
    model = sequax.Sequential([layers.Input((None, 3)), layers.Masking(), layers.LSTM(4, return_sequences=True)])
    x = random(4, 7, 3)
    x[0, 2:4] = x[1, 0] = x[2, :] = x[3, 5:] = 0
    run = session(to_onnx(model))
    assert_same(run, model, x)
    assert_same(run, model, x[:2, :3])
