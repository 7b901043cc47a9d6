# ruff: noqa
# Stop at a wanted accuracy by a callback of one's own.
import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers
from tensorflow.keras.optimizers.legacy import Adam

tf.compat.v1.set_random_seed(1)
(x_train, y_train), (x_test, y_test) = keras.datasets.digits.load_data()


class myCallback(tf.keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs={}):
        if logs.get("acc") > 0.97:
            print("\nReached 97% accuracy so cancelling training!")
            self.model.stop_training = True


model = keras.Sequential()
model.add(layers.Flatten(input_shape=x_train.shape[1:]))
model.add(layers.Dense(64, activation=tf.nn.relu))
model.add(layers.Dense(10, activation=tf.nn.softmax))
model.compile(optimizer=Adam(learning_rate=0.005), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(x_train / 16.0, y_train, epochs=40, verbose=0, callbacks=[myCallback()])
assert len(history.history["accuracy"]) < 40
print("score", np.mean(np.argmax(model.predict(x_test / 16.0), axis=-1) == y_test))
