# ruff: noqa
# A layer of one's own by backend functions, and one that pays attention to steps.
import numpy as np
from keras import backend as K
from keras import initializers
from keras.layers import Dense, Input, Layer, Lambda
from keras.models import Model
from keras.layers.recurrent import GRU

np.random.seed(2)


class MyDense(Layer):
    def __init__(self, output_dim, **kwargs):
        self.output_dim = output_dim
        super(MyDense, self).__init__(**kwargs)

    def build(self, input_shape):
        self.kernel = self.add_weight(
            name="kernel", shape=(input_shape[1], self.output_dim), initializer="uniform", trainable=True
        )
        super(MyDense, self).build(input_shape)

    def call(self, x):
        return K.dot(x, self.kernel)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.output_dim)


class AttLayer(Layer):
    def __init__(self, **kwargs):
        self.init = initializers.get("normal")
        super(AttLayer, self).__init__(**kwargs)

    def build(self, input_shape):
        self.W = self.add_weight("att_weight", shape=(input_shape[-1], 1), initializer=self.init)
        super(AttLayer, self).build(input_shape)

    def call(self, x, mask=None):
        weights = K.softmax(K.squeeze(K.tanh(K.dot(x, self.W)), axis=-1))
        return K.sum(x * K.expand_dims(weights), axis=1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[-1])


# Which of the steps holds the mark decides about the class.
X = np.random.uniform(-0.2, 0.2, (400, 6, 2))
place = np.random.randint(0, 6, 400)
X[np.arange(400), place, 0] = np.random.choice([-1, 1], 400)
y = (X[np.arange(400), place, 0] > 0).astype("int32")

inputs = Input(shape=(6, 2))
hidden = AttLayer()(GRU(12, return_sequences=True)(inputs))
hidden = Lambda(lambda t: K.l2_normalize(t, axis=1))(hidden)
outputs = Dense(2, activation="softmax")(MyDense(8, name="mine")(hidden))
model = Model(inputs=inputs, outputs=outputs)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["acc"])
model.fit(X[:300], y[:300], epochs=25, batch_size=20, verbose=0)
print("score", model.evaluate(X[300:], y[300:], batch_size=50, verbose=0)[1])
