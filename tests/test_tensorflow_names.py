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
    "layers whose `call` requires what Keras 2 filled in": """
        seen = []
        class Part(layers.Layer):
            def call(self, inputs, mask, training):
                seen.append((mask is not None, training))
                return inputs
        class Whole(keras.Model):
            def __init__(self):
                super().__init__()
                self.part, self.head = Part(), layers.Dense(1)
            def call(self, inputs, training):
                return self.head(self.part(inputs))
        assert Part()(x).shape == (64, 4) and seen == [(False, False)]
        Part()(x, training=True)
        Part()(layers.Masking()(x))
        assert seen[1:] == [(False, True), (True, False)]
        inputs = keras.Input((4,))
        stack = keras.Sequential([Part(), layers.Dense(1)])
        for model in (stack, keras.Model(inputs, layers.Dense(1)(Part()(inputs))), Whole()):
            seen.clear()
            model.compile("sgd", "mse")
            model.fit(x, y, verbose=0)
            assert (False, True) in seen and model.predict(x, verbose=0).shape == (64, 1)
        with pytest.raises(TypeError, match="missing a required argument: 'inputs'"):
            Part()(training=True)
    """,
    "a step that assigns what is no part of the model": """
        seen, steps = keras.metrics.Mean(), tf.Variable(0, trainable=False)
        beside, its_optimizer = keras.Sequential([keras.Input((4,)), layers.Dense(1)]), keras.optimizers.SGD(0.1)
        class Own(keras.Model):
            def train_step(self, data):
                x, y = data
                losses = []
                for net, optimizer in ((self, self.optimizer), (beside, its_optimizer)):
                    with tf.GradientTape() as tape:
                        losses.append(tf.reduce_mean((net(x) - y) ** 2))
                    weights = net.trainable_variables
                    optimizer.apply_gradients(zip(tape.gradient(losses[-1], weights), weights))
                seen.update_state(losses[0])
                steps.assign_add(1)
                return {"loss": seen.result(), "beside": losses[1]}
        inputs = keras.Input((4,))
        model = Own(inputs, layers.Dense(1)(inputs))
        model.compile("sgd")
        history = model.fit(x, y, batch_size=16, epochs=3, verbose=0).history
        assert int(steps) == int(its_optimizer.iterations) == 12 and float(seen.result()) == history["loss"][-1]
        assert history["beside"][2] < history["beside"][0]
    """,
    "a step of evaluation that assigns what is no part of the model": """
        seen, steps = keras.metrics.Mean(), tf.Variable(0, trainable=False)
        class Own(keras.Model):
            def test_step(self, data):
                x, y = data
                seen.update_state((self(x) - y) ** 2)
                steps.assign_add(1)
                return {"error": seen.result()}
        inputs = keras.Input((4,))
        model = Own(inputs, layers.Dense(1)(inputs))
        model.compile("sgd", "mse")
        found = model.evaluate(x, y, batch_size=24, verbose=0, return_dict=True)["error"]
        assert int(steps) == 3 and np.isclose(found, np.mean((model.predict(x, verbose=0) - y) ** 2), atol=1e-5)
        model.fit(x, y, batch_size=16, verbose=0, validation_data=(x, y))
        assert int(steps) == 7
    """,
    "a layer that makes its variables when it is called": """
        class Late(layers.Layer):
            kernel = shift = None
            def call(self, x):
                if self.kernel is None:
                    self.kernel = tf.Variable(tf.random.normal((4, 4)))
                    self.shift = tf.Variable(tf.zeros(4))
                return tf.matmul(x, self.kernel) + self.shift
        class Around(keras.Model):
            def __init__(self):
                super().__init__()
                self.late, self.dense = Late(), layers.Dense(1)
            def call(self, x):
                return self.dense(self.late(x))
        graph = layers.Dense(1)(Late()(inputs := keras.Input((4,))))
        stack = keras.Sequential([Late(), Late(), layers.Dense(1)])
        for count, model in ((4, Around()), (6, stack), (4, keras.Model(inputs, graph))):
            model.compile("sgd", "mse")
            losses = model.fit(x, y, epochs=3, verbose=0).history["loss"]
            assert len(model.trainable_variables) == count and losses[2] < losses[0]
        first, second = (layer.kernel.numpy() for layer in (Late(), Late()) if layer(x) is not None)
        assert not np.allclose(first, second)
    """,
    "a step that looks at values, run line by line": """
        seen = []
        class Looking(keras.Model):
            def train_step(self, data):
                x, y = data
                with tf.GradientTape() as tape:
                    loss = tf.reduce_mean((self(x) - y) ** 2)
                gradients = tape.gradient(loss, self.trainable_variables)
                seen.append("%.4f" % tf.reduce_max(gradients[0]))
                self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
                return {"loss": loss}
        inputs = keras.Input((4,))
        model = Looking(inputs, layers.Dense(1)(inputs))
        model.compile("sgd", run_eagerly=True)
        model.fit(x, y, batch_size=32, verbose=0)
        assert len(seen) == 2
    """,
    "tensors in the place of weights": """
        net, mse = keras.Sequential([keras.Input((4,)), layers.Dense(3, "tanh"), layers.Dense(1)]), keras.losses.mse
        moved = keras.models.clone_model(net)
        moved(x), moved(x)  # compiled as it is
        def second(rate):
            moved.set_weights(net.get_weights())
            with tf.GradientTape() as outer:
                with tf.GradientTape() as tape:
                    loss = tf.reduce_mean(mse(y, net(x)))
                gradients = tape.gradient(loss, net.trainable_variables)
                for one, other, (kernel, bias) in zip(moved.layers, net.layers, (gradients[:2], gradients[2:])):
                    one.kernel = tf.subtract(other.kernel, rate * kernel)
                    one.bias = tf.subtract(other.bias, rate * bias)
                loss = tf.reduce_mean(mse(y, moved(x)))
            return float(loss), outer.gradient(loss, net.trainable_variables)
        (loss, gradients), (same, _) = second(0.1), [float(tf.reduce_mean(mse(y, net(x)))), None]
        assert loss < same and all(one is not None for one in gradients)
        moved = keras.models.clone_model(net)
        assert abs(second(0.0)[0] - same) < 1e-6
    """,
    "what `numpy` gives may be written to": """
        picture = tf.io.encode_png(np.ones((2, 2, 1), "uint8"))
        for tensor in (tf.ones((2, 2)), tf.Variable(tf.ones((2, 2))), tf.io.decode_png(picture)):
            values = tensor.numpy()
            values -= values
            assert type(values) is np.ndarray and not values.any() and np.all(tensor.numpy() == 1)
    """,
    "errors of shapes are those of TensorFlow": """
        a, b = tf.zeros((2, 3)), tf.zeros((2, 2))
        for call in (lambda: a + b, lambda: tf.matmul(a, b), lambda: a @ b, lambda: tf.concat([a, b], 0),
                     lambda: tf.reshape(a, (4,)), lambda: tf.stack([a, b]), lambda: tf.add(a, b)):
            with pytest.raises(tf.errors.InvalidArgumentError):
                call()
    """,
    "one picture is a batch that a tape watches": """
        picture = tf.image.decode_image(tf.io.encode_png(np.full((8, 8, 3), 5, "uint8")))
        picture = tf.image.resize(tf.cast(picture, tf.float32), (4, 4))
        for batch in (picture[None, ...], picture[tf.newaxis]):
            with tf.GradientTape() as tape:
                tape.watch(batch)
                loss = tf.reduce_sum(batch ** 2)
            assert tape.gradient(loss, batch).shape == (1, 4, 4, 3)
    """,
    "functions of some values, elements that may be missing, parts": """
        @tf.function
        def power(a, b):
            return a ** b
        cube = power.get_concrete_function(tf.TensorSpec(None, tf.float32), b=3)
        assert float(cube(tf.constant(2.0))) == float(cube(a=tf.constant(2.0))) == 8
        assert power.get_concrete_function(tf.TensorSpec(None), tf.TensorSpec(None)) is power
        elements, found = iter(tf.data.Dataset.range(2)), []
        while (element := elements.get_next_as_optional()).has_value():
            found.append(int(element.get_value()))
        assert found == [0, 1]
        with pytest.raises(tf.errors.InvalidArgumentError):
            element.get_value()
        stack = keras.Sequential([layers.Dense(1)])
        assert stack.submodules == (stack.layers[0],)
        assert keras.Input((2,)).dtype.name == "float32" and layers.Dense(2)(keras.Input((2,))).dtype == tf.float32
        with pytest.raises(tf.errors.InvalidArgumentError, match="right-ragged"):
            tf.RaggedTensor.from_sparse(tf.SparseTensor([[0, 0], [0, 2]], [1, 2], [1, 3]))
        with pytest.raises(NotImplementedError, match="one ragged axis"):
            tf.RaggedTensor.from_nested_row_splits([1.0], [[0, 1], [0, 1]])
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
    "functions by NumPy's names": """
        import tensorflow.experimental.numpy as tnp
        tnp.experimental_enable_numpy_behavior()
        assert tnp.concatenate([[1.0], [2.0, 3.0]]).shape == (3,) and tnp.add([1], [2]).numpy().tolist() == [3]
        assert np.allclose(tnp.sqrt(tf.Variable([4.0])), 2.0) and isinstance(tnp.ones(2), tnp.ndarray)
        assert tnp.sum(keras.Input((3,)), axis=-1).shape == (None,) and tnp.ones(3)[tnp.newaxis].shape == (1, 3)
        for draw in (tnp.random.randn(2, 3), tnp.random.rand(2, 3), tnp.random.uniform(1.0, 2.0, (2, 3))):
            assert draw.shape == (2, 3) and len(np.unique(draw)) == 6
        drawn = tnp.random.randint(3, size=(100,))
        assert drawn.dtype == tnp.int32 and set(drawn.numpy().tolist()) == {0, 1, 2}
    """,
    "dtypes are names that know more": """
        assert tf.float32 == "float32" == tf.float32.name and tf.float32.as_numpy_dtype is np.float32
        assert tf.constant(1.0).dtype == tf.float32 and tf.float32 == tf.constant(1.0).dtype
        assert tf.constant(1).dtype in (tf.int32, tf.int64) and tf.constant(1).dtype != tf.float32
        assert tf.float32.is_floating and not tf.int32.is_floating and tf.uint8.max == 255 and tf.int32.is_integer
        assert tf.as_dtype(np.float32) == tf.float32 and tf.as_dtype("int32") == tf.int32 == tf.dtypes.int32
        assert layers.Dense(2, dtype=tf.float32).dtype == "float32"
        kernel = layers.Dense(2, dtype="mixed_float16")
        kernel.build((None, 3))
        for dtype in (tf.Variable(1.0).dtype, kernel.kernel.dtype):
            assert isinstance(dtype, tf.DType) and dtype.name == "float32" == dtype and dtype.is_floating
            assert dtype.base_dtype == tf.float32 and np.zeros(2, dtype).dtype == dtype.as_numpy_dtype
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
        dense = layers.Dense(2)
        dense.build((None, 3))
        assert dense.kernel.shape.as_list() == [3, 2] and tf.Variable(value).shape.num_elements() == 6
        assert isinstance(value, tf.Tensor) and tf.is_tensor(value) and not isinstance(np.zeros(2), tf.Tensor)
        batch, width = tf.shape(value)
        assert tf.shape(value).numpy().tolist() == [2, 3] and int(batch) == 2 and (width / 2).numpy() == 1.5
        assert tf.reduce_sum(value).numpy() == 0.0 and isinstance(tf.reduce_sum(value).numpy(), np.float32)
        key = value.ref()
        assert {key: 1}[value.ref()] == 1 and key.deref() is value
    """,
    "lists beside tensors": """
        import jax
        image = tf.ones([2, 2, 3]) * 3.0
        assert (image - [1.0, 2.0, 3.0])[0, 0].numpy().tolist() == [2.0, 1.0, 0.0]
        assert ([1.0, 2.0, 3.0] * image)[0, 0].numpy().tolist() == [3.0, 6.0, 9.0]
        assert tf.reduce_all(tf.constant([1, 2]) == [1, 2])
        assert (tf.constant([1, 5]) > [2, 2]).numpy().tolist() == [False, True]
        assert jax.jit(lambda a: a / [1.0, 2.0, 3.0])(image).shape == (2, 2, 3)
        assert (tf.Variable([1.0, 2.0]) + [1.0, 1.0]).numpy().tolist() == [2.0, 3.0]
        assert ([1] + tf.shape(image)[1:]).numpy().tolist() == [3, 4]
        scaled = layers.Lambda(lambda a: a[..., ::-1] - [103.9, 116.8, 123.7])(keras.Input((2, 2, 3)))
        assert scaled.shape == (None, 2, 2, 3)
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
    "pictures of many sizes, from files to batches": """
        import os, tempfile
        folder, draw = tempfile.mkdtemp(), np.random.default_rng(0)
        for number, size in enumerate([(9, 7), (12, 5), (6, 6)]):
            picture = draw.integers(0, 255, (*size, 3)).astype("uint8")
            tf.io.write_file(os.path.join(folder, f"cat_{number}.png"), tf.io.encode_png(picture))
            if number == 0:
                assert np.array_equal(tf.io.decode_png(tf.io.read_file(os.path.join(folder, "cat_0.png"))), picture)
        def read(path):
            image = tf.io.decode_png(tf.io.read_file(path), channels=3)
            image = tf.image.resize(tf.cast(image, tf.float32) / 255.0, [8, 8])
            image.set_shape([8, 8, 3])
            label = tf.strings.regex_full_match(path, ".*cat_1.png")
            return tf.image.random_flip_left_right(image), tf.cast(label, tf.int32)
        files = tf.data.Dataset.list_files(os.path.join(folder, "*.png"), shuffle=False)
        images, labels = next(iter(files.map(read, num_parallel_calls=tf.data.AUTOTUNE).batch(3)))
        assert images.shape == (3, 8, 8, 3) and labels.numpy().tolist() == [0, 1, 0] and images.dtype == tf.float32
        decoded = tf.image.decode_image(tf.io.read_file(os.path.join(folder, "cat_1.png")), expand_animations=False)
        assert decoded.dtype == tf.uint8
        floats = tf.expand_dims(tf.cast(decoded, tf.float32) / 255.0, 0)
        assert isinstance(floats, np.ndarray) and floats.dtype == tf.float32  # no program for each size of pictures
        assert isinstance(tf.image.resize(floats, [4, 4]), np.ndarray) and isinstance(floats, tf.Tensor)
        assert decoded.get_shape().as_list() == [12, 5, 3] and tf.shape(decoded)[0] == 12
        gray = tf.io.decode_png(tf.io.encode_png(decoded), channels=1)
        assert gray.get_shape() == (12, 5, 1) and tf.expand_dims(gray, 0).shape == (1, 12, 5, 1)
        jpeg = tf.io.decode_jpeg(tf.io.encode_jpeg(tf.ones([8, 8, 3], tf.uint8) * 100, quality=100))
        assert np.abs(jpeg.numpy().astype(int) - 100).max() < 3
        assert tf.image.convert_image_dtype(decoded, tf.float32).numpy().max() <= 1.0
        assert sorted(tf.io.gfile.listdir(folder)) == ["cat_0.png", "cat_1.png", "cat_2.png"]
        assert tf.io.gfile.exists(folder) and len(tf.io.gfile.glob(os.path.join(folder, "*_0.png"))) == 1
        assert "" in tf.io.gfile.get_registered_schemes()
        with tf.io.gfile.GFile(os.path.join(folder, "a.txt"), "w") as file:
            file.write("text")
        assert tf.io.read_file(os.path.join(folder, "a.txt")).numpy() == b"text"
        with pytest.raises(ValueError, match="no picture"):
            tf.io.decode_png(b"abc")
    """,
    "sound": """
        wave = np.sin(np.linspace(0, 20, 400)).astype("float32")[:, None] * 0.5
        audio, rate = tf.audio.decode_wav(tf.audio.encode_wav(wave, 8000), desired_samples=500)
        assert audio.shape == (500, 1) and int(rate) == 8000 and np.abs(audio[:400] - wave).max() < 1e-4
        spectrogram = tf.abs(tf.signal.stft(tf.squeeze(audio, axis=-1), frame_length=64, frame_step=32))
        assert spectrogram[..., tf.newaxis].shape == (14, 33, 1)
        with pytest.raises(ValueError, match="16-bit PCM"):
            tf.audio.decode_wav(b"abc")
    """,
    "texts cleaned by tf.strings inside TextVectorization": """
        def clean(text):
            text = tf.strings.lower(text)
            text = tf.strings.regex_replace(text, "<br />", " ")
            return tf.strings.regex_replace(text, "[%s]" % "!,.", "")
        layer = layers.TextVectorization(max_tokens=20, standardize=clean, output_sequence_length=3)
        layer.adapt(["Good<br />film!", "bad film."])
        assert layer.get_vocabulary()[:3] == ["", "[UNK]", "film"]
        assert layer(["GOOD film"]).shape == (1, 3)
    """,
    "checkpoints bring values back, also those of an optimizer": """
        import os, tempfile
        folder = tempfile.mkdtemp()
        def made():
            model = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Dense(1)])
            return model, keras.optimizers.Adam(0.1)
        model, optimizer = made()
        step = tf.Variable(0)
        checkpoint = tf.train.Checkpoint(step=step, optimizer=optimizer, net=model)
        manager = tf.train.CheckpointManager(checkpoint, folder, max_to_keep=2)
        checkpoint.restore(manager.latest_checkpoint)
        model.compile(optimizer, "mse")
        for _ in range(3):
            model.fit(x, y, verbose=0)
            step.assign_add(1)
            path = manager.save()
        assert len(manager.checkpoints) == 2 and tf.train.latest_checkpoint(folder) == path
        again, other = made()
        fresh = tf.train.Checkpoint(step=tf.Variable(0), optimizer=other, net=again)
        fresh.restore(tf.train.latest_checkpoint(folder)).expect_partial()
        assert int(fresh.step.numpy()) == 3 and np.allclose(again.predict(x, verbose=0), model.predict(x, verbose=0))
        assert int(other.iterations.numpy()) == int(optimizer.iterations.numpy())
        assert tf.train.Checkpoint(net=again).write(os.path.join(folder, "one")) and tf.train.list_variables(folder)
        reader = tf.train.load_checkpoint(folder)
        for name, shape in reader.get_variable_to_shape_map().items():
            assert reader.has_tensor(name) and list(reader.get_tensor(name).shape) == shape
            assert np.array_equal(tf.train.load_variable(folder, name), reader.get_tensor(name))
            assert isinstance(reader.get_variable_to_dtype_map()[name], tf.DType)
        with pytest.raises(FileNotFoundError, match="Checkpoints that TensorFlow wrote are not read"):
            tf.train.load_checkpoint(os.path.join(folder, "bert_model.ckpt"))
        small = keras.Sequential([keras.Input((4,)), layers.Dense(2)])
        before = small.get_weights()
        with pytest.raises(ValueError, match="must be those that were saved"):
            tf.train.Checkpoint(step=tf.Variable(0), net=small).restore(path)
        assert np.array_equal(small.get_weights()[0], before[0])
        with pytest.raises(FileNotFoundError):
            fresh.restore(os.path.join(folder, "nothing"))
    """,
    "a model as a SavedModel's folder": """
        import os, tempfile
        folder = os.path.join(tempfile.mkdtemp(), "exported")
        model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
        tf.saved_model.save(model, folder)
        assert np.allclose(tf.saved_model.load(folder)(x), model(x))
        open(os.path.join(folder, "saved_model.pb"), "w").close()
        with pytest.raises(NotImplementedError, match="SavedModel"):
            tf.saved_model.load(folder)
        with pytest.raises(NotImplementedError, match="models of Keras only"):
            tf.saved_model.save(object(), folder)
    """,
    "summaries": """
        import glob, os, tempfile
        folder = tempfile.mkdtemp()
        writer = tf.summary.create_file_writer(folder)
        with writer.as_default():
            assert tf.summary.scalar("loss", tf.constant(0.5), step=1)
            tf.summary.histogram("weights", tf.random.normal([20]), step=1)
            tf.summary.image("pictures", tf.zeros([2, 4, 4, 3]), step=1)
            tf.summary.text("words", "hello", step=1)
            with pytest.raises(ValueError, match="has no step"):
                tf.summary.scalar("loss", 0.5)
        assert not tf.summary.scalar("nowhere", 1.0, step=2)
        writer.flush()
        (file,) = glob.glob(os.path.join(folder, "events*"))
        raw = open(file, "rb").read()
        assert all(tag in raw for tag in (b"loss", b"weights", b"pictures/image/0", b"words/text_summary", b"PNG"))
    """,
    "settings for TensorBoard's table of runs": """
        import glob, os, tempfile
        hp = pytest.importorskip("tensorboard.plugins.hparams.api", reason="TensorBoard is not installed")
        units, folder = hp.HParam("num_units", hp.Discrete([4, 8])), tempfile.mkdtemp()
        with tf.summary.create_file_writer(folder).as_default():
            assert hp.hparams_config(hparams=[units], metrics=[hp.Metric("accuracy")])
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        model.fit(np.zeros((4, 2)), np.zeros(4), verbose=0, callbacks=[hp.KerasCallback(folder, {units: 4})])
        raw = b"".join(open(file, "rb").read() for file in glob.glob(os.path.join(folder, "events*")))
        tags = b"_hparams_/experiment", b"_hparams_/session_start_info", b"_hparams_/session_end_info"
        assert all(raw.count(tag) == 1 for tag in tags)
        assert tf.make_ndarray(tf.make_tensor_proto([[1.0, 2.0]])).tolist() == [[1.0, 2.0]]
        assert not tf.summary.experimental.write_raw_pb(b"", step=0)
        with tf.summary.summary_scope("losses") as (tag, scope):
            assert tag == "losses"
    """,
    "strategies on one device": """
        strategy = tf.distribute.MirroredStrategy()
        with strategy.scope():
            assert tf.distribute.get_strategy() is strategy and strategy.num_replicas_in_sync == 1
            model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
            model.compile("sgd", "mse")
        model.fit(x, y, verbose=0)
        per_replica = strategy.run(lambda a: tf.reduce_sum(a), args=(tf.constant([1.0, 2.0]),))
        assert strategy.reduce(tf.distribute.ReduceOp.SUM, per_replica, axis=None) == 3.0
        try:
            tf.distribute.cluster_resolver.TPUClusterResolver()
        except ValueError:
            assert tf.distribute.get_strategy().num_replicas_in_sync == 1
        else:
            assert False
    """,
    "optimizers, losses and initializers beside keras": """
        assert isinstance(tf.train.AdamOptimizer(0.01), keras.optimizers.Adam)
        assert isinstance(tf.compat.v1.train.GradientDescentOptimizer(0.5), keras.optimizers.SGD)
        assert tf.optimizers.Adam is keras.optimizers.Adam and tf.losses.Huber is keras.losses.Huber
        assert tf.initializers.GlorotUniform is keras.initializers.GlorotUniform
        start = tf.random_normal_initializer(0.0, 0.1)
        model = keras.Sequential([keras.Input((4,)), layers.Dense(1, kernel_initializer=start)])
        model.compile(tf.optimizers.Adam(0.1), tf.losses.MeanSquaredError(), metrics=[tf.metrics.MeanAbsoluteError()])
        model.fit(x, y, verbose=0)
    """,
    "checks and prints": """
        import contextlib, io
        tf.debugging.assert_equal(tf.constant(1), 1)
        tf.debugging.assert_shapes([(tf.zeros([2, 3]), ("N", 3)), (tf.zeros([2]), ("N",))])
        for call in (lambda: tf.debugging.assert_positive([1, -1]), lambda: tf.debugging.assert_rank(x, 1),
                     lambda: tf.debugging.check_numerics(tf.constant([np.nan]), "bad"), lambda: tf.Assert(False, [x])):
            with pytest.raises(tf.errors.InvalidArgumentError):
                call()
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            tf.print("loss:", tf.constant(1.5), tf.constant([1, 2]), tf.constant("a"), sep=" ", output_stream=said)
        assert said.getvalue() == "loss: 1.5 [1 2] a\\n"
    """,
    "branches and loops inside compiled functions": """
        import jax
        @tf.function
        def step(a):
            big = tf.cond(tf.reduce_sum(a) > 0, lambda: a * 2.0, lambda: a)
            more = lambda i, t: (i + 1, t + tf.reduce_sum(big))
            count, total = tf.while_loop(lambda i, t: i < 3, more, (tf.constant(0), 0.0))
            rows = tf.map_fn(lambda row: row + 1.0, big)
            while_value = tf.while_loop(lambda t: t < 100.0, lambda t: [t * 2.0], [tf.abs(total) + 1.0])[0]
            return tf.case([(total > 1e9, lambda: rows)], default=lambda: rows * 1.0), while_value
        rows, value = step(tf.ones([2, 2]))
        assert rows.numpy().tolist() == [[3.0, 3.0], [3.0, 3.0]] and float(value) == 100.0
    """,
    "places and values become arrays, and rows of equal lengths are no ragged ones": """
        mask = tf.sparse.to_dense(tf.SparseTensor(values=[-1.5, 2.0], indices=[[0, 2], [1, 0]], dense_shape=[2, 3]))
        assert mask.numpy().tolist() == [[0, 0, -1.5], [2, 0, 0]] and not isinstance(mask, tf.SparseTensor)
        letters = tf.strings.unicode_split(tf.constant(["ab", "cd"]), "UTF-8").to_tensor()
        assert letters.numpy().tolist() == [[b"a", b"b"], [b"c", b"d"]] and mask.to_tensor() is mask
        layer = tf.keras.layers.StringLookup(vocabulary=["a", "b", "c"])
        assert layer(letters).to_tensor().numpy().tolist() == [[1, 2], [3, 0]]
    """,
    "layers that decide by values": """
        class Gate(layers.Layer):
            def build(self, shape):
                self.scale = self.add_weight(shape=(), initializer="ones")
            def call(self, inputs, training=False):
                if tf.reduce_mean(inputs) > 0:
                    self.add_loss(3.0 * self.scale)
                    return inputs * self.scale
                self.add_loss(5.0 * self.scale)
                return -inputs if training else inputs - self.scale
        inputs = keras.Input((4,))
        twice = layers.Lambda(lambda t: t if tf.reduce_max(t) > 5 else 2 * t)
        model = keras.Model(inputs, twice(Gate()(inputs)))
        model.compile("sgd", "mse")
        up, down = np.full((4, 4), 2.0, "float32"), np.full((4, 4), -2.0, "float32")
        assert np.allclose(model.predict(up, verbose=0), 4) and np.allclose(model.predict(down, verbose=0), -6)
        assert np.allclose(model.predict(up * 3, verbose=0), 6)
        assert np.isclose(model.evaluate(up, up, verbose=0), 4 + 3)
        assert np.isclose(model.evaluate(down, down, verbose=0), 16 + 5)
        assert np.isclose(model.train_on_batch(down, down), 36 + 5) and np.isclose(model.weights[0].numpy(), 0.95)
        class Ragged(layers.Layer):
            def call(self, inputs):
                return inputs[:, :2] if tf.reduce_mean(inputs) > 0 else inputs
        with pytest.raises(Exception, match="boolean"):
            Ragged()(inputs)
    """,
    "ragged rows, padded": """
        rows = [[1, 2, 3], [], [4]]
        ragged = tf.ragged.constant(rows)
        assert isinstance(ragged, tf.RaggedTensor) and ragged.shape.as_list() == [3, None] and ragged.dtype == tf.int32
        assert ragged.to_list() == rows and ragged.row_splits.numpy().tolist() == [0, 3, 3, 4]
        assert ragged.value_rowids().numpy().tolist() == [0, 0, 0, 2]
        assert ragged.bounding_shape().numpy().tolist() == [3, 3]
        assert ragged.to_tensor().numpy().tolist() == [[1, 2, 3], [0, 0, 0], [4, 0, 0]]
        assert ragged.to_tensor(-1, shape=[None, 2]).numpy().tolist() == [[1, 2], [-1, -1], [4, -1]]
        assert ragged[1:].to_list() == [[], [4]] and ragged[:, :2].to_list() == [[1, 2], [], [4]]
        assert ragged[0].numpy().tolist() == [1, 2, 3] and [len(row) for row in ragged] == [3, 0, 1]
        same = (tf.RaggedTensor.from_row_splits([1, 2, 3, 4], [0, 3, 3, 4]),
                tf.RaggedTensor.from_row_lengths([1, 2, 3, 4], [3, 0, 1]),
                tf.RaggedTensor.from_value_rowids([1, 2, 3, 4], [0, 0, 0, 2]),
                tf.RaggedTensor.from_tensor(ragged.to_tensor(), padding=0))
        assert all(one.to_list() == rows for one in same)
        words = tf.ragged.constant([["a", "bb"], ["c"]])
        assert words.to_tensor().numpy().tolist() == [[b"a", b"bb"], [b"c", b""]]
        data = tf.data.Dataset.from_tensor_slices((ragged, [0, 1, 2]))
        assert len(data) == 3 and [a.numpy().tolist() for a, b in data] == rows
        assert [a.shape for a, b in data.padded_batch(2)] == [(2, 3), (1, 1)]
        model = keras.Sequential([layers.Embedding(5, 2), layers.GlobalAveragePooling1D(), layers.Dense(1)])
        model.compile("sgd", "mse")
        model.fit(data.padded_batch(3), verbose=0), model.predict(ragged.to_tensor(), verbose=0)
        for wrong in (lambda: ragged + [1, 2, 3], lambda: tf.sort(ragged), lambda: model.predict(ragged, verbose=0)):
            with pytest.raises((TypeError, ValueError), match="unequal lengths. Pad the rows"):
                wrong()
        with pytest.raises(ValueError, match="row_splits must grow from 0 to the number of values"):
            tf.RaggedTensor.from_row_splits([1, 2], [0, 5])
    """,
    "ragged batches of data sets": """
        rows = tf.data.Dataset.from_tensor_slices((tf.ragged.constant([[1, 2, 3], [], [4], [5, 6]]), [0, 1, 2, 3]))
        batches = rows.batch(3)
        assert str(rows.element_spec[0]) == "RaggedTensorSpec(TensorShape([None]), tf.int32, 0, tf.int64)"
        assert str(batches.element_spec[0]) == "RaggedTensorSpec(TensorShape([None, None]), tf.int32, 1, tf.int64)"
        assert [(x.to_list(), y.numpy().tolist()) for x, y in batches] == [
            ([[1, 2, 3], [], [4]], [0, 1, 2]), ([[5, 6]], [3])]
        assert [(x.shape, y.shape) for x, y in batches.map(lambda x, y: (x.to_tensor(), y))] == [
            ((3, 3), (3,)), ((1, 2), (1,))]
        assert [x.numpy().tolist() for x, y in batches.unbatch()] == [[1, 2, 3], [], [4], [5, 6]]
        grows = tf.data.Dataset.range(4).map(lambda x: tf.range(x))
        assert [x.to_list() for x in grows.ragged_batch(3)] == [[[], [0], [0, 1]], [[0, 1, 2]]]
        assert grows.ragged_batch(3).element_spec.ragged_rank == 1
        old = grows.apply(tf.data.experimental.dense_to_ragged_batch(3, drop_remainder=True))
        assert [x.row_lengths().numpy().tolist() for x in old.map(lambda x: x * 2)] == [[0, 1, 2]]
        def made():
            yield "a", [[1., 2.]], [1, 1]
            yield "b", [[3., 4.], [5., 6.]], [2, 2]
        spec = tf.TensorSpec([], tf.string), tf.TensorSpec([None, 2], tf.float32), tf.TensorSpec([2], tf.int32)
        (texts, boxes, even), = tf.data.Dataset.from_generator(made, output_signature=spec).ragged_batch(2)
        assert texts.numpy().tolist() == [b"a", b"b"] and even.shape == (2, 2) and boxes.shape.as_list() == [2, None, 2]
        assert boxes.to_tensor(-1, shape=[None, 3, 2])[0, :, 1].numpy().tolist() == [2, -1, -1]
        words = tf.data.Dataset.from_tensor_slices(["a b", "c"]).batch(2).map(tf.strings.split)
        assert [x.to_list() for x in words] == [[[b"a", b"b"], [b"c"]]]
        with pytest.raises(NotImplementedError, match="differ in their first axis alone"):
            list(tf.data.Dataset.range(1, 3).map(lambda x: tf.zeros([x, x])).ragged_batch(2))
    """,
    "ragged rows, made by cutting texts, looked up, computed with, joined": """
        lines = tf.strings.split(["a b", "b", "c a b"])
        assert lines.to_list() == [[b"a", b"b"], [b"b"], [b"c", b"a", b"b"]]
        assert lines.row_lengths().numpy().tolist() == [2, 1, 3]
        assert tf.strings.upper(lines)[1].numpy().tolist() == [b"B"]
        assert tf.strings.reduce_join(lines, axis=1, separator="-").numpy().tolist() == [b"a-b", b"b", b"c-a-b"]
        table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, default_value=-1)
        table.insert(tf.constant(["a", "b"]), tf.constant([4, 5], tf.int64))
        numbers = table.lookup(lines)
        assert numbers.to_list() == [[4, 5], [5], [-1, 4, 5]]
        assert tf.ragged.map_flat_values(table.lookup, lines).to_list() == numbers.to_list()
        assert table.size() == 2 and table.lookup(tf.constant(["b", "x"])).numpy().tolist() == [5, -1]
        assert tf.reduce_sum(numbers, axis=1).numpy().tolist() == [9, 5, 8] and tf.reduce_max(numbers).numpy() == 5
        assert (numbers * 2 + 1).to_list() == [[9, 11], [11], [-1, 9, 11]]
        assert (numbers == 5).to_list()[0] == [False, True]
        assert tf.concat([numbers, numbers[:1]], axis=0).to_list()[3] == [4, 5]
        assert tf.concat([numbers, numbers], axis=1)[0].numpy().tolist() == [4, 5, 4, 5]
        assert tf.ragged.boolean_mask([[1, 2], [3, 4]], [[True, False], [True, True]]).to_list() == [[1], [3, 4]]
        assert tf.strings.split(["1,2", "3,4"], ",")[:, 1].numpy().tolist() == [b"2", b"4"]
        with pytest.raises(NotImplementedError, match="along axis 1"):
            tf.reduce_sum(numbers, axis=0)
    """,
    "parts of a variable, assigned to": """
        v = tf.Variable(tf.zeros([3, 2]))
        v[0].assign([1.0, 2.0]), v[1:, 1].assign(tf.ones([2]) * 5.0)
        held, other = v[tf.constant(2)], v[0]
        held.assign(other * 2)
        assert v.numpy().tolist() == [[1, 2], [0, 5], [2, 4]] and not hasattr(v[0] + 1, "assign")
        @tf.function
        def put(row, value):
            v[row, 0].assign(value)
            return tf.reduce_sum(v)
        assert float(put(tf.constant(1), 7.0)) == 21.0 and v[1].numpy().tolist() == [7, 5]
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(v[0] ** 2)
        assert tape.gradient(loss, v).numpy().tolist() == [[2, 4], [0, 0], [0, 0]]
        means, one = tf.train.ExponentialMovingAverage(decay=0.9), tf.Variable(1.0)
        means.apply([one]), one.assign(2.0), means.apply([one])
        assert np.isclose(means.average(one).numpy(), 1.1) and means.average(v) is None
    """,
    "a few classes of many, drawn and learned from": """
        true = tf.constant([[1], [0]], tf.int64)
        drawn, expected, others = tf.random.log_uniform_candidate_sampler(
            true_classes=true, num_true=1, num_sampled=4, unique=True, range_max=6, seed=1, name="negative")
        assert len(set(drawn.numpy().tolist())) == 4 and expected.shape == (2, 1) and others.shape == (4,)
        assert 0 < float(expected[0, 0]) < float(expected[1, 0]) < 1
        table, bias = tf.Variable(tf.random.normal([6, 3], seed=1)), tf.Variable(tf.zeros([6]))
        values = tf.constant([1, 2]), tf.ones([2, 1]), tf.ones([2])
        x = tf.constant([[1.0, 0, 2], [0, 1, 0]])
        scores = x.numpy() @ table.numpy().T
        nce = tf.nn.nce_loss(table, bias, true, x, 2, 6, sampled_values=values).numpy()
        soft = lambda v: np.log1p(np.exp(v))
        assert np.allclose(nce, soft(-scores[[0, 1], [1, 0]]) + soft(scores[:, [1, 2]]).sum(1), atol=1e-5)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.nn.sampled_softmax_loss(table, bias, true, x, 3, 6))
        assert tape.gradient(loss, table).shape == (6, 3) and np.isfinite(float(loss))
    """,
    "the best of boxes that overlap, for each class": """
        boxes = tf.constant([[[[0.0, 0, 1, 1]], [[0, 0, 1, 0.95]], [[0, 0.5, 0.2, 1.5]]]])
        scores = tf.constant([[[0.9, 0.1], [0.8, 0.7], [0.2, 0.3]]])
        found = tf.image.combined_non_max_suppression(boxes, scores, 2, 4, iou_threshold=0.5, score_threshold=0.15)
        assert np.allclose(found.nmsed_scores, [[0.9, 0.7, 0.3, 0.2]]) and found[2].numpy().tolist() == [[0, 1, 1, 0]]
        assert found.nmsed_boxes.shape == (1, 4, 4) and found[3].numpy().tolist() == [4]
        assert float(tf.reduce_max(found[0])) == 1
    """,
    "records of examples, written and read": """
        import os, tempfile
        os.chdir(tempfile.mkdtemp())
        train = tf.train
        def bytes_of(*values): return train.Feature(bytes_list=train.BytesList(value=values))
        def floats(values): return train.Feature(float_list=train.FloatList(value=values))
        def wholes(*values): return train.Feature(int64_list=train.Int64List(value=values))
        assert list(wholes(True, np.bool_(False), np.int32(3)).int64_list.value) == [1, 0, 3]
        def example(n):
            features = {"name": bytes_of(tf.constant(b"a%d" % n)), "row": floats(x[n]), "y": wholes(int(y[n, 0]))}
            features |= {"some": wholes(*(k > 0 for k in range(n % 3))), "steps": floats(np.arange(2 * (n % 2)))}
            return train.Example(features=train.Features(feature=features))
        for kind in ("", "GZIP", "ZLIB"):
            with tf.io.TFRecordWriter(f"{kind}.rec", tf.io.TFRecordOptions(compression_type=kind)) as writer:
                for n in range(64):
                    writer.write(example(n).SerializeToString())
        features = {
            "name": tf.io.FixedLenFeature([], tf.string), "row": tf.io.FixedLenFeature([2, 2], tf.float32),
            "y": tf.io.FixedLenFeature((), tf.int64), "some": tf.io.VarLenFeature(tf.int64),
            "steps": tf.io.FixedLenSequenceFeature([2], tf.float32, allow_missing=True, default_value=-1.0),
            "lost": tf.io.FixedLenFeature([2], tf.string, default_value=["", "q"]),
        }
        def parse(record):
            one = tf.io.parse_single_example(record, {key: features[key] for key in ("row", "y")})
            return tf.reshape(one["row"], [4]), tf.cast(one["y"], tf.int32)
        for kind in ("", "GZIP", "ZLIB"):
            records = tf.data.TFRecordDataset([f"{kind}.rec"], compression_type=kind, num_parallel_reads=2)
            found = list(records.map(parse, num_parallel_calls=2).batch(64))
            assert np.array_equal(found[0][0], x) and np.array_equal(found[0][1], y[:, 0])
        files = tf.data.Dataset.list_files("*.rec").take(0).concatenate(tf.data.Dataset.from_tensor_slices([".rec"]))
        together = next(iter(files.interleave(tf.data.TFRecordDataset).batch(3)))
        found = tf.io.parse_example(together, features)
        assert tf.sparse.to_dense(found["some"]).numpy().tolist() == [[0, 0], [0, 0], [0, 1]]
        assert found["steps"].numpy().tolist() == [[[-1, -1]], [[0, 1]], [[-1, -1]]]
        assert found["lost"].numpy().tolist() == [[b"", b"q"]] * 3 and found["name"][2].numpy() == b"a2"
        one = train.Example.FromString(together[1].numpy())
        assert isinstance(one, train.Example) and one.features.feature["y"].int64_list.value[0] == y[1, 0]
        raw = bytes.fromhex("0a1f0a1d0a056c6162656c12141a120a10fdffffffffffffffff01808080808020")  # by TensorFlow
        label = {"label": tf.io.FixedLenFeature([2], tf.int64)}
        assert tf.io.parse_single_example(raw, label)["label"].numpy().tolist() == [-3, 2**40]
        with tf.io.TFRecordWriter("one.rec") as writer:
            writer.write(raw)
        whole = open("one.rec", "rb").read()
        tf.data.experimental.TFRecordWriter("two.rec").write(tf.data.TFRecordDataset("one.rec"))
        assert open("two.rec", "rb").read() == whole
        assert whole == bytes.fromhex("2100000000000000017becf6") + raw + bytes.fromhex("f90e92ce")
        steps = train.FeatureLists(feature_list={"a": train.FeatureList(feature=[floats([1, 2]), floats([3, 4])])})
        sequence = train.SequenceExample(context=train.Features(feature={"n": wholes(7)}), feature_lists=steps)
        context, lists = tf.io.parse_single_sequence_example(
            sequence.SerializeToString(), {"n": tf.io.FixedLenFeature([], tf.int64)},
            {"a": tf.io.FixedLenSequenceFeature([2], tf.float32)})
        assert context["n"].numpy() == 7 and lists["a"].numpy().tolist() == [[1, 2], [3, 4]]
        for value, kind in ((x, tf.float32), (np.array([True]), tf.bool), (np.array([["a", "b"]]), tf.string)):
            again = tf.io.parse_tensor(tf.io.serialize_tensor(value), kind).numpy()
            assert again.shape == value.shape and (kind == tf.string or np.array_equal(again, value))
        for bad, why in {
            whole[:-3]: "ends early", whole[:5]: "does not fit its checksum", b"x" * 40: "of another kind",
            whole[:20] + b"!" + whole[21:]: "the data does not fit",
        }.items():
            open("bad.rec", "wb").write(bad)
            with pytest.raises(ValueError, match=why):
                list(tf.data.TFRecordDataset("bad.rec"))
        with pytest.raises(ValueError, match="no whole file with compression_type='GZIP'"):
            list(tf.data.TFRecordDataset("one.rec", "GZIP"))
        for spec, why in (
            (([2], tf.string), "int64_list, and is described as tf.string"), (([3], tf.int64), "has 2 values"),
            (([2], tf.int32), "Cast it behind"),
        ):
            with pytest.raises(ValueError, match=why):
                tf.io.parse_single_example(raw, {"label": tf.io.FixedLenFeature(*spec)})
        with pytest.raises(ValueError, match="no default_value"):
            tf.io.parse_single_example(raw, {"other": label["label"]})
        with pytest.raises(ValueError, match="no Example"):
            tf.io.parse_single_example(b"junk", label)
    """,
    "names out of reach are there, and say why when they are called": """
        from tensorflow.python.ops import math_ops
        from tensorflow.python.client import device_lib
        assert device_lib.list_local_devices()[0].device_type == "CPU"
        import tensorflow.lite as lite, tensorflow.contrib.slim
        from tensorflow.estimator import RunConfig
        assert math_ops.reduce_mean([1.0, 2.0]).numpy() == 1.5 and tf.lite.Optimize.DEFAULT is not None
        assert not isinstance(x, tf.SparseTensor) and not isinstance(x, tf.RaggedTensor)
        for name, why in {
            "placeholder": "sessions", "sparse.add": "dense arrays", "ragged.cross": "Pad to equal lengths",
            "lite.TFLiteConverter.from_keras_model": "model.export", "estimator.Estimator": "`fit`",
            "feature_column.numeric_column": "FeatureSpace", "io.decode_proto": "records", "raw_ops.Add": "itself",
            "compat.v1.get_variable": "sessions", "distribute.coordinator.ClusterCoordinator": "several machines",
        }.items():
            found = tf
            for part in name.split("."):
                found = getattr(found, part)
            with pytest.raises(NotImplementedError, match=why):
                found()
        with pytest.raises(NotImplementedError, match="sessions"):
            class Hook(tf.train.SessionRunHook): pass
        with pytest.raises(NotImplementedError, match="Did you mean 'resize'"):
            tf.image.resise()
        with pytest.raises(AttributeError, match="no TensorFlow in it. Did you mean 'reduce_mean'"):
            tf.reduce_meen
        with pytest.raises(ImportError, match="is not served"):
            import tensorflow.nothing
    """,
    "all is put back": """
        compat.uninstall()
        import jax.numpy as jnp, sequax
        with pytest.raises(TypeError):
            jnp.zeros(2) + [1, 2]
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


# A package in TensorFlow's place that loads its parts late, and Keras too.
INSTALLED = {
    "__init__.py": "from tensorflow.python import base\n__version__ = '9'\nreduce_mean = None\n"
    "def __getattr__(name):\n    if name == 'lite':\n        from tensorflow.python import lite\n        return lite\n"
    "    raise AttributeError(name)\n",
    "python/__init__.py": "",
    "python/base.py": "import keras\nKERAS = keras.Sequential.__module__\n",
    "python/lite.py": "from tensorflow.python.late import Interpreter\n",
    "python/later.py": "import tensorflow as inner\n",
    "python/late.py": "import tensorflow as tf\nclass Interpreter:\n    def run(self):\n        return 'ran'\n",
}


def test_what_is_not_served_comes_from_tensorflow_where_it_is_installed(tmp_path):
    for name, text in INSTALLED.items():
        path = tmp_path / "tensorflow" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    code = f"""
import sys
from sequax import compat
from sequax.core import outside
compat.install()
import tensorflow as tf, keras
try:
    keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]).export("exported")
except keras.export.ExportError as error:
    assert "needs the package tensorflow, which is not installed" in str(error)
sys.path.insert(0, {str(tmp_path)!r})
assert tf.reduce_mean([1.0, 3.0]).numpy() == 2.0
assert "tensorflow.python.base" not in sys.modules
assert tf.lite.Interpreter().run() == tf.lite.Interpreter().run() == "ran"
from tensorflow.lite import Interpreter
assert sys.modules["tensorflow"] is tf and tf.keras is keras and keras.Sequential.__module__.startswith("sequax")
import tensorflow.keras.layers as layers, tensorflow
assert layers is keras.layers and tensorflow is tf and tf.reduce_mean([1.0, 3.0]).numpy() == 2.0
assert sys.modules["tensorflow.python.base"].KERAS.startswith("sequax")
try:
    tf.sparse.add(1, 2)
except NotImplementedError as error:
    assert "dense arrays" in str(error)
with outside.themselves(["tensorflow"]):  # as for a SavedModel, which is TensorFlow's
    import tensorflow
    from tensorflow.python.later import inner
    assert tensorflow.__version__ == inner.__version__ == "9" and inner is tensorflow is not tf
assert sys.modules["tensorflow"] is tf and tf.lite.Interpreter is Interpreter
compat.uninstall()
assert outside.is_installed("tensorflow")
import tensorflow
assert tensorflow.__version__ == "9"
"""
    done = run(code)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("taken from the TensorFlow that is installed") == 1
