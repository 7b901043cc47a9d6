"""Transfer: what was learned on some digits helps with others. Freeze, add a head, train it, then tune gently.

Runs on Keras (`KERAS_BACKEND=jax python examples/guide_transfer.py`) and on Sequax (`sequax run ...`); lines with ":"
are equal in both.
"""

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits

images, digits = load_digits(return_X_y=True)
images = (images / 16).reshape(-1, 8, 8, 1).astype("float32")
low, high = digits < 5, digits >= 5
source = images[low], digits[low]
few, many = (images[high][:150], digits[high][:150] - 5), (images[high][400:700], digits[high][400:700] - 5)


def fix_weights(model, seed=0):
    """The same starting weights in any library: NumPy draws them, not the initializers."""
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(scale=0.2, size=w.shape) if w.ndim > 1 else w for w in model.get_weights()])


def show(name, value):
    print(f"{name}: {float(value):.4f}")


def snapshot(model):
    return [np.array(weight) for weight in model.get_weights()]


# --- what `trainable` means ---

norm = layers.BatchNormalization()
norm.build((None, 4))
print("normalization, weights to train and others:", len(norm.trainable_weights), len(norm.non_trainable_weights))
norm.trainable = False
print("frozen:", len(norm.trainable_weights), len(norm.non_trainable_weights))
outer = keras.Sequential([keras.Input((4,)), layers.Dense(3), keras.Sequential([layers.Dense(2), layers.Dense(2)])])
outer.trainable = False
print("freezing goes down:", outer.layers[1].layers[0].trainable, len(outer.trainable_weights))

# --- a base that knows the digits 0 to 4 ---

given = keras.Input((8, 8, 1))
x = layers.Conv2D(8, 3, padding="same", use_bias=False, name="conv_1")(given)
x = layers.BatchNormalization(name="norm_1", momentum=0.7)(x)
x = layers.MaxPooling2D()(layers.ReLU()(x))
x = layers.Conv2D(16, 3, padding="same", use_bias=False, name="conv_2")(x)
x = layers.BatchNormalization(name="norm_2", momentum=0.7)(x)
x = layers.GlobalAveragePooling2D(name="features")(layers.ReLU()(x))
pretrained = keras.Model(given, layers.Dense(5, name="low_digits")(x))
fix_weights(pretrained)
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
pretrained.compile(keras.optimizers.SGD(0.1, momentum=0.9), loss, metrics=["accuracy"])
history = pretrained.fit(*source, batch_size=64, epochs=4, shuffle=False, verbose=0)
show("base, loss", history.history["loss"][-1])
print(f"base, accuracy ~ {pretrained.evaluate(*source, verbose=0)[1]:.2f}")

# --- its features under a new head ---

base = keras.Model(pretrained.inputs, pretrained.get_layer("features").output, name="base")
base.trainable = False
print("base, frozen:", len(base.trainable_weights), "of", len(base.weights))

given = keras.Input((8, 8, 1))
x = base(given, training=False)
model = keras.Model(given, layers.Dense(5, name="high_digits")(x))
model.get_layer("high_digits").set_weights([np.random.default_rng(1).normal(scale=0.2, size=(16, 5)), np.zeros(5)])
print("to train:", [weight.path.split("/")[-1] for weight in model.trainable_weights])
before = snapshot(base)
model.compile(keras.optimizers.Adam(0.05), loss, metrics=["accuracy"])
history = model.fit(*few, batch_size=30, epochs=6, shuffle=False, verbose=0)
show("head, loss", history.history["loss"][-1])
print("head, the base is untouched:", all(map(np.array_equal, before, snapshot(base))))
print(f"head, accuracy on unseen digits ~ {model.evaluate(*many, verbose=0)[1]:.2f}")

# --- fine-tuning: all convolutions, small steps, normalization as it is ---

base.trainable = True
for layer in base.layers:
    if isinstance(layer, layers.BatchNormalization):
        layer.trainable = False  # with few digits, its averages are better left alone
model.compile(keras.optimizers.Adam(0.003), loss, metrics=["accuracy"])  # a compile takes the change into account
print("fine-tuning, to train:", len(model.trainable_weights))
history = model.fit(*few, batch_size=30, epochs=6, shuffle=False, verbose=0)
moved = {
    weight.path: not np.array_equal(old, np.array(new))
    for weight, old, new in zip(base.weights, before, snapshot(base), strict=True)
}
print("fine-tuning, kernels moved:", all(value for path, value in moved.items() if path.endswith("kernel")))
print("fine-tuning, moving averages moved:", any(value for path, value in moved.items() if "moving" in path))
show("fine-tuning, loss", history.history["loss"][-1])
print(f"fine-tuning, accuracy on unseen digits ~ {model.evaluate(*many, verbose=0)[1]:.2f}")

# --- part of it: only the last convolution ---

for layer in base.layers:
    layer.trainable = layer.name == "conv_2"
print("partly, to train:", len(model.trainable_weights))
model.compile(keras.optimizers.Adam(0.003), loss)
front, last = (np.array(base.get_layer(name).get_weights()[0]) for name in ("conv_1", "conv_2"))
history = model.fit(*few, batch_size=30, epochs=2, shuffle=False, verbose=0)
for name, old in (("conv_1", front), ("conv_2", last)):
    print(f"partly, {name} moved:", not np.array_equal(old, base.get_layer(name).get_weights()[0]))
show("partly, loss", history.history["loss"][-1])

# --- features once, a small model on them: quicker where the base is large ---

features = base.predict(few[0], batch_size=50, verbose=0)
head = keras.Sequential([keras.Input((16,)), layers.Dense(5)])
fix_weights(head, seed=2)
head.compile(keras.optimizers.Adam(0.05), loss, metrics=["accuracy"])
history = head.fit(features, few[1], batch_size=30, epochs=5, shuffle=False, verbose=0)
show("features first, loss", history.history["loss"][-1])
twin = keras.models.clone_model(head)
twin.set_weights(head.get_weights())
print("a clone agrees:", np.allclose(twin.predict(features, verbose=0), head.predict(features, verbose=0), atol=1e-5))
