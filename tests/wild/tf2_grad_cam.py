# ruff: noqa
# Grad-CAM and a saliency map in the manner of the examples: a model with two outputs, and a tape over one class.
import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

keras.utils.set_random_seed(0)
rng = np.random.default_rng(0)
x, y = rng.random((600, 16, 16, 1)).astype("float32") * 0.3, rng.integers(0, 2, 600)
places = rng.integers(0, 12, (600, 2))
for i, (row, column) in enumerate(places):
    x[i, row : row + 4, column : column + 4, 0] += np.eye(4) if y[i] else np.ones((4, 4)) * 0.5

model = keras.Sequential(
    [
        keras.Input((16, 16, 1)),
        layers.Conv2D(8, 3, activation="relu", padding="same"),
        layers.Conv2D(8, 3, activation="relu", padding="same", name="last_conv"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(2),
    ]
)
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
model.optimizer.learning_rate = 0.01
model.fit(x, y, epochs=12, batch_size=50, verbose=0)


def make_gradcam_heatmap(img_array, model, last_conv_layer_name, pred_index=None):
    grad_model = keras.models.Model(model.inputs, [model.get_layer(last_conv_layer_name).output, model.output])
    with tf.GradientTape() as tape:
        last_conv_layer_output, preds = grad_model(img_array)
        if pred_index is None:
            pred_index = tf.argmax(preds[0])
        class_channel = preds[:, pred_index]
    grads = tape.gradient(class_channel, last_conv_layer_output)
    pooled_grads = tf.reduce_mean(grads, axis=(0, 1, 2))
    last_conv_layer_output = last_conv_layer_output[0]
    heatmap = last_conv_layer_output @ pooled_grads[..., tf.newaxis]
    heatmap = tf.squeeze(heatmap)
    heatmap = tf.maximum(heatmap, 0) / (tf.math.reduce_max(heatmap) + 1e-9)
    return heatmap.numpy()


def saliency(img_array):
    image = tf.convert_to_tensor(img_array)
    with tf.GradientTape() as tape:
        tape.watch(image)
        loss = tf.reduce_max(model(image), axis=1)
    return tf.reduce_max(tf.abs(tape.gradient(loss, image)), axis=-1)[0].numpy()


def share(heat, place):
    inside = heat[place[0] : place[0] + 4, place[1] : place[1] + 4].mean()
    return inside / (heat.mean() + 1e-9)


shares = [share(make_gradcam_heatmap(x[i : i + 1], model, "last_conv"), places[i]) for i in range(12)]
assert saliency(x[:1]).shape == (16, 16)
print("score", min(np.median(shares) / 2, 1.0))
