# ruff: noqa
# A mixture density network: a loss of its own, with names that tensors of the module have too; a compiled loop, then `fit`.
import numpy as np, tensorflow as tf
import math

rs = np.random.RandomState(0)
y = rs.uniform(-10, 10, (1000, 1)).astype(np.float32)
x = (np.sin(0.75 * y) * 7 + y * 0.5 + rs.normal(size=y.shape)).astype(np.float32)
K_ = 8
inp = tf.keras.layers.Input(shape=(1,))
h = tf.keras.layers.Dense(32, activation=tf.nn.tanh)(inp)
mu = tf.keras.layers.Dense(K_, name="mu")(h)
sigma = tf.keras.layers.Dense(K_, activation=tf.exp, name="sigma")(h)
pi = tf.keras.layers.Dense(K_, activation=tf.nn.softmax, name="pi")(h)
out = tf.keras.layers.concatenate([mu, sigma, pi])
model = tf.keras.models.Model(inp, out)


def mdn_loss(y_true, y_pred):
    mu, sigma, pi = tf.split(y_pred, 3, axis=-1)
    comp = -0.5 * tf.square((y_true - mu) / sigma) - tf.math.log(sigma) - 0.5 * math.log(2 * math.pi)
    return -tf.reduce_logsumexp(tf.math.log(pi + 1e-8) + comp, axis=-1)


sched = tf.keras.optimizers.schedules.CosineDecayRestarts(1e-2, 200)
model.compile(optimizer=tf.keras.optimizers.Adam(sched, clipnorm=1.0), loss=mdn_loss)


@tf.function
def train_step(model, optimizer, xb, yb):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(mdn_loss(yb, model(xb, training=True)))
    g = tape.gradient(loss, model.trainable_variables)
    g, _ = tf.clip_by_global_norm(g, 5.0)
    optimizer.apply_gradients(zip(g, model.trainable_variables))
    return loss


N = x.shape[0]
ds = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(N).batch(100)
first = None
for epoch in range(40):
    for xb, yb in ds:
        l = train_step(model, model.optimizer, xb, yb)
        first = first or float(l)
    if epoch % 10 == 0:
        print("epoch", epoch, "loss", float(l))
h = model.fit(x, y, epochs=20, batch_size=100, verbose=0)
s = model.predict(x[:5])
mu_, si, pi_ = np.split(s, 3, axis=-1)
assert mu_.shape == (5, 8) and np.allclose(pi_.sum(1), 1, atol=1e-5)
print("score", first - h.history["loss"][-1])
