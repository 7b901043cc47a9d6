# ruff: noqa
# A GAN of Keras 2: the critic is compiled, frozen, and put on top of the generator; three calls of train_on_batch a step.
import numpy as np
from keras.layers import BatchNormalization, Dense, Input
from keras.layers.advanced_activations import LeakyReLU
from keras.models import Model, Sequential
from keras.optimizers import Adam

np.random.seed(0)
latent_dim, half = 4, 32


def real_points(n):
    return np.random.randn(n, 2) * 0.1 + [1.5, -1.0]


def build_generator():
    model = Sequential()
    model.add(Dense(24, input_dim=latent_dim))
    model.add(LeakyReLU(alpha=0.2))
    model.add(BatchNormalization(momentum=0.8))
    model.add(Dense(2))
    noise = Input(shape=(latent_dim,))
    return Model(noise, model(noise))


def build_discriminator():
    model = Sequential()
    model.add(Dense(24, input_shape=(2,)))
    model.add(LeakyReLU(alpha=0.2))
    model.add(Dense(1, activation="sigmoid"))
    point = Input(shape=(2,))
    return Model(point, model(point))


optimizer = Adam(0.002, 0.5)
discriminator = build_discriminator()
discriminator.compile(loss="binary_crossentropy", optimizer=Adam(0.002, 0.5), metrics=["accuracy"])
generator = build_generator()
z = Input(shape=(latent_dim,))
discriminator.trainable = False
combined = Model(z, discriminator(generator(z)))
combined.compile(loss="binary_crossentropy", optimizer=optimizer)

first = discriminator.get_weights()
for epoch in range(400):
    noise = np.random.normal(0, 1, (half, latent_dim))
    gen_points = generator.predict(noise, verbose=0)
    d_loss_real = discriminator.train_on_batch(real_points(half), np.ones((half, 1)))
    d_loss_fake = discriminator.train_on_batch(gen_points, np.zeros((half, 1)))
    d_loss = 0.5 * np.add(d_loss_real, d_loss_fake)
    noise = np.random.normal(0, 1, (half * 2, latent_dim))
    g_loss = combined.train_on_batch(noise, np.ones((half * 2, 1)))
    if epoch % 100 == 0:
        print("%d [D loss: %f, acc.: %.2f%%] [G loss: %f]" % (epoch, d_loss[0], 100 * d_loss[1], g_loss))
assert not any(np.array_equal(a, b) for a, b in zip(first, discriminator.get_weights())), "the critic has learned"
made = generator.predict(np.random.normal(0, 1, (500, latent_dim)), verbose=0)
print("score", 1 - np.abs(made.mean(axis=0) - [1.5, -1.0]).max())
