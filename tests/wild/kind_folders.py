# ruff: noqa
# Pictures in folders by class: generators over train and validation, predictions by file name.
import os
import shutil

import numpy as np
from keras.layers import Activation, Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from keras.models import Sequential
from keras.preprocessing.image import ImageDataGenerator, array_to_img, img_to_array, load_img

np.random.seed(0)
for part, count in (("train", 40), ("validation", 15)):
    for name, channel in (("blue", 2), ("red", 0)):
        folder = os.path.join("pictures", part, name)
        os.makedirs(folder, exist_ok=True)
        for i in range(count):
            picture = np.random.randint(0, 120, (20, 20, 3))
            picture[4:12, 5:14, channel] = 230
            array_to_img(picture).save(os.path.join(folder, "%s.%d.png" % (name, i)))

img_width, img_height, batch_size = 16, 16, 10
train_datagen = ImageDataGenerator(rescale=1.0 / 255, shear_range=0.1, zoom_range=0.1, horizontal_flip=True)
test_datagen = ImageDataGenerator(rescale=1.0 / 255)
train_generator = train_datagen.flow_from_directory(
    "pictures/train", target_size=(img_width, img_height), batch_size=batch_size, class_mode="binary"
)
validation_generator = test_datagen.flow_from_directory(
    "pictures/validation",
    target_size=(img_width, img_height),
    batch_size=batch_size,
    class_mode="binary",
    shuffle=False,
)
model = Sequential()
model.add(Conv2D(8, (3, 3), input_shape=(img_width, img_height, 3)))
model.add(Activation("relu"))
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(Flatten())
model.add(Dense(16, activation="relu"))
model.add(Dropout(0.2))
model.add(Dense(1))
model.add(Activation("sigmoid"))
model.compile(loss="binary_crossentropy", optimizer="rmsprop", metrics=["accuracy"])
model.fit_generator(
    train_generator,
    steps_per_epoch=train_generator.samples // batch_size,
    epochs=8,
    verbose=0,
    validation_data=validation_generator,
    validation_steps=validation_generator.samples // batch_size,
)
names = {number: name for name, number in train_generator.class_indices.items()}
validation_generator.reset()
predictions = model.predict_generator(validation_generator)
right = [
    names[int(p > 0.5)] == os.path.dirname(file) for p, file in zip(predictions[:, 0], validation_generator.filenames)
]
one = img_to_array(load_img("pictures/validation/red/red.0.png", target_size=(img_width, img_height))) / 255
print(model.predict_classes(np.expand_dims(one, axis=0)))
shutil.rmtree("pictures")
print("score", np.mean(right))
