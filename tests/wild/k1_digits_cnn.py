# ruff: noqa
# A small convolutional network with the arguments of Keras 1.
import numpy as np
from keras import backend as K
from keras.layers.convolutional import Convolution2D, MaxPooling2D
from keras.layers.core import Activation, Dense, Dropout, Flatten
from keras.models import Sequential
from keras.utils import np_utils
from sklearn.datasets import load_digits

np.random.seed(1337)
K.set_image_dim_ordering("tf")
batch_size, nb_classes, nb_epoch, nb_filters, nb_conv = 32, 10, 12, 4, 3

digits = load_digits()
X = digits.images.reshape(-1, 8, 8, 1).astype("float32") / 16
X_train, X_test = X[:800], X[1477:]
Y_train = np_utils.to_categorical(digits.target[:800], nb_classes)
Y_test = np_utils.to_categorical(digits.target[1477:], nb_classes)

model = Sequential()
model.add(Convolution2D(nb_filters, nb_conv, nb_conv, border_mode="same", input_shape=(8, 8, 1), dim_ordering="tf"))
model.add(Activation("relu"))
model.add(Convolution2D(nb_filter=8, nb_row=3, nb_col=3, subsample=(1, 1)))
model.add(Activation("relu"))
model.add(MaxPooling2D(pool_size=(2, 2), border_mode="valid"))
model.add(Dropout(0.25))
model.add(Flatten())
model.add(Dense(nb_classes))
model.add(Activation("softmax"))
model.compile(loss="categorical_crossentropy", optimizer="adadelta", metrics=["accuracy"])
K.set_value(model.optimizer.lr, 1.0)  # the rate that Adadelta had in those days
model.fit(X_train, Y_train, batch_size=batch_size, nb_epoch=nb_epoch, verbose=0, validation_data=(X_test, Y_test))
score = model.evaluate(X_test, Y_test, verbose=0)
print(model.metrics_names, score[0])
print("score", score[1])
