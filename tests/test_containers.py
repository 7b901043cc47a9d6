"""`Residual` and `Parallel`: equal to Keras' graphs, training, masks, configs, copies, summaries, refusals."""

from __future__ import annotations

import copy

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import sequax
from sequax import Input, Sequential, activations, layers
from sequax.layers import Parallel, Residual
from sequax.models import clone_model


def fit_losses(model, x, y, loss="sparse_categorical_crossentropy", **arguments):
    model.compile("adam", loss)
    return model.fit(x, y, **{"epochs": 2, "verbose": 0, "batch_size": 16, **arguments}).history["loss"]


# --- equal to Keras ---


def convolutions(library, strides=1):
    """The layers of one residual block for images of 3 channels."""
    return [
        library.layers.BatchNormalization(),
        library.layers.ReLU(),
        library.layers.Conv2D(3, 3, strides=strides, padding="same", use_bias=False),
    ]


def encoder(library):
    """The layers of both residual parts of a transformer block before normalization."""
    attend = [library.layers.LayerNormalization(), library.layers.MultiHeadAttention(2, 3)]
    feed = [library.layers.LayerNormalization(), library.layers.Dense(7, "relu"), library.layers.Dense(4)]
    return attend, feed


def chained(found, x):
    for layer in found:
        x = layer(x, x) if type(layer).__name__ == "MultiHeadAttention" else layer(x)
    return x


def residual_block(keras):
    own = Sequential([Input((4, 4, 3)), Residual(convolutions(layers_of()), name="block")])
    entry = keras.Input((4, 4, 3))
    return own, keras.Model(entry, keras.layers.Add()([chained(convolutions(keras), entry), entry]))


def strided_block(keras):
    shortcut = {"filters": 3, "kernel_size": 1, "strides": 2}
    own = Sequential([Input((4, 4, 3)), Residual(convolutions(layers_of(), 2), layers.Conv2D(**shortcut))])
    entry = keras.Input((4, 4, 3))
    through = chained(convolutions(keras, 2), entry)
    return own, keras.Model(entry, keras.layers.Add()([through, keras.layers.Conv2D(**shortcut)(entry)]))


def transformer_block(keras):
    attend, feed = encoder(layers_of())
    own = Sequential([Input((5, 4)), layers.Masking(), Residual(attend), Residual(feed)])
    entry = keras.Input((5, 4))
    x = keras.layers.Masking()(entry)
    for part in encoder(keras):
        x = keras.layers.Add()([x, chained(part, x)])
    return own, keras.Model(entry, x)


def squeeze_and_excite(keras):
    def gate(library):
        return [library.layers.GlobalAveragePooling2D(keepdims=True), library.layers.Dense(3, "sigmoid")]

    own = Sequential([Input((4, 4, 3)), Parallel([layers.Identity(), gate(layers_of())], merge="multiply")])
    entry = keras.Input((4, 4, 3))
    return own, keras.Model(entry, keras.layers.Multiply()([entry, chained(gate(keras), entry)]))


def inception(keras):
    def towers(library):
        conv, pool = library.layers.Conv2D, library.layers.MaxPooling2D
        return [[conv(4, 1)], [conv(2, 1), conv(3, 3, padding="same")], [pool(3, 1, padding="same")]]

    own = Sequential([Input((4, 4, 3)), Parallel(towers(layers_of()))])
    entry = keras.Input((4, 4, 3))
    return own, keras.Model(entry, keras.layers.Concatenate()([chained(tower, entry) for tower in towers(keras)]))


def layers_of():
    import sequax

    return sequax


@pytest.mark.parametrize("make", [residual_block, strided_block, transformer_block, squeeze_and_excite, inception])
def test_outputs_states_and_gradients_equal_a_graph_of_keras(keras, make):
    own, oracle = make(keras)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, *own.input_shape[1:])).astype("float32")
    if len(x.shape) == 3:
        x[0, 3:] = 0
    order = matching(own, oracle)
    weights = [0.3 * np.abs(rng.normal(size=w.shape)) + 0.1 for w in own.get_weights()]
    own.set_weights(weights)
    oracle.set_weights([weights[i] for i in order])

    def loss(layer, trainable, x):
        other = [v.value for v in layer.non_trainable_variables]
        out, new = layer.stateless_call(trainable, other, x, training=True)
        return (out * jnp.arange(out.size).reshape(out.shape) / out.size).sum(), (out, new)

    results = []
    for layer in (own, oracle):
        trainable = [v.value for v in layer.trainable_variables]
        run = jax.jit(jax.grad(lambda t, x, layer=layer: loss(layer, t, x), argnums=(0, 1), has_aux=True))
        ((grads, by_x), (out, new)) = run(trainable, x)
        results.append((out, by_x, new, dict(zip(map(id, layer.trainable_variables), grads, strict=True))))
    (out, by_x, new, grads), (expected, by_x_expected, new_expected, grads_expected) = results
    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(by_x, by_x_expected, rtol=1e-4, atol=1e-4)
    for a, b in zip(new, new_expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    for position, variable in zip(order, oracle.weights, strict=True):
        if id(variable) in grads_expected:
            mine = grads[id(own.weights[position])]
            size = max(1.0, float(jnp.abs(mine).max()))
            np.testing.assert_allclose(mine, grads_expected[id(variable)], rtol=1e-4, atol=1e-4 * size)


def matching(own, oracle):
    """For each weight of the graph the position of ours: layers of one kind come in the same order."""
    found, free = [], list(range(len(own.weights)))
    for variable in oracle.weights:

        def kind(v):
            return v.path.split("/")[-1], tuple(v.shape)

        position = next(i for i in free if kind(own.weights[i]) == kind(variable))
        free.remove(position)
        found.append(position)
    return found


# --- in a stack ---


def residual_network():
    def block(filters, strides):
        path = [
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False),
        ]
        return Residual(path, layers.Conv2D(filters, 1, strides=strides) if strides > 1 else None)

    head = [layers.GlobalAveragePooling2D(), layers.Dense(2, activation="softmax")]
    return Sequential([Input((8, 8, 1)), layers.Conv2D(8, 3, padding="same"), block(8, 1), block(12, 2), *head])


def encoder_classifier():
    def block():
        attend = [layers.LayerNormalization(), layers.MultiHeadAttention(2, 4, dropout=0.1)]
        feed = [layers.LayerNormalization(), layers.Dense(16, "gelu"), layers.Dense(8), layers.Dropout(0.1)]
        return [Residual(attend), Residual(feed)]

    head = [layers.LayerNormalization(), layers.GlobalAveragePooling1D(), layers.Dense(2, activation="softmax")]
    return Sequential([Input((None,)), layers.Embedding(10, 8, mask_zero=True), *block(), *head])


def test_a_residual_network_learns():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 256)
    x = rng.normal(size=(256, 8, 8, 1)).astype("float32")
    x[:, 2:6, 2:6] += 2 * y[:, None, None, None]
    first, second = fit_losses(residual_network(), x, y)
    assert second < first < 1


def test_a_transformer_encoder_learns_from_padded_tokens():
    rng = np.random.default_rng(0)
    x = rng.integers(1, 10, (512, 9))
    x[np.arange(9) >= rng.integers(3, 9, 512)[:, None]] = 0
    first, second = fit_losses(encoder_classifier(), x, (x == 3).any(1).astype("int32"))
    assert second < first < 1


def test_layers_of_a_graph_are_in_the_order_of_keras(keras):
    names = []
    for library in (sequax, keras):
        a, b, c = (library.layers.Input((3,), name=name) for name in "abc")
        x = library.layers.Dense(3, name="d")(library.layers.Dense(3, name="e")(a))
        y = library.layers.Dense(2, name="f")(library.layers.Concatenate()([x, b]))
        z = library.layers.Dense(2, name="g")(b)
        names.append([layer.name for layer in library.Model([b, a, c], [library.layers.Add()([y, z]), z]).layers])
    assert names[0] == names[1]


def test_masks_are_those_that_the_layers_pass_on():
    x = layers.Masking()(np.float32([[[1.0], [0.0]]]))
    kept = Residual([layers.Dense(3), layers.Dense(1)])(x)
    assert np.asarray(kept._keras_mask).tolist() == [[True, False]]
    assert np.asarray(Parallel([layers.Dense(2), layers.Dense(3)])(x)._keras_mask).tolist() == [[True, False]]
    with pytest.warns(UserWarning, match="mask was lost in layer 'blur'"):
        blurred = Residual([layers.Conv1D(1, 3, padding="same", name="blur"), layers.LSTM(1, return_sequences=True)])
        assert not hasattr(blurred(x), "_keras_mask")


def test_training_flag_and_penalties_reach_the_layers_inside():
    x = np.ones((4, 6), "float32")
    dropped = Parallel([layers.Identity(), [layers.Dropout(0.5, seed=1)]], merge="subtract")
    assert np.abs(dropped(x)).max() == 0
    assert np.abs(dropped(x, training=True)).max() == 1
    assert len(dropped.variables) == 1
    penalised = Residual(layers.Dense(6, kernel_regularizer="l2", activity_regularizer="l1"))
    penalised(x)
    assert len(penalised.losses) == 2
    assert [v.path.split("/", 1)[1] for v in penalised.weights] == ["dense/kernel", "dense/bias"]


def test_frozen_inside_stays_frozen():
    block = Residual([layers.Dense(4, trainable=False), layers.Dense(4)])
    model = Sequential([Input((4,)), block])
    assert len(model.trainable_weights) == 2
    assert len(clone_model(model).trainable_weights) == 2
    block.trainable = False
    assert model.trainable_weights == []


def test_mixed_precision_merges_in_16_bits():
    policy = {"dtype": "mixed_bfloat16"}
    block = Residual([layers.Dense(4, **policy)], **policy)
    assert block(np.ones((2, 4), "float32")).dtype == jnp.bfloat16
    assert block(Input((4,))).dtype == "bfloat16"
    assert {v.dtype for v in block.weights} == {"float32"}
    tokens = Parallel([layers.Embedding(5, 2), layers.Embedding(5, 3)])
    assert tokens(Input((None,), dtype="int32")).shape == (None, None, 5)


# --- configs and copies ---


def nested():
    return Sequential(
        [
            Input((6, 4)),
            Residual(
                [layers.LayerNormalization(), layers.MultiHeadAttention(2, 3), activations.relu],
                layers.Dense(4, name="around"),
                name="outer",
            ),
            Parallel(
                [Residual(layers.Dense(4), name="inner"), [layers.Dense(2), layers.Dense(4, name="last")]],
                merge="concat",
                axis=1,
                name="side",
            ),
            Sequential([layers.Dense(3), layers.Dropout(0.1)], name="head"),
        ],
        name="nest",
    )


@pytest.mark.parametrize(
    "again",
    [
        lambda model: Sequential.from_config(model.get_config()),
        copy.deepcopy,
    ],
)
def test_nested_containers_come_back(again):
    model = nested()
    twin = again(model)
    twin.set_weights(model.get_weights())
    x = np.random.default_rng(0).normal(size=(2, 6, 4)).astype("float32")
    np.testing.assert_allclose(twin(x), model(x), atol=1e-6)
    assert twin.output_shape == model.output_shape == (None, 12, 3)
    for one, two in zip(twin.layers[:2], model.layers[:2], strict=True):
        assert [v.path.removeprefix("nest/") for v in one.weights] == [v.path[5:] for v in two.weights]
    assert not {id(v) for v in twin.weights} & {id(v) for v in model.weights}


def test_a_clone_has_the_structure_and_fresh_weights():
    model = residual_network()
    clone = clone_model(model)
    assert [(v.path, v.shape) for v in clone.weights] == [(v.path, v.shape) for v in model.weights]
    assert not np.array_equal(clone.get_weights()[0], model.get_weights()[0])


def test_config_is_named_sequax_and_json_friendly():
    import json

    from sequax import saving

    config = json.loads(json.dumps(saving.serialize_keras_object(Parallel([layers.Dense(2)], "add", name="p"))))
    assert config["registered_name"] == "sequax>Parallel"
    assert config["config"]["merge"] == "add"
    assert saving.deserialize_keras_object(config).get_config() == config["config"]


def test_shapes_are_known_without_building_and_unknown_sizes_pass():
    block = Residual([layers.Conv1D(4, 3, padding="same"), layers.MultiHeadAttention(1, 2)])
    assert block.compute_output_shape((None, None, 4)) == (None, None, 4)
    assert not block.built
    assert block(Input((None, 4))).shape == (None, None, 4)
    model = Sequential([Input((None, 4)), Parallel([layers.Dense(2), layers.LSTM(3, return_sequences=True)])])
    assert model.output_shape == (None, None, 5)
    assert model(np.ones((2, 7, 4))).shape == (2, 7, 5)


# --- what they tell ---


def test_summary_shows_the_layers_inside_with_part_and_shape():
    lines = []
    nested().summary(print_fn=lines.append, expand_nested=True, line_length=110)
    rows = [line.split("│")[1:4] for line in "\n".join(lines).split("\n") if "│" in line]
    table = {name.strip(): (shape.strip(), params.strip()) for name, shape, params in rows}
    assert table["outer (Residual)"][0] == "(None, 6, 4)"
    assert table["└ shortcut: around (Dense)"] == ("(None, 6, 4)", "20")
    assert table["└ branch 1: last (Dense)"] == ("(None, 6, 4)", "12")
    assert any("multi_head_attention" in name and shape == "(None, 6, 4)" for name, (shape, _) in table.items())
    assert any("branch 0: inner" in name for name in table)


def test_repr_lists_the_layers_inside():
    text = repr(nested().layers[1])
    for part in ("Parallel", "side", "branch 0: <Residual name=inner", "branch 1: last (Dense)"):
        assert part in text


# --- refusals ---


def dense(units, name="d"):
    return layers.Dense(units, name=name)


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (lambda: Residual([], name="r"), ("'r'", "Residual", "`layers`", "none", "Identity()")),
        (lambda: Residual([dense(2), 3], name="r"), ("'r'", "`layers`", "3", "int")),
        (lambda: Residual(dense(2), shortcut="x", name="r"), ("'r'", "`shortcut`", "'x'")),
        (lambda: Residual([dense(2), dense(2)], name="r"), ("'r'", "unique names", "'d'")),
        (lambda: Residual(dense(3), name="r").build((None, 4)), ("'r'", "(None, 4)", "(None, 3)", "`shortcut`")),
        (lambda: Residual(dense(1), name="r").build((None, 4)), ("'r'", "(None, 4)", "(None, 1)")),
        (
            lambda: Residual(dense(3), dense(2, "e"), name="r").build((None, 4)),
            ("'r'", "output of the shortcut", "(None, 2)", "(None, 3)"),
        ),
        (lambda: Residual(dense(3), name="r").build([(None, 3), (None, 3)]), ("'r'", "one input")),
        (lambda: Residual(layers.Conv1D(4, 3), name="r")(np.ones((2, 8, 4))), ("'r'", "(2, 8, 4)", "(2, 6, 4)")),
        (lambda: Parallel([], name="p"), ("'p'", "list of branches", "[]")),
        (lambda: Parallel(dense(2), name="p"), ("'p'", "list of branches")),
        (lambda: Parallel([dense(2), []], name="p"), ("'p'", "`branches[1]`", "Identity()")),
        (lambda: Parallel([dense(2)], merge="concatt", name="p"), ("'p'", "'concatt'", "Did you mean 'concat'")),
        (lambda: Parallel([dense(2)], merge="subtract", name="p"), ("'p'", "exactly 2", "1")),
        (
            lambda: Parallel([dense(2), dense(3, "e")], merge="add", name="p").build((None, 4)),
            ("'p_merge'", "(None, 2)", "(None, 3)"),
        ),
        (
            lambda: Sequential([Input((4,)), Residual([dense(4), layers.Conv1D(2, 3, name="c")], name="r")]),
            ("'c'", "layer 1", "Residual 'r'", "input shape (None, 4)", "Sequential"),
        ),
        (
            lambda: Sequential([Input((4,)), Parallel([dense(4), layers.Conv1D(2, 3, name="c")], name="p")]),
            ("'c'", "branch 1, layer 0", "Parallel 'p'"),
        ),
    ],
)
def test_bad_input_is_refused_with_layer_expectation_and_what_came(action, words):
    with pytest.raises((ValueError, TypeError)) as caught:
        action()
    for word in words:
        assert word in str(caught.value), (word, str(caught.value))
