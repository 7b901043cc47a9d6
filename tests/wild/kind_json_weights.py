# ruff: noqa
# A model kept as JSON and HDF5, the best weights by a checkpoint, and read again for use.
import os

import numpy as np
from keras.callbacks import CSVLogger, EarlyStopping, ModelCheckpoint, TensorBoard
from keras.layers.core import Dense
from keras.models import Sequential, model_from_json
from keras.utils.vis_utils import plot_model
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler, label_binarize

np.random.seed(7)
X, y = load_wine(return_X_y=True)
X, Y = StandardScaler().fit_transform(X), label_binarize(y, classes=[0, 1, 2])
order = np.random.permutation(len(X))
X, Y = X[order], Y[order]
model = Sequential()
model.add(Dense(12, input_dim=13, kernel_initializer="uniform", activation="relu"))
model.add(Dense(3, activation="softmax"))
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
os.makedirs("kept", exist_ok=True)
checkpoint = ModelCheckpoint(
    "kept/weights.best.hdf5",
    monitor="val_acc",
    verbose=0,
    save_best_only=True,
    save_weights_only=True,
    mode="max",
    period=1,
)
board = TensorBoard(log_dir="kept/logs", histogram_freq=0, write_graph=True, write_images=False)
stop = EarlyStopping(monitor="val_loss", min_delta=0, patience=10, verbose=0, mode="auto")
model.fit(
    X[:120],
    Y[:120],
    validation_split=0.25,
    epochs=60,
    batch_size=10,
    verbose=0,
    callbacks=[checkpoint, board, stop, CSVLogger("kept/log.csv", append=True, separator=";")],
)
model_json = model.to_json()
with open("kept/model.json", "w") as json_file:
    json_file.write(model_json)
model.save_weights("kept/model.h5")
plot_model(model, to_file="kept/model.png", show_shapes=True, show_layer_names=True)

with open("kept/model.json", "r") as json_file:
    loaded_model_json = json_file.read()
loaded_model = model_from_json(loaded_model_json)
loaded_model.load_weights("kept/model.h5")
assert np.allclose(loaded_model.predict(X, verbose=0), model.predict(X, verbose=0), atol=1e-6)
loaded_model.load_weights("kept/weights.best.hdf5")
loaded_model.compile(loss="categorical_crossentropy", optimizer="rmsprop", metrics=["accuracy"])
score = loaded_model.evaluate(X[120:], Y[120:], verbose=0)
print("%s: %.2f%%" % (loaded_model.metrics_names[1], score[1] * 100))
print("score", score[1])
