# ruff: noqa
# Callbacks written by hand: losses of batches, scores on the validation data, a rate that is changed on the way.
import keras
import numpy as np
from keras import backend as K
from keras.layers import Dense
from keras.models import Sequential
from sklearn.datasets import load_iris
from sklearn.metrics import f1_score


class LossHistory(keras.callbacks.Callback):
    def on_train_begin(self, logs={}):
        self.losses = []

    def on_batch_end(self, batch, logs={}):
        self.losses.append(logs.get("loss"))


class Metrics(keras.callbacks.Callback):
    def on_train_begin(self, logs={}):
        self.val_f1s = []

    def on_epoch_end(self, epoch, logs={}):
        val_predict = np.asarray(self.model.predict(self.validation_data[0], verbose=0)).argmax(axis=1)
        val_targ = self.validation_data[1].argmax(axis=1)
        self.val_f1s.append(f1_score(val_targ, val_predict, average="macro"))


class SlowDown(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 30:
            lr = float(K.get_value(self.model.optimizer.lr))
            K.set_value(self.model.optimizer.lr, lr * 0.5)


class StopAt(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs={}):
        if logs.get("val_acc") > 0.995 and epoch > 35:
            self.model.stop_training = True


np.random.seed(1)
x, y = load_iris(return_X_y=True)
order = np.random.permutation(150)
x, y = x[order], keras.utils.np_utils.to_categorical(y[order])
model = Sequential()
model.add(Dense(10, input_dim=4, kernel_initializer="uniform", activation="relu"))
model.add(Dense(3, activation="softmax"))
model.compile(loss="categorical_crossentropy", optimizer=keras.optimizers.Adam(lr=0.02), metrics=["accuracy"])
history, metrics = LossHistory(), Metrics()
model.fit(
    x, y, batch_size=20, epochs=60, verbose=0, validation_split=0.2, callbacks=[history, metrics, SlowDown(), StopAt()]
)
assert len(history.losses) == 6 * len(metrics.val_f1s) and np.isclose(K.get_value(model.optimizer.lr), 0.01)
print("score", metrics.val_f1s[-1])
