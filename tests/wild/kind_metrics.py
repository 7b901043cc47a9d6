# ruff: noqa
# Recall, precision and F1 as functions of the backend; the ones that Keras 2 took away.
import keras.backend as K
import numpy as np
from keras.layers import Dense
from keras.models import Sequential, load_model
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler

np.random.seed(0)


def recall_m(y_true, y_pred):
    true_positives = K.sum(K.round(K.clip(y_true * y_pred, 0, 1)))
    possible_positives = K.sum(K.round(K.clip(y_true, 0, 1)))
    return true_positives / (possible_positives + K.epsilon())


def precision_m(y_true, y_pred):
    true_positives = K.sum(K.round(K.clip(y_true * y_pred, 0, 1)))
    predicted_positives = K.sum(K.round(K.clip(y_pred, 0, 1)))
    return true_positives / (predicted_positives + K.epsilon())


def f1_m(y_true, y_pred):
    precision = precision_m(y_true, y_pred)
    recall = recall_m(y_true, y_pred)
    return 2 * ((precision * recall) / (precision + recall + K.epsilon()))


def focal_loss(gamma=2.0, alpha=0.25):
    def focal_loss_fixed(y_true, y_pred):
        pt_1 = K.switch(K.equal(y_true, 1), y_pred, K.ones_like(y_pred))
        pt_0 = K.switch(K.equal(y_true, 0), y_pred, K.zeros_like(y_pred))
        return -K.sum(alpha * K.pow(1.0 - pt_1, gamma) * K.log(pt_1 + K.epsilon())) - K.sum(
            (1 - alpha) * K.pow(pt_0, gamma) * K.log(1.0 - pt_0 + K.epsilon())
        )

    return focal_loss_fixed


X, y = load_breast_cancer(return_X_y=True)
X = StandardScaler().fit_transform(X)
model = Sequential([Dense(16, activation="relu", input_shape=(30,)), Dense(1, activation="sigmoid")])
model.compile(optimizer="adam", loss=focal_loss(), metrics=["acc", f1_m, precision_m, recall_m])
history = model.fit(X[:400], y[:400], validation_split=0.3, epochs=20, verbose=0)
model.save("f1.h5")
custom = {"focal_loss_fixed": focal_loss(), "f1_m": f1_m, "precision_m": precision_m, "recall_m": recall_m}
model = load_model("f1.h5", custom_objects=custom)
loss, accuracy, f1_score, precision, recall = model.evaluate(X[400:], y[400:], verbose=0)
print(sorted(history.history), precision, recall)
print("score", f1_score)
