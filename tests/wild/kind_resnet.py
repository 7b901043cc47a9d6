# ruff: noqa
# Residual blocks made by functions, a schedule of the rate by epoch, a rate that falls on a plateau.
import numpy as np
from keras.callbacks import LearningRateScheduler, ReduceLROnPlateau
from keras.layers import Activation, AveragePooling2D, BatchNormalization, Conv2D, Dense, Flatten, Input, add
from keras.models import Model
from keras.optimizers import Adam
from keras.regularizers import l2
from keras.utils import np_utils
from sklearn.datasets import load_digits

np.random.seed(0)
digits = load_digits()
x = digits.images[..., None] / 16
y = np_utils.to_categorical(digits.target, 10)


def lr_schedule(epoch):
    lr = 5e-3
    if epoch > 4:
        lr *= 0.3
    return lr


def resnet_layer(inputs, num_filters=8, kernel_size=3, strides=1, activation="relu"):
    conv = Conv2D(
        num_filters,
        kernel_size=kernel_size,
        strides=strides,
        padding="same",
        kernel_initializer="he_normal",
        kernel_regularizer=l2(1e-4),
    )
    x = BatchNormalization()(conv(inputs))
    return Activation(activation)(x) if activation is not None else x


inputs = Input(shape=(8, 8, 1))
h = resnet_layer(inputs)
num_filters = 8
for stack in range(2):
    strides = 1 if stack == 0 else 2
    block = resnet_layer(h, num_filters=num_filters, strides=strides)
    block = resnet_layer(block, num_filters=num_filters, activation=None)
    if stack > 0:
        h = Conv2D(num_filters, kernel_size=1, strides=strides, padding="same")(h)
    h = Activation("relu")(add([h, block]))
    num_filters *= 2
h = Flatten()(AveragePooling2D(pool_size=2)(h))
outputs = Dense(10, activation="softmax", kernel_initializer="he_normal")(h)
model = Model(inputs=inputs, outputs=outputs)
model.compile(loss="categorical_crossentropy", optimizer=Adam(lr=lr_schedule(0)), metrics=["accuracy"])
lr_reducer = ReduceLROnPlateau(factor=np.sqrt(0.1), cooldown=0, patience=5, min_lr=0.5e-6)
history = model.fit(
    x[:1200],
    y[:1200],
    batch_size=32,
    epochs=7,
    verbose=0,
    validation_data=(x[1200:], y[1200:]),
    shuffle=True,
    callbacks=[lr_reducer, LearningRateScheduler(lr_schedule)],
)
print(history.history["lr"])
print("score", model.evaluate(x[1200:], y[1200:], verbose=0)[1])
