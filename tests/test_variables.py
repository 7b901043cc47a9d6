"""Variables hold values of their own: what the caller does with an array afterwards changes no model."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import sequax
from sequax import Variable, initializers, layers, optimizers
from sequax.core.variable import values_may_wait

SHAPE = (16, 4)


def aligned(shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    """Ones at an address that is a multiple of 64, as JAX takes arrays without copying them."""
    size = 4 * int(np.prod(shape))
    buffer = np.zeros(size + 64, "uint8")
    start = -buffer.ctypes.data % 64
    array = buffer[start : start + size].view("float32").reshape(shape)
    array[:] = 1
    return array


def built_dense() -> layers.Dense:
    dense = layers.Dense(4, use_bias=False)
    dense.build((None, 16))
    return dense


def model() -> sequax.Sequential:
    return sequax.Sequential([layers.Input((16,)), layers.Dense(4, use_bias=False)])


class KeepsInput(layers.Layer):
    def build(self, input_shape):
        self.kept = self.add_weight(SHAPE, name="kept")

    def call(self, x):
        self.kept.assign(x)
        return x


def through(owner, enter):
    enter(owner)
    return owner.variables[-1]


def optimizer_state(array):
    optimizer = optimizers.SGD(momentum=0.9)
    optimizer.build([Variable(np.zeros(SHAPE, "float32"))])
    optimizer.variables[-1].assign(array)
    return optimizer.variables[-1]


ENTRANCES = {
    "Variable": lambda a: Variable(a),
    "Variable, own initializer": lambda a: Variable(lambda shape, dtype: a, shape=SHAPE),
    "Variable, Constant": lambda a: Variable(initializers.Constant(a), shape=SHAPE),
    "Variable.assign": lambda a: Variable(np.zeros(SHAPE, "float32")).assign(a),
    "add_weight, own initializer": lambda a: layers.Layer().add_weight(SHAPE, lambda shape, dtype: a),
    "Layer.set_weights": lambda a: through(built_dense(), lambda layer: layer.set_weights([a])),
    "Layer.load_own_variables": lambda a: through(built_dense(), lambda layer: layer.load_own_variables({"0": a})),
    "Model.set_weights": lambda a: through(model(), lambda m: m.set_weights([a])),
    "Embedding": lambda a: layers.Embedding(16, 4, weights=[a]).embeddings,
    "an eager call": lambda a: through(KeepsInput(), lambda layer: layer(a)),
    "optimizer": optimizer_state,
}


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_a_variable_shares_no_memory_with_the_array_it_was_given(entrance):
    array = aligned()
    variable = ENTRANCES[entrance](array)
    array[:] = 7
    np.testing.assert_array_equal(variable.numpy(), np.ones(SHAPE))


def test_outputs_of_an_eager_call_share_no_memory_with_its_input():
    array = aligned()
    outputs = layers.Identity()(array)
    array[:] = 7
    np.testing.assert_array_equal(outputs, np.ones(SHAPE))


@pytest.mark.parametrize("dtype", [None, "float16", "bfloat16", "int32", "uint8", "bool"])
def test_weights_without_an_initializer_begin_at_random_if_floats_else_at_zero(dtype):
    values = layers.Layer().add_weight(SHAPE, dtype=dtype).numpy()
    assert values.any() == (values.dtype.kind not in "iub")
    assert np.abs(values.astype("float32")).max() <= (6 / sum(SHAPE)) ** 0.5


def test_a_variable_takes_the_name_of_an_initializer_but_not_none():
    np.testing.assert_array_equal(Variable("ones", shape=(2,)).numpy(), [1.0, 1.0])
    with pytest.raises(ValueError, match=r"Variable 'v': expected an array, a callable or a name.*Received: None"):
        Variable(None, shape=(2,), name="v")


@pytest.mark.parametrize("make", [layers.Embedding, layers.ReversibleEmbedding])
def test_an_embedding_with_weights_is_not_built_again(make):
    table = np.arange(6.0, dtype="float32").reshape(3, 2)
    layer = make(3, 2, weights=[table])
    layer.build((None, 5))
    assert len(layer.weights) == 1
    np.testing.assert_array_equal(layer.embeddings.numpy(), table)


def test_values_go_to_other_libraries_by_dlpack():
    variable = sequax.Variable(np.arange(6, dtype="float32").reshape(2, 3))
    taken = np.from_dlpack(variable)
    np.testing.assert_array_equal(taken, variable.numpy())
    variable.assign(np.zeros((2, 3)))
    assert taken[1, 2] == 5.0  # what was taken stays as it was
    assert variable.__dlpack_device__()[1] == 0
    assert jax.dlpack.from_dlpack(variable).shape == (2, 3)


def test_values_that_may_wait_are_those_that_come_at_once():
    def values(**options):
        sequax.utils.set_random_seed(3)
        layer = sequax.layers.Dense(4, **options)
        layer.build((None, 3))
        return layer

    at_once = values()
    with values_may_wait():
        waiting = values()
        drawn = values(kernel_initializer=lambda shape, dtype=None: np.ones(shape, dtype))
    assert [v.held() for v in waiting.weights] == [None, None] and at_once.kernel.held() is not None
    assert waiting.kernel.shape == (3, 4) and drawn.kernel.held() is not None  # an initializer of a user's runs at once
    np.testing.assert_array_equal(waiting.kernel.value, at_once.kernel.value)
    waiting.bias.assign(np.ones(4))
    np.testing.assert_array_equal(waiting.bias.value, np.ones(4))
