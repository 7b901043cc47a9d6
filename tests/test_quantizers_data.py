"""GPTQ and AWQ: matrices against the formula and Keras, and the sequences that models are run on."""

from __future__ import annotations

import functools
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

from sequax.quantizers import awq, gptq, zero_points
from sequax.quantizers.samples import get_dataloader

PARAMETERS = functools.partial(zero_points.compute_quantization_parameters, bits=4, per_channel=True)


def problem(rng, inputs=24, outputs=6, samples=200):
    """Weights (outputs, inputs), inputs that hang together, and their Hessian."""
    mix = np.eye(inputs) + rng.normal(size=(inputs, inputs)) / np.sqrt(inputs)
    x = rng.normal(size=(samples, inputs)) @ mix
    hessian = 2 / samples * x.T @ x
    return (
        rng.normal(size=(outputs, inputs)).astype("float32"),
        x,
        hessian + 0.01 * np.diag(hessian).mean() * np.eye(inputs),
    )


def by_elimination(weights, hessian, group):
    """GPTQ as the paper derives it: after each column the inverse loses it, by Gauss."""
    w, inverse = weights.astype("float64").copy(), np.linalg.inv(hessian)
    numbers, scales, zeros = np.zeros_like(w), [], []
    for column in range(w.shape[1]):
        if column % group == 0:
            scale, zero, most = (np.asarray(one, "float64") for one in PARAMETERS(w[:, column : column + group]))
            scales.append(scale)
            zeros.append(zero)
        numbers[:, column] = np.clip(np.round(w[:, column] / scale[:, 0] + zero[:, 0]), 0, most)
        error = w[:, column] - (numbers[:, column] - zero[:, 0]) * scale[:, 0]
        w -= np.outer(error / inverse[column, column], inverse[column])
        inverse -= np.outer(inverse[:, column], inverse[column]) / inverse[column, column]
    return numbers, np.concatenate(scales, 1), np.concatenate(zeros, 1)


@pytest.mark.parametrize(("inputs", "group"), [(24, 8), (22, 8), (24, 24), (7, 2)])
def test_matrices_are_rounded_by_the_formula(rng, inputs, group):
    weights, _, hessian = problem(rng, inputs)
    numbers, scale, zero, groups = gptq.gptq_quantize_matrix(
        weights, np.linalg.inv(hessian), group_size=group, compute_scale_zero=PARAMETERS
    )
    expected = by_elimination(weights, hessian, group)
    assert (np.asarray(numbers) != expected[0]).mean() < 0.01  # a tie may fall to the other side
    np.testing.assert_allclose(scale, expected[1], rtol=1e-3)
    np.testing.assert_array_equal(zero, expected[2])
    np.testing.assert_array_equal(groups, np.arange(inputs) // group)


def cost(x, weights, numbers, scale, zero, groups):
    rounded = zero_points.dequantize_with_sz_map(numbers, scale, zero, groups)
    return np.square(x @ (weights - np.asarray(rounded)).T).sum()


@pytest.mark.parametrize("group", [-1, 8, 300])
@pytest.mark.parametrize("by_activation", [False, True])
def test_later_inputs_make_up_for_earlier_ones(rng, group, by_activation):
    """Keras takes the inverse of the whole Hessian for each column, and loses to plain rounding here."""
    weights, x, hessian = problem(rng, 160, 8, 400)
    ours = gptq.gptq_quantize_matrix(weights, np.linalg.inv(hessian), group_size=group, activation_order=by_activation)
    groups = np.arange(160) // (160 if group == -1 else group)
    scale, zero, most = PARAMETERS(weights, group_size=group)
    plain = zero_points.quantize_with_sz_map(weights, scale, zero, groups, most)
    assert cost(x, weights, *ours) < 0.75 * cost(x, weights, plain, scale, zero, groups)


def test_blocks_change_the_time_alone(rng):
    weights, _, hessian = problem(rng, 40)
    inverse = np.linalg.inv(hessian)
    one, other = (gptq.gptq_quantize_matrix(weights, inverse, blocksize=size, group_size=4) for size in (4, 64))
    assert (np.asarray(one[0]) != np.asarray(other[0])).mean() < 0.01


def test_an_inverse_that_is_none_is_refused(rng):
    with pytest.raises(ValueError, match="positive definite"):
        gptq.gptq_quantize_matrix(np.ones((2, 3), "float32"), -np.eye(3))


@pytest.mark.parametrize("group", [-1, 8, 5])
def test_scaled_matrices_are_keras(keras, rng, group):
    from keras.src.quantizers.awq import awq_quantize_matrix

    weights, largest = rng.normal(size=(6, 24)).astype("float32"), np.abs(rng.normal(size=24)).astype("float32") * 3
    largest[0] = 0
    ours = awq.awq_quantize_matrix(weights, largest, num_grid_points=5, group_size=group)
    theirs = awq_quantize_matrix(jnp.array(weights), jnp.array(largest), num_grid_points=5, group_size=group)
    for one, other in zip(ours, theirs, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_scales_keep_what_large_inputs_meet(rng):
    weights, largest = rng.normal(size=(6, 24)).astype("float32"), np.ones(24, "float32")
    largest[:3] = 50
    numbers, scale, zero, scales, groups = awq.awq_quantize_matrix(weights, largest, group_size=8)
    error = np.abs(weights - zero_points.dequantize_with_sz_map(numbers, scale, zero, groups) / scales).mean(0)
    assert (scales[:3] > scales[3:].max()).all() and error[:3].max() < error[3:].min()


# --- sequences ---


class Letters:
    def tokenize(self, text):
        return [ord(letter) % 50 for letter in text]


class Pieces:
    """As tokenizers of Hugging Face: `tokenize` gives text, the call gives ids by name."""

    def tokenize(self, text):
        return text.split()

    def __call__(self, text):
        return {"input_ids": [len(word) for word in text.split()], "attention_mask": []}


class Encoder:
    def encode(self, text):
        return SimpleNamespace(ids=[ord(letter) % 50 for letter in text])


TOKENIZERS = [Letters(), Pieces(), Encoder(), Letters().tokenize, lambda text: jnp.array([[1, 2, len(text)]])]


@pytest.mark.parametrize("strategy", ["strided", "linspace", "random"])
@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_texts_become_sequences(tokenizer, strategy):
    found = get_dataloader(tokenizer, 5, ["ab cd efg", "h ijk"], 7, strategy=strategy)
    assert found.shape == (7, 1, 5) and found.dtype == np.int32


@pytest.mark.parametrize("data", [np.arange(12).reshape(3, 4), [[0, 1, 2], np.arange(3.0, 12)[None]], [np.arange(12)]])
def test_ids_become_sequences_without_a_tokenizer(data):
    found = get_dataloader(None, 3, iter(data), 4, strategy="linspace")
    np.testing.assert_array_equal(found[:, 0], [[i, i + 1, i + 2] for i in (0, 3, 6, 9)])


def test_sequences_at_equal_distances_are_those_of_each_process():
    first, again = (get_dataloader(None, 4, [np.arange(40)], 5, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert (np.diff(first[:, 0, 0]) % 37 == 7).all()
    assert first[0, 0, 0] == 30  # in Keras Python's hash of a text decides, another one in each process


def test_a_mark_stands_between_texts():
    found = get_dataloader(Letters(), 4, ["ab", "cd", "ef"], 1, strategy="linspace", eos_id=99)
    assert found[0, 0].tolist() == [47, 48, 99, 49]


@pytest.mark.parametrize(
    ("tokenizer", "data", "error", "words"),
    [
        (Letters(), "wikitext2", TypeError, "must be an iterable.*Got type: str"),
        (Letters(), 3, TypeError, "Got type: int"),
        (Letters(), [], ValueError, "dataset is empty"),
        (None, [np.zeros((1, 0), "int32")], ValueError, "dataset is empty"),
        (None, ["a text"], TypeError, "`tokenizer` must make token ids"),
        (lambda text: text.split(), ["a text"], TypeError, "`tokenizer` must make token ids"),
        (None, [np.array([0.5])], TypeError, "whole numbers"),
    ],
)
def test_what_gives_no_ids_is_refused(tokenizer, data, error, words):
    with pytest.raises(error, match=words):
        get_dataloader(tokenizer, 3, data, 2)


def test_compiled_rounding_is_shared_by_layers_of_one_size(rng):
    weights, _, hessian = problem(rng, 16)
    gptq.gptq_quantize_matrix(weights, np.linalg.inv(hessian), group_size=4)
    before = gptq._settled._cache_size()
    gptq.gptq_quantize_matrix(weights[::-1].copy(), np.linalg.inv(2 * hessian), group_size=4)
    assert gptq._settled._cache_size() == before
