# ruff: noqa
# Iris: three classes, one-hot labels by np_utils.
import numpy as np
from keras.layers import Dense, Dropout
from keras.models import Sequential
from keras.regularizers import l2
from keras.utils import np_utils
from sklearn.datasets import load_iris

np.random.seed(7)
data = load_iris()
order = np.random.permutation(len(data.data))
X = data.data[order].astype("float32")
y = data.target[order]
Y = np_utils.to_categorical(y)

model = Sequential()
model.add(Dense(input_dim=4, output_dim=16, init="glorot_uniform", activation="relu", W_regularizer=l2(1e-4)))
model.add(Dropout(p=0.1))
model.add(Dense(3, init="normal", activation="softmax"))
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
history = model.fit(X[:100], Y[:100], batch_size=5, nb_epoch=60, verbose=0, validation_data=(X[100:], Y[100:]))
print(sorted(history.history), history.history["val_acc"][-1])
print("score", np.mean(model.predict_classes(X[100:], verbose=0) == y[100:]))
