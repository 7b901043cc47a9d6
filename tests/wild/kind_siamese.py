# ruff: noqa
# A siamese network: one base network on both inputs, a distance in a Lambda, a contrastive loss of one's own.
import random

import numpy as np
from keras import backend as K
from keras.layers import Dense, Dropout, Input, Lambda
from keras.models import Model, Sequential
from keras.optimizers import RMSprop
from sklearn.datasets import load_digits

np.random.seed(1337)
random.seed(0)


def euclidean_distance(vects):
    x, y = vects
    return K.sqrt(K.maximum(K.sum(K.square(x - y), axis=1, keepdims=True), K.epsilon()))


def eucl_dist_output_shape(shapes):
    shape1, shape2 = shapes
    return (shape1[0], 1)


def contrastive_loss(y_true, y_pred):
    margin = 1
    return K.mean(y_true * K.square(y_pred) + (1 - y_true) * K.square(K.maximum(margin - y_pred, 0)))


def accuracy(y_true, y_pred):
    return K.mean(K.equal(y_true, K.cast(y_pred < 0.5, y_true.dtype)))


def create_pairs(x, digit_indices):
    pairs, labels = [], []
    n = min(len(digit_indices[d]) for d in range(10)) - 1
    for d in range(10):
        for i in range(n):
            z1, z2 = digit_indices[d][i], digit_indices[d][i + 1]
            pairs += [[x[z1], x[z2]]]
            dn = (d + random.randrange(1, 10)) % 10
            z1, z2 = digit_indices[d][i], digit_indices[dn][i]
            pairs += [[x[z1], x[z2]]]
            labels += [1, 0]
    return np.array(pairs), np.array(labels, dtype="float32")


def create_base_network(input_dim):
    seq = Sequential()
    seq.add(Dense(64, input_shape=(input_dim,), activation="relu"))
    seq.add(Dropout(0.1))
    seq.add(Dense(32, activation="relu"))
    return seq


x, y = load_digits(return_X_y=True)
x = (x / 16).astype("float32")
tr_pairs, tr_y = create_pairs(x[:1200], [np.where(y[:1200] == i)[0] for i in range(10)])
te_pairs, te_y = create_pairs(x[1200:], [np.where(y[1200:] == i)[0] for i in range(10)])
base_network = create_base_network(64)
input_a, input_b = Input(shape=(64,)), Input(shape=(64,))
processed_a, processed_b = base_network(input_a), base_network(input_b)
distance = Lambda(euclidean_distance, output_shape=eucl_dist_output_shape)([processed_a, processed_b])
model = Model(input=[input_a, input_b], output=distance)
model.compile(loss=contrastive_loss, optimizer=RMSprop(), metrics=[accuracy])
model.fit(
    [tr_pairs[:, 0], tr_pairs[:, 1]],
    tr_y,
    batch_size=64,
    nb_epoch=12,
    verbose=0,
    validation_data=([te_pairs[:, 0], te_pairs[:, 1]], te_y),
)
pred = model.predict([te_pairs[:, 0], te_pairs[:, 1]], verbose=0)
print("score", np.mean((pred.ravel() < 0.5) == te_y))
