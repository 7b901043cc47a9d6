"""Two networks against each other: one makes points, one judges them, and one `train_step` teaches both.

Runs on Keras (`KERAS_BACKEND=jax python examples/guide_gan.py`) and on Sequax (`sequax run ...`). Lines with ":" are
equal in both: a `SeedGenerator` gives both the same noise. Lines with "~" are only close after many steps.
"""

import jax
import keras
import numpy as np
from keras import layers, ops

NOISE = 4


def ring(count, seed=0):
    """Points near the circle of radius 1."""
    rng = np.random.default_rng(seed)
    angle, radius = rng.uniform(0, 2 * np.pi, count), 1 + 0.05 * rng.normal(size=count)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).astype("float32")


def stack(sizes, outputs, name):
    hidden = [layers.Dense(32, activation="leaky_relu") for _ in range(2)]
    return keras.Sequential([keras.Input((sizes,)), *hidden, layers.Dense(outputs)], name=name)


class Duel(keras.Model):
    """A forger of points and a judge; each has its own loss, on its own part of the variables."""

    def __init__(self):
        super().__init__()
        self.forger, self.judge = stack(NOISE, 2, "forger"), stack(2, 1, "judge")
        self.seed = keras.random.SeedGenerator(11)
        self.forger_loss = keras.metrics.Mean(name="forger_loss")
        self.judge_loss = keras.metrics.Mean(name="judge_loss")
        self.verdict = keras.losses.BinaryCrossentropy(from_logits=True)

    @property
    def metrics(self):
        return [self.forger_loss, self.judge_loss]

    def call(self, real):
        noise = keras.random.normal((ops.shape(real)[0], NOISE), seed=self.seed)
        return self.judge(real), self.judge(self.forger(noise))

    def fooling(self, forger, judge, other, real):
        (_, on_forged), _ = self.stateless_call([*forger, *judge], other, real)
        return self.verdict(ops.ones_like(on_forged), on_forged)

    def judging(self, judge, forger, other, real):
        (on_real, on_forged), other = self.stateless_call([*forger, *judge], other, real)
        loss = self.verdict(ops.ones_like(on_real), on_real) + self.verdict(ops.zeros_like(on_forged), on_forged)
        return loss, other

    def train_step(self, state, data):
        trainable, other, optimizer, metrics = state
        real = data[0] if isinstance(data, tuple) else data
        count = len(self.forger.trainable_variables)
        forger, judge = trainable[:count], trainable[count:]

        forger_loss, forger_slopes = jax.value_and_grad(self.fooling)(forger, judge, other, real)
        step = jax.value_and_grad(self.judging, has_aux=True)
        (judge_loss, other), judge_slopes = step(judge, forger, other, real)
        trainable, optimizer = self.optimizer.stateless_apply(optimizer, [*forger_slopes, *judge_slopes], trainable)

        size = len(self.forger_loss.variables)
        first = self.forger_loss.stateless_update_state(metrics[:size], forger_loss)
        second = self.judge_loss.stateless_update_state(metrics[size:], judge_loss)
        logs = {
            "forger_loss": self.forger_loss.stateless_result(first),
            "judge_loss": self.judge_loss.stateless_result(second),
        }
        return logs, (trainable, other, optimizer, [*first, *second])


points = ring(1024)
duel = Duel()
duel(points[:2])  # builds it
rng = np.random.default_rng(0)
duel.set_weights([rng.normal(scale=0.4, size=w.shape) if w.ndim > 1 else w for w in duel.get_weights()])
print("arrays to train:", len(duel.trainable_variables), "of them the forger's:", len(duel.forger.trainable_variables))
print("other state:", len(duel.non_trainable_variables))

duel.compile(optimizer=keras.optimizers.Adam(0.001, beta_1=0.5))
history = duel.fit(points, batch_size=64, epochs=2, shuffle=False, verbose=0)
for name in sorted(history.history):
    print(f"{name} after two epochs: {history.history[name][-1]:.5f}")

duel.fit(points, batch_size=64, epochs=60, verbose=0)
forged = duel.forger.predict(np.random.default_rng(1).normal(size=(500, NOISE)).astype("float32"), verbose=0)
print(f"mean radius of forged points (1 is right) ~ {np.linalg.norm(forged, axis=1).mean():.2f}")
print("all quarters are visited:", len({(bool(x > 0), bool(y > 0)) for x, y in forged}) == 4)
