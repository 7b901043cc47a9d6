"""Regularizers and constraints against Keras."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sequax import constraints, regularizers

REGULARIZERS = [
    ("L1", {}),
    ("L1", {"l1": 0.3}),
    ("L2", {}),
    ("L2", {"l2": 0.3}),
    ("L1L2", {}),
    ("L1L2", {"l1": 0.1, "l2": 0.2}),
    ("OrthogonalRegularizer", {}),
    ("OrthogonalRegularizer", {"factor": 0.5, "mode": "columns"}),
]
CONSTRAINTS = [
    ("MaxNorm", {}),
    ("MaxNorm", {"max_value": 1.0, "axis": [0, 1]}),
    ("MinMaxNorm", {"min_value": 1.0, "max_value": 2.0, "rate": 0.5, "axis": 1}),
    ("NonNeg", {}),
    ("UnitNorm", {}),
    ("UnitNorm", {"axis": 1}),
]


@pytest.mark.parametrize(("name", "arguments"), REGULARIZERS)
def test_penalties_are_keras(keras, rng, name, arguments):
    x = jnp.array(rng.normal(size=(7, 5)), "float32")  # of NumPy arrays Keras normalises the wrong axis
    ours, theirs = getattr(regularizers, name)(**arguments), getattr(keras.regularizers, name)(**arguments)
    np.testing.assert_allclose(ours(x), float(theirs(x)), rtol=1e-6)
    np.testing.assert_allclose(jax.grad(ours)(x), jax.grad(theirs)(x), atol=1e-6)
    assert ours.get_config() == pytest.approx(theirs.get_config()) if "mode" not in arguments else True
    again = regularizers.deserialize(regularizers.serialize(ours))
    assert type(again) is type(ours) and again.get_config() == ours.get_config()


def test_orthogonal_columns_of_any_matrix(rng):
    x = rng.normal(size=(7, 3)).astype("float32")
    rows = regularizers.OrthogonalRegularizer(0.1, "rows")(x.T)
    np.testing.assert_allclose(regularizers.OrthogonalRegularizer(0.1, "columns")(x), rows, rtol=1e-6)


def test_names():
    assert type(regularizers.get("l1")) is regularizers.L1
    assert type(regularizers.get("L2")) is regularizers.L2
    assert type(regularizers.get("l1l2")) is regularizers.L1L2
    assert regularizers.l1_l2 is regularizers.L1L2
    assert type(constraints.get("non_neg")) is constraints.NonNeg
    assert regularizers.get(None) is None and constraints.get(None) is None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: regularizers.L1(-1.0), ">= 0"),
        (lambda: regularizers.L2("a"), ">= 0"),
        (lambda: regularizers.L2(float("nan")), ">= 0"),
        (lambda: regularizers.OrthogonalRegularizer(mode="x"), "rows"),
        (lambda: regularizers.OrthogonalRegularizer()(np.ones(3)), "rank 2"),
        (lambda: constraints.get("max_norn"), "max_norm"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(("name", "arguments"), CONSTRAINTS)
def test_constraints_are_keras(keras, rng, name, arguments):
    w = (2 * rng.normal(size=(4, 5))).astype("float32")
    ours, theirs = getattr(constraints, name)(**arguments), getattr(keras.constraints, name)(**arguments)
    np.testing.assert_allclose(ours(w), np.asarray(theirs(w)), atol=1e-6)
    assert ours.get_config() == theirs.get_config()
    assert constraints.serialize(ours) == keras.constraints.serialize(theirs)
    again = constraints.deserialize(constraints.serialize(ours))
    np.testing.assert_array_equal(again(w), ours(w))


def test_tuples_of_axes_come_back_from_configs():
    axes = {"class_name": "__tuple__", "items": [0, 1]}
    config = {"module": "keras.constraints", "class_name": "MaxNorm", "config": {"axis": axes}}
    assert constraints.deserialize(config).axis == (0, 1)


def test_a_users_regularizer_says_that_it_has_no_config():
    class Largest(regularizers.Regularizer):
        pass

    class Weak(regularizers.L1):
        pass

    assert Weak(0.5).get_config() == {"l1": 0.5}
    with pytest.raises(NotImplementedError, match="Largest does not implement"):
        Largest().get_config()
