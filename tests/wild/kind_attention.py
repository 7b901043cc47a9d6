# ruff: noqa
# Attention by hand: a score for each step, softmax over them, repeated and multiplied, summed in a Lambda.
import numpy as np
from keras import backend as K
from keras.layers import (
    LSTM,
    Activation,
    Dense,
    Flatten,
    Input,
    Lambda,
    Multiply,
    Permute,
    RepeatVector,
    TimeDistributed,
)
from keras.models import Model

np.random.seed(0)
steps, features, units = 10, 3, 16
X = np.random.randn(600, steps, features)
places = np.random.randint(0, steps, 600)
X[np.arange(600), places, 0] += 6
y = X[np.arange(600), places, 1]

inputs = Input(shape=(steps, features))
activations = LSTM(units, return_sequences=True)(inputs)
attention = TimeDistributed(Dense(1, activation="tanh"))(activations)
attention = Flatten()(attention)
attention = Activation("softmax", name="attention_vec")(attention)
attention = RepeatVector(units)(attention)
attention = Permute([2, 1])(attention)
sent_representation = Multiply()([activations, attention])
sent_representation = Lambda(lambda xin: K.sum(xin, axis=-2), output_shape=(units,))(sent_representation)
output = Dense(1)(sent_representation)
model = Model(inputs=inputs, outputs=output)
model.compile(optimizer="adam", loss="mse")
K.set_value(model.optimizer.lr, 0.02)
model.fit(X[:500], y[:500], epochs=40, batch_size=50, verbose=0)


def get_activations(model, data, layer_name):
    found = [layer for layer in model.layers if layer.name == layer_name]
    return K.function([model.input, K.learning_phase()], [layer.output for layer in found])([data, 0])[0]


vector = get_activations(model, X[500:], "attention_vec")
assert vector.shape == (100, steps) and np.allclose(vector.sum(axis=1), 1, atol=1e-5)
print("score", 1 - np.mean((model.predict(X[500:], verbose=0)[:, 0] - y[500:]) ** 2) / y[500:].var())
