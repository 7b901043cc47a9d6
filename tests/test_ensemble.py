"""`Ensemble`: each member trains as it would alone, and what a user can do with many of them."""

from __future__ import annotations

import numpy as np
import optax
import pytest

import sequax
from sequax import Ensemble, Input, Model, Sequential, callbacks
from sequax.ensemble import training
from sequax.ensemble.members import copy_of
from sequax.layers import LSTM, BatchNormalization, Dense, Dropout, Embedding, Normalization, StringLookup
from sequax.optimizers import SGD, Adam, MultiOptimizer, schedules
from sequax.training import compiled


def simple(optimizer="sgd", **settings):
    model = Sequential([Input((6,)), Dense(5, activation="tanh"), Dense(1)])
    model.compile(optimizer, "mse", metrics=["mae"], **settings)
    return model


def normalized():
    model = Sequential([Dense(5, use_bias=False), BatchNormalization(), Dropout(0.3), Dense(3, activation="softmax")])
    rate = schedules.ExponentialDecay(0.02, 3, 0.5)
    model.compile(Adam(rate, use_ema=True), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def text():
    tokens = Input((7,), dtype="int32")
    model = Model(tokens, Dense(1, activation="sigmoid")(LSTM(4)(Embedding(11, 5, mask_zero=True)(tokens))))
    model.compile("rmsprop", "binary_crossentropy", metrics=["auc"])
    return model


def data_for(make, rng, rows=42):
    if make is text:
        return rng.integers(0, 11, (rows, 7)).astype("int32"), rng.integers(0, 2, rows).astype("float32")
    x = rng.normal(size=(rows, 6)).astype("float32")
    return x, (rng.integers(0, 3, rows) if make is normalized else rng.normal(size=(rows, 1)).astype("float32"))


def copies(ensemble):
    """The members as they are now."""
    return [copy_of(member) for member in ensemble.members]


def assert_equal_weights(one, other, rtol=1e-5):
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-5)


# --- a member here is the model alone ---------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [simple, normalized, text])
def test_member_trains_as_it_would_alone(make, rng, monkeypatch):
    x, y = data_for(make, rng, rows=42 if make is simple else 32)  # 42: with a short last batch
    orders = {}
    order = training.OwnOrders.order

    def recorded(self, epoch):
        orders[epoch] = order(self, epoch)
        return orders[epoch]

    monkeypatch.setattr(training.OwnOrders, "order", recorded)
    ensemble = Ensemble(make(), 2, seed=4)
    weights = rng.uniform(0.5, 2, len(x))
    ensemble.predict(x, verbose=0)  # builds
    alone = copies(ensemble)
    history = ensemble.fit(x, y, batch_size=16, epochs=2, verbose=0, sample_weight=weights)
    assert not np.array_equal(orders[1][:, 0], orders[1][:, 1])
    for i, model in enumerate(alone):
        for epoch in range(2):
            mine = orders[epoch][:, i]
            settings = {"batch_size": 16, "shuffle": False, "verbose": 0, "sample_weight": weights[mine]}
            logs = model.fit(x[mine], y[mine], **settings).history
            for name, values in ensemble.histories[i].history.items():
                assert values[epoch] == pytest.approx(logs[name][0], rel=1e-4, abs=1e-5)
            if model.optimizer.use_ema:
                break  # `fit` ends by writing the averages, so two fits are not one
        else:
            assert_equal_weights(model, ensemble.members[i])
            for a, b in zip(model.optimizer.variables, ensemble.members[i].optimizer.variables, strict=True):
                np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-4, atol=1e-5)
    means = np.mean([one.history["loss"] for one in ensemble.histories], axis=0)
    np.testing.assert_allclose(history.history["loss"], means, rtol=1e-6)


@pytest.mark.parametrize(
    "settings", [{"validation_split": 0.25, "class_weight": {0: 1, 1: 3, 2: 1}}, {"steps_per_epoch": 2}]
)
def test_without_shuffle_fit_is_the_members_fit(settings, rng):
    x, y = data_for(normalized, rng)
    ensemble = Ensemble(normalized(), 2, seed=0)
    ensemble.fit(x, y, verbose=0)
    alone = copies(ensemble)
    settings = {"batch_size": 8, "epochs": 5, "initial_epoch": 3, "shuffle": False, "verbose": 0, **settings}
    ensemble.fit(x, y, **settings)
    for i, model in enumerate(alone):
        history = model.fit(x, y, **settings)
        assert ensemble.histories[i].epoch == history.epoch == [3, 4]
        assert set(history.history) == set(ensemble.histories[i].history)
        for name, values in history.history.items():
            np.testing.assert_allclose(ensemble.histories[i].history[name], values, rtol=1e-4, atol=1e-5)
        assert_equal_weights(model, ensemble.members[i])


def test_members_can_share_one_order(rng):
    x, y = data_for(simple, rng)
    ensemble = Ensemble(simple(), 2, learning_rate=[0.05, 0.05], seed=2)
    ensemble.set_weights([np.stack([w[0], w[0]]) for w in ensemble.get_weights()])
    ensemble.fit(x, y, batch_size=8, verbose=0, shuffle="shared")
    assert_equal_weights(*ensemble.members)
    ensemble.fit(x, y, batch_size=8, verbose=0)
    assert not np.allclose(*(member.get_weights()[0] for member in ensemble.members), atol=1e-5)


def test_learning_rates_are_all_that_differs(rng):
    x, y = data_for(simple, rng)
    rates = [0.0, 0.01, 0.1]
    ensemble = Ensemble(simple(Adam()), learning_rate=rates)
    assert len(ensemble) == 3
    alone = copies(ensemble)
    assert_equal_weights(alone[0], alone[2])
    settings = {"batch_size": 42, "epochs": 3, "verbose": 0}
    ensemble.fit(x, y, **settings)
    for rate, model, member in zip(rates, alone, ensemble.members, strict=True):
        assert float(member.optimizer.learning_rate) == pytest.approx(rate)
        model.fit(x, y, **settings)  # one batch holds all rows, so the order counts for nothing
        assert_equal_weights(model, member)


def test_optax_rate_can_be_given_too(rng):
    x, y = data_for(simple, rng)
    ensemble = Ensemble(simple(optax.inject_hyperparams(optax.sgd)(0.1)), learning_rate=[0.0, 0.1])
    before = ensemble.get_weights()[0]
    ensemble.fit(x, y, verbose=0)
    moved = np.abs(ensemble.get_weights()[0] - before).max((1, 2))
    assert moved[0] == 0 and moved[1] > 1e-3


# --- losses that are not finite ---------------------------------------------------------------------------------------


def exploding(rate_of_one, rng, **settings):
    x, y = data_for(simple, rng)
    ensemble = Ensemble(simple(SGD()), learning_rate=[0.01, rate_of_one, 0.02])
    alone = copies(ensemble)
    return ensemble, alone, (x, y), {"batch_size": 8, "epochs": 3, "shuffle": False, "verbose": 0, **settings}


@pytest.fixture(params=["one_by_one", "together"])
def steps_of_members(request, monkeypatch):
    """Whether members of a tiny model train one after another, in a kernel each, or step by step together."""
    if request.param == "together":
        monkeypatch.setenv("SEQUAX_SINGLE_KERNEL", "off")
    compiled.clear()
    yield
    compiled.clear()


@pytest.mark.usefixtures("steps_of_members")
@pytest.mark.parametrize("rate", [1e4, 1e25])
def test_a_member_that_diverges_stops_at_its_last_good_weights(rate, rng):
    ensemble, alone, data, settings = exploding(rate, rng)
    validation = {"validation_data": data}
    with pytest.warns(UserWarning, match="member 1 in epoch 1, step"):
        history = ensemble.fit(*data, **settings, **validation)
    assert list(ensemble.stopped) == [1]
    for i in (0, 2):
        alone[i].fit(*data, **settings)
        assert_equal_weights(alone[i], ensemble.members[i])
    with pytest.raises(FloatingPointError):
        alone[1].fit(*data, **settings)
    assert np.isfinite(ensemble.members[1].get_weights()[0]).all()
    assert_equal_weights(alone[1], ensemble.members[1], rtol=1e-2)  # rounding grows with the weights
    assert int(ensemble.members[1].optimizer.iterations.numpy()) == int(alone[1].optimizer.iterations.numpy())
    assert np.isnan(ensemble.histories[1].history["val_loss"]).all()
    means = [np.mean([ensemble.histories[i].history["loss"][e] for i in (0, 2)]) for e in range(3)]
    np.testing.assert_allclose(history.history["loss"], means, rtol=1e-6)


@pytest.mark.usefixtures("steps_of_members")
def test_steps_behind_a_bad_one_are_not_lost(rng):
    ensemble, alone, data, settings = exploding(1e4, rng, epochs=40)
    with pytest.warns(UserWarning, match="member 1"):
        ensemble.fit(*data, **settings)  # without a display, dispatches run behind each other
    alone[2].fit(*data, **settings)
    assert_equal_weights(alone[2], ensemble.members[2])
    assert int(ensemble.members[2].optimizer.iterations.numpy()) == 40 * 6


@pytest.mark.usefixtures("steps_of_members")
def test_when_no_member_is_left_that_is_an_error(rng):
    x, y = data_for(simple, rng)
    ensemble = Ensemble(simple(SGD(1e30)), 2, seed=0)
    with pytest.raises(FloatingPointError, match=r"No member of the ensemble is left.*member 0 .*member 1"):
        ensemble.fit(x, y, epochs=4, verbose=0)
    assert all(np.isfinite(values).all() for values in ensemble.get_weights())


# --- members ----------------------------------------------------------------------------------------------------------


def test_predict_and_evaluate_are_those_of_the_members(rng):
    x, y = data_for(simple, rng)
    ensemble = Ensemble(simple(), 3, seed=0)
    ensemble.fit(x, y, verbose=0)
    each = np.stack([member.predict(x, verbose=0) for member in ensemble.members])
    for size in (None, 8):
        np.testing.assert_allclose(ensemble.predict_members(x, size, verbose=0), each, rtol=1e-5, atol=1e-6)
    mean, spread = ensemble.predict(x, spread=True, verbose=0)
    np.testing.assert_allclose(mean, each.mean(0), rtol=1e-5)
    np.testing.assert_allclose(spread, each.std(0), rtol=1e-3, atol=1e-6)
    assert mean.dtype == spread.dtype == np.float32
    np.testing.assert_array_equal(ensemble.predict(x, verbose=0), mean)
    mean, members = ensemble.evaluate(x, y, batch_size=8, verbose=0)
    for logs, member in zip(members, ensemble.members, strict=True):
        assert logs == pytest.approx(member.evaluate(x, y, verbose=0, batch_size=8, return_dict=True), rel=1e-5)
    assert mean["mae"] == pytest.approx(np.mean([logs["mae"] for logs in members]))


def test_a_member_can_be_fitted_further_and_counts_here(rng):
    x, y = data_for(simple, rng)
    ensemble = Ensemble(simple("adam"), 2, seed=0)
    ensemble.fit(x, y, epochs=2, verbose=0)
    member = ensemble.members[1]
    assert int(member.optimizer.iterations.numpy()) == 4 and member.optimizer.variables[2].numpy().any()
    member.fit(x, y, verbose=0)
    np.testing.assert_allclose(ensemble.predict_members(x, verbose=0)[1], member.predict(x, verbose=0), atol=1e-6)
    ensemble.fit(x, y, verbose=0)
    assert [int(m.optimizer.iterations.numpy()) for m in ensemble.members] == [6, 8]
    np.testing.assert_allclose(ensemble.predict_members(x, verbose=0)[1], member.predict(x, verbose=0), atol=1e-6)


def test_layers_can_be_frozen_in_all_members_but_not_in_one(rng):
    x, y = data_for(simple, rng)
    ensemble = Ensemble(simple("adam"), 2, seed=0)
    for member in ensemble.members:
        member.layers[0].trainable = False
    before = ensemble.get_weights()
    ensemble.fit(x, y, verbose=0)
    moved = [np.abs(a - b).max() > 0 for a, b in zip(before, ensemble.get_weights(), strict=True)]
    assert moved == [False, False, True, True]
    ensemble.members[1].layers[0].trainable = True
    with pytest.raises(ValueError, match="member 1 has no longer the structure of member 0"):
        ensemble.fit(x, y, verbose=0)


def test_the_seed_says_it_all(rng):
    x, y = data_for(normalized, rng)
    runs = []
    for count in (2, 3, 3):
        sequax.utils.set_random_seed(0)
        model = normalized()
        sequax.utils.set_random_seed(count)
        ensemble = Ensemble(model, count, seed=5)
        ensemble.fit(x, y, epochs=2, verbose=0)
        runs.append(ensemble.predict_members(x, verbose=0))
    np.testing.assert_allclose(runs[1], runs[2], atol=1e-6)
    np.testing.assert_allclose(runs[0], runs[1][:2], atol=1e-5)
    assert len({run.tobytes() for run in runs[1]}) == 3


def test_what_is_trained_begins_afresh_and_all_else_is_the_models(rng):
    x, y = data_for(simple, rng)
    scale = Normalization()
    scale.adapt(3 * x + 1)
    frozen = Dense(6, trainable=False)
    model = Sequential([Input((6,)), scale, frozen, Dropout(0.5), Dense(1)])
    model.compile("adam", "mse")
    model.fit(x, y, verbose=0)
    before, iteration = model.get_weights(), int(model.optimizer.iterations.numpy())
    ensemble = Ensemble(model, 3, seed=0)
    kernel = model.layers[-1].kernel
    for own, values in zip(model.weights, ensemble.get_weights(), strict=True):
        same = [np.array_equal(value, own.numpy()) for value in values]
        assert same == ([True] * 3 if own is not kernel and own is not model.layers[-1].bias else [True, False, False])
    assert [int(m.optimizer.iterations.numpy()) for m in ensemble.members] == [iteration, 0, 0]
    seeds = {int(m.layers[2].seed_generator.state.numpy()[0]) for m in ensemble.members}
    assert len(seeds) == 3
    ensemble.fit(x, y, verbose=0)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_first_data_build_the_members(rng):
    x, y = data_for(simple, rng)
    model = Sequential([Dense(3), Dense(1)])
    model.compile("sgd", lambda y, p: (y - p) ** 2)  # a loss without a config
    ensemble = Ensemble(model, 2)
    with pytest.raises(ValueError, match="has no members yet"):
        _ = ensemble.members
    assert ensemble.predict_members(x, verbose=0).shape == (2, 42, 1)
    ensemble.fit(x, y, verbose=0)
    assert not model.built and len(ensemble.members) == 2


# --- callbacks, data, errors ------------------------------------------------------------------------------------------


def test_callbacks_see_means_and_can_stop_and_restore(rng):
    x, y = data_for(simple, rng)
    ensemble = Ensemble(simple(SGD(0.3)), 2, seed=0)
    seen = []

    class Watch(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append((batch, set(logs)))

        def on_epoch_end(self, epoch, logs=None):
            self.weights = self.model.get_weights()
            assert self.model.members[1].get_weights()[0].shape == (6, 5)

    stop = callbacks.EarlyStopping("loss", mode="max", patience=1, restore_best_weights=True)  # falls: stops in epoch 2
    watch = Watch()
    history = ensemble.fit(x, y, batch_size=16, epochs=9, callbacks=[stop, watch], verbose=0)
    assert history.epoch == [0, 1] and ensemble.history is history
    assert seen == [(batch, {"loss", "mae"}) for batch in (0, 1, 2)] * 2
    for best, last, now in zip(stop.best_weights, watch.weights, ensemble.get_weights(), strict=True):
        np.testing.assert_array_equal(best, now)
        assert not np.array_equal(last, now)


def test_hooks_of_batches_are_about_as_many_as_compile_says(rng):
    ensemble, batches = Ensemble(simple(steps_per_execution=2), 2, seed=0), []
    noted = callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: batches.append(batch))
    ensemble.fit(*data_for(simple, rng, 20), batch_size=4, verbose=0, callbacks=[noted])
    assert batches == [1, 3, 5]


def test_streams_give_all_members_the_same_batches(rng):
    x, y = data_for(simple, rng)

    def batches():
        while True:
            yield x[:8], y[:8]

    ensemble = Ensemble(simple(), 2, seed=0)
    alone = copies(ensemble)
    ensemble.fit(batches(), steps_per_epoch=5, epochs=2, verbose=0)
    for model, member in zip(alone, ensemble.members, strict=True):
        model.fit(batches(), steps_per_epoch=5, epochs=2, verbose=0)
        assert_equal_weights(model, member)


def test_layers_on_the_host_work(rng):
    x = np.array([["a"], ["b"], ["c"], ["a"]] * 3)
    model = Sequential([StringLookup(vocabulary=["a", "b", "c"]), Embedding(4, 2), Dense(1)])
    model.compile("sgd", "mse")
    ensemble = Ensemble(model, 2, seed=0)
    ensemble.fit(x, np.ones((12, 1, 1)), verbose=0)
    for member, outputs in zip(ensemble.members, ensemble.predict_members(x, verbose=0), strict=True):
        np.testing.assert_allclose(member.predict(x, verbose=0), outputs, atol=1e-6)


def test_own_orders_need_the_data_on_the_device(rng, monkeypatch):
    x, y = data_for(simple, rng)
    ensemble = Ensemble(simple(), 2, seed=0)
    monkeypatch.setenv("SEQUAX_RESIDENT_MB", "0.0001")
    with pytest.raises(ValueError, match=r'do not fit on the device.*shuffle="shared"'):
        ensemble.fit(x, y, verbose=0)
    ensemble.fit(x, y, verbose=0, shuffle="shared")


def test_what_it_tells(capsys, rng):
    ensemble = Ensemble(simple(), seed=3, learning_rate=[0.1, 0.2])
    assert repr(ensemble) == "<Ensemble of 2 x Sequential 'sequential', seed=3, learning_rate=[0.1, 0.2]>"
    ensemble.summary()
    text = capsys.readouterr().out
    assert "Ensemble of 2" in text and "Trainable params: 41" in text
    ensemble.fit(*data_for(simple, rng), verbose=2)
    assert "loss:" in capsys.readouterr().out
    assert len(Ensemble(simple())) == 8


class OwnStep(Sequential):
    def train_step(self, state, data):
        return {}, state


class OwnCall(Model):
    def __init__(self):
        super().__init__()
        self.dense = Dense(1)

    def call(self, x):
        return self.dense(x)


def uncompiled():
    return Sequential([Input((2,)), Dense(1)])


def own_step():
    model = OwnStep([Input((2,)), Dense(1)])
    model.compile("sgd", "mse")
    return model


def own_call():
    model = OwnCall()
    model.build((None, 6))
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize(
    ("make", "settings", "error", "message"),
    [
        (lambda: 3, {}, TypeError, "expected a compiled Sequax model. Received: 3"),
        (uncompiled, {}, ValueError, "is not compiled"),
        (own_step, {}, ValueError, "OwnStep has own steps"),
        (own_call, {"members": 2}, ValueError, "has its own `call`, so its members can differ by `learning_rate` only"),
        (simple, {"members": 0}, ValueError, "at least 1. Received: members=0"),
        (simple, {"members": True}, ValueError, "Received: members=True"),
        (simple, {"members": 2.0}, ValueError, "Received: members=2.0"),
        (simple, {"seed": -1}, ValueError, "`seed` must be a whole number >= 0"),
        (simple, {"members": 3, "learning_rate": [0.1, 0.2]}, ValueError, "2 entries for 3 members"),
        (simple, {"learning_rate": 0.1}, ValueError, "list of numbers, one per member. Received: learning_rate=0.1"),
        (simple, {"learning_rate": [-1, 2]}, ValueError, "learning_rate"),
        (normalized, {"learning_rate": [0.1]}, ValueError, "has no members yet"),
        (lambda: simple(Adam(schedules.CosineDecay(0.1, 5))), {"learning_rate": [0.1]}, ValueError, "CosineDecay"),
        (lambda: simple(MultiOptimizer(lambda v: SGD())), {"learning_rate": [0.1]}, ValueError, "of its own"),
        (lambda: simple(optax.sgd(0.1)), {"learning_rate": [0.1]}, ValueError, "optax owns it"),
    ],
)
def test_what_cannot_be_is_refused(make, settings, error, message):
    with pytest.raises(error, match=message):
        _ = Ensemble(make(), **settings).members


def test_a_model_with_its_own_call_can_differ_by_learning_rate(rng):
    x, y = data_for(simple, rng)
    ensemble = Ensemble(own_call(), learning_rate=[0.0, 0.1])
    ensemble.fit(x, y, verbose=0)
    assert ensemble.predict(x, verbose=0).shape == (42, 1)


@pytest.mark.parametrize(
    "callback", [callbacks.LearningRateScheduler(lambda e: 0.1), callbacks.SwapEMAWeights(), callbacks.TensorBoard()]
)
def test_callbacks_that_look_into_one_model_are_refused(callback, rng):
    with pytest.raises(ValueError, match=f"{type(callback).__name__} looks into one model.*LearningRateSchedule"):
        Ensemble(simple(), 2).fit(*data_for(simple, rng), callbacks=[callback], verbose=0)


def test_parts_of_one_model_are_pointed_to():
    ensemble = Ensemble(simple(), 2)
    with pytest.raises(AttributeError, match=r"no `optimizer`. Each member has one: `ensemble.members\[i\].optimizer`"):
        _ = ensemble.optimizer
    with pytest.raises(AttributeError, match=r"no `nonsense`\.$"):
        _ = ensemble.nonsense
    with pytest.raises(ValueError, match="leading axis of 2 members"):
        ensemble.set_weights([w[0] for w in ensemble.get_weights()])
