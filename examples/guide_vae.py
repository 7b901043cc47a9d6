"""A variational autoencoder of handwritten digits, with a `train_step` of its own for the JAX backend.

The encoder gives a mean and a log-variance, a layer draws from them, the decoder paints. Runs on Keras
(`KERAS_BACKEND=jax python examples/guide_vae.py`) and on Sequax (`sequax run ...`). Lines with ":" are equal in both.
"""

import jax
import keras
import numpy as np
from keras import layers, ops
from sklearn.datasets import load_digits

LATENT = 3


class Draw(layers.Layer):
    """One sample of a normal distribution, given its mean and the logarithm of its variance."""

    def __init__(self, seed=5, **kwargs):
        super().__init__(**kwargs)
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, inputs):
        mean, log_variance = inputs
        noise = keras.random.normal(ops.shape(mean), seed=self.generator)
        return mean + ops.exp(0.5 * log_variance) * noise


def make_encoder():
    image = keras.Input((8, 8, 1))
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(image)
    x = layers.Dense(24, activation="relu")(layers.Flatten()(x))
    mean, log_variance = layers.Dense(LATENT, name="mean")(x), layers.Dense(LATENT, name="log_variance")(x)
    return keras.Model(image, [mean, log_variance, Draw()([mean, log_variance])], name="encoder")


def make_decoder():
    code = keras.Input((LATENT,))
    x = layers.Dense(4 * 4 * 8, activation="relu")(code)
    x = layers.Reshape((4, 4, 8))(x)
    x = layers.Conv2DTranspose(8, 3, strides=2, padding="same", activation="relu")(x)
    image = layers.Conv2D(1, 3, padding="same", activation="sigmoid")(x)
    return keras.Model(code, image, name="decoder")


class Painter(keras.Model):
    """Encoder and decoder; what it minimises are the bits of the image and those of the code."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.encoder, self.decoder = make_encoder(), make_decoder()
        self.trackers = [keras.metrics.Mean(name=name) for name in ("image", "code", "total")]

    @property
    def metrics(self):
        return self.trackers

    def call(self, images):
        mean, log_variance, code = self.encoder(images)
        return self.decoder(code), mean, log_variance

    def costs(self, trainable, other, images):
        (painted, mean, log_variance), other = self.stateless_call(trainable, other, images)
        image = ops.mean(ops.sum(keras.losses.binary_crossentropy(images, painted), axis=(1, 2)))
        divergence = ops.square(mean) + ops.exp(log_variance) - 1.0 - log_variance
        code = ops.mean(ops.sum(0.5 * divergence, axis=1))
        return image + code, (image, code, other)

    def track(self, metrics, values):
        after, logs = [], {}
        for tracker, value in zip(self.trackers, values, strict=True):
            count = len(tracker.variables)
            own, metrics = metrics[:count], metrics[count:]
            own = tracker.stateless_update_state(own, value)
            logs[tracker.name] = tracker.stateless_result(own)
            after += own
        return logs, after

    def train_step(self, state, data):
        trainable, other, optimizer, metrics = state
        images = data[0] if isinstance(data, tuple) else data
        step = jax.value_and_grad(self.costs, has_aux=True)
        (total, (image, code, other)), slopes = step(trainable, other, images)
        trainable, optimizer = self.optimizer.stateless_apply(optimizer, slopes, trainable)
        logs, metrics = self.track(metrics, (image, code, total))
        return logs, (trainable, other, optimizer, metrics)

    def test_step(self, state, data):
        trainable, other, metrics = state
        images = data[0] if isinstance(data, tuple) else data
        total, (image, code, other) = self.costs(trainable, other, images)
        logs, metrics = self.track(metrics, (image, code, total))
        return logs, (trainable, other, metrics)


images, digits = load_digits(return_X_y=True)
images = (images / 16).reshape(-1, 8, 8, 1).astype("float32")

painter = Painter()
painter(images[:2])
rng = np.random.default_rng(0)
painter.set_weights([rng.normal(scale=0.15, size=w.shape) if w.ndim > 1 else w for w in painter.get_weights()])
painter.compile(optimizer=keras.optimizers.Adam(0.003))

history = painter.fit(images[:1280], batch_size=64, epochs=2, shuffle=False, verbose=0)
for name in sorted(history.history):
    print(f"{name} after two epochs: {history.history[name][-1]:.4f}")
for name, value in sorted(painter.evaluate(images[1280:], verbose=0, return_dict=True).items()):
    print(f"{name} of unseen images: {float(value):.4f}")

history = painter.fit(images[:1280], batch_size=64, epochs=15, shuffle=False, verbose=0)
print(f"total after many epochs ~ {history.history['total'][-1]:.1f}")
mean, log_variance, code = painter.encoder.predict(images[1280:1290], verbose=0)
print("code:", code.shape, "painted:", painter.decoder.predict(mean, verbose=0).shape)
