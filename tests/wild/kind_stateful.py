# ruff: noqa
# A stateful LSTM: one row a batch in order, states set to zero by hand between epochs, a forecast step by step.
import numpy as np
from keras.layers import LSTM, Dense
from keras.models import Sequential

np.random.seed(0)
series = np.sin(np.arange(121) * np.pi / 6).astype("float32")
X, y = series[:-1].reshape(120, 1, 1), series[1:]
batch_size = 1
model = Sequential()
model.add(LSTM(8, batch_input_shape=(batch_size, 1, 1), stateful=True))
model.add(Dense(1))
model.compile(loss="mean_squared_error", optimizer="adam")
model.optimizer.lr = 0.01
for i in range(6):
    model.fit(X, y, epochs=1, batch_size=batch_size, verbose=0, shuffle=False)
    model.reset_states()
forecast = model.predict(X, batch_size=batch_size, verbose=0)
model.reset_states()
again = [model.predict(X[i : i + 1], batch_size=batch_size, verbose=0)[0, 0] for i in range(20)]
assert np.allclose(again, forecast[:20, 0], atol=1e-4), "the states go on from call to call"
print("score", 1 - np.mean((forecast[20:, 0] - y[20:]) ** 2) / y[20:].var())
