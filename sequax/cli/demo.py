"""`sequax demo`: a convolutional `Sequential` learns to read real handwritten digits."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from ..callbacks import History
from ..datasets import digits
from ..layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D, Rescaling
from ..sequential import Sequential
from ..training.types import Verbose
from ..utils import set_random_seed
from .curves import write_curves
from .drawing import side_by_side

SEED = 7
CURVES_FILE = "sequax-demo.png"
SHOWN = 4  # digits drawn side by side fill 76 columns
_MOST_INK = 16.0


def run_demo(epochs: int = 12, output: str = ".", quiet: bool = False) -> int:
    """Train, test, show a few predictions and write the curves; returns the exit code."""
    folder = Path(output)
    try:
        folder.mkdir(parents=True, exist_ok=True)  # before the training, not after it
    except OSError as error:
        print(f"sequax demo: cannot write to {output!r}: {error.strerror}", file=sys.stderr)
        return 2
    say = (lambda *_: None) if quiet else print
    started = time.perf_counter()
    set_random_seed(SEED)
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    say(f"Handwritten digits, 8 x 8 pixels: {len(x_train):,} to learn from, {len(x_test)} to be tested on.\n")

    model = make_model()
    if not quiet:
        model.summary()
    say()
    history = train(model, x_train, y_train, epochs, verbose=0 if quiet else "auto")
    probabilities = model.predict(x_test[..., None], verbose=0)
    accuracy = float(np.mean(probabilities.argmax(axis=-1) == y_test))

    say(f"\n{draw_predictions(x_test, y_test, probabilities)}\n")
    right = round(accuracy * len(y_test))
    print(f"Test accuracy: {accuracy:.2%} ({right} of {len(y_test)} digits never seen in training are right)")
    _save_curves(history, folder / CURVES_FILE, accuracy)
    say(f"Time: {time.perf_counter() - started:.1f} s, compilation included.")
    return 0


def make_model() -> Sequential:
    """Two convolutions and a dense layer; pixels 0..16 come in as they are."""
    return Sequential(
        [
            Input((8, 8, 1)),
            Rescaling(1 / _MOST_INK),
            Conv2D(32, 3, padding="same", activation="relu"),
            BatchNormalization(momentum=0.9),  # 41 updates an epoch: 0.99 would lag three epochs behind
            Conv2D(64, 3, padding="same", activation="relu"),
            MaxPooling2D(),
            Flatten(),
            Dropout(0.4),
            Dense(10, activation="softmax"),
        ],
        name="digits",
    )


def train(model: Sequential, x: np.ndarray, y: np.ndarray, epochs: int, verbose: Verbose) -> History:
    """Fit on nine tenths of the images; the other tenth shows how well the model reads new ones."""
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model.fit(x[..., None], y, batch_size=32, epochs=epochs, validation_split=0.1, verbose=verbose)


def draw_predictions(x: np.ndarray, y: np.ndarray, probabilities: np.ndarray) -> str:
    """A few test digits with what the model reads; a wrong one last, if there is any."""
    chosen = choose(y, probabilities)
    return side_by_side([x[i] for i in chosen], [_caption(y[i], probabilities[i]) for i in chosen], _MOST_INK)


def choose(y: np.ndarray, probabilities: np.ndarray) -> list[int]:
    """Positions of right answers, each of another digit, and of the surest wrong one."""
    guesses = probabilities.argmax(axis=-1)
    wrong = np.flatnonzero(guesses != y)
    first_of_each = [np.flatnonzero((guesses == y) & (y == digit))[:1] for digit in np.unique(y)]
    right = np.concatenate(first_of_each)[: SHOWN - bool(len(wrong))]
    surest = wrong[probabilities[wrong].max(axis=-1).argmax()] if len(wrong) else None
    return [int(i) for i in right] + ([] if surest is None else [int(surest)])


def _caption(truth: int, probabilities: np.ndarray) -> str:
    guess = int(probabilities.argmax())
    text = f"read as {guess}: {probabilities[guess]:.1%}"
    return text if guess == truth else f"{text}\nwrong, it is {truth}"


def _save_curves(history: History, path: Path, accuracy: float) -> None:
    if write_curves(history.history, path, f"Sequax on handwritten digits: {accuracy:.2%} of the test digits right"):
        print(f"Curves of the training: {path}")
    else:
        print("Install matplotlib to get the curves as a picture: pip install 'sequax[plot]'")
