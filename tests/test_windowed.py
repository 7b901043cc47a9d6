"""Convolutions and poolings: what they refuse and what no row of the layer table covers."""

from __future__ import annotations

import json

import jax.numpy as jnp
import numpy as np
import pytest

from sequax import layers
from sequax.layers import AveragePooling2D, Conv1D, Conv2D, GlobalAveragePooling1D, Input, MaxPooling1D, MaxPooling2D

IMAGES = np.ones((2, 8, 8, 4), "float32")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Conv2D(0, 3), "filters.*positive"),
        (lambda: Conv2D(3, 0), "kernel_size.*positive integer.*tuple of 2"),
        (lambda: Conv2D(3, (3, 3, 3)), "kernel_size.*tuple of 2"),
        (lambda: Conv2D(3, "a"), "kernel_size.*tuple of 2"),
        (lambda: Conv2D(3, 3, strides=0), "strides.*positive"),
        (lambda: Conv2D(3, 3, dilation_rate=(1, 0)), "dilation_rate.*positive"),
        (lambda: Conv2D(3, 3, strides=2, dilation_rate=2), "strides > 1.*dilation_rate > 1"),
        (lambda: Conv2D(3, 3, padding="causal"), "padding.*valid.*same"),
        (lambda: Conv2D(3, 3, data_format="x"), "data_format"),
        (lambda: Conv2D(3, 3, groups=0), "groups.*positive"),
        (lambda: Conv2D(3, 3, groups=2), "filters.*divisible.*groups"),
        (lambda: Conv2D(3, 3, groups=3)(IMAGES), "channels.*divisible.*groups.*4 channels"),
        (lambda: Conv2D(3, 3)(Input((8, 8, None))), "channel axis.*must be known"),
        (lambda: Conv2D(3, 3)(IMAGES[0]), "4 dimensions, found 3"),
        (lambda: MaxPooling2D(0), "pool_size.*positive"),
        (lambda: MaxPooling2D((2, 2, 2)), "pool_size.*tuple of 2"),
        (lambda: MaxPooling2D(2, strides=0), "strides.*positive"),
        (lambda: AveragePooling2D(2, padding="causal"), "padding.*valid.*same"),
        (lambda: MaxPooling2D(2)(IMAGES[0]), "4 dimensions, found 3"),
    ],
)
def test_refusals_say_what_was_expected(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize("make", [lambda: Conv2D(3, 9, name="wide"), lambda: MaxPooling2D(9, name="wide")])
@pytest.mark.parametrize(
    "use",
    [
        lambda layer: layer(IMAGES),
        lambda layer: layer(Input((8, 8, 4))),
        lambda layer: layer(Input((None, 8, 4))),
        lambda layer: layer.compute_output_shape((None, 8, 8, 4)),
    ],
)
def test_a_window_larger_than_the_input_is_refused_by_name(make, use):
    layer = make()
    with pytest.raises(ValueError, match=r"'wide'.*zero or negative.*\(9, 9\).*8, 4"):
        use(layer)
    assert layer.weights == [], "a refused layer has no variables"


def test_another_number_of_channels_is_refused():
    layer = Conv2D(3, 3)
    layer(IMAGES)
    with pytest.raises(ValueError, match="axis -1 to have size 4, found 5"):
        layer(np.ones((2, 8, 8, 5), "float32"))


def test_causal_outputs_see_nothing_after_their_own_time(rng):
    layer = Conv1D(3, 3, padding="causal", dilation_rate=2)
    x = rng.normal(size=(1, 9, 2)).astype("float32")
    before = layer(x)
    x[:, 5:] += 1
    np.testing.assert_array_equal(layer(x)[:, :5], before[:, :5])
    assert (np.asarray(layer(x)[:, 5]) != before[:, 5]).all()


def test_integers_stay_integers_under_a_maximum_and_become_floats_under_a_mean():
    x = np.arange(16, dtype="int32").reshape(1, 4, 4, 1)
    assert MaxPooling2D()(x).dtype == "int32"
    np.testing.assert_array_equal(AveragePooling2D(2)(x).ravel(), [2.5, 4.5, 10.5, 12.5])


def test_a_mean_over_no_steps_is_zero_and_masked_steps_have_no_influence():
    x = jnp.array([[[1.0], [jnp.nan], [3.0]], [[jnp.nan]] * 3])
    mask = jnp.array([[True, False, True], [False] * 3])
    assert GlobalAveragePooling1D()(x, mask=mask).tolist() == [[2.0], [0.0]]


def test_masks_end_at_windows():
    x = jnp.ones((1, 4, 2))
    x._keras_mask = jnp.array([[True, True, False, False]])
    for layer in (MaxPooling1D(2), Conv1D(1, 2), GlobalAveragePooling1D()):
        assert getattr(layer(x), "_keras_mask", None) is None


def test_every_class_is_public_under_its_aliases():
    for rank in "123":
        assert getattr(layers, f"Convolution{rank}D") is getattr(layers, f"Conv{rank}D")
        for kind, short in (("Max", "MaxPool"), ("Average", "AvgPool")):
            for prefix in ("", "Global"):
                name = f"{prefix}{kind}Pooling{rank}D"
                assert getattr(layers, f"{prefix}{short}{rank}D") is getattr(layers, name)


def test_choices_drawn_with_numpy_are_choices():
    """`rng.choice(["valid", "same"])` gives NumPy's strings and numbers."""
    for padding in np.array(["valid", "same"]):
        layer = Conv2D(np.int64(3), np.int32(2), padding=padding, data_format=np.str_("channels_first"))
        assert json.loads(json.dumps(layer.get_config()))["padding"] == padding
        size = 8 if padding == "same" else 7
        assert layer.compute_output_shape((None, 3, 8, 8)) == (None, 3, size, size)
