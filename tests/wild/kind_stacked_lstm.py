# ruff: noqa
# A price-like series: scaled, cut into windows, three stacked LSTMs with dropout, scaled back.
import numpy as np
from keras.layers import LSTM, Dense, Dropout
from keras.models import Sequential
from sklearn.preprocessing import MinMaxScaler

np.random.seed(0)
t = np.arange(360)
training_set = (100 + 20 * np.sin(t / 12) + 0.05 * t + np.random.randn(360))[:, None]
sc = MinMaxScaler(feature_range=(0, 1))
training_set_scaled = sc.fit_transform(training_set)
X, y = [], []
for i in range(20, 360):
    X.append(training_set_scaled[i - 20 : i, 0])
    y.append(training_set_scaled[i, 0])
X, y = np.array(X), np.array(y)
X = np.reshape(X, (X.shape[0], X.shape[1], 1))

regressor = Sequential()
regressor.add(LSTM(units=16, return_sequences=True, input_shape=(X.shape[1], 1)))
regressor.add(Dropout(0.1))
regressor.add(LSTM(units=16, return_sequences=True))
regressor.add(Dropout(0.1))
regressor.add(LSTM(units=16))
regressor.add(Dense(units=1))
regressor.compile(optimizer="adam", loss="mean_squared_error")
regressor.fit(X[:280], y[:280], epochs=15, batch_size=32, verbose=0)
assert regressor.layers[0].output_shape == (None, 20, 16)
predicted = sc.inverse_transform(regressor.predict(X[280:], verbose=0))
real = training_set[300:]
print("score", 1 - np.mean((predicted - real) ** 2) / real.var())
