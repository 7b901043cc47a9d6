"""Layers around functions of JAX and modules of Flax."""

from __future__ import annotations

import sys
from types import ModuleType

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import sequax
from sequax import Input, Model, Sequential, layers, models
from sequax.layers import FlaxLayer, JaxLayer
from sequax.saving import register_keras_serializable

X = np.random.default_rng(0).normal(size=(16, 3)).astype("float32")
Y = np.random.default_rng(1).normal(size=(16, 2)).astype("float32")


@register_keras_serializable("tests")
def start(rng, inputs):
    return {"kernel": jax.random.normal(rng, (inputs.shape[-1], 2)), "bias": jnp.zeros(2)}


@register_keras_serializable("tests")
def dense(params, inputs):
    return inputs @ params["kernel"] + params["bias"]


@register_keras_serializable("tests")
def start_counting(rng, inputs):
    return start(rng, inputs), jnp.zeros((), "int32")


@register_keras_serializable("tests")
def counting(params, state, rng, inputs, training):
    if training:
        inputs = inputs + jax.random.normal(rng, inputs.shape)
    return dense(params, inputs), state + int(training)


def fitted(layer, **compile_arguments):
    model = Sequential([Input((3,)), layer])
    model.compile("sgd", "mse", **compile_arguments)
    model.fit(X, Y, epochs=2, batch_size=8, shuffle=False, verbose=0)
    return model


def test_trains_like_the_layer_it_computes():
    ours, theirs = JaxLayer(dense, start), layers.Dense(2)
    sequax.utils.set_random_seed(1)
    ours.build((None, 3)), theirs.build((None, 3))
    theirs.kernel.assign(ours.params["kernel"].value)
    found, expected = fitted(ours), fitted(theirs)
    assert np.allclose(found.predict(X, verbose=0), expected.predict(X, verbose=0), atol=1e-6)
    assert len(ours.trainable_weights) == 2


def test_state_is_assigned_and_random_numbers_differ():
    layer = JaxLayer(counting, start_counting, seed=3)
    model = fitted(layer)
    assert int(layer.state.value) == 4 and len(layer.non_trainable_weights) == 1
    assert not np.array_equal(layer(X, training=True), layer(X, training=True))
    assert np.array_equal(layer(X), model.predict(X, verbose=0))


@pytest.mark.parametrize("layer", [lambda: JaxLayer(dense, start), lambda: JaxLayer(counting, start_counting)])
def test_saved_and_loaded(layer, tmp_path):
    model = fitted(layer())
    model.save(tmp_path / "m.keras")
    loaded = models.load_model(tmp_path / "m.keras")
    assert np.array_equal(loaded.predict(X, verbose=0), model.predict(X, verbose=0))
    assert loaded.layers[0].get_config() == model.layers[0].get_config()


def test_given_values_are_copied_and_kept():
    values = {"kernel": np.ones((3, 2), "float32"), "bias": np.zeros(2, "float32")}
    layer = JaxLayer(dense, params=values)
    fitted(layer)
    assert np.array_equal(values["kernel"], np.ones((3, 2)))
    assert not np.allclose(layer.params["kernel"].numpy(), 1)


def test_mixed_precision():
    seen = []

    def look(params, inputs):
        seen.append((params["kernel"].dtype, inputs.dtype))
        return dense(params, inputs)

    layer = JaxLayer(look, start, dtype="mixed_float16")
    assert layer(X).dtype == "float16" and layer.params["kernel"].dtype == "float32"
    assert seen[-1] == (jnp.float16, jnp.float16)


def test_structures_in_and_out():
    def both(params, inputs):
        return jnp.concatenate([inputs["a"], inputs["b"]], 1), inputs["a"] * 2

    inputs = {"a": Input((None, 3)), "b": Input((None, 3))}
    model = Model(inputs, JaxLayer(both, params={})(inputs))
    first, second = model({"a": np.ones((2, 6, 3)), "b": np.ones((2, 7, 3))})
    assert (first.shape, second.shape) == ((2, 13, 3), (2, 6, 3))


@pytest.mark.parametrize(
    "state", [[0.0], {"state": {"foo": 0.0}}, {"state": [[0.0]]}, None, {"state": {}}, {"state": {"foo": [2.0]}}]
)
def test_a_state_of_another_structure_is_refused(state):
    layer = JaxLayer(lambda params, state, inputs: (inputs, {"state": [jnp.ones([])]}), params={}, state=state)
    with pytest.raises(ValueError, match="another structure"):
        layer(np.ones(1))


def test_leaves_that_are_no_arrays_stay():
    layer = JaxLayer(lambda params, state, inputs: (inputs, state), state={"a": None, "b": "text", "c": 1.0})
    layer(np.ones(1))
    assert layer.state["a"] is None and layer.state["b"] == "text" and len(layer.weights) == 1


@pytest.mark.parametrize(
    ("functions", "match"),
    [
        ((lambda params, inputs: inputs,), "cannot all be None"),
        ((lambda params: params, start), "Missing required argument in `call_fn`: `inputs`"),
        ((dense, lambda rng: rng), "Missing required argument in `init_fn`: `inputs`"),
        ((lambda inputs, mode: inputs,), "Unsupported argument in `call_fn`: `mode`"),
        ((dense, lambda rng, inputs, mode: rng), "Unsupported argument in `init_fn`: `mode`"),
    ],
)
def test_wrong_functions_are_refused(functions, match):
    with pytest.raises(ValueError, match=match):
        JaxLayer(*functions)


def test_seeds_of_the_process_decide_the_first_values():
    kernels = []
    for _ in range(2):
        sequax.utils.set_random_seed(0)
        layer = JaxLayer(dense, start)
        layer.build((None, 3))
        kernels.append(layer.params["kernel"].numpy())
    assert np.array_equal(*kernels)


# --- Flax, by a stand-in with the three methods that are used ---


@pytest.fixture
def linen(monkeypatch):
    package, module = ModuleType("flax"), ModuleType("flax.linen")
    module.DenyList = list
    package.linen = module
    monkeypatch.setitem(sys.modules, "flax", package)
    monkeypatch.setitem(sys.modules, "flax.linen", module)


@register_keras_serializable("tests")
class Scale:
    def __call__(self, inputs, training=False):
        raise NotImplementedError

    def other(self, inputs):
        raise NotImplementedError

    def init(self, rngs, inputs, method=None, training=None):
        assert set(rngs) == {"params", "dropout"}
        kernel = jax.random.normal(rngs["params"], inputs.shape[-1:])
        return {"params": {"kernel": kernel}, "stats": {"calls": jnp.zeros((), "int32")}}

    def apply(self, variables, inputs, rngs=None, method=None, mutable=(), training=None):
        assert list(mutable) == ["params"] and (("dropout" in rngs) == bool(training) or method is not None)
        stats = {"calls": variables["stats"]["calls"] + int(bool(training))}
        return inputs * variables["params"]["kernel"], {"stats": stats}

    def get_config(self):
        return {}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@pytest.mark.parametrize("method", [None, "other"])
def test_flax_modules_train_and_are_saved(linen, tmp_path, method):
    module = Scale()
    layer = FlaxLayer(module, method=method and getattr(module, method))
    model = Sequential([Input((3,)), layer])
    model.compile("sgd", "mse")
    model.fit(X, X, epochs=2, batch_size=8, shuffle=False, verbose=0)
    assert int(layer.state["stats"]["calls"].value) == (4 if method is None else 0)
    assert len(layer.trainable_weights) == 1
    model.save(tmp_path / "m.keras")
    loaded = models.load_model(tmp_path / "m.keras")
    assert np.array_equal(loaded.predict(X, verbose=0), model.predict(X, verbose=0))
    assert loaded.layers[0].get_config()["method"] == method


def test_flax_variables_may_be_given(linen):
    layer = FlaxLayer(Scale(), variables={"params": {"kernel": np.full(3, 2.0)}, "stats": {"calls": 0}})
    assert np.allclose(layer(X), 2 * X)


def test_without_flax(monkeypatch):
    monkeypatch.setitem(sys.modules, "flax", None)
    monkeypatch.setitem(sys.modules, "flax.linen", None)
    with pytest.raises(ImportError, match="pip install flax"):
        FlaxLayer(Scale())
