# ruff: noqa
# A layer of one's own with centres and a width: build, call by K.*, compute_output_shape, get_config.
import numpy as np
from keras import backend as K
from keras.engine.topology import Layer
from keras.initializers import RandomUniform
from keras.layers import Dense
from keras.models import Sequential, load_model
from sklearn.datasets import make_circles

np.random.seed(0)


class RBFLayer(Layer):
    def __init__(self, output_dim, betas=1.0, **kwargs):
        self.output_dim = output_dim
        self.init_betas = betas
        super(RBFLayer, self).__init__(**kwargs)

    def build(self, input_shape):
        self.centers = self.add_weight(
            name="centers",
            shape=(self.output_dim, input_shape[1]),
            initializer=RandomUniform(-1.0, 1.0),
            trainable=True,
        )
        self.betas = self.add_weight(name="betas", shape=(self.output_dim,), initializer="ones", trainable=True)
        super(RBFLayer, self).build(input_shape)

    def call(self, x):
        C = K.expand_dims(self.centers)
        H = K.transpose(C - K.transpose(x))
        return K.exp(-self.betas * K.sum(H**2, axis=1))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.output_dim)

    def get_config(self):
        config = {"output_dim": self.output_dim, "betas": self.init_betas}
        base_config = super(RBFLayer, self).get_config()
        return dict(list(base_config.items()) + list(config.items()))


X, y = make_circles(300, noise=0.05, factor=0.4, random_state=0)
model = Sequential()
model.add(RBFLayer(10, input_shape=(2,)))
model.add(Dense(1, activation="sigmoid"))
model.compile(loss="binary_crossentropy", optimizer="rmsprop", metrics=["accuracy"])
K.set_value(model.optimizer.lr, 0.05)
model.fit(X, y, batch_size=50, epochs=30, verbose=0)
model.save("rbf.h5")
again = load_model("rbf.h5", custom_objects={"RBFLayer": RBFLayer})
assert again.layers[0].output_shape == (None, 10)
print("score", again.evaluate(X, y, verbose=0)[1])
