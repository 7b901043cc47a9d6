"""Layers and models of one's own: weights, sub-layers, penalties, configs, and a model with its own `call`.

Runs on Keras (`KERAS_BACKEND=jax python examples/guide_layers.py`) and on Sequax (`sequax run ...`); lines with ":"
are equal in both.
"""

import keras
import numpy as np
from keras import layers, ops
from sklearn.datasets import load_digits, load_wine
from sklearn.preprocessing import StandardScaler


def fix_weights(model, seed=0):
    """The same starting weights in any library: NumPy draws them, not the initializers."""
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(scale=0.3, size=w.shape) if w.ndim > 1 else w for w in model.get_weights()])


def show(name, value):
    print(f"{name}: {float(value):.5f}")


# --- weights: known at once, or only when the input is known ---


@keras.saving.register_keras_serializable(package="guide")
class Gauge(layers.Layer):
    """Counts the rows it has seen, in a weight that no gradient changes, and subtracts a fixed level."""

    def __init__(self, level=0.0, **kwargs):
        super().__init__(**kwargs)
        self.level = level
        self.seen = self.add_weight(shape=(), initializer="zeros", trainable=False, name="seen")

    def call(self, inputs):
        self.seen.assign(self.seen + ops.cast(ops.shape(inputs)[0], "float32"))
        return inputs - self.level

    def get_config(self):
        return {**super().get_config(), "level": self.level}


@keras.saving.register_keras_serializable(package="guide")
class Bend(layers.Layer):
    """y = a * x + b * x^2 per feature, and a dense mixture of it; `a` and `b` are made when the input is known."""

    def __init__(self, units, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.activation = keras.activations.get(activation)
        self.mix = layers.Dense(units, name="mix")

    def build(self, input_shape):
        self.straight = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="straight")
        self.curved = self.add_weight(
            shape=(input_shape[-1],), initializer="zeros", regularizer=keras.regularizers.L1(0.01), name="curved"
        )
        self.mix.build(input_shape)
        self.built = True

    def call(self, inputs):
        return self.activation(self.mix(self.straight * inputs + self.curved * ops.square(inputs)))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        activation = keras.activations.serialize(self.activation)
        return {**super().get_config(), "units": self.units, "activation": activation}


table, cultivar = load_wine(return_X_y=True)
table = StandardScaler().fit_transform(table).astype("float32")

gauge = Gauge(level=1.0)
gauge(table)
gauge(table[:22])
show("rows seen", gauge.seen.numpy() if hasattr(gauge.seen, "numpy") else gauge.seen)
print("gauge, weights and trainable ones:", len(gauge.weights), len(gauge.trainable_weights))

bend = Bend(5, "tanh", name="bend")
before = len(bend.weights)
bend(table)
print("bend, weights before and after the first call:", before, len(bend.weights))
print("bend, names:", sorted(weight.name for weight in bend.weights), "shape:", bend.compute_output_shape((None, 13)))
twin = Bend.from_config(bend.get_config())
print("bend, config:", {key: value for key, value in bend.get_config().items() if key in ("units", "activation")})
print("bend, twin:", twin.units, twin.activation is bend.activation, twin.name)
bend.trainable = False
print("bend, frozen:", len(bend.trainable_weights), len(bend.non_trainable_weights))
bend.trainable = True

# --- `training`, and penalties on what flows through ---


class Fade(layers.Layer):
    """Smaller while training; keeps the activations small by a penalty, which nested layers hand upwards."""

    def __init__(self, rate=0.5, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate

    def call(self, inputs, training=False):
        self.add_loss(0.01 * ops.mean(ops.abs(inputs)))
        return inputs * (1 - self.rate) if training else inputs


class Block(layers.Layer):
    """Layers in a list and in attributes: all of them are found."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.steps = [Bend(8, "relu"), Bend(8, "tanh")]
        self.fade = Fade()

    def call(self, inputs, training=False):
        for step in self.steps:
            inputs = step(inputs)
        return self.fade(inputs, training=training)


block = Block()
quiet, loud = block(table, training=True), block(table)
print("block, training halves:", np.allclose(2 * np.asarray(quiet), loud, atol=1e-5))
print("block, weights:", len(block.weights), "penalties:", len(block.losses))

# --- a model: layers as attributes, `call` says how they follow each other ---


class Reader(keras.Model):
    """Two looks at an image, side by side, and a verdict."""

    def __init__(self, classes=10, **kwargs):
        super().__init__(**kwargs)
        self.fine = keras.Sequential([layers.Conv2D(6, 3, activation="relu"), layers.Flatten()])
        self.coarse = keras.Sequential([layers.AveragePooling2D(4), layers.Flatten()])
        self.fade = Fade(rate=0.2)
        self.verdict = layers.Dense(classes, activation="softmax")

    def call(self, images, training=False):
        both = ops.concatenate([self.fine(images), self.coarse(images)], axis=-1)
        return self.verdict(self.fade(both, training=training))


images, digits = load_digits(return_X_y=True)
images, digits = (images[:640] / 16).reshape(-1, 8, 8, 1).astype("float32"), digits[:640]
reader = Reader()
print("reader, answer:", tuple(reader(images[:2]).shape), "layers:", len(reader.layers))
print("reader, parameters:", reader.count_params())
fix_weights(reader)
reader.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
history = reader.fit(images, digits, batch_size=64, epochs=3, shuffle=False, verbose=0)
for name in sorted(history.history):
    show(f"reader, {name}", history.history[name][-1])
show("reader, evaluated loss", reader.evaluate(images, digits, batch_size=64, verbose=0)[0])
show("reader, largest probability", reader.predict(images[:64], verbose=0).max())

# --- layers of one's own in a stack, and a copy of it from its config ---

stack = keras.Sequential([keras.Input((13,)), Gauge(0.1), Bend(8, "tanh"), layers.Dense(3, activation="softmax")])
fix_weights(stack, seed=1)
stack.compile("adam", "sparse_categorical_crossentropy")
history = stack.fit(table, cultivar, batch_size=89, epochs=3, shuffle=False, verbose=0)
show("stack, loss", history.history["loss"][-1])
show("stack, rows seen by three epochs", np.asarray(stack.layers[0].seen))
copy = keras.Sequential.from_config(stack.get_config())
copy.set_weights(stack.get_weights())
print("a copy agrees:", np.allclose(copy.predict(table, verbose=0), stack.predict(table, verbose=0), atol=1e-5))
