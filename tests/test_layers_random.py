"""Layers that draw random numbers: the statistics of what they draw, and that they rest outside of training."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sequax import layers

ROWS = [
    (layers.Dropout, {"rate": 0.3}, (2, 3)),
    (layers.AlphaDropout, {"rate": 0.3}, (2, 3)),
    (layers.SpatialDropout1D, {"rate": 0.3}, (2, 3, 4)),
    (layers.GaussianDropout, {"rate": 0.3}, (2, 3)),
    (layers.GaussianNoise, {"stddev": 0.3}, (2, 3)),
]


@pytest.mark.parametrize(("cls", "arguments", "shape"), ROWS)
def test_inert_outside_of_training_new_draw_on_each_call_and_repeatable_by_seed(cls, arguments, shape):
    x = jnp.arange(1.0, np.prod(shape) + 1).reshape(shape)
    layer, twin = cls(**arguments, seed=5), cls(**arguments, seed=5)
    assert layer(x) is x or np.array_equal(layer(x), x)
    assert np.array_equal(layer(x, training=False), x)
    draws = [np.asarray(layer(x, training=True)) for _ in range(12)]
    assert len({draw.tobytes() for draw in draws}) > 1
    assert all(np.array_equal(draw, twin(x, training=True)) for draw in draws)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_drops_at_its_rate_and_keeps_the_mean(rate):
    outputs = np.asarray(layers.Dropout(rate, seed=1)(jnp.ones((200, 500)), training=True))
    assert set(np.unique(outputs)) == {np.float32(0), np.float32(1) / np.float32(1 - rate)}
    dropped = (outputs == 0).mean()
    assert abs(dropped - rate) < 4 * np.sqrt(rate * (1 - rate) / outputs.size)


def test_dropout_draws_are_independent_along_both_axes():
    kept = np.asarray(layers.Dropout(0.5, seed=1)(jnp.ones((300, 300)), training=True)) > 0
    centred = kept - kept.mean()
    for axis in (0, 1):
        correlation = (centred * np.roll(centred, 1, axis)).mean() / centred.var()
        assert abs(correlation) < 4 / np.sqrt(kept.size)


def test_dropout_of_a_dropped_nan_is_zero_and_its_gradient_the_scaled_mask():
    layer = layers.Dropout(0.5, seed=1)
    x = jnp.ones(50)
    state = layer.seed_generator.state.value

    def total(x):
        outputs, _ = layer.stateless_call([], [state], x, training=True)
        return outputs.sum(), outputs

    gradient, outputs = jax.grad(total, has_aux=True)(x)
    np.testing.assert_array_equal(gradient, outputs)
    assert np.isnan(layers.Dropout(0.5, seed=1)(jnp.full(50, jnp.nan), training=True)).sum() == (outputs > 0).sum()


@pytest.mark.parametrize("noise_shape", [(6, 1, 3), (None, 1, None), [None, 1, 3], (1, 3)])
def test_dropout_noise_shape_drops_along_axes_of_one_together(noise_shape):
    outputs = np.asarray(layers.Dropout(0.5, noise_shape=noise_shape, seed=2)(jnp.ones((6, 5, 3)), training=True))
    assert (outputs == outputs[:, :1]).all()
    assert len(np.unique(outputs)) == 2


@pytest.mark.parametrize(
    ("layer", "shape", "axes"),
    [
        (layers.SpatialDropout1D(0.5, seed=1), (8, 5, 6), (1,)),
        (layers.SpatialDropout2D(0.5, seed=1), (8, 3, 4, 6), (1, 2)),
        (layers.SpatialDropout2D(0.5, data_format="channels_first", seed=1), (8, 6, 3, 4), (2, 3)),
        (layers.SpatialDropout3D(0.5, seed=1), (8, 2, 3, 4, 6), (1, 2, 3)),
    ],
)
def test_spatial_dropout_drops_whole_channels(layer, shape, axes):
    outputs = np.asarray(layer(jnp.ones(shape), training=True))
    np.testing.assert_array_equal(outputs.min(axes), outputs.max(axes))
    assert 0.2 < (outputs.min(axes) == 0).mean() < 0.8


def test_noise_has_the_moments_it_promises():
    x = jnp.full((400, 500), 2.0)
    noisy = np.asarray(layers.GaussianNoise(0.5, seed=1)(x, training=True))
    scaled = np.asarray(layers.GaussianDropout(0.2, seed=1)(x, training=True))
    np.testing.assert_allclose([noisy.mean(), noisy.std()], [2, 0.5], atol=0.01)
    np.testing.assert_allclose([scaled.mean(), scaled.std()], [2, 2 * np.sqrt(0.2 / 0.8)], atol=0.01)


def test_alpha_dropout_keeps_mean_and_variance():
    x = np.random.default_rng(0).normal(size=(400, 500)).astype("float32")
    outputs = np.asarray(layers.AlphaDropout(0.3, seed=1)(x, training=True))
    np.testing.assert_allclose([outputs.mean(), outputs.std()], [0, 1], atol=0.02)


def test_alpha_dropout_values_equal_keras(keras):
    outputs = [
        np.unique(np.asarray(library.AlphaDropout(0.3, seed=1)(np.zeros((50, 4), "float32"), training=True)))
        for library in (layers, keras.layers)
    ]
    np.testing.assert_allclose(*outputs, rtol=1e-5)


@pytest.mark.parametrize("cls", [layers.Dropout, layers.AlphaDropout, layers.GaussianDropout, layers.SpatialDropout1D])
@pytest.mark.parametrize("rate", [1.0, 1, 1.5, -0.1, "0.5", None, float("nan")])
def test_rates_that_drop_everything_or_make_no_sense_are_refused(cls, rate):
    with pytest.raises(ValueError, match=r"`rate`.*from 0 to below 1.*Received: rate="):
        cls(rate)


@pytest.mark.parametrize("noise_shape", [(2, 0), (2, -1), 3, ("a",)])
def test_noise_shapes_that_make_no_sense_are_refused(noise_shape):
    with pytest.raises(ValueError, match="noise_shape"):
        layers.Dropout(0.5, noise_shape=noise_shape)


@pytest.mark.parametrize("stddev", [-1, 1.5, "a"])
def test_deviations_that_make_no_sense_are_refused(stddev):
    with pytest.raises(ValueError, match="stddev"):
        layers.GaussianNoise(stddev)


def test_the_seed_is_a_variable_but_no_weight(keras):
    own, oracle = layers.Dropout(0.5), keras.layers.Dropout(0.5)
    assert [(v.shape, v.dtype) for v in own.variables] == [(v.shape, v.dtype) for v in oracle.variables]
    assert own.weights == oracle.weights == []
    assert layers.Dropout(0).variables == []
