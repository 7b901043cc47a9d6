# ruff: noqa
# Forecasting a series from windows.
import numpy as np
import tensorflow as tf

time = np.arange(600, dtype="float32")
series = 10 + 0.02 * time + 5 * np.sin(time * 2 * np.pi / 30) + np.random.default_rng(0).normal(size=600) * 0.3
split_time, window_size, batch_size, shuffle_buffer_size = 450, 20, 16, 200
x_train, x_valid = series[:split_time], series[split_time:]
tf.random.set_seed(51)


def windowed_dataset(series, window_size, batch_size, shuffle_buffer):
    series = tf.expand_dims(series, axis=-1)
    ds = tf.data.Dataset.from_tensor_slices(series)
    ds = ds.window(window_size + 1, shift=1, drop_remainder=True)
    ds = ds.flat_map(lambda w: w.batch(window_size + 1))
    ds = ds.shuffle(shuffle_buffer)
    ds = ds.map(lambda w: (w[:-1], w[1:]))
    return ds.batch(batch_size).prefetch(1)


def model_forecast(model, series, window_size):
    ds = tf.data.Dataset.from_tensor_slices(series)
    ds = ds.window(window_size, shift=1, drop_remainder=True)
    ds = ds.flat_map(lambda w: w.batch(window_size))
    ds = ds.batch(32).prefetch(1)
    return model.predict(ds, verbose=0)


small = tf.data.Dataset.range(10).window(5, shift=1, drop_remainder=True)
for window in small.flat_map(lambda w: w.batch(5)).map(lambda w: (w[:-1], w[-1:])).take(2):
    print(window[0].numpy(), window[1].numpy())

train_set = windowed_dataset(x_train, window_size, batch_size, shuffle_buffer_size)
model = tf.keras.models.Sequential(
    [
        tf.keras.layers.Conv1D(16, 5, strides=1, padding="causal", activation="relu", input_shape=[None, 1]),
        tf.keras.layers.LSTM(16, return_sequences=True),
        tf.keras.layers.Dense(1),
        tf.keras.layers.Lambda(lambda x: x * 20.0),
    ]
)
model.compile(loss=tf.keras.losses.Huber(), optimizer=tf.keras.optimizers.Adam(learning_rate=5e-3), metrics=["mae"])
model.fit(train_set, epochs=20, verbose=0)
forecast = model_forecast(model, series[..., np.newaxis], window_size)
forecast = forecast[split_time - window_size : -1, -1, 0]
error = np.mean(np.abs(forecast - x_valid))
print("error", error, "of a naive forecast", np.mean(np.abs(np.diff(series)[split_time - 1 :])))
print("score", 1 - error / np.std(x_valid))
