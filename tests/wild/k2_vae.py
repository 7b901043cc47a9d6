# ruff: noqa
# A variational autoencoder in the manner of the old examples: sampling in a Lambda.
import numpy as np
from keras import backend as K
from keras.engine.base_layer import Layer
from keras.layers import Dense, Input, Lambda
from keras.models import Model
from sklearn.datasets import load_digits

np.random.seed(0)
x = load_digits().data[:1792].astype("float32") / 16
latent_dim = 2


class KLDivergenceLayer(Layer):
    def call(self, inputs):
        mu, log_var = inputs
        kl_batch = -0.5 * K.sum(1 + log_var - K.square(mu) - K.exp(log_var), axis=-1)
        self.add_loss(0.002 * K.mean(kl_batch))
        return inputs


def sampling(args):
    z_mean, z_log_var = args
    epsilon = K.random_normal(shape=(K.shape(z_mean)[0], latent_dim), mean=0.0, stddev=1.0)
    return z_mean + K.exp(0.5 * z_log_var) * epsilon


inputs = Input(shape=(64,))
h = Dense(32, activation="relu")(inputs)
z_mean, z_log_var = KLDivergenceLayer()([Dense(latent_dim)(h), Dense(latent_dim)(h)])
z = Lambda(sampling, output_shape=(latent_dim,))([z_mean, z_log_var])
outputs = Dense(64, activation="sigmoid")(Dense(32, activation="relu")(z))
vae = Model(inputs, outputs)
vae.compile(optimizer="rmsprop", loss="mse")
vae.fit(x, x, epochs=40, batch_size=32, verbose=0)
encoder = Model(inputs, z_mean)
first, second = vae.predict(x[:64]), vae.predict(x[:64])
assert not np.allclose(first, second), "each call draws anew"
print("score", 1 - np.mean((vae.predict(x) - x) ** 2) / x.var())
