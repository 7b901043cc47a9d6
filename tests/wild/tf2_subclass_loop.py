# ruff: noqa
# A subclassed model in the manner of the beginners' pages: eager steps, Mean metrics, a template for each epoch.
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits
from tensorflow.keras import Model
from tensorflow.keras.layers import Conv2D, Dense, Flatten

tf.random.set_seed(0)
x, y = load_digits(return_X_y=True)
x = x.reshape(-1, 8, 8)[..., tf.newaxis].astype("float32") / 16.0
train_ds = tf.data.Dataset.from_tensor_slices((x[:1400], y[:1400])).shuffle(1400).batch(100)
test_ds = tf.data.Dataset.from_tensor_slices((x[1400:], y[1400:])).batch(100)


class MyModel(Model):
    def __init__(self):
        super(MyModel, self).__init__()
        self.conv1 = Conv2D(8, 3, activation="relu")
        self.flatten = Flatten()
        self.d1 = Dense(64, activation="relu")
        self.d2 = Dense(10)

    def call(self, x):
        x = self.conv1(x)
        x = self.flatten(x)
        x = self.d1(x)
        return self.d2(x)


model = MyModel()
loss_object = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
optimizer = tf.keras.optimizers.Adam(0.005)
train_loss = tf.keras.metrics.Mean(name="train_loss")
train_accuracy = tf.keras.metrics.SparseCategoricalAccuracy(name="train_accuracy")
test_accuracy = tf.keras.metrics.SparseCategoricalAccuracy(name="test_accuracy")


def train_step(images, labels):
    with tf.GradientTape() as tape:
        predictions = model(images, training=True)
        loss = loss_object(labels, predictions)
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
    train_loss(loss)
    train_accuracy(labels, predictions)


for epoch in range(5):
    train_loss.reset_states()
    train_accuracy.reset_states()
    test_accuracy.reset_states()
    for images, labels in train_ds:
        train_step(images, labels)
    for test_images, test_labels in test_ds:
        test_accuracy(test_labels, model(test_images, training=False))
    print(
        f"Epoch {epoch + 1}, Loss: {train_loss.result()}, "
        f"Accuracy: {train_accuracy.result() * 100}, Test Accuracy: {test_accuracy.result() * 100}"
    )
print("score", float(test_accuracy.result()))
