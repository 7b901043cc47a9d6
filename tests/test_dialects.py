"""What old scripts mean, under the import hook: in a process of their own, this one holds the real Keras."""

from __future__ import annotations

import json

import pytest

from sequax.compat import dialect
from tests.test_compat import python

GAN = """
x, z = Input((2,)), Input((3,))
critic = Sequential([Dense(8, input_dim=2), BatchNormalization(), Dense(1, activation="sigmoid")])
critic.compile("adam", "binary_crossentropy")
generator = Sequential([Dense(8, input_dim=3), Dense(2)])
critic.trainable = False
stack = Model(z, critic(generator(z)))
stack.compile("adam", "binary_crossentropy")
ones = np.ones((8, 1))
noise, real = np.random.rand(8, 3), np.random.rand(8, 2)
"""

# Statements after `PREAMBLE`, each of which ends well; what must stand on stderr (none: anything).
CASES = {
    "products of batches over the last two axes": (
        """
import keras.engine.topology
weights, heads = np.random.rand(3, 5, 8, 4).astype("float32"), np.random.rand(2, 3, 6, 4).astype("float32")
inputs, coupling = np.random.rand(3, 5, 4).astype("float32"), np.random.rand(3, 7, 5).astype("float32")
for made, wanted in (
    (K.batch_dot(inputs, weights, [2, 3]), np.einsum("bij,bidj->bid", inputs, weights)),
    (K.batch_dot(coupling, weights[:, :, 0], [2, 1]), np.einsum("bci,bij->bcj", coupling, weights[:, :, 0])),
    (K.batch_dot(weights, inputs, [3, 2]), np.einsum("bidj,bij->bid", weights, inputs)),
    (K.batch_dot(heads, heads, axes=[3, 3]), np.einsum("bhqd,bhkd->bhqk", heads, heads)),
):
    assert np.allclose(made, wanted, atol=1e-5)
""",
        None,
    ),
    "a list of one tensor is that tensor": (
        """
inputs = Input((3,))
inner = Model(inputs=[inputs], outputs=[Dense(2)(inputs)])
assert inner.output.shape == inner(inputs).shape == (None, 2) and inner.input is inputs
outer = Model([inputs], [[Dense(1)(inner.output)]])
outer.compile("sgd", ["mse"])
outer.fit([np.ones((4, 3))], [np.ones((4, 1))], verbose=0)
assert outer.predict([np.ones((4, 3))], verbose=0).shape == (4, 1)
""",
        None,
    ),
    "shapes that layers are told know as_list": (
        """
import tensorflow as tf
class Scaled(keras.layers.Dense):
    def build(self, batch_input_shape):
        self.scale = self.add_weight("scale", batch_input_shape.as_list()[-1:])
        super().build(batch_input_shape)
    def call(self, x):
        return super().call(x * self.scale)
    def compute_output_shape(self, batch_input_shape):
        return batch_input_shape.as_list()[:-1] + [self.units]
class Both(keras.layers.Layer):
    def build(self, input_shape):
        assert [one.as_list() for one in input_shape] == [[None, 3], [None, 2]]
        super().build(input_shape)
    def call(self, inputs):
        return inputs[0][:, :2] * inputs[1]
model = Sequential([Input((4,)), Scaled(3), Scaled(2)])
assert Both()([Input((3,)), Scaled(2)(Input((5,)))]).shape == (None, 2)
model.compile("sgd", "mse")
table = np.array([[0.5, True, 1, 2.0]] * 4, dtype=object)  # as of a table with columns of bool
model.fit(table, np.ones((4, 2)), verbose=0)
assert Sequential.from_config(model.get_config(), {"Scaled": Scaled}).output_shape == (None, 2)
assert tf.constant(table).dtype == "float32"
""",
        None,
    ),
    "options of calls by position": (
        """
class Scaled(keras.layers.Layer):
    def call(self, x, factor, training, mask=None):
        return x * (factor if training else -factor)
class Block(Model):
    def __init__(self):
        super().__init__()
        self.scaled, self.normed = Scaled(), Sequential([BatchNormalization(), Dense(2)])
    def call(self, x, training):
        return self.normed(self.scaled(x, 2, training, None), training)
x = np.ones((4, 2), "float32")
block, first = Block(), BatchNormalization()
assert block(x).shape == block(x, True).shape == (4, 2)
assert np.allclose(first(x, True), 0) and not np.allclose(first(x, False), 0) and first(x, None).shape == (4, 2)
assert np.all(Scaled()(x, 3.0, True) == 3) and np.all(Scaled()(x, 3.0) == -3)
inputs = Input((2,))
assert np.all(Model(inputs, Scaled()(inputs, 2, True)).predict(x, verbose=0) == 2)
assert np.all(Sequential([BatchNormalization(), Block()])(x, False).shape == (4, 2))
block.compile("sgd", "mse")
block.fit(x, x, verbose=0)
import tensorflow as tf
with tf.GradientTape() as tape:
    loss = tf.reduce_sum(block(x, True))
assert all(one is not None for one in tape.gradient(loss, block.trainable_variables))
""",
        None,
    ),
    "weights of a checkpoint wait for a model that is not built": (
        """
import os, tempfile
os.chdir(tempfile.mkdtemp())
class Two(Model):
    def __init__(self):
        super().__init__()
        self.stack = Sequential([Dense(4), BatchNormalization()])
    def call(self, x):
        return self.stack(x)
x = np.random.rand(4, 3).astype("float32")
def after_build(model):
    model.build((None, 3))
    return model(x)
uses = (lambda model: model(x), lambda model: model.predict(x, verbose=0), after_build)
for make in (Two, lambda: Sequential([Dense(2), BatchNormalization()])):
    saved = make()
    wanted = saved(x)
    saved.save_weights("folder/weights.ckpt")
    for use in uses:
        model = make()
        model.load_weights("folder/weights.ckpt").expect_partial()
        assert np.allclose(use(model), wanted, atol=1e-6)
open("bad.weights.h5", "wb").write(b"bad")
try:
    make().load_weights("bad")
except ValueError as error:
    assert "no HDF5 file" in str(error)
else:
    raise AssertionError
""",
        "load_weights of a model that is not built",
    ),
    "what callbacks are told of a run": (
        """
class Told(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        seen.append([self.params[name] for name in ("samples", "batch_size", "do_validation", "epochs", "metrics")])
seen = []
model = Sequential([Dense(1, input_dim=2)])
model.compile("sgd", "mse")
model.fit(np.ones((10, 2)), np.ones(10), 5, epochs=1, validation_split=0.2, verbose=0, callbacks=[Told()])
told = Told()
model.fit(np.ones((8, 2)), np.ones(8), verbose=0, callbacks=[told])
import pickle  # estimators are pickled with their callbacks
assert pickle.loads(pickle.dumps(told.params))["metrics"] == ["loss"]
assert seen == [[8, 5, True, 1, ["loss", "val_loss"]], [8, 32, False, 1, ["loss"]]], seen
""",
        None,
    ),
    "functions that merge, and words of K.one_hot": (
        """
from keras.layers import merge
a, b = keras.Input((3,)), keras.Input((3,))
apart = keras.Model([a, b], merge([a, b], mode=lambda x: K.abs(x[0] - x[1]), output_shape=lambda s: s[0]))
assert np.allclose(apart.predict([np.ones((2, 3)), np.full((2, 3), 3.0)]), 2)
assert K.one_hot(indices=np.array([0, 2]), num_classes=3).tolist() == [[1, 0, 0], [0, 0, 1]]
""",
        None,
    ),
    "outputs that are set": (
        """
a = keras.Input((3,))
b = Dense(4)(a)
model = keras.Model(a, Dense(2)(b))
model.outputs = [b]
whole = keras.Model(a, model(a))
assert model.predict(np.ones((2, 3))).shape == whole.predict(np.ones((2, 3))).shape == (2, 4)
""",
        "model.outputs = [...]",
    ),
    "a frozen critic learns by its own train_on_batch, and not in the stack": (
        GAN
        + """
before = critic.get_weights()
critic.train_on_batch(real, ones)
between, made = critic.get_weights(), generator.get_weights()
assert moved(before, between) == [True] * 8
stack.train_on_batch(noise, ones)
assert moved(between, critic.get_weights()) == [False] * 8
assert any(moved(made, generator.get_weights()))
assert not critic.trainable and critic.trainable_weights == [], "outside of training it is as the script has set it"
critic.fit(real, ones, verbose=0)
assert any(moved(between, critic.get_weights()))
""",
        "'sequential",
    ),
    "what was thawed inside of a frozen model trains as it was compiled": (
        """
base = Sequential([Dense(3, input_dim=2), Dense(3)])
base.trainable = False
base.layers[1].trainable = True
model = Sequential([base, Dense(1)])
model.compile("sgd", "mse")
base.trainable = False
before = model.get_weights()
model.fit(np.ones((4, 2)), np.ones(4), verbose=0)
assert moved(before, model.get_weights())[:4] == [False, False, True, True] and not base.layers[1].trainable
assert len(model.trainable_weights) == 2
""",
        "as it was compiled",
    ),
    "unfreezing counts from the next compile": (
        """
model = Sequential([Dense(4, input_dim=2), Dense(1)])
model.layers[0].trainable = False
model.compile("sgd", "mse")
model.layers[0].trainable = True
before = model.get_weights()
model.fit(np.ones((4, 2)), np.ones(4), verbose=0)
assert moved(before, model.get_weights())[:2] == [False, False] and model.layers[0].trainable
model.compile("sgd", "mse")
model.fit(np.ones((4, 2)), np.ones(4), verbose=0)
assert all(moved(before, model.get_weights()))
""",
        "`trainable`, set after `compile`",
    ),
    "absent names of monitors": (
        """
model = Sequential([Dense(1, input_dim=2)])
model.compile("sgd", "mse")
watching = [keras.callbacks.EarlyStopping(), keras.callbacks.EarlyStopping("val_dice_coef"),
            keras.callbacks.ReduceLROnPlateau(monitor="val_acc")]
assert len(model.fit(np.ones((4, 2)), np.ones(4), epochs=3, verbose=0, callbacks=watching).epoch) == 3
""",
        "the logs have no 'val_loss'",
    ),
    "a monitored name that tells no direction": (
        """
model = Sequential([Dense(1, input_dim=2)])
def dice_coef(y, p):
    return K.mean(K.abs(y - p))
model.compile("sgd", "mse", metrics=[dice_coef])
stop = keras.callbacks.EarlyStopping("dice_coef", patience=2)
assert len(model.fit(np.ones((4, 2)), np.ones(4), epochs=3, verbose=0, callbacks=[stop]).epoch) == 3
assert stop._resolved_mode() == "min"
""",
        "mode='min'",
    ),
    "gradients of what a model gives": (
        """
model = Sequential([Dense(4, input_dim=3, activation="tanh"), Dense(2, activation="softmax")])
loss = K.mean(model.output[:, 0])
wanted = [model.input, model.layers[0].output, *model.trainable_weights]
slopes = K.function([model.input], [loss, *K.gradients(loss, wanted)])
x = np.random.rand(5, 3).astype("float32")
first, of_x, of_hidden, *of_weights = slopes([x])
step = np.zeros_like(x)
step[1, 2] = 1e-2
assert abs((slopes([x + step])[0] - slopes([x - step])[0]) / 2e-2 - of_x[1, 2]) < 1e-4
assert of_hidden.shape == (5, 4) and [a.shape for a in of_weights] == [w.shape for w in model.get_weights()]
scale = K.variable(2.0) * K.sum(K.square(model.output)) / K.prod(K.cast(K.shape(model.output), "float32"))
assert np.isclose(K.function([model.input], scale)([x]), 2 * np.mean(model.predict(x, verbose=0) ** 2), rtol=1e-5)
""",
        None,
    ),
    "a function with updates": (
        """
model = Sequential([Dense(8, input_dim=3, activation="relu"), Dense(2, activation="softmax")])
action, reward = K.placeholder(shape=(None, 2)), K.placeholder(shape=(None,))
loss = -K.mean(K.log(K.sum(model.output * action, axis=1)) * reward)
adam = keras.optimizers.Adam(lr=0.05)
updates = adam.get_updates(params=model.trainable_weights, loss=loss)
train = K.function([model.input, action, reward], [loss], updates=updates)
x = np.random.randn(64, 3).astype("float32")
right = np.eye(2)[(x[:, 0] > 0).astype(int)]
losses = [train([x, right, np.ones(64)])[0] for _ in range(40)]
assert losses[-1] < losses[0] / 3 and int(adam.iterations.numpy()) == 40
old = K.function([model.input, action, reward], [], updates=adam.get_updates(model.trainable_weights, [], loss))
assert old([x, right, np.ones(64)]) == [] and int(adam.iterations.numpy()) == 41
""",
        None,
    ),
    "steps with a mask, by K.rnn": (
        """
kernel, x = np.random.rand(2, 3).astype("float32"), np.random.rand(2, 4, 2).astype("float32")
def step(one, states):
    return K.dot(one, kernel) + states[0], [K.dot(one, kernel) + states[0]]
mask = np.array([[1, 1, 1, 1], [1, 0, 0, 1]], bool)
last, outputs, states = K.rnn(step, x, [np.zeros((2, 3), "float32")], mask=mask)
assert np.allclose(last, [(x[0] @ kernel).sum(0), (x[1, [0, 3]] @ kernel).sum(0)], atol=1e-5)
assert outputs.shape == (2, 4, 3) and np.allclose(outputs[1, 1], outputs[1, 0]) and np.allclose(states[0], last)
""",
        None,
    ),
    "CTC": (
        """
y = np.full((2, 6, 4), 0.01, "float32")
y[:, :, 3] = 0.97
y[0, 1] = [0.01, 0.97, 0.01, 0.01]
y[1, 4] = [0.97, 0.01, 0.01, 0.01]
lengths = np.array([[6], [6]]), np.array([[1], [1]])
costs = K.get_value(K.ctc_batch_cost(np.array([[1], [1]]), y, *lengths))
assert costs.shape == (2, 1) and costs[0, 0] < 1 < costs[1, 0]
assert K.get_value(K.ctc_decode(y, np.ones(2) * 6)[0][0])[:, 0].tolist() == [1, 0]
""",
        None,
    ),
    "windows with weights of their own": (
        """
from keras.layers import LocallyConnected1D, LocallyConnected2D
x = np.random.rand(2, 7, 6, 3).astype("float32")
layer = LocallyConnected2D(4, (3, 2), strides=(2, 1), activation="tanh")
found = np.asarray(layer(x))
kernel = layer.get_weights()[0].reshape(3, 5, 3, 2, 3, 4)
for i in range(3):
    for j in range(5):
        one = np.einsum("brcx,rcxf->bf", x[:, 2 * i : 2 * i + 3, j : j + 2], kernel[i, j])
        assert np.allclose(found[:, i, j], np.tanh(one), atol=1e-5)
first = LocallyConnected2D(4, (3, 2), data_format="channels_first")
assert first(x).shape == first.compute_output_shape((2, 7, 6, 3)) == (2, 4, 4, 2)
again = LocallyConnected1D.from_config(LocallyConnected1D(3, 2, activation="relu").get_config())
model = Sequential([LocallyConnected1D(5, 3, input_shape=(7, 2)), again, Flatten(), Dense(1)])
assert again.output_shape == (None, 4, 3) and again.input_shape == (None, 5, 5)
model.compile("adam", "mse")
model.fit(np.random.rand(8, 7, 2), np.zeros(8), verbose=0)
""",
        "LocallyConnected",
    ),
    "models that are merged as the first layer": (
        """
from keras.layers import Merge
left, right = Sequential([Dense(3, input_dim=2)]), Sequential([Dense(3, input_dim=4)])
model = Sequential()
model.add(Merge([left, right], mode="concat"))
model.add(Dense(1))
assert model.output_shape == (None, 1) and len(model.get_weights()) == 6
model.compile("adam", "mse")
data = [np.random.rand(8, 2), np.random.rand(8, 4)]
model.fit(data, np.zeros(8), nb_epoch=1, verbose=0)
joined = np.concatenate([left.predict(data[0], verbose=0), right.predict(data[1], verbose=0)], axis=1)
assert np.allclose(model.layers[-1](joined), model.predict(data, verbose=0), atol=1e-5)
""",
        "keras.layers.Merge",
    ),
    "what layers, models and optimizers knew of themselves": (
        """
model = Sequential([Dense(2, input_dim=3, weights=[np.ones((3, 2)), np.zeros(2)]), Dense(1)])
first = model.layers[0]
assert np.all(first.get_weights()[0] == 1) and first.input_shape == (None, 3) and first.output_shape == (None, 2)
assert first.get_output_at(0) is first.output and first.get_input_shape_at(0) == (None, 3) and first.W is first.kernel
assert model.output_shape == model.output._keras_shape == (None, 1) and model.model is model
try:
    first.get_output_at(1)
except ValueError as error:
    assert "no call" in str(error)
class Own(keras.layers.Layer):
    def build(self, input_shape):
        self.W = self.add_weight("W", shape=(input_shape[-1], 1))
        self.b, self.input_shape, self.updates = None, input_shape, [1]
        super().build(input_shape)
    def call(self, x):
        return K.dot(x, self.W)
own = Own()
assert own(np.ones((2, 3))).shape == (2, 1) and own.input_shape == (2, 3) and own.updates == [1]
assert not hasattr(Flatten(), "W") and first.updates == []
model.compile("adam", "mse")
model._make_predict_function()
model.fit(np.ones((4, 3)), np.ones(4), verbose=0)
model.optimizer.set_weights(model.optimizer.get_weights())
""",
        "layer.input.shape",
    ),
    "callbacks see the data of the validation": (
        """
class Scores(keras.callbacks.Callback):
    seen = []
    def set_model(self, model):
        self.model = model
    def on_epoch_end(self, epoch, logs={}):
        x, y, weights = self.validation_data
        self.seen.append((self.model.predict(x, verbose=0).shape, y.shape, weights.shape))
model = Sequential([Dense(1, input_dim=3)])
model.compile("adam", "mse")
scores = Scores()
model.fit(np.ones((10, 3)), np.ones(10), validation_split=0.3, callbacks=[scores], verbose=0)
model.fit(np.ones((8, 3)), np.ones(8), validation_data=(np.ones((4, 3)), np.ones(4)), callbacks=[scores], verbose=0)
assert scores.seen == [((3, 1), (3,), (3,)), ((4, 1), (4,), (4,))], scores.seen
""",
        None,
    ),
    "files of any name": (
        """
import os
from keras.models import load_model
from keras.callbacks import ModelCheckpoint, TensorBoard
x, y = np.random.rand(8, 2), np.random.rand(8)
def new():
    model = Sequential([Dense(3, input_dim=2, activation="relu"), Dense(1)])
    model.compile("adam", "mse", metrics=["accuracy"])
    return model
model = new()
model.fit(x, y, verbose=0)
for name in ("a.h5", "b.hdf5", "c.model", "d", "e/f", "g.keras", "v1.2"):
    model.save(name)
    assert moved(model.get_weights(), load_model(name).get_weights()) == [False] * 4, name
model.save("h", save_format="h5")
model.save("i/1", save_format="tf", include_optimizer=False, signatures=None)
assert os.path.isfile("h") and os.path.isdir("i/1") and load_model("h") and load_model("i/1")
model.add(keras.layers.Lambda(lambda t: 2 * t + 1))
for name in ("a.h5", "d"):  # what a script wrote itself, it loads
    model.save(name)
    assert np.allclose(load_model(name).predict(x), model.predict(x)), name
os.rename("a.h5", "of_another_run.h5")
try:
    load_model("of_another_run.h5")
    raise AssertionError("loaded")
except ValueError as error:
    assert "<lambda>" in str(error)
for name in ("a.h5", "b.hdf5", "w.dat", "cp/w-1.ckpt", "cp/w-2"):
    model.save_weights(name)
    other = new()
    other.load_weights(name).expect_partial()
    assert moved(model.get_weights(), other.get_weights()) == [False] * 4, name
other.load_weights("a.h5", by_name=False)
checkpoints = {
    "j.{epoch:02d}-{val_acc:.1f}.hdf5": {"period": 2},
    "k.h5": {"save_weights_only": True},
    "l/m-{epoch:04d}.ckpt": {"save_weights_only": True, "save_freq": "epoch"},
    "n": {"monitor": "val_acc", "save_best_only": True, "mode": "max", "load_weights_on_restart": False},
}
for name, given in checkpoints.items():
    model.fit(x, y, epochs=3, validation_split=0.5, verbose=0, callbacks=[ModelCheckpoint(name, **given)])
assert len([name for name in os.listdir() if name.startswith("j.02")]) == 1
assert not [name for name in os.listdir() if name.startswith("j.0") and name[3] != "2"]
assert os.path.exists("k.h5") and len(os.listdir("l")) == 3 and load_model("n")
model.fit(x, y, verbose=0, callbacks=[TensorBoard("logs", histogram_freq=0, batch_size=8, write_grads=True)])
assert os.listdir("logs/train")
os.makedirs("saved")
open("saved/saved_model.pb", "w").close()
try:
    load_model("saved")
except ValueError as error:
    assert "SavedModel" in str(error)
""",
        "a model as a folder",
    ),
    "a picture without Graphviz": (
        """
import shutil, sys
shutil.which = lambda *args, **kwargs: None
from keras.utils import plot_model
from keras.utils.vis_utils import plot_model as older
model = Sequential([Dense(1, input_dim=2)])
assert plot_model(model, to_file="model.png", show_shapes=True) is None and older(model, "model.png") is None
""",
        "`plot_model` draws nothing",
    ),
    "weights of classes, and accuracy, as they were asked for": (
        """
model = Sequential([Dense(1, input_dim=2, activation="sigmoid")])
model.compile("adam", "binary_crossentropy")
x, y = np.random.rand(8, 2), np.arange(8) % 2
model.fit(x, y, nb_epoch=1, show_accuracy=True, class_weight="auto", verbose=0)
model.fit(x, y, class_weight=[1.0, 2.0], validation_data=[x, y], verbose=0)
model.evaluate(x, y, show_accuracy=True, verbose=0)
""",
        "class_weight=",
    ),
    "inputs of models in models with one axis more": (
        """
from keras.layers import Embedding, Reshape, multiply
spread = Sequential([Dense(12, input_dim=5), Reshape((2, 2, 3))])
noise, label = Input((5,)), Input((1,))
generator = Model([noise, label], spread(multiply([noise, Embedding(4, 5)(label)])))
x, labels = np.random.rand(6, 5).astype("float32"), np.arange(6).reshape(6, 1) % 4
products = x * generator.get_weights()[0][labels[:, 0]]
assert np.allclose(generator.predict([x, labels]), spread.predict(products), atol=1e-6)
generator.compile("sgd", "mse")
generator.fit([x, labels], np.zeros((6, 2, 2, 3)), verbose=0)
assert spread(np.ones((2, 1, 5))).shape == (2, 2, 2, 3)
""",
        None,
    ),
    "a script loads classes of a model that it saved": (
        """
import os, tempfile
os.chdir(tempfile.mkdtemp())
class Scaled(keras.layers.Layer):
    def call(self, x):
        return 2 * x
class Net(Model):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.first, self.scaled = Dense(units), Scaled()
    def call(self, x):
        return self.scaled(self.first(x))
x = np.ones((4, 2), "float32")
for model, path in ((Net(3), "net"), (Net(3), "net.ckpt"), (Sequential([Dense(3), Scaled()]), "stack.h5")):
    model.predict(x)
    model.save(path)
    again = keras.models.load_model(path)
    assert type(again) is type(model) and np.allclose(again.predict(x), model.predict(x))
""",
        None,
    ),
    "predictions without a bar": (
        """
import contextlib, io
from keras.utils import np_utils
model = Sequential([Dense(1, input_dim=2)])
with contextlib.redirect_stdout(io.StringIO()) as printed:
    model.predict(np.ones((4, 2)))
    assert not printed.getvalue()
    model.predict(np.ones((4, 2)), 2, 2)
    assert "Predict" in printed.getvalue()
""",
        None,
    ),
    "a value that a metric of the model's gave": (
        """
class Sized(Model):
    def __init__(self):
        super().__init__()
        self.out, self.size = Dense(1), keras.metrics.Mean(name="size")
    def call(self, x, training=None):
        if training:
            self.add_metric(self.size(x))
        return self.out(x)
model, x = Sized(), np.ones((8, 2))
model.compile("sgd", "mse")
assert model.fit(x, np.ones((8, 1)), verbose=0).history["size"] == [1.0]
""",
        None,
    ),
    "weights of classes for each output": (
        """
inputs = Input((2,))
outputs = [Dense(1, activation="sigmoid", name="a")(inputs), Dense(3, activation="softmax", name="b")(inputs)]
model = Model(inputs, outputs)
model.compile("sgd", ["binary_crossentropy", "categorical_crossentropy"])
x, a, b = np.random.rand(8, 2).astype("float32"), np.arange(8)[:, None] % 2, np.eye(3)[np.arange(8) % 3]
of_a, of_b, start = {0: 1, 1: 3.0}, {0: 2.0, 1: 0.5, 2: 1.0}, model.get_weights()
rows = [np.where(a[:, 0] == 1, 3.0, 1.0), np.array([2.0, 0.5, 1.0])[b.argmax(-1)]]
def trained(train):
    model.set_weights(start)
    train()
    return model.get_weights()
wanted = trained(lambda: model.train_on_batch(x, [a, b], sample_weight=rows))
for one in (
    lambda: model.train_on_batch(x, [a, b], class_weight=[of_a, of_b]),
    lambda: model.fit(x, {"a": a, "b": b}, class_weight={"a": of_a, "b": of_b}, verbose=0),
):
    assert all(map(np.allclose, trained(one), wanted)) and np.ptp(wanted[0] - start[0])
model.train_on_batch(x, [a, b], class_weight=[of_a, None])
alone = Model(inputs, outputs[0])
alone.compile("sgd", "binary_crossentropy")
start = alone.get_weights()
alone.train_on_batch(x, a, class_weight=[of_a, of_b])  # without effect
after = alone.get_weights()
alone.set_weights(start)
alone.train_on_batch(x, a)
assert all(map(np.allclose, alone.get_weights(), after))
""",
        "class_weight= of several outputs",
    ),
    "defaults of optimizers": (
        """
model = Sequential([Dense(output_dim=1, input_dim=2)])
model.compile("adadelta", "mse")
assert float(model.optimizer.learning_rate) == 1 and model.optimizer.epsilon == 1e-8
optimizers = keras.optimizers
assert optimizers.Adagrad().initial_accumulator_value == 0 and optimizers.Adagrad(epsilon=1e-4).epsilon == 1e-4
assert np.isclose(optimizers.Nadam().learning_rate, 0.002) and np.isclose(optimizers.Nadam(0.5).learning_rate, 0.5)
assert float(optimizers.Adadelta(decay=1.0).learning_rate) == 1 and np.isclose(optimizers.SGD().learning_rate, 0.01)
again = optimizers.Adamax.from_config({"learning_rate": 0.5, "epsilon": 1e-3})
assert float(again.learning_rate) == 0.5 and again.epsilon == 1e-3
""",
        "`Adadelta` has defaults of Keras 1: learning_rate=1, epsilon=1e-08",
    ),
    "defaults of today's optimizers": (
        """
model = Sequential([Dense(1, input_dim=2)])
model.compile("adadelta", "mse")
assert np.isclose(model.optimizer.learning_rate, 0.001)
""",
        None,
    ),
    "losses of symbolic tensors, added to a graph": (
        """
x = Input((3,))
hidden = Dense(2, name="hidden")(x)
out = Dense(3, name="out")(hidden)
model = Model(x, out)
model.add_loss(K.mean(keras.losses.mse(x, out)) * 2)
model.add_metric(K.sum(K.square(hidden)), name="size", aggregation="mean")
model.compile("sgd")
data = np.random.rand(8, 3).astype("float32")
expected = 2 * np.mean((model.predict(data, verbose=0) - data) ** 2)
history = model.fit(data, epochs=2, batch_size=8, verbose=0).history
assert np.isclose(history["loss"][0], expected, rtol=1e-4) and history["loss"][1] < history["loss"][0]
assert np.allclose(history["size"][0], history["size"][0]) and model.output_shape == (None, 3)
class Own(keras.layers.Layer):
    def call(self, x):
        self.add_loss(K.mean(x))
        return x
other = Sequential([Own(input_shape=(3,)), Dense(1)])
other.compile("sgd", "mse")
assert other.evaluate(data, other.predict(data, verbose=0), verbose=0) > 0.1
""",
        "model.add_loss",
    ),
    "names of logs with several outputs": (
        """
x = Input((3,))
model = Model(x, [Dense(1, activation="sigmoid", name="a")(x), Dense(1, activation="sigmoid", name="b")(x)])
model.compile("sgd", "binary_crossentropy", metrics={"a": "accuracy"})
history = model.fit(np.ones((4, 3)), [np.ones(4), np.zeros(4)], validation_split=0.5, verbose=0).history
assert history["a_acc"] == history["a_accuracy"] and "val_a_acc" in history and "b_acc" not in history
""",
        "a_accuracy",
    ),
    "names and nodes of a script that says its dialect": (
        """
import csv
from keras.callbacks import CSVLogger
from keras.models import clone_model
from sequax.compat import dialect
before = set(dialect._heard)
dialect.forget()
a, b, c = (Input((3,)) for _ in range(3))
base = Model(a, Dense(2, activation="softmax")(a))
first, second = base(b), base(c)
assert base.get_output_at(0) is first and base.get_output_at(1) is second
base.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
def columns(script):
    dialect.forget()
    dialect.read(script)
    logger = CSVLogger("rows.csv")
    history = base.fit(np.ones((4, 3)), np.ones(4), validation_split=0.5, verbose=0, callbacks=[logger]).history
    with open("rows.csv") as file:
        assert next(csv.reader(file))[1:] == sorted(history)
    assert history["acc"] == history["accuracy"] and "val_acc" in history
    return sorted(history)
assert columns("x") == columns("h['val_acc'], h['val_accuracy']") == ["accuracy", "loss", "val_accuracy", "val_loss"]
script = "from keras.layers.core import Dense; ModelCheckpoint('{epoch}-{val_acc:.2f}.h5')"
assert columns(script) == ["acc", "loss", "val_acc", "val_loss"]
nodes = [(base.get_input_at(i), base.get_output_at(i)) for i in range(3)]
expected = [(a, base.output), (b, first), (c, second)]
assert all(one[0] is other[0] and one[1] is other[1] for one, other in zip(nodes, expected))
assert Model(b, base.get_output_at(1)).predict(np.ones((2, 3)), verbose=0).shape == (2, 2)
dialect._heard.clear(), dialect._heard.update(before)
assert clone_model(base, input_tensors=[b]).input is b
""",
        None,
    ),
    "the learning rate among the logs, and the metrics of compile as a group": (
        """
from keras.callbacks import ReduceLROnPlateau
from sequax.compat import dialect
model = Sequential([Dense(1, input_dim=3)])
model.compile("sgd", "mse", metrics=["mae", "mape"])
before = set(dialect._heard)
def logged(script):
    dialect.forget()
    dialect.read(script)
    slower = ReduceLROnPlateau(monitor="loss", patience=1)
    history = model.fit(np.ones((4, 3)), np.ones(4), verbose=0, callbacks=[slower]).history
    assert history["lr"] == history["learning_rate"] and "lr" in history
    return sorted(name for name in history if name not in ("loss", "mae", "mape"))
assert logged("frame['lr'].plot()") == ["lr"]
assert logged("x") == logged("frame['lr'], frame['learning_rate']") == ["learning_rate"]
dialect._heard.clear(), dialect._heard.update(before)
assert [one.name for one in model.metrics[1].metrics] == model.metrics_names[1:] == ["mae", "mape"]
assert not hasattr(model.metrics[0], "metrics") and not hasattr(model.metrics[2], "metrics")
class Several(keras.metrics.Mean):
    def __init__(self):
        super().__init__()
        self.metrics = ["its own"]
assert Several().metrics == ["its own"]
""",
        None,
    ),
    "what libraries of Keras 2 ask of a model, and shapes by the call of a class": (
        """
from keras.layers import Embedding
class Tokens(Embedding):
    def call(self, inputs):
        return [super(Tokens, self).call(inputs), self.embeddings + 0]
tokens = Input((5,))
found, table = Tokens(7, 2)(tokens)
assert tuple(found.shape) == (None, 5, 2) and tuple(table.shape) == (7, 2)
model = Model(tokens, [found, table])
assert [part.shape for part in model.predict(np.ones((3, 5)), verbose=0)] == [(3, 5, 2), (7, 2)]
class Renamed(Tokens):
    def compute_output_shape(self, input_shape):
        return [(*input_shape, 2), (7, 2)]
assert len(Renamed(7, 2)(tokens)) == 2
x = Input((3,))
model = Model(x, Dense(1, kernel_initializer="ones")(x))
assert not model._is_compiled
model.compile("sgd", "mse")
assert model._is_compiled and model._feed_inputs[0] is x
values = K.function(model._feed_inputs, {"a": model.output}.values())([np.ones((2, 3))])
assert isinstance(values, list) and np.allclose(values[0], 3)
slopes = model.optimizer.get_gradients(K.sum(model.output), model.trainable_weights)
assert np.allclose(K.function([x], slopes)([np.ones((2, 3))])[0], 2)
assert float(K.switch(K.constant(1.0) > 0, K.constant(2.0), 0.0)) == 2
""",
        None,
    ),
    "rates that decay, and are set meanwhile": (
        """
from keras.callbacks import LearningRateScheduler, ReduceLROnPlateau
from keras.optimizers import SGD
model = Sequential([Dense(1, input_dim=1, use_bias=False, kernel_initializer="zeros")])
model.compile(SGD(lr=0.5, decay=1.0), lambda y, p: K.mean(-p))
one = np.ones((1, 1))
weights = [model.train_on_batch(one, one) and None or float(model.get_weights()[0][0, 0]) for _ in range(3)]
assert np.allclose(weights, [0.5, 0.75, 0.75 + 0.5 / 3]) and float(K.get_value(model.optimizer.lr)) == 0.5
K.set_value(model.optimizer.lr, 0.8)
model.train_on_batch(one, one)
assert np.isclose(model.get_weights()[0][0, 0], 0.75 + 0.5 / 3 + 0.8 / 4) and model.optimizer.decay == 1
halve = ReduceLROnPlateau(monitor="loss", patience=1, min_delta=1e9, factor=0.5)
assert np.allclose(model.fit(one, one, epochs=3, verbose=0, callbacks=[halve]).history["lr"], [0.8, 0.8, 0.4])
model.fit(one, one, verbose=0, callbacks=[LearningRateScheduler(lambda epoch, lr: lr * 2)])
assert np.isclose(model.optimizer.lr, 0.4)
model.compile(SGD(lr=0.5, decay=1.0), "mse")
model.train_on_batch(one, one)
for name in ("decay.h5", "decay.keras"):
    model.save(name)
    optimizer = keras.models.load_model(name).optimizer
    assert optimizer.decay == 1 and int(optimizer.iterations.numpy()) == 1 and float(optimizer.lr) == 0.5
assert keras.optimizers.Adam().decay == 0
""",
        "decay=",
    ),
    "arguments of Keras 1 that are functions or have no counterpart": (
        """
made = lambda shape, name=None: K.variable(np.full(shape, 0.5))
model = Sequential([Dense(3, input_dim=2, init=made), BatchNormalization(mode=2)])
assert np.all(model.get_weights()[0] == 0.5)
other = Dense(3, kernel_initializer=lambda shape, dtype=None: np.ones(shape))
assert float(K.sum(other(np.ones((1, 2))))) == 6
""",
        "mode=2",
    ),
    "layers of Keras 1, which say what they own": (
        """
class Own(keras.layers.Layer):
    def __init__(self, output_dim, **kwargs):
        self.output_dim = output_dim
        super().__init__(**kwargs)
    def build(self, input_shape):
        W = K.random_uniform_variable((input_shape[1], self.output_dim), -0.1, 0.1)
        self.count = K.variable(0.0)
        self.trainable_weights, self.non_trainable_weights = [W], [self.count]
        super().build(input_shape)
    def call(self, x, mask=None):
        return K.dot(x, self.trainable_weights[0])
    def get_output_shape_for(self, input_shape):
        return (input_shape[0], self.output_dim)
model = Sequential([Own(3, input_shape=(4,)), Dense(1)])
assert len(model.trainable_weights) == 3 and len(model.non_trainable_weights) == 1
model.trainable = False
model.trainable = True
model.compile("sgd", "mse")
before = model.get_weights()
model.fit(np.ones((4, 4)), np.ones(4), verbose=0)
assert sorted(moved(before, model.get_weights())) == [False, True, True, True]
assert keras.losses.MeanSquaredError(reduction="auto").reduction == "sum_over_batch_size"
each = keras.losses.MeanSquaredError(reduction=keras.losses.Reduction.NONE)
assert np.shape(each(np.ones((2, 1)), np.ones((2, 1)))) == (2,)
""",
        "self.trainable_weights = [...]",
    ),
    "a metric that reports the rate": (
        """
from keras.callbacks import LearningRateScheduler
def get_lr_metric(optimizer):
    def lr(y_true, y_pred):
        return optimizer._decayed_lr("float32")
    return lr
adam = keras.optimizers.Adam(lr=0.1)
model = Sequential([Dense(1, input_dim=2, kernel_regularizer=keras.regularizers.l2(l=0.01))])
model.compile(adam, "mse", metrics=[get_lr_metric(adam)])
halve = LearningRateScheduler(lambda epoch: 0.1 * 0.5**epoch)
found = model.fit(np.ones((4, 2)), np.ones(4), epochs=3, verbose=0, callbacks=[halve]).history["lr"]
assert np.allclose(found, [0.1, 0.05, 0.025])
assert keras.layers.LSTM(3, time_major=False).units == 3
""",
        "`l=`",
    ),
    "losses that look at tensors of the graph": (
        """
x = np.random.rand(32, 4).astype("float32")
inputs = Input((4,))
mean, spread = Dense(2)(inputs), Dense(2)(inputs)
outputs = Dense(4, activation="sigmoid")(keras.layers.Add()([mean, spread]))
vae = Model(inputs, outputs)
def vae_loss(y_true, y_pred):
    return K.mean(K.square(y_true - y_pred)) + 0.1 * K.mean(K.square(mean) + K.exp(spread))
encoder = Model(inputs, [mean, spread])
vae.compile("sgd", vae_loss)
m, s = encoder.predict(x, verbose=0)
expected = np.mean((vae.predict(x, verbose=0) - x) ** 2) + 0.1 * np.mean(m**2 + np.exp(s))
history = vae.fit(x, x, batch_size=32, epochs=3, verbose=0).history["loss"]
assert np.isclose(history[0], expected, rtol=1e-4) and history[2] < history[1] < history[0]
assert np.isclose(vae.evaluate(x, x, batch_size=32, verbose=0), vae.test_on_batch(x, x), rtol=1e-5)
advantage = Input((1,))
policy = Dense(2, activation="softmax")(inputs)
actor = Model([inputs, advantage], policy)
def weighted(advantage):
    def loss(y_true, y_pred):
        return -K.mean(K.log(K.sum(y_true * y_pred, axis=-1)) * advantage[:, 0])
    return loss
actor.compile("sgd", loss=[weighted(advantage)])
chosen, gains = np.eye(2)[np.arange(32) % 2], np.arange(32.0)
probabilities = actor.predict([x, gains], verbose=0)
expected = -np.mean(np.log((probabilities * chosen).sum(axis=1)) * gains)
assert np.isclose(actor.train_on_batch([x, gains], chosen), expected, rtol=1e-4)
""",
        "a loss that looks at tensors of the graph",
    ),
    "a layer that adds a loss of tensors of the graph": (
        """
x = np.random.rand(32, 4).astype("float32")
inputs = Input((4,))
mean, spread = Dense(2)(inputs), Dense(2)(inputs)
class Bound(keras.layers.Layer):
    def bound(self, x, decoded):
        terms = [K.square(one) for one in [mean]]
        return K.mean(K.square(x - decoded)) + 0.1 * K.mean(terms[0] + K.exp(spread))
    def call(self, both):
        self.add_loss(self.bound(*both), inputs=both)
        return both[0]
decoded = Dense(4)(keras.layers.Add()([mean, spread]))
vae = Model(inputs, Bound(name="bound")([inputs, decoded]))
vae.compile("sgd", loss=None)
m, s, d = Model(inputs, [mean, spread, decoded]).predict(x, verbose=0)
expected = np.mean((d - x) ** 2) + 0.1 * np.mean(m**2 + np.exp(s))
history = vae.fit(x, None, batch_size=32, epochs=2, verbose=0).history["loss"]
assert np.isclose(history[0], expected, rtol=1e-4) and history[1] < history[0]
assert all(a is b for a, b in zip(vae.get_layer("bound").input, [inputs, decoded, mean, spread], strict=True))
try:
    vae.to_json()
except ValueError as error:
    assert "Layer 'bound' looks at tensors of the graph" in str(error)
else:
    raise AssertionError("written")
""",
        "a layer that looks at tensors of the graph",
    ),
    "functions that look at tensors of the graph": (
        """
from functools import partial
inputs = Input((4,))
h, gate = Dense(3)(inputs), Dense(3)(inputs)
def scaled(x, by):
    return x * by
def inside():
    gate_here = gate
    return keras.layers.Lambda(lambda x: scaled(x, gate_here))
class Held(keras.layers.Layer):
    def __init__(self, by):
        super().__init__()
        self.by = by
    def call(self, x):
        return x * self.by
class Around(keras.layers.Layer):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner
    def call(self, x):
        return self.inner(x)
class Several(keras.layers.Layer):
    def __init__(self, by):
        super().__init__()
        self.by = by
    def call(self, x):
        return x * self.by["first"][0]
pair = (h, gate)
steps = keras.layers.TimeDistributed(keras.layers.Lambda(lambda x: x * gate))
found = [
    layer(h)
    for layer in (
        keras.layers.Lambda(lambda x: x * gate),
        inside(),
        keras.layers.Lambda(scaled, arguments={"by": gate}),
        keras.layers.Lambda(partial(scaled, by=gate)),
        Held(gate),
        keras.layers.Lambda(lambda x: x * pair[1]),
        Several({"first": [gate, h]}),
        Around(keras.layers.Lambda(lambda x: x * gate)),
        Around(Held(gate)),
        lambda x: K.squeeze(steps(keras.layers.Reshape((1, 3))(x)), 1),
    )
]
x, wanted = np.random.rand(8, 4), h * gate
for model in (Model(inputs, [wanted, *found]), Model(inputs, Model(inputs, [wanted, *found])(inputs))):
    first, *others = model.predict(x, verbose=0)
    assert len(others) == 10 and all(np.allclose(first, one, atol=1e-6) for one in others)
assert K.is_keras_tensor(gate)
""",
        "a layer that looks at tensors of the graph",
    ),
    "a penalty of gradients, by partial": (
        """
from functools import partial
from keras.layers.merge import _Merge
class RandomWeightedAverage(_Merge):
    def _merge_function(self, inputs):
        weights = K.random_uniform((8, 1))
        return weights * inputs[0] + (1 - weights) * inputs[1]
def gradient_penalty_loss(y_true, y_pred, averaged_samples):
    gradients = K.gradients(y_pred, averaged_samples)[0]
    lengths = K.sqrt(K.sum(K.square(gradients), axis=np.arange(1, len(gradients.shape))))
    return K.mean(K.square(1 - lengths))
critic, generator = Sequential([Dense(1, input_dim=2, use_bias=False)]), Sequential([Dense(2, input_dim=3)])
generator.trainable = False
real, z = Input((2,)), Input((3,))
fake = generator(z)
averaged = RandomWeightedAverage()([real, fake])
penalty = partial(gradient_penalty_loss, averaged_samples=averaged)
penalty.__name__ = "gradient_penalty"
model = Model([real, z], [critic(real), critic(fake), critic(averaged)])
wasserstein = lambda y_true, y_pred: K.mean(y_true * y_pred)
model.compile(keras.optimizers.RMSprop(lr=0.01), loss=[wasserstein, wasserstein, penalty], loss_weights=[0, 0, 10])
data, targets = [np.ones((8, 2)), np.ones((8, 3))], [np.ones((8, 1)), -np.ones((8, 1)), np.zeros((8, 1))]
length = np.linalg.norm(critic.get_weights()[0])
found = model.train_on_batch(data, targets)
assert np.isclose(found[0], 10 * (1 - length) ** 2, rtol=1e-3), (found, length)
for _ in range(200):
    model.train_on_batch(data, targets)
assert abs(np.linalg.norm(critic.get_weights()[0]) - 1) < 0.05
""",
        "a loss that looks at tensors of the graph",
    ),
    "numbers drawn by a function that a layer calls": (
        """
def sampling(args):
    return args + K.random_normal(shape=K.shape(args))
class Noise(keras.layers.Layer):
    def call(self, x):
        return sampling(x)
model = Sequential([Noise(input_shape=(3,)), keras.layers.Lambda(lambda x: sampling(x)), Dense(1)])
model.compile("sgd", "mse")
model.fit(np.ones((4, 3)), np.ones(4), verbose=0)
first, second = model.predict(np.ones((4, 3)), verbose=0), model.predict(np.ones((4, 3)), verbose=0)
assert not np.allclose(first, second)
""",
        None,
    ),
    "one list of metrics for several outputs": (
        """
x = Input((3,))
model = Model(x, [Dense(1, name="a")(x), Dense(1, name="b")(x)])
model.compile("sgd", "mse", metrics=["mae"])
model.fit(np.ones((4, 3)), [np.ones(4), np.zeros(4)], verbose=0)
assert model.metrics_names == ["loss", "a_loss", "b_loss", "a_mae", "b_mae"]
""",
        None,
    ),
    "stars": (
        """
from keras.layers import *
from keras.optimizers import *
from keras.models import *
from keras.callbacks import *
from keras.utils import *
assert isinstance(sgd(lr=0.5), keras.optimizers.SGD) and Merge and model_from_config and multi_gpu_model
""",
        "`lr=`",
    ),
    "weights in HDF5 groups": (
        """
import h5py
from keras.engine import saving, topology
model = Sequential([Dense(3, input_dim=2, name="a"), Dense(1, name="b")])
with h5py.File("group.h5", "w") as file:
    saving.save_weights_to_hdf5_group(file, model.layers)
other = Sequential([Dense(3, input_dim=2, name="a"), Dense(2, name="b")])
with h5py.File("group.h5", "r") as file:
    topology.load_weights_from_hdf5_group_by_name(file, other.layers, skip_mismatch=True)
    twin = keras.models.clone_model(model)
    saving.load_weights_from_hdf5_group(file, twin.layers)
assert moved(model.get_weights()[:2], other.get_weights()[:2]) == [False] * 2
assert moved(model.get_weights(), twin.get_weights()) == [False] * 4
model.load_weights("group.h5")
""",
        None,
    ),
    "rows of an HDF5 file": (
        """
import h5py
from keras.utils.io_utils import HDF5Matrix
with h5py.File("rows.h5", "w") as file:
    file["x"], file["y"] = np.arange(20.0).reshape(10, 2), np.zeros(10)
x = HDF5Matrix("rows.h5", "x", 2, 8, normalizer=lambda rows: rows / 2)
assert x.shape == (6, 2) and len(x) == 6 and x.dtype == "float64" and x[0].tolist() == [2.0, 2.5]
assert x[[3, 1, 3]][:, 0].tolist() == [5.0, 3.0, 5.0] and np.asarray(x).shape == (6, 2)
model = Sequential([Dense(1, input_dim=2)])
model.compile("sgd", "mse")
model.fit(x, HDF5Matrix("rows.h5", "y", 2, 8), batch_size=4, shuffle="batch", verbose=0)
""",
        None,
    ),
}

PREAMBLE = """
import numpy as np
import keras
from keras import Sequential, Model, Input, backend as K
from keras.layers import Dense, BatchNormalization, Flatten
def moved(before, after):
    return [not np.array_equal(one, other) for one, other in zip(before, after)]
"""

TRY_ALL = """
import contextlib, io, json, os, sys, tempfile, traceback
from sequax import compat
from sequax.compat import notes
compat.install()
os.chdir(tempfile.mkdtemp())
outcomes = {}
preamble, cases = json.load(sys.stdin)
for name, statements in cases.items():
    lines = io.StringIO()
    notes.forget()
    with contextlib.redirect_stderr(lines):
        try:
            import warnings
            warnings.simplefilter("always")
            exec(preamble + statements, {"__name__": "script"})
            error = ""
        except BaseException:
            error = traceback.format_exc()
    outcomes[name] = [error, lines.getvalue()]
print(json.dumps(outcomes))
"""


@pytest.fixture(scope="module")
def outcomes():
    done = python(TRY_ALL, stdin=json.dumps([PREAMBLE, {name: code for name, (code, _) in CASES.items()}]))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", CASES)
def test_means_what_it_meant(outcomes, name):
    error, said = outcomes[name]
    assert error == ""
    if CASES[name][1] is not None:
        assert CASES[name][1] in said


SCRIPTS = {
    "from keras.layers.core import Dense": 2,
    "import keras.backend.tensorflow_backend as KTF": 2,
    "from keras.layers import Dense\nmodel.fit_generator(batches)": 2,
    "from keras.utils import np_utils": 2,
    "from keras.layers import CuDNNLSTM": 2,
    "from keras.layers.core import Dense\nmodel.fit(x, y, nb_epoch=3)": 1,
    "from keras import objectives": 1,
    "from __future__ import print_function\nimport keras\nkeras.optimizers.Adadelta()": 2,
    "from __future__ import absolute_import, division\nfrom keras.models import Sequential": 2,
    "from __future__ import print_function\nfrom tensorflow import keras": None,
    "from __future__ import division\nimport helpers": None,
    "from __future__ import annotations\nimport keras": None,
    "from keras.layers import Dense\nfrom numpy.random import choice\nchoice(3, p=[0.1, 0.2, 0.7])": None,
    "import keras\nparser.add_argument(init=1)\nprint(args.lr, forest.predict_proba(x))": None,
    "from tensorflow.keras.layers import Dense\nmodel.fit_generator(batches)": None,
    "import tensorflow as tf\nmodel = tf.keras.Sequential()\nmodel.predict_classes(x)": None,
    "from keras.optimizers.legacy import Adam\nfrom keras.utils import np_utils": None,
    "from keras import ops\nfrom keras.utils import np_utils": None,
    "no python at all": None,
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_dialect_of_a_script(script):
    dialect.forget()
    dialect.read(script)
    try:
        assert dialect.spoken() == SCRIPTS[script]
    finally:
        dialect.forget()
