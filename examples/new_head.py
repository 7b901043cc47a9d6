"""A trained model gets a new head: the stack is a list, layers are frozen and replaced without another `compile`."""

import sequax as keras
from sequax import layers
from sequax.datasets import digits

keras.utils.set_random_seed(0)
(x, y), (x_test, y_test) = digits.load_data()
x, x_test = x.reshape(len(x), 64) / 16, x_test.reshape(len(x_test), 64) / 16

model = keras.Sequential(
    [keras.Input((64,)), layers.Dense(64, activation="relu"), layers.Dense(10, activation="softmax")]
)
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x, y, epochs=8, verbose=0)
print(f"Which digit: {model.evaluate(x_test, y_test, verbose=0)[1]:.1%} right")

body = model[:-1]  # shares its weights with the model
print("Features of one digit:", body.predict(x_test[:1], verbose=0).shape)

model[0].trainable = False
model[-1] = layers.Dense(2, activation="softmax", name="is_odd")
model.fit(x, y % 2, epochs=8, verbose=0)
print(f"Odd or even, from the same features: {model.evaluate(x_test, y_test % 2, verbose=0)[1]:.1%} right")
