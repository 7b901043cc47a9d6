# ruff: noqa
# An endless generator, counted in samples.
import numpy as np
from keras.layers import Dense
from keras.models import Sequential

np.random.seed(3)


def batches(size=20):
    while True:
        x = np.random.uniform(-1, 1, (size, 2))
        yield x, (x[:, 0] * x[:, 1] > 0).astype("float32")


model = Sequential([Dense(16, input_dim=2, activation="relu"), Dense(1, activation="sigmoid")])
model.compile("adam", "binary_crossentropy", ["accuracy"])
model.optimizer.lr = 0.02
model.fit_generator(
    batches(),
    samples_per_epoch=400,
    nb_epoch=15,
    verbose=0,
    validation_data=batches(),
    nb_val_samples=100,
    max_q_size=10,
    nb_worker=1,
    pickle_safe=False,
)
loss, accuracy = model.evaluate_generator(batches(), val_samples=400)
print("score", accuracy)
