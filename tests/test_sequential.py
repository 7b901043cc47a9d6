"""`Sequential` as its users know it: construction, changing the stack, building, names, calling, config, copies."""

from __future__ import annotations

import copy
import json
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import sequax
from sequax import Input, Sequential
from sequax.layers import (
    LSTM,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GlobalAveragePooling2D,
    InputLayer,
    Lambda,
    Layer,
    Reshape,
)


class Doubler(Layer):
    def call(self, x):
        return x * 2


def stack(**kwargs):
    return Sequential([Input((3,)), Dense(4, name="a"), Dense(2, name="b")], **kwargs)


# --- the statements of the reference page -----------------------------------------------------------------------------


def test_input_first_gives_weights_at_once():
    model = Sequential()
    model.add(Input(shape=(16,)))
    model.add(Dense(8))
    assert len(model.weights) == 2


def test_without_input_there_are_no_weights_until_build():
    model = Sequential([Dense(8), Dense(4)])
    assert model.weights == []
    assert not model.built
    model.build((None, 16))
    assert len(model.weights) == 4


def test_first_fit_builds(rng):
    model = Sequential([Dense(8), Dense(1)])
    model.compile(optimizer="sgd", loss="mse")
    model.fit(rng.normal(size=(64, 16)), rng.normal(size=(64, 1)), batch_size=32, epochs=10, verbose=0)
    assert len(model.weights) == 4
    assert model.input_shape == (32, 16)


def test_pop_and_add_without_rebuild():
    model = stack()
    assert model.pop().name == "b"
    assert model.output_shape == (None, 4)
    model.add(Dense(5), rebuild=False)
    assert not model.built
    assert len(model.weights) == 2
    model.build()
    assert model.output_shape == (None, 5)


# --- construction -----------------------------------------------------------------------------------------------------


def test_empty():
    model = Sequential()
    assert (model.name, model.built, model.layers, model.weights, model.trainable) == (
        "sequential",
        False,
        [],
        [],
        True,
    )
    assert Sequential([]).layers == []


@pytest.mark.parametrize("kind", [list, tuple, iter])
def test_any_iterable(kind):
    assert len(Sequential(kind([Dense(2), Dense(1)]))) == 2


def test_position_of_arguments():
    model = Sequential([Input((3,)), Dense(2)], False, "zz")
    assert (model.name, model.trainable) == ("zz", False)
    assert len(model.trainable_weights) == 0
    assert len(model.non_trainable_weights) == 2


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Sequential(Dense(2)), TypeError, "list of layers"),
        (lambda: Sequential([Dense(2)], foo=1), TypeError, "foo"),
        (lambda: Sequential(trainable="x"), ValueError, "boolean"),
        (lambda: Sequential([[Dense(2)]]), ValueError, "Only instances of"),
        (lambda: Sequential([Dense(2), None]), ValueError, "NoneType"),
        (lambda: Sequential(name="a/b"), ValueError, "cannot contain character"),
        (lambda: Sequential(name=3), ValueError, "must be a string"),
        (lambda: Sequential([Dense]), ValueError, r"Did you mean `Dense\(\.\.\.\)`"),
        (lambda: Dense(3, nmae="a"), ValueError, "Did you mean 'name'"),
        (lambda: Dense(3, input_shpe=(4,)), ValueError, "Did you mean 'input_shape'"),
        (lambda: Sequential(["relu"]), ValueError, "Only instances of"),
        (lambda: Sequential([{"a": Input((3,))}]), ValueError, "Only instances of"),
        (lambda: Sequential([np.ones(3)]), ValueError, "Only instances of"),
        (lambda: Sequential([Dense(2)(Input((3,)))]), ValueError, "Only instances of"),
        (lambda: Sequential([Dense(2, name="a"), Dense(2, name="a")]), ValueError, "unique names"),
        (lambda: Sequential([Input((3,)), Input((4,))]), ValueError, "already been configured"),
        (lambda: Sequential([Dense(2), Input((3,))]), ValueError, "must come first"),
        (lambda: Sequential([Input((4, 2)), LSTM(3, return_state=True), Dense(2)]), ValueError, "dense"),
        (lambda: Dense(2, batch_input_shape=(4, 3), foo=1), ValueError, "foo"),
        (lambda: Input(3), ValueError, "Cannot convert '3' to a shape"),
        (lambda: Input(), ValueError, "must pass a `shape`"),
        (lambda: Input((3,), batch_shape=(2, 3)), ValueError, "both `shape` and `batch_shape`"),
    ],
)
def test_refusals_of_construction(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_layers_that_need_two_inputs_or_none():
    class Two(Layer):
        def call(self, a, b):
            return a + b

    class No(Layer):
        def call(self):
            return 0

    class Options(Layer):
        def call(self, x, *, scale=2.0):
            return x * scale

    with pytest.raises(ValueError, match="single required positional argument"):
        Sequential([Two()]).build((None, 2))
    with pytest.raises(ValueError, match="no positional arguments"):
        Sequential([No()])(np.ones((1, 2)))
    assert np.allclose(Sequential([Options()])(np.ones((1, 2))), 2)


def test_plain_callables_are_wrapped():
    model = Sequential([Input((3,)), Dense(4), jax.nn.relu, lambda x: x * 2])
    assert [type(layer) for layer in model][1:] == [Lambda, Lambda]
    assert np.all(np.asarray(model(np.ones((2, 3)))) >= 0)


def test_the_same_layer_twice_shares_its_weights():
    shared = Dense(3)
    model = Sequential([Input((3,)), shared, shared])
    assert len(model) == 2
    assert len(model.weights) == 2


def test_layer_named_like_the_model():
    model = Sequential([Input((3,)), Dense(2, name="m")], name="m")
    assert model.weights[0].path == "m/m/kernel"


def test_input_shape_argument_builds_with_a_warning():
    with pytest.warns(UserWarning, match="input_shape"):
        model = Sequential([Dense(4, input_shape=(2,)), Dense(1)])
    assert model.input_shape == (None, 2)
    with pytest.warns(UserWarning, match="input_dim"):
        assert Sequential([Dense(4, input_dim=5)]).built


def test_input_layer_forms():
    assert Sequential([InputLayer(shape=(3,)), Dense(2)]).input_shape == (None, 3)
    assert Sequential([InputLayer(batch_shape=(5, 3)), Dense(2)]).input_shape == (5, 3)
    model = Sequential([Input((3,), batch_size=5, dtype="int32", name="foo"), Embedding(4, 2)])
    assert (model.input_shape, model.input_dtype, model.input_names) == ((5, 3), "int32", ["foo"])


def test_a_built_model_first_builds_the_stack():
    inner = stack()
    outer = Sequential([inner, Dense(1)])
    assert outer.built
    assert outer.input_shape == (None, 3)
    assert len(outer.weights) == 6
    assert Sequential([inner]).output_shape == (None, 2)


# --- changing the stack -----------------------------------------------------------------------------------------------


def test_add_returns_none_and_weights_grow():
    model = Sequential()
    seen = []
    for layer in (Input((3,)), Dense(4), Dense(2)):
        assert model.add(layer) is None
        seen.append((model.built, len(model.weights)))
    assert seen == [(False, 0), (True, 2), (True, 4)]


def test_a_failed_add_changes_nothing():
    model = stack()
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"layer 2 .*Conv2D"):
        model.add(Conv2D(2, 3))
    assert len(model) == 2
    assert model.built
    assert model.output_shape == (None, 2)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_pop_rules():
    model = stack()
    popped = model.pop()
    assert popped.built
    assert len(popped.weights) == 2
    model.pop()
    assert not model.built
    with pytest.raises(IndexError, match="no layers to pop"):
        model.pop()
    deferred = Sequential([Dense(4), Dense(2)])
    deferred(np.ones((2, 3)))
    deferred.pop()
    assert deferred.built
    assert deferred.output_shape == (2, 4)
    only = Sequential([Dense(2)])
    only.pop()
    assert only.layers == []


def test_pop_without_rebuild():
    model = stack()
    model.pop(rebuild=False)
    assert not model.built
    assert not hasattr(model, "output_shape")
    assert len(model.weights) == 2
    assert model(np.ones((1, 3))).shape == (1, 4)


def test_list_protocol():
    model = stack()
    a, b = model.layers
    assert len(model) == 2
    assert list(model) == [a, b]
    assert model[0] is a
    assert model[-1] is b
    assert model["b"] is b
    assert a in model
    assert Dense(1) not in model
    with pytest.raises(IndexError, match="no index 7"):
        model[7]
    with pytest.raises(ValueError, match="No such layer"):
        model["c"]


def test_slice_is_a_built_model_that_shares_weights(rng):
    model = stack()
    part = model[:-1]
    x = rng.normal(size=(2, 3))
    assert part.built
    assert np.array_equal(part(x), model.layers[0](x))
    model.layers[0].kernel.assign(np.zeros((3, 4)))
    assert np.all(np.asarray(part(x)) == 0)


def test_setting_deleting_inserting():
    model = stack()
    first = model[0]
    model[-1] = Dense(7)
    assert model.output_shape == (None, 7)
    assert model[0] is first
    model.insert(1, Dropout(0.5))
    assert [type(layer) for layer in model] == [Dense, Dropout, Dense]
    assert model.output_shape == (None, 7)
    del model[1]
    assert len(model) == 2
    with pytest.raises(ValueError, match="expected axis -1"):
        del model[0]
    assert len(model) == 2
    assert model.append(Dense(2)) is model
    assert len(model.extend([Dense(3), Dense(1)])) == 5
    with pytest.raises(ValueError, match="Conv2D"):
        model.extend([Dense(3), Conv2D(1, 1)])
    assert len(model) == 5


def test_concatenation():
    first, second = stack(), Sequential([Dense(5), Dense(1)])
    both = first + second
    assert len(both) == 4
    assert both.output_shape == (None, 1)
    assert both[0] is first[0]
    assert len(first) == 2
    assert len(first + [Dense(6)]) == 3  # noqa: RUF005 - the operator is what is tested


def test_layers_is_a_copy_and_reserved():
    model = stack()
    model.layers.append(Dense(1))
    assert len(model) == 2
    with pytest.raises(AttributeError, match="reserved"):
        model.layers = []


def test_a_model_cannot_contain_itself():
    model = stack()
    with pytest.raises(ValueError, match="cannot contain itself"):
        model.add(model)


# --- building ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (3,)])
def test_build_without_a_shape_is_refused(shape):
    model = Sequential([Dense(2)])
    with pytest.raises(ValueError, match=r"Pass the shape|Cannot convert"):
        model.build(*shape)
    assert not model.built


def test_build_rules():
    with pytest.raises(ValueError, match="has no layers"):
        Sequential().build((None, 3))
    model = stack()
    weights = model.weights
    model.build((None, 3))
    assert all(a is b for a, b in zip(weights, model.weights, strict=True))
    for other in ((None, 4), (8, 3)):
        with pytest.raises(ValueError, match="already been configured to use input shape"):
            model.build(other)
    with pytest.raises(ValueError, match=r"fully defined|must be known"):
        Sequential([Dense(2)]).build((None, None))
    with pytest.raises(ValueError, match="zero or negative"):
        Sequential([Conv2D(1, 3)]).build((None, 2, 2, 1))
    with pytest.raises(ValueError, match=r"total size|reshape"):
        Sequential([Input((6,)), Reshape((4,))])


def test_built_by_call_and_symbolic_call():
    model = Sequential([Dense(2)])
    model(np.ones((4, 3)))
    assert model.input_shape == (4, 3)
    assert model(np.ones((7, 3))).shape == (7, 2)
    symbolic = Sequential([Dense(2)])
    assert symbolic(Input((3,))).shape == (None, 2)
    assert symbolic.input_shape == (None, 3)


def test_adding_to_a_model_built_by_data():
    model = Sequential([Dense(4)])
    model.build((None, 3))
    model.add(Dense(2))
    assert model.built
    assert model.output_shape == (None, 2)


def test_fixed_batch_is_not_enforced():
    model = Sequential([Input((3,), batch_size=5), Dense(2)])
    assert model(np.ones((2, 3))).shape == (2, 2)


def test_build_config_and_attributes():
    model = stack()
    assert model.get_build_config() == {"input_shape": (None, 3)}
    unbuilt = Sequential([Dense(2)])
    assert unbuilt.get_build_config() is None
    unbuilt.build_from_config({"input_shape": (None, 3)})
    assert unbuilt.built
    for name in ("input_shape", "output_shape", "inputs", "outputs", "input", "output"):
        assert hasattr(model, name)
        assert not hasattr(Sequential([Dense(2)]), name)
    assert model.output.shape == (None, 2)
    assert model.layers[0].output.shape == (None, 4)


def test_the_first_argument_of_build_may_have_any_name():
    class Scale(sequax.Layer):
        def build(this, shape):
            this.scale = this.add_weight(shape[1:])

        def call(self, x):
            return x * self.scale

    made = Scale()
    made.build((None, 3))
    assert made.get_build_config() == {"input_shape": (None, 3)}


def test_compute_output_shape_leaves_the_model_unbuilt():
    model = Sequential([Conv2D(4, 3), Flatten(), Dense(2)])
    assert model.compute_output_shape((None, 5, 5, 1)) == (None, 2)
    assert not model.built


def test_unknown_spatial_sizes():
    model = Sequential([Input((None, None, 3)), Conv2D(4, 3), GlobalAveragePooling2D()])
    assert model.layers[0].output.shape == (None, None, None, 4)
    assert model(np.ones((1, 5, 7, 3))).shape == model(np.ones((1, 9, 4, 3))).shape == (1, 4)


def test_layers_of_plain_jax_have_shapes():
    class Odd(Layer):
        def call(self, x):
            return jnp.reshape(jnp.tanh(x), (x.shape[0], -1))

    assert Sequential([Input((2, 3)), Odd()]).output_shape == (None, 6)


# --- names ------------------------------------------------------------------------------------------------------------


def test_automatic_names_as_keras(keras):
    from sequax.core import names

    for name in (
        "Dense",
        "Conv2D",
        "BatchNormalization",
        "ReLU",
        "PReLU",
        "LeakyReLU",
        "GlobalAveragePooling2D",
        "LSTM",
    ):
        theirs = getattr(keras.layers, name)(*({"Dense": (1,), "Conv2D": (1, 1), "LSTM": (1,)}.get(name, ()))).name
        assert (
            names.to_snake_case(name) == theirs.rstrip("0123456789").rstrip("_") or names.to_snake_case(name) in theirs
        )
    assert names.to_snake_case("MyHTTPLayer2") == "my_http_layer2"


def test_counters_and_reset():
    assert [Dense(1).name for _ in range(3)] == ["dense", "dense_1", "dense_2"]
    sequax.utils.clear_session()
    assert Dense(1).name == "dense"


def test_names_can_be_set_and_found():
    model = stack(name="net")
    assert model.weights[0].path == "net/a/kernel"
    assert model.weights[0].name == "kernel"
    model.name = "other"
    assert model.get_layer("a") is model.get_layer(index=0)
    for arguments, words in (
        ({"name": "c"}, "No such layer"),
        ({"index": 3}, "only has 2 layers"),
        ({}, "Provide either"),
        ({"name": "a", "index": 0}, "Provide only"),
    ):
        with pytest.raises(ValueError, match=words):
            model.get_layer(**arguments)


def test_repr_tells_shapes_and_params():
    assert "a: (None, 3) -> (None, 4), 16 params" in repr(stack())
    assert repr(Dense(2, name="d")) == "<Dense name=d, built=False>"


# --- weights ----------------------------------------------------------------------------------------------------------


def test_weights_order_and_seeds():
    model = Sequential([Input((3,)), BatchNormalization(), Dropout(0.5), Dense(2)])
    names = ["gamma", "beta", "moving_mean", "moving_variance", "kernel", "bias"]
    assert [w.name for w in model.weights] == names
    assert len(model.variables) == 7
    assert len(model.trainable_weights) == 4
    assert model.count_params() == 12 + 8


def test_get_and_set_weights():
    model = stack()
    values = [w + 1 for w in model.get_weights()]
    model.set_weights(values)
    assert np.array_equal(model.get_weights()[0], values[0])
    with pytest.raises(ValueError, match="length 1, but the layer was expecting 4"):
        model.set_weights(values[:1])
    bad = [*values[:3], np.zeros(9)]
    bad[0] = bad[0] * 0
    with pytest.raises(ValueError, match="not compatible with provided weight shape"):
        model.set_weights(bad)
    assert np.array_equal(model.get_weights()[0], values[0])
    with pytest.raises(ValueError, match="isn't built"):
        Sequential([Dense(1)]).count_params()


def test_extra_layers_and_variables_count():
    model = stack()
    model.extra = Dense(5)
    model.extra.build((None, 2))
    model.v = sequax.Variable(1.0)
    assert len(model.weights) == 7


def test_regularization_losses():
    model = Sequential([Input((3,)), Dense(2, kernel_regularizer="l2", activity_regularizer="l1")])
    assert len(model.losses) == 1
    model(np.ones((1, 3)))
    assert len(model.losses) == 2
    with pytest.raises(ValueError, match="inside"):
        model.add_loss(1.0)


def test_trainable_reaches_layers_both_ways():
    model = stack()
    model.trainable = False
    assert not model.layers[0].trainable
    assert model.trainable_weights == []
    model.layers[1].trainable = True
    assert model.trainable_weights == []
    model.trainable = True
    assert len(model.trainable_weights) == 4
    model.layers[0].trainable = False
    assert [w.path.split("/")[-2] for w in model.trainable_weights] == ["b", "b"]


# --- calling ----------------------------------------------------------------------------------------------------------


def test_call_gives_jax_arrays():
    y = stack()(np.ones((2, 3), "int64"))
    assert isinstance(y, jax.Array)
    assert y.dtype == "float32"


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        (lambda: np.ones((2, 4)), ValueError, "layer 0 'a'.*input shape"),
        (lambda: np.ones((2, 2, 3)), ValueError, "invalid input shape"),
        (lambda: np.ones(3), ValueError, "one sample"),
        (lambda: [np.ones((2, 3)), np.ones((2, 3))], ValueError, "takes 1 input"),
        (lambda: {"wrong": np.ones((2, 3))}, ValueError, "doesn't match"),
        (lambda: None, ValueError, "not optional"),
        (lambda: "abc", ValueError, "only input tensors"),
    ],
)
def test_refused_inputs(given, error, words):
    with pytest.raises(error, match=f"(?s){words}"):
        stack()(given())


def test_accepted_forms_of_one_input():
    model = Sequential([Input((3,), name="foo"), Dense(2)])
    x = np.ones((2, 3), "float32")
    expected = np.asarray(model(x))
    for given in ([x], {"foo": x}, x.tolist(), jnp.asarray(x)):
        assert np.array_equal(model(given), expected)
    assert Sequential([Input((1,)), Dense(2)])(np.ones(5)).shape == (5, 2)
    assert Sequential([Input(()), Doubler()])(np.ones((5, 1))).shape == (5,)


def test_call_refusals():
    with pytest.raises(ValueError, match="positional"):
        stack()(np.ones((1, 3)), True)
    with pytest.raises(TypeError, match="missing a required argument"):
        stack()()
    with pytest.raises(ValueError, match="has no layers"):
        Sequential()(np.ones((1, 3)))


def test_training_reaches_nested_layers():
    model = Sequential([Sequential([Dropout(0.5)]), Doubler()])
    x = np.ones((1, 200), "float32")
    assert np.all(np.asarray(model(x)) == 2)
    first, second = (np.asarray(model(x, training=True)) for _ in range(2))
    assert (first == 0).any()
    assert not np.array_equal(first, second)


def test_a_layers_own_default_of_training_counts():
    class Noisy(Layer):
        def call(self, x, training=True):
            return x + 1 if training else x

    assert np.all(np.asarray(Sequential([Noisy()])(np.zeros((1, 2)))) == 1)
    assert np.all(np.asarray(Sequential([Noisy()])(np.zeros((1, 2)), training=False)) == 0)


def test_batch_normalization_updates_in_training_only(rng):
    model = Sequential([Input((3,)), BatchNormalization()])
    x = rng.normal(size=(8, 3)) + 5
    before = model.get_weights()[2]
    model(x)
    assert np.array_equal(model.get_weights()[2], before)
    model(x, training=True)
    after = model.get_weights()[2]
    assert not np.array_equal(after, before)
    model.trainable = False
    model(x, training=True)
    assert np.array_equal(model.get_weights()[2], after)


def test_own_jit_is_refused_where_state_would_leak(rng):
    model = Sequential([Input((3,)), BatchNormalization()])
    x = rng.normal(size=(8, 3)).astype("float32")
    assert jax.jit(lambda x: model(x))(x).shape == (8, 3)
    with pytest.raises(ValueError, match="stateless_call"):
        jax.jit(lambda x: model(x, training=True))(x)
    assert model(x).shape == (8, 3)


def test_stateless_call_differentiates(rng):
    model = Sequential([Input((3,)), BatchNormalization(), Dense(1)])
    trainable = [v.value for v in model.trainable_variables]
    other = [v.value for v in model.non_trainable_variables]
    x = rng.normal(size=(8, 3)).astype("float32")

    def loss(trainable):
        y, after = model.stateless_call(trainable, other, x, training=True)
        return (y**2).mean(), after

    grads, after = jax.jit(jax.grad(loss, has_aux=True))(trainable)
    assert [g.shape for g in grads] == [v.shape for v in trainable]
    assert not np.array_equal(after[0], other[0])
    with pytest.raises(ValueError, match="must be built"):
        Sequential([Dense(1)]).stateless_call([], [], x)
    with pytest.raises(ValueError, match="1:1"):
        model.stateless_call([], other, x)


def test_python_if_on_values_gets_jax_words():
    class Branching(Layer):
        def call(self, x):
            return x if x.sum() > 0 else -x

    with pytest.raises(jax.errors.TracerBoolConversionError):
        Sequential([Input((3,)), Branching()])


def test_dict_and_list_inputs(rng):
    class Pick(Layer):
        def call(self, x):
            return x["a"] + x["b"]

    model = Sequential([Pick(), Dense(2)])
    x = {"a": rng.normal(size=(4, 3)), "b": rng.normal(size=(4, 3))}
    assert model(x).shape == (4, 2)
    assert len(model.weights) == 2
    assert model.predict(x, verbose=0).shape == (4, 2)


def test_several_outputs_at_the_end():
    class Two(Layer):
        def call(self, x):
            return {"a": x, "b": x[:, :1]}

    model = Sequential([Input((3,)), Two()])
    assert model.output_shape == [(None, 3), (None, 1)]  # as Keras tells them, however they nest
    assert set(model(np.ones((2, 3)))) == {"a", "b"}
    states = Sequential([Input((4, 2)), LSTM(3, return_state=True)])
    assert [tuple(s) for s in states.output_shape] == [(None, 3)] * 3


# --- masks ------------------------------------------------------------------------------------------------------------


def test_mask_skips_padded_steps_and_passes_through():
    model = Sequential([Embedding(10, 4, mask_zero=True), Dropout(0.1), Sequential([Dense(4)]), LSTM(3)])
    padded = model(np.array([[1, 2, 3, 0, 0]]))
    assert np.allclose(padded, model(np.array([[1, 2, 3]])), atol=1e-6)


def test_mask_on_the_output():
    y = Sequential([Embedding(10, 4, mask_zero=True)])(np.array([[1, 0]]))
    assert np.array_equal(y._keras_mask, [[True, False]])


def test_a_lost_mask_warns_only_when_it_is_wanted():
    quiet = Sequential([Embedding(10, 4, mask_zero=True), Flatten(), Dense(1)])
    quiet(np.array([[1, 0]]))

    class Loses(Layer):
        def call(self, x):
            return x * 1

    loud = Sequential([Embedding(10, 4, mask_zero=True), Loses(), LSTM(2)])
    with pytest.warns(UserWarning, match="mask was lost in layer 'loses'"):
        loud(np.array([[1, 0]]))


# --- config and copies ------------------------------------------------------------------------------------------------


def test_config_round_trip():
    model = stack(name="net")
    model.layers[0].trainable = False
    config = model.get_config()
    assert [entry["class_name"] for entry in config["layers"]] == ["InputLayer", "Dense", "Dense"]
    copy_ = Sequential.from_config(config)
    assert copy_.get_config() == config
    assert not copy_.layers[0].trainable
    assert copy_.input_shape == (None, 3)
    for bad in ([], {"layers": []}):
        with pytest.raises(ValueError, match="'name' and 'layers'"):
            Sequential.from_config(bad)


def test_frozen_model_stays_frozen_in_its_config():
    model = stack(trainable=False)
    assert Sequential.from_config(model.get_config()).trainable_weights == []


def test_config_both_ways_with_keras(keras):
    layers = keras.layers
    theirs = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(3, kernel_regularizer="l2"),
        ]
    )
    ours = Sequential.from_config(theirs.get_config())
    assert [w.shape for w in ours.weights] == [tuple(w.shape) for w in theirs.weights]
    again = keras.Sequential.from_config(ours.get_config())
    assert [layer.name for layer in again.layers] == [layer.name for layer in theirs.layers]


def test_custom_layers_need_to_be_named():
    class Scale(Layer):
        def __init__(self, factor, **kwargs):
            super().__init__(**kwargs)
            self.factor = factor

        def call(self, x):
            return x * self.factor

    model = Sequential([Input((3,)), Scale(3.0)])
    config = model.get_config()
    assert config["layers"][1]["config"]["factor"] == 3.0
    with pytest.raises(TypeError, match="custom_objects"):
        Sequential.from_config(json.loads(json.dumps(config)))
    revived = Sequential.from_config(config, custom_objects={"Scale": Scale})
    assert np.all(np.asarray(revived(np.ones((1, 3)))) == 3)
    with pytest.raises(NotImplementedError, match="get_config"):
        Sequential([Scale(np.ones(3))]).get_config()


@pytest.mark.parametrize("how", [copy.deepcopy, copy.copy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_keep_weights(how, rng):
    model = stack()
    x = rng.normal(size=(2, 3))
    twin = how(model)
    assert np.array_equal(twin(x), model(x))
    assert twin.output_shape == (None, 2)


def test_deep_stacks_can_be_copied():
    model = Sequential([Input((3,)), *(Doubler() for _ in range(300))])
    assert len(copy.deepcopy(model)) == 300


def test_clone_model():
    model = stack()
    model.compile("adam", "mse", metrics=["mae"])
    clone = sequax.models.clone_model(model)
    assert [layer.name for layer in clone] == ["a", "b"]
    assert not np.array_equal(clone.get_weights()[0], model.get_weights()[0])
    assert clone.compiled
    assert clone.optimizer is not model.optimizer
    shared = sequax.models.clone_model(model, clone_function=lambda layer: layer)
    assert shared[0] is model[0]
    assert sequax.models.clone_model(model, input_tensors=Input((3,), name="n")).input_names == ["n"]
    assert len(sequax.models.clone_model(Sequential())) == 0
    with pytest.raises(ValueError, match="not supported with Sequential"):
        sequax.models.clone_model(model, call_function=lambda layer, *a: None)


def test_seed_gives_the_same_weights():
    def weights():
        sequax.utils.set_random_seed(1)
        return stack().get_weights()

    assert all(np.array_equal(a, b) for a, b in zip(weights(), weights(), strict=True))
    sequax.utils.set_random_seed(2)
    assert not np.array_equal(stack().get_weights()[0], weights()[0])


# --- mixed precision --------------------------------------------------------------------------------------------------


def test_mixed_policy():
    sequax.config.set_dtype_policy("mixed_float16")
    try:
        model = Sequential([Input((3,)), Dense(4)])
        deferred = Sequential([Dense(4)])
        deferred.build((None, 3))
    finally:
        sequax.config.set_dtype_policy("float32")
    assert model.weights[0].dtype == "float32"
    assert model(np.ones((1, 3))).dtype == "float16"
    assert model.input_dtype == "float32"
    assert deferred.input_dtype == "float16"
    mixed = Sequential([Input((3,)), Dense(4, dtype="mixed_bfloat16"), Dense(2)])
    assert mixed.layers[0].output.dtype == "bfloat16"
    assert mixed(np.ones((1, 3))).dtype == "float32"


# --- data of several sizes, where no `Input` says one ---


def lengths(y_steps=None):
    for steps in (5, 7, 5, 9):
        yield np.ones((4, steps, 3), "float32"), np.ones((4, 1) if y_steps is None else (4, steps, y_steps), "float32")


COPIES = [lambda m: m, lambda m: Sequential.from_config(m.get_config()), copy.deepcopy, sequax.models.clone_model]


@pytest.mark.parametrize("copied", COPIES)
def test_a_stack_without_an_input_takes_sequences_of_any_length(copied):
    built = Sequential([LSTM(2), Dense(1)])
    built.predict(np.ones((2, 5, 3), "float32"), verbose=0)
    model = copied(built)
    model.compile("sgd", "mse")
    assert len(model.fit(lengths(), verbose=0).history["loss"]) == 1
    for steps in (5, 8):
        assert model.predict(np.ones((2, steps, 3), "float32"), verbose=0).shape == (2, 1)
    with pytest.raises(ValueError, match=r"expects \(n, 5, 3\)"):
        model.predict(np.ones((2, 5, 2), "float32"), verbose=0)


def test_outputs_of_such_a_stack_have_as_many_steps_as_its_inputs():
    model = Sequential([LSTM(2, return_sequences=True)])
    model.compile("sgd", "mse")
    model.fit(lengths(2), verbose=0)
    flat = Sequential([Flatten()])
    shapes = ((3, 5, 7), (2, 7, 5))
    assert flat.predict(((np.ones(shape, "float32"),) for shape in shapes), verbose=0).shape == (5, 35)
