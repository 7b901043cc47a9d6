# ruff: noqa
# A network over digits, fed by slices of arrays.
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tensorflow.keras import layers

digits = load_digits()
x_train, x_test, y_train, y_test = train_test_split(digits.images, digits.target, test_size=0.25, random_state=1)

BATCH_SIZE, BUFFER = 32, 1024
AUTOTUNE = tf.data.experimental.AUTOTUNE
tf.random.set_seed(7)


def scale(image, label):
    image = tf.cast(image, tf.float32) / 16.0
    return tf.expand_dims(image, -1), tf.one_hot(label, 10)


train_ds = tf.data.Dataset.from_tensor_slices((x_train, y_train))
train_ds = train_ds.map(scale, num_parallel_calls=AUTOTUNE).cache().shuffle(BUFFER).batch(BATCH_SIZE).prefetch(AUTOTUNE)
test_ds = tf.data.Dataset.from_tensor_slices((x_test, y_test)).map(scale).batch(BATCH_SIZE)

print(train_ds.element_spec)
for images, labels in train_ds.take(1):
    print(images.shape, labels.numpy()[:2].tolist())

model = tf.keras.models.Sequential(
    [
        layers.Conv2D(16, 3, activation="relu", input_shape=(8, 8, 1)),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ]
)
model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
model.fit(train_ds, epochs=8, validation_data=test_ds, verbose=0)
loss, accuracy = model.evaluate(test_ds, verbose=0)
predicted = np.argmax(model.predict(test_ds, verbose=0), axis=-1)
truth = np.concatenate([np.argmax(labels.numpy(), axis=-1) for _, labels in test_ds])
assert abs((predicted == truth).mean() - accuracy) < 1e-6
print("batches", len(train_ds), tf.data.experimental.cardinality(test_ds).numpy())
print("score", accuracy)
