"""`tf.function`, and the pieces of eager steps that run compiled: the same numbers as line by line."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sequax import config, layers, losses, metrics, models, optimizers, random
from sequax.compat import patches
from sequax.compat.tensorflow import control, function as functions, randoms, units
from sequax.compat.tensorflow.function import function
from sequax.compat.tensorflow.module import Module
from sequax.compat.tensorflow.steps import array_function
from sequax.compat.tensorflow.tape import GradientTape
from sequax.compat.tensorflow.values import TensorSpec
from sequax.compat.tensorflow.variable import Variable
from sequax.data.pipeline.dataset import Dataset


@pytest.fixture(autouse=True)
def hook():
    patches.apply()
    yield
    patches.undo()


def model_of(seed=0):
    model = models.Sequential(
        [
            layers.Input((4,)),
            layers.Dense(6, "relu", kernel_regularizer="l2"),
            layers.BatchNormalization(),
            layers.Dense(3),
        ]
    )
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(size=w.shape).astype("float32") ** 2 for w in model.get_weights()])
    return model


X = np.random.default_rng(1).normal(size=(8, 4)).astype("float32")
Y = np.arange(8, dtype="int32") % 3
LOSS = losses.SparseCategoricalCrossentropy(from_logits=True)


def trainer():
    model, optimizer, seen = model_of(), optimizers.Adam(0.01), metrics.SparseCategoricalAccuracy()

    def step(x, y):
        with GradientTape() as tape:
            logits = model(x, training=True)
            loss = LOSS(y, logits) + sum(model.losses)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        seen.update_state(y, logits)
        return loss

    return step, model, seen


def test_a_step_is_the_same_compiled_in_pieces_and_line_by_line(monkeypatch):
    found = []
    for kind in ("whole", "pieces", "lines"):
        step, model, seen = trainer()
        if kind == "whole":
            step = function(step)
        if kind == "lines":
            monkeypatch.setattr(units, "_is_inside", lambda: True)
        found.append([float(step(X, Y)) for _ in range(4)] + [float(seen.result())])
        found[-1] += [float(np.sum(one)) for one in model.get_weights()]
    np.testing.assert_allclose(found[0], found[2], rtol=2e-5)
    np.testing.assert_allclose(found[1], found[2], rtol=2e-5)


def test_pieces_know_of_frozen_layers_masks_penalties_and_settings():
    model = model_of()
    with GradientTape():
        pass  # from here on
    norm = model.layers[1]
    model(X, training=True)
    assert len(model.losses) == 1
    before = norm.moving_mean.numpy()
    norm.trainable = False
    model(X, training=True)
    np.testing.assert_array_equal(norm.moving_mean.numpy(), before)
    optimizer, variable = optimizers.SGD(1.0), Variable([1.0])
    optimizer.apply([jnp.ones(1)], [variable])
    optimizer.learning_rate = 0.5
    optimizer.apply([jnp.ones(1)], [variable])
    optimizer.clipvalue = 0.25
    optimizer.apply([jnp.ones(1)], [variable])
    assert variable.numpy().tolist() == [-0.625]
    embedding = layers.Embedding(5, 2, mask_zero=True)
    outputs = embedding(np.array([[1, 0]]))
    assert outputs._keras_mask.tolist() == [[True, False]]
    rnn = layers.LSTM(3)
    short = rnn(outputs)
    np.testing.assert_allclose(short, rnn(embedding(np.array([[1]]))), rtol=1e-5)


def test_code_of_the_script_runs_line_by_line():
    seen = []

    class Own(models.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(2)

        def call(self, x):
            seen.append(float(jnp.sum(x)))
            self.kept = self.dense(x)
            return self.kept * 2.0

    model = Own()
    for _ in range(3):
        with GradientTape() as tape:
            y = jnp.sum(model(X))
        assert all(one is not None for one in tape.gradient(y, model.trainable_variables))
    assert len(seen) >= 3 and not isinstance(model.kept, jax.core.Tracer)


def test_dropout_draws_one_mask_for_both_ways():
    dropout, v = layers.Dropout(0.5), Variable(np.ones((4, 50), "float32"))
    dropout(v.value, training=True)
    for _ in range(2):
        with GradientTape() as tape:
            y = dropout(v.value, training=True)
        np.testing.assert_array_equal(tape.gradient(y, v), y)
    again = dropout(v.value, training=True)
    assert not np.array_equal(again, y)


def test_arguments_results_and_flags():
    traced = []

    @function
    def double(x, flag=True):
        traced.append(flag)
        return {"a": x * 2 if flag else x * 3, "none": None, "text": "t", "pair": (1, x)}

    for _ in range(2):
        found = double(jnp.asarray(2.0))
        assert float(found["a"]) == 4.0 and found["none"] is None and found["text"] == "t"
        assert float(double(np.float32(2.0), flag=False)["a"]) == 6.0
    assert len(traced) == 4  # two traces of each kind


def test_numbers_that_are_ever_new_become_inputs():
    traced = []

    @function
    def scaled(x, factor):
        traced.append(factor)
        return x * factor

    assert [float(scaled(jnp.asarray(1.0), n)) for n in range(12)] == list(range(12))
    assert len(traced) < 12


def test_variables_seeds_and_other_objects_are_inputs():
    count, noise = Variable(0), []

    @function
    def step(x):
        count.assign_add(1)
        return x + random.normal((2,)), count.value

    for _ in range(3):
        noise.append(np.asarray(step(jnp.zeros(2))[0]).tolist())
    assert count.numpy() == 3 and noise[0] != noise[1] != noise[2]
    count.assign(10)
    assert int(step(jnp.zeros(2))[1]) == 11


def test_methods_keep_objects_apart():
    class Counter(Module):
        def __init__(self):
            super().__init__()
            self.count = Variable(0.0)

        @function
        def add(self, x):
            return self.count.assign_add(x)

    first, second = Counter(), Counter()
    first.add(jnp.asarray(1.0))
    first.add(jnp.asarray(2.0))
    second.add(jnp.asarray(5.0))
    assert (float(first.count), float(second.count)) == (3.0, 5.0)
    assert [one is first.count for one in first.trainable_variables] == [True]


@pytest.mark.parametrize("what", ["while", "kinds", "loop", "numpy"])
def test_what_decides_by_a_value_runs_uncompiled(what, capsys):
    count = Variable(0.0)

    @function
    def run(x):
        count.assign_add(1.0)
        if what == "kinds":
            return x * 2 if x > 0 else jnp.stack([x, x])
        if what == "while":
            while x < 6:
                x = x + 0.5
            return x
        if what == "loop":
            total = 0.0
            for i in range(int(x)):
                total += i
            return total
        return jnp.asarray(np.asarray(x) * 2)

    assert [float(run(jnp.asarray(3.0))) for _ in range(2)] == [6.0 if what != "loop" else 3.0] * 2
    assert float(count) == 2.0  # what was begun is not there twice
    said = capsys.readouterr().err
    assert said.count("runs uncompiled") == 1 and "line " in said and "tf.where" in said


def test_decisions_by_values_are_compiled(capsys):
    count, ran, drawn = Variable(0.0), [], Variable(1.0)

    @function
    def run(x, n):
        ran.append(1)
        if x > 0 and n < 5:
            count.assign_add(1.0)
        elif n == 7:
            return -x
        with GradientTape() as tape:
            tape.watch(x)
            y = x * x * drawn
            if not y > 4.0:
                y = y * (3 if n == 1 else 2.0)
        if n == 2:
            drawn.assign(10.0)
        return tape.gradient(y, x)

    given = [(1.0, 1), (1.0, 2), (3.0, 0), (-1.0, 7), (-1.0, 9), (0.1, 1)]
    assert [round(float(run(jnp.asarray(x), jnp.asarray(n))), 4) for x, n in given] == [6, 4, 60, 1, -20, 6]
    assert (float(count), float(drawn)) == (4.0, 10.0) and capsys.readouterr().err == ""
    before = len(ran)
    run(jnp.asarray(5.0), jnp.asarray(5))
    assert len(ran) == before
    with GradientTape() as tape:
        tape.watch(x := jnp.asarray(2.0))
        y = run(x * 1.0, jnp.asarray(0))
    assert float(tape.gradient(y, x)) == 20.0


def test_decisions_inside_map_and_train_step():
    def change(x):
        if random.uniform(()) > 0.5:
            return x + random.uniform(())
        return -x

    found = [float(x) for x in Dataset.range(64).map(lambda x: change(x + 1)).as_numpy_iterator()]
    moved = [x - n for n, x in enumerate(found, 1) if x > 0]
    assert 10 < len(moved) < 54 and len(set(moved)) == len(moved) and all(0 < x < 1 for x in moved)

    class Every(models.Sequential):
        def train_step(self, data):
            self.seen.assign_add(1)
            logs = {"loss": 1.0 * self.seen}
            if self.seen % 2 == 0:
                super().train_step(data)
            return logs

    model = Every([layers.Input((4,)), layers.Dense(3)])
    model.seen = Variable(0, trainable=False)
    model.compile("sgd", LOSS)
    assert model.fit(X, Y, batch_size=2, epochs=2, verbose=0).history["loss"]
    assert (int(model.seen), int(model.optimizer.iterations)) == (8, 4)


def test_steps_may_build_layers_and_draw():
    """A model without `call()`, whose layers are built by its step; and a step of evaluation that draws."""

    class Parts(models.Model):
        def __init__(self):
            super().__init__()
            self.inner = layers.Dense(1)

        def train_step(self, data):
            with GradientTape() as tape:
                loss = jnp.mean(self.inner(data) ** 2)
            self.optimizer.apply_gradients([(tape.gradient(loss, self.inner.kernel), self.inner.kernel)])
            return {"loss": loss}

        def test_step(self, data):
            return {"drawn": random.uniform(())}

    model = Parts()
    model.compile("sgd")
    seen = model.fit(X, batch_size=8, epochs=3, verbose=0).history["loss"]
    assert seen[-1] < seen[0]
    first, second = (model.evaluate(X, return_dict=True, verbose=0)["drawn"] for _ in range(2))
    assert first != second


class Lazy(Module):
    """Makes its variables when it is called first."""

    def __init__(self, first_value):
        super().__init__()
        self.first_value, self.v = first_value, None

    def __call__(self, x):
        if self.v is None:
            self.v = Variable(self.first_value(x))
            self.shift = Variable(jnp.zeros(4))
        return x * self.v + self.shift


class LazyLayer(layers.Layer):
    def build(self, shape):
        self.v = Variable(randoms.normal((shape[-1],)))
        self.k = self.add_weight(shape=(), initializer=lambda shape, dtype=None: randoms.normal(shape))

    def call(self, x):
        return x * self.v * self.k


@pytest.mark.parametrize(
    "make",
    [
        lambda: Lazy(lambda x: randoms.normal((4,))),
        lambda: Lazy(lambda x: randoms.uniform((4,), seed=3) * 2.0),
        lambda: Lazy(lambda x: jnp.mean(x, axis=0)),  # TensorFlow knows no such variable
        LazyLayer,
        lambda: models.Sequential([LazyLayer(), layers.Dense(2)]),
    ],
)
def test_variables_made_in_a_first_call_hold_values(make, capsys):
    part, optimizer = make(), optimizers.SGD(0.01)

    @function
    def step(x):
        with GradientTape() as tape:
            loss = jnp.sum(part(x) ** 2)
        optimizer.apply_gradients(zip(tape.gradient(loss, part.trainable_variables), part.trainable_variables))  # noqa: B905
        return loss

    losses_seen = [float(step(X)) for _ in range(3)]
    assert losses_seen[2] < losses_seen[1] < losses_seen[0]
    assert all(np.isfinite(v.numpy()).all() for v in part.variables)
    assert capsys.readouterr().err == "", "compiled from the second call on at the latest"


def test_errors_of_the_script_come_in_its_own_words():
    @function
    def broken(x):
        raise KeyError("mine")

    for _ in range(2):
        with pytest.raises(KeyError, match="mine"):
            broken(jnp.zeros(1))


def test_signatures_cast_and_refuse():
    @function(input_signature=[TensorSpec([None, 3], "float32"), TensorSpec([], "float32")])
    def f(x, factor):
        return jnp.sum(x) * factor

    assert float(f([[1, 2, 3]], 2)) == 12.0 and float(f.get_concrete_function()(np.ones((5, 3)), 1.0)) == 15.0
    with pytest.raises(TypeError, match="fits"):
        f(np.ones((5, 4)), 1.0)


def test_eagerly_on_request():
    seen = []

    @function
    def f(x):
        seen.append(x)
        return x

    functions.run_functions_eagerly(True)
    try:
        f(jnp.asarray(1.0))
        assert float(seen[0]) == 1.0 and functions.functions_run_eagerly()
    finally:
        functions.run_functions_eagerly(False)


def test_a_tape_around_and_inside_a_function():
    v = Variable([1.0, 2.0])

    @function
    def cube(x):
        return x * x * v

    @function
    def slope(x):
        with GradientTape() as tape:
            y = cube(x)
        return tape.gradient(y, v)

    x = jnp.asarray([2.0, 3.0])
    with GradientTape() as tape:
        y = cube(x)
    assert tape.gradient(y, v).tolist() == slope(x).tolist() == [4.0, 9.0]


class Stepped(models.Model):
    """Two networks and their optimizers, in TensorFlow's form."""

    def __init__(self):
        super().__init__()
        self.first, self.second = layers.Dense(4), layers.Dense(3)
        self.seen = metrics.Mean(name="seen")

    def call(self, x):
        return self.second(self.first(x))

    @property
    def metrics(self):
        return [self.seen]

    def train_step(self, data):
        x, y = data
        for optimizer, part in ((self.one, self.first), (self.two, self.second)):
            with GradientTape() as tape:
                loss = LOSS(y, self(x, training=True))
            optimizer.apply_gradients(
                zip(tape.gradient(loss, part.trainable_variables), part.trainable_variables, strict=True)
            )
        self.seen.update_state(loss)
        return {"seen": self.seen.result()}


@pytest.mark.parametrize("eagerly", [False, True])
def test_train_step_with_the_data_alone(eagerly):
    model = Stepped()
    model.one, model.two = optimizers.Adam(0.05), optimizers.SGD(0.5)
    model.compile(run_eagerly=eagerly)
    history = model.fit(X, Y, epochs=5, batch_size=4, verbose=0).history["seen"]
    assert history[-1] < history[0] and int(model.two.iterations) == 10


class OfNodes(models.Model):
    """Its data are numbers of rows, and its `call` takes something else: all rows and a factor."""

    def __init__(self):
        super().__init__()
        self.out = layers.Dense(3)

    def call(self, inputs):
        nodes, factor = inputs
        return self.out(nodes) * factor

    def train_step(self, data):
        numbers, y = data
        with GradientTape() as tape:
            loss = LOSS(y, self((jnp.asarray(X), jnp.ones((1,))))[numbers])
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        return {"loss": loss}


def test_a_step_may_call_its_model_with_other_things_than_the_data():
    model = OfNodes()
    model.compile(optimizers.SGD(0.5))
    history = model.fit(np.arange(len(X)), Y, epochs=4, batch_size=4, verbose=0).history["loss"]
    assert history[-1] < history[0] and [v.shape for v in model.trainable_variables] == [(4, 3), (3,)]


def test_steps_of_ours_take_the_data_alone_too():
    class Counted(models.Model):
        @function
        def train_step(self, data):
            logs = super().train_step(data)
            return {**logs, "twice": logs["loss"] * 2}

    inputs = layers.Input((4,))
    model = Counted(inputs, layers.Dense(3)(inputs))
    model.compile("sgd", LOSS, metrics=["accuracy"])
    history = model.fit(X, Y, epochs=2, verbose=0).history
    assert history["loss"][1] < history["loss"][0] and "accuracy" in history and "twice" in history


def test_compiled_loss_and_metrics_of_former_times():
    class Former(models.Model):
        def train_step(self, data):
            x, y = data
            with GradientTape() as tape:
                y_pred = self(x, training=True)
                loss = self.compiled_loss(y, y_pred, regularization_losses=self.losses)
            gradients = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
            self.compiled_metrics.update_state(y, y_pred)
            return {m.name: m.result() for m in self.metrics}

    inputs = layers.Input((4,))
    model = Former(inputs, layers.Dense(3, kernel_regularizer="l2")(inputs))
    model.compile("adam", LOSS, metrics=["accuracy"])
    history = model.fit(X, Y, epochs=3, verbose=0).history
    assert history["loss"][-1] < history["loss"][0] and 0 <= history["accuracy"][-1] <= 1


def test_without_the_hook_that_form_is_refused():
    patches.undo()
    model = Stepped()
    with pytest.raises(TypeError, match="the form for TensorFlow"):
        model.compile()
    assert config.floatx() == "float32"


def test_branches_loops_and_lists(capsys):
    v, x = Variable(1.0), jnp.asarray([1.0, 2.0, 3.0])

    @function
    def branch(a):
        return control.cond(a > 0, lambda: v.assign_add(1.0) * a, lambda: v.assign_sub(1.0) * a)

    assert [float(branch(jnp.asarray(a))) for a in (2.0, -2.0)] == [4.0, -2.0] and float(v) == 1.0

    @function
    def loop(n):
        return control.while_loop(lambda i, s: i < n, lambda i, s: (i + 1, s + i), [0, 0])[1]

    assert [int(loop(jnp.asarray(n))) for n in (4, 5)] == [6, 10]

    @function
    def chosen(i):
        return control.switch_case(i, [lambda: 1.0, lambda: 2.0], default=lambda: 9.0)

    assert [float(chosen(jnp.asarray(i))) for i in (0, 1, 7)] == [1.0, 2.0, 9.0]
    for mapped in (control.map_fn, control.vectorized_map):
        assert mapped(lambda row: row * row, x).tolist() == [1.0, 4.0, 9.0]
    assert control.scan(lambda a, b: a + b, x).tolist() == [1.0, 3.0, 6.0]
    assert float(control.foldr(lambda a, b: a - b, x)) == 0.0
    rows = control.TensorArray("float32", size=2)
    for i in range(2):
        rows = rows.write(i, x * i)
    assert rows.stack().tolist() == [[0.0, 0.0, 0.0], [1.0, 2.0, 3.0]]
    whole = control.TensorArray("int64", size=0).write(0, 3)  # 64 bits are 32 here, without a warning
    texts = control.TensorArray("string", size=0).write(0, "a").write(1, "b")
    assert whole.stack().tolist() == [3] and texts.stack().tolist() == [b"a", b"b"]

    @function
    def said(x):
        control.print("x is", x)
        return x

    said(x)
    said(x)
    jax.effects_barrier()
    assert capsys.readouterr().err.count("x is [1 2 3]") == 2


def test_a_loop_over_a_data_set_runs_uncompiled(capsys):
    data = Dataset.from_tensor_slices(np.arange(6.0, dtype="float32")).batch(2)

    @function
    def total(data):
        found = 0.0
        for batch in data:
            found += jnp.sum(batch)
        return found

    assert float(total(data)) == 15.0 and "takes batches from a data set" in capsys.readouterr().err


def test_sizes_are_asked_of_arrays_that_nobody_can_fetch(monkeypatch):
    def refuse(*given, **named):
        raise AssertionError

    array = jnp.ones((2, 3))
    monkeypatch.setattr(np, "asarray", refuse)
    monkeypatch.setattr(type(array), "__array_function__", array_function, raising=False)
    assert (array.nbytes, np.size(array), np.size(array, 1), np.shape(array), np.ndim(array)) == (24, 6, 3, (2, 3), 2)
