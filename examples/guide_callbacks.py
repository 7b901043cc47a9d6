"""What callbacks see and do: when they are called, with which logs, and how they change a training.

Runs on Keras (`KERAS_BACKEND=jax python examples/guide_callbacks.py`) and on Sequax (`sequax run ...`); lines with
":" are equal in both.
"""

import csv
import os
import tempfile

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_iris

flowers, species = load_iris(return_X_y=True)
order = np.random.default_rng(0).permutation(len(flowers))
flowers, species = flowers[order].astype("float32"), species[order]
train, held_out = (flowers[:120], species[:120]), (flowers[120:], species[120:])


def make_model(rate=0.05):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(8, activation="tanh"), layers.Dense(3)])
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(scale=0.2, size=w.shape) if w.ndim > 1 else w for w in model.get_weights()])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(rate), loss, metrics=["accuracy"])
    return model


def fit(model, *callbacks, epochs=4):
    return model.fit(
        *train,
        validation_data=held_out,
        batch_size=30,
        epochs=epochs,
        shuffle=False,
        verbose=0,
        callbacks=list(callbacks),
    )


# --- a diary of everything that is called ---


class Diary(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.lines = []

    def note(self, event, logs):
        self.lines.append(f"{event}({', '.join(sorted(logs or {}))})")

    def on_train_begin(self, logs=None):
        self.note("train_begin", logs)

    def on_train_end(self, logs=None):
        self.note("train_end", logs)

    def on_epoch_begin(self, epoch, logs=None):
        self.note(f"epoch_begin {epoch}", logs)

    def on_epoch_end(self, epoch, logs=None):
        self.note(f"epoch_end {epoch}", logs)

    def on_train_batch_begin(self, batch, logs=None):
        self.note(f"batch_begin {batch}", logs)

    def on_train_batch_end(self, batch, logs=None):
        self.note(f"batch_end {batch}", logs)

    def on_test_begin(self, logs=None):
        self.note("test_begin", logs)

    def on_test_end(self, logs=None):
        self.note("test_end", logs)

    def on_test_batch_end(self, batch, logs=None):
        self.note(f"test_batch_end {batch}", logs)

    def on_predict_batch_end(self, batch, logs=None):
        self.note(f"predict_batch_end {batch}", logs)


diary, model = Diary(), make_model()
fit(model, diary, epochs=1)
for line in diary.lines:
    print("diary:", line)
print("what fit tells a callback:", sorted(diary.params))
diary.lines.clear()
model.predict(flowers, batch_size=60, verbose=0, callbacks=[diary])
print("diary of predict:", "; ".join(diary.lines))

# --- a callback that looks at batches and stops the training ---


class StopBelow(keras.callbacks.Callback):
    """Ends the training as soon as the running loss of an epoch falls below a bound, and remembers where."""

    def __init__(self, bound):
        super().__init__()
        self.bound, self.where, self.first = bound, None, None

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        self.first = self.first or logs["loss"]
        if logs["loss"] < self.bound and self.where is None:
            self.where = (self.epoch, batch)
            self.model.stop_training = True


stop = StopBelow(0.85)
history = fit(make_model(), stop, epochs=30)
print("stopped in epoch and batch:", stop.where, "epochs in the history:", len(history.epoch))
print(f"loss of the very first batch: {stop.first:.5f}")

# --- learning rates ---


class Warmup(keras.callbacks.Callback):
    """Doubles the learning rate before each epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        rate = float(np.asarray(self.model.optimizer.learning_rate))
        self.model.optimizer.learning_rate = 2 * rate

    def on_epoch_end(self, epoch, logs=None):
        print(
            f"warmup, epoch {epoch}, rate and loss: {float(self.model.optimizer.learning_rate):.5f} {logs['loss']:.5f}"
        )


fit(make_model(0.01), Warmup())


def halved_late(epoch, rate):
    return rate if epoch < 2 else rate * 0.5


history = fit(make_model(), keras.callbacks.LearningRateScheduler(halved_late))
print("scheduler, rates:", [round(float(rate), 5) for rate in history.history["learning_rate"]])
print(f"scheduler, val_loss: {history.history['val_loss'][-1]:.5f}")

plateau = keras.callbacks.ReduceLROnPlateau("val_loss", factor=0.1, patience=1, min_delta=0.2, min_lr=1e-4)
history = fit(make_model(), plateau, epochs=6)
print("plateau, rates:", [round(float(rate), 6) for rate in history.history["learning_rate"]])

# --- stopping early, with the best weights; losses into a file ---

patient = keras.callbacks.EarlyStopping("val_loss", min_delta=0.15, patience=2, restore_best_weights=True, mode="min")
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "log.csv")
    model = make_model()
    history = fit(model, patient, keras.callbacks.CSVLogger(path), epochs=20)
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
print("early stopping, epochs:", len(history.epoch), "stopped:", patient.stopped_epoch, "best:", patient.best_epoch)
print(f"early stopping, best val_loss: {patient.best:.5f}")
print(f"early stopping, loss of the weights it kept: {model.evaluate(*held_out, verbose=0)[0]:.5f}")
print("log file, columns and rows:", sorted(rows[0]), len(rows))
print(f"log file, last accuracy: {float(rows[-1]['accuracy']):.5f}")

# --- small ones without a class ---

seen = []
brief = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append((epoch, round(logs["loss"], 4))))
fit(make_model(), brief, epochs=2)
print("lambda:", seen)
history = fit(make_model(float("1e38")), keras.callbacks.TerminateOnNaN(), epochs=5)
print("an absurd rate, epochs until there are no numbers any more:", len(history.epoch))
