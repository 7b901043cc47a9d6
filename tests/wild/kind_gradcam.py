# ruff: noqa
# What a network looks at: gradients of a class with respect to the last convolution, by K.gradients and K.function.
import numpy as np
from keras import backend as K
from keras.layers import Conv2D, Dense, GlobalAveragePooling2D, Input
from keras.models import Model

np.random.seed(0)
X, y, places = np.random.rand(300, 12, 12, 1) * 0.3, np.arange(300) % 2, []
for i in range(300):
    r, c = np.random.randint(0, 8, 2)
    places.append((r, c))
    X[i, r : r + 4, c : c + 4, 0] += np.eye(4) if y[i] else np.eye(4)[::-1]

img = Input(shape=(12, 12, 1))
h = Conv2D(12, 3, activation="relu", padding="same")(img)
h = Conv2D(12, 3, activation="relu", padding="same", name="last_conv")(h)
model = Model(img, Dense(2, activation="softmax")(GlobalAveragePooling2D()(h)))
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
K.set_value(model.optimizer.lr, 0.02)
model.fit(X, y, epochs=15, batch_size=30, verbose=0)

last_conv_layer = model.get_layer("last_conv")
class_output = model.output[:, 1]
grads = K.gradients(class_output, last_conv_layer.output)[0]
pooled_grads = K.mean(grads, axis=(0, 1, 2))
iterate = K.function([model.input], [pooled_grads, last_conv_layer.output[0]])
found = []
for i in range(1, 60, 2):
    pooled_grads_value, conv_layer_output_value = iterate([X[i : i + 1]])
    heatmap = np.maximum(np.mean(conv_layer_output_value * pooled_grads_value, axis=-1), 0)
    heatmap /= np.max(heatmap) + 1e-9
    r, c = np.unravel_index(heatmap.argmax(), heatmap.shape)
    found.append(abs(r - places[i][0] - 1.5) <= 3 and abs(c - places[i][1] - 1.5) <= 3)
saliency = K.function([model.input], K.gradients(K.sum(K.max(model.output, axis=1)), model.input))([X[:1]])[0]
assert saliency.shape == X[:1].shape and np.abs(saliency).max() > 0
print("score", np.mean(found))
