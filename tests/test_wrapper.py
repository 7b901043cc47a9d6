"""Layers around a layer, the embedding that works both ways, and synchronized batch normalization."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

import sequax
from sequax import Sequential, layers, losses, optimizers
from sequax.layers import (
    BatchNormalization,
    Dense,
    Embedding,
    Input,
    ReversibleEmbedding,
    SpectralNormalization,
    Wrapper,
)


def test_a_wrapper_takes_a_layer_and_builds_it():
    wrapper = Wrapper(Dense(3), name="outside")
    wrapper.build((None, 4))
    assert [v.path for v in wrapper.weights] == [f"outside/{wrapper.layer.name}/{name}" for name in ("kernel", "bias")]
    twin = layers.deserialize(layers.serialize(wrapper))
    assert type(twin.layer) is Dense and twin.layer.units == 3
    for wrong in (3, Dense, "dense"):
        with pytest.raises(ValueError, match=r"Wrapper: `layer` must be a layer.*Received"):
            Wrapper(wrong)


def test_a_subclass_of_wrapper_uses_the_layer_inside():
    class Doubled(Wrapper):
        def call(self, inputs):
            return 2 * self.layer(inputs)

    layer = Doubled(Dense(3, kernel_initializer="ones"))
    np.testing.assert_array_equal(layer(np.ones((1, 4), "float32")), [[8, 8, 8]])


def test_spectral_normalization_brings_the_largest_singular_value_to_one(rng):
    layer = SpectralNormalization(Dense(3, use_bias=False), power_iterations=50)
    x = rng.normal(size=(2, 5)).astype("float32")
    layer(x)
    layer.kernel.assign(rng.normal(size=(5, 3)))
    before = layer.kernel.numpy()
    layer(x, training=False)
    np.testing.assert_array_equal(layer.kernel, before)
    outputs = layer(x, training=True)
    expected = before / np.linalg.svd(before)[1][0]
    np.testing.assert_allclose(layer.kernel, expected, rtol=1e-5)
    np.testing.assert_allclose(outputs, x @ expected, rtol=1e-4, atol=1e-6)


def test_spectral_normalization_of_an_embedding_has_fractions():
    layer = SpectralNormalization(Embedding(4, 2, embeddings_initializer="ones"), power_iterations=20)
    outputs = layer(np.array([[0, 3]]), training=True)
    np.testing.assert_allclose(outputs, np.full((1, 2, 2), 8**-0.5), rtol=1e-5)


def test_spectral_normalization_leaves_a_kernel_of_zeros(rng):
    layer = SpectralNormalization(Dense(2, kernel_initializer="zeros"))
    assert np.asarray(layer(np.ones((1, 3), "float32"), training=True)).tolist() == [[0, 0]]


def test_spectral_normalization_trains_and_keeps_its_vector():
    model = Sequential([Input((4,)), SpectralNormalization(Dense(3), name="spectral")])
    model.compile(optimizers.SGD(0.1), losses.MeanSquaredError())
    layer = model.get_layer("spectral")
    kernel, vector = layer.kernel.numpy(), layer.vector_u.numpy()
    model.fit(np.ones((8, 4), "float32"), np.ones((8, 3), "float32"), batch_size=4, verbose=0)
    assert (layer.kernel.numpy() != kernel).any()
    assert (layer.vector_u.numpy() != vector).any()
    np.testing.assert_allclose(np.linalg.norm(layer.vector_u.numpy()), 1, rtol=1e-5)


def test_spectral_normalization_refuses_what_has_no_kernel():
    with pytest.raises(ValueError, match=r"SpectralNormalization.*`kernel` or `embeddings`.*BatchNormalization"):
        SpectralNormalization(BatchNormalization()).build((None, 3))
    with pytest.raises(ValueError, match=r"power_iterations.*positive"):
        SpectralNormalization(Dense(3), power_iterations=0)


def test_a_reversible_embedding_shares_its_table_and_masks_indices_only():
    layer = ReversibleEmbedding(5, 3, mask_zero=True)
    indices = np.array([[1, 0]])
    vectors = layer(indices)
    assert vectors._keras_mask.tolist() == [[True, False]]
    logits = layer(vectors, reverse=True)
    assert getattr(logits, "_keras_mask", None) is None
    np.testing.assert_allclose(logits, vectors @ layer.embeddings.numpy().T, rtol=1e-5)
    assert layer(Input((2, 3)), reverse=True).shape == (None, 2, 5)
    assert len(layer.weights) == 1


def test_a_reversible_embedding_takes_its_weights():
    tables = [np.ones((5, 3)), np.zeros((3, 5))]
    layer = ReversibleEmbedding(5, 3, tie_weights=False, weights=tables)
    for variable, table in zip(layer.weights, tables, strict=True):
        np.testing.assert_array_equal(variable, table)


def test_synchronized_batch_normalization_counts_the_whole_batch(rng):
    """Keras on JAX refuses the argument; with one program over all devices a batch is always one batch."""
    x = rng.normal(2, 3, (8, 4)).astype("float32")
    plain, synchronized = BatchNormalization(), BatchNormalization(synchronized=True)
    np.testing.assert_array_equal(synchronized(x, training=True), plain(x, training=True))
    np.testing.assert_allclose(synchronized.moving_mean, 0.01 * x.mean(0), rtol=1e-4)
    np.testing.assert_allclose(synchronized.moving_variance, 0.99 + 0.01 * x.var(0), rtol=1e-4)
    assert jnp.isfinite(synchronized(x)).all()
    assert BatchNormalization.from_config(synchronized.get_config()).synchronized is True


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e-8, 0.0])
def test_small_kernels_are_divided_as_in_keras(scale, keras):
    found = []
    for library in (sequax, keras):
        layer = library.layers.SpectralNormalization(library.layers.Dense(1, use_bias=False))
        layer.build((None, 4))
        layer.set_weights([scale * np.array([[1.0], [2.0], [-1.0], [0.5]]), np.array([[0.3]])])
        layer(np.ones((2, 4), "float32"), training=True)
        found.append(layer.get_weights())
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)
