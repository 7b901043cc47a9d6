"""Behaviours of the recurrent layers that are no row of the layer table: cells, states, masks, dropout, refusals."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import sequax
from sequax.layers import (
    GRU,
    LSTM,
    RNN,
    Activation,
    BatchNormalization,
    Bidirectional,
    ConvLSTM1D,
    ConvLSTM2D,
    Dense,
    Dropout,
    Embedding,
    GRUCell,
    Input,
    Lambda,
    Layer,
    LSTMCell,
    SimpleRNN,
    SimpleRNNCell,
    StackedRNNCells,
    TimeDistributed,
)

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


CELLS = {
    "LSTMCell": lambda layers: layers.LSTMCell(UNITS, dropout=0.1),
    "GRUCell": lambda layers: layers.GRUCell(UNITS, seed=1),
    "GRUCell before": lambda layers: layers.GRUCell(UNITS, reset_after=False, activation="relu"),
    "SimpleRNNCell": lambda layers: layers.SimpleRNNCell(UNITS, recurrent_dropout=0.1),
    "StackedRNNCells": lambda layers: layers.StackedRNNCells([layers.LSTMCell(3), layers.GRUCell(UNITS)]),
}


@pytest.mark.parametrize("make", CELLS.values(), ids=CELLS)
def test_a_cell_equals_keras(keras, x, rng, make):
    own, oracle = make(sequax.layers), make(keras.layers)
    assert own.state_size == oracle.state_size
    assert own.output_size == oracle.output_size
    shapes = jax.tree.map(lambda state: state.shape, own.get_initial_state(BATCH))
    assert shapes == jax.tree.map(lambda state: state.shape, oracle.get_initial_state(BATCH))
    assert unbuilt_config(own) == unbuilt_config(oracle)

    states = jax.tree.map(lambda state: rng.normal(size=state.shape).astype("float32"), own.get_initial_state(BATCH))
    oracle(x[:, 0], states)
    own.build((BATCH, FEATURES))
    assert [(w.path, tuple(w.shape)) for w in own.weights] == [(w.path, tuple(w.shape)) for w in oracle.weights]
    weights = [rng.normal(size=w.shape) for w in oracle.get_weights()]
    own.set_weights(weights), oracle.set_weights(weights)
    assert_equal(own(x[:, 0], states), oracle(x[:, 0], states))


def unbuilt_config(cell):
    def without_names(config):
        if isinstance(config, dict):
            left_out = ("build_config", "name" if "units" in config else "")
            return {key: without_names(value) for key, value in config.items() if key not in left_out}
        return list(map(without_names, config)) if isinstance(config, list) else config

    return without_names(cell.get_config())


@pytest.mark.parametrize("make", [GRUCell, SimpleRNNCell])
def test_cells_of_one_state_take_it_in_a_list_or_bare(x, states, make):
    cell = make(UNITS)
    in_list, bare = cell(x[:, 0], states[:1]), cell(x[:, 0], states[0])
    assert isinstance(in_list[1], list)
    assert_equal(in_list[1][0], bare[1])


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize(
    "settings", [{}, {"go_backwards": True}, {"zero_output_for_mask": True}, {"return_sequences": True}]
)
def test_masks_with_gaps_and_initial_states_equal_keras(keras, x, states, settings, given):
    own = with_weights(LSTM(UNITS, return_state=True, **settings))
    oracle = with_weights(keras.layers.LSTM(UNITS, return_state=True, **settings))
    call = {"mask": LEADING_AND_INNER_GAPS, "initial_state": states if given else None}
    assert_equal(own(x, **call), oracle(x, **call))


@pytest.mark.parametrize("make", [LSTM, GRU, SimpleRNN])
def test_what_stands_in_masked_steps_has_no_influence_nor_on_gradients(x, make):
    layer = with_weights(make(UNITS))
    dirty = np.where(LEADING_AND_INNER_GAPS[..., None], x, np.nan)

    def loss(weights, x):
        return jnp.sum(layer.stateless_call(weights, *others, x, mask=LEADING_AND_INNER_GAPS)[0])

    weights, *others = (
        [v.value for v in group] for group in (layer.trainable_variables, layer.non_trainable_variables)
    )
    both = jax.jit(jax.value_and_grad(loss))
    assert_equal(both(weights, dirty), both(weights, x))


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
    scale, recurrent_scale = cell.dropout_scales((4000, 8), (4000, 8), training=True)
    np.testing.assert_allclose(np.unique(scale), [0, 1 / 0.75], rtol=1e-6)
    np.testing.assert_allclose(np.unique(recurrent_scale), [0, 2], rtol=1e-6)
    np.testing.assert_allclose([scale.mean(), recurrent_scale.mean()], 1, atol=0.02)
    assert cell.dropout_scales((4, 8), (4, 8), training=False) == (None, None)


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


@pytest.mark.parametrize("mask", [None, LEADING_AND_INNER_GAPS], ids=["all", "masked"])
@pytest.mark.parametrize("use_bias", [True, False])
def test_the_gradient_of_the_gru_equals_that_of_its_steps(x, states, mask, use_bias):
    """The same cell in another guise takes the general loop, which JAX differentiates."""
    whole = with_weights(GRU(UNITS, use_bias=use_bias, return_sequences=True))
    steps = with_weights(GRU(UNITS, use_bias=use_bias, return_sequences=True, activation=lambda x: jnp.tanh(x)))

    def loss(layer, weights, x, h):
        others = [v.value for v in layer.non_trainable_variables]
        outputs, _ = layer.stateless_call(weights, others, x, initial_state=[h], mask=mask)
        return jnp.sum(jnp.sin(jnp.arange(outputs.size)).reshape(outputs.shape) * outputs)

    weights = [v.value for v in whole.trainable_variables]
    found, expected = (
        jax.jit(jax.value_and_grad(lambda *given, layer=layer: loss(layer, *given), argnums=(0, 1, 2)))(
            weights, x, states[0]
        )
        for layer in (whole, steps)
    )
    assert_equal(found, expected)


# --- cells of users ---


class Plain(Layer):
    """A cell in Keras' manner, with two states and an output that is neither of them."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units, self.state_size, self.output_size = units, [units, 1], units

    def build(self, input_shape):
        self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1], self.units))

    def call(self, inputs, states):
        h, count = states
        h = jnp.tanh(inputs @ self.kernel.value + h)
        return 10 * h + count, (h, count + 1)  # a tuple, where a list came in

    def get_config(self):
        return {**super().get_config(), "units": self.units}


class Nested(Layer):
    """States in a nested structure, layers inside that build themselves, random numbers and moving statistics."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.state_size, self.output_size = [3, [4, 2]], 6
        self.dense, self.norm, self.dropout = Dense(6), BatchNormalization(momentum=0.5), Dropout(0.5, seed=1)

    def call(self, inputs, states, training=False):
        a, (b, c) = states
        self.add_loss(jnp.mean(inputs))
        output = self.norm(self.dense(jnp.concatenate([b, c], -1) + inputs[:, :1]), training=training)
        return self.dropout(output, training=training), [a + 1, [b + inputs[:, 1:], c + 2]]


def test_rnn_runs_a_cell_of_a_user(x):
    layer = RNN(Plain(UNITS), return_sequences=True, return_state=True, name="own")
    outputs, h, count = layer(x)
    expected, (last, steps) = by_stepping(layer, x, layer.get_initial_state(BATCH))
    assert_equal([outputs, h, count], [expected, last, steps])
    assert [w.path for w in layer.weights] == ["own/plain/kernel"]
    assert layer.compute_output_shape((None, None, FEATURES)) == ((None, None, UNITS), (None, UNITS), (None, 1))

    outputs, h, count = layer(
        x, mask=LEADING_AND_INNER_GAPS, initial_state=[np.ones((BATCH, UNITS)), 5 * np.ones((BATCH, 1))]
    )
    np.testing.assert_array_equal(count[:, 0], 5 + LEADING_AND_INNER_GAPS.sum(1))
    np.testing.assert_array_equal(outputs[2], np.ones((TIME, UNITS)))  # before the first output stands the first state
    np.testing.assert_array_equal(outputs[1, 0], outputs[1, 1])  # a masked step repeats the output before it

    twin = RNN.from_config(layer.get_config(), custom_objects={"Plain": Plain})
    twin.set_weights(layer.get_weights())
    assert_equal(twin(x), layer(x))


def test_rnn_equals_keras_on_cells_of_users(keras, x):
    def cell_class(library):
        class Accumulate(library.layers.Layer):
            state_size = UNITS

            def build(self, input_shape):
                self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1], UNITS), initializer="ones")
                self.built = True

            def call(self, inputs, states):
                h = inputs @ self.kernel + states[0]
                return h, [h]

        return Accumulate()

    settings = {"return_sequences": True, "return_state": True, "zero_output_for_mask": True, "go_backwards": True}
    own, oracle = (library.layers.RNN(cell_class(library), **settings) for library in (sequax, keras))
    for mask in (None, LEADING_AND_INNER_GAPS):
        assert_equal(own(x, mask=mask), oracle(x, mask=mask))


def test_cells_with_nested_states_and_state_of_their_own(x):
    layer = RNN(Nested(), return_sequences=True, return_state=True)
    _, a, (b, c) = layer(x)
    np.testing.assert_allclose(b, np.repeat(x[..., 1:].sum(1), 4, 1), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal([a[0, 0], c[0, 0]], [TIME, 2 * TIME])
    assert_equal(layer.losses, [x.mean((0, 2)).sum()])  # the penalties of all steps

    before = layer.cell.norm.moving_mean.numpy()
    trained = layer(x, training=True)[0]
    assert layer.cell.dropout.seed_generator.state.numpy()[1] == TIME  # one draw a step
    assert not np.allclose(layer.cell.norm.moving_mean.numpy(), before)
    assert (np.asarray(trained) == 0).mean() > 0.2
    masked, *_ = layer(x, mask=LEADING_AND_INNER_GAPS)
    np.testing.assert_array_equal(masked[2], np.zeros((TIME, 6)))  # no state has the shape of the output


def test_a_cell_that_extends_ours_is_called(x):
    class Doubled(LSTMCell):
        def call(self, inputs, states, training=False):
            output, states = super().call(inputs, states, training)
            return 2 * output, states

    layer, plain = (
        with_weights(RNN(Doubled(UNITS), return_sequences=True)),
        with_weights(LSTM(UNITS, return_sequences=True)),
    )
    assert_equal(layer(x), 2 * plain(x))


@pytest.mark.parametrize("form", ["nested", "flat", "half"])
def test_stacked_cells_take_initial_states_in_any_form(keras, x, rng, form):
    h, c, last = (rng.normal(size=(BATCH, size)).astype("float32") for size in (4, 4, 3))
    given = {"nested": [[h, c], [last]], "flat": [h, c, last], "half": [[h, c], last]}[form]
    own, oracle = (
        library.layers.RNN([library.layers.LSTMCell(4), library.layers.GRUCell(3)], return_state=True)
        for library in (sequax, keras)
    )
    oracle(x)
    own.build(x.shape)
    own.set_weights(oracle.get_weights())
    assert_equal(own(x, initial_state=given), oracle(x, initial_state=[[h, c], [last]]))
    symbolic = own(Input((None, FEATURES)))
    assert jax.tree.map(lambda t: t.shape, symbolic) == ((None, 3), [(None, 4), (None, 4)], [(None, 3)])


# --- dropout of the whole family ---


@pytest.mark.parametrize(
    "layer",
    [
        GRU(UNITS, dropout=0.5, seed=1, return_sequences=True),
        SimpleRNN(UNITS, recurrent_dropout=0.5, return_sequences=True),
        RNN([GRUCell(3, dropout=0.5), LSTMCell(UNITS, recurrent_dropout=0.5)]),
        Bidirectional(GRU(UNITS, recurrent_dropout=0.5)),
        TimeDistributed(Dropout(0.5)),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_every_layer_drops_in_training_alone(x, layer):
    np.testing.assert_array_equal(layer(x), layer(x))
    assert not np.allclose(layer(x, training=True), layer(x))
    assert not np.allclose(layer(x, training=True), layer(x, training=True))


def test_dropout_is_one_draw_per_sequence():
    layer = SimpleRNN(
        64,
        dropout=0.5,
        activation="linear",
        recurrent_initializer="zeros",
        kernel_initializer="identity",
        return_sequences=True,
        seed=1,
    )
    outputs = layer(np.ones((2, 5, 64)), training=True)
    np.testing.assert_array_equal(outputs, np.repeat(outputs[:, :1], 5, 1))
    assert set(np.unique(outputs)) == {0, 2}


# --- states between batches ---


STATEFUL = {
    "LSTM": lambda: LSTM(UNITS, stateful=True, return_sequences=True),
    "stacked": lambda: RNN([GRUCell(3), LSTMCell(UNITS)], stateful=True, return_sequences=True),
    "own cell": lambda: RNN(Plain(UNITS), stateful=True, return_sequences=True),
    "bidirectional": lambda: Bidirectional(SimpleRNN(UNITS, stateful=True, return_sequences=True), merge_mode="sum"),
}


@pytest.mark.parametrize("make", [make for name, make in STATEFUL.items() if name != "bidirectional"])
def test_predict_carries_states_from_batch_to_batch(x, make):
    """Two batches with the first and the last steps of the same sequences are one long sequence."""
    model = sequax.Sequential([Input(batch_shape=(BATCH, None, FEATURES)), make()])
    long = model.predict(x[:, :4], batch_size=BATCH, verbose=0)
    model.reset_states()
    parts = model.predict(np.concatenate([x[:, :2], x[:, 2:4]]), batch_size=BATCH, verbose=0)
    np.testing.assert_allclose(np.concatenate([parts[:BATCH], parts[BATCH:]], 1), long, rtol=1e-5, atol=1e-6)
    assert not np.allclose(model.predict(x[:, :2], batch_size=BATCH, verbose=0), long[:, :2])
    model.reset_states()
    np.testing.assert_allclose(model.predict(x[:, :2], batch_size=BATCH, verbose=0), long[:, :2], rtol=1e-5, atol=1e-6)


def test_fit_and_evaluate_carry_states_from_batch_to_batch(x):
    """With a learning rate of 0, the states after training are those of one long sequence."""
    model = sequax.Sequential([Input(batch_shape=(BATCH, 1, FEATURES)), GRU(UNITS, stateful=True), Dense(1)])
    model.compile(sequax.optimizers.SGD(0.0), "mse")
    layer = model.layers[0]
    plain = GRU(UNITS)
    plain.build(x.shape)
    plain.set_weights(layer.get_weights())
    batches = np.concatenate(np.split(x, TIME, axis=1))  # batch after batch the next step of each sequence
    y = np.zeros((len(batches), 1), "float32")
    for run in (model.fit, model.evaluate):
        model.reset_states()
        run(batches, y, batch_size=BATCH, verbose=0, **({"shuffle": False} if run == model.fit else {}))
        np.testing.assert_allclose(layer.states[0].numpy(), plain(x), rtol=1e-5, atol=1e-6)


def test_a_callback_may_reset_the_states_before_each_epoch(x):
    model = sequax.Sequential([Input(batch_shape=(BATCH, TIME, FEATURES)), LSTM(UNITS, stateful=True), Dense(1)])
    model.compile(sequax.optimizers.SGD(0.0), "mse")
    settings = {"batch_size": BATCH, "epochs": 2, "verbose": 0, "shuffle": False}
    reset = sequax.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: model.reset_states())
    y = np.ones((BATCH, 1), "float32")
    losses = model.fit(x, y, callbacks=[reset], **settings).history["loss"]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    model.reset_states()
    losses = model.fit(x, y, **settings).history["loss"]
    assert losses[0] != pytest.approx(losses[1], rel=1e-4)


@pytest.mark.parametrize("make", STATEFUL.values(), ids=STATEFUL)
def test_states_of_a_stateful_layer_are_variables_and_no_weights(x, make):
    layer = make()
    layer(x)
    states = jax.tree.leaves(layer.states)
    assert states and all(any(v is state for v in layer.non_trainable_variables) for state in states)
    assert not any(v is state for v in layer.weights for state in states)
    assert any(state.numpy().any() for state in states)
    layer.reset_states()
    assert not any(state.numpy().any() for state in states)


def test_reset_states_reaches_nested_models_and_wrappers(x):
    both = Bidirectional(GRU(2, stateful=True, return_sequences=True))
    inner = sequax.Sequential([Input(batch_shape=(BATCH, TIME, FEATURES)), both])
    model = sequax.Sequential([inner, LSTM(2, stateful=True), BatchNormalization()])
    model(x)
    states = [v for v in model.variables if v.name == "rnn_state"]
    assert len(states) == 4 and all(state.numpy().any() for state in states)
    model.reset_states()
    assert not any(state.numpy().any() for state in states)


# --- wrappers ---


def test_both_directions_are_fresh_copies_named_after_the_layer(keras, x):
    inner = LSTM(UNITS, name="inner")
    own = Bidirectional(inner, name="both")
    oracle = keras.layers.Bidirectional(keras.layers.LSTM(UNITS, name="inner"), name="both")
    own(x), oracle(x)
    assert [w.path for w in own.weights] == [w.path for w in oracle.weights]
    assert own.forward_layer is not inner and not inner.built
    again = Bidirectional.from_config(own.get_config())
    assert [again.forward_layer.name, again.backward_layer.name] == ["forward_inner", "backward_inner"]


def test_initial_weights_and_states_of_both_directions(keras, x, rng):
    weights = [rng.normal(size=w.shape) for w in with_weights(Bidirectional(GRU(UNITS))).get_weights()]
    own = Bidirectional(GRU(UNITS, return_sequences=True), weights=weights)
    oracle = keras.layers.Bidirectional(keras.layers.GRU(UNITS, return_sequences=True))
    oracle(x)
    oracle.set_weights(weights)
    states = [rng.normal(size=(BATCH, UNITS)).astype("float32") for _ in range(2)]
    assert_equal(own(x, initial_state=states), oracle(x, initial_state=states))
    symbolic = own(Input((None, FEATURES)), initial_state=[Input((UNITS,)), Input((UNITS,))])
    assert symbolic.shape == (None, None, 2 * UNITS)


def test_a_given_backward_layer_is_used_as_it_is(x):
    backward = GRU(3, go_backwards=True, return_sequences=True, name="back")
    layer = Bidirectional(LSTM(UNITS, return_sequences=True), backward_layer=backward)
    outputs = layer(x)
    assert layer.backward_layer is backward
    assert_equal(outputs[..., UNITS:], jnp.flip(backward(x), 1))


def test_each_step_gets_its_part_of_the_mask():
    seen = []

    class Probe(Layer):
        def call(self, inputs, mask=None, training=None):
            seen.append((inputs.shape, mask.shape, training))
            return inputs * mask[:, None]

    x, mask = np.ones((3, 5, 2)), np.random.default_rng(0).random((3, 5)) < 0.5
    outputs = TimeDistributed(Probe())(x, mask=mask, training=True)
    assert set(seen) == {((3, 2), (3,), True)}
    np.testing.assert_array_equal(outputs, np.repeat(mask[..., None], 2, 2))


def test_inner_sequences_take_the_inner_mask_alone(x):
    layer = TimeDistributed(LSTM(UNITS))
    words = np.stack([x, 2 * x, -x], axis=1)
    mask = np.random.default_rng(0).random(words.shape[:3]) < 0.7
    outputs = layer(words, mask=mask)
    assert_equal(outputs, jnp.stack([layer.layer(words[:, i], mask=mask[:, i]) for i in range(3)], 1))
    assert_equal(layer(words, mask=mask.any(-1)), layer(words))  # which sentences count is no question of their words


def test_steps_share_statistics_only_where_the_layer_has_none(x):
    """Functions and layers that look at the batch see one step at a time; penalties are means either way."""
    centred = TimeDistributed(Lambda(lambda x: x - x.mean(0)))(x)
    np.testing.assert_allclose(centred, x - x.mean(0), rtol=1e-5, atol=1e-6)

    class OwnDense(Dense):
        pass

    settings = {"activity_regularizer": "l2", "kernel_initializer": "ones"}
    layers = [TimeDistributed(make(2, **settings)) for make in (Dense, OwnDense)]
    for layer in layers:
        layer(x)
    assert_equal(layers[0].losses, layers[1].losses)


def test_embeddings_and_models_inside_each_step(x):
    ids = np.arange(24).reshape(2, 3, 4) % 5
    assert TimeDistributed(Embedding(5, 3, mask_zero=True))(ids).shape == (2, 3, 4, 3)
    inner = sequax.Sequential([Input((FEATURES,)), Dense(3), BatchNormalization()])
    model = sequax.Sequential([Input((None, FEATURES)), TimeDistributed(inner)])
    assert model.output_shape == (None, None, 3)
    model.compile("sgd", "mse")
    model.fit(x, np.ones((BATCH, TIME, 3)), verbose=0)
    assert inner.layers[1].moving_mean.numpy().any()


def test_convolutional_states_follow_the_data_format_and_masks_act():
    images = np.random.default_rng(0).normal(size=(2, 3, 4, 1)).astype("float32")
    states = [np.ones((2, 3, 2), "float32"), -np.ones((2, 3, 2), "float32")]
    layer = ConvLSTM1D(2, 2, return_state=True)
    expected = layer(images, initial_state=states)
    first = ConvLSTM1D(2, 2, return_state=True, data_format="channels_first")
    first.build((2, 3, 1, 4))
    first.set_weights(layer.get_weights())
    turned = [np.moveaxis(state, -1, 1) for state in states]
    assert_equal(
        [np.moveaxis(a, 1, -1) for a in first(np.moveaxis(images, -1, 2), initial_state=turned)], list(expected)
    )
    for t in range(3):
        _, turned = first.cell(np.moveaxis(images[:, t], -1, 1), turned)
    assert_equal([np.moveaxis(state, 1, -1) for state in turned], list(expected[1:]))

    mask = np.array([[True, True, True], [False, False, False]])
    masked = layer(images, initial_state=states, mask=mask)
    assert_equal([state[0] for state in masked], [state[0] for state in expected])
    np.testing.assert_array_equal(masked[2][1], states[1][1])


@pytest.mark.parametrize("after", [Dense(2), Activation("relu")])
def test_states_in_the_middle_of_a_stack_are_refused(x, after):
    with pytest.raises((ValueError, TypeError), match="'lstm' has `return_state=True`"):
        sequax.Sequential([LSTM(2, return_state=True, name="lstm"), after])(x)


# --- refusals ---


class WrongStates(Layer):
    state_size = UNITS

    def call(self, inputs, states):
        return inputs, [inputs]


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
        (lambda x: GRU(0), "units.*positive"),
        (lambda x: GRU(UNITS, use_cudnn="x"), "GRU: `use_cudnn`"),
        (lambda x: SimpleRNN(UNITS, activaton="relu"), "activaton.*[Dd]id you mean"),
        (lambda x: RNN(3), "`cell` must have a `call"),
        (lambda x: RNN(Dense(3)), "attribute `state_size`.*Dense"),
        (lambda x: RNN([]), "at least one cell"),
        (lambda x: StackedRNNCells(LSTMCell(2)), "list of at least one cell"),
        (lambda x: StackedRNNCells([Dense(3)]), "attribute `state_size`"),
        (lambda x: RNN(WrongStates())(x), r"states of the shapes.*\(3, 4\).*\(3, 2\)"),
        (lambda x: Bidirectional(GRU(2), merge_mode="max"), "merge_mode.*'max'"),
        (lambda x: Bidirectional(3), "`layer` must be a layer"),
        (lambda x: Bidirectional(Dense(3)), "recurrent layer.*Dense"),
        (lambda x: Bidirectional(GRU(2, go_backwards=True)), "go_backwards=False"),
        (lambda x: Bidirectional(GRU(2), backward_layer=GRU(2)), "go_backwards=True"),
        (
            lambda x: Bidirectional(GRU(2), backward_layer=GRU(2, go_backwards=True, return_state=True)),
            "same value of `return_state`",
        ),
        (lambda x: Bidirectional(GRU(2))(x, initial_state=[np.ones((BATCH, 2))]), "odd number"),
        (
            lambda x: Bidirectional(GRU(2), merge_mode="sum", backward_layer=GRU(3, go_backwards=True))(x),
            "equal shapes.*concat",
        ),
        (lambda x: TimeDistributed(3), "must be a layer"),
        (lambda x: TimeDistributed(Dense(3))(x[:, 0]), "at least 3 dimensions"),
        (lambda x: TimeDistributed(Dense(3))(x, mask=np.ones((BATCH, TIME - 1), bool)), r"begins with.*\(3, 5\)"),
        (lambda x: ConvLSTM1D(0, 2), "filters.*positive"),
        (lambda x: ConvLSTM2D(2, (1, 2, 3)), "kernel_size.*2 of them"),
        (lambda x: ConvLSTM1D(2, 2, padding="causal"), "padding.*'causal'"),
        (lambda x: ConvLSTM1D(2, 2, strides=2, dilation_rate=2), "strides > 1.*dilation_rate > 1"),
        (lambda x: ConvLSTM1D(2, 2)(x), "expected 4 dimensions"),
        (lambda x: ConvLSTM1D(2, 3)(x[..., None]), "zero or negative"),
        (lambda x: ConvLSTM1D(2, 2)(Input((3, None, 2))), "spatial sizes must be known"),
        (lambda x: ConvLSTM1D(2, 2)(Input((3, 4, None))), "last axis of the input must be known"),
    ],
)
def test_refusals_say_what_was_expected(x, make, words):
    with pytest.raises(ValueError, match=words):
        make(x)


def test_settings_of_the_cell_show_in_its_layer_and_are_set_in_the_cell():
    layer = LSTM(UNITS, dropout=0.25)
    assert (layer.units, layer.dropout, layer.activation) == (UNITS, 0.25, layer.cell.activation)
    layer.cell.dropout = 0.5
    assert layer.dropout == layer.get_config()["dropout"] == 0.5
    with pytest.raises(AttributeError, match=r"'lstm' \(LSTM\): `dropout`.*`layer.cell.dropout`"):
        layer.dropout = 0.0


# --- ranks, in every pass ---

AROUND = {
    "LSTM": lambda: LSTM(2),
    "RNN": lambda: RNN(GRUCell(2)),
    "stacked": lambda: RNN([LSTMCell(2), LSTMCell(2)]),
    "Bidirectional": lambda: Bidirectional(LSTM(2)),
    "Bidirectional RNN": lambda: Bidirectional(RNN(SimpleRNNCell(2)), merge_mode="sum"),
}


@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 2, 2)])
@pytest.mark.parametrize("make", AROUND.values(), ids=AROUND)
def test_sequences_have_three_axes_in_every_pass(make, shape):
    x = np.ones(shape, "float32")
    for use in (
        lambda: make()(x),
        lambda: make()(sequax.Input(shape[1:])),
        lambda: make().build(shape),
        lambda: sequax.Sequential([make()]).predict(x, verbose=0),
    ):
        with pytest.raises(ValueError, match="expected 3 dimensions"):
            use()


def test_states_of_stacked_cells_have_the_form_of_their_sizes():
    class OneState(Layer):
        state_size = output_size = 3

        def call(self, inputs, states):
            return inputs + states[0], [inputs + states[0]]

    _, first, second = RNN([OneState(), OneState()], return_state=True)(np.ones((2, 4, 3), "float32"))
    assert first.shape == second.shape == (2, 3)


@pytest.mark.parametrize("use_cudnn", [True, False, "auto"])
def test_both_directions_keep_use_cudnn(use_cudnn):
    both = Bidirectional(LSTM(2, use_cudnn=use_cudnn))
    assert both.forward_layer.use_cudnn == both.backward_layer.use_cudnn == use_cudnn


def test_a_config_of_old_may_name_an_implementation():
    config = {**GRU(2).get_config(), "implementation": 1}
    assert GRU.from_config(config).units == 2


class Twice(LSTM):
    def inner_loop(self, sequences, initial_state, mask, training=False):
        last, outputs, states = super().inner_loop(sequences, initial_state, mask, training)
        return 2 * last, 2 * outputs, states

    def call(self, x, **kwargs):
        return super().call(x, **kwargs)


def test_a_subclass_may_override_the_loop_and_name_its_input_differently():
    x = np.ones((2, 3, 4), "float32")
    twice, once = Twice(2, return_sequences=True), LSTM(2, return_sequences=True)
    twice(x), once(x)
    once.set_weights(twice.get_weights())
    np.testing.assert_allclose(twice(x), 2 * once(x), rtol=1e-6)
    assert twice.get_build_config() == {"input_shape": (2, 3, 4)}
