"""A page that reads drawn digits: trains a network, exports it for browsers, and puts the page beside it.

    make web

or, with `npm install` done in this folder, `python examples/web/make.py [FOLDER] [--epochs 40]`.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np

import sequax as keras
from sequax import layers
from sequax.datasets import digits

HERE = Path(__file__).parent


def make_model() -> keras.Sequential:
    """Images of 8 x 8 pixels, 0 to 16. What is drawn by hand stands crooked and anywhere: so do the examples."""
    return keras.Sequential(
        [
            keras.Input((8, 8, 1), name="image"),
            layers.Rescaling(1 / 16),
            layers.RandomRotation(0.04, fill_mode="constant"),
            layers.RandomTranslation(0.1, 0.1, fill_mode="constant"),
            layers.RandomZoom(0.1, fill_mode="constant"),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.BatchNormalization(momentum=0.9),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.4),
            layers.Dense(10, activation="softmax", name="probabilities"),
        ],
        name="digits",
    )


def train(epochs: int) -> tuple[keras.Sequential, float]:
    """A network, and its share of right answers for digits that it has not seen."""
    keras.utils.set_random_seed(3)
    (x, y), (x_test, y_test) = digits.load_data()
    model = make_model()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x[..., None].astype("float32"), y, batch_size=32, epochs=epochs, verbose=0)
    found = model.predict(x_test[..., None].astype("float32"), verbose=0).argmax(-1)
    return model, float(np.mean(found == y_test))


def make(folder: Path, epochs: int, runtime: Path) -> float:
    """Write the folder; returns the accuracy."""
    model, accuracy = train(epochs)
    model.export(folder, format="web", runtime=str(runtime), verbose=False)
    shutil.copyfile(HERE / "index.html", folder / "index.html")
    return accuracy


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=HERE.parents[1] / "build" / "web")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--runtime", type=Path, default=HERE / "node_modules" / "onnxruntime-web" / "dist")
    options = parser.parse_args()
    if not (options.runtime / "ort.wasm.min.mjs").is_file():
        raise SystemExit(f"onnxruntime-web is not in {options.runtime}. Run `npm install` in {HERE}, or `make web`.")
    accuracy = make(options.folder, options.epochs, options.runtime)
    print(f"{accuracy:.1%} of the digits never seen are read right.")
    print(f"{options.folder / 'index.html'}: serve it, as browsers let no page that was opened as a file read others:")
    print(f"    python -m http.server --directory {options.folder}")


if __name__ == "__main__":
    main()
