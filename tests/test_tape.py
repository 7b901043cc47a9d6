"""`tf.GradientTape` over JAX: what TensorFlow gives in the same places, and the same errors."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sequax import layers, losses, models, optimizers
from sequax.compat import patches
from sequax.compat.tensorflow.arrays import stop_gradient
from sequax.compat.tensorflow.tape import GradientTape, custom_gradient, gradients
from sequax.compat.tensorflow.variable import IndexedSlices, Variable
from sequax.core import pure


@pytest.fixture(autouse=True)
def hook():
    patches.apply()
    yield
    patches.undo()


def lists(found):
    return jax.tree.map(lambda one: np.round(np.asarray(one), 4).tolist(), found)


@pytest.fixture
def v():
    return Variable([1.0, 2.0])


@pytest.fixture
def w():
    return Variable([3.0, 4.0])


def test_a_watched_constant_and_one_that_is_not():
    x, y = jnp.asarray(3.0), jnp.asarray(4.0)
    with GradientTape() as tape:
        tape.watch(x)
        product = x * x * y
    assert float(product) == 36.0  # values are plain arrays
    assert lists(tape.gradient(product, [x, y])) == [24.0, None]


def test_a_plain_tape_gives_gradients_once(v):
    with GradientTape() as tape:
        y = v * v
    tape.gradient(y, v)
    with pytest.raises(RuntimeError, match="persistent"):
        tape.gradient(y, v)


def test_second_order_by_nested_tapes():
    x = jnp.asarray(3.0)
    with GradientTape() as outer:
        outer.watch(x)
        with GradientTape() as inner:
            inner.watch(x)
            y = x * x * x
        slope = inner.gradient(y, x)
    assert float(slope) == 27.0 and float(outer.gradient(slope, x)) == 18.0


def test_persistent_tapes_intermediates_and_structures(v, w):
    u = Variable([5.0, 6.0])
    with GradientTape(persistent=True) as tape:
        a = v * w
        b = a * a
        z = b * 2.0
    assert lists(tape.gradient(z, [v, w])) == [[36.0, 128.0], [12.0, 64.0]]
    assert lists(tape.gradient(z, a)) == [12.0, 32.0]
    assert lists(tape.gradient([z, b], (a, v))) == ([18.0, 48.0], [54.0, 192.0])
    found = tape.gradient(b, {"v": v, "more": [w, {"a": a}]})
    assert lists(found) == {"v": [18.0, 64.0], "more": [[6.0, 32.0], {"a": [6.0, 16.0]}]}
    assert lists(tape.gradient(b, [v, u])) == [[18.0, 64.0], None]
    assert lists(tape.gradient(b, [v, u], unconnected_gradients="zero")) == [[18.0, 64.0], [0.0, 0.0]]
    assert lists(tape.gradient(b, v, output_gradients=jnp.asarray([1.0, 10.0]))) == [18.0, 640.0]
    assert lists(tape.gradient(v, [v, w])) == [[1.0, 1.0], None]


def test_several_tapes_in_one_with(v, w):
    with GradientTape() as first, GradientTape() as second:
        one, two = v * w, w * w
    assert lists(first.gradient(one, v)) == [3.0, 4.0] and lists(second.gradient(two, w)) == [6.0, 8.0]


def test_what_is_watched(v, w):
    frozen = Variable([1.0, 1.0], trainable=False)
    with GradientTape() as tape:
        y = v * frozen
    assert [one is v for one in tape.watched_variables()] == [True]
    assert tape.gradient(y, [frozen]) == [None]
    with GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(v)
        y = v * w
    assert lists(tape.gradient(y, [v, w])) == [[3.0, 4.0], None]
    with GradientTape() as tape:
        tape.watch(frozen)
        y = v * frozen
    assert lists(tape.gradient(y, frozen)) == [1.0, 2.0]


def test_stop_recording_and_reset(v, w):
    with GradientTape() as tape:
        a = v * w
        with tape.stop_recording():
            b = a * a
        y = a * 3.0 + b
    assert lists(tape.gradient(y, [v, w])) == [[9.0, 12.0], [3.0, 6.0]]
    with GradientTape() as tape:
        v * w
        tape.reset()
        y = v * v
    assert lists(tape.gradient(y, [v, w])) == [[2.0, 4.0], None]


def test_variables_that_share_an_array_have_gradients_of_their_own(v, w):
    v.assign(w)
    with GradientTape() as tape:
        y = v * w * w
    assert lists(tape.gradient(y, [v, w])) == [[9.0, 16.0], [18.0, 32.0]]


def test_an_assigned_variable_is_a_new_beginning(v, w):
    with GradientTape() as tape:
        v.assign(v * w)
        y = v * v
    assert lists(tape.gradient(y, [v, w])) == [[6.0, 16.0], None]


def test_functions_that_return_what_they_got_are_told_apart(v):
    same = jax.jit(lambda x: x)
    with GradientTape() as tape:
        a = v * 2.0
        y = same(a) * 3.0 + stop_gradient(a)
    assert lists(tape.gradient(y, v)) == [6.0, 6.0]


def test_stop_gradient_and_gradients_of_ones_own(v, w):
    @custom_gradient
    def two(x, y):
        return (x * 2.0, y * y), lambda da, db: (da * 7.0, db * y)

    with GradientTape(persistent=True) as tape:
        stopped = stop_gradient(v) * w
        a, b = two(v, w)
        y = a * b
    assert lists(tape.gradient(stopped, [v, w])) == [None, [1.0, 2.0]]
    assert lists(tape.gradient(y, [v, w])) == [[63.0, 112.0], [6.0, 16.0]]


def test_jacobians(v):
    rows = jnp.asarray([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    with GradientTape(persistent=True) as tape:
        tape.watch(rows)
        y = v * v * jnp.asarray([1.0, 2.0])
        z = rows * rows * v
    assert lists(tape.jacobian(y, v)) == [[2.0, 0.0], [0.0, 8.0]]
    found = tape.batch_jacobian(z, rows)
    assert found.shape == (3, 2, 2) and lists(found[1]) == [[6.0, 0.0], [0.0, 16.0]]
    assert tape.jacobian(y, [rows]) == [None]


def test_tapes_that_look_different_each_time_go_node_by_node(v, w):
    for length in range(1, 8):
        with GradientTape() as tape:
            y = v * 1.0
            for step in range(length):
                y = jnp.tanh(y * w)[step % 2] + v
        found = tape.gradient(y, [v, w])

        def again(v, w, length=length):
            y = v * 1.0
            for step in range(length):
                y = jnp.tanh(y * w)[step % 2] + v
            return jnp.sum(y)

        expected = jax.grad(again, (0, 1))(v.value, w.value)
        np.testing.assert_allclose(np.stack(found), np.stack(expected), rtol=1e-5)


def test_a_tape_inside_jit_and_vmap(v):
    def slope(x):
        with GradientTape() as tape:
            tape.watch(x)
            y = x * x * v.value
        return tape.gradient(y, x)

    xs = jnp.asarray([[1.0, 1.0], [2.0, 3.0]])
    expected = [[2.0, 4.0], [4.0, 12.0]]
    assert lists([jax.jit(slope)(x) for x in xs]) == expected and lists(jax.vmap(slope)(xs)) == expected


def test_loops_and_branches_of_jax(v):
    with GradientTape() as tape:
        y, _ = jax.lax.scan(lambda carry, _: (carry * v.value, None), jnp.ones(2), None, length=3)
        y = jax.lax.cond(y[0] > 0, lambda y: y * 2.0, lambda y: y, y)
    assert lists(tape.gradient(y, v)) == [6.0, 24.0]


def test_weights_that_a_loss_does_not_reach_are_named(v, w):
    with GradientTape() as tape:
        y = v * v
    found = tape.gradient(y, [v, w])
    with pytest.warns(UserWarning, match="gradients do not exist for variables"):
        optimizers.SGD(0.5).apply_gradients(zip(found, [v, w], strict=True))
    assert v.numpy().tolist() == [0.0, 0.0] and w.numpy().tolist() == [3.0, 4.0]


def test_minimize(v):
    optimizer = optimizers.SGD(0.25)
    optimizer.minimize(lambda: v * v, [v])
    assert v.numpy().tolist() == [0.5, 1.0]
    with GradientTape() as tape:
        loss = v * v
    optimizer.minimize(loss, lambda: [v], tape=tape)
    assert v.numpy().tolist() == [0.25, 0.5] and int(optimizer.iterations) == 2
    with pytest.raises(ValueError, match="`tape` is required"):
        optimizer.minimize(loss, [v])


def test_gradients_of_a_model_are_those_of_jax():
    model = models.Sequential(
        [layers.Input((4,)), layers.Dense(5, "relu"), layers.BatchNormalization(), layers.Dense(2)]
    )
    x, y = np.random.default_rng(0).normal(size=(8, 4)).astype("float32"), np.zeros((8, 2), "float32")
    loss = losses.MeanSquaredError()
    before = [v.value for v in model.trainable_variables], [v.value for v in model.non_trainable_variables]

    def of(trainable):
        outputs, _ = model.stateless_call(trainable, before[1], x, training=True)
        return loss(y, outputs)

    expected = jax.grad(of)(before[0])
    with GradientTape() as tape:
        value = loss(y, model(x, training=True))
    for found, wanted in zip(tape.gradient(value, model.trainable_variables), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)
    assert not np.allclose(model.layers[1].moving_mean.numpy(), 0)


def test_what_left_jax_has_no_gradient(v):
    with GradientTape() as tape:
        y = float((v * v).sum())
    with pytest.raises(TypeError, match="has left the tape"):
        tape.gradient(y, v)


def test_misuse_is_told(v):
    tape = GradientTape()
    with tape, pytest.raises(ValueError, match="still recording"):
        tape.__enter__()
    with pytest.raises(ValueError, match="not recording"), tape.stop_recording():
        pass
    with pytest.raises(ValueError, match="not tf"):
        tape.watch(3.0)
    with pytest.raises(ValueError, match="unconnected_gradients"):
        tape.gradient(v.value, v, unconnected_gradients="no")
    with pytest.raises(RuntimeError, match="graphs for sessions"):
        gradients(v.value, [v])


def test_the_traces_of_jax_are_as_recording_needs_them():
    """If this fails, a JAX has come whose traces differ: `recording.py` has all that hangs on them."""
    from sequax.compat.tensorflow.recording import Notes, Recorder, recorded

    notes = Notes()
    x = jnp.asarray([1.0, 2.0])
    notes.known[id(x)] = x
    with recorded(notes):
        y = jnp.sin(x)  # a primitive or a compiled function
        z = jax.nn.softmax(y)
        jnp.asarray([1, 2])
    assert isinstance(Recorder.process_primitive, object) and len(notes.nodes) >= 2
    assert not isinstance(z, jax.core.Tracer)
    with recorded(notes):
        before = len(notes.nodes)
        jnp.cos(jnp.zeros(2))
    assert len(notes.nodes) == before  # of nothing that was watched


def test_variables_by_the_constructor_of_tensorflow():
    made = Variable(lambda: jnp.ones((2, 2)), name="a/b")
    assert made.name == "a/b:0" and made.shape == (2, 2) and made.assign_add(made).numpy().tolist() == [[2, 2], [2, 2]]
    assert Variable(3).dtype == "int32" and Variable(np.float64(3)).dtype == "float32"
    dense = layers.Dense(2)
    dense.build((None, 3))
    assert all(isinstance(one, Variable) for one in dense.weights)
    assert isinstance(np.ones(2, "float32") * Variable([1.0, 2.0]), jax.Array)
    with pytest.raises(ValueError, match="given shape"):
        Variable([1.0], shape=(2,))


def test_functions_with_rules_of_their_own_keep_them_also_in_nested_tapes(v):
    @jax.custom_jvp
    def odd(x):
        return x * x

    odd.defjvp(lambda primals, tangents: (primals[0] ** 2, tangents[0] * primals[0] * 10.0))

    @jax.custom_vjp
    def even(x):
        return x * x

    even.defvjp(lambda x: (x * x, x), lambda x, up: (up * x * 100.0,))

    def both(x):
        with GradientTape() as outer:
            outer.watch(x)
            with GradientTape() as inner:
                inner.watch(x)
                y = odd(x) + even(x)
            slope = inner.gradient(y, x)
        return slope, outer.gradient(slope, x)

    for run in (both, both, jax.jit(both), lambda x: jax.jit(both)(x)):  # the second time from what is kept
        assert lists(run(v.value)) == ([110.0, 220.0], [110.0, 110.0])


def test_outputs_of_a_model_that_are_made_of_each_other():
    inputs = layers.Input((6, 6, 1))
    inner = layers.Conv2D(2, 3, activation="relu")(inputs)
    outputs = layers.Dense(3)(layers.GlobalAveragePooling2D()(inner))
    model = models.Model(inputs, [inner, outputs])
    x = jnp.ones((2, 6, 6, 1))
    for _ in range(2):
        with GradientTape() as tape:
            seen, predictions = model(x)
            channel = predictions[:, 1]
        found = tape.gradient(channel, seen)
        np.testing.assert_allclose(found[0, 0, 0], model.layers[-1].kernel.value[:, 1] / 16, rtol=1e-5)


def test_functions_of_numpy_give_numpy_arrays():
    x = jnp.asarray([[0.25, 0.75]])
    for found in (np.squeeze(x), np.argmax(x, axis=-1), np.concatenate([x, x]), np.sum(x, axis=0)):
        assert type(found) is np.ndarray
    assert np.shape(x) == (1, 2) and np.random.choice(2, p=np.squeeze(x)) in (0, 1)


def test_a_jax_without_such_traces_is_told_of(monkeypatch):
    from sequax.compat.tensorflow import recording

    monkeypatch.setattr(recording, "_lacking", "no name 'Trace'")
    with pytest.raises(RuntimeError, match="has no traces to record with"), GradientTape():
        pass


def test_predict_inside_a_tape_leaves_no_notes(v):
    model = models.Sequential([layers.Input((2,)), layers.Dense(1)])
    with GradientTape() as tape:
        before = len(tape.nodes)
        model.predict(np.ones((3, 2)), verbose=0)
        assert len(tape.nodes) == before
        y = v * v
    assert lists(tape.gradient(y, v)) == [2.0, 4.0]


def test_a_traced_tape_computes_the_way_forward_once():
    model = models.Sequential([layers.Input((5, 3)), layers.LSTM(4), layers.Dense(1, "gelu")])
    x, variables = jnp.ones((2, 5, 3)), model.trainable_variables

    def loss():
        return jnp.sum(model(x) ** 2)

    def by_tape():
        with GradientTape() as tape:
            y = loss()
        return tape.gradient(y, variables)

    def in_place(function):
        return jax.jit(lambda values: pure.apply(function, variables, values)[0])

    values = [v.value for v in variables]
    expected = jax.jit(jax.grad(in_place(loss)))
    for found, wanted in zip(in_place(by_tape)(values), expected(values), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)
    loops = [one.lower(values).compile().as_text().count(" while(") for one in (in_place(by_tape), expected)]
    assert loops[0] == loops[1]


def test_scaled_losses_of_former_times(v):
    optimizer = optimizers.LossScaleOptimizer(optimizers.SGD(0.25), initial_scale=8.0)
    optimizer.build([v])
    with GradientTape() as tape:
        scaled = optimizer.get_scaled_loss(jnp.sum(v * v))
    gradients_of_v = optimizer.get_unscaled_gradients(tape.gradient(scaled, [v]))
    optimizer.apply_gradients(zip(gradients_of_v, [v], strict=True))
    assert v.numpy().tolist() == [0.5, 1.0]


def test_rows_of_an_array_as_a_gradient():
    table = Variable([[1.0, 1.0], [1.0, 1.0], [1.0, 1.0]])
    rows = IndexedSlices(np.ones((2, 2), "float32"), [2, 2], dense_shape=(3, 2))
    optimizers.SGD(0.5).apply_gradients([(rows, table)])
    assert table.numpy().tolist() == [[1.0, 1.0], [1.0, 1.0], [0.0, 0.0]]
    table.scatter_nd_add([[0]], [[1.0, 1.0]]).scatter_update(IndexedSlices([[5.0, 5.0]], [1]))
    assert table.numpy().tolist() == [[2.0, 2.0], [5.0, 5.0], [0.0, 0.0]]
