"""Behaviours of the recurrent layers that are no row of the layer table: states, dropout, cells, refusals."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sequax.layers import LSTM, Input, LSTMCell

BATCH, TIME, FEATURES, UNITS = 3, 5, 2, 4
LEADING_AND_INNER_GAPS = np.array([[0, 0, 1, 1, 1], [1, 0, 0, 1, 0], [0, 0, 0, 0, 0]], bool)


@pytest.fixture
def x(rng):
    return rng.normal(size=(BATCH, TIME, FEATURES)).astype("float32")


@pytest.fixture
def states(rng):
    return [rng.normal(size=(BATCH, UNITS)).astype("float32") for _ in range(2)]


def with_weights(layer, rng_seed=2):
    """The layer, built, with weights that are all different from their initial values."""
    layer.build((BATCH, TIME, FEATURES))
    rng = np.random.default_rng(rng_seed)
    layer.set_weights([rng.normal(size=w.shape) for w in layer.get_weights()])
    return layer


def by_stepping(layer, x, states=None):
    """Outputs of all steps and the last states, from calls of the cell alone."""
    states = layer.get_initial_state(len(x)) if states is None else states
    outputs = []
    for t in range(x.shape[1]):
        output, states = layer.cell(x[:, t], states)
        outputs.append(output)
    return np.stack(outputs, 1), states


def assert_equal(found, expected, tolerance=1e-5):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance), found, expected)


@pytest.mark.parametrize(
    "settings", [{}, {"activation": "relu", "recurrent_activation": "hard_sigmoid", "use_bias": False}]
)
def test_a_whole_sequence_equals_stepping_the_cell(x, states, settings):
    layer = with_weights(LSTM(UNITS, return_sequences=True, return_state=True, **settings))
    for first in (None, states):
        outputs, h, c = layer(x, initial_state=first)
        assert_equal([outputs, [h, c]], list(by_stepping(layer, x, first)))


def test_weights_stand_in_the_cell_under_keras_paths(keras, x):
    own, oracle = LSTM(UNITS, name="memory"), keras.layers.LSTM(UNITS, name="memory")
    own(x), oracle(x)
    assert [w.path for w in own.weights] == [w.path for w in oracle.weights]
    assert isinstance(own.cell, LSTMCell)
    assert own.cell.state_size == [UNITS, UNITS]
    assert own.cell.output_size == own.units == UNITS
    np.testing.assert_array_equal(own.cell.bias.numpy(), oracle.cell.bias.value)  # ones at the forget gate


def test_cell_config_has_keras_keys(keras):
    own, oracle = LSTMCell(UNITS, dropout=0.1), keras.layers.LSTMCell(UNITS, dropout=0.1)
    assert own.get_config() == oracle.get_config()


def test_a_cell_equals_keras(keras, x, states):
    own, oracle = LSTMCell(UNITS), keras.layers.LSTMCell(UNITS)
    oracle(x[:, 0], states)
    own.build((BATCH, FEATURES))
    own.set_weights(oracle.get_weights())
    assert_equal(own(x[:, 0], states), oracle(x[:, 0], states))


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize(
    "settings", [{}, {"go_backwards": True}, {"zero_output_for_mask": True}, {"return_sequences": True}]
)
def test_masks_with_gaps_and_initial_states_equal_keras(keras, x, states, settings, given):
    own = with_weights(LSTM(UNITS, return_state=True, **settings))
    oracle = with_weights(keras.layers.LSTM(UNITS, return_state=True, **settings))
    call = {"mask": LEADING_AND_INNER_GAPS, "initial_state": states if given else None}
    assert_equal(own(x, **call), oracle(x, **call))


def test_what_stands_in_masked_steps_has_no_influence(x):
    layer = with_weights(LSTM(UNITS))
    dirty = np.where(LEADING_AND_INNER_GAPS[..., None], x, np.nan)

    def loss(x):
        return jnp.sum(layer(x, mask=LEADING_AND_INNER_GAPS))

    assert_equal(loss(dirty), loss(x))


@pytest.mark.parametrize("rates", [(0.5, 0.0), (0.0, 0.5)])
def test_dropout_acts_in_training_only_and_follows_its_seed(x, rates):
    settings = {"dropout": rates[0], "recurrent_dropout": rates[1], "return_sequences": True}
    one, two, other = (with_weights(LSTM(UNITS, seed=seed, **settings)) for seed in (1, 1, 2))
    plain = with_weights(LSTM(UNITS, return_sequences=True))
    np.testing.assert_allclose(one(x), plain(x), rtol=1e-6, atol=1e-6)
    first = one(x, training=True)
    np.testing.assert_array_equal(first, two(x, training=True))
    assert not np.allclose(first, plain(x))
    assert not np.allclose(first, one(x, training=True)), "each call draws anew"
    assert not np.allclose(first, other(x, training=True))


def test_dropout_of_inputs_is_one_draw_per_sequence_and_keeps_the_mean():
    cell = LSTMCell(8, dropout=0.25, recurrent_dropout=0.5, seed=1)
    scale, recurrent_scale = cell.dropout_scales(4000, 8, training=True)
    np.testing.assert_allclose(np.unique(scale), [0, 1 / 0.75], rtol=1e-6)
    np.testing.assert_allclose(np.unique(recurrent_scale), [0, 2], rtol=1e-6)
    np.testing.assert_allclose([scale.mean(), recurrent_scale.mean()], 1, atol=0.02)
    assert cell.dropout_scales(4, 8, training=False) == (None, None)


def test_recurrent_dropout_of_everything_forgets_the_output(x, states):
    """With rate 1 the recurrent kernel has no influence: each step sees zeros in place of h."""
    layer = with_weights(LSTM(UNITS, recurrent_dropout=1.0))
    before = layer(x, training=True)
    layer.cell.recurrent_kernel.assign(layer.cell.recurrent_kernel.numpy() * 7)
    np.testing.assert_array_equal(layer(x, training=True), before)


def test_stateful_layers_go_on_where_the_last_batch_ended(x):
    layer = with_weights(LSTM(UNITS, return_sequences=True, stateful=True))
    whole = with_weights(LSTM(UNITS, return_sequences=True))(x)
    parts = np.concatenate([layer(x[:, :2]), layer(x[:, 2:])], axis=1)
    np.testing.assert_allclose(parts, whole, rtol=1e-5, atol=1e-6)
    layer.reset_state()
    np.testing.assert_allclose(layer(x[:, :2]), whole[:, :2], rtol=1e-5, atol=1e-6)
    layer.reset_states()
    assert all(not state.numpy().any() for state in layer.states)


def test_states_survive_a_compiled_call_as_variables_that_are_no_weights(x):
    layer = with_weights(LSTM(UNITS, stateful=True))
    assert [w.name for w in layer.weights] == ["kernel", "recurrent_kernel", "bias"]
    assert [v.name for v in layer.non_trainable_variables].count("rnn_state") == 2
    own = [[v.value for v in group] for group in (layer.trainable_variables, layer.non_trainable_variables)]
    _, after = jax.jit(layer.stateless_call)(*own, x)
    layer(x)
    for variable, value in zip(layer.non_trainable_variables, after, strict=True):
        np.testing.assert_allclose(variable.numpy(), value, rtol=1e-5, atol=1e-6)


def test_freezing_reaches_the_cell(x):
    layer = with_weights(LSTM(UNITS, trainable=False))
    assert not layer.cell.trainable
    assert layer.trainable_variables == []
    layer.trainable = True
    assert len(layer.trainable_variables) == 3


def test_symbolic_calls_with_states(states):
    sequences, h, c = Input((None, FEATURES)), Input((UNITS,)), Input((UNITS,))
    outputs = LSTM(UNITS, return_sequences=True, return_state=True)(sequences, initial_state=[h, c])
    assert [t.shape for t in outputs] == [(None, None, UNITS), (None, UNITS), (None, UNITS)]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda x: LSTM(0), "units.*positive"),
        (lambda x: LSTM(-3), "units.*positive"),
        (lambda x: LSTM(UNITS, dropout=1.5), "dropout.*from 0 to 1"),
        (lambda x: LSTM(UNITS, recurrent_dropout=-0.5), "recurrent_dropout.*from 0 to 1"),
        (lambda x: LSTM(UNITS, use_cudnn="x"), "use_cudnn"),
        (lambda x: LSTM(UNITS)(x[0]), "3 dimensions"),
        (lambda x: LSTM(UNITS)(x[:, :0]), "at least one time step"),
        (lambda x: LSTM(UNITS)(x, mask=np.ones((BATCH, TIME - 1), bool)), "mask of shape"),
        (lambda x: LSTM(UNITS)(x, initial_state=[np.ones((BATCH, UNITS))]), "initial_state.*list of 2"),
        (lambda x: LSTM(UNITS)(x, initial_state=[np.ones((BATCH, 3))] * 2), r"initial_state.*\(3, 4\).*\(3, 3\)"),
        (lambda x: with_weights(LSTM(UNITS))(x[..., :1]), "axis -1.*size 2"),
        (lambda x: LSTM(UNITS)(Input((TIME, None))), "last axis of the input must be known"),
        (lambda x: LSTM(UNITS, stateful=True)(Input((TIME, FEATURES))), "batch size must be static.*batch_shape"),
        (lambda x: with_weights(LSTM(UNITS, stateful=True))(x[:2]), "Expected: 3. Received: 2"),
    ],
)
def test_refusals_say_what_was_expected(x, make, words):
    with pytest.raises(ValueError, match=words):
        make(x)
