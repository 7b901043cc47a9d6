"""A network of `applications` as the front of a stack: its features for a new head, then its last layers tuned.

Weights of ImageNet would be `weights="imagenet"`, a download. Here the base learns the digits 0 to 4 itself, which then
helps with 5 to 9, of which there are few.
"""

import numpy as np

import sequax as keras
from sequax import layers
from sequax.applications import mobilenet
from sequax.datasets import digits

keras.utils.set_random_seed(0)
(x, y), (x_test, y_test) = digits.load_data()


def as_images(rows):
    """8 x 8 shades of grey from 0 to 16 -> 32 x 32 colours from 0 to 255, as this network wants them."""
    large = rows.reshape(-1, 8, 8, 1).repeat(4, axis=1).repeat(4, axis=2).repeat(3, axis=3)
    return mobilenet.preprocess_input(large.astype("float32") * 255 / 16)


def part(rows, labels, digits, count=None):
    chosen = np.isin(labels, digits)
    return as_images(rows[chosen][:count]), labels[chosen][:count] - min(digits)


low, high = part(x, y, range(5)), part(x, y, range(5, 10), 200)
test = part(x_test, y_test, range(5, 10))

base = mobilenet.MobileNet(input_shape=(32, 32, 3), alpha=0.25, include_top=False, pooling="avg", weights=None)
for layer in base.layers:
    if isinstance(layer, layers.BatchNormalization):
        layer.momentum = 0.9  # averages of a few hundred steps; ImageNet has many thousands
whole = keras.Sequential([base, layers.Dense(5, activation="softmax")])
whole.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
whole.fit(*low, epochs=12, verbose=0)
print(f"The base on the digits it knows: {whole.evaluate(*part(x_test, y_test, range(5)), verbose=0)[1]:.1%} right")

# Small images of other digits have more in common with the middle of the base than with its end.
front = keras.Model(base.input, base.get_layer("conv_pw_5_relu").output)
front.trainable = False
model = keras.Sequential([front, layers.GlobalAveragePooling2D(), layers.Dense(5, activation="softmax")])
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])

# A frozen front gives the same features in each epoch: computed once, the head trains in no time.
features = model[:-1].predict(high[0], verbose=0)
head = model[-1:]
head.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
head.fit(features, high[1], epochs=200, verbose=0)
print(f"A new head on frozen features: {model.evaluate(*test, verbose=0)[1]:.1%} right")

# Then the last layers of the front as well; normalization stays as it is.
front.trainable = True
for layer in front.layers:
    layer.trainable = layer in front.layers[-18:] and not isinstance(layer, layers.BatchNormalization)
model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(*high, epochs=20, verbose=0)
print(f"With its last layers tuned: {model.evaluate(*test, verbose=0)[1]:.1%} right")
