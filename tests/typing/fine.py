"""What a type checker must know of a script without mistakes."""

from typing import Any, assert_type

import jax
import numpy as np

import sequax as keras
from sequax import layers
from sequax.applications import ConvNeXtTiny, MobileNetV2, vgg16
from sequax.callbacks import EarlyStopping, History
from sequax.layers import AvgPool1D, Dense
from sequax.optimizers.schedules import ExponentialDecay

x, y = np.zeros((20, 8), "float32"), np.zeros((20, 1), "float32")
model = keras.Sequential([keras.Input((8,)), layers.Dense(4, activation="relu"), Dense(1)], name="small")
assert_type(model, keras.Sequential)
assert_type(Dense(3), Dense)
assert_type(AvgPool1D(2), layers.AveragePooling1D)
model.add(layers.Dropout(0.1))
model.compile(keras.optimizers.Adam(0.1), loss=["mse"], metrics={"dense": ["mae", keras.metrics.AUC()]})
model.compile(keras.optimizers.SGD(ExponentialDecay(0.1, 10, 0.9)), loss=lambda true, made: made - true)
model.compile("rmsprop", "mse", metrics=["accuracy"])

history = model.fit(x, y, epochs=3, verbose=2, callbacks=[EarlyStopping(patience=2)], validation_data=(x, y))
assert_type(history, History)
assert_type(model.predict(x), np.ndarray)
loss, accuracy = model.evaluate(x, y)
assert_type(model[:-1], keras.Sequential)
model.summary(expand_nested=True)
model.save("model.keras")
assert_type(keras.models.load_model("model.keras"), keras.Model)

inputs = keras.Input((8,))
outputs = layers.Dense(1)(inputs)
graph = keras.Model(inputs, outputs)
assert_type(graph, keras.Model)
assert_type(inputs + 1, keras.KerasTensor)
graph.fit(((x[i : i + 2], y[i : i + 2]) for i in range(0, 20, 2)), steps_per_epoch=10)


class Scale(layers.Layer):
    def __init__(self, factor: float = 1.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.factor = factor

    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones")
        assert_type(self.scale, keras.Variable)

    def call(self, x, training=False):
        return x * self.scale * self.factor

    def compute_mask(self, inputs, mask=None):
        return mask

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


class Doubled(keras.Model):
    def __init__(self):
        super().__init__()
        self.inner = Scale(2.0, name="twice")

    def call(self, x):
        return self.inner(x)

    def train_step(self, state, data):
        logs, state = super().train_step(state, data)
        return logs, state


class Sevens(keras.initializers.Initializer):
    def __call__(self, shape, dtype=None):
        return np.full(shape, 7, dtype)


class AtMostOne(keras.constraints.Constraint):
    def __call__(self, w):
        return keras.ops.where(w > 1, 1.0, w)


class Largest(keras.regularizers.Regularizer):
    def __call__(self, x):
        return 0.1 * abs(x).max()


class Halving(keras.optimizers.schedules.LearningRateSchedule):
    def __call__(self, step):
        return 0.1 * 0.5**step


class Descent(keras.optimizers.Optimizer):
    def update_step(self, gradient, variable, learning_rate):
        variable.assign_sub(learning_rate * gradient)


class Weighed(keras.Model):
    def train_step(self, state, data):
        x, y = data
        trainable, other, slots, metrics = state

        def loss_of(trainable):
            y_pred, after = self.stateless_call(trainable, other, x, training=True)
            return self.compute_loss(x, y, y_pred), after

        (loss, other), gradients = jax.value_and_grad(loss_of, has_aux=True)(trainable)
        trainable, slots = self.optimizer.stateless_apply(slots, gradients, trainable)
        return {"loss": loss}, (trainable, other, slots, metrics)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return keras.ops.mean((y - y_pred) ** 2)


class Diary(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        print(epoch, logs["loss"], self.model.optimizer, self.params["epochs"])


assert_type(Scale.from_config({}), Scale)
assert_type(Doubled().fit(x, y, callbacks=[Diary()]), History)

base = MobileNetV2(include_top=False, weights=None, input_shape=(96, 96, 3), pooling="avg")
assert_type(base, keras.Model)
assert_type(ConvNeXtTiny(weights=None, include_preprocessing=False), keras.Model)
assert_type(keras.applications.EfficientNetV2B0(False, None), keras.Model)
keras.Sequential([base, Dense(5)]).predict(vgg16.preprocess_input(np.ones((1, 96, 96, 3))))
print([name for _, name, _ in vgg16.decode_predictions(np.ones((1, 1000)), top=3)[0]])
