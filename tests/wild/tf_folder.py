# ruff: noqa
# Images in folders, read by flow_from_directory.
import os
import tempfile

import numpy as np
import tensorflow as tf
from PIL import Image
from tensorflow.keras.preprocessing.image import ImageDataGenerator, img_to_array, load_img

rng = np.random.default_rng(0)
folder = tempfile.mkdtemp()
for label, kind in enumerate(["columns", "rows"]):
    os.makedirs(os.path.join(folder, kind))
    for i in range(40):
        stripes = np.zeros((12, 12), "uint8")
        stripes[rng.integers(0, 3) :: 3] = 200
        stripes = stripes if label else stripes.T
        noisy = np.clip(stripes[..., None] + rng.integers(0, 50, (12, 12, 3)), 0, 255).astype("uint8")
        Image.fromarray(noisy).save(os.path.join(folder, kind, f"{i}.png"))
print(img_to_array(load_img(os.path.join(folder, "rows", "0.png"), target_size=(10, 10))).shape)

datagen = ImageDataGenerator(rescale=1.0 / 255, validation_split=0.25, horizontal_flip=True)
options = dict(target_size=(12, 12), batch_size=10, class_mode="binary", seed=1)
train_generator = datagen.flow_from_directory(folder, subset="training", **options)
validation_generator = datagen.flow_from_directory(folder, subset="validation", **options)
print(train_generator.class_indices, train_generator.samples, train_generator.image_shape)

tf.random.set_seed(0)
model = tf.keras.Sequential(
    [
        tf.keras.layers.Conv2D(4, (3, 3), activation="relu", input_shape=(12, 12, 3)),
        tf.keras.layers.GlobalMaxPooling2D(),
        tf.keras.layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile(loss="binary_crossentropy", optimizer=tf.keras.optimizers.RMSprop(lr=0.02), metrics=["acc"])
history = model.fit(
    train_generator,
    steps_per_epoch=train_generator.samples // train_generator.batch_size,
    epochs=15,
    verbose=0,
    validation_data=validation_generator,
    validation_steps=validation_generator.samples // validation_generator.batch_size,
)
print("score", max(history.history["val_acc"]))
