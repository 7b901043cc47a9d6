"""Dtype policies: maps of them by layer, configs, and what is computed in which dtype."""

from __future__ import annotations

import numpy as np
import pytest

import sequax
from sequax import dtype_policies, layers
from sequax.dtype_policies import DTypePolicy, DTypePolicyMap


@pytest.fixture(autouse=True)
def policy_of_the_process_comes_back():
    yield
    sequax.config.set_dtype_policy("float32")


class Block(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner = layers.Dense(2, dtype=self._dtype_policy, name="inner")

    def call(self, x):
        return self.inner(x)


def policies() -> DTypePolicyMap:
    return DTypePolicyMap("float32", {"block/inner": "mixed_bfloat16", "other/.*": "float16"})


def test_a_map_finds_a_path_then_a_pattern_then_the_default():
    found = policies()
    assert found["block/inner"].name == "mixed_bfloat16"
    assert found["other/a/b"].name == "float16"
    assert found["block"] == found.default_policy == DTypePolicy("float32")
    assert (found.name, found.compute_dtype, found.variable_dtype) == ("map_float32", "float32", "float32")
    found["other/.*/b"] = DTypePolicy("bfloat16")
    with pytest.raises(ValueError, match="multiple dtype policy"):
        found["other/a/b"]
    assert list(found) == ["block/inner", "other/.*", "other/.*/b"]
    assert "other/a" not in found


@pytest.mark.parametrize("value", [123, "mixed", None.__class__])
def test_a_map_takes_only_policies_and_each_key_once(value):
    found = policies()
    with pytest.raises(ValueError, match="Cannot interpret the assigned value"):
        found["new"] = value
    with pytest.raises(ValueError, match="already exist"):
        found["block/inner"] = "float32"
    del found["block/inner"]
    assert found["block/inner"].name == "float32"
    with pytest.raises(KeyError):
        found.pop("block/inner")


def test_a_map_comes_back_from_its_config():
    again = dtype_policies.deserialize(dtype_policies.serialize(policies()))
    assert again == policies()
    followed = DTypePolicyMap.from_config(DTypePolicyMap().get_config())
    sequax.config.set_dtype_policy("bfloat16")
    assert followed["anything"].name == "bfloat16"


@pytest.mark.parametrize("pattern", ["(a+)+b", "a.*b.*c.*d", "[ab]", "a|b"])
def test_a_config_may_not_bring_patterns_that_take_long_to_match(pattern):
    with pytest.raises(ValueError, match=r"at most two `\.\*`"):
        DTypePolicyMap.from_config({"policy_map": {pattern: "float32"}})


def test_layers_take_what_a_map_says_for_their_path(tmp_path):
    block = Block(dtype=policies(), name="block")
    x = np.ones((2, 3), "float32")
    assert block(x).dtype == "bfloat16"
    assert (block.inner.path, block.inner.compute_dtype, block.inner.dtype) == ("block/inner", "bfloat16", "float32")
    assert block.dtype_policy.name == "float32"
    inputs = sequax.Input((3,))
    mapped = DTypePolicyMap("float32", {"inner": "mixed_bfloat16"})
    model = sequax.Model(inputs, layers.Dense(2, name="inner", dtype=mapped)(inputs))
    model.save(tmp_path / "model.keras")
    again = sequax.models.load_model(tmp_path / "model.keras")
    assert again.layers[1].compute_dtype == "bfloat16"
    np.testing.assert_array_equal(again(x), model(x))


def test_models_that_a_map_treats_differently_share_no_program():
    shared, x = policies(), np.linspace(0, 1, 6, dtype="float32").reshape(2, 3)
    results = []
    for name in ("block", "plain"):
        stack = [sequax.Input((3,)), layers.Dense(2, name="inner", dtype=shared, kernel_initializer="ones")]
        results.append(sequax.Sequential(stack, name=name).predict(x, verbose=0))
    assert results[0].dtype != results[1].dtype


def test_the_policy_of_a_layer_may_be_set():
    layer = layers.Dense(2)
    layer.dtype_policy = "mixed_bfloat16"
    assert layer.dtype_policy == DTypePolicy("mixed_bfloat16")
    mapped = layers.Dense(2, dtype=DTypePolicyMap(), name="mapped")
    mapped.build((None, 1))
    mapped.dtype_policy = "mixed_float16"
    assert mapped.get_config()["dtype"]["class_name"] == "DTypePolicyMap"
    assert mapped.compute_dtype == "float16"


def test_a_constructor_gets_the_dtype_of_a_config_by_name():
    seen = []

    class Told(layers.Dense):
        def __init__(self, *args, dtype=None, **kwargs):
            seen.append(dtype)
            super().__init__(*args, dtype=dtype, **kwargs)

    Told.from_config(layers.Dense(2, dtype="mixed_bfloat16").get_config())
    assert seen == ["mixed_bfloat16"]


def test_policies_are_equal_by_name():
    assert DTypePolicy("float32") == DTypePolicy("float32")
    assert DTypePolicy("float32") != DTypePolicy("mixed_float16")
    assert DTypePolicy("float32") != "float32"


def test_variables_of_add_variable_are_cast_as_those_of_add_weight():
    class Scale(layers.Layer):
        def build(self, input_shape):
            self.scale = getattr(self, self.way)((), "ones")

        def call(self, x):
            return x * self.scale

    for Scale.way in ("add_weight", "add_variable"):
        assert Scale(dtype="mixed_bfloat16")(np.ones((2, 3), "float32")).dtype == "bfloat16", Scale.way


def test_a_policy_without_a_name_is_that_of_the_process():
    sequax.config.set_dtype_policy("mixed_float16")
    assert DTypePolicy().name == "mixed_float16"
    sequax.utils.clear_session()
    assert DTypePolicy().name == "float32"


@pytest.mark.parametrize("policy", [None, 12345, "mixed"])
def test_the_policy_of_the_process_must_be_one(policy):
    with pytest.raises(ValueError, match="Invalid `policy` argument"):
        sequax.config.set_dtype_policy(policy)


def test_convert_input_casts_floats_only():
    policy = DTypePolicy("mixed_float16")
    assert policy.convert_input(np.ones(2, "float32"), True, "float16").dtype == "float16"
    assert policy.convert_input(np.ones(2, "float32"), False, "float16").dtype == "float32"
    assert policy.convert_input(np.ones(2, "int32"), True, "float16").dtype == "int32"
    assert policy.convert_input(sequax.Input((3,)), True, "float16").dtype == "float16"
    assert policy.convert_input("text", True, "float16") == "text"


# --- what must not be cast on the way in ---


@pytest.mark.parametrize("make", [lambda: layers.GroupNormalization(2), layers.LayerNormalization])
def test_normalizing_in_float16_takes_inputs_beyond_its_range(make):
    layer = make()
    layer.dtype_policy = "mixed_float16"
    outputs = layer(np.full((2, 4, 8), 70000.0, "float32"))
    assert outputs.dtype == "float16"
    assert not np.isnan(outputs).any()


def test_indices_keep_all_their_digits_in_float16():
    table = np.arange(4000.0, dtype="float32")[:, None]
    layer = layers.Embedding(4000, 1, weights=[table], dtype="mixed_float16")
    outputs = layer(np.array([[3001.0]], "float32"))
    assert outputs.dtype == "float16"
    assert outputs.item() == np.float16(3001)


@pytest.mark.parametrize("groups", [0, -2, 1.5, "32", True])
def test_groups_are_a_positive_number(groups):
    with pytest.raises(ValueError, match="argument `groups`"):
        layers.GroupNormalization(groups)
