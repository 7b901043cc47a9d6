"""Habits of scripts that call TensorFlow's functions: in layers, losses, graphs; dtypes, shapes, seeds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

START = """
import numpy as np, pytest
from sequax import compat
compat.install()
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers
x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
y = (x[:, :1] > 0).astype("float32")
"""

HABITS = {
    "a graph of functions between layers, saved": """
        import os, tempfile
        inputs = keras.Input((4,))
        h = layers.Dense(8, activation=tf.nn.relu)(inputs)
        h = tf.concat([h, tf.square(h), tf.expand_dims(inputs[:, 0], -1) * 2.0], axis=-1)
        h = h - tf.reduce_mean(h, axis=-1, keepdims=True)
        h = tf.constant(1.0) + h * np.float32(2)
        outputs = layers.Dense(1, activation="sigmoid")(tf.nn.relu(h))
        model = keras.Model(inputs, outputs)
        model.compile("adam", "binary_crossentropy")
        losses = model.fit(x, y, epochs=3, verbose=0).history["loss"]
        assert losses[-1] < losses[0]
        path = os.path.join(tempfile.mkdtemp(), "m.keras")
        model.save(path)
        again = keras.models.load_model(path)
        assert np.allclose(model.predict(x, verbose=0), again.predict(x, verbose=0), atol=1e-6)
    """,
    "activations of tf.nn and of the root are those of keras in a config": """
        for function in (tf.nn.relu, tf.tanh, tf.sigmoid, tf.nn.softmax, tf.math.sigmoid, tf.nn.swish):
            layer = layers.Dense(2, activation=function)
            assert layer.get_config()["activation"] == layer.activation.__name__
        assert layers.Dense(2, activation=tf.nn.relu).activation is keras.activations.relu
    """,
    "a loss and a metric in TensorFlow's words, compiled": """
        def loss(y_true, y_pred):
            y_true = tf.cast(y_true, tf.float32)
            weight = tf.where(tf.equal(y_true, 1.0), 2.0, 1.0)
            bce = tf.nn.sigmoid_cross_entropy_with_logits(labels=y_true, logits=y_pred)
            return tf.reduce_mean(weight * bce, axis=-1) + 0.0 * tf.reduce_sum(tf.shape(y_pred)[0] * 0.0)
        def right(y_true, y_pred):
            return tf.reduce_mean(tf.cast(tf.equal(tf.round(tf.sigmoid(y_pred)), y_true), tf.float32))
        model = keras.Sequential([keras.Input((4,)), layers.Dense(8, tf.nn.tanh), layers.Dense(1)])
        model.compile(keras.optimizers.Adam(0.03), loss, metrics=[right])
        assert model.fit(x, y, epochs=20, verbose=0).history["right"][-1] > 0.9
    """,
    "a layer of its own: shapes, random numbers, other ones at each call": """
        class Noisy(layers.Layer):
            def call(self, inputs, training=None):
                batch, width = tf.shape(inputs)[0], tf.shape(inputs)[1]
                assert inputs.shape.as_list()[-1] == inputs.get_shape()[-1] == 4
                noise = tf.random.normal(shape=(batch, width), stddev=1.0)
                flat = tf.reshape(inputs + noise, [batch, -1])
                return tf.concat([flat, tf.zeros((batch, 1))], axis=1)
        model = keras.Sequential([keras.Input((4,)), Noisy(), layers.Dense(1)])
        model.compile("sgd", "mse")
        model.fit(x, y, epochs=2, verbose=0)
        first, second = model.predict(x, verbose=0), model.predict(x, verbose=0)
        assert not np.allclose(first, second)
    """,
    "a layer that keeps what older versions computed": """
        class Own(layers.Layer):
            def build(self, input_shape):
                self.W = self.add_weight(shape=(input_shape[-1], 3), initializer="zeros", name="W")
                self.b = self.add_weight(shape=(3,), initializer="ones", name="b")
                self.output_shape, self.updates = (3,), []
            def call(self, inputs):
                return tf.matmul(inputs, self.W) + self.b
        layer = Own()
        assert layer(x).shape == (64, 3) and layer.b.shape == (3,) and layer.output_shape == (3,)
        dense = layers.Dense(2)
        assert dense(keras.Input((4,))).shape == dense.output_shape and dense.W is dense.kernel
    """,
    "sampling in a Lambda layer": """
        def sample(args):
            mean, log_var = args
            epsilon = tf.random.normal(shape=tf.shape(mean))
            return mean + tf.exp(0.5 * log_var) * epsilon
        inputs = keras.Input((4,))
        z = layers.Lambda(sample, output_shape=(2,))([layers.Dense(2)(inputs), layers.Dense(2)(inputs)])
        model = keras.Model(inputs, layers.Dense(4)(z))
        model.compile("adam", "mse")
        model.fit(x, x, epochs=1, verbose=0)
        assert not np.allclose(model.predict(x, verbose=0), model.predict(x, verbose=0))
    """,
    "seeds begin sequences": """
        tf.random.set_seed(1)
        a, b = tf.random.normal([3], seed=5), tf.random.normal([3], seed=5)
        tf.random.set_seed(1)
        again = tf.random.normal([3], seed=5)
        assert not np.allclose(a, b) and np.allclose(a, again)
        assert np.allclose(tf.random.stateless_uniform([2], seed=[1, 2]), tf.random.stateless_uniform([2], [1, 2]))
        g = tf.random.Generator.from_seed(3)
        assert not np.allclose(g.normal([2]), g.normal([2]))
        assert np.allclose(tf.random.Generator.from_seed(3).normal([2]), tf.random.Generator.from_seed(3).normal([2]))
        whole = tf.random.uniform([100], 0, 3, dtype=tf.int32)
        assert whole.dtype == tf.int32 and set(whole.numpy().tolist()) == {0, 1, 2}
        assert tf.random.categorical([[0.0, -1e9]], 4).numpy().tolist() == [[0, 0, 0, 0]]
        assert sorted(tf.random.shuffle(tf.range(5)).numpy()) == [0, 1, 2, 3, 4]
        with pytest.raises(ValueError, match="maxval"):
            tf.random.uniform([2], dtype=tf.int32)
    """,
    "dtypes are names that know more": """
        assert tf.float32 == "float32" == tf.float32.name and tf.float32.as_numpy_dtype is np.float32
        assert tf.constant(1.0).dtype == tf.float32 and tf.float32 == tf.constant(1.0).dtype
        assert tf.constant(1).dtype in (tf.int32, tf.int64) and tf.constant(1).dtype != tf.float32
        assert tf.float32.is_floating and not tf.int32.is_floating and tf.uint8.max == 255 and tf.int32.is_integer
        assert tf.as_dtype(np.float32) == tf.float32 and tf.as_dtype("int32") == tf.int32 == tf.dtypes.int32
        assert layers.Dense(2, dtype=tf.float32).dtype == "float32"
        assert keras.Input((2,), dtype=tf.int32).dtype == tf.int32
        assert np.zeros(2, tf.float32.as_numpy_dtype).dtype == np.float32 and {tf.float32: 1}["float32"] == 1
        assert repr(tf.float32) == "tf.float32" and not tf.float32 == 3 and tf.string == tf.constant("a").dtype
    """,
    "shapes": """
        shape = tf.TensorShape([None, 3])
        assert shape.as_list() == [None, 3] and shape.rank == 2 and shape == [None, 3] and shape[1:] == (3,)
        assert (shape + [4]).as_list() == [None, 3, 4] and not shape.is_fully_defined()
        assert shape.is_compatible_with([7, 3]) and not shape.is_compatible_with([7, 4])
        assert tf.TensorShape(None).rank is None and tf.TensorShape([2, 3]).num_elements() == 6
        value = tf.zeros([2, 3])
        assert value.shape == (2, 3) and value.shape.as_list() == [2, 3] and value.get_shape().ndims == 2
        rows, columns = value.shape
        assert (rows, columns) == (2, 3) and tuple(value.shape) == (2, 3) and value.shape[0] == 2
        sizes = [1]
        sizes += value.shape
        assert sizes == [1, 2, 3] and type(sizes) is list
        value.set_shape([2, None])
        with pytest.raises(ValueError):
            value.set_shape([3, 3])
        assert tf.TensorSpec([None, 3], tf.float32).is_compatible_with(value)
        assert keras.Input((3,)).shape.as_list() == [None, 3]
        assert isinstance(value, tf.Tensor) and tf.is_tensor(value) and not isinstance(np.zeros(2), tf.Tensor)
        batch, width = tf.shape(value)
        assert tf.shape(value).numpy().tolist() == [2, 3] and int(batch) == 2 and (width / 2).numpy() == 1.5
        assert tf.reduce_sum(value).numpy() == 0.0 and isinstance(tf.reduce_sum(value).numpy(), np.float32)
        key = value.ref()
        assert {key: 1}[value.ref()] == 1 and key.deref() is value
    """,
    "strings are bytes": """
        names = tf.constant(["cat", "dog", "cat"])
        assert names.numpy().tolist() == [b"cat", b"dog", b"cat"] and names.shape == (3,)
        assert tf.equal(names, "cat").numpy().tolist() == [True, False, True]
        assert (names == "dog").numpy().tolist() == [False, True, False] and names[0].numpy() == b"cat"
        assert tf.argmax(tf.constant("dog") == np.array(["cat", "dog"])).numpy() == 1
        assert (names + "s")[1].numpy() == b"dogs" and tf.concat([names, names], 0).shape == (6,)
        assert tf.unique(names)[0].numpy().tolist() == [b"cat", b"dog"]
        assert tf.gather(names, [1]).numpy().tolist() == [b"dog"] and isinstance(names, tf.Tensor)
        assert str(tf.constant("a").numpy(), "utf-8") == "a" and tf.constant("a").numpy().decode() == "a"
    """,
    "old arguments": """
        value = tf.constant([[1.0, 2.0], [3.0, 4.0]])
        assert tf.reduce_sum(value, reduction_indices=[1], keep_dims=True).numpy().tolist() == [[3.0], [7.0]]
        assert tf.expand_dims(value, dim=0).shape == (1, 2, 2) and tf.argmax(value, dimension=1).shape == (2,)
        assert tf.reduce_mean(value, name="mean").numpy() == 2.5
        assert tf.squeeze(value[None], squeeze_dims=0).shape == (2, 2)
        assert tf.nn.softmax(value, dim=0).shape == (2, 2) and tf.concat(1, [value, value]).shape == (2, 4)
        assert tf.compat.v1.to_float([1]).dtype == tf.float32 and tf.div(7, 2).numpy() == 3
        with pytest.raises(TypeError, match="axes"):
            tf.reduce_sum(value, axes=1)
    """,
    "random changes of images stay images": """
        tf.random.set_seed(0)
        image = tf.constant(np.random.default_rng(0).integers(0, 255, (8, 6, 3)).astype("uint8"))
        for change in (
            lambda i: tf.image.random_flip_left_right(i), lambda i: tf.image.random_flip_up_down(i),
            lambda i: tf.image.random_brightness(i, 0.2), lambda i: tf.image.random_contrast(i, 0.5, 1.5),
            lambda i: tf.image.random_saturation(i, lower=0.5, upper=1.5), lambda i: tf.image.random_hue(i, 0.1),
            lambda i: tf.image.stateless_random_flip_left_right(i, seed=(1, 2)),
            lambda i: tf.image.stateless_random_brightness(i, max_delta=0.1, seed=[1, 2]),
        ):
            assert change(image).shape == (8, 6, 3) and change(image).dtype == tf.uint8
        assert tf.image.random_crop(image, size=[4, 4, 3]).shape == (4, 4, 3)
        flips = [np.array_equal(tf.image.random_flip_left_right(image), image) for _ in range(20)]
        assert 3 < sum(flips) < 17
        batch = tf.image.random_flip_left_right(tf.stack([image] * 16))
        assert batch.shape == (16, 8, 6, 3) and 1 < sum(np.array_equal(one, image) for one in batch) < 15
        a, b = (tf.image.stateless_random_crop(image, [4, 4, 3], seed=(3, 4)) for _ in range(2))
        assert np.array_equal(a, b)
        with pytest.raises(ValueError, match="random_crop"):
            tf.image.random_crop(image, [9, 4, 3])
    """,
    "all is put back": """
        compat.uninstall()
        import jax.numpy as jnp, sequax
        assert not hasattr(jnp.zeros(2), "numpy") and type(jnp.zeros(2).shape) is tuple
        assert type(sequax.Input((3,)).shape) is tuple and not hasattr(sequax.Input((3,)), "get_shape")
        with pytest.raises(ValueError, match="symbolic"):
            jnp.zeros(3) + sequax.Input((3,))
    """,
}


def run(code: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=400, check=False
    )


ALL = """
import json, sys, textwrap, traceback
outcomes = {}
for name, code in json.load(open(sys.argv[1])).items():
    try:
        exec(compile(textwrap.dedent(code), name, "exec"), {**globals()})
        outcomes[name] = ""
    except BaseException:
        outcomes[name] = traceback.format_exc()
print(json.dumps(outcomes))
"""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    import json

    path = tmp_path_factory.mktemp("habits") / "habits.json"
    path.write_text(json.dumps(HABITS))
    done = run((START + ALL).replace("sys.argv[1]", repr(str(path))))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("habit", HABITS)
def test_habit(outcomes, habit):
    assert not outcomes[habit], outcomes[habit]
