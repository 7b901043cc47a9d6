# ruff: noqa
# An autoencoder of digits; its encoder and decoder are models over the same layers.
import numpy as np
from keras import backend as K
from keras.layers import Dense, Input
from keras.layers.advanced_activations import LeakyReLU
from keras.models import Model
from sklearn.datasets import load_digits

np.random.seed(0)
x = load_digits().data.astype("float32") / 16
input_img = Input(shape=(64,))
encoded = LeakyReLU(alpha=0.1)(Dense(16)(input_img))
decoded = Dense(64, activation="sigmoid")(encoded)
autoencoder = Model(input_img, decoded)
encoder = Model(input_img, encoded)
encoded_input = Input(shape=(16,))
decoder = Model(encoded_input, autoencoder.layers[-1](encoded_input))


def loss(y_true, y_pred):
    return K.mean(K.binary_crossentropy(y_true, y_pred), axis=-1)


autoencoder.compile(optimizer="adam", loss=loss)
autoencoder.fit(x, x, epochs=40, batch_size=64, shuffle=True, verbose=0)
again = decoder.predict(encoder.predict(x))
get_code = K.function([autoencoder.layers[0].input], [autoencoder.layers[2].output])
assert np.allclose(get_code([x[:5]])[0], encoder.predict(x[:5]), atol=1e-5)
print("score", 1 - np.mean((again - x) ** 2) / x.var())
