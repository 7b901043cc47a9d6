# ruff: noqa
# Batches by a Sequence of one's own, which mixes its rows at the end of each epoch, with workers.
import keras
import numpy as np
from keras.layers import Conv2D, Dense, Flatten
from keras.models import Sequential
from keras.utils import np_utils
from sklearn.datasets import load_digits

np.random.seed(0)
digits = load_digits()


class DataGenerator(keras.utils.Sequence):
    def __init__(self, list_IDs, labels, batch_size=32, dim=(8, 8), n_channels=1, n_classes=10, shuffle=True):
        self.dim = dim
        self.batch_size = batch_size
        self.labels = labels
        self.list_IDs = list_IDs
        self.n_channels = n_channels
        self.n_classes = n_classes
        self.shuffle = shuffle
        self.on_epoch_end()

    def __len__(self):
        return int(np.floor(len(self.list_IDs) / self.batch_size))

    def __getitem__(self, index):
        indexes = self.indexes[index * self.batch_size : (index + 1) * self.batch_size]
        return self.__data_generation([self.list_IDs[k] for k in indexes])

    def on_epoch_end(self):
        self.indexes = np.arange(len(self.list_IDs))
        if self.shuffle == True:
            np.random.shuffle(self.indexes)

    def __data_generation(self, list_IDs_temp):
        X = np.empty((self.batch_size, *self.dim, self.n_channels))
        y = np.empty((self.batch_size), dtype=int)
        for i, ID in enumerate(list_IDs_temp):
            X[i,] = digits.images[ID][..., None] / 16
            y[i] = self.labels[ID]
        return X, np_utils.to_categorical(y, num_classes=self.n_classes)


labels = {i: digits.target[i] for i in range(len(digits.target))}
training_generator = DataGenerator(list(range(1200)), labels)
validation_generator = DataGenerator(list(range(1200, 1797)), labels, shuffle=False)
model = Sequential()
model.add(Conv2D(12, (3, 3), activation="relu", input_shape=(8, 8, 1)))
model.add(Flatten())
model.add(Dense(10, activation="softmax"))
model.compile(loss="categorical_crossentropy", optimizer="adadelta", metrics=["accuracy"])
history = model.fit_generator(
    generator=training_generator,
    validation_data=validation_generator,
    epochs=8,
    verbose=0,
    use_multiprocessing=False,
    workers=2,
    max_queue_size=10,
)
print("score", history.history["val_acc"][-1])
