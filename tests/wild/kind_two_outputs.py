# ruff: noqa
# Two inputs, two outputs: losses, weights and data as dicts by the names of layers.
import keras
import numpy as np
from keras.layers import LSTM, Dense, Embedding, Input
from keras.models import Model

np.random.seed(0)
headline_data = np.random.randint(1, 50, (400, 8))
additional_data = np.random.rand(400, 3)
labels = ((headline_data[:, -1] > 25) ^ (additional_data[:, 0] > 0.9)).astype("float32")[:, None]

main_input = Input(shape=(8,), dtype="int32", name="main_input")
x = Embedding(output_dim=16, input_dim=50, input_length=8)(main_input)
lstm_out = LSTM(16)(x)
auxiliary_output = Dense(1, activation="sigmoid", name="aux_output")(lstm_out)
auxiliary_input = Input(shape=(3,), name="aux_input")
x = keras.layers.concatenate([lstm_out, auxiliary_input])
x = Dense(32, activation="relu")(x)
main_output = Dense(1, activation="sigmoid", name="main_output")(x)
model = Model(inputs=[main_input, auxiliary_input], outputs=[main_output, auxiliary_output])
model.compile(
    optimizer="rmsprop",
    loss={"main_output": "binary_crossentropy", "aux_output": "binary_crossentropy"},
    loss_weights={"main_output": 1.0, "aux_output": 0.2},
    metrics={"main_output": "accuracy"},
)
history = model.fit(
    {"main_input": headline_data, "aux_input": additional_data},
    {"main_output": labels, "aux_output": labels},
    epochs=20,
    batch_size=32,
    verbose=0,
)
print(sorted(history.history))
found = model.evaluate([headline_data, additional_data], [labels, labels], verbose=0)
print(dict(zip(model.metrics_names, found)))
print("score", history.history["main_output_acc"][-1])
