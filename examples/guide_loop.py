"""A training loop from scratch: the model as a pure function, `jax.grad`, one compiled step, a plain `for`.

Runs on Keras (`KERAS_BACKEND=jax python examples/guide_loop.py`) and on Sequax (`sequax run ...`); lines with ":" are
equal in both.
"""

import jax
import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits

BATCH = 64

pixels, digits = load_digits(return_X_y=True)
pixels = (pixels / 16).astype("float32")
train = pixels[:1280], digits[:1280]
held_out = pixels[1280:1536], digits[1280:1536]


def batches(x, y):
    for begin in range(0, len(x), BATCH):
        yield x[begin : begin + BATCH], y[begin : begin + BATCH]


def make_model():
    given = keras.Input((64,))
    x = layers.Dense(32, activation="relu", kernel_regularizer=keras.regularizers.L2(0.001))(given)
    x = layers.BatchNormalization()(x)
    model = keras.Model(given, layers.Dense(10)(x))
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(scale=0.2, size=w.shape) if w.ndim > 1 else w for w in model.get_weights()])
    return model


# --- the pieces ---

model = make_model()
criterion = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
optimizer = keras.optimizers.Adam(0.01)
accuracy = keras.metrics.SparseCategoricalAccuracy()
val_accuracy = keras.metrics.SparseCategoricalAccuracy()
optimizer.build(model.trainable_variables)


def cost(trainable, other, x, y):
    logits, other, penalties = model.stateless_call(trainable, other, x, training=True, return_losses=True)
    return criterion(y, logits) + sum(penalties), (logits, other)


@jax.jit
def train_step(state, x, y):
    trainable, other, slots, metric = state
    (loss, (logits, other)), slopes = jax.value_and_grad(cost, has_aux=True)(trainable, other, x, y)
    trainable, slots = optimizer.stateless_apply(slots, slopes, trainable)
    metric = accuracy.stateless_update_state(metric, y, logits)
    return loss, (trainable, other, slots, metric)


@jax.jit
def test_step(trainable, other, metric, x, y):
    logits, _ = model.stateless_call(trainable, other, x, training=False)
    return val_accuracy.stateless_update_state(metric, y, logits)


def values(variables):
    return [variable.value for variable in variables]


# --- the loop ---

trainable, other = values(model.trainable_variables), values(model.non_trainable_variables)
slots = values(optimizer.variables)
loss = 0.0
for epoch in range(3):
    state = trainable, other, slots, values(accuracy.variables)  # metrics begin anew, the rest goes on
    for x, y in batches(*train):
        loss, state = train_step(state, x, y)
    trainable, other, slots, metric = state
    print(f"epoch {epoch}, loss of the last batch: {float(loss):.5f}")
    print(f"epoch {epoch}, accuracy: {float(accuracy.stateless_result(metric)):.5f}")
    metric = values(val_accuracy.variables)
    for x, y in batches(*held_out):
        metric = test_step(trainable, other, metric, x, y)
    print(f"epoch {epoch}, accuracy of unseen digits: {float(val_accuracy.stateless_result(metric)):.5f}")

# --- back into the objects: the model that was trained this way is a model like any other ---

for variable, value in zip(model.trainable_variables, trainable, strict=True):
    variable.assign(value)
for variable, value in zip(model.non_trainable_variables, other, strict=True):
    variable.assign(value)
for variable, value in zip(optimizer.variables, slots, strict=True):
    variable.assign(value)
print("updates so far:", int(optimizer.iterations))

model.compile(optimizer, criterion, metrics=["accuracy"])
print(f"evaluate agrees: {model.evaluate(*held_out, batch_size=BATCH, verbose=0)[1]:.5f}")

# --- the same model by `fit`, from the same start ---

again = make_model()
again.compile(keras.optimizers.Adam(0.01), criterion, metrics=["accuracy"])
history = again.fit(*train, batch_size=BATCH, epochs=3, shuffle=False, verbose=0, validation_data=held_out)
print(f"by fit, accuracy: {history.history['accuracy'][-1]:.5f}")
print(f"by fit, accuracy of unseen digits: {history.history['val_accuracy'][-1]:.5f}")
pairs = zip(model.get_weights(), again.get_weights(), strict=True)
print("loop and fit end with the same weights:", all(np.allclose(a, b, atol=2e-3) for a, b in pairs))

# --- eagerly, step by step: gradients applied to the objects themselves ---

small = keras.Sequential([keras.Input((64,)), layers.Dense(10)])
small.set_weights([np.random.default_rng(1).normal(scale=0.1, size=w.shape) for w in small.get_weights()])
plain = keras.optimizers.SGD(0.5)
mean = keras.metrics.Mean()
for x, y in list(batches(*train))[:5]:

    def small_cost(kernel_and_bias, x=x, y=y):
        return criterion(y, small.stateless_call(kernel_and_bias, [], x)[0])

    loss, slopes = jax.value_and_grad(small_cost)(values(small.trainable_variables))
    plain.apply(slopes, small.trainable_variables)
    mean.update_state(loss)
print(f"five eager steps, mean loss: {float(mean.result()):.5f}")
print(f"five eager steps, loss now: {float(criterion(train[1], small(train[0]))):.5f}")
