"""Data that do not come as arrays: a `PyDataset` that makes its batches, generators that end, generators that do not.

Runs on Keras (`KERAS_BACKEND=jax python examples/guide_streams.py`) and on Sequax (`sequax run ...`); lines with ":"
are equal in both.
"""

import os
import tempfile

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits

pixels, digits = load_digits(return_X_y=True)
pixels = (pixels / 16).astype("float32")
train, held_out = slice(0, 1000), slice(1000, 1300)


def make_model():
    model = keras.Sequential([keras.Input((64,)), layers.Dense(16, activation="relu"), layers.Dense(10)])
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(scale=0.2, size=w.shape) if w.ndim > 1 else w for w in model.get_weights()])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.005), loss, metrics=["accuracy"], weighted_metrics=[])
    return model


def show(title, logs):
    for name in sorted(logs):
        value = logs[name]
        print(f"{title}, {name}: {float(value[-1] if isinstance(value, list) else value):.5f}")


# --- by index: batches of files, made when they are needed ---


class Folder(keras.utils.PyDataset):
    """One file per batch, and a turn of the order after each epoch."""

    def __init__(self, folder, turns=False, **kwargs):
        super().__init__(**kwargs)
        self.folder, self.turns, self.epochs = folder, turns, 0
        self.names = sorted(os.listdir(folder))

    def __len__(self):
        return len(self.names)

    def __getitem__(self, index):
        with np.load(os.path.join(self.folder, self.names[index])) as file:
            return file["x"], file["y"]

    def on_epoch_end(self):
        self.epochs += 1
        if self.turns:
            self.names = self.names[1:] + self.names[:1]


def write(folder, rows, size=64):
    for begin in range(rows.start, rows.stop, size):
        end = min(begin + size, rows.stop)
        np.savez(os.path.join(folder, f"{begin:05d}.npz"), x=pixels[begin:end], y=digits[begin:end])


with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
    write(first, train)
    write(second, held_out)
    print("batches:", len(Folder(first)), len(Folder(second)))
    model = make_model()
    history = model.fit(Folder(first), validation_data=Folder(second), epochs=3, shuffle=False, verbose=0)
    show("folder", history.history)
    show("folder, evaluated", model.evaluate(Folder(second), verbose=0, return_dict=True))
    print("folder, predictions:", model.predict(Folder(second), verbose=0).shape)
    history = make_model().fit(Folder(first, workers=2), epochs=2, shuffle=False, verbose=0)
    print(f"folder, two workers, accuracy ~ {history.history['accuracy'][-1]:.2f}")  # batches come as they are ready

history = make_model().fit(pixels[train], digits[train], batch_size=64, epochs=3, shuffle=False, verbose=0)
show("the same as arrays", history.history)

# --- one after another: generators ---


def endless(rows, size=50, weights=False):
    begin = rows.start
    while True:
        end = min(begin + size, rows.stop)
        batch = pixels[begin:end], digits[begin:end]
        yield (*batch, np.where(digits[begin:end] == 8, 2.0, 1.0)) if weights else batch
        begin = end if end < rows.stop else rows.start


def once(rows, size=50):
    for begin in range(rows.start, rows.stop, size):
        yield pixels[begin : begin + size], digits[begin : begin + size]


model = make_model()
history = model.fit(
    endless(train), steps_per_epoch=10, epochs=3, shuffle=False, verbose=0,
    validation_data=endless(held_out), validation_steps=4, validation_freq=3,
)  # fmt: skip
show("endless, epochs of ten batches", history.history)
history = make_model().fit(endless(train, weights=True), steps_per_epoch=20, shuffle=False, verbose=0)
show("endless, with sample weights", history.history)
show("once", make_model().fit(once(train), steps_per_epoch=20, shuffle=False, verbose=0).history)
show("once, evaluated", model.evaluate(once(held_out), steps=6, verbose=0, return_dict=True))
answers = model.predict(((x,) for x, _ in once(held_out)), steps=6, verbose=0)
print(f"once, predicted: {answers.shape} {answers.max():.5f}")
show("four batches of many, evaluated", model.evaluate(endless(held_out), steps=4, verbose=0, return_dict=True))

# --- by hand, batch after batch ---

model, logs = make_model(), {}
for x, y in once(train, size=200):
    logs = model.train_on_batch(x, y, return_dict=True)
show("last of five batches", logs)
show("tested on a batch", model.test_on_batch(pixels[held_out], digits[held_out], return_dict=True))
print("predicted on a batch:", model.predict_on_batch(pixels[:7]).shape)
