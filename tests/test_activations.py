"""Activations: values and gradients against Keras."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sequax import Input, Model, activations

PLAIN = [
    "celu",
    "elu",
    "exponential",
    "gelu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "squareplus",
    "tanh",
    "tanh_shrink",
    "glu",
    "swish",
    "hard_swish",
]
WITH_ARGUMENTS = [
    ("celu", {"alpha": 0.5}),
    ("elu", {"alpha": 2.0}),
    ("gelu", {"approximate": True}),
    ("glu", {"axis": 0}),
    ("hard_shrink", {"threshold": 1.0}),
    ("leaky_relu", {"negative_slope": 0.1}),
    ("log_softmax", {"axis": 0}),
    ("softmax", {"axis": (0, 1)}),
    ("soft_shrink", {"threshold": 0.1}),
    ("squareplus", {"b": 1}),
    ("threshold", {"threshold": 0.3, "default_value": 7.0}),
    ("relu", {"negative_slope": 0.1, "max_value": 2.0, "threshold": 0.5}),
    ("relu", {"max_value": 6}),
    ("relu", {"max_value": 0.5, "negative_slope": 0.2}),
    ("relu", {"threshold": -1.0}),
]
CASES = [(name, {}) for name in PLAIN] + WITH_ARGUMENTS


def inputs():
    x = 3 * np.random.default_rng(0).normal(size=(6, 8)).astype("float32")
    x[0, :4] = [30, -30, 0.01, 2]
    return x


@functools.cache
def results(*modules):
    """For each module the values and gradients of all cases, by one program: compiling is what takes the time here."""

    def both(x, module, name, arguments):
        def wave(x):
            y = getattr(module, name)(x, **arguments)
            return jnp.sum(jnp.sin(y)), y

        slope, y = jax.grad(wave, has_aux=True)(x)
        return y, slope

    return jax.jit(lambda x: [[both(x, module, *case) for case in CASES] for module in modules])(inputs())


@pytest.mark.parametrize("at", range(len(CASES)), ids=[f"{name}-{arguments}" for name, arguments in CASES])
def test_values_and_gradients_are_keras(keras, at):
    ours, theirs = results(activations, keras.activations)
    np.testing.assert_allclose(ours[at][0], theirs[at][0], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(ours[at][1], theirs[at][1], rtol=1e-5, atol=1e-6)


def test_on_symbolic_tensors_they_are_nodes_that_files_hold():
    """With the defaults of the activation: those of the op of that name are others for some (`gelu`)."""
    tensor = Input((8,))
    cases = [("gelu", {}), ("exponential", {}), *WITH_ARGUMENTS]
    cases = [(name, given) for name, given in cases if given.get("axis", -1) == -1]
    model = Model(tensor, [getattr(activations, name)(tensor, **given) for name, given in cases])
    named = Model(tensor, activations.gelu(activations.relu(x=tensor)) + activations.exponential(tensor))
    again = Model.from_config(named.get_config())
    got, expected = jax.jit(
        lambda x: (
            [*model(x), again(x)],
            [*(getattr(activations, name)(x, **given) for name, given in cases), named(x)],
        )
    )(inputs())
    for case, one, other in zip([*cases, named], got, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, err_msg=str(case))


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_sparsemax_is_the_nearest_point_of_the_simplex(axis):
    """Not compared with Keras, whose sums are not 1."""
    x = inputs()
    p = np.asarray(activations.sparsemax(x, axis=axis))
    np.testing.assert_allclose(p.sum(axis), 1, atol=1e-5)
    assert (p >= 0).all() and (p == 0).any()
    # Where p > 0 the shift x − p is one number per slice; elsewhere x lies below it (the conditions of the optimum).
    shift = np.where(p > 0, x - p, -np.inf).max(axis, keepdims=True)
    np.testing.assert_allclose(np.where(p > 0, x - p, shift), np.broadcast_to(shift, x.shape), atol=1e-5)
    assert (x[p == 0] <= np.broadcast_to(shift, x.shape)[p == 0] + 1e-5).all()


def test_names_and_configs(keras):
    assert activations.get(None) is activations.linear
    assert activations.get("swish") is activations.silu is activations.get("silu")
    assert activations.get("hard_swish") is activations.hard_silu
    assert activations.get(jax.nn.relu) is jax.nn.relu
    for name, _ in CASES:
        function = getattr(activations, name)
        assert activations.serialize(function) == keras.activations.serialize(getattr(keras.activations, name))
        assert activations.deserialize(activations.serialize(function)) is function
    written_by_keras = {"module": "builtins", "class_name": "function", "config": "relu", "registered_name": "function"}
    assert activations.get(written_by_keras) is activations.relu


def test_whole_numbers():
    assert activations.relu(np.array([1, -2])).dtype == "int32"
    for name in ("sigmoid", "elu", "softmax", "exponential", "mish"):
        assert getattr(activations, name)(np.array([1, 2])).dtype == "float32"
    assert activations.sigmoid(jnp.ones(2, "bfloat16")).dtype == "bfloat16"


def test_softmax_of_one_class_warns():
    with pytest.warns(UserWarning, match="sigmoid"):
        activations.softmax(np.ones((2, 1), "float32"))


def test_refusals():
    with pytest.raises(ValueError, match="relu"):
        activations.get("relou")
    with pytest.raises(ValueError, match="even"):
        activations.glu(np.ones((2, 3)))
