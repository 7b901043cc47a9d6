"""Steps that the user writes: parity with Keras' JAX trainer, loops by hand, and what is refused."""

from __future__ import annotations

import copy
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import sequax
from sequax import callbacks, layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(10, 4)).astype("float32")
Y = (X @ RNG.normal(size=(4, 1)) + 0.1 * RNG.normal(size=(10, 1))).astype("float32")
WEIGHT = np.linspace(0.5, 2.0, 10).astype("float32")


def guide(keras):
    """`train_step` and `test_step` as scripts write them."""

    class Guide(keras.Model):
        def cost(self, trainable, other, x, y, sample_weight, training):
            y_pred, other = self.stateless_call(trainable, other, x, training=training)
            return self.compute_loss(x, y, y_pred, sample_weight), (y_pred, other)

        def tracked(self, metrics, loss, y, y_pred, sample_weight):
            logs, after = {}, []
            for metric in self.metrics:
                own = metrics[len(after) : len(after) + len(metric.variables)]
                if metric.name == "loss":
                    own = metric.stateless_update_state(own, loss)
                else:
                    own = metric.stateless_update_state(own, y, y_pred, sample_weight)
                logs[metric.name] = metric.stateless_result(own)
                after += own
            return logs, after

        def train_step(self, state, data):
            trainable, other, optimizer, metrics = state
            x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
            cost = jax.value_and_grad(self.cost, has_aux=True)
            (loss, (y_pred, other)), slopes = cost(trainable, other, x, y, sample_weight, True)
            trainable, optimizer = self.optimizer.stateless_apply(optimizer, slopes, trainable)
            logs, metrics = self.tracked(metrics, loss, y, y_pred, sample_weight)
            return logs, (trainable, other, optimizer, metrics)

        def test_step(self, state, data):
            trainable, other, metrics = state
            x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
            loss, (y_pred, other) = self.cost(trainable, other, x, y, sample_weight, False)
            logs, metrics = self.tracked(metrics, loss, y, y_pred, sample_weight)
            return logs, (trainable, other, metrics)

    return Guide, {"loss": "mse", "metrics": ["mae"]}


def through_super(keras):
    class Super(keras.Model):
        def train_step(self, state, data):
            logs, state = super().train_step(state, data)
            return {**logs, "more": logs["loss"] + 1.0, "nested": {"twice": logs["loss"] * 2}}, state

        def test_step(self, state, data):
            logs, state = super().test_step(state, data)
            return {**logs, "more": logs["loss"] + 1.0}, state

    return Super, {"loss": "mse", "metrics": ["mae"], "weighted_metrics": ["mse"]}


def only_own_loss(keras):
    class OnlyOwnLoss(keras.Model):
        def compute_loss(self, x, y, y_pred, sample_weight):
            return keras.ops.mean((y_pred - keras.ops.sum(x, 1, keepdims=True)) ** 2) + sum(self.losses)

    return OnlyOwnLoss, {}


def own_parts(keras):
    class OwnParts(keras.Model):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            usual = super().compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=training)
            return usual + (0.1 if training else 0.2) * keras.ops.mean(keras.ops.square(y_pred))

        def compute_metrics(self, x, y, y_pred, sample_weight=None):
            results = super().compute_metrics(x, y, y_pred, sample_weight)
            self.largest.update_state(keras.ops.max(y_pred))
            return {**results, "largest": self.largest.result(), "constant": 3.0}

    def make(*args):
        model = OwnParts(*args)
        model.largest = keras.metrics.Mean(name="largest")
        return model

    return make, {"loss": "mse", "metrics": ["mae"]}


def metrics_property(keras):
    class Tracked(keras.Model):
        def __init__(self, *args):
            super().__init__(*args)
            self.error = keras.metrics.Mean(name="error")

        @property
        def metrics(self):
            return [self.error]

        def distance(self, trainable, other, data, training):
            y_pred, other = self.stateless_call(trainable, other, data[0], training=training)
            return keras.ops.mean(keras.ops.abs(data[1] - y_pred)), other

        def train_step(self, state, data):
            trainable, other, optimizer, metrics = state
            distance = jax.value_and_grad(self.distance, has_aux=True)
            (error, other), slopes = distance(trainable, other, data, True)
            trainable, optimizer = self.optimizer.stateless_apply(optimizer, slopes, trainable)
            metrics = self.error.stateless_update_state(metrics, error)
            return {"error": self.error.stateless_result(metrics)}, (trainable, other, optimizer, metrics)

        def test_step(self, state, data):
            trainable, other, metrics = state
            error, other = self.distance(trainable, other, data, False)
            metrics = self.error.stateless_update_state(metrics, error)
            return {"error": self.error.stateless_result(metrics)}, (trainable, other, metrics)

    return Tracked, {}


def own_training_alone(keras):
    kind, settings = guide(keras)
    del kind.test_step
    return kind, settings


CASES = [guide, own_training_alone, through_super, only_own_loss, own_parts, metrics_property]


def fixed(model):
    random = np.random.default_rng(1)
    model.set_weights([random.normal(scale=0.4, size=w.shape) if w.ndim > 1 else w for w in model.get_weights()])
    return model


def network(library, kind, regularizer=None, normalized=True):
    given = library.Input((4,))
    hidden = library.layers.Dense(5, activation="tanh", kernel_regularizer=regularizer)(given)
    hidden = library.layers.BatchNormalization()(hidden) if normalized else hidden
    return fixed(kind(given, library.layers.Dense(1)(hidden)))


@pytest.mark.parametrize("case", CASES)
def test_overrides_as_in_keras(case, keras):
    """Losses over three epochs, with sample weights and validation; then `evaluate`."""
    size = 4 if case is guide else 5  # once with a short last batch
    logs, results = [], []
    for library in (keras, sequax):
        kind, settings = case(library)
        model = network(library, kind)
        model.compile(library.optimizers.Adam(0.05), **settings)
        weights = {} if case in (only_own_loss, metrics_property) else {"sample_weight": WEIGHT}
        arguments = {"epochs": 3, "batch_size": size, "shuffle": False, "verbose": 0}
        logs.append(model.fit(X, Y, validation_data=(X[:size], Y[:size]), **arguments, **weights).history)
        results.append(model.evaluate(X, Y, batch_size=size, verbose=0))
    assert logs[0].keys() == logs[1].keys()
    for name, values in logs[0].items():
        np.testing.assert_allclose(logs[1][name], values, rtol=1e-5, atol=1e-5, err_msg=name)
    np.testing.assert_allclose(results[1], results[0], rtol=1e-5, atol=1e-5)


def sequential():
    return fixed(sequax.Sequential([sequax.Input((4,)), layers.Dense(5, "tanh"), layers.Dense(1)]))


def history(model, x=X, y=Y, **arguments):
    given = {"epochs": 3, "batch_size": 5, "shuffle": False, "verbose": 0, **arguments}
    return model.fit(x, y, **given).history


def test_the_base_step_is_the_fast_one():
    """Penalties, masks, two outputs, loss scaling: `super().train_step` gives the numbers of a plain model."""

    class Own(sequax.Model):
        def train_step(self, state, data):
            return super().train_step(state, data)

        def test_step(self, state, data):
            return super().test_step(state, data)

    def model(kind):
        given = sequax.Input((4,))
        steps = layers.Masking(0.0)(layers.Reshape((4, 1))(given))
        hidden = layers.Dense(3, kernel_regularizer="l2", activity_regularizer="l2")(steps)
        one = layers.Dense(1, name="each")(hidden)
        other = layers.Dense(2, name="last")(layers.GlobalAveragePooling1D()(hidden))
        made = fixed(kind(given, [one, other]))
        optimizer = sequax.optimizers.Adam(0.02, loss_scale_factor=4.0)
        made.compile(optimizer, ["mse", "mae"], loss_weights=[1.0, 0.5], metrics=[["mae"], ["mse", "mae"]])
        return made

    x = np.where(RNG.uniform(size=(10, 4)) < 0.3, 0.0, X)
    y = [RNG.normal(size=(10, 4, 1)), RNG.normal(size=(10, 2))]
    plain, own = (history(model(kind), x, y, validation_data=(x, y)) for kind in (sequax.Model, Own))
    assert plain.keys() == own.keys() and len(plain) == 12
    for name, values in plain.items():
        np.testing.assert_allclose(own[name], values, rtol=1e-5, err_msg=name)


def test_penalties_and_masks_reach_a_loss_computed_by_hand():
    """Keras raises for regularizers here, since its variables hold nothing while a step runs."""
    kind, settings = guide(sequax)
    x = np.where(RNG.uniform(size=(8, 4)) < 0.3, 0.0, X[:8])
    y = RNG.normal(size=(8, 4, 1))
    logs, weights = [], []
    for one in (sequax.Model, kind):
        given = sequax.Input((4,))
        steps = layers.Masking(0.0)(layers.Reshape((4, 1))(given))
        hidden = layers.Dense(3, kernel_regularizer="l2", activity_regularizer="l1")(steps)
        model = fixed(one(given, layers.Dense(1)(hidden)))
        model.compile("sgd", **settings)
        logs.append(history(model, x, y, batch_size=4)["loss"])
        weights.append(model.get_weights()[0])
    np.testing.assert_allclose(logs[1], logs[0], rtol=1e-5)
    np.testing.assert_allclose(weights[1], weights[0], rtol=1e-5)


def test_predict_step(keras):
    outputs = []
    for library in (keras, sequax):

        class Twice(library.Model):
            def predict_step(self, state, data):
                outputs, other = super().predict_step(state, data)
                return {"once": outputs, "twice": 2 * outputs}, other

        model = network(library, Twice)
        outputs.append((model.predict(X, batch_size=4, verbose=0), model.predict_on_batch(X)))
    for theirs, ours in zip(*outputs, strict=True):
        for name in theirs:
            np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-5, atol=1e-6)


def test_data_as_the_step_gets_them():
    """Integers stay integers, y may be anything, class weights come as sample weights, x alone is no tuple."""
    seen = []

    class Watching(sequax.Sequential):
        def train_step(self, state, data):
            seen.append(jax.tree.map(lambda a: (a.shape, a.dtype.name), data))
            return {"weight": data[2].sum() if len(data) == 3 else 0.0}, state

        def test_step(self, state, data):
            seen.append(jax.tree.map(lambda a: (a.shape, a.dtype.name), data))
            return {"one": 1.0}, state

    model = Watching([sequax.Input((4,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    labels = np.arange(10) % 2
    logs = history(model, X, labels, class_weight={0: 1.0, 1: 3.0}, batch_size=10, epochs=1)
    assert logs == {"weight": [20.0]}
    assert history(model, X, np.eye(2)[labels], class_weight={0: 1.0, 1: 3.0}, batch_size=10, epochs=1) == logs
    assert seen.pop()[2] == ((10,), "float32")
    assert seen.pop() == (((10, 4), "float32"), ((10,), "int32"), ((10,), "float32"))
    history(model, X, {"a": labels, "b": X}, epochs=1, batch_size=10)
    assert seen.pop()[1] == {"a": ((10,), "int32"), "b": ((10, 4), "float32")}
    logs = history(model, X, None, epochs=1, batch_size=10, validation_data=X)
    assert seen == [((10, 4), "float32")] * 2 and logs["val_one"] == [1.0]
    history(model, {"pair": X, "of": X[:, :1]}, None, epochs=1, batch_size=10)
    assert seen.pop() == {"pair": ((10, 4), "float32"), "of": ((10, 1), "float32")}
    for x, y, words in ((X, Y[:5], "rows"), (np.full((4, 4), np.nan), None, "NaN")):
        with pytest.raises(ValueError, match=words):
            model.fit(x, y, verbose=0)


def test_batches_without_common_rows_reach_a_step_as_they_are():
    """Labelled beside unlabelled rows, numbers beside arrays, four parts: of any form that a stream gives."""
    seen = []

    class Watching(sequax.Sequential):
        def train_step(self, state, data):
            seen.append(jax.tree.map(lambda a: a.shape, data))
            return {"loss": sum(jnp.sum(part) for part in jax.tree.leaves(data))}, state

        test_step = train_step

    model = Watching([sequax.Input((4,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    short, rate, y = X[:3], np.asarray(0.5, "float32"), np.ones(len(X), "float32")
    for batch in (
        ((X, y), (short, y[:3])),
        (X, rate),
        (X, y, short),
        (X, y, X, y),
        (X, y, short, rate),
        (X, short, y, y),
    ):
        total = sum(part.sum() for part in jax.tree.leaves(batch))
        logs = model.fit([batch].__iter__(), verbose=0, epochs=1).history
        assert seen[-1] == jax.tree.map(np.shape, batch), batch
        np.testing.assert_allclose(logs["loss"], total, rtol=1e-5)
    assert model.train_on_batch((X, y), (short, y[:3]), return_dict=True)
    model.evaluate([batch].__iter__(), verbose=0)
    with pytest.raises(ValueError, match="NaN"):
        model.fit([(X, np.full(3, np.nan))].__iter__(), verbose=0)


class Losing(sequax.Sequential):
    """Its loss becomes NaN in the third step."""

    def train_step(self, state, data):
        logs, state = super().train_step(state, data)
        broken = self.optimizer_steps(state) > 2
        state = [jnp.where(broken, jnp.nan, v) for v in state[0]], *state[1:]
        return {"loss": jnp.where(broken, jnp.nan, logs["loss"])}, state

    def optimizer_steps(self, state):
        return state[2][0]


def test_a_loss_that_is_not_finite_stops_training_at_the_last_good_weights():
    model = Losing([sequax.Input((4,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(FloatingPointError, match="at step 2 of the epoch"):
        history(model, batch_size=2)
    assert all(np.isfinite(w).all() for w in model.get_weights()) and int(model.optimizer.iterations) == 2


def test_run_eagerly_runs_python_in_each_step():
    ran = []

    class Talking(sequax.Sequential):
        def train_step(self, state, data):
            ran.append(float(jnp.sum(data[0])))
            return super().train_step(state, data)

        def predict_step(self, state, data):
            ran.append("predict")
            return super().predict_step(state, data)

    logs = []
    for eager in (True, False):
        ran.clear()
        model = fixed(Talking([sequax.Input((4,)), layers.Dense(1)]))
        model.compile("sgd", "mse", run_eagerly=eager)
        if not eager:
            with pytest.raises(jax.errors.ConcretizationTypeError):
                history(model)
            continue
        logs.append(history(model, epochs=2, batch_size=5)["loss"])
        np.testing.assert_allclose(ran, [X[:5].sum(), X[5:].sum()] * 2, rtol=1e-5)
        assert model.predict(X, batch_size=5, verbose=0).shape == (10, 1)
        assert ran[4:] == ["predict"] * 2
    plain = fixed(sequax.Sequential([sequax.Input((4,)), layers.Dense(1)]))
    plain.compile("sgd", "mse")
    np.testing.assert_allclose(logs[0], history(plain, epochs=2, batch_size=5)["loss"], rtol=1e-5)


def test_two_optimizers():
    """A second optimizer, kept as an attribute, counts its steps and keeps its momentum across dispatches."""

    class Duel(sequax.Model):
        def __init__(self):
            super().__init__()
            self.left = fixed(sequax.Sequential([sequax.Input((4,)), layers.Dense(1)]))
            self.right = fixed(sequax.Sequential([sequax.Input((4,)), layers.Dense(1)]))
            self.seen = sequax.metrics.Mean(name="seen")

        def compile(self, left, right):
            super().compile(left)
            self.right_optimizer = right
            right.build(self.right.trainable_variables)

        def train_step(self, state, data):
            trainable, other, optimizer, metrics = state
            x, y = data

            def cost(values, model):
                return jnp.mean((model.stateless_call(values, [], x)[0] - y) ** 2)

            slopes = jax.grad(cost)(trainable[:2], self.left)
            after, optimizer = self.optimizer.stateless_apply(
                optimizer, [*slopes, *(jnp.zeros_like(v) for v in trainable[2:])], trainable
            )
            self.right_optimizer.apply(jax.grad(cost)(trainable[2:], self.right), self.right.trainable_variables)
            self.seen.update_state(cost(trainable[2:], self.right))
            return {"seen": self.seen.result()}, (after[:2] + trainable[2:], other, optimizer, metrics)

    model = Duel()
    model.compile(sequax.optimizers.SGD(0.05, momentum=0.9), sequax.optimizers.SGD(0.05, momentum=0.9))
    logs = history(model, epochs=2, batch_size=5)
    single = fixed(sequax.Sequential([sequax.Input((4,)), layers.Dense(1)]))
    single.compile(sequax.optimizers.SGD(0.05, momentum=0.9), "mse")
    np.testing.assert_allclose(logs["seen"], history(single, epochs=2, batch_size=5)["loss"], rtol=1e-5)
    for part in (model.left, model.right):
        np.testing.assert_allclose(part.get_weights()[0], single.get_weights()[0], rtol=1e-5)
    assert int(model.right_optimizer.iterations) == 4


def test_a_loop_by_hand_is_what_fit_does():
    by_hand, by_fit = sequential(), sequential()
    criterion, mean = sequax.losses.MeanSquaredError(), sequax.metrics.MeanAbsoluteError()
    optimizer = sequax.optimizers.Adam(0.05)
    optimizer.build(by_hand.trainable_variables)

    def cost(trainable, other, x, y):
        y_pred, other, penalties = by_hand.stateless_call(trainable, other, x, training=True, return_losses=True)
        return criterion(y, y_pred) + sum(penalties), (y_pred, other)

    @jax.jit
    def step(state, x, y):
        trainable, other, slots, metric = state
        (_, (y_pred, other)), slopes = jax.value_and_grad(cost, has_aux=True)(trainable, other, x, y)
        trainable, slots = optimizer.stateless_apply(slots, slopes, trainable)
        return trainable, other, slots, mean.stateless_update_state(metric, y, y_pred)

    groups = by_hand.trainable_variables, by_hand.non_trainable_variables, optimizer.variables, mean.variables
    state = tuple([v.value for v in group] for group in groups)
    for start in (0, 5):
        state = step(state, X[start : start + 5], Y[start : start + 5])
    for group, values in zip(groups, state, strict=True):
        for variable, value in zip(group, values, strict=True):
            variable.assign(value)
    by_fit.compile(sequax.optimizers.Adam(0.05), "mse", metrics=["mae"])
    logs = history(by_fit, epochs=1, batch_size=5)
    np.testing.assert_allclose(float(mean.result()), logs["mae"][0], rtol=1e-5)
    for ours, theirs in zip(by_hand.get_weights(), by_fit.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    assert [float(v) for v in mean.stateless_reset_state()] == [0.0, 0.0]


def test_stateless_methods_leave_the_model_as_it_is(keras):
    results = []
    for library in (keras, sequax):
        model = network(library, library.Model)
        model.compile("sgd", "mse", metrics=["mae"])
        model.fit(X, Y, verbose=0, shuffle=False)
        groups = model.trainable_variables, model.non_trainable_variables, model.metrics_variables
        state = [[v.value for v in group] for group in groups]
        before = model.get_weights()
        slots = [v.value for v in model.optimizer.variables]
        loss, (unscaled, y_pred, other, metrics) = model.compute_loss_and_updates(
            *state, X, Y, None, training=True, optimizer_variables=slots
        )
        again, after = model.stateless_compute_loss(*state, x=X, y=Y, y_pred=y_pred)
        assert [len(group) for group in after] == [len(group) for group in state] and len(metrics) == len(state[2])
        for old, new in zip(before, model.get_weights(), strict=True):
            assert np.array_equal(old, new)
        results.append([loss, unscaled, again, *other, model.compute_loss(X, Y, y_pred), *model.get_weights()])
    for theirs, ours in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_metrics_that_layers_keep():
    class Watch(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.size = sequax.metrics.Mean(name="size")

        def call(self, x):
            self.size.update_state(jnp.mean(jnp.abs(x)))
            self.add_loss(0.1 * jnp.mean(x**2))
            return x

    model = sequax.Sequential([sequax.Input((4,)), Watch(), layers.Dense(1)])
    model.compile("sgd")  # no loss but the layer's
    logs = history(model, batch_size=5, validation_data=(X, Y))
    np.testing.assert_allclose(logs["size"], [np.abs(X).mean()] * 3, rtol=1e-5)
    np.testing.assert_allclose(logs["val_loss"], [0.1 * np.mean(X**2)] * 3, rtol=1e-5)
    with pytest.raises(NotImplementedError, match="update it in `call`"):
        model.layers[0].add_metric(1.0, name="size")


def test_equal_classes_share_no_programs():
    """A step may read what no fingerprint sees."""

    class Factor(sequax.Sequential):
        def test_step(self, state, data):
            return {"factor": factor}, state

    for factor in (2.0, 3.0):
        model = Factor([sequax.Input((4,)), layers.Dense(1)])
        model.compile("sgd")
        assert model.evaluate(X, verbose=0) == factor
    twin = copy.deepcopy(model)
    assert twin.evaluate(X, verbose=0) == 3.0
    model.test_step = types.MethodType(lambda self, state, data: ({"factor": 5.0}, state), model)
    model.compile("sgd")
    assert model.evaluate(X, verbose=0) == 5.0


@pytest.mark.parametrize("name", ["train_step", "test_step", "predict_step"])
def test_steps_in_the_form_of_other_backends_are_refused(name):
    model = type("Own", (sequax.Model,), {name: lambda self, data: {}})()
    with pytest.raises(TypeError, match=rf"Own.{name} takes \(self, data\)(.|\n)*def {name}\(self, state, data\):"):
        model.compile("sgd", "mse")


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (lambda state: {"loss": 1.0}, r"must return `\(logs, \(trainable_variables, .*Received: dict"),
        (lambda state: (1.0, state), "dict of scalars"),
        (lambda state: ({}, state[:3]), r"must return `\(logs, "),
        (lambda state: ({}, ([], *state[1:])), "returned 0 arrays as trainable_variables; the model has 2"),
        (lambda state: ({}, (state[0][::-1], *state[1:])), "must come back in the order"),
    ],
)
def test_wrong_returns_of_a_step(returned, words):
    model = type("Own", (sequax.Sequential,), {"train_step": lambda self, state, data: returned(state)})()
    model.add(sequax.Input((4,)))
    model.add(layers.Dense(1))
    model.compile("sgd", "mse")
    with pytest.raises((ValueError, TypeError), match=words):
        history(model, epochs=1)


def test_gradient_norms():
    model = sequential()
    model.compile(sequax.optimizers.SGD(0.1, loss_scale_factor=8.0), "mse")
    first, second = (layer.name for layer in model.layers)

    def cost(values):
        return jnp.mean((model.stateless_call(values, [], X[part])[0] - Y[part]) ** 2)

    lengths = []
    for part in (slice(0, 5), slice(5, 10)):
        slopes = jax.grad(cost)([v.value for v in model.trainable_variables])
        lengths.append(float(jnp.sqrt(sum(jnp.sum(g**2) for g in slopes[:2]))))
        if part.start == 0:
            start = model.get_weights()
            model.set_weights([w - 0.1 * np.asarray(g) for w, g in zip(start, slopes, strict=True)])
    model.set_weights(start)
    statistics = callbacks.LayerStatistics(in_logs=True, gradients=True)
    logs = history(model, epochs=2, batch_size=5, callbacks=[statistics])
    np.testing.assert_allclose(statistics.history[first]["gradient_norm"][0], np.mean(lengths), rtol=1e-4)
    np.testing.assert_allclose(statistics.history[first]["largest_gradient_norm"][0], max(lengths), rtol=1e-4)
    assert len(logs[f"{second}/gradient_norm"]) == 2
    assert model.compilation.gradient_norms is None and model.metrics_names == ["loss"]
    own = fixed(guide(sequax)[0](model.inputs, model.outputs))
    own.compile("sgd", "mse")
    with pytest.raises(ValueError, match="training steps of its own"):
        history(own, callbacks=[statistics])


def test_a_step_that_calls_the_model_with_all_of_its_data():
    inner = sequax.Model(
        inputs := [sequax.Input((3,)), sequax.Input((3,))], layers.Subtract()([layers.Dense(2)(one) for one in inputs])
    )

    class Pairs(sequax.Model):
        def __init__(self):
            super().__init__()
            self.inner = inner

        def call(self, pair):
            return self.inner(pair)

        def train_step(self, state, data):
            trainable, other, optimizer, metrics = state

            def loss_of(trainable):
                outputs, _ = self.stateless_call(trainable, other, list(data))
                return jnp.mean(jnp.square(outputs))

            loss, gradients = jax.value_and_grad(loss_of)(trainable)
            trainable, optimizer = self.optimizer.stateless_apply(optimizer, gradients, trainable)
            return {"loss": loss}, (trainable, other, optimizer, metrics)

    model = Pairs()
    model.compile("sgd")
    x = np.ones((8, 3), "float32")
    assert np.isfinite(model.fit(x, 2 * x, verbose=0).history["loss"][0])
