"""Normalization, Discretization, CategoryEncoding, spectrograms and Pipeline, beyond the table of layers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import sequax
from sequax import layers
from tests.layer_table import assert_close, plain_config


@pytest.mark.parametrize(
    ("axis", "shape"), [(-1, (6, 3)), (None, (6, 3)), ((1, 2), (5, 3, 2)), (1, (4, 3, 2)), ((-1, 1), (5, 3, 2))]
)
def test_normalization_adapts_as_in_keras(keras, rng, axis, shape):
    data = rng.normal(3, 2, shape).astype("float32")
    own, oracle = layers.Normalization(axis=axis), keras.layers.Normalization(axis=axis)
    for layer in (own, oracle):
        layer.adapt(data)
    assert [(w.name, tuple(w.shape)) for w in own.weights] == [(w.name, tuple(w.shape)) for w in oracle.weights]
    assert_close([own.mean, own.variance, own(data)], [oracle.mean, oracle.variance, oracle(data)], 1e-5)
    config, expected = plain_config(own.get_config()), plain_config(oracle.get_config())
    assert config == expected
    assert plain_config(layers.Normalization.from_config(expected).get_config()) == expected


def test_normalization_adapts_to_batches_as_to_one_array(rng):
    data = rng.normal(1e4, 3, (10, 2))
    whole, batched = layers.Normalization(), layers.Normalization()
    whole.adapt(data)
    batched.adapt((data[i : i + 4], None) for i in range(0, 10, 4))
    assert_close([w.value for w in whole.weights], [w.value for w in batched.weights], 1e-6)
    np.testing.assert_allclose(whole.variance[0], data.var(0), rtol=1e-4)
    assert int(whole.count.value) == 10
    batched.adapt(data[:2])  # starts anew
    assert int(batched.count.value) == 2


def test_normalization_of_a_constant_column_is_zero_and_acts_inside_fit(rng):
    x = np.c_[np.full(32, 7.0), rng.normal(100, 5, 32)].astype("float32")
    layer = layers.Normalization()
    layer.adapt(x)
    assert np.all(np.asarray(layer(x))[:, 0] == 0)
    model = sequax.Sequential([sequax.Input((2,)), layer, layers.Dense(1)])
    model.compile("sgd", "mse")
    before = layer.get_weights()
    history = model.fit(x, (x[:, 1:] - 100) / 5 + 1, epochs=5, batch_size=8, verbose=0)
    assert history.history["loss"][-1] < 0.8 * history.history["loss"][0]
    assert_close(layer.get_weights(), before, 0)


def test_discretization_adapts_to_quantiles():
    layer = layers.Discretization(num_bins=4)
    data = np.array([[-1.5, 1.0, 3.4, 0.5], [0.0, 3.0, 1.3, 0.0]])
    layer.adapt(data)
    assert np.asarray(layer(data)).tolist() == [[0, 2, 3, 2], [1, 3, 3, 1]]  # the example in Keras' reference
    assert layer.compute_output_shape((None, 4)) == (None, 4)
    assert layers.Discretization.from_config(layer.get_config()).num_bins == 4
    assert layers.Discretization(num_bins=3, output_mode="one_hot").compute_output_shape((None, 2)) == (None, 2, 3)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=30), st.integers(1, 6))
def test_bins_hold_all_values_and_none_more_than_its_share_of_distinct_ones(values, count):
    layer = layers.Discretization(num_bins=count)
    layer.adapt(np.array(values, "float32"))
    bins = np.asarray(layer(np.array(values, "float32")))
    assert bins.min() >= 0 and bins.max() < count
    order = np.argsort(values, kind="stable")
    assert (np.diff(bins[order]) >= 0).all()


def test_category_counts_take_weights(keras):
    indices, weights = np.array([[0, 1], [0, 0], [3, 1]]), np.array([[0.1, 0.2], [0.1, 0.1], [0.2, 0.3]])
    own, oracle = (library.layers.CategoryEncoding(4, output_mode="count") for library in (sequax, keras))
    assert_close(own(indices, count_weights=weights), oracle(indices, count_weights=weights), 1e-6)


def test_fit_refuses_categories_out_of_range():
    model = sequax.Sequential([sequax.Input((2,), dtype="int32"), layers.CategoryEncoding(3), layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"category_encoding.*3"):
        model.fit(np.array([[0, 3]]), np.zeros((1, 1)), verbose=0)


def test_pipeline_runs_its_layers_as_in_training_unless_told(keras):
    x = np.ones((4, 3), "float32")
    own = layers.Pipeline([layers.Rescaling(2.0), layers.Dropout(0.5, seed=1)])
    assert set(np.unique(own(x))) == {0.0, 4.0}
    assert_close(own(x, training=False), 2 * x, 0)
    twin = layers.Pipeline.from_config(plain_config(own.get_config()))
    assert [type(layer) for layer in twin.layers] == [layers.Rescaling, layers.Dropout]
    oracle = keras.layers.Pipeline([keras.layers.Rescaling(2.0), keras.layers.Rescaling(3.0)])
    assert_close(layers.Pipeline.from_config(plain_config(oracle.get_config()))(x), oracle(x), 1e-6)


def test_normalization_adapts_to_lists_of_batches_as_keras(keras, rng):
    data = rng.normal(size=(12, 4, 3, 5)).astype("float32")
    batches = [data[:8], data[8:]]
    for axis, given_ in (((1, 2), batches), (-1, [(batch, np.zeros(len(batch))) for batch in batches]), (-1, [data])):
        layer, whole, oracle = layers.Normalization(axis), layers.Normalization(axis), keras.layers.Normalization(axis)
        layer.adapt(given_)
        whole.adapt(data)
        oracle.adapt(data)
        assert layer(data).shape == data.shape
        assert_close([layer(data), layer.mean], [whole(data), oracle.mean], 1e-5)
    rows = layers.Normalization()
    rows.adapt([[1.0, 10.0], [3.0, 30.0]])  # numbers are one array
    assert rows.mean.tolist() == [[2.0, 20.0]]
    with pytest.raises(TypeError, match=r"`\.shape`.*single number.*axis=None"):
        layers.Normalization().adapt(iter([42]))


def test_discretization_learns_from_batches_one_by_one(rng):
    data = rng.normal(size=(30, 2))
    whole, steps, apart = (layers.Discretization(num_bins=4) for _ in range(3))
    whole.adapt(data[:20])
    steps.adapt(iter([data[:10], data[10:20], data[20:]]), 2)
    apart.update_state(data)
    apart.reset_state()
    for batch in (data[:10], data[10:20]):
        apart.update_state(batch)
    apart.finalize_state()
    assert whole.bin_boundaries == steps.bin_boundaries == apart.bin_boundaries


def test_discretization_tells_its_dtype_and_shapes_as_keras(keras):
    for mode in ("int", "one_hot", "multi_hot", "count"):
        own, oracle = (library.Discretization([0.0, 1.0], output_mode=mode) for library in (layers, keras.layers))
        assert own.output_dtype == oracle.output_dtype
        for shape in ((), (1,), (2,), (None, 1), (None, 5, 1)):
            assert own.compute_output_shape(shape) == tuple(oracle.compute_output_shape(shape)), (mode, shape)


def test_rescaling_by_channel_follows_the_data_format(keras):
    x = np.random.default_rng(0).random((2, 3, 4, 5)).astype("float32")
    scale, offset = [1.0, 2.0, 3.0], [4.0, 5.0, 6.0]
    sequax.config.set_image_data_format("channels_first")
    try:
        found = layers.Rescaling(scale, offset)(x)
    finally:
        sequax.config.set_image_data_format("channels_last")
    assert_close(np.moveaxis(found, 1, -1), layers.Rescaling(scale, offset)(np.moveaxis(x, 1, -1)), 1e-6)


def test_pipelines_without_layers_in_their_config_are_refused():
    for config in ({"name": "test"}, {"layers": None, "name": "test"}):
        with pytest.raises(ValueError, match="list of `layers`"):
            layers.Pipeline.from_config(config)


def test_mel_bands_and_configs_take_the_arguments_of_keras(keras):
    own, oracle = (library.MelSpectrogram() for library in (layers, keras.layers))
    for given_ in ({}, {"num_mel_bins": 7, "num_spectrogram_bins": 33, "sampling_rate": 16000, "dtype": "float16"}):
        found, expected = (one.linear_to_mel_weight_matrix(**given_) for one in (own, oracle))
        assert found.dtype == expected.dtype
        assert_close(found, expected, 1e-2 if given_ else 1e-5)  # Keras computes in float16
    for layer in (layers.Rescaling(2.0), layers.Discretization([1.0])):
        assert type(layer).from_config(layer.get_config(), custom_objects={}).get_config() == layer.get_config()


def test_spectrograms_take_whole_numbers():
    sound = np.random.default_rng(0).integers(-1000, 1000, (1, 600, 1)).astype("int16")
    layer = layers.STFTSpectrogram("magnitude")
    assert_close(layer(sound), layer(sound.astype("float32")), 1e-5)


def test_spectrograms_of_a_tone_peak_at_its_frequency():
    time = np.arange(4000) / 8000
    tone = np.sin(2 * np.pi * 1000 * time)[None].astype("float32")
    spectrum = np.asarray(layers.STFTSpectrogram("magnitude", frame_length=256)(tone[..., None]))
    assert (spectrum[0].argmax(-1) == 32).all()  # 1000 Hz in steps of 8000 / 256
    mel = np.asarray(layers.MelSpectrogram(512, 128, sampling_rate=8000, num_mel_bins=20, min_freq=0.0)(tone))[0]
    edges = np.linspace(0, 1127 * np.log1p(4000 / 700), 22)
    assert (np.abs(edges[1:-1][mel.argmax(0)] - 1127 * np.log1p(1000 / 700)) < edges[1]).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Normalization(mean=1.0), "both `mean` and `variance`"),
        (lambda: layers.Normalization(mean=1.0, variance=-1.0), "variance is below zero"),
        (lambda: layers.Normalization(mean=[1.0, 2.0], variance=1.0)(np.ones((2, 3))), r"`mean`.*\(3,\).*\(2,\)"),
        (lambda: layers.Normalization(axis=3)(np.ones((2, 3))), "axis 3"),
        (lambda: layers.Normalization().build((2, None)), "must be known"),
        (lambda: layers.Normalization(mean=1.0, variance=1.0).adapt(np.ones(3)), "does not `adapt`"),
        (lambda: layers.Normalization().adapt(np.array([[1.0], [np.nan]])), r"NaN or infinity.*index \(1, 0\)"),
        (lambda: layers.Normalization().adapt(np.ones((0, 2))), "no values"),
        (lambda: layers.Normalization().adapt([np.ones((2, 3)), np.ones((2, 4))].__iter__()), r"\(3,\).*\(2, 4\)"),
        (lambda: layers.Discretization(), "either `num_bins` or `bin_boundaries`"),
        (lambda: layers.Discretization([1.0], 2), "should not be set"),
        (lambda: layers.Discretization([2.0, 1.0]), "must increase"),
        (lambda: layers.Discretization(num_bins=0), "num_bins=0"),
        (lambda: layers.Discretization(num_bins=2)(np.ones(3)), "Call `adapt"),
        (lambda: layers.Discretization([1.0], output_mode="hot"), "output_mode='hot'"),
        (lambda: layers.Discretization([1.0], output_mode="count", sparse=True), "sparse=True"),
        (lambda: layers.CategoryEncoding(), "num_tokens=None"),
        (lambda: layers.CategoryEncoding(3)(np.ones((1, 2), int), count_weights=np.ones((1, 2))), "count_weights"),
        (lambda: layers.MelSpectrogram(256, sequence_length=300), "fft_length=256"),
        (lambda: layers.MelSpectrogram(min_freq=9000.0), "min_freq=9000.0"),
        (lambda: layers.MelSpectrogram(window="nonsense"), "window"),
        (lambda: layers.MelSpectrogram()(np.ones((2, 3, 4))), r"\(2, 3, 4\)"),
        (lambda: layers.MelSpectrogram()(np.ones((2, 30))), "1024 samples"),
        (lambda: layers.STFTSpectrogram("power"), "mode='power'"),
        (lambda: layers.STFTSpectrogram(frame_step=300), "frame_step=300"),
        (lambda: layers.STFTSpectrogram(fft_length=2), "fft_length=2"),
        (lambda: layers.STFTSpectrogram()(np.ones((2, 10, 1))), "frame_length = 256"),
        (lambda: layers.STFTSpectrogram()(np.ones((2, 10))), "expected 3 dimensions"),
    ],
)
def test_bad_arguments_and_data_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_adapting_to_text_is_refused():
    with pytest.raises(TypeError, match="expected numbers"):
        layers.Normalization().adapt(np.array([["a"]]))
    with pytest.raises(TypeError, match="list of layers"):
        layers.Pipeline(["a"])
