# ruff: noqa
# Proximal policy optimization: buffers of NumPy filled with tensors of one row, steps by `tf.function`.
import numpy as np, tensorflow as tf, scipy.signal
from tensorflow import keras
from tensorflow.keras import layers


def discounted(x, d):
    return scipy.signal.lfilter([1], [1, float(-d)], x[::-1], axis=0)[::-1]


class Env:
    def reset(self):
        self.p = np.random.uniform(-1, 1)
        self.t = 0
        return np.array([self.p, 0.0], "float32")

    def step(self, a):
        self.p += 0.2 if a == 1 else -0.2
        self.t += 1
        return np.array([self.p, self.t / 20], "float32"), -abs(self.p), self.t >= 20, {}


class Buffer:
    def __init__(self, dim, size, gamma=0.9, lam=0.95):
        self.o = np.zeros((size, dim), np.float32)
        self.a = np.zeros(size, np.int32)
        self.adv = np.zeros(size, np.float32)
        self.r = np.zeros(size, np.float32)
        self.ret = np.zeros(size, np.float32)
        self.v = np.zeros(size, np.float32)
        self.lp = np.zeros(size, np.float32)
        self.gamma, self.lam = gamma, lam
        self.pointer = self.start = 0

    def store(self, o, a, r, v, lp):
        i = self.pointer
        self.o[i], self.a[i], self.r[i], self.v[i], self.lp[i] = o, a, r, v, lp
        self.pointer += 1

    def finish(self, last=0):
        s = slice(self.start, self.pointer)
        r = np.append(self.r[s], last)
        v = np.append(self.v[s], last)
        self.adv[s] = discounted(r[:-1] + self.gamma * v[1:] - v[:-1], self.gamma * self.lam)
        self.ret[s] = discounted(r, self.gamma)[:-1]
        self.start = self.pointer

    def get(self):
        self.pointer = self.start = 0
        self.adv = (self.adv - self.adv.mean()) / self.adv.std()
        return self.o, self.a, self.adv, self.ret, self.lp


def mlp(x, sizes, activation=tf.tanh, output_activation=None):
    for s in sizes[:-1]:
        x = layers.Dense(units=s, activation=activation)(x)
    return layers.Dense(units=sizes[-1], activation=output_activation)(x)


def logprobabilities(logits, a):
    lp = tf.nn.log_softmax(logits)
    return tf.reduce_sum(tf.one_hot(a, num_actions) * lp, axis=1)


@tf.function
def sample_action(o):
    logits = actor(o)
    action = tf.squeeze(tf.random.categorical(logits, 1), axis=1)
    return logits, action


@tf.function
def train_policy(o, a, lpb, adv):
    with tf.GradientTape() as tape:
        ratio = tf.exp(logprobabilities(actor(o), a) - lpb)
        mn = tf.where(adv > 0, (1 + clip) * adv, (1 - clip) * adv)
        loss = -tf.reduce_mean(tf.minimum(ratio * adv, mn))
    g = tape.gradient(loss, actor.trainable_variables)
    popt.apply_gradients(zip(g, actor.trainable_variables))
    kl = tf.reduce_mean(lpb - logprobabilities(actor(o), a))
    return tf.reduce_sum(kl)


@tf.function
def train_value(o, ret):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((ret - critic(o)) ** 2)
    g = tape.gradient(loss, critic.trainable_variables)
    vopt.apply_gradients(zip(g, critic.trainable_variables))


num_actions = 2
clip = 0.2
steps = 200
np.random.seed(0)
tf.random.set_seed(0)
env = Env()
buf = Buffer(2, steps)
oi = keras.Input(shape=(2,), dtype=tf.float32)
actor = keras.Model(inputs=oi, outputs=mlp(oi, [16, 16, num_actions], tf.tanh, None))
critic = keras.Model(inputs=oi, outputs=tf.squeeze(mlp(oi, [16, 16, 1], tf.tanh, None), axis=1))
popt = keras.optimizers.Adam(learning_rate=1e-2)
vopt = keras.optimizers.Adam(learning_rate=1e-2)
o, er, hist = env.reset(), 0, []
for epoch in range(12):
    tot = n = 0
    for t in range(steps):
        o = o.reshape(1, -1)
        logits, action = sample_action(o)
        o2, r, done, _ = env.step(action[0].numpy())
        er += r
        buf.store(o, action, r, critic(o), logprobabilities(logits, action))
        o = o2
        if done or t == steps - 1:
            buf.finish(0 if done else critic(o.reshape(1, -1)))
            tot += er
            n += 1
            o, er = env.reset(), 0
    d = buf.get()
    for _ in range(20):
        kl = train_policy(d[0], d[1], d[4], d[2])
        if kl > 1.5 * 0.02:
            break
    for _ in range(20):
        train_value(d[0], d[3])
    hist.append(tot / n)
print("score", hist[-1] - hist[0])
