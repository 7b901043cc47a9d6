"""Quantizers and configs against Keras: the same numbers, and configs that each reads of the other."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sequax import quantizers
from sequax.core.errors import LoadError
from sequax.quantizers import zero_points
from sequax.quantizers.utils import should_quantize_layer


def same(ours, theirs, exact=True):
    ours, theirs = jax.tree.leaves(ours), jax.tree.leaves(theirs)
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        one, other = np.asarray(one), np.asarray(other)
        assert one.dtype == other.dtype and one.shape == other.shape
        np.testing.assert_allclose(one.astype("float64"), other.astype("float64"), rtol=0 if exact else 1e-6)


def both(keras, name, *args, **kwargs):
    return getattr(quantizers, name)(*args, **kwargs), getattr(keras.quantizers, name)(*args, **kwargs)


@pytest.mark.parametrize("to_numpy", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize(("axis", "options"), [(-1, {}), (0, {"value_range": (-8, 7)}), ((0, 2), {"epsilon": 1e-3})])
def test_largest_value_is_keras(keras, rng, axis, options, dtype, to_numpy):
    x = jnp.array(rng.normal(size=(3, 4, 5)), dtype)
    same(*both(keras, "abs_max_quantize", x, axis, to_numpy=to_numpy, **options))


@pytest.mark.parametrize("to_numpy", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(("rows", "block"), [(32, 8), (30, 8), (5, 16), (6, 6)])
def test_blocks_are_keras(keras, rng, rows, block, dtype, to_numpy):
    x = jnp.array(np.concatenate([rng.normal(size=(rows, 4)), np.zeros((rows, 1))], 1), dtype)
    if to_numpy:  # Keras' scale of zeros is a tiny one there
        x = x[:, :4]
    x = x.at[::2].set(-jnp.abs(x[::2])).at[1::2].set(jnp.abs(x[1::2]))  # every block has both signs
    same(*both(keras, "abs_max_quantize_grouped_with_zero_point", x, block, to_numpy=to_numpy))


@pytest.mark.parametrize("to_numpy", [False, True])
def test_blocks_of_one_sign_come_back(to_numpy):
    """In Keras, whose zero point would have to lie outside of the range, they become a fraction of what they were."""
    x = jnp.array([[0.5, -3.0], [0.75, -2.0], [1.0, -2.5], [0.9, -2.9]])
    numbers, scale, zero = quantizers.abs_max_quantize_grouped_with_zero_point(x, 4, to_numpy=to_numpy)
    np.testing.assert_allclose((numbers - zero[0]) * scale[0], x, atol=0.11)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize(("per_channel", "group"), [(False, -1), (True, -1), (True, 4), (True, 5), (True, 64)])
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_parameters_are_keras(keras, rng, bits, per_channel, group, symmetric, signed):
    from keras.src.quantizers.quantizers import compute_quantization_parameters as theirs

    x = rng.normal(size=(3, 12)).astype("float32")
    x[:, ::2], x[:, 1::2] = np.abs(x[:, ::2]), -np.abs(x[:, 1::2])
    options = {"bits": bits, "per_channel": per_channel, "group_size": group, "symmetric": symmetric, "signed": signed}
    same(zero_points.compute_quantization_parameters(x, **options), theirs(x, **options))


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("sign", [1, -1])
def test_parameters_of_one_sign_hold_all_values(sign, symmetric):
    x = sign * np.linspace(2, 3, 8, dtype="float32")[None]
    scale, zero, most = zero_points.compute_quantization_parameters(x, bits=4, per_channel=True, symmetric=symmetric)
    numbers = zero_points.quantize_with_zero_point(x, scale, zero, most)
    np.testing.assert_allclose(zero_points.dequantize_with_zero_point(numbers, scale, zero), x, atol=0.41)


@pytest.mark.parametrize(
    ("x", "words"), [(None, "None"), (np.zeros(3), "rank of at least 2"), (np.zeros((2, 0)), "empty")]
)
def test_parameters_of_nothing_are_refused(x, words):
    with pytest.raises(ValueError, match=words):
        zero_points.compute_quantization_parameters(x, bits=4)


def test_groups_by_position_are_keras(keras, rng):
    from keras.src.quantizers import quantizers as theirs

    x, groups = rng.normal(size=(3, 6)).astype("float32"), np.array([0, 0, 1, 1, 0, 1], "float32")
    scale, zero, most = zero_points.compute_quantization_parameters(x, bits=4, per_channel=True, group_size=3)
    numbers = zero_points.quantize_with_sz_map(x, scale, zero, groups, most)
    same(numbers, theirs.quantize_with_sz_map(x, scale, zero, groups, most))
    same(
        zero_points.dequantize_with_sz_map(numbers, scale, zero, groups),
        theirs.dequantize_with_sz_map(numbers, scale, zero, groups),
    )


# --- four bits ---


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.parametrize(("shape", "axis"), [((5, 4), 0), ((4, 5), 1), ((2, 3, 4), -2), ((3,), 0), ((2, 2, 7), 2)])
def test_nibbles_are_keras(keras, rng, shape, axis, dtype):
    x = rng.integers(*((-8, 8) if dtype == "int8" else (0, 16)), size=shape).astype(dtype)
    ours, theirs = both(keras, "pack_int4", x, axis, dtype)
    same(ours[0], theirs[0])
    assert ours[1:] == theirs[1:]
    again, also = both(keras, "unpack_int4", ours[0], ours[2], axis, dtype)
    same(again, also)
    same(again, x)
    np.testing.assert_array_equal(jax.jit(lambda a: quantizers.unpack_int4(a, shape[axis], axis, dtype))(ours[0]), x)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: quantizers.pack_int4(np.zeros((2, 2), "int8"), dtype="int16"), ValueError, "'int8' or 'uint8'"),
        (lambda: quantizers.pack_int4(np.zeros((2, 2), "float32")), TypeError, "for packing"),
        (lambda: quantizers.unpack_int4(np.zeros((2, 2), "int8"), 2, dtype="int32"), ValueError, "'int8' or 'uint8'"),
        (lambda: quantizers.unpack_int4(np.zeros((2, 2), "int32"), 2), TypeError, "for unpacking"),
    ],
)
def test_nibbles_of_other_dtypes_are_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()


# --- eight-bit floats ---


@pytest.mark.parametrize(("amax", "scale"), [(3.0, 4.0), (0.0, 4.0), (np.inf, 0.5), (np.nan, 2.0)])
@pytest.mark.parametrize("margin", [0, 2])
def test_float8_scale_is_keras(keras, amax, scale, margin):
    same(*both(keras, "compute_float8_scale", amax, scale, 448.0, margin))


@pytest.mark.parametrize("narrow", ["float8_e4m3fn", "float8_e5m2"])
@pytest.mark.parametrize("wide", ["float32", "bfloat16"])
def test_float8_values_are_keras(keras, rng, narrow, wide):
    x, scale = jnp.array(rng.normal(size=(50, 4)) * 500, wide), jnp.array([0.7], wide)
    same(*both(keras, "quantize_and_dequantize", x, scale, narrow, wide))
    compiled = jax.jit(lambda a: quantizers.quantize_and_dequantize(a, scale, narrow, wide))(x)
    same(compiled, quantizers.quantize_and_dequantize(x, scale, narrow, wide))
    same(*both(keras, "compute_float8_amax_history", x, jnp.array(rng.normal(size=7), "float32")))


# --- rounding that is trained through ---


@pytest.mark.parametrize("bits", [1, 2, 8])
@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("axis", [None, -1])
def test_trained_rounding_is_keras(keras, rng, bits, narrow, axis):
    if bits == 1 and narrow:
        with pytest.raises(ValueError, match="`num_bits` must be at least 2"):
            quantizers.fake_quant_with_min_max_vars(1.0, -1.0, 1.0, num_bits=1, narrow_range=True)
        return
    x, upstream = (jnp.array(rng.normal(size=(6, 5)), "float32") for _ in range(2))
    size = () if axis is None else (5,)
    low, high = (jnp.array(sign * rng.uniform(0.3, 1, size), "float32") for sign in (-1, 1))

    def run(function):
        outputs, back = jax.vjp(lambda *a: function(*a, bits, narrow, axis), x, low, high)
        return outputs, back(upstream)

    ours, theirs = (run(of.fake_quant_with_min_max_vars) for of in (quantizers, keras.quantizers))
    same(ours[0], theirs[0])
    for one, other in zip(ours[1], theirs[1], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_trained_rounding_takes_any_axis_and_symbolic_tensors(rng):
    from sequax import KerasTensor

    x, low, high = jnp.array(rng.normal(size=(3, 4)), "float32"), jnp.array([-1.0, -2, -0.5]), jnp.array([0.5, 1.0, 2])
    ours = quantizers.fake_quant_with_min_max_vars(x, low, high, axis=0)
    same(ours, quantizers.fake_quant_with_min_max_vars(x.T, low, high, axis=-1).T)
    assert quantizers.fake_quant_with_min_max_vars(KerasTensor((None, 3)), -1.0, 1.0).shape == (None, 3)


# --- configs ---

CONFIGS = [
    ("AbsMaxQuantizer", {}),
    ("AbsMaxQuantizer", {"axis": (0, 1), "value_range": (-8, 7), "epsilon": 1e-3}),
    ("Int8QuantizationConfig", {}),
    ("Int8QuantizationConfig", {"activation_quantizer": None}),
    ("Int4QuantizationConfig", {}),
    ("Int4QuantizationConfig", {"block_size": None}),
    ("Float8QuantizationConfig", {}),
    ("GPTQConfig", {"dataset": None, "tokenizer": None, "weight_bits": 8, "activation_order": True}),
    ("AWQConfig", {"dataset": None, "tokenizer": None, "group_size": -1}),
]


@pytest.mark.parametrize(("name", "arguments"), CONFIGS)
def test_configs_are_keras_both_ways(keras, name, arguments):
    ours, theirs = (getattr(of, name)(**arguments) for of in (quantizers, keras.quantizers))
    mine, written = quantizers.serialize(ours), keras.quantizers.serialize(theirs)
    assert keras.saving.deserialize_keras_object(mine).get_config() == theirs.get_config()
    again = quantizers.deserialize(written)
    assert type(again) is type(ours) and again.get_config() == ours.get_config()
    if name.endswith("Config"):
        assert again.mode == theirs.mode
    if name[:4] in ("GPTQ", "AWQC"):
        assert again.dtype_policy_string() == theirs.dtype_policy_string()


def test_names_give_quantizers():
    assert quantizers.get(None) is None
    assert quantizers.get("abs_max_quantizer").axis is None
    assert quantizers.get("AbsMaxQuantizer", axis=0).axis == (0,)
    assert quantizers.get(quantizers.AbsMaxQuantizer, value_range=(-8, 7)).value_range == (-8, 7)
    config = quantizers.Int8QuantizationConfig()
    assert quantizers.get(config) is config
    with pytest.raises(ValueError, match="typo"):
        quantizers.get("typo")


def test_own_quantizers_say_their_config():
    class Tenths(quantizers.Quantizer):
        pass

    with pytest.raises(NotImplementedError, match="get_config"):
        Tenths().get_config()
    assert Tenths()(3) == 3


@pytest.mark.parametrize(
    ("mode", "config", "words"),
    [
        ("int2", None, "Invalid quantization mode"),
        (None, None, "either `mode` or `config`"),
        ("gptq", None, "must pass a `GPTQConfig`"),
        ("awq", None, "must pass a `AWQConfig`"),
        ("int4", quantizers.Int8QuantizationConfig(), "Contradictory arguments"),
        ("int8", 3, "must be an instance of `QuantizationConfig`"),
    ],
)
def test_what_does_not_go_together_is_refused(mode, config, words):
    with pytest.raises(ValueError, match=words):
        quantizers.validate_and_resolve_config(mode, config)


def test_modes_have_their_defaults():
    for mode in ("int8", "int4", "float8"):
        assert quantizers.validate_and_resolve_config(mode, None).mode == mode
        assert quantizers.validate_and_resolve_config(None, mode).mode == mode


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: quantizers.AbsMaxQuantizer(value_range=(-256, 256)), "within"),
        (lambda: quantizers.Int8QuantizationConfig(quantizers.AbsMaxQuantizer(output_dtype="int16")), "output_dtype"),
        (lambda: quantizers.Int4QuantizationConfig(quantizers.AbsMaxQuantizer(), block_size=None), "value_range"),
        (lambda: quantizers.Int4QuantizationConfig(quantizers.AbsMaxQuantizer()), "does not support"),
        (lambda: quantizers.Int4QuantizationConfig(block_size=0), "block_size"),
        (lambda: quantizers.GPTQConfig(None, None, weight_bits=5), "Unsupported weight_bits"),
        (lambda: quantizers.GPTQConfig(None, None, hessian_damping=2), "hessian_damping must be between"),
        (lambda: quantizers.GPTQConfig(None, None, num_samples=0), "num_samples must be"),
        (lambda: quantizers.AWQConfig(None, None, weight_bits=8), "only supports 4-bit"),
        (lambda: quantizers.AWQConfig(None, None, group_size=-2), "Invalid group_size"),
        (lambda: quantizers.AWQConfig(None, None, num_grid_points=0), "num_grid_points must be"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize(
    ("name", "bad"),
    [("AbsMaxQuantizer", {"value_range": "x"}), ("GPTQConfig", {"num_samples": "many"}), ("AWQConfig", {"bits": 4})],
)
def test_files_with_other_values_are_refused(name, bad):
    config = {"module": "keras.quantizers", "class_name": name, "config": bad, "registered_name": None}
    with pytest.raises(LoadError):
        quantizers.deserialize(config)


@pytest.mark.parametrize(
    ("filters", "meant"),
    [(None, True), ("den", True), ("conv", False), (["x", "dense"], True), ([], False), (lambda layer: False, False)],
)
def test_filters_say_which_layers_are_meant(filters, meant):
    class Layer:
        name = "dense_1"

    assert should_quantize_layer(Layer, filters) is meant
    with pytest.raises(TypeError, match="`filters` must be"):
        should_quantize_layer(Layer, 3)
