"""Dense layers, embedding, `Lambda`, reshaping: refusals, and behaviour that the table of layers does not reach."""

from __future__ import annotations

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import sequax
from sequax import KerasTensor, activations, layers
from sequax.core import catalogue, config, custom_objects

# --- refusals ---

REFUSED = [
    (lambda: layers.Dense(0), r"`units`.*positive integer.*units=0"),
    (lambda: layers.Dense(2.5), r"`units`.*positive integer.*units=2.5"),
    (lambda: layers.Dense(True), r"`units`.*positive integer"),
    (lambda: layers.Dense(None), r"`units`.*positive integer"),
    (lambda: layers.Dense(3).build((2, None)), r"last axis.*must be known.*\(2, None\)"),
    (lambda: layers.Dense(3).build((4,)), r"\(batch, \.\.\., features\).*\(4,\)"),
    (lambda: built_dense()(np.ones((2, 5))), r"axis -1 to have size 4, found 5"),
    (lambda: layers.Embedding(0, 2), r"`input_dim`.*positive integer"),
    (lambda: layers.Embedding(2, -1), r"`output_dim`.*positive integer"),
    (lambda: layers.Embedding(3, 2, weights=[np.ones((4, 2))]), r"shape"),
    (lambda: layers.EinsumDense("ab,bc->ac", None).build((2, 4)), r"sizes of its weights must be\s+known"),
    (lambda: layers.EinsumDense("ab bc->ac", 3).build((2, 4)), r"Invalid einsum equation 'ab bc->ac'"),
    (lambda: layers.EinsumDense("...ab,bc->ac", 3).build((2, 4)), r"Invalid einsum equation"),
    (lambda: layers.EinsumDense("abc,cd->abd", (5, 4)).build((2, 3, 2)), r"shared dimension 'b'"),
    (lambda: layers.EinsumDense("abc,cd->abd", (3, 4)).build((2, 3)), r"names 3 axes of the input, which has 2"),
    (lambda: layers.EinsumDense("abc,cd->abd", 4).build((2, 3, 2)), r"`output_shape` with 2 sizes"),
    (lambda: layers.EinsumDense("ab,bc->ac", 3, bias_axes="q").build((2, 4)), r"'q' was requested"),
    (lambda: layers.ReLU(max_value=-1), r"max_value"),
    (lambda: layers.ReLU(negative_slope=None), r"negative_slope"),
    (lambda: layers.ReLU(threshold=-1), r"threshold"),
    (lambda: layers.LeakyReLU(None), r"negative_slope"),
    (lambda: layers.PReLU().build((2, None, 3)), r"`shared_axes`.*must be known"),
    (lambda: layers.Softmax()(np.ones((2, 3, 4)), mask=np.ones((2, 3), bool)), r"mask must broadcast"),
    (lambda: layers.Flatten("middle"), r"`data_format`"),
    (lambda: layers.Reshape((-1, -1)), r"at most one unknown"),
    (lambda: layers.Reshape((-2,)), r"non-negative integer, or -1"),
    (lambda: layers.Reshape((2, 5))(np.ones((3, 9))), r"9 values a sample.*target_shape=\(2, 5\)"),
    (lambda: layers.Reshape((2, -1)).compute_output_shape((None, 9)), r"9 values a sample"),
    (lambda: layers.Permute((2, 3)), r"consecutive and start from 1"),
    (lambda: layers.Permute((2, 1))(np.ones((2, 3, 4, 5))), r"expected 3 dimensions, found 4"),
    (lambda: layers.RepeatVector(0), r"positive integer"),
]


def built_dense():
    layer = layers.Dense(3)
    layer.build((None, 4))
    return layer


@pytest.mark.parametrize(("make", "message"), REFUSED)
def test_wrong_arguments_and_shapes_are_refused_with_what_was_received(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_dense_layer_refuses_an_unknown_size_before_it_makes_variables():
    layer = layers.Dense(3)
    with pytest.raises(ValueError, match="must be known"):
        layer.build((None, None))
    assert layer.weights == [] and not layer.built
    layer.build((None, 2))
    assert [v.shape for v in layer.weights] == [(2, 3), (3,)]


@pytest.mark.parametrize("wrong", [4, "int8", {"class_name": "AbsMaxQuantizer", "config": {}}])
def test_how_a_layer_is_quantized_must_be_a_config(wrong):
    with pytest.raises(ValueError, match=r"quantization_config.*QuantizationConfig"):
        layers.Dense(2, quantization_config=wrong)
    assert layers.Dense(2).get_config()["quantization_config"] is None


# --- layers as activations ---

ACTIVATED = {
    "Dense": (lambda **options: layers.Dense(3, **options), (4,)),
    "EinsumDense": (lambda **options: layers.EinsumDense("abc,cd->abd", (None, 3), **options), (5, 4)),
    "Conv1D": (lambda **options: layers.Conv1D(3, 2, **options), (5, 4)),
    "SeparableConv2D": (lambda **options: layers.SeparableConv2D(3, 2, **options), (5, 5, 4)),
    "Activation": (lambda activation, **options: layers.Activation(activation, **options), (4,)),
}


@pytest.mark.parametrize("name", ACTIVATED)
def test_layers_as_activations_are_built_with_the_model(name):
    make, shape = ACTIVATED[name]
    model = sequax.Sequential([sequax.Input(shape), make(activation=layers.PReLU(), activity_regularizer="l2")])
    assert [variable.name for variable in model.trainable_variables][-1] == "alpha"
    if name == "Dense":
        model.compile("sgd", "mse")
        before = model.get_weights()
        model.fit(-np.ones((4, *shape), "float32"), np.ones((4, 3)), verbose=0)
        assert not np.array_equal(before[-1], model.get_weights()[-1])


# --- embedding ---


def test_embedding_takes_its_table_and_keeps_the_indices_whole():
    table = np.arange(6.0).reshape(3, 2)
    for given in ([table], table):
        layer = layers.Embedding(3, 2, weights=given)
        assert layer.built
        np.testing.assert_array_equal(layer(np.array([[2.0, 1.9]])), [[[4, 5], [2, 3]]])
    assert "weights" not in layer.get_config()


def test_embedding_says_that_input_length_has_no_effect():
    with pytest.warns(UserWarning, match="input_length"):
        layers.Embedding(3, 2, input_length=4)


def test_embedding_refuses_indices_outside_of_its_table():
    with pytest.raises(ValueError, match="asked for index 3"):
        layers.Embedding(3, 2)(np.array([3]))


def test_large_indices_survive_mixed_precision():
    layer = layers.Embedding(1000, 1, dtype="mixed_bfloat16", weights=np.arange(1000.0)[:, None])
    assert float(layer(np.array([257.0]))[0, 0]) == float(jnp.bfloat16(257))  # the row's value, not a rounded index
    assert float(layer(np.array([513]))[0, 0]) == float(jnp.bfloat16(513))


# --- Lambda ---


def double(x):
    return x * 2


def keep_mask(inputs, mask):
    return mask


def test_lambda_passes_what_the_function_takes():
    x = np.ones((2, 3), "float32")
    assert layers.Lambda(lambda x, by: x * by, arguments={"by": 5})(x)[0, 0] == 5
    assert layers.Lambda(lambda x, training: x * (2 if training else 3))(x, training=True)[0, 0] == 2
    assert layers.Lambda(lambda x, mask=None: x * (2 if mask is None else 3))(x, mask=np.ones((2, 3), bool))[0, 0] == 3
    assert layers.Lambda(jax.nn.relu)(-x)[0, 0] == 0


@pytest.mark.parametrize(
    ("arguments", "shape"),
    [({}, (None, 5)), ({"output_shape": (7,)}, (None, 7)), ({"output_shape": lambda s: (s[0], s[1] * 3)}, (None, 9))],
)
def test_lambda_output_shape_is_traced_or_given(arguments, shape):
    layer = layers.Lambda(lambda x: x[:, 0], **arguments)
    assert layer.compute_output_shape((None, 3, 5)) == shape
    assert layer(layers.Input((3, 5))).shape == shape


def test_lambda_output_dtype_is_traced():
    assert layers.Lambda(lambda x: x > 0)(layers.Input((3,))).dtype == "bool"


def test_lambda_masks():
    mask = np.array([[True, False]])
    assert layers.Lambda(double).compute_mask(None, mask) is None
    assert layers.Lambda(double, mask=keep_mask).compute_mask(None, mask) is mask
    assert not layers.Lambda(double).supports_masking and layers.Lambda(double, mask=keep_mask).supports_masking


@pytest.mark.parametrize("function", [activations.gelu, double])
def test_lambda_config_names_the_function_as_keras_does(keras, function):
    own = layers.Lambda(function, mask=keep_mask, output_shape=[3], arguments={"a": 1}, name="head")
    same = getattr(keras.activations, function.__name__, function)
    oracle = keras.layers.Lambda(same, mask=keep_mask, output_shape=[3], arguments={"a": 1}, name="head")
    config = own.get_config()
    assert json.loads(json.dumps(config)) == json.loads(json.dumps(oracle.get_config()))
    known = {"double": double, "keep_mask": keep_mask}
    twin = layers.Lambda.from_config(config, custom_objects=known)
    assert (twin.function, twin.mask, twin.output_shape, twin.arguments) == (function, keep_mask, (3,), {"a": 1})
    assert keras.layers.Lambda.from_config(config, custom_objects=known).function is same


def test_lambda_comes_back_by_its_registered_name():
    custom_objects.register_keras_serializable("tests_layers")(double)
    try:
        twin = config.deserialize(catalogue.serialize(layers.Lambda(double)))
        assert twin.function is double
    finally:
        del custom_objects._by_name["tests_layers>double"], custom_objects._by_object[double]


def test_lambda_of_a_foreign_function_never_comes_back_as_ours_of_the_same_name():
    config = json.loads(json.dumps(layers.Lambda(jax.nn.gelu).get_config()))
    assert config["function"]["config"] != "gelu"
    with pytest.raises(TypeError, match="custom_objects"):
        layers.Lambda.from_config(config)


def test_lambda_of_an_unknown_name_asks_for_it():
    with pytest.raises(TypeError, match=r"Could not locate the function 'double'.*custom_objects"):
        layers.Lambda.from_config(json.loads(json.dumps(layers.Lambda(double).get_config())))


@pytest.mark.parametrize(
    "function",
    [
        {"class_name": "__lambda__", "config": {"code": "4wEAAAA=", "defaults": None, "closure": None}},
        ["4wEAAAA=", None, None],
        {"class_name": "Dense", "config": {"units": 1}},
        None,
    ],
)
@pytest.mark.parametrize("argument", ["function", "mask"])
@pytest.mark.parametrize("safe_mode", [True, False])
def test_lambda_never_loads_code(function, argument, safe_mode):
    if argument == "mask" and not isinstance(function, dict):
        pytest.skip("an array is a mask")
    config = {**layers.Lambda(activations.relu).get_config(), argument: function}
    with pytest.raises(ValueError, match="never runs code"):
        layers.Lambda.from_config(config, safe_mode=safe_mode)


@pytest.mark.parametrize("name", ["get_file", "eval", "os.system", "Dense", "enable_unsafe_deserialization"])
def test_lambda_reaches_no_function_but_activations_and_custom_ones(name):
    config = {**layers.Lambda(activations.relu).get_config(), "function": name}
    with pytest.raises(TypeError, match="Could not locate"):
        layers.Lambda.from_config(config)


def test_wrapped_functions_get_a_name_that_says_what_they_do():
    assert layers.Lambda.of(double).name == "lambda_double"
    assert layers.Lambda.of(double).name == "lambda_double_1"
    assert layers.Lambda.of(lambda x: x).name == "lambda"
    assert repr(layers.Lambda(double, name="twice")) == "<Lambda double name=twice>"
    with pytest.raises(TypeError, match=r"expected a callable.*'relu'"):
        layers.Lambda("relu")


# --- others ---


def test_weights_of_a_layer_frozen_before_it_is_built_are_frozen_until_it_is_not():
    layer = layers.Dense(2, trainable=False)
    layer.build((None, 3))
    assert [weight.trainable for weight in layer.weights] == [False, False]
    layer.trainable = True
    assert [weight.trainable for weight in layer.weights] == [True, True]


def test_softmax_leaves_out_masked_entries_and_is_zero_and_smooth_where_none_is_left(keras):
    x = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    mask = np.array([[1, 1, 0, 1], [0, 0, 0, 0], [0, 0, 1, 0]], bool)
    outputs = layers.Softmax()(x, mask=mask)
    np.testing.assert_allclose(outputs, keras.layers.Softmax()(x, mask=mask), atol=1e-6)
    np.testing.assert_allclose(np.asarray(outputs).sum(-1), [1, 0, 1], atol=1e-6)
    gradient = jax.grad(lambda x: layers.Softmax()(x, mask=mask)[0, 0])(jnp.asarray(x))
    assert np.isfinite(gradient).all() and (np.asarray(gradient)[1] == 0).all()


def test_rescaling_reads_arrays_out_of_configs_of_keras(keras):
    oracle = keras.layers.Rescaling(scale=np.array([1.0, 2.0]), offset=1)
    twin = layers.Rescaling.from_config(json.loads(json.dumps(oracle.get_config())))
    np.testing.assert_array_equal(twin(np.ones((1, 2))), [[2, 3]])
    assert layers.Rescaling(np.array([1.0, 2.0])).get_config()["scale"] == oracle.get_config()["scale"]


def test_older_name_of_the_slope():
    assert layers.LeakyReLU(alpha=0.1).negative_slope == 0.1


# --- entries ---


@pytest.mark.parametrize(
    ("name", "value"),
    [("shape", (4,)), ("batch_shape", (3, 3)), ("batch_size", 5), ("dtype", "int32"), ("sparse", True)],
)
def test_what_stands_beside_an_input_tensor_may_only_repeat_it(name, value):
    tensor = KerasTensor((2, 3))
    with pytest.raises(ValueError, match=f"incompatible `{name}`"):
        layers.InputLayer(input_tensor=tensor, **{name: value})
    same = layers.InputLayer((3,), batch_size=2, dtype="float32", sparse=False, input_tensor=tensor)
    assert same.output is tensor
    with pytest.raises(ValueError, match="must be a KerasTensor"):
        layers.InputLayer(input_tensor=np.zeros((2, 3)))


def test_an_entry_by_the_older_name_of_its_shape_warns():
    with pytest.warns(UserWarning, match="`input_shape` is deprecated"):
        assert layers.InputLayer(input_shape=(3,)).batch_shape == (None, 3)


def test_an_entry_computes_nothing():
    assert layers.InputLayer((3,)).call() is None


@pytest.mark.parametrize("make", [lambda: layers.Dense(2, "relu"), lambda: layers.EinsumDense("ab,bc->ac", 2, "relu")])
def test_an_activation_may_be_taken_away(make):
    layer, x = make(), np.linspace(-1, 1, 6, dtype="float32").reshape(2, 3)
    layer(x)
    layer.activation = None
    np.testing.assert_allclose(layer(x), x @ layer.kernel.numpy(), rtol=1e-6)


def test_a_softmax_takes_a_mask_of_its_last_axes():
    x = np.array([[1.0, 2.0, 1.0], [3.0, 4.0, 5.0]], "float32")
    shares = layers.Softmax()(x, mask=np.array([True, False, True]))
    np.testing.assert_array_equal(shares[:, 1], 0)
    np.testing.assert_allclose(shares.sum(-1), 1, rtol=1e-6)
    with pytest.raises(ValueError, match="mask of steps"):
        layers.Softmax()(np.ones((3, 3, 3), "float32"), mask=np.ones((3, 3), bool))


# --- points where a subclass may step in ---


class Centred(layers.Conv2D):
    def convolution_op(self, inputs, kernel):
        return super().convolution_op(inputs, kernel - kernel.mean())


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_a_subclass_may_treat_the_kernel_of_a_convolution(data_format):
    layer, x = Centred(2, 2, data_format=data_format), np.arange(36.0, dtype="float32").reshape(2, 3, 3, 2)
    x = x if data_format == "channels_last" else np.moveaxis(x, -1, 1)
    layer.build(x.shape)
    kernel = layer.kernel.numpy()
    plain = layers.Conv2D(2, 2, data_format=data_format)
    plain.build(x.shape)
    plain.kernel.assign(kernel - kernel.mean())
    np.testing.assert_allclose(layer(x), plain(x), rtol=1e-4, atol=1e-4)


# --- what a layer says of its inputs ---

SPECS = [
    ({"ndim": 2}, [(2, 3)], [(2,), (2, 3, 1)]),
    ({"min_ndim": 2, "max_ndim": 3}, [(2, 3), (2, 3, 4)], [(2,), (2, 3, 4, 5)]),
    ({"axes": {-1: 3}}, [(2, 3), (3,)], [(3, 2)]),
    ({"shape": (None, 3)}, [(2, 3)], [(2, 4), (2, 3, 1), (3,)]),
    ({"shape": (None, 3), "allow_last_axis_squeeze": True}, [(2, 3), (2, 3, 1)], [(2, 4), (2, 4, 1)]),
    ({"shape": (None, 3, 1), "allow_last_axis_squeeze": True}, [(2, 3, 1), (2, 3), (2, 3, 1, 1)], [(2, 4), (2, 4, 1)]),
]


@pytest.mark.parametrize(("spec", "fitting", "others"), SPECS)
def test_inputs_are_compared_with_a_spec_as_in_keras(spec, fitting, others, keras):
    for library in (keras, sequax):
        layer = library.layers.Layer()
        layer.call = lambda x: x
        layer.input_spec = library.layers.InputSpec(**spec)
        for shape in fitting:
            assert layer(np.ones(shape, "float32")).shape == shape
        for shape in others:
            with pytest.raises(ValueError, match="incompatible with"):
                layer(np.ones(shape, "float32"))
