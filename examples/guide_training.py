"""`compile`, `fit`, `evaluate` and `predict` with all that one may pass to them.

Runs on Keras (`KERAS_BACKEND=jax python examples/guide_training.py`) and on Sequax (`sequax run ...`); lines with
":" are equal in both.
"""

import keras
import numpy as np
from keras import layers, ops
from sklearn.datasets import load_diabetes, load_digits, load_iris


def fix_weights(model, seed=0):
    """The same starting weights in any library: NumPy draws them, not the initializers."""
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(scale=0.2, size=w.shape) if w.ndim > 1 else w for w in model.get_weights()])


def show(name, value):
    print(f"{name}: {value:.5f}")


def classifier(features=64, classes=10, seed=0, **settings):
    model = keras.Sequential(
        [keras.Input((features,)), layers.Dense(16, activation="relu"), layers.Dense(classes, activation="softmax")]
    )
    fix_weights(model, seed)
    model.compile(**{"optimizer": "adam", "loss": "sparse_categorical_crossentropy", **settings})
    return model


pixels, digits = load_digits(return_X_y=True)
pixels = (pixels / 16).astype("float32")
train, held_out = slice(0, 960), slice(960, 1280)

# --- the usual round ---

model = classifier(metrics=["accuracy", keras.metrics.SparseTopKCategoricalAccuracy(k=3, name="in_three")])
history = model.fit(
    pixels[train], digits[train], batch_size=64, epochs=3, validation_split=0.2, shuffle=False, verbose=0
)
for name in sorted(history.history):
    show(f"round, {name}", history.history[name][-1])
for name, value in sorted(model.evaluate(pixels[held_out], digits[held_out], verbose=0, return_dict=True).items()):
    show(f"round, evaluated {name}", value)
print("round, predictions:", model.predict(pixels[:3], verbose=0).shape)

# --- a loss, a metric and an endpoint of one's own ---


def soft_huber(y_true, y_pred):
    return ops.mean(ops.sqrt(1.0 + ops.square(y_true - y_pred)) - 1.0, axis=-1)


@keras.saving.register_keras_serializable(package="guide")
class UnderestimateCosts(keras.losses.Loss):
    """Squared error, more for predictions that are too low."""

    def __init__(self, factor=3.0, name="underestimate_costs", **kwargs):
        super().__init__(name=name, **kwargs)
        self.factor = factor

    def call(self, y_true, y_pred):
        error = y_true - y_pred
        return ops.mean(ops.where(error > 0, self.factor, 1.0) * ops.square(error), axis=-1)


class WithinOne(keras.metrics.Metric):
    """The share of predictions at most one unit off."""

    def __init__(self, name="within_one", **kwargs):
        super().__init__(name=name, **kwargs)
        self.hits = self.add_weight(shape=(), initializer="zeros", name="hits")
        self.seen = self.add_weight(shape=(), initializer="zeros", name="seen")

    def update_state(self, y_true, y_pred, sample_weight=None):
        hit = ops.cast(ops.abs(y_true - y_pred) <= 1.0, "float32")
        weight = (
            ops.ones_like(hit) if sample_weight is None else ops.reshape(ops.cast(sample_weight, "float32"), (-1, 1))
        )
        self.hits.assign_add(ops.sum(hit * weight))
        self.seen.assign_add(ops.sum(weight))

    def result(self):
        return self.hits / self.seen


patients, progression = load_diabetes(return_X_y=True)
patients, progression = (patients * 20).astype("float32"), (progression[:, None] / 80).astype("float32")
importance = np.where(progression[:, 0] > 2, 2.0, 1.0).astype("float32")
for loss in (soft_huber, UnderestimateCosts(factor=4.0)):
    regressor = keras.Sequential([keras.Input((10,)), layers.Dense(8, activation="tanh"), layers.Dense(1)])
    fix_weights(regressor, seed=3)
    regressor.compile(keras.optimizers.SGD(0.05), loss, metrics=[WithinOne()], weighted_metrics=["mae"])
    history = regressor.fit(
        patients, progression, sample_weight=importance, batch_size=50, epochs=3, shuffle=False, verbose=0
    )
    title = getattr(loss, "name", "soft_huber")
    for name in sorted(history.history):
        show(f"{title}, {name}", history.history[name][-1])

# --- some samples count more: by class, by sample, and in validation ---

flowers, species = load_iris(return_X_y=True)
order = np.random.default_rng(0).permutation(len(flowers))
flowers, species = flowers[order].astype("float32"), species[order]

model = classifier(4, 3, seed=4, weighted_metrics=["accuracy"])
history = model.fit(
    flowers, species, class_weight={0: 1.0, 1: 3.0, 2: 0.5}, batch_size=30, epochs=3, shuffle=False, verbose=0
)
show("class weights, loss", history.history["loss"][-1])
weights = np.where(species == 1, 3.0, 1.0)
model = classifier(4, 3, seed=4, metrics=["accuracy"], weighted_metrics=["accuracy"])
history = model.fit(
    flowers[:120], species[:120], sample_weight=weights[:120], batch_size=30, epochs=3, shuffle=False, verbose=0,
    validation_data=(flowers[120:], species[120:], weights[120:]), validation_freq=3, validation_batch_size=10,
)  # fmt: skip
show("sample weights, val_loss", history.history["val_loss"][-1])
print("sample weights, validated epochs:", len(history.history["val_loss"]))

# --- what a layer adds to the loss ---


class Quiet(layers.Layer):
    """Passes its input on, and asks for small activations."""

    def call(self, inputs):
        self.add_loss(0.1 * ops.mean(ops.square(inputs)))
        return inputs


given = keras.Input((4,))
hidden = Quiet()(layers.Dense(8, activation="relu", kernel_regularizer=keras.regularizers.L2(0.01))(given))
model = keras.Model(given, layers.Dense(3, activation="softmax")(hidden))
fix_weights(model, seed=5)
schedule = keras.optimizers.schedules.ExponentialDecay(0.05, decay_steps=5, decay_rate=0.8)
model.compile(keras.optimizers.Adam(schedule), "categorical_crossentropy", metrics=["categorical_accuracy"])
history = model.fit(flowers, keras.utils.to_categorical(species, 3), batch_size=30, epochs=3, shuffle=False, verbose=0)
show("penalties, loss of the first epoch", history.history["loss"][0])
show("penalties, loss of the last epoch", history.history["loss"][-1])
model(flowers[:30])
print("penalties, terms:", len(model.losses))
show("decayed learning rate", float(model.optimizer.learning_rate))

# --- two tasks in two lists ---

given = keras.Input((4,))
hidden = layers.Dense(8, activation="tanh")(given)
model = keras.Model(
    given, [layers.Dense(3, activation="softmax", name="species")(hidden), layers.Dense(1, name="width")(hidden)]
)
fix_weights(model, seed=6)
model.compile(
    "adam", ["sparse_categorical_crossentropy", "mse"], loss_weights=[1.0, 0.5], metrics=[["accuracy"], ["mae"]]
)
history = model.fit(flowers, [species, flowers[:, 3:]], batch_size=30, epochs=3, shuffle=False, verbose=0)
for name in sorted(history.history):
    show(f"two lists, {name}", history.history[name][-1])
