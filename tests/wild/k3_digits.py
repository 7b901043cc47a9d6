# ruff: noqa
# Keras 3, with the weights and the order of the data fixed: any Keras gives these numbers.
import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits

rng = np.random.default_rng(0)
x, y = load_digits(return_X_y=True)
x = (x / 16).astype("float32")

model = keras.Sequential(
    [
        keras.Input((64,)),
        layers.Reshape((8, 8, 1)),
        layers.Conv2D(8, 3, padding="same", activation="relu"),
        layers.BatchNormalization(),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(32, activation="gelu", kernel_regularizer="l2"),
        layers.Dense(10, activation="softmax"),
    ]
)
model.set_weights(
    [
        w if w.ndim == 1 else rng.normal(0, 1 / np.sqrt(np.prod(w.shape[:-1])), w.shape).astype("float32")
        for w in model.get_weights()
    ]
)
schedule = keras.optimizers.schedules.CosineDecay(0.01, 300)
model.compile(
    optimizer=keras.optimizers.AdamW(schedule, weight_decay=1e-3),
    loss=keras.losses.SparseCategoricalCrossentropy(),
    metrics=["accuracy", keras.metrics.SparseTopKCategoricalAccuracy(k=3, name="top3")],
)
history = model.fit(x[:1400], y[:1400], batch_size=140, epochs=4, shuffle=False, verbose=0, validation_split=0.2)
losses = [float(value) for value in history.history["loss"] + history.history["val_loss"]]
print("losses", losses)
print(
    "score", float(model.evaluate(x[1400:1680], y[1400:1680], batch_size=140, verbose=0, return_dict=True)["accuracy"])
)
