# ruff: noqa
# Adversarial examples in the manner of the tutorials: the sign of the gradient of the loss with respect to the image.
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

tf.keras.utils.set_random_seed(0)
x, y = load_digits(return_X_y=True)
x = (x / 16).astype(np.float32)
model = tf.keras.models.Sequential(
    [
        tf.keras.layers.Dense(32, activation="relu", input_shape=(64,)),
        tf.keras.layers.Dense(10, activation="softmax"),
    ]
)
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x, y, epochs=15, verbose=0)
loss_object = tf.keras.losses.CategoricalCrossentropy()


def create_adversarial_pattern(input_image, input_label):
    with tf.GradientTape() as tape:
        tape.watch(input_image)
        prediction = model(input_image)
        loss = loss_object(input_label, prediction)
    gradient = tape.gradient(loss, input_image)
    return tf.sign(gradient)


image = tf.convert_to_tensor(x[:300])
label = tf.one_hot(y[:300], 10)
perturbations = create_adversarial_pattern(image, label)
before = model.evaluate(x[:300], y[:300], verbose=0)[1]
for eps in [0.01, 0.1, 0.2]:
    adv_x = tf.clip_by_value(image + eps * perturbations, 0, 1)
    after = model.evaluate(adv_x, y[:300], verbose=0)[1]
    print("eps", eps, "accuracy", after)
print("score", before - after)
