# ruff: noqa
# Digits with a multilayer perceptron, and the history drawn by hand.
from __future__ import print_function

import keras
import numpy as np
from keras.callbacks import EarlyStopping
from keras.layers import Dense, Dropout
from keras.models import Sequential
from keras.optimizers import RMSprop
from sklearn.datasets import load_digits

np.random.seed(0)
x, y = load_digits(return_X_y=True)
x = x.astype("float32") / 16
y = keras.utils.to_categorical(y, 10)
x_train, y_train, x_test, y_test = x[:1408], y[:1408], x[1408:1792], y[1408:1792]

model = Sequential()
model.add(Dense(64, activation="relu", input_shape=(64,)))
model.add(Dropout(0.2))
model.add(Dense(10, activation="softmax"))
model.compile(loss=keras.losses.categorical_crossentropy, optimizer=RMSprop(lr=0.003), metrics=["accuracy"])
history = model.fit(
    x_train,
    y_train,
    batch_size=64,
    epochs=20,
    verbose=0,
    validation_data=(x_test, y_test),
    callbacks=[EarlyStopping(monitor="val_acc", patience=8)],
)
acc, val_acc = history.history["acc"], history.history["val_acc"]
epochs = range(1, len(acc) + 1)
print(len(epochs), max(val_acc))
score = model.evaluate(x_test, y_test, verbose=0)
print("%s: %.2f%%" % (model.metrics_names[1], score[1] * 100))
print("score", score[1])
