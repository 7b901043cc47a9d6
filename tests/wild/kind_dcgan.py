# ruff: noqa
# A DCGAN: transposed steps by UpSampling2D, strided convolutions, dropout; trainable is switched in each turn.
import numpy as np
from keras.layers import (
    Activation,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    LeakyReLU,
    Reshape,
    UpSampling2D,
)
from keras.models import Sequential
from keras.optimizers import RMSprop
from sklearn.datasets import load_digits

np.random.seed(1)
digits = load_digits()
x_train = (digits.images[digits.target == 0] / 8.0 - 1.0).reshape(-1, 8, 8, 1).astype("float32")


def make_trainable(net, val):
    net.trainable = val
    for l in net.layers:
        l.trainable = val


G = Sequential()
G.add(Dense(2 * 2 * 32, input_dim=10))
G.add(BatchNormalization(momentum=0.9))
G.add(Activation("relu"))
G.add(Reshape((2, 2, 32)))
G.add(UpSampling2D())
G.add(Conv2D(16, 3, padding="same"))
G.add(Activation("relu"))
G.add(UpSampling2D())
G.add(Conv2D(1, 3, padding="same"))
G.add(Activation("tanh"))

D = Sequential()
D.add(Conv2D(16, 3, strides=2, input_shape=(8, 8, 1), padding="same"))
D.add(LeakyReLU(alpha=0.2))
D.add(Dropout(0.2))
D.add(Conv2D(32, 3, strides=2, padding="same"))
D.add(LeakyReLU(alpha=0.2))
D.add(Flatten())
D.add(Dense(1, activation="sigmoid"))
D.compile(loss="binary_crossentropy", optimizer=RMSprop(lr=0.001, decay=6e-8), metrics=["accuracy"])

AM = Sequential()
AM.add(G)
make_trainable(D, False)
AM.add(D)
AM.compile(loss="binary_crossentropy", optimizer=RMSprop(lr=0.001, decay=3e-8), metrics=["accuracy"])

batch = 32
for step in range(150):
    images = x_train[np.random.randint(0, len(x_train), size=batch)]
    fake = G.predict(np.random.uniform(-1.0, 1.0, size=[batch, 10]), verbose=0)
    make_trainable(D, True)
    d_loss = D.train_on_batch(
        np.concatenate((images, fake)), np.concatenate((np.ones((batch, 1)), np.zeros((batch, 1))))
    )
    make_trainable(D, False)
    a_loss = AM.train_on_batch(np.random.uniform(-1.0, 1.0, size=[batch, 10]), np.ones([batch, 1]))
    if step % 50 == 0:
        print("%d: [D loss: %f, acc: %f]  [A loss: %f, acc: %f]" % (step, *d_loss, *a_loss))
made = G.predict(np.random.uniform(-1.0, 1.0, size=[64, 10]), verbose=0)
print("score", np.corrcoef(made.mean(axis=0).ravel(), x_train.mean(axis=0).ravel())[0, 1])
