"""Optimizers that scripts wrote for earlier Keras train as those of today, in a process that holds the import hook."""

from __future__ import annotations

import json

import pytest

from tests.test_compat import python

# What the optimizer `made` must equal, and how a script makes it.
CLASSES = {
    "TensorFlow 2.4, momentum and decay": (
        "keras.optimizers.SGD(0.1, momentum=0.9, decay=0.1)",
        """
class Momentum(keras.optimizers.Optimizer):
    def __init__(self, learning_rate=0.001, momentum=0.9, name="Momentum", **kwargs):
        super().__init__(name, **kwargs)
        self._set_hyper("learning_rate", kwargs.get("lr", learning_rate))
        self._set_hyper("decay", self._initial_decay)
        self._set_hyper("momentum", momentum)

    def _create_slots(self, var_list):
        for var in var_list:
            self.add_slot(var, "speed")

    @tf.function
    def _resource_apply_dense(self, grad, var):
        rate, momentum = self._decayed_lr(var.dtype.base_dtype), self._get_hyper("momentum", var.dtype)
        speed = self.get_slot(var, "speed")
        speed.assign(speed * momentum - rate * grad)
        return var.assign_add(speed)

    def get_config(self):
        names = ("learning_rate", "decay", "momentum")
        return {**super().get_config(), **{name: self._serialize_hyperparameter(name) for name in names}}

made = Momentum(0.1, decay=0.1)
config = made.get_config()
assert [config[name] for name in ("learning_rate", "decay", "momentum")] == [0.1, 0.1, 0.9]
assert np.isclose(Momentum(0.2).get_config()["learning_rate"], 0.2)
made = Momentum.from_config(config)
""",
    ),
    "TensorFlow 2.4, what all variables share": (
        "keras.optimizers.SGD(0.1, momentum=0.9)",
        """
class Momentum(tf.keras.optimizers.legacy.Optimizer):
    def __init__(self, learning_rate=0.001, name="Momentum", **kwargs):
        super().__init__(name=name, **kwargs)
        self._set_hyper("learning_rate", learning_rate)

    def _create_slots(self, var_list):
        for var in var_list:
            self.add_slot(var, "speed", "zeros")

    def _prepare_local(self, var_device, var_dtype, apply_state):
        super()._prepare_local(var_device, var_dtype, apply_state)
        apply_state[(var_device, var_dtype)]["momentum"] = tf.constant(0.9, var_dtype)

    def _resource_apply_dense(self, grad, var, apply_state=None):
        device, dtype = var.device, var.dtype.base_dtype
        shared = (apply_state or {}).get((device, dtype)) or self._fallback_apply_state(device, dtype)
        speed = self.get_slot(var, "speed")
        speed_t = speed.assign(speed * shared["momentum"] - shared["lr_t"] * grad, use_locking=self._use_locking)
        return tf.group(speed_t, var.assign_add(speed))

made = Momentum(0.1)
""",
    ),
    "TensorFlow 2.4, from one of Keras'": (
        "keras.optimizers.AdamW(0.01, weight_decay=0.1)",
        """
class Decayed(tf.keras.optimizers.Adam):
    def __init__(self, learning_rate=0.001, rate=0.1, name="Decayed", **kwargs):
        super().__init__(learning_rate, name=name, **kwargs)
        self.rate = rate

    def _resource_apply_dense(self, grad, var, apply_state=None):
        decay = var.assign_sub(self._decayed_lr(var.dtype) * self.rate * var)
        with tf.control_dependencies([decay]):
            return super()._resource_apply_dense(grad, var, apply_state=apply_state)

made = Decayed(0.01)
""",
    ),
    "TensorFlow 2.12": (
        "keras.optimizers.SGD(0.1, momentum=0.9)",
        """
class Momentum(tf.keras.optimizers.experimental.Optimizer):
    def __init__(self, learning_rate=0.001, momentum=0.9, jit_compile=True, name="Momentum", **kwargs):
        super().__init__(name=name, jit_compile=jit_compile, **kwargs)
        self._learning_rate = self._build_learning_rate(learning_rate)
        self.momentum = momentum

    def build(self, var_list):
        super().build(var_list)
        if hasattr(self, "_built") and self._built:
            return
        self.speeds = [self.add_variable_from_reference(model_variable=var, variable_name="m") for var in var_list]
        self._built = True

    def update_step(self, gradient, variable):
        rate = tf.cast(self.learning_rate, variable.dtype)
        speed = self.speeds[self._index_dict[self._var_key(variable)]]
        if isinstance(gradient, tf.IndexedSlices):
            raise NotImplementedError
        speed.assign(speed * self.momentum - rate * gradient)
        variable.assign_add(speed)

made = Momentum(0.1)
""",
    ),
    "TensorFlow 2.12, from one of Keras'": (
        "keras.optimizers.SGD(0.1)",
        """
class Halved(tf.keras.optimizers.SGD):
    def update_step(self, gradient, variable):
        super().update_step(gradient / 2, variable)

made = Halved(0.2)
""",
    ),
    "Keras 3, by another name of the rate": (
        "keras.optimizers.SGD(0.1)",
        """
class Descent(keras.optimizers.Optimizer):
    def update_step(self, g, v, lr):
        v.assign_sub(lr * g)

made = Descent(0.1)
""",
    ),
    "Keras 2, around one of Keras'": (
        "keras.optimizers.Adam(0.01)",
        """
from keras import backend as K

class Around(keras.optimizers.Optimizer):
    def __init__(self, optimizer, **kwargs):
        super().__init__(**kwargs)
        self.optimizer = keras.optimizers.get(optimizer)

    def get_updates(self, loss, params):
        self.updates = self.optimizer.get_updates(loss, params)
        self.updates.append(K.update_add(params[0], K.zeros_like(params[0])))
        return self.updates

made = Around(keras.optimizers.Adam(0.01))
""",
    ),
    "Keras 2": (
        "keras.optimizers.Adam(0.01, epsilon=1e-7)",
        """
from keras import backend as K
from keras.legacy import interfaces

class Adam2(keras.optimizers.Optimizer):
    def __init__(self, lr=0.001, beta_1=0.9, beta_2=0.999, epsilon=None, decay=0.0, **kwargs):
        super(Adam2, self).__init__(**kwargs)
        with K.name_scope(self.__class__.__name__):
            self.iterations = K.variable(0, dtype="int64", name="iterations")
            self.lr = K.variable(lr, name="lr")
            self.beta_1 = K.variable(beta_1, name="beta_1")
            self.beta_2 = K.variable(beta_2, name="beta_2")
            self.decay = K.variable(decay, name="decay")
        self.epsilon = K.epsilon() if epsilon is None else epsilon
        self.initial_decay = decay

    @interfaces.legacy_get_updates_support
    def get_updates(self, loss, params):
        grads = self.get_gradients(loss, params)
        self.updates = [K.update_add(self.iterations, 1)]
        lr = self.lr
        if self.initial_decay > 0:
            lr = lr * (1.0 / (1.0 + self.decay * K.cast(self.iterations, K.dtype(self.decay))))
        t = K.cast(self.iterations, K.floatx()) + 1
        lr_t = lr * (K.sqrt(1.0 - K.pow(self.beta_2, t)) / (1.0 - K.pow(self.beta_1, t)))
        ms = [K.zeros(K.int_shape(p), dtype=K.dtype(p)) for p in params]
        vs = [K.zeros(K.int_shape(p), dtype=K.dtype(p)) for p in params]
        self.weights = [self.iterations] + ms + vs
        for p, g, m, v in zip(params, grads, ms, vs):
            m_t = (self.beta_1 * m) + (1.0 - self.beta_1) * g
            v_t = (self.beta_2 * v) + (1.0 - self.beta_2) * K.square(g)
            p_t = p - lr_t * m_t / (K.sqrt(v_t) + self.epsilon)
            self.updates.append(K.update(m, m_t))
            self.updates.append(K.update(v, v_t))
            new_p = p_t
            if getattr(p, "constraint", None) is not None:
                new_p = p.constraint(new_p)
            self.updates.append(K.update(p, new_p))
        return self.updates

    def get_config(self):
        config = {"lr": float(K.get_value(self.lr)), "beta_1": float(K.get_value(self.beta_1))}
        return dict(list(super(Adam2, self).get_config().items()) + list(config.items()))

made = Adam2(0.01, clipvalue=100.0)
""",
    ),
}
REFUSED = {  # body of `get_updates`, and what the error says
    "return ['none']": "expected pairs of a variable and its new value",
    "self.runs.append(K.zeros((2,)) if self.runs else 0); return []": "makes more inside of a step",
}
TRY_ALL = """
import json, sys, traceback
import numpy as np
from sequax import compat
compat.install()
import tensorflow as tf
import keras
x = np.random.default_rng(0).normal(size=(50, 3)).astype("float32")
y = x @ np.ones((3, 1), "float32")

def fitted(optimizer):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Dense(4, activation="tanh", input_shape=(3,)), keras.layers.Dense(1)])
    model.compile(optimizer, "mse")
    losses = model.fit(x, y, batch_size=10, epochs=4, verbose=0).history["loss"]
    trained = model.get_weights()
    model.layers[0].trainable = False
    model.compile(optimizer, "mse")
    model.fit(x, y, batch_size=20, epochs=2, verbose=0)  # two full batches, and a short one
    return (trained, model.get_weights()), losses[-1] < losses[0]

outcomes = {}
classes, refused = json.load(sys.stdin)
for body in refused:
    names = {"keras": keras, "K": keras.backend}
    exec(
        "class Own(keras.optimizers.Optimizer):\\n"
        "    runs = []\\n"
        "    def get_updates(self, loss, params):\\n"
        f"        {body}\\n",
        names,
    )
    try:
        fitted(names["Own"]())
        outcomes[body] = "no error"
    except (TypeError, ValueError) as error:
        outcomes[body] = str(error)
for manner, (native, definition) in classes.items():
    names = {"tf": tf, "keras": keras, "np": np}
    try:
        exec(definition, names)
        (weights, learned), (others, _) = fitted(names["made"]), fitted(eval(native, names))
        apart = [max(float(np.abs(a - b).max()) for a, b in zip(*both)) for both in zip(weights, others)]
        outcomes[manner] = ["", apart, bool(learned), int(names["made"].iterations)]
    except Exception:
        outcomes[manner] = [traceback.format_exc(), [], False, 0]
print(json.dumps(outcomes))
"""


@pytest.fixture(scope="module")
def outcomes():
    done = python(TRY_ALL, stdin=json.dumps([CLASSES, list(REFUSED)]))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("manner", CLASSES)
def test_optimizers_of_earlier_manners_step_as_what_they_write_out(outcomes, manner):
    error, apart, learned, count = outcomes[manner]
    assert not error
    assert apart[0] < 1e-5
    assert apart[1] < 1e-5 or manner == "Keras 2"  # which begins its state anew for other variables
    assert learned
    assert count == 26


@pytest.mark.parametrize("body", REFUSED)
def test_updates_that_mean_nothing_are_refused(outcomes, body):
    assert REFUSED[body] in outcomes[body]
