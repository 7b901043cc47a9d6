# ruff: noqa
# XOR with two layers, as the first tutorials had it.
import numpy as np
from keras.layers.core import Activation, Dense
from keras.models import Sequential
from keras.optimizers import SGD

np.random.seed(0)
X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
y = np.array([[0], [1], [1], [0]], "float32")

model = Sequential()
model.add(Dense(8, input_dim=2, init="uniform"))
model.add(Activation("tanh"))
model.add(Dense(output_dim=1))
model.add(Activation("sigmoid"))

sgd = SGD(lr=0.5, decay=1e-6, momentum=0.9, nesterov=True)
model.compile(loss="binary_crossentropy", optimizer=sgd, class_mode="binary")
model.fit(X, y, batch_size=4, nb_epoch=300, verbose=0)
print(model.predict_proba(X))
print("score", np.mean(model.predict_classes(X) == y))
