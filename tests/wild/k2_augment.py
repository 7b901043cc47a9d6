# ruff: noqa
# Digits moved and turned a little while they are read.
import numpy as np
from keras.layers import Conv2D, Dense, Flatten, MaxPooling2D
from keras.models import Sequential
from keras.optimizers import Adam
from keras.preprocessing.image import ImageDataGenerator
from keras.utils.np_utils import to_categorical
from sklearn.datasets import load_digits

np.random.seed(0)
digits = load_digits()
X = digits.images[..., np.newaxis].astype("float32")
Y = to_categorical(digits.target, 10)
X_train, Y_train, X_test, Y_test = X[:600], Y[:600], X[1497:], Y[1497:]

train_datagen = ImageDataGenerator(
    rescale=1.0 / 16,
    rotation_range=8,
    width_shift_range=0.05,
    height_shift_range=0.05,
    zoom_range=0.05,
    featurewise_center=False,
    horizontal_flip=False,
)
test_datagen = ImageDataGenerator(rescale=1.0 / 16)
train_datagen.fit(X_train)
for X_batch, Y_batch in train_datagen.flow(X_train, Y_train, batch_size=9):
    print(X_batch.shape, Y_batch.shape)
    break

model = Sequential()
model.add(Conv2D(16, (3, 3), padding="same", activation="relu", input_shape=(8, 8, 1)))
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(Flatten())
model.add(Dense(32, activation="relu"))
model.add(Dense(10, activation="softmax"))
model.compile(loss="categorical_crossentropy", optimizer=Adam(lr=0.005), metrics=["accuracy"])
train = train_datagen.flow(X_train, Y_train, batch_size=30)
history = model.fit_generator(
    train,
    steps_per_epoch=len(X_train) // 30,
    epochs=8,
    verbose=0,
    workers=1,
    use_multiprocessing=False,
    validation_data=test_datagen.flow(X_test, Y_test, batch_size=50),
    validation_steps=2,
)
print(sorted(history.history))
scores = model.evaluate_generator(test_datagen.flow(X_test, Y_test, batch_size=50, shuffle=False))
classes = model.predict_generator(test_datagen.flow(X_test, batch_size=50, shuffle=False)).argmax(axis=1)
assert abs(np.mean(classes == digits.target[1497:]) - scores[1]) < 1e-3
print("score", scores[1])
