# ruff: noqa
# Two inputs merged, by the functional interface of Keras 1.
import numpy as np
from keras.engine.topology import Input
from keras.layers import Dense, merge
from keras.models import Model

rng = np.random.RandomState(0)
left, right = rng.rand(400, 3), rng.rand(400, 2)
target = left.sum(axis=1) - right[:, 0] * right[:, 1]

a, b = Input(shape=(3,), name="left"), Input(shape=(2,), name="right")
hidden_a = Dense(8, init="he_normal", activation="tanh")(a)
hidden_b = Dense(8, init="he_normal", activation="tanh")(b)
both = merge([hidden_a, hidden_b], mode="concat", concat_axis=-1)
product = merge([hidden_a, hidden_b], mode="mul")
out = Dense(1)(merge([both, product], mode="concat"))
model = Model(input=[a, b], output=out)
model.compile(optimizer="rmsprop", loss="mse")
model.fit([left, right], target, nb_epoch=60, batch_size=16, verbose=0)
error = model.evaluate([left, right], target, verbose=0)
print("score", 1 - error / target.var())
