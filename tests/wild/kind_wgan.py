# ruff: noqa
# A Wasserstein GAN: a loss by K.mean, and weights of the critic clipped by hand after each of its steps.
import keras.backend as K
import numpy as np
from keras.layers import Dense, Input
from keras.models import Model, Sequential
from keras.optimizers import RMSprop

np.random.seed(2)
n_critic, clip_value, batch_size = 3, 0.1, 32


def wasserstein_loss(y_true, y_pred):
    return K.mean(y_true * y_pred)


critic = Sequential([Dense(16, activation="relu", input_dim=1), Dense(1)])
critic.compile(loss=wasserstein_loss, optimizer=RMSprop(lr=0.005), metrics=["accuracy"])
generator = Sequential([Dense(16, activation="relu", input_dim=2), Dense(1)])
critic.trainable = False
z = Input(shape=(2,))
combined = Model(z, critic(generator(z)))
combined.compile(loss=wasserstein_loss, optimizer=RMSprop(lr=0.005))

valid, fake = -np.ones((batch_size, 1)), np.ones((batch_size, 1))
for epoch in range(150):
    for _ in range(n_critic):
        x = np.random.normal(3.0, 0.5, (batch_size, 1))
        made = generator.predict(np.random.normal(0, 1, (batch_size, 2)), verbose=0)
        d_loss = 0.5 * np.add(critic.train_on_batch(x, valid), critic.train_on_batch(made, fake))
        for l in critic.layers:
            l.set_weights([np.clip(w, -clip_value, clip_value) for w in l.get_weights()])
    g_loss = combined.train_on_batch(np.random.normal(0, 1, (batch_size, 2)), valid)
print("[D loss: %f] [G loss: %f]" % (1 - d_loss[0], 1 - g_loss))
mean = generator.predict(np.random.normal(0, 1, (300, 2)), verbose=0).mean()
print("score", 1 - abs(mean - 3.0) / 3.0)
