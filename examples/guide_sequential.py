"""A plain stack, from growing it layer by layer to reading features out of its middle.

Runs on Keras (`KERAS_BACKEND=jax python examples/guide_sequential.py`) and on Sequax (`sequax run ...`); lines with
":" are equal in both, lines with "~" depend on random numbers.
"""

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits, load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler


def fix_weights(model, seed=0):
    """The same starting weights in any library: NumPy draws them, not the initializers."""
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(scale=0.2, size=w.shape) if w.ndim > 1 else w for w in model.get_weights()])


def show(name, value):
    print(f"{name}: {value:.5f}")


# --- growing and shrinking ---

stack = keras.Sequential(name="cultivar")
stack.add(layers.Dense(12, activation="tanh", name="first"))
stack.add(layers.Dense(12, activation="tanh", name="second"))
stack.add(layers.Dense(3, name="logits"))
print("built before it has seen data:", stack.built)

table, cultivar = load_wine(return_X_y=True)
table = StandardScaler().fit_transform(table).astype("float32")
print("output of two rows:", tuple(stack(table[:2]).shape))
print("built by the first call:", stack.built)
print("weights:", len(stack.weights), "parameters:", stack.count_params())

stack.pop()
stack.pop()
stack.add(layers.Dense(3, name="logits"))
print("layers after pop and add:", [layer.name for layer in stack.layers])

known = keras.Sequential([keras.Input((13,)), layers.Dense(12, activation="tanh"), layers.Dense(3)])
print("known from the start:", known.built, known.output_shape, [tuple(w.shape) for w in known.weights])

# --- training ---

fix_weights(known)
known.compile(
    optimizer=keras.optimizers.SGD(0.1, momentum=0.9),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
history = known.fit(table, cultivar, batch_size=32, epochs=6, shuffle=False, verbose=0)
show("wine, loss of the first epoch", history.history["loss"][0])
show("wine, loss of the last epoch", history.history["loss"][-1])
loss, accuracy = known.evaluate(table, cultivar, verbose=0)
show("wine, loss", loss)
show("wine, accuracy", accuracy)

# --- images: the shape after each step is worth a look ---

images, digits = load_digits(return_X_y=True)
images = (images / 16).reshape(-1, 8, 8, 1).astype("float32")
seen, unseen, digits_seen, digits_unseen = train_test_split(images, digits, test_size=400, random_state=0)

eye = keras.Sequential([keras.Input((8, 8, 1), name="image")], name="eye")
eye.add(layers.Conv2D(8, 3, activation="relu", name="strokes"))
eye.add(layers.MaxPooling2D(2))
print("after strokes and pooling:", eye.output_shape)
eye.add(layers.Conv2D(16, 2, activation="relu", name="shapes"))
eye.add(layers.GlobalMaxPooling2D())
print("after shapes and pooling:", eye.output_shape)

reader = keras.Sequential([eye, layers.Dense(10, activation="softmax", name="digit")])
reader.build((None, 8, 8, 1))
fix_weights(reader, seed=1)
reader.compile(optimizer=keras.optimizers.Adam(0.01), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
history = reader.fit(seen, digits_seen, batch_size=64, epochs=2, shuffle=False, verbose=0)
show("digits, loss after two epochs", history.history["loss"][-1])
history = reader.fit(seen, digits_seen, batch_size=64, epochs=6, verbose=0)
print(f"digits, accuracy on unseen ones ~ {reader.evaluate(unseen, digits_unseen, verbose=0)[1]:.2f}")

# --- a model that shows what all layers say, and one that ends early ---

inner = keras.Model(eye.inputs, [layer.output for layer in eye.layers])
print("every layer of the eye:", [tuple(array.shape) for array in inner([unseen[:2]])])
early = keras.Model(eye.inputs[0], eye.get_layer("strokes").output)
strokes = early.predict(unseen[:5], verbose=0)
print("strokes:", strokes.shape, "none negative:", bool((strokes >= 0).all()))
same = np.allclose(strokes, np.asarray(inner([unseen[:5]])[0]), atol=1e-5)
print("both ways agree:", same)

# --- a frozen front, and a head that learns another question ---

eye.trainable = False
parity = keras.Sequential([eye, layers.Dense(1, activation="sigmoid")])
parity.build((None, 8, 8, 1))
before = [np.array(w) for w in eye.get_weights()]
print("trainable arrays:", len(parity.trainable_weights), "of", len(parity.weights))
parity.compile(optimizer=keras.optimizers.Adam(0.02), loss="binary_crossentropy", metrics=["accuracy"])
parity.fit(seen, digits_seen % 2, batch_size=64, epochs=8, verbose=0)
print("the eye stayed as it was:", all(map(np.array_equal, before, eye.get_weights())))
print(f"odd or even, accuracy on unseen ones ~ {parity.evaluate(unseen, digits_unseen % 2, verbose=0)[1]:.2f}")
