# ruff: noqa
# Batches of a generator, padded to one length, without end.
import numpy as np
import tensorflow as tf

tf.random.set_seed(1)
VOCABULARY, CLASSES = 20, 2


def sequences(seed):
    rng = np.random.RandomState(seed)
    while True:
        label = rng.randint(CLASSES)
        length = rng.randint(4, 12)
        words = rng.randint(1, 10, size=length) + (9 if label else 0)
        yield words.tolist(), label


def dataset(seed):
    return tf.data.Dataset.from_generator(
        sequences,
        args=[seed],
        output_types=(tf.int32, tf.int32),
        output_shapes=(tf.TensorShape([None]), tf.TensorShape([])),
    )


train = dataset(0).shuffle(100).padded_batch(16, padded_shapes=([None], [])).prefetch(tf.data.AUTOTUNE)
valid = dataset(1).take(64).padded_batch(16, padded_shapes=([None], []))
for words, labels in train.take(2):
    print(words.shape, labels.shape)

model = tf.keras.Sequential(
    [
        tf.keras.layers.Embedding(VOCABULARY, 8, mask_zero=True),
        tf.keras.layers.GRU(8),
        tf.keras.layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile("rmsprop", "binary_crossentropy", metrics=["acc"])
history = model.fit(train, steps_per_epoch=20, epochs=5, validation_data=valid, verbose=0)

pairs = tf.data.Dataset.from_generator(
    lambda: ((x, 2 * x) for x in range(5)),
    output_signature=(tf.TensorSpec(shape=(), dtype=tf.int32), tf.TensorSpec(shape=(), dtype=tf.int64)),
)
print([(int(a), int(b)) for a, b in pairs], pairs.reduce(np.int64(0), lambda total, pair: total + pair[1]).numpy())
print("score", history.history["val_acc"][-1])
