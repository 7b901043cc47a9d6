"""Small helpers around models."""

from __future__ import annotations

import numpy as np
import pytest

import sequax


@pytest.mark.parametrize("labels", [[0, 2, 1], [[1], [0]], [[0, 1], [2, 2]]])
@pytest.mark.parametrize("count", [None, 4])
def test_to_categorical_equals_keras(labels, count, keras):
    expected = keras.utils.to_categorical(np.array(labels), count)
    assert np.array_equal(sequax.utils.to_categorical(labels, count), expected)


def test_to_categorical_refuses_other_classes():
    with pytest.raises(ValueError, match="from 0 to 2, but 1 are not; the first is 3"):
        sequax.utils.to_categorical([0, 3], 3)


def test_normalize_equals_keras(keras, rng):
    x = rng.normal(size=(3, 4))
    for order in (1, 2):
        assert np.allclose(sequax.utils.normalize(x, -1, order), keras.utils.normalize(x, -1, order))
    assert np.allclose(np.linalg.norm(sequax.utils.normalize(x, 0), axis=0), 1)
    assert np.array_equal(sequax.utils.normalize(np.zeros((2, 2))), np.zeros((2, 2)))


def test_registered_classes_come_back_from_configs():
    @sequax.utils.register_keras_serializable("tests")
    class Half(sequax.layers.Layer):
        def call(self, x):
            return x / 2

    model = sequax.Sequential([sequax.Input((2,)), Half()])
    again = sequax.Sequential.from_config(model.get_config())
    assert type(again.layers[0]) is Half
    assert sequax.utils.get_registered_name(Half) == "tests>Half"


def test_foreign_functions_do_not_come_back_as_ours():
    import jax

    model = sequax.Sequential([sequax.Input((2,)), sequax.layers.Dense(1, activation=jax.nn.gelu)])
    config = model.get_config()
    with pytest.raises(TypeError, match="custom_objects"):
        sequax.Sequential.from_config(config)
    again = sequax.Sequential.from_config(
        config, custom_objects={config["layers"][1]["config"]["activation"]["config"]: jax.nn.gelu}
    )
    assert again.layers[0].activation is jax.nn.gelu


def test_seeds_are_checked():
    for seed in (-1, 1.5, "a", True):
        with pytest.raises(ValueError, match="whole number"):
            sequax.utils.set_random_seed(seed)
