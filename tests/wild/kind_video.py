# ruff: noqa
# Short films: the same convolutions on each picture by TimeDistributed, then an LSTM over the pictures.
import numpy as np
from keras.layers.convolutional import Conv2D, MaxPooling2D
from keras.layers.core import Dense, Dropout, Flatten
from keras.layers.recurrent import LSTM
from keras.layers.wrappers import TimeDistributed
from keras.models import Sequential

np.random.seed(0)
n, frames, size = 240, 5, 8
X, y = np.random.rand(n, frames, size, size, 1) * 0.2, np.random.randint(0, 2, n)
for i in range(n):
    for t in range(frames):
        column = 1 + t if y[i] else size - 3 - t
        X[i, t, 2:6, column : column + 2] += 1

model = Sequential()
model.add(TimeDistributed(Conv2D(6, (3, 3), activation="relu"), input_shape=(frames, size, size, 1)))
model.add(TimeDistributed(MaxPooling2D((2, 2), strides=(2, 2))))
model.add(TimeDistributed(Flatten()))
model.add(Dropout(0.2))
model.add(LSTM(12, return_sequences=False))
model.add(Dense(1, activation="sigmoid"))
model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
assert model.layers[2].output_shape == (None, frames, 54)
model.fit(X[:180], y[:180], batch_size=20, epochs=12, verbose=0)
print("score", model.evaluate(X[180:], y[180:], verbose=0)[1])
