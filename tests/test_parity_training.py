"""What callbacks do to a run of `fit`: history, learning rate and weights beside Keras' in the same run."""

from __future__ import annotations

import csv

import numpy as np
import pytest

import sequax

keras = pytest.importorskip("keras", reason="Keras, the oracle, is not installed: pip install 'sequax[dev]'")

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(24, 3)).astype("float32")
Y = X @ np.array([[1.0], [-2.0], [0.5]], "float32") + 0.1
X_VAL = GENERATOR.normal(size=(8, 3)).astype("float32")
Y_VAL = X_VAL @ np.array([[0.9], [-2.2], [0.4]], "float32")
START = [np.array([[0.5], [0.5], [0.5]], "float32"), np.zeros(1, "float32")]


@pytest.fixture(scope="module")
def models():
    """One of each kind, so that each compiles once; `run` sets it back."""
    made = []
    for kind in (sequax, keras):
        model = kind.Sequential([kind.layers.Input((3,)), kind.layers.Dense(1)])
        model.compile(kind.optimizers.SGD(0.1), "mse", metrics=["mae"])
        made.append((kind, model))
    return made


def run(kind, model, callbacks, rate=0.1, epochs=6):
    """What can be seen of a run: logs, rate and weights after it."""
    model.set_weights(START)
    model.optimizer.learning_rate = rate
    model.optimizer.iterations.assign(0)
    history = model.fit(
        *(X, Y),
        batch_size=8,
        epochs=epochs,
        shuffle=False,
        verbose=0,
        callbacks=callbacks,
        validation_data=(X_VAL, Y_VAL),
    )
    return history, float(model.optimizer.learning_rate), model.get_weights()


def rising(epoch):
    """Good at first, then so large that the loss grows."""
    return 0.1 if epoch < 3 else 1.2


SCENARIOS = {
    "rate from the rate before": lambda k: [k.LearningRateScheduler(lambda epoch, rate: rate * 0.5)],
    "rate by epoch": lambda k: [k.LearningRateScheduler(rising)],
    "plateau": lambda k: [k.ReduceLROnPlateau(factor=0.5, patience=1, min_delta=0.2, cooldown=1, min_lr=0.02)],
    "plateau of a metric": lambda k: [k.ReduceLROnPlateau("mae", factor=0.1, patience=2, min_delta=1.0, mode="min")],
    "stop": lambda k: [k.LearningRateScheduler(rising), k.EarlyStopping(patience=1)],
    "stop and restore": lambda k: [
        k.LearningRateScheduler(rising),
        k.EarlyStopping("val_mae", patience=1, restore_best_weights=True, start_from_epoch=2),
    ],
    "restore without stopping": lambda k: [
        k.LearningRateScheduler(rising),
        k.EarlyStopping(patience=9, restore_best_weights=True),
    ],
    "stop at a baseline": lambda k: [k.EarlyStopping(baseline=0.001, patience=2, min_delta=0.01)],
    "both": lambda k: [
        k.ReduceLROnPlateau("loss", factor=0.3, patience=0, min_delta=0.5),
        k.EarlyStopping("loss", patience=2, min_delta=0.05),
    ],
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_history_rate_and_weights_are_keras(models, name):
    (ours, rate, weights), (theirs, their_rate, their_weights) = (
        run(kind, model, SCENARIOS[name](kind.callbacks)) for kind, model in models
    )
    assert ours.epoch == theirs.epoch and list(ours.history) == list(theirs.history)
    for key, values in theirs.history.items():
        np.testing.assert_allclose(ours.history[key], values, rtol=1e-5, atol=1e-6, err_msg=key)
    assert rate == pytest.approx(their_rate, rel=1e-6)
    for one, other in zip(weights, their_weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_a_loss_that_is_not_finite_ends_both(models):
    runs = [run(kind, model, [kind.callbacks.TerminateOnNaN()], rate=1e25) for kind, model in models]
    (ours, *_), (theirs, *_) = runs
    assert ours.epoch == theirs.epoch and len(ours.epoch) == 1
    assert not np.isfinite(ours.history["loss"]).any() and not np.isfinite(theirs.history["loss"]).any()


def test_files_of_numbers_are_alike(models, tmp_path):
    tables = []
    for kind, model in models:
        path = tmp_path / f"{kind.__name__}.csv"
        for append, epochs in ((False, 6), (True, 2)):
            logger = kind.callbacks.CSVLogger(path, append=append)
            run(kind, model, [kind.callbacks.LearningRateScheduler(rising), logger], epochs=epochs)
        tables.append(list(csv.reader(path.read_text().splitlines())))
    ours, theirs = tables
    assert ours[0] == theirs[0] and len(ours) == len(theirs) == 9
    assert [len(row) for row in ours] == [len(row) for row in theirs]
    numbers = [np.array(table[1:], float) for table in tables]
    np.testing.assert_allclose(*numbers, rtol=1e-5, atol=1e-6)


HOOKS = [
    f"on_{phase}{unit}_{moment}"
    for phase, unit in (("train", ""), ("test", ""), ("epoch", ""), ("train", "_batch"), ("test", "_batch"))
    for moment in ("begin", "end")
]


def test_hooks_come_in_the_same_order_with_the_same_logs(models):
    seen = []
    for kind, model in models:
        events = []

        def note(hook, events=events):
            def at(*place, logs=None):
                if logs is None and place and not isinstance(place[-1], int):  # Keras gives some logs by position
                    *place, logs = place
                events.append((hook, *place, dict(logs or {})))

            return at

        callback = kind.callbacks.LambdaCallback(**{hook: note(hook) for hook in HOOKS})
        run(kind, model, [callback], epochs=2)
        seen.append(events)
    ours, theirs = seen
    assert [event[:-1] for event in ours] == [event[:-1] for event in theirs]
    for (*event, logs), (*_, expected) in zip(ours, theirs, strict=True):
        assert list(logs) == list(expected), event
        assert logs == pytest.approx(expected, rel=1e-5, abs=1e-6), event
