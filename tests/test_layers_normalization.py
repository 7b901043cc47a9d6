"""Normalization: moving averages, freezing, masks, precision, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from sequax import layers


@pytest.fixture
def x(rng):
    return (rng.normal(size=(6, 4, 3)) * 2 + 1).astype("float32")


def test_batch_normalization_by_the_formula(x):
    layer = layers.BatchNormalization(momentum=0.9, epsilon=0.01)
    outputs = layer(x, training=True)
    mean, variance = x.mean((0, 1)), x.var((0, 1))
    np.testing.assert_allclose(outputs, (x - mean) / np.sqrt(variance + 0.01), atol=1e-5)
    np.testing.assert_allclose(layer.moving_mean.numpy(), 0.1 * mean, atol=1e-6)
    np.testing.assert_allclose(layer.moving_variance.numpy(), 0.9 + 0.1 * variance, atol=1e-6)


def test_a_frozen_batch_normalization_infers_and_keeps_its_averages(x):
    layer = layers.BatchNormalization()
    layer(x, training=True)
    before = layer.get_weights()
    layer.trainable = False
    np.testing.assert_array_equal(layer(x, training=True), layer(x, training=False))
    np.testing.assert_array_equal(np.concatenate(layer.get_weights()), np.concatenate(before))
    layer.trainable = True
    assert not np.array_equal(layer(x, training=True), layer(x, training=False))


@pytest.mark.parametrize("renorm", [False, True])
def test_batch_normalization_of_padded_steps_equals_that_of_the_others_alone(x, renorm):
    mask = np.ones((6, 4), bool)
    mask[:, 3] = False
    padded, short = layers.BatchNormalization(renorm=renorm), layers.BatchNormalization(renorm=renorm)
    with_garbage = np.where(mask[..., None], x, 1e6).astype("float32")
    np.testing.assert_allclose(
        np.asarray(padded(with_garbage, training=True, mask=mask))[:, :3], short(x[:, :3], training=True), atol=1e-5
    )
    np.testing.assert_allclose(
        np.concatenate(padded.get_weights()), np.concatenate(short.get_weights()), rtol=1e-5, atol=1e-6
    )


def test_a_batch_that_is_masked_whole_gives_finite_numbers(x):
    layer = layers.BatchNormalization()
    assert np.isfinite(layer(x, training=True, mask=np.zeros((6, 4), bool))).all()
    assert np.isfinite(np.concatenate(layer.get_weights())).all()


def test_a_single_row_that_counts_is_off_from_its_mean_as_in_keras():
    keras = pytest.importorskip("keras", reason="Keras, the oracle, is not installed: pip install 'sequax[dev]'")
    x, mask = np.float32([[3.0, -5.0], [7.0, 2.0]]), np.array([True, False])
    ours, theirs = (np.asarray(k.BatchNormalization()(x, training=True, mask=mask)) for k in (layers, keras.layers))
    assert np.all(theirs[0] != 0)
    np.testing.assert_allclose(ours[0], theirs[0], rtol=0.05)  # they are near rounding


@pytest.mark.parametrize("make", [layers.BatchNormalization, layers.LayerNormalization])
def test_statistics_are_computed_in_float32_under_a_mixed_policy(make, rng):
    # In bfloat16 steps near 1000 are 4 wide: a mean or variance computed in it would be off by far more.
    x = (1000 + 8 * rng.integers(-8, 9, size=(64, 32))).astype("float32")
    own = make(dtype="mixed_bfloat16")
    outputs = np.asarray(own(x, training=True) if make is layers.BatchNormalization else own(x), "float32")
    axis = 0 if make is layers.BatchNormalization else 1
    expected = (x - x.mean(axis, keepdims=True)) / np.sqrt(x.var(axis, keepdims=True) + 1e-3)
    np.testing.assert_allclose(outputs, expected, atol=0.02)
    if axis == 0:
        np.testing.assert_allclose(own.moving_mean.numpy(), 0.01 * x.mean(0), rtol=1e-5)


def test_a_mean_far_from_zero_does_not_spoil_the_variance(rng):
    noise = rng.normal(size=(256, 4)).astype("float32")
    outputs = layers.BatchNormalization()(noise + 10_000, training=True)
    expected = layers.BatchNormalization()((noise + 10_000) - 10_000, training=True)
    np.testing.assert_allclose(outputs, expected, atol=1e-2)


@pytest.mark.parametrize("clipping", [None, {"rmin": 0.9, "rmax": 1.3, "dmax": 0.2}, {"dmax": 0.1}])
def test_renorm_over_several_batches_equals_keras(keras, x, clipping):
    arguments = {"renorm": True, "renorm_clipping": clipping, "renorm_momentum": 0.8, "momentum": 0.9}
    arguments["moving_variance_initializer"] = "ones"
    own, oracle = layers.BatchNormalization(**arguments), keras.layers.BatchNormalization(**arguments)
    for step in range(3):
        np.testing.assert_allclose(own(x * (step + 1), training=True), oracle(x * (step + 1), training=True), atol=1e-5)
    for a, b in zip(own.get_weights(), oracle.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(own(x), oracle(x), atol=1e-5)


def test_group_normalization_with_one_group_is_layer_normalization_over_all_axes(x):
    groups, whole = layers.GroupNormalization(groups=1), layers.LayerNormalization(axis=[1, 2])
    np.testing.assert_allclose(groups(x), whole(x), atol=1e-5)


def test_rms_normalization_along_an_inner_axis(x):
    # Keras 3.15.1 fails here: it does not align the weights with the axis.
    expected = x / np.sqrt(np.square(x).mean(1, keepdims=True) + 1e-6)
    np.testing.assert_allclose(layers.RMSNormalization(axis=1)(x), expected, atol=1e-5)


def test_unit_normalization_leaves_zeros():
    assert (np.asarray(layers.UnitNormalization()(np.zeros((2, 3)))) == 0).all()


@pytest.mark.parametrize("axis", [(1, 2), [1, 2], np.int64(1)])
def test_configs_hold_axes_as_keras_does(keras, axis):
    for name in ("LayerNormalization", "Softmax"):
        if not (name == "LayerNormalization" and isinstance(axis, np.int64)):  # refused by Keras
            expected = getattr(keras.layers, name)(axis=axis).get_config()["axis"]
            assert getattr(layers, name)(axis=axis).get_config()["axis"] == expected


REFUSED = [
    (lambda: layers.BatchNormalization().build((None, None)), ValueError, r"axis -1 must be known"),
    (lambda: layers.BatchNormalization(axis=3).build((None, 2)), ValueError, r"axis 3 does not exist.*2 dimensions"),
    (lambda: layers.BatchNormalization(axis=[1]), TypeError, r"`axis` must be one integer"),
    (lambda: layers.BatchNormalization(renorm=True, renorm_clipping={"foo": 1}), ValueError, r"invalid keys.*foo"),
    (lambda: layers.BatchNormalization(renorm_clipping={"rmin": 2, "rmax": 1}), ValueError, r"rmax=1, rmin=2"),
    (lambda: layers.BatchNormalization(renorm_clipping={"dmax": -1}), ValueError, r"dmax=-1"),
    (lambda: layers.LayerNormalization(axis="a"), TypeError, r"int or a list/tuple of ints"),
    (lambda: layers.LayerNormalization(axis=2).build((None, 2)), ValueError, r"axis 2 does not exist"),
    (lambda: layers.LayerNormalization(axis=[1, 2]).build((None, None, 2)), ValueError, r"axis 1 must be known"),
    (lambda: layers.GroupNormalization(groups=8).build((None, 4)), ValueError, r"cannot be more than"),
    (lambda: layers.GroupNormalization(groups=3).build((None, 4)), ValueError, r"\(4\) must be a multiple.*\(3\)"),
    (lambda: layers.GroupNormalization().build((None, None)), ValueError, r"must be known"),
    (lambda: layers.UnitNormalization(axis="a"), TypeError, r"int or a list/tuple of ints"),
    (lambda: layers.RMSNormalization().build((None, None)), ValueError, r"must be known"),
]


@pytest.mark.parametrize(("make", "error", "message"), REFUSED)
def test_wrong_arguments_and_shapes_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()
