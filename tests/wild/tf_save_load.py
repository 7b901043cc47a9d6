"""A model is trained, stored in three formats, loaded, and trained on."""

import os
import tempfile

import numpy as np
from sklearn.datasets import load_iris
from tensorflow import keras
from tensorflow.keras.callbacks import ModelCheckpoint
from tensorflow.keras.layers import Dense
from tensorflow.keras.models import Sequential, load_model, model_from_json

x, y = load_iris(return_X_y=True)
order = np.random.default_rng(0).permutation(len(x))
x, y = x[order].astype("float32"), y[order]

model = Sequential([Dense(16, activation="relu", input_shape=(4,)), Dense(3, activation="softmax")])
model.compile(optimizer=keras.optimizers.Adam(0.01), loss="sparse_categorical_crossentropy", metrics=["accuracy"])

with tempfile.TemporaryDirectory() as folder:
    best = os.path.join(folder, "best.keras")
    checkpoint = ModelCheckpoint(best, monitor="val_loss", save_best_only=True)
    model.fit(x, y, epochs=15, validation_split=0.2, callbacks=[checkpoint], verbose=0)
    expected = model.predict(x, verbose=0)
    for name in ("model.keras", "model.h5"):
        path = os.path.join(folder, name)
        model.save(path)
        np.testing.assert_allclose(load_model(path).predict(x, verbose=0), expected, rtol=1e-6, atol=1e-6)
    weights = os.path.join(folder, "model.weights.h5")
    model.save_weights(weights)
    copy = model_from_json(model.to_json())
    copy.load_weights(weights)
    np.testing.assert_allclose(copy.predict(x, verbose=0), expected, rtol=1e-6, atol=1e-6)
    resumed = load_model(best)
    resumed.fit(x, y, epochs=15, verbose=0)
    print("score", resumed.evaluate(x, y, verbose=0)[1])
