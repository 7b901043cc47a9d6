"""Slips that a type checker must find: each line with a comment is one, and the comment names pyright's rule."""

import sequax as keras
from sequax import layers

model = keras.Sequential([keras.Input((8,)), layers.Dense(4, activation="relu"), layers.Dense(1)])
model.compile(optimizer="adam", loss="mse")
model.compile(optimiser="adam")  # reportCallIssue
model.fitt()  # reportAttributeAccessIssue
model.fit([[1.0] * 8], [1.0], epoch=3)  # reportCallIssue
print(model.fit([[1.0] * 8], [1.0]).histroy)  # reportAttributeAccessIssue
model.fit([[1.0] * 8], [1.0], epochs="3")  # reportArgumentType
model.predict(3)  # reportArgumentType
model.add("dense")  # reportArgumentType
model.sumary()  # reportAttributeAccessIssue

keras.layers.Densee(3)  # reportAttributeAccessIssue
print(keras.nonsense)  # reportAttributeAccessIssue
keras.losses.MeanSquaredErrror()  # reportAttributeAccessIssue
keras.utils.to_categoricall([1])  # reportAttributeAccessIssue
keras.datasets.mnist.load()  # reportAttributeAccessIssue
layers.Dense()  # reportCallIssue
layers.Dense(units="3")  # reportArgumentType
layers.Dense(3, unitz=3)  # reportCallIssue
layers.Conv2D(8, 3, padding="sam")  # reportArgumentType
keras.optimizers.Adam(learning_rte=0.1)  # reportCallIssue
keras.models.load_model("model.keras").fitt()  # reportAttributeAccessIssue
keras.ops.concatenat([1])  # reportAttributeAccessIssue
