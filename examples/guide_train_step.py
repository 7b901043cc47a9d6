"""What `fit` does with one batch, written by hand for the JAX backend: `train_step` and `test_step`.

All state goes in as tuples of arrays and comes back as tuples of arrays. Runs on Keras
(`KERAS_BACKEND=jax python examples/guide_train_step.py`) and on Sequax (`sequax run ...`); lines with ":" are equal
in both.
"""

import jax
import keras
import numpy as np
from keras import layers, ops
from sklearn.datasets import load_diabetes

patients, progression = load_diabetes(return_X_y=True)
patients, progression = (patients * 20).astype("float32"), (progression[:, None] / 80).astype("float32")


def fix_weights(model, seed=0):
    """The same starting weights in any library: NumPy draws them, not the initializers."""
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(scale=0.2, size=w.shape) if w.ndim > 1 else w for w in model.get_weights()])


def regressor(kind, **names):
    given = keras.Input((10,))
    hidden = layers.Dense(8, activation="tanh")(given)
    hidden = layers.BatchNormalization()(hidden)  # its moving averages are state that no gradient touches
    model = kind(given, layers.Dense(1)(hidden), **names)
    fix_weights(model)
    return model


def show(title, logs):
    for name in sorted(logs):
        value = logs[name]
        print(f"{title}, {name}: {float(value[-1] if isinstance(value, list) else value):.5f}")


# --- the loss and the metrics of `compile`, the step by hand ---


class ByHand(keras.Model):
    """Does in the open what `fit` would have done."""

    def train_step(self, state, data):
        trainable, other, optimizer, metrics = state
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        loss_and_gradients = jax.value_and_grad(self.compute_loss_and_updates, has_aux=True)
        (_, (loss, y_pred, other, metrics)), gradients = loss_and_gradients(
            trainable, other, metrics, x, y, sample_weight, training=True, optimizer_variables=optimizer
        )
        trainable, optimizer = self.optimizer.stateless_apply(optimizer, gradients, trainable)

        logs, after, begin = {}, [], 0
        for metric in self.metrics:
            own = metrics[begin : begin + len(metric.variables)]
            begin += len(own)
            if metric.name == "loss":
                own = metric.stateless_update_state(own, loss, sample_weight=ops.shape(x)[0])
            else:
                own = metric.stateless_update_state(own, y, y_pred, sample_weight)
            logs[metric.name] = metric.stateless_result(own)
            after += own
        return logs, (trainable, other, optimizer, after)


importance = np.where(progression[:, 0] > 2, 2.0, 1.0).astype("float32")
for kind in (keras.Model, ByHand):
    model = regressor(kind)
    model.compile(optimizer=keras.optimizers.Adam(0.02), loss="mse")
    history = model.fit(
        patients, progression, sample_weight=importance, epochs=3, batch_size=64, shuffle=False, verbose=0
    )
    show(f"{kind.__name__}, weighted", history.history)
    print(f"{kind.__name__}, prediction: {float(model.predict(patients[:1], verbose=0)[0, 0]):.5f}")


# --- no loss in `compile` at all: another rule to learn by, and metrics that the model owns ---


class Bounds(keras.Model):
    """Learns from the absolute error, by steps of one length per array; keeps two averages of its own."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.error = keras.metrics.Mean(name="error")
        self.largest = keras.metrics.Mean(name="largest")

    @property
    def metrics(self):
        return [self.error, self.largest]

    def distance(self, trainable, other, x, y, training):
        y_pred, other = self.stateless_call(trainable, other, x, training=training)
        gap = ops.abs(y - y_pred)
        return ops.mean(gap), (ops.max(gap), other)

    def updated(self, metrics, error, largest):
        count = len(self.error.variables)
        first = self.error.stateless_update_state(metrics[:count], error)
        second = self.largest.stateless_update_state(metrics[count:], largest)
        logs = {"error": self.error.stateless_result(first), "largest": self.largest.stateless_result(second)}
        return logs, [*first, *second]

    def train_step(self, state, data):
        trainable, other, optimizer, metrics = state
        x, y = data
        step = jax.value_and_grad(self.distance, has_aux=True)
        (error, (largest, other)), gradients = step(trainable, other, x, y, True)
        gradients = [gradient / (ops.norm(gradient) + 0.001) for gradient in gradients]
        trainable, optimizer = self.optimizer.stateless_apply(optimizer, gradients, trainable)
        logs, metrics = self.updated(metrics, error, largest)
        return logs, (trainable, other, optimizer, metrics)

    def test_step(self, state, data):
        trainable, other, metrics = state
        x, y = data
        error, (largest, other) = self.distance(trainable, other, x, y, False)
        logs, metrics = self.updated(metrics, error, largest)
        return logs, (trainable, other, metrics)


model = regressor(Bounds)
model.compile(optimizer=keras.optimizers.SGD(0.05))
show("own rule", model.fit(patients, progression, epochs=4, batch_size=64, shuffle=False, verbose=0).history)
show("own rule, evaluated", model.evaluate(patients, progression, verbose=0, return_dict=True))


# --- often a loss is all that is wanted ---


class Smooth(keras.Model):
    """The usual loss, and a term that keeps predictions close to each other."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        usual = super().compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=training)
        return usual + 0.5 * ops.var(y_pred)


model = regressor(Smooth)
model.compile(optimizer=keras.optimizers.Adam(0.02), loss="mse", metrics=["mae"])
show("smooth", model.fit(patients, progression, epochs=3, batch_size=64, shuffle=False, verbose=0).history)
show("smooth, evaluated", model.evaluate(patients, progression, verbose=0, return_dict=True))
