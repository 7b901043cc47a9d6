"""Layers wired as a graph: branches, shared layers, models inside models, and several answers at once.

Runs on Keras (`KERAS_BACKEND=jax python examples/guide_functional.py`) and on Sequax (`sequax run ...`); lines with
":" are equal in both.
"""

import keras
import numpy as np
from keras import layers, ops
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.preprocessing import StandardScaler


def fix_weights(model, seed=0):
    """The same starting weights in any library: NumPy draws them, not the initializers."""
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(scale=0.2, size=w.shape) if w.ndim > 1 else w for w in model.get_weights()])


def show(name, value):
    print(f"{name}: {value:.5f}")


# --- a small graph with a shortcut ---

images, digits = load_digits(return_X_y=True)
images, digits = (images[:640] / 16).reshape(-1, 8, 8, 1).astype("float32"), digits[:640]

image = keras.Input(shape=(8, 8, 1), name="image")
print("a symbolic input:", image.shape, image.dtype)
x = layers.Conv2D(6, 3, padding="same", activation="relu", name="entry")(image)
branch = layers.Conv2D(6, 3, padding="same", activation="relu")(x)
x = layers.add([x, branch], name="shortcut")
x = layers.AveragePooling2D(2)(x)
x = layers.Flatten()(x)
digit = layers.Dense(10, name="digit")(x)
reader = keras.Model(inputs=image, outputs=digit, name="reader")
print("layers:", len(reader.layers), "parameters:", reader.count_params())

fix_weights(reader)
reader.compile(
    keras.optimizers.RMSprop(0.005),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=[keras.metrics.SparseCategoricalAccuracy(name="right")],
)
history = reader.fit(
    images, digits, batch_size=64, epochs=3, validation_data=(images[:100], digits[:100]), shuffle=False, verbose=0
)
for name in sorted(history.history):
    show(f"digits, {name} after three epochs", history.history[name][-1])

copy = keras.Model.from_config(reader.get_config())
copy.set_weights(reader.get_weights())
print("a copy from its config agrees:", np.allclose(copy(images[:4]), reader(images[:4]), atol=1e-5))

middle = keras.Model(reader.inputs, reader.get_layer("shortcut").output)
print("shape in the middle:", middle.predict(images[:4], verbose=0).shape)

# --- two graphs over the same layers: an encoder, and the autoencoder around it ---

pixels = keras.Input((64,), name="pixels")
code = layers.Dense(8, activation="tanh", name="code")(pixels)
encoder = keras.Model(pixels, code, name="encoder")
latent = keras.Input((8,), name="latent")
decoder = keras.Model(latent, layers.Dense(64, activation="sigmoid")(latent), name="decoder")

whole = keras.Input((64,), name="whole")
autoencoder = keras.Model(whole, decoder(encoder(whole)), name="autoencoder")
fix_weights(autoencoder, seed=1)
autoencoder.compile("adam", "mse")
flat = images.reshape(-1, 64)
history = autoencoder.fit(flat, flat, batch_size=32, epochs=5, shuffle=False, verbose=0)
show("autoencoder, loss", history.history["loss"][-1])
show("the encoder alone, mean of the code", float(np.mean(encoder.predict(flat, verbose=0))))
print("models inside:", [layer.name for layer in autoencoder.layers[1:]])


def member(index):
    given = keras.Input((64,))
    answer = layers.Dense(10, activation="softmax")(layers.Dense(8, activation="relu")(given))
    model = keras.Model(given, answer, name=f"member_{index}")
    fix_weights(model, seed=10 + index)
    return model


vote = keras.Input((64,))
council = keras.Model(vote, layers.average([member(index)(vote) for index in range(3)]))
show("three members, largest mean vote", float(council.predict(flat[:50], verbose=0).max()))

# --- two inputs, one layer used twice, two outputs; data, losses and weights go by name ---

table, benign = load_breast_cancer(return_X_y=True)
table = StandardScaler().fit_transform(table).astype("float32")
means, worst, size = table[:, :10], table[:, 20:], table[:, 3:4]  # two views of the same ten properties

first, second = keras.Input((10,), name="means"), keras.Input((10,), name="worst")
shared = layers.Dense(6, activation="tanh", name="shared")
both = layers.concatenate([shared(first), shared(second), ops.abs(first - second)])
answers = {"benign": layers.Dense(1, name="benign")(both), "size": layers.Dense(1, name="size")(both)}
doctor = keras.Model({"means": first, "worst": second}, answers)
print("arrays to train:", len(doctor.trainable_weights), "parameters:", doctor.count_params())

fix_weights(doctor, seed=2)
doctor.compile(
    optimizer=keras.optimizers.Adam(0.01),
    loss={"benign": keras.losses.BinaryCrossentropy(from_logits=True), "size": "mse"},
    loss_weights={"benign": 1.0, "size": 0.25},
    metrics={"benign": [keras.metrics.BinaryAccuracy(threshold=0.0, name="right")], "size": ["mae"]},
)
named = {"means": means, "worst": worst}
history = doctor.fit(named, {"benign": benign, "size": size}, batch_size=64, epochs=4, shuffle=False, verbose=0)
for name in sorted(history.history):
    show(f"two answers, {name}", history.history[name][-1])
report = doctor.evaluate(named, {"benign": benign, "size": size}, verbose=0, return_dict=True)
for name in sorted(report):
    show(f"two answers, evaluated {name}", report[name])
predicted = doctor.predict(named, verbose=0)
print("predictions by name:", {name: array.shape for name, array in sorted(predicted.items())})
