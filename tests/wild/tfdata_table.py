# ruff: noqa
# A table of pandas as a dict of columns, each encoded by a layer of its own.
import numpy as np
import pandas as pd
import tensorflow as tf
from tensorflow.keras import layers

rng = np.random.default_rng(2)
frame = pd.DataFrame(
    {
        "age": rng.integers(1, 15, 400),
        "fee": rng.normal(50, 10, 400).round(1),
        "kind": rng.choice(["cat", "dog"], 400),
        "target": 0,
    }
)
frame["target"] = ((frame["age"] > 7) ^ (frame["kind"] == "dog")).astype(int)
train, test = frame[:300], frame[300:]
tf.random.set_seed(0)


def df_to_dataset(dataframe, shuffle=True, batch_size=32):
    df = dataframe.copy()
    labels = df.pop("target")
    df = {key: value.to_numpy()[:, tf.newaxis] for key, value in df.items()}
    ds = tf.data.Dataset.from_tensor_slices((dict(df), labels))
    if shuffle:
        ds = ds.shuffle(buffer_size=len(dataframe))
    return ds.batch(batch_size).prefetch(batch_size)


train_ds, test_ds = df_to_dataset(train), df_to_dataset(test, shuffle=False)
[(train_features, label_batch)] = train_ds.take(1)
print("Every feature:", list(train_features.keys()))
print("A batch of ages:", train_features["age"].numpy().ravel()[:5])
print("A batch of targets:", label_batch.numpy()[:5])


def get_normalization_layer(name, dataset):
    normalizer = layers.Normalization(axis=None)
    normalizer.adapt(dataset.map(lambda x, y: x[name]))
    return normalizer


def get_category_encoding_layer(name, dataset):
    index = layers.StringLookup(max_tokens=5)
    index.adapt(dataset.map(lambda x, y: x[name]))
    return index, layers.CategoryEncoding(num_tokens=index.vocabulary_size())


all_inputs, encoded = {}, []
for name in ["age", "fee"]:
    all_inputs[name] = tf.keras.Input(shape=(1,), name=name)
    encoded.append(get_normalization_layer(name, train_ds)(all_inputs[name]))
all_inputs["kind"] = tf.keras.Input(shape=(1,), name="kind", dtype="string")
index, encode = get_category_encoding_layer("kind", train_ds)
encoded.append(encode(index(all_inputs["kind"])))

x = layers.concatenate(encoded)
x = layers.Dense(16, activation="relu")(x)
x = layers.Dense(16, activation="relu")(x)
output = layers.Dense(1)(x)
model = tf.keras.Model(all_inputs, output)
model.compile(
    optimizer=tf.keras.optimizers.Adam(0.02),
    loss=tf.keras.losses.BinaryCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
model.fit(train_ds, epochs=20, verbose=0)
loss, accuracy = model.evaluate(test_ds, verbose=0)
print("score", accuracy)
