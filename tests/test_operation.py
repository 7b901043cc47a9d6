"""Operations of one's own, functions of graphs, symbolic tensors' methods, and the scopes."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import sequax
from sequax import Function, Input, KerasTensor, Model, Operation, StatelessScope, Variable, layers, ops


class Scaled(Operation):
    def __init__(self, factor, shift=1.0, name=None):
        super().__init__(name)
        self.factor, self.shift = factor, shift

    def call(self, x):
        return x * self.factor + self.shift


class Pair(Operation):
    def call(self, x, y=None):
        return x, x + (1 if y is None else y)


def test_an_operation_computes_and_records():
    assert np.allclose(Scaled(2.0)(np.ones((2, 3))), 3)
    x = KerasTensor((None, 3))
    pair = Pair(name="pair")
    first, second = pair(x, y=x)
    assert (first.shape, second.shape, pair.name) == ((None, 3), (None, 3), "pair")
    assert pair.input == [x, x] and pair.output == [first, second] and len(pair.recorded_calls) == 1
    assert isinstance(layers.Dense(2), Operation)
    with pytest.raises(ValueError, match="cannot contain character `/`"):
        Pair(name="a/b")
    with pytest.raises(AttributeError, match="was never called"):
        _ = Pair().output


def test_config_of_an_operation():
    config = Scaled(2.0, name="s").get_config()
    assert config == {"factor": 2.0, "shift": 1.0, "name": "s"}
    assert Scaled.from_config(config).get_config() == config
    unnamed = Scaled(2.0)
    assert unnamed.get_config() == {"factor": 2.0, "shift": 1.0, "name": unnamed.name}
    with pytest.raises(NotImplementedError, match="`factor`, which no config can hold"):
        Scaled(object()).get_config()
    with pytest.raises(TypeError, match="cannot be made from the config"):
        Scaled.from_config({"nonsense": 1})

    class Any(Operation):
        def __init__(self, *values, **kwargs):
            super().__init__(**kwargs)

    assert Any(name="a").get_config() == {"name": "a"}
    unnamed = Any()
    assert unnamed.get_config() == {"name": unnamed.name}
    with pytest.raises(NotImplementedError, match="`values`"):
        Any(1).get_config()


def test_models_of_operations_train_copy_and_are_saved(tmp_path):
    x = Input((3,))
    model = Model(x, Scaled(2.0, name="scaled")(layers.Dense(1, name="dense")(x)))
    other = Model(x, Scaled(3.0, name="scaled")(model.get_layer("dense")(x)))
    rows = np.ones((4, 3), "float32")
    expected = model.predict(rows, verbose=0)
    assert np.allclose(other.predict(rows, verbose=0), (expected - 1) * 1.5 + 1)  # no program of another factor
    clone = sequax.models.clone_model(model)
    clone.set_weights(model.get_weights())
    assert np.allclose(clone.predict(rows, verbose=0), expected)
    model.save(tmp_path / "m.keras")
    loaded = sequax.models.load_model(tmp_path / "m.keras", custom_objects={"Scaled": Scaled})
    assert np.allclose(loaded.predict(rows, verbose=0), expected)


def test_function_of_a_graph():
    a, b = KerasTensor((2, 3)), KerasTensor((2, 3))
    total = a + b
    f = Function({"a": a, "b": b}, {"triple": total * 3, "square": total**2}, name="f")
    ones = np.ones((2, 3))
    found = f({"a": ones, "b": ones})
    assert f.name == "f" and np.allclose(found["triple"], 6) and np.allclose(found["square"], 4)
    symbolic = f({"a": KerasTensor((2, 3)), "b": KerasTensor((2, 3))})
    assert symbolic["triple"].shape == (2, 3)
    again = Function(symbolic["square"].node.inputs, symbolic)
    assert np.allclose(again([ones, ones])["square"], 4)
    with pytest.raises(ValueError, match="invalid input structure"):
        f(ones)
    with pytest.raises(ValueError, match="incompatible inputs"):
        f({"a": np.ones((4, 3)), "b": ones})


def test_function_from_the_middle_of_a_graph():
    x = Input((3,))
    doubled = x * 2
    f = Function(doubled, (doubled + 1) ** 2)
    assert [o.name.rstrip("_0123456789") for o in f.operations] == ["add", "power"]
    assert np.allclose(f(np.ones((5, 3))), 4)
    assert f.compute_output_shape((None, 3)) == (None, 3)
    assert f.compute_output_spec(KerasTensor((4, 3))).shape == (4, 3)
    for inputs, outputs in (([], x), (x, [])):
        with pytest.raises(ValueError, match="argument cannot be empty"):
            Function(inputs, outputs)
    with pytest.raises(ValueError, match=r"Output .* is not connected to `inputs`"):
        Function(Input((3,)), doubled)


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        (lambda t: t.reshape((-1, 3)), lambda a: a.reshape(-1, 3)),
        (lambda t: t.squeeze(1), lambda a: a.squeeze(1)),
        (lambda t: round(t), np.round),
        (lambda t: round(t, 1), lambda a: np.round(a, 1)),
        (lambda t: (t > 0) & (t < 1), lambda a: (a > 0) & (a < 1)),
        (lambda t: (t > 0) | (t < 1), lambda a: (a > 0) | (a < 1)),
        (lambda t: (t > 0) ^ (t < 1), lambda a: (a > 0) ^ (a < 1)),
        (lambda t: ~(t > 0), lambda a: ~(a > 0)),
        (lambda t: t != 0.25, lambda a: a != 0.25),
    ],
)
def test_methods_of_symbolic_tensors(method, expected):
    values = np.linspace(-1, 2, 24, dtype="float32").reshape(8, 1, 3)
    x = Input((1, 3))
    found = Model(x, method(x)).predict(values, verbose=0)
    assert np.allclose(found, expected(values))


def test_stateless_scope():
    v, other = Variable([1.0, 2.0]), Variable(3.0)
    with StatelessScope([(v, [5.0, 6.0])]) as outer:
        v.assign_add([1.0, 1.0])
        with StatelessScope() as inner:
            assert np.allclose(v.value, [6, 7]) and np.allclose(other.value, 3)
            v.assign([0.0, 0.0])
        assert np.allclose(inner.get_current_value(v), 0)
        outer.add_update((other, 4.0))
        assert np.allclose(other.value, 4)
    assert np.allclose(outer.get_current_value(v), [6, 7])
    assert np.allclose(v.value, [1, 2]) and np.allclose(other.value, 3)
    with pytest.raises(ValueError, match="Invalid variable value"):
        StatelessScope([(v, [1.0])])
    with pytest.raises(ValueError, match="Invalid reference variable"):
        StatelessScope([(1, 2)])


def test_stateless_scope_collects_losses_and_keeps_layers_as_they_are():
    layer = layers.BatchNormalization()
    dense = layers.Dense(2, activity_regularizer="l2")
    x = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    layer.build(x.shape), dense.build(x.shape)
    before = layer.get_weights()
    with StatelessScope(collect_losses=True) as scope:
        dense(layer(x, training=True))
    assert len(scope.losses) == 1
    assert all(map(np.array_equal, before, layer.get_weights()))
    assert not np.allclose(scope.get_current_value(layer.moving_mean), layer.moving_mean.numpy())


def test_name_scope_is_in_paths(keras):
    def paths(library):
        with library.name_scope("outer"):
            dense = library.layers.Dense(2, name="dense")
            dense.build((None, 3))
            with library.name_scope("inner"):
                return library.Variable(1.0, name="v").path, dense.kernel.path

    assert paths(sequax) == paths(keras) == ("outer/inner/v", "outer/dense/kernel")
    with sequax.SymbolicScope():
        assert Variable(1.0, name="w").path == "w"


def test_device_chooses_where_arrays_are():
    import jax

    second = jax.devices()[-1]
    with sequax.device(f"cpu:{second.id}"):
        assert ops.ones((2,)).devices() == Variable(np.ones(3)).value.devices() == {second}
    with sequax.device(jax.devices()[0]):
        assert ops.ones((2,)).devices() == {jax.devices()[0]}
    for wrong in ("cpu:99", "tpu:0", "nonsense", 3):
        with pytest.raises(ValueError, match="device"):
            sequax.device(wrong)


def test_a_model_runs_on_the_device_of_its_scope():
    import jax

    rows, targets = np.ones((8, 3), "float32"), np.ones((8, 1), "float32")
    losses = []
    for device in (jax.devices()[0], jax.devices()[-1]):
        sequax.utils.set_random_seed(1)
        with sequax.device(device):
            model = sequax.Sequential([Input((3,)), layers.Dense(1)])
            model.compile("sgd", "mse")
            losses.append(model.fit(rows, targets, epochs=2, verbose=0).history["loss"])
            assert model.predict(rows, verbose=0).shape == (8, 1)
            assert model.weights[0].value.devices() == {device}
    assert losses[0] == losses[1]


@pytest.mark.parametrize("name", ["add", "less", "mean", "relu", "sigmoid", "softmax", "glu", "sparsemax", "gelu"])
def test_ops_go_through_pickles(name):
    """Callbacks that compare, and models with an op as activation, hold them."""
    op = getattr(ops, name)
    assert pickle.loads(pickle.dumps(op)) is op


def test_a_call_knows_the_calls_before_it():
    inputs = Input((3,))
    one, two = layers.Dense(2, name="one")(inputs), layers.Dense(2, name="two")(inputs)
    both = layers.Add()([one, two, one])
    assert [node.operation.name for node in both.node.parent_nodes] == ["one", "two"]
    assert [node.operation for node in one.node.parent_nodes] == [inputs.node.operation]
    assert inputs.node.parent_nodes == []


@pytest.mark.parametrize("kind", [int, float, np.asarray])
def test_symbolic_tensors_have_no_value(kind):
    with pytest.raises(ValueError, match="it has a shape and a dtype, but no value"):
        kind(KerasTensor(()))
