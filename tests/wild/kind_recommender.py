# ruff: noqa
# Who likes what: factors of users and things, multiplied by a merge, with biases; Keras 1 in all its arguments.
import numpy as np
from keras.layers import Dropout, Embedding, Flatten, Input, merge
from keras.models import Model
from keras.regularizers import l2

np.random.seed(0)
n_users, n_items, k = 40, 30, 3
P, Q = np.random.randn(n_users, k), np.random.randn(n_items, k)
users, items = np.random.randint(0, n_users, 2500), np.random.randint(0, n_items, 2500)
ratings = (P[users] * Q[items]).sum(axis=1) + 0.5 * users / n_users

user_in = Input(shape=(1,), dtype="int64", name="user_in")
u = Embedding(n_users, 8, input_length=1, W_regularizer=l2(1e-5))(user_in)
item_in = Input(shape=(1,), dtype="int64", name="item_in")
m = Embedding(n_items, 8, input_length=1, W_regularizer=l2(1e-5))(item_in)
ub = Flatten()(Embedding(n_users, 1, input_length=1)(user_in))
mb = Flatten()(Embedding(n_items, 1, input_length=1)(item_in))
x = merge([u, m], mode="dot", dot_axes=2)
x = Flatten()(x)
x = merge([x, ub], mode="sum")
x = merge([x, mb], mode="sum")
model = Model([user_in, item_in], x)
model.compile("adam", loss="mse")
model.optimizer.lr = 0.02
model.fit([users[:2000], items[:2000]], ratings[:2000], batch_size=64, nb_epoch=30, verbose=0)
predicted = model.predict([users[2000:], items[2000:]], verbose=0)[:, 0]
print("score", 1 - np.mean((predicted - ratings[2000:]) ** 2) / ratings[2000:].var())
