# ruff: noqa
# Texts in folders, made numbers by a layer that has learned their words.
import os
import re
import string
import tempfile

import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

rng = np.random.default_rng(0)
WORDS = {"neg": ["awful", "dull", "bad", "worst"], "pos": ["great", "lovely", "good", "best"]}
folder = tempfile.mkdtemp()
for split, count in (("train", 60), ("test", 30)):
    for label, words in WORDS.items():
        os.makedirs(os.path.join(folder, split, label))
        for i in range(count):
            text = rng.choice(["the", "film", "was", "a", "story", *words, *words], 12)
            with open(os.path.join(folder, split, label, f"{i}.txt"), "w") as file:
                file.write(" ".join(text) + "!<br />End.")

batch_size, seed = 16, 42
tf.random.set_seed(seed)
train_folder = os.path.join(folder, "train")
raw_train_ds = tf.keras.utils.text_dataset_from_directory(
    train_folder, batch_size=batch_size, validation_split=0.2, subset="training", seed=seed
)
raw_val_ds = tf.keras.utils.text_dataset_from_directory(
    train_folder, batch_size=batch_size, validation_split=0.2, subset="validation", seed=seed
)
raw_test_ds = tf.keras.utils.text_dataset_from_directory(os.path.join(folder, "test"), batch_size=batch_size)
for text_batch, label_batch in raw_train_ds.take(1):
    for i in range(2):
        print("Review", text_batch.numpy()[i][:20], "Label", raw_train_ds.class_names[label_batch.numpy()[i]])

vectorize_layer = layers.TextVectorization(max_tokens=100, output_mode="int", output_sequence_length=16)
train_text = raw_train_ds.map(lambda x, y: x)
vectorize_layer.adapt(train_text)


def vectorize_text(text, label):
    text = tf.expand_dims(text, -1)
    return vectorize_layer(text), label


text_batch, label_batch = next(iter(raw_train_ds))
print("Vectorized", vectorize_text(text_batch[0], label_batch[0])[0].shape)
print("Vocabulary", len(vectorize_layer.get_vocabulary()))

AUTOTUNE = tf.data.AUTOTUNE
train_ds = raw_train_ds.map(vectorize_text).cache().prefetch(buffer_size=AUTOTUNE)
val_ds = raw_val_ds.map(vectorize_text).cache().prefetch(buffer_size=AUTOTUNE)
test_ds = raw_test_ds.map(vectorize_text).cache().prefetch(buffer_size=AUTOTUNE)

model = tf.keras.Sequential(
    [
        layers.Embedding(100, 8),
        layers.Dropout(0.2),
        layers.GlobalAveragePooling1D(),
        layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile(
    loss=tf.keras.losses.BinaryCrossentropy(),
    optimizer=tf.keras.optimizers.Adam(0.03),
    metrics=[tf.keras.metrics.BinaryAccuracy(threshold=0.5, name="accuracy")],
)
model.fit(train_ds, validation_data=val_ds, epochs=10, verbose=0)
loss, accuracy = model.evaluate(test_ds, verbose=0)
print("score", accuracy)
