# ruff: noqa
# Data sets in a loop of one's own: zipped, repeated, split by take and skip, two inputs in a dict.
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(5)
left = rng.normal(size=(300, 4)).astype("float32")
right = rng.normal(size=(300, 4)).astype("float32")
label = ((left * right).sum(-1) > 0).astype("float32")

tf.keras.utils.set_random_seed(9)
features = tf.data.Dataset.zip(
    {"left": tf.data.Dataset.from_tensor_slices(left), "right": tf.data.Dataset.from_tensor_slices(right)}
)
everything = tf.data.Dataset.zip((features, tf.data.Dataset.from_tensor_slices(label)))
everything = everything.shuffle(300, seed=4, reshuffle_each_iteration=False)
size = len(everything)
train, test = everything.take(int(0.8 * size)), everything.skip(int(0.8 * size))


def augment(x, y):
    swap = tf.random.uniform([]) > 0.5 if hasattr(tf.random, "uniform") else tf.keras.random.uniform(()) > 0.5
    first = tf.where(swap, x["right"], x["left"])
    second = tf.where(swap, x["left"], x["right"])
    return {"left": first, "right": second}, y


train = train.cache().map(augment, num_parallel_calls=tf.data.AUTOTUNE).shuffle(256).batch(32).prefetch(2)
test = test.batch(32)

a, b = tf.keras.Input((4,), name="left"), tf.keras.Input((4,), name="right")
x = tf.keras.layers.Concatenate()([tf.keras.layers.Multiply()([a, b]), a, b])
x = tf.keras.layers.Dense(16, activation="relu")(x)
model = tf.keras.Model({"left": a, "right": b}, tf.keras.layers.Dense(1, activation="sigmoid")(x))
model.compile(tf.keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])

for epoch in range(15):
    for step, (inputs, targets) in enumerate(train):
        model.train_on_batch(inputs, targets)
    model.reset_metrics()

iterator = iter(train.repeat())
for step in range(50):
    inputs, targets = next(iterator)
    model.train_on_batch(inputs, targets)

for number, (inputs, targets) in test.enumerate().take(1):
    print(number.numpy(), inputs["left"].shape, targets.shape)
correct = 0
for inputs, targets in test.as_numpy_iterator():
    correct += int(((model(inputs).numpy()[:, 0] > 0.5) == (targets > 0.5)).sum())
print("score", correct / (size - int(0.8 * size)))
