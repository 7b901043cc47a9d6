"""Loops that people write around `fit`, `predict` and single steps.

`make(library)` gives what one turn does. Where the numbers of rows are what matters, each turn has others than the one
before, in every library the same: nothing that was compiled for a number of rows serves twice.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .. import steps
from ..workload import Habit, clusters

Turn = Callable[[], Any]


def table_model(library: Any, inputs: int = 12) -> Any:
    layers = library.layers
    stack = [library.Input((inputs,)), layers.Dense(32, activation="relu"), layers.Dense(16, activation="relu")]
    model = library.Sequential([*stack, layers.Dense(1, activation="sigmoid")])
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    return model


def table(rows: int, seed: int = 7) -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(seed).standard_normal((rows, 12), "float32")
    return x, (x[:, :1] + x[:, 1:2] * x[:, 2:3] > 0).astype("float32")


def folds(library: Any) -> Turn:
    """Cross-validation over groups of unequal sizes, a new model for each."""
    x, y = table(1_003)
    draws = itertools.count()

    def turn() -> None:
        random = np.random.default_rng(next(draws))
        for held_out in np.split(random.permutation(len(x)), np.sort(random.choice(range(50, 950), 9, replace=False))):
            model = table_model(library)
            rest = np.setdiff1d(np.arange(len(x)), held_out)
            model.fit(x[rest], y[rest], epochs=3, verbose=0)
            model.evaluate(x[held_out], y[held_out], verbose=0)

    return turn


def growing(library: Any) -> Turn:
    """Active learning: some more images are labelled, and the model is fitted on."""
    layers = library.layers
    x, y = clusters(600, (28, 28, 1), 10)
    stack = [library.Input((28, 28, 1)), layers.Conv2D(16, 3, activation="relu"), layers.MaxPooling2D(2)]
    stack += [layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(2), layers.Flatten()]
    model = library.Sequential([*stack, layers.Dense(10, activation="softmax")])
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    draws = itertools.count()

    def turn() -> None:
        first = 200 + next(draws)
        for rows in range(first, first + 9 * 23, 23):
            model.fit(x[:rows], y[:rows], verbose=0)

    return turn


def walk_forward(library: Any) -> Turn:
    """Validation of a forecast: fit on all that is past, predict the next days, go on."""
    layers = library.layers
    series = np.sin(np.arange(700) / 7).astype("float32")
    x = np.lib.stride_tricks.sliding_window_view(series, 25)[..., None]
    model = library.Sequential([library.Input((24, 1)), layers.LSTM(16), layers.Dense(1)])
    model.compile(optimizer="adam", loss="mse")
    draws = itertools.count()

    def turn() -> None:
        first = 300 + next(draws)
        for now in range(first, first + 8 * 30, 30):
            model.fit(x[:now, :24], x[:now, 24], epochs=2, verbose=0)
            model.predict(x[now : now + 30, :24], verbose=0)

    return turn


def unequal_calls(library: Any) -> Turn:
    """`evaluate` and `predict` of as many rows as there happen to be."""
    model, (x, y) = table_model(library), table(2_000)
    random = np.random.default_rng(0)

    def turn() -> None:
        for rows in random.integers(10, 2_000, 10):
            model.evaluate(x[:rows], y[:rows], verbose=0)
            model.predict(x[:rows], verbose=0)

    return turn


def fitted(library: Any, callbacks: Callable[[Any], list[Any]] = lambda library: [], **arguments: Any) -> Turn:
    """`fit` of a table, with whatever else."""
    model, (x, y) = table_model(library), table(2_000)

    def turn() -> None:
        model.fit(x, y, callbacks=callbacks(library), verbose=0, **arguments)

    return turn


def per_epoch(library: Any) -> Turn:
    """A loop over epochs of the user's own, with what it learns kept in a list."""
    model, (x, y), validation = table_model(library), table(2_000), table(300, 8)
    kept: list[float] = []

    def turn() -> None:
        for epoch in range(5):
            history = model.fit(x, y, epochs=epoch + 1, initial_epoch=epoch, validation_data=validation, verbose=0)
            kept.append(history.history["val_loss"][0])

    return turn


def early_stopping(library: Any) -> list[Any]:
    """Patient to the end, so that each library trains as long; the best weights come back."""
    return [library.callbacks.EarlyStopping(patience=100, restore_best_weights=True)]


def per_batch(library: Any) -> list[Any]:
    class Losses(library.callbacks.Callback):
        def on_train_begin(self, logs: Any = None) -> None:
            self.losses: list[float] = []

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.losses.append(float(logs["loss"]))

    return [Losses()]


def script(library: Any) -> list[Any]:
    callbacks = library.callbacks
    folder = Path(tempfile.mkdtemp(prefix="sequax-bench-"))
    best = callbacks.ModelCheckpoint(str(folder / "best.weights.h5"), save_best_only=True, save_weights_only=True)
    return [best, callbacks.CSVLogger(str(folder / "log.csv")), callbacks.ReduceLROnPlateau(patience=2)]


def actor_critic(library: Any) -> Turn:
    """A step of advantage actor-critic: probabilities of a state, values of two, a batch of one for each network."""
    actor, critic = steps.network(library, activation="softmax"), steps.network(library, outputs=1)
    actor.compile(optimizer="adam", loss="categorical_crossentropy")
    critic.compile(optimizer="adam", loss="mse")
    state, after = steps.table(1), steps.table(1) + 1
    random = np.random.default_rng(0)

    def turn() -> None:
        chances = np.asarray(actor.predict(state, verbose=0))[0]
        action = random.choice(steps.ACTIONS, p=chances / chances.sum())
        goal = 1 + 0.9 * np.asarray(critic.predict(after, verbose=0))
        advantage = goal - np.asarray(critic.predict(state, verbose=0))
        actor.train_on_batch(state, np.eye(steps.ACTIONS, dtype="float32")[[action]], sample_weight=advantage[:, 0])
        critic.train_on_batch(state, goal)

    return turn


SINGLE = ("train_on_batch", "test_on_batch", "predict_on_batch", "predict_row", "called", "fit_row", "fit_batch")
SINGLE += ("q_learning", "adversarial")
WORKS = (
    *(Habit(name, steps.LOOPS[name].title, steps.LOOPS[name].make) for name in SINGLE),
    Habit("actor_critic", "actor-critic: 3 predicts, 2 train_on_batch", actor_critic),
    Habit("folds", "10 unequal folds of 1,003 x 12, 3 epochs and evaluate each", folds),
    Habit("growing", "9 fits of a convnet on growing data", growing),
    Habit("walk_forward", "walk-forward validation of an LSTM, 8 steps", walk_forward),
    Habit("unequal_calls", "10 times evaluate and predict, unequal rows", unequal_calls),
    Habit("per_epoch", "fit called for each of 5 epochs, with validation", per_epoch),
    Habit(
        "early_stopping",
        "30 epochs with early stopping and restored weights",
        partial(fitted, callbacks=early_stopping, epochs=30, validation_split=0.2),
    ),
    Habit("per_batch", "a callback after each batch, 3 epochs", partial(fitted, callbacks=per_batch, epochs=3)),
    Habit(
        "script",
        "checkpoints, CSVLogger, ReduceLROnPlateau, 5 epochs",
        partial(fitted, callbacks=script, epochs=5, validation_split=0.2),
    ),
    Habit("class_weights", "class weights, 3 epochs", partial(fitted, class_weight={0: 1.0, 1: 3.0}, epochs=3)),
)
