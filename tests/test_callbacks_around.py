"""Means of weights over the last epochs, and validation inside of epochs."""

from __future__ import annotations

import numpy as np
import pytest

import sequax
from sequax.callbacks import EarlyStopping, IntervalValidation, LambdaCallback, TimeLimit, WeightAveraging
from sequax.layers import BatchNormalization, Dense, Dropout, Input

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(64, 4)).astype("float32")
Y = X.sum(1, keepdims=True)


def model(*more, rate=0.01):
    sequax.utils.set_random_seed(1)
    more = [kind() if callable(kind) and not isinstance(kind, sequax.Layer) else kind for kind in more]
    one = sequax.Sequential([Input((4,)), Dense(6, name="first"), *more, Dense(1)])
    one.compile(sequax.optimizers.Adam(rate), "mse", metrics=["mae"])
    return one


def fit(one, *callbacks, epochs=4, **options):
    return one.fit(X, Y, epochs=epochs, batch_size=8, verbose=0, callbacks=list(callbacks), **options)


def noted(one, kept):
    return LambdaCallback(on_epoch_end=lambda epoch, logs: kept.append([w.copy() for w in one.get_weights()]))


# --- means of weights ---


@pytest.mark.parametrize(("start", "first"), [(2, 2), (0.5, 3), (0.0, 1), (4, 4)])
def test_the_mean_of_the_last_epochs_ends_in_the_model(start, first):
    one, kept = model(), []
    averaging = WeightAveraging(start)
    fit(one, noted(one, kept), averaging)
    assert averaging.count == 4 - first + 1
    for position, weight in enumerate(one.get_weights()):
        np.testing.assert_allclose(weight, np.mean([w[position] for w in kept[first - 1 :]], 0), rtol=1e-5, atol=1e-6)


def test_training_goes_on_as_without_it_and_too_late_a_start_changes_nothing():
    plain = model()
    history = fit(plain).history
    other = model()
    assert fit(other, WeightAveraging(9)).history == history
    np.testing.assert_array_equal(plain.get_weights()[0], other.get_weights()[0])


def test_statistics_are_computed_anew():
    one = model(BatchNormalization(name="normal"), Dropout(0.2))
    averaging = WeightAveraging(2, statistics=X, batch_size=64)
    fit(one, averaging)
    normal, hidden = one.get_layer("normal"), np.asarray(one.get_layer("first")(X))
    np.testing.assert_allclose(normal.moving_mean.numpy(), hidden.mean(0), atol=1e-5)
    np.testing.assert_allclose(normal.moving_variance.numpy(), hidden.var(0), rtol=1e-3, atol=1e-5)
    assert normal.momentum == 0.99
    fit(one)  # goes on


def test_without_data_the_statistics_are_averaged_too():
    one, kept = model(BatchNormalization(name="normal")), []
    watch = LambdaCallback(on_epoch_end=lambda e, logs: kept.append(one.get_layer("normal").moving_mean.numpy()))
    fit(one, watch, WeightAveraging(2))
    np.testing.assert_allclose(one.get_layer("normal").moving_mean.numpy(), np.mean(kept[1:], 0), rtol=1e-5, atol=1e-6)


def test_the_rate_is_held_in_the_epochs_that_count():
    rates = []
    one = model()
    watch = LambdaCallback(on_epoch_end=lambda e, logs: rates.append(float(one.optimizer.learning_rate)))
    fit(one, WeightAveraging(3, learning_rate=0.5), watch)
    np.testing.assert_allclose(rates, [0.01, 0.01, 0.5, 0.5])


def test_what_makes_no_sense_is_refused():
    for start in (-1, 1.5, True, 0):
        with pytest.raises(ValueError, match="`start`"):
            WeightAveraging(start if start != 0 else -0.5)
    one = model()
    one.compile(sequax.optimizers.Adam(sequax.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)), "mse")
    with pytest.raises(TypeError):
        fit(one, WeightAveraging(1, learning_rate=0.1))


def test_a_run_that_is_resumed_has_the_same_mean(tmp_path):
    whole = model()
    fit(whole, WeightAveraging(2))
    one = model()

    class Killed(Exception):
        pass

    def stop(epoch, logs):
        if epoch == 2:
            raise Killed

    with pytest.raises(Killed):
        fit(one, WeightAveraging(2), LambdaCallback(on_epoch_begin=stop), resume=tmp_path / "run")
    again = model()
    fit(again, WeightAveraging(2), LambdaCallback(), resume=tmp_path / "run")
    for ours, theirs in zip(again.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


# --- validation inside of epochs ---


@pytest.mark.parametrize("layers", [(), (BatchNormalization, lambda: Dropout(0.3))])
def test_training_is_the_same_with_validations_inside(layers):
    watch = IntervalValidation((X, Y), every=3, sanity_steps=2)
    plain = model(*layers)
    history = fit(plain, validation_data=(X, Y)).history
    other = model(*layers)
    assert fit(other, watch, validation_data=(X, Y)).history == history
    for ours, theirs in zip(other.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert watch.step == [0, *range(3, 33, 3)]
    assert set(watch.history) == {"val_loss", "val_mae"} and len(watch.history["val_mae"]) == len(watch.step)
    if not layers:
        assert watch.history["val_loss"][-1] < watch.history["val_loss"][0]


def test_what_it_measures_is_the_model_at_that_step():
    one = model()
    watch = IntervalValidation((X, Y), every=8)  # the batches of an epoch
    history = fit(one, watch, validation_data=(X, Y)).history
    np.testing.assert_allclose(watch.history["val_loss"], history["val_loss"], rtol=1e-5)


def test_streams_weights_and_other_callbacks():
    def batches():
        while True:
            yield X[:8], Y[:8]

    one = model()
    watch = IntervalValidation((X, Y, np.ones(64)), every=4, batch_size=16, steps=1)
    one.fit(
        batches(), steps_per_epoch=6, epochs=2, verbose=0, callbacks=[watch, TimeLimit(hours=1), EarlyStopping("loss")]
    )
    assert watch.step == [4, 8, 12]


def test_lines_are_printed_on_request(capsys):
    fit(model(), IntervalValidation((X, Y), every=8, verbose=1), epochs=1)
    assert capsys.readouterr().out.startswith("After 8 batches: val_")


def test_a_validation_that_cannot_work_fails_before_the_first_update():
    one = model()
    before = one.get_weights()
    with pytest.raises(ValueError, match="the model expects"):
        fit(one, IntervalValidation((X[:, :2], Y), every=8, sanity_steps=1))
    np.testing.assert_array_equal(one.get_weights()[0], before[0])
    with pytest.raises(ValueError, match="at least 1"):
        IntervalValidation((X, Y), every=0)
    with pytest.raises(ValueError, match="needs"):
        IntervalValidation((X,))
