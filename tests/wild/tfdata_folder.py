# ruff: noqa
# Images in folders: split, look at, augment, cache, prefetch, train.
import os
import tempfile

import numpy as np
import tensorflow as tf
from PIL import Image
from tensorflow import keras
from tensorflow.keras import layers

rng = np.random.default_rng(0)
folder = tempfile.mkdtemp()
for label, kind in enumerate(["columns", "rows"]):
    os.makedirs(os.path.join(folder, kind))
    for i in range(40):
        stripes = np.zeros((16, 16), "uint8")
        stripes[rng.integers(0, 3) :: 4] = 200
        stripes = stripes if label else stripes.T
        noisy = np.clip(stripes[..., None] + rng.integers(0, 50, (16, 16, 3)), 0, 255).astype("uint8")
        Image.fromarray(noisy).save(os.path.join(folder, kind, f"{i}.png"))

batch_size, img_height, img_width = 8, 16, 16
tf.random.set_seed(3)
options = dict(validation_split=0.2, seed=123, image_size=(img_height, img_width), batch_size=batch_size)
train_ds = tf.keras.utils.image_dataset_from_directory(folder, subset="training", **options)
val_ds = tf.keras.utils.image_dataset_from_directory(folder, subset="validation", **options)

class_names = train_ds.class_names
print(class_names)
for images, labels in train_ds.take(1):
    for i in range(3):
        picture = images[i].numpy().astype("uint8")
        print(picture.shape, picture.dtype, class_names[labels[i]])
for image_batch, labels_batch in train_ds:
    print(image_batch.shape)
    print(labels_batch.shape)
    break

AUTOTUNE = tf.data.AUTOTUNE
data_augmentation = keras.Sequential([layers.RandomFlip("horizontal"), layers.RandomZoom(0.05)])
normalization_layer = layers.Rescaling(1.0 / 255)

val_ds = val_ds.map(lambda x, y: (normalization_layer(x), y)).cache().prefetch(buffer_size=AUTOTUNE)
train_ds = train_ds.map(lambda x, y: (normalization_layer(x), y)).cache().shuffle(1000)
train_ds = train_ds.map(lambda x, y: (data_augmentation(x, training=True), y), num_parallel_calls=AUTOTUNE)
train_ds = train_ds.prefetch(buffer_size=AUTOTUNE)
image_batch, labels_batch = next(iter(train_ds))
print(np.min(image_batch[0]) >= 0, np.max(image_batch[0]) <= 1)

model = keras.Sequential(
    [
        layers.Conv2D(8, 3, padding="same", activation="relu", input_shape=(img_height, img_width, 3)),
        layers.GlobalMaxPooling2D(),
        layers.Dense(len(class_names)),
    ]
)
model.compile(
    optimizer=keras.optimizers.Adam(0.02),
    loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
history = model.fit(train_ds, validation_data=val_ds, epochs=12, verbose=0)
print("score", max(history.history["val_accuracy"]))
