"""Merging and attention layers: what they refuse, graphs of them, masks, self-attention in a stack."""

from __future__ import annotations

import numpy as np
import pytest

from sequax import Input, Model, Sequential, layers

A, B = np.ones((2, 3, 4), "float32"), np.ones((2, 5, 4), "float32")


def mha(*inputs, arguments=(), **call):
    return layers.MultiHeadAttention(**{"num_heads": 2, "key_dim": 3, "name": "mha", **dict(arguments)})(
        *inputs, **call
    )


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (lambda: layers.Add(name="a")(A), ("'a'", "Add", "list of at least 1", "(2, 3, 4)")),
        (lambda: layers.Add()([]), ("list of at least 1", "None")),
        (lambda: layers.Subtract(name="a")([A]), ("'a'", "exactly 2", "[(2, 3, 4)]")),
        (lambda: layers.Dot(1, name="a")([A, A, A]), ("'a'", "exactly 2")),
        (lambda: layers.Add(name="a")([A, B]), ("'a'", "incompatible", "(2, 3, 4)", "(2, 5, 4)", "axis 1")),
        (lambda: layers.Add(name="a")([A, A[:1]]), ("'a'", "batch sizes", "(1, 3, 4)")),
        (lambda: layers.Add()([Input((3,)), Input((4,))]), ("incompatible", "(None, 3)", "(None, 4)")),
        (lambda: layers.Concatenate(name="a")([A, B]), ("'a'", "matching shapes", "(2, 5, 4)")),
        (lambda: layers.Concatenate(3, name="a")([A, A]), ("'a'", "axis 3", "3 dimensions")),
        (lambda: layers.Concatenate([1], name="a"), ("'a'", "integer", "[1]")),
        (lambda: layers.Dot("1", name="a"), ("'a'", "axes", "list or an int")),
        (lambda: layers.Dot((1, 2, 3), name="a"), ("'a'", "axes", "two elements")),
        (lambda: layers.Dot(0, name="a")([A, A]), ("'a'", "axis 0", "batch axis")),
        (lambda: layers.Dot(1, name="a")([A, B]), ("'a'", "must be equal", "(2, 5, 4)")),
        (lambda: layers.Attention(name="a")(A), ("'a'", "list of inputs", "(2, 3, 4)")),
        (lambda: layers.Attention(name="a")([A]), ("'a'", "length 2 or 3", "1")),
        (lambda: layers.Attention(name="a")([A, A[..., :2]]), ("'a'", "dim", "(2, 3, 2)")),
        (lambda: layers.Attention(name="a")([A, B, A]), ("'a'", "value=(2, 5, 4)", "key=(2, 3, 4)")),
        (lambda: layers.Attention(name="a")([A, B], mask=A[..., 0] > 0), ("'a'", "mask", "list of length 2 or 3")),
        (lambda: layers.Attention(name="a")([A, B], mask=[None, A[..., 0] > 0]), ("'a'", "mask[1]", "(2, 1, 3)")),
        (lambda: layers.Attention(score_mode="sum", name="a"), ("'a'", "score_mode", "concat", "sum")),
        (lambda: layers.AdditiveAttention(dropout=1.5, name="a"), ("'a'", "dropout", "1.5")),
        (lambda: mha(A), ("'mha'", "missing", "'value'")),
        (lambda: mha(A[0], A[0]), ("'mha'", "at least 3", "(3, 4)")),
        (lambda: mha(A, B, A), ("'mha'", "`value` and `key`", "key_shape=(2, 3, 4)")),
        (lambda: mha(A, B, value_mask=np.ones((2, 3), bool)), ("'mha'", "`value_mask`", "(2, 2, 3, 5)")),
        (lambda: mha(A, B, attention_mask=np.ones((3, 3), bool)), ("'mha'", "`attention_mask`", "(2, 2, 3, 5)")),
        (lambda: mha(A, B, arguments={"num_heads": 0}), ("num_heads", "positive integer", "0")),
        (lambda: mha(A, B, arguments={"key_dim": 1.5}), ("key_dim", "positive integer", "1.5")),
        (lambda: mha(A, B, arguments={"output_shape": "4"}), ("output_shape", "positive integer", "'4'")),
        (lambda: mha(A, B, arguments={"attention_axes": 2}), ("'mha'", "attention_axes=(2,)", "features")),
        (lambda: mha(A, B, arguments={"attention_axes": 5}), ("'mha'", "axis 5", "3 dimensions")),
        (lambda: mha(A, B, arguments={"sliding_window": 0}), ("'mha'", "sliding_window", "0")),
        (lambda: mha(A, B, arguments={"flash_attention": True, "dropout": 0.1}), ("'mha'", "flash", "0.1")),
        (lambda: mha(A[None], A[None], use_causal_mask=True), ("'mha'", "use_causal_mask", "attention_axes")),
        (lambda: layers.GroupQueryAttention(2, 4, 3, name="a"), ("'a'", "divisible", "num_query_heads=4")),
        (lambda: layers.GroupQueryAttention(2, 4, 2, name="a")(A[None], A[None]), ("'a'", "3 dimensions")),
    ],
)
def test_bad_input_is_refused_with_layer_expectation_and_what_came(action, words):
    with pytest.raises((ValueError, TypeError)) as caught:
        action()
    for word in words:
        assert word in str(caught.value), (word, str(caught.value))


def test_functions_are_their_layers():
    x, y = np.float32([[1, -2]]), np.float32([[3, 5]])
    expected = {
        "add": x + y,
        "subtract": x - y,
        "multiply": x * y,
        "average": (x + y) / 2,
        "maximum": np.maximum(x, y),
        "minimum": np.minimum(x, y),
        "concatenate": np.concatenate([x, y], -1),
        "dot": (x * y).sum(-1, keepdims=True),
    }
    for name, value in expected.items():
        np.testing.assert_allclose(getattr(layers, name)([x, y]), value, rtol=1e-6)
        assert getattr(layers, name)([Input((2,)), Input((2,))], name="given").shape == (None, value.shape[1])


def graph(library):
    """Two inputs of tokens, attention between and within them, nested outputs merged; tokens of 0 are masked."""
    given = {name: library.layers.Input((None,), dtype="int32", name=name) for name in ("question", "text")}
    embedding = library.layers.Embedding(7, 6, mask_zero=True)

    def embedded(name):
        return embedding(given[name])  # anew each time: Keras takes the mask off tensors that attention has seen

    attended = library.layers.MultiHeadAttention(2, 3)(embedded("question"), embedded("text"))
    summed = library.layers.Add()([embedded("question"), attended])
    looked = library.layers.Attention(use_scale=True)([summed, embedded("text")])
    grouped = library.layers.GroupQueryAttention(3, 2, 1)(looked, looked, use_causal_mask=True)
    pooled = library.layers.GlobalAveragePooling1D()(library.layers.Concatenate()([summed, grouped]))
    additive = library.layers.AdditiveAttention()([embedded("text"), embedded("question")])
    other = library.layers.GlobalAveragePooling1D()(additive)
    cosine = library.layers.Dot(1, normalize=True)([library.layers.Dense(6)(pooled), other])
    return library.Model(given, [library.layers.Dense(2)(pooled), cosine])


@pytest.mark.filterwarnings("ignore:.*does not support masking.*:UserWarning")
def test_a_graph_of_merging_and_attention_equals_keras_with_masks(keras):
    import sequax

    own, oracle = graph(sequax), graph(keras)
    assert [tuple(t.shape) for t in own.outputs] == [tuple(t.shape) for t in oracle.outputs]
    rng = np.random.default_rng(0)
    own.set_weights([rng.normal(size=w.shape) for w in own.get_weights()])
    own_shapes, oracle_shapes = ([tuple(v.shape) for v in model.weights] for model in (own, oracle))
    assert own_shapes == oracle_shapes
    oracle.set_weights(own.get_weights())
    x = {"question": rng.integers(1, 7, (3, 4)), "text": rng.integers(1, 7, (3, 5))}
    x["question"][1, 2:] = 0
    x["text"][:2, 3:] = 0
    for found, expected in zip(own.predict(x, verbose=0), oracle.predict(x, verbose=0), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_masks_given_by_hand_equal_those_of_the_tensors():
    rng = np.random.default_rng(0)
    x, mask = rng.normal(size=(2, 5, 4)).astype("float32"), rng.random((2, 5)) < 0.6
    for attention in (layers.MultiHeadAttention(2, 3), layers.GroupQueryAttention(3, 2, 1)):
        masked = layers.Masking(-9.0)(np.where(mask[..., None], x, -9.0))
        x = np.asarray(masked)
        by_hand = attention(x, x, query_mask=mask, value_mask=mask)
        np.testing.assert_allclose(attention(masked, masked), by_hand, atol=1e-6)
        assert np.abs(attention(x, x) - by_hand).max() > 1e-3


def test_attention_leaves_the_mask_of_its_inputs_alone():
    x = layers.Masking()(np.float32([[[1.0], [0.0]]]))
    attended = layers.MultiHeadAttention(1, 2)(x, x)
    assert np.asarray(x._keras_mask).tolist() == [[True, False]]
    assert np.asarray(layers.Add()([x, attended])._keras_mask).tolist() == [[True, False]]


def test_what_masked_steps_hold_reaches_no_other_step():
    rng = np.random.default_rng(0)
    x, mask = rng.normal(size=(2, 5, 4)).astype("float32"), np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 0]], bool)
    changed = np.where(mask[..., None], x, 100.0).astype("float32")
    for attention in (layers.MultiHeadAttention(2, 3), layers.GroupQueryAttention(3, 2, 1)):
        one, two = (np.asarray(attention(v, v, value_mask=mask)) for v in (x, changed))
        np.testing.assert_allclose(one[mask], two[mask], atol=1e-5)
    for attention in (layers.Attention(), layers.AdditiveAttention()):
        one, two = (np.asarray(attention([v, v], mask=[mask, mask])) for v in (x, changed))
        np.testing.assert_allclose(one[mask], two[mask], atol=1e-5)


def test_unseeded_projections_start_with_different_values_and_seeded_ones_repeat():
    q, k, *_ = (w for w in attention_weights() if w.ndim == 3)
    assert not np.array_equal(q, k)
    pair = [attention_weights(seed=1), attention_weights(seed=1)]
    for one, two in zip(*pair, strict=True):
        np.testing.assert_array_equal(one, two)


def attention_weights(seed=None):
    from sequax.initializers import GlorotUniform

    layer = layers.MultiHeadAttention(2, 3, kernel_initializer=GlorotUniform(seed=seed))
    layer.build((None, 3, 4), (None, 3, 4))
    return layer.get_weights()


@pytest.mark.parametrize(
    "layer", [lambda: layers.MultiHeadAttention(2, 3), lambda: layers.GroupQueryAttention(3, 2, 1), layers.Attention]
)
def test_attention_in_a_stack_is_self_attention(layer):
    x = np.random.default_rng(0).integers(0, 6, (4, 5))
    model = Sequential([Input((None,)), layers.Embedding(6, 4, mask_zero=True), layer(), layers.Dense(2)])
    assert model.output_shape == (None, None, 2)
    assert model.compute_output_shape((7, 3)) == (7, 3, 2)
    embedded = model.layers[0](x)
    inputs = ([embedded, embedded],) if isinstance(model.layers[1], layers.Attention) else (embedded, embedded)
    expected = model.layers[2](model.layers[1](*inputs))
    np.testing.assert_allclose(model(x), expected, atol=1e-6)
    again = Sequential.from_config(model.get_config())
    again.set_weights(model.get_weights())
    np.testing.assert_allclose(again(x), expected, atol=1e-6)


def test_build_config_names_both_shapes_as_keras_does(keras):
    own, oracle = layers.MultiHeadAttention(2, 3), keras.layers.MultiHeadAttention(2, 3)
    for layer in (own, oracle):
        layer(A, B)
    assert own.get_build_config() == oracle.get_build_config()
    again = layers.MultiHeadAttention(2, 3)
    again.build_from_config(oracle.get_build_config())
    assert [w.shape for w in again.get_weights()] == [w.shape for w in own.get_weights()]


def test_training_a_graph_with_two_inputs_lowers_the_loss():
    left, right = Input((4,)), Input((4,))
    shared = layers.Dense(8, activation="tanh")
    model = Model([left, right], layers.Dense(1)(layers.Multiply()([shared(left), shared(right)])))
    model.compile("adam", "mse")
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(256, 4)).astype("float32") for _ in range(2)]
    history = model.fit(x, (x[0] * x[1]).sum(-1), epochs=3, verbose=0).history["loss"]
    assert history[-1] < history[0]


class Halved(layers.MultiHeadAttention):
    """The step between the projections is one that subclasses call and replace, with their own masks."""

    def _compute_attention(self, query, key, value, attention_mask=None, **options):
        pairs = np.ones((1, query.shape[1], key.shape[1]), bool)  # without the axis of the heads
        outputs, weights = super()._compute_attention(query, key, value, attention_mask=pairs, **options)
        return outputs / 2, weights


@pytest.mark.parametrize("scores", [False, True])
def test_a_subclass_replaces_the_step_between_the_projections(scores):
    plain, halved = layers.MultiHeadAttention(2, 3), Halved(2, 3)
    for one in (plain, halved):
        one.build(A.shape, B.shape)
    halved.set_weights(plain.get_weights())
    given, taken = (one(A, B, return_attention_scores=scores) for one in (plain, halved))
    if scores:
        np.testing.assert_allclose(taken[1], given[1], rtol=1e-6)
        given, taken = given[0], taken[0]
    np.testing.assert_allclose(2 * np.asarray(taken), given, rtol=1e-5)
