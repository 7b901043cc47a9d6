"""What is exported, as a traced program: symbols of unknown sizes, float32, names of layers and of formulas."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import sequax
from sequax import layers
from sequax.export.errors import ExportError
from sequax.export.trace import Trace, layer_path
from sequax.kernels import formulas

pytestmark = pytest.mark.usefixtures("symbolic_sizes")


def test_each_unknown_size_has_a_symbol_of_its_own():
    a, b = layers.Input((None, 3), name="a"), layers.Input((None, 3), name="b")
    model = sequax.Model([a, b], layers.Concatenate(axis=1)([a, b]))
    shapes = [tuple(map(str, one.shape)) for one in Trace(model).symbols()]
    assert shapes == [("batch", "dim_0_1", "3"), ("batch", "dim_1_1", "3")]


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "bfloat16"])
def test_it_computes_what_the_model_computes_in_float32(policy):
    inputs = layers.Input((5,), dtype="float32")
    model = sequax.Model(
        inputs, layers.Dense(3, "softmax", dtype=policy)(layers.Dense(4, "gelu", dtype=policy)(inputs))
    )
    trace, x = Trace(model), np.random.default_rng(0).normal(size=(2, 5)).astype("float32")
    kept = [layer.dtype_policy.name for layer in model.layers]
    (found,) = trace(trace.weights(), x)
    assert found.dtype == "float32"
    np.testing.assert_allclose(
        found, model.predict(x, verbose=0).astype("float32"), atol=1e-6 if policy == "float32" else 0.02
    )
    assert [layer.dtype_policy.name for layer in model.layers] == kept


def test_formulas_keep_their_names_and_equations_the_paths_of_layers():
    inner = sequax.Sequential([layers.Dense(4, "softmax", name="head")], name="inner")
    model = sequax.Sequential([layers.Input((5,)), layers.LayerNormalization(name="norm"), inner], name="outer")
    found = {name: path for name, path in map(_described, Trace(model).jaxpr().eqns) if name}
    assert found == {"standardized": "outer/norm", "softmax": "outer/inner/head"}
    jaxpr = jax.make_jaxpr(model)(np.ones((2, 5), "float32"))
    assert not any(formulas.name_of(equation) for equation in jaxpr.eqns)  # programs of ours have no more calls


def _described(equation):
    name = formulas.name_of(equation)
    return name and name[0], layer_path(equation)


@pytest.mark.parametrize(
    "layer",
    [
        layers.LSTM(4, return_sequences=True),
        layers.Bidirectional(layers.GRU(4)),
        layers.RNN(layers.SimpleRNNCell(4)),
        layers.TimeDistributed(layers.Dense(4)),
        layers.MultiHeadAttention(2, 4),
        layers.Conv1D(4, 3, padding="same"),
    ],
    ids=lambda layer: layer.name,
)
def test_layers_take_symbolic_sizes(layer):
    model = sequax.Sequential([layers.Input((None, 3)), layers.Masking(), layer])
    assert str(Trace(model).abstract_outputs()[0].shape[0]) == "batch"


def test_a_subclass_that_was_not_called_is_asked_for_a_signature():
    class Own(sequax.Model):
        def __init__(self):
            super().__init__(name="own")
            self.dense = layers.Dense(3)

        def call(self, inputs):
            return self.dense(inputs)

    model = Own()
    with pytest.raises(ExportError, match="Call it on data first"):
        Trace(model)
    model(np.ones((2, 4), "float32"))
    assert [one.shape for one in Trace(model).inputs] == [(None, 4)]
