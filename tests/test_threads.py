"""Several threads, or runs inside of each other, on one model: nothing stale is written back, no step is lost."""

import threading

import jax.numpy as jnp
import numpy as np
import pytest

import sequax as keras
from sequax import layers
from sequax.ensemble import Ensemble
from sequax.training.claims import Claim
from sequax.training.state import TrainState, TrainVariables

X = np.random.default_rng(0).normal(size=(640, 8)).astype("float32")
Y = X.sum(1, keepdims=True)


def small_model(moving=True, name="small", units=8):
    keras.utils.set_random_seed(1)
    inside = [layers.BatchNormalization(), layers.Dropout(0.2)] if moving else []
    model = keras.Sequential([keras.Input((8,)), layers.Dense(units, "relu"), *inside, layers.Dense(1)], name=name)
    model.compile("adam", "mse", metrics=["mae"])
    return model


class Also(keras.callbacks.Callback):
    """Does something after each batch, in this thread or in another one that it waits for."""

    def __init__(self, what, in_thread=False):
        super().__init__()
        self.what, self.in_thread, self.results = what, in_thread, []

    def on_train_batch_end(self, batch, logs=None):
        def run():
            self.results.append(self.what(self.model))

        if self.in_thread:
            thread = threading.Thread(target=run)
            thread.start()
            thread.join()
        else:
            run()


WHILE_TRAINING = {
    "predict": lambda model: model.predict(X, verbose=0),
    "predict of a row": lambda model: model.predict(X[:1], verbose=0),
    "evaluate": lambda model: model.evaluate(X[:96], Y[:96], verbose=0),
    "test_on_batch": lambda model: model.test_on_batch(X[:32], Y[:32]),
}


@pytest.mark.parametrize("in_thread", [False, True])
@pytest.mark.parametrize("what", WHILE_TRAINING)
def test_training_goes_on_as_if_nobody_had_looked(what, in_thread):
    alone = small_model()
    expected = alone.fit(X, Y, epochs=2, verbose=0).history
    watched = small_model()
    other = Also(WHILE_TRAINING[what], in_thread)
    assert watched.fit(X, Y, epochs=2, verbose=0, callbacks=[other]).history == expected
    assert len(other.results) == 40
    for one, two in zip(alone.get_weights(), watched.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(("what", "units"), [("evaluate", 7), ("predict", 6)])  # structures nobody has compiled yet
def test_nothing_is_put_back_that_was_read_before_a_step(what, units):
    """The weights are read, a step is taken elsewhere while the program is compiled, and only then it runs."""

    class StepBetween(keras.callbacks.Callback):
        def on_compile_begin(self, what):
            if what != "training step":
                thread = threading.Thread(target=self.model.train_on_batch, args=(X[:32], Y[:32]))
                thread.start()
                thread.join()
                after.extend(self.model.get_weights())

    model, after = small_model(units=units), []
    getattr(model, what)(X[:96], *([Y[:96]] if what == "evaluate" else []), verbose=0, callbacks=[StepBetween()])
    assert len(after) == 8
    for one, two in zip(model.get_weights(), after, strict=True):
        np.testing.assert_array_equal(one, two)


def test_what_others_have_moved_on_stays():
    model = small_model()
    slots = TrainVariables.of(model)
    before = slots.borrow()
    moved = {key: value + 1 for key, value in before.other.items()}
    first, *rest = before.other
    slots.other[first].assign(before.other[first] + 5)
    slots.write_moved(before, TrainState({}, moved, {}, {}))
    np.testing.assert_array_equal(slots.other[first].numpy(), np.asarray(before.other[first]) + 5)
    for key in rest:
        np.testing.assert_array_equal(slots.other[key].numpy(), np.asarray(before.other[key]) + 1)


def test_donated_weights_are_not_taken_from_a_prediction(monkeypatch):
    """States that are too large to be kept are donated to the next step, which frees their memory."""
    monkeypatch.setattr("sequax.training.fit._KEPT_STATE_BYTES", 0)
    model = small_model()
    borrowed = []

    def borrow(model):
        state = TrainVariables.of(model).borrow()
        borrowed.append(state)
        return [np.asarray(value).copy() for value in state.params.values()]

    other = Also(borrow, in_thread=True)
    model.fit(X[:96], Y[:96], verbose=0, callbacks=[other])
    for state, values in zip(borrowed, other.results, strict=True):
        for array, value in zip(state.params.values(), values, strict=True):
            np.testing.assert_array_equal(array, value)


def test_predictions_beside_a_training_are_of_one_state():
    """All layers as they were before a step, or all as they were after it: two equal layers cancel out."""
    model = keras.Sequential([keras.Input((1,)), *(layers.Dense(1, kernel_initializer="ones") for _ in range(2))])
    slots = TrainVariables.of(model)
    stop, seen = threading.Event(), []

    def read():
        while not stop.is_set():
            seen.append(model.predict(np.ones((1, 1), "float32"), verbose=0).item())

    with Claim(model, "fit"):
        thread = threading.Thread(target=read)
        thread.start()
        for i in range(1, 3000):
            state = slots.borrow()
            values = np.array([i, 0, 1 / i, 0], "float32")  # kernel and bias of both layers
            params = {key: jnp.full(a.shape, v) for (key, a), v in zip(state.params.items(), values, strict=True)}
            slots.write(TrainState(params, {}, {}, {}))
        stop.set()
        thread.join()
    np.testing.assert_allclose(seen, 1, rtol=1e-5)


# --- one run at a time -----------------------------------------------------------------------------------------------


def test_a_second_fit_in_another_thread_is_refused_and_no_step_is_lost():
    model = small_model(name="busy")
    model.fit(X[:32], Y[:32], verbose=0)
    messages, done = [], []

    def run():
        try:
            model.fit(X, Y, epochs=3, verbose=0)
            done.append(1)
        except RuntimeError as error:
            messages.append(str(error))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert int(model.optimizer.iterations) == 1 + 60 * len(done)
    assert all(text.startswith("Sequential 'busy' is being trained by `fit` in another thread") for text in messages)


@pytest.mark.parametrize("train", ["fit", "train_on_batch"])
def test_training_from_another_thread_during_fit_is_refused(train):
    errors = []

    def try_it(model):
        try:
            getattr(model, train)(X[:32], Y[:32])
        except RuntimeError as error:
            errors.append(str(error))

    small_model().fit(X[:64], Y[:64], verbose=0, callbacks=[Also(try_it, in_thread=True)])
    assert len(errors) == 2
    assert all(f"so `{train}` cannot train it" in text for text in errors)


def test_a_fit_inside_of_a_callback_of_the_same_model_is_refused():
    model = small_model()
    with pytest.raises(RuntimeError, match="A callback may call `train_on_batch`, `evaluate`"):
        model.fit(X, Y, verbose=0, callbacks=[Also(lambda model: model.fit(X, Y, verbose=0))])
    assert len(model.fit(X[:32], Y[:32], verbose=0).history["loss"]) == 1  # the mark is gone


def test_a_single_step_inside_of_a_callback_counts_and_leaves_the_metrics_alone():
    model = small_model(moving=False)
    rows = np.zeros((32, 8), "float32"), np.full((32, 1), 1e3, "float32")  # their loss is about a million
    history = model.fit(X, Y, verbose=0, callbacks=[Also(lambda model: model.train_on_batch(*rows))]).history
    assert int(model.optimizer.iterations) == 40
    assert history["loss"][0] < 1e3


def test_another_model_may_be_fitted_inside_of_a_callback():
    inner = small_model(name="inner")
    small_model().fit(X[:64], Y[:64], verbose=0, callbacks=[Also(lambda _: inner.fit(X, Y, verbose=0))])
    assert int(inner.optimizer.iterations) == 40


def test_models_that_share_weights_are_trained_one_after_the_other():
    shared = layers.Dense(4)
    one, two = (keras.Sequential([keras.Input((8,)), shared, layers.Dense(1)], name=name) for name in ("one", "two"))
    one.compile("sgd", "mse")
    two.compile("sgd", "mse")
    errors = []

    def try_it(_):
        try:
            two.fit(X[:32], Y[:32], verbose=0)
        except RuntimeError as error:
            errors.append(str(error))

    one.fit(X[:32], Y[:32], verbose=0, callbacks=[Also(try_it, in_thread=True)])
    assert "Sequential 'two' shares weights with Sequential 'one'" in errors[0]
    one.fit(X[:32], Y[:32], verbose=0, callbacks=[Also(try_it)])  # in a callback they take turns
    assert len(errors) == 1
    assert int(two.optimizer.iterations) == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_a_run_that_was_broken_off_can_be_begun_anew(error):
    def fail(model):
        raise error

    model = small_model()
    with pytest.raises(error):
        model.fit(X, Y, verbose=0, callbacks=[Also(fail)])
    model.fit(X[:32], Y[:32], verbose=0)
    with pytest.raises(ValueError, match="rows"):
        model.fit(X, Y[:3], verbose=0)
    model.train_on_batch(X[:32], Y[:32])


def test_an_ensemble_is_trained_by_one_and_asked_by_others():
    def run(watched):
        keras.utils.set_random_seed(1)
        ensemble = Ensemble(small_model(), 2, seed=0)
        stop = threading.Event()

        def ask():
            while not stop.is_set():
                ensemble.predict(X[:40], verbose=0)
                ensemble.evaluate(X[:40], Y[:40], verbose=0)

        thread = threading.Thread(target=ask)
        if watched:
            thread.start()
        history = ensemble.fit(X, Y, epochs=5, verbose=0).history
        stop.set()
        if watched:
            thread.join()
        return history, ensemble.get_weights()

    (expected, weights), (history, others) = run(False), run(True)
    assert history == expected
    for one, two in zip(weights, others, strict=True):
        np.testing.assert_array_equal(one, two)
