# ruff: noqa
# tf.keras with the usual lines around it: seeds, devices, silence.
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

tf.get_logger().setLevel("ERROR")
tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.ERROR)
tf.random.set_seed(42)
print("TF", tf.__version__, "GPUs:", len(tf.config.experimental.list_physical_devices("GPU")))
gpus = tf.config.list_physical_devices("GPU")
if gpus:
    tf.config.experimental.set_memory_growth(gpus[0], True)

X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=0)
scaler = StandardScaler()
X_train, X_test = scaler.fit_transform(X_train[:384]), scaler.transform(X_test[:160])
y_train, y_test = y_train[:384], y_test[:160]

model = tf.keras.models.Sequential(
    [
        tf.keras.layers.Input(shape=(X.shape[1],)),
        tf.keras.layers.Dense(16, activation=tf.nn.relu),
        tf.keras.layers.Dense(1, activation=tf.nn.sigmoid),
    ]
)
model.compile(optimizer=tf.keras.optimizers.Adam(lr=0.01), loss="binary_crossentropy", metrics="accuracy")
scheduler = tf.keras.callbacks.LearningRateScheduler(lambda epoch, lr: lr if epoch < 5 else lr * 0.9)
r = model.fit(X_train, y_train, validation_data=(X_test, y_test), epochs=12, verbose=0, callbacks=[scheduler])
print(r.history["lr"][-1])
print("score", model.evaluate(X_test, y_test, verbose=0)[1])
