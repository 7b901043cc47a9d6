# ruff: noqa
# Regression on the diabetes data, with a metric of one's own.
import numpy as np
from keras import backend as K
from keras.callbacks import EarlyStopping, ReduceLROnPlateau
from keras.layers import Dense, Dropout
from keras.layers.normalization import BatchNormalization
from keras.models import Sequential
from keras.optimizers import Adam
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

np.random.seed(0)
X, y = load_diabetes(return_X_y=True)
y = (y - y.mean()) / y.std()
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=0)
scaler = StandardScaler().fit(X_train)
X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)


def rmse(y_true, y_pred):
    return K.sqrt(K.mean(K.square(y_pred - y_true), axis=-1))


def r2_keras(y_true, y_pred):
    SS_res = K.sum(K.square(y_true - y_pred))
    SS_tot = K.sum(K.square(y_true - K.mean(y_true)))
    return 1 - SS_res / (SS_tot + K.epsilon())


model = Sequential()
model.add(Dense(32, input_dim=X.shape[1], kernel_initializer="normal", activation="relu"))
model.add(BatchNormalization())
model.add(Dropout(0.2))
model.add(Dense(1, kernel_initializer="normal"))
model.compile(loss="mean_squared_error", optimizer=Adam(lr=0.01, epsilon=None), metrics=[rmse, r2_keras])
callbacks = [EarlyStopping(monitor="val_loss", patience=15), ReduceLROnPlateau(patience=5, factor=0.5, epsilon=1e-3)]
history = model.fit(
    X_train, y_train, validation_split=0.2, epochs=40, batch_size=32, verbose=0, callbacks=callbacks, shuffle=True
)
print(len(history.history["rmse"]), history.history["lr"][-1])
prediction = model.predict(X_test).flatten()
print("score", 1 - np.mean((prediction - y_test) ** 2) / np.var(y_test))
