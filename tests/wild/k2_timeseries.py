# ruff: noqa
# Windows of a series by TimeseriesGenerator.
import numpy as np
from keras.layers import CuDNNGRU, Dense
from keras.models import Sequential
from keras.preprocessing.sequence import TimeseriesGenerator

np.random.seed(0)
t = np.arange(400)
series = (np.sin(t / 5) + 0.3 * np.sin(t / 2)).reshape(-1, 1)
train, test = series[:300], series[300:]
n_input = 10
generator = TimeseriesGenerator(train, train, length=n_input, batch_size=29)
print(len(generator), generator[0][0].shape)

model = Sequential()
model.add(CuDNNGRU(16, input_shape=(n_input, 1)))
model.add(Dense(1))
model.compile(optimizer="adam", loss="mse")
model.fit_generator(generator, epochs=15, verbose=0)
forecasts = TimeseriesGenerator(test, test, length=n_input, batch_size=30)
predictions = model.predict_generator(forecasts)
print("score", 1 - np.mean((predictions - test[n_input:]) ** 2) / test.var())
