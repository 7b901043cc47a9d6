"""Weights in fewer bits: outputs, gradients, training and files as in Keras at equal weights, and what is refused."""

from __future__ import annotations

import warnings

import keras
import numpy as np
import pytest

import sequax
from sequax import dtype_policies, layers, quantizers
from tests.long import long, some

INTEGERS = ["int8", "int4"]
MODES = [*INTEGERS, "float8"]


def numbers(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def dense(kind):
    return kind.Sequential(
        [kind.Input((8,)), kind.layers.Dense(17, activation="relu", name="hidden"), kind.layers.Dense(5, name="head")]
    )


def einsum(kind):
    first = kind.layers.EinsumDense("abc,cde->abde", (None, 3, 4), bias_axes="de", name="split")
    second = kind.layers.EinsumDense("abde,dec->abc", (None, 6), bias_axes="c", name="join")
    return kind.Sequential([kind.Input((5, 8)), first, second])


def table(kind):
    return kind.Sequential(
        [kind.Input((4,), dtype="int32"), kind.layers.Embedding(20, 9, name="table"), kind.layers.Flatten()]
    )


def attention(kind):
    x = kind.Input((5, 8))
    y = kind.layers.MultiHeadAttention(2, 3, name="attention")(x, x)
    return kind.Model(x, y)


def tokens(shape=(16, 4)):
    return np.random.default_rng(3).integers(0, 20, shape)


NETS = {
    "dense": (dense, numbers((16, 8), 1)),
    "einsum": (einsum, numbers((16, 5, 8), 1)),
    "table": (table, tokens()),
    "attention": (attention, numbers((16, 5, 8), 1)),
}
ROWS = [(name, mode) for name in ("dense", "einsum", "table") for mode in MODES if (name, mode) != ("table", "float8")]
ROWS += [("attention", "int8")]


def pair(name, **policy):
    """The same network in both, with equal weights; and inputs."""
    build, x = NETS[name]
    ours, theirs = build(sequax), build(keras)
    weights = [numbers(w.shape, i) for i, w in enumerate(theirs.weights)]
    ours.set_weights(weights)
    theirs.set_weights(weights)
    return ours, theirs, x


def quantized(name, mode, **options):
    ours, theirs, x = pair(name)
    ours.quantize(mode, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras names each layer without a way, `InputLayer` too
        theirs.quantize(mode, **options)
    return ours, theirs, x


def predictions(model, x):
    return np.asarray(model.predict(x, verbose=0))


def losses(model, x, y):
    model.compile(optimizer="adam", loss="mse")
    return model.fit(x, y, epochs=3, batch_size=8, shuffle=False, verbose=0).history["loss"]


@pytest.mark.parametrize(("name", "mode"), some(ROWS, of=2))
def test_outputs_are_keras(name, mode):
    ours, theirs, x = quantized(name, mode)
    np.testing.assert_allclose(predictions(ours, x), predictions(theirs, x), rtol=1e-5, atol=1e-5)
    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert mine.dtype == other.dtype
        np.testing.assert_allclose(mine, other, rtol=1e-6)
    assert [layer.dtype_policy.name for layer in ours.layers] == [layer.dtype_policy.name for layer in theirs.layers]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["dense", "einsum"])
def test_losses_are_keras(name, mode):
    """Of float8 as it is; of whole numbers with low-rank adapters beside them."""
    ours, theirs, x = quantized(name, mode)
    if mode != "float8":
        for mine, other in zip(ours.layers, theirs.layers, strict=True):
            mine.enable_lora(2)
            other.enable_lora(2)
            other.lora_kernel_a.assign(mine.lora_kernel_a.numpy())
    y = numbers(predictions(ours, x).shape, 2)
    np.testing.assert_allclose(losses(ours, x, y), losses(theirs, x, y), rtol=1e-4)
    np.testing.assert_allclose(predictions(ours, x), predictions(theirs, x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("mode", INTEGERS)
def test_low_rank_beside_a_table(mode):
    ours, theirs, x = quantized("table", mode)
    ours.layers[0].enable_lora(2)
    theirs.layers[0].enable_lora(2)
    theirs.layers[0].lora_embeddings_a.assign(ours.layers[0].lora_embeddings_a.numpy())
    y = numbers(predictions(ours, x).shape, 2)
    np.testing.assert_allclose(losses(ours, x, y), losses(theirs, x, y), rtol=1e-4)


@pytest.mark.parametrize("ending", ["model.keras", "model.weights.h5"])
@pytest.mark.parametrize(("name", "mode"), some((row for row in ROWS if row[0] != "attention"), of=2))
def test_files_go_both_ways(name, mode, ending, tmp_path):
    ours, theirs, x = quantized(name, mode)
    expected = predictions(theirs, x)
    for writer, reader, kind in ((ours, theirs, keras), (theirs, ours, sequax)):
        path = str(tmp_path / f"{kind.__name__}-{ending}")
        if ending.endswith(".keras"):
            writer.save(path)
            reader = kind.saving.load_model(path)
        else:
            writer.save_weights(path)
            reader.set_weights([np.zeros_like(w) for w in reader.get_weights()])
            reader.load_weights(path)
        np.testing.assert_allclose(predictions(reader, x), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "mode"), [("dense", "int4"), ("einsum", "int8"), ("table", "int4"), ("table", "int8")]
)
def test_files_hold_the_product_as_in_keras(name, mode, tmp_path):
    ours, theirs, x = quantized(name, mode)
    for mine, other in zip(ours.layers[:1], theirs.layers[:1], strict=True):
        mine.enable_lora(2, lora_alpha=3)
        other.enable_lora(2, lora_alpha=3)
        for own, their in zip(mine.adapters(), other.trainable_variables[-2:], strict=True):
            own.assign(numbers(own.shape, 7) * 0.1)
            their.assign(own.numpy())
    ours.save(tmp_path / "ours.keras")
    theirs.save(tmp_path / "theirs.keras")
    read = [keras.saving.load_model(tmp_path / f"{name}.keras") for name in ("ours", "theirs")]
    np.testing.assert_allclose(predictions(read[0], x), predictions(read[1], x), rtol=1e-5, atol=1e-5)
    again = sequax.saving.load_model(tmp_path / "ours.keras")
    np.testing.assert_allclose(predictions(again, x), predictions(read[0], x), rtol=1e-5, atol=1e-5)
    again.compile("sgd", "mse")
    before = again.layers[0].adapters()[1].numpy()
    again.fit(x, np.zeros_like(predictions(again, x)), verbose=0)
    assert np.abs(again.layers[0].adapters()[1].numpy() - before).max() > 0  # trains on


def test_merging_an_adapter_into_whole_numbers():
    model = dense(sequax)
    model.quantize("int8")
    layer = model.layers[0]
    layer.enable_lora(2)
    layer.adapters()[1].assign(numbers((2, 17)))
    expected = predictions(model, NETS["dense"][1])
    model.merge_lora()
    assert layer.kernel.dtype == "int8" and not layer.lora_enabled and len(layer.weights) == 3
    np.testing.assert_allclose(predictions(model, NETS["dense"][1]), expected, atol=0.2)


# --- layers made quantized ---


@pytest.mark.parametrize("policy", ["int8_from_float32", "int4_from_float32", "int4/4_from_float32"])
@pytest.mark.parametrize("name", ["Dense", "Embedding", "EinsumDense", "ReversibleEmbedding"])
def test_a_policy_makes_a_layer_without_floats(name, policy):
    arguments = {"Dense": (6,), "EinsumDense": ("abc,cd->abd", (None, 6))}.get(name, (20, 7))
    shape = (None, 3, 9) if name == "EinsumDense" else (None, 9)
    ours, theirs = (getattr(kind.layers, name)(*arguments, dtype=policy) for kind in (sequax, keras))
    ours.build(shape)
    theirs.build(shape)
    found = [(v.name, v.shape, str(v.dtype)) for v in ours.variables_in_files()]
    store = {}
    theirs.save_own_variables(store)
    assert [row[1:] for row in found] == [(tuple(v.shape), str(np.asarray(v).dtype)) for v in store.values()]
    assert ours.quantization_mode == policy[:4]
    assert [tuple(w.shape) for w in ours.weights] == [tuple(w.shape) for w in theirs.weights]


@pytest.mark.parametrize("mode", INTEGERS)
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("block", [3, long(None)])
def test_the_way_back_is_keras(mode, tied, block):
    if mode == "int8" and block:
        pytest.skip("int8 has no blocks")
    made = [kind.layers.ReversibleEmbedding(20, 9, tie_weights=tied) for kind in (sequax, keras)]
    for layer in made:
        layer.build()
        # Of both signs in each block: of one sign Keras' blocks come out cut off.
        signs = np.where(np.indices((20, 9)).sum(0) % 2, 1, -1)
        weights = [abs(numbers(w.shape, i)) for i, w in enumerate(layer.weights)]
        layer.set_weights([w * (signs if w.shape == signs.shape else signs.T) for w in weights])
        kind = sequax if layer is made[0] else keras
        config = kind.quantizers.Int4QuantizationConfig(block_size=block) if mode == "int4" else None
        layer.quantize(mode, config=config)
    x, i = numbers((3, 9)), tokens()
    for arguments in ((i,), (x, True)):
        found, expected = (np.asarray(layer(arguments[0], reverse=len(arguments) > 1)) for layer in made)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    assert [w.shape for w in made[0].weights] == [tuple(w.shape) for w in made[1].weights]


def test_setting_the_policy_quantizes():
    layer = layers.Dense(3)
    layer.build((None, 4))
    layer.dtype_policy = "int4/2_from_float32"
    assert layer.dtype_policy.name == "int4/2_from_float32" and layer.kernel_scale.shape == (2, 3)
    assert np.asarray(layer.kernel).shape == (4, 3) and layer.weights[1].shape == (4, 2)


@pytest.mark.parametrize("mode", INTEGERS)
def test_custom_quantizers_are_keras(mode):
    made = []
    for kind in (sequax, keras):
        layer = kind.layers.Dense(6)
        layer.build((None, 8))
        layer.set_weights([numbers(w.shape, i) for i, w in enumerate(layer.weights)])
        inputs = kind.quantizers.AbsMaxQuantizer(axis=-1)
        if mode == "int8":
            config = kind.quantizers.Int8QuantizationConfig(
                kind.quantizers.AbsMaxQuantizer(axis=0, value_range=(-100, 100)), None
            )
        else:
            weights = kind.quantizers.AbsMaxQuantizer(axis=0, value_range=(-8, 7), output_dtype="int8")
            config = kind.quantizers.Int4QuantizationConfig(weights, inputs, block_size=None)
        layer.quantize(config=config)
        made.append(layer)
    x = numbers((4, 8), 5)
    np.testing.assert_allclose(made[0](x), np.asarray(made[1](x)), rtol=1e-5, atol=1e-5)
    again = layers.Dense.from_config(made[0].get_config())
    again.build((None, 8))
    again.set_weights(made[0].get_weights())
    np.testing.assert_array_equal(again(x), made[0](x))


# --- what else a model does ---


def test_programs_are_not_shared_between_modes():
    x, made = NETS["dense"][1], []
    for mode in (None, "int8", "int4", "float8"):
        model = dense(sequax)
        model.set_weights([numbers(w.shape, i) for i, w in enumerate(model.weights)])
        if mode:
            model.quantize(mode)
        made.append((model, predictions(model, x), np.asarray(model(x))))
    for _, compiled, eager in made:
        np.testing.assert_allclose(compiled, eager, rtol=1e-5, atol=1e-5)
    assert len({found.tobytes() for _, found, _ in made}) == 4


def test_a_model_that_was_trained_goes_on():
    model, x = dense(sequax), NETS["dense"][1]
    model.compile("adam", "mse")
    y = numbers((16, 5))
    model.fit(x, y, verbose=0)
    model.quantize("float8")
    model.fit(x, y, verbose=0)
    assert float(model.layers[0].kernel_amax_history.numpy()[0]) > 0


def test_mixed_precision():
    model, other, x = pair("dense")
    kept = sequax.config.dtype_policy()
    try:
        for kind in (sequax, keras):
            kind.config.set_dtype_policy("mixed_bfloat16")
        model, other = dense(sequax), dense(keras)
    finally:
        sequax.config.set_dtype_policy(kept)
        keras.config.set_dtype_policy("float32")
    for one in (model, other):
        one.set_weights([numbers(w.shape, i) for i, w in enumerate(one.weights)])
    model.quantize("int8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other.quantize("int8")
    assert model.layers[0].dtype_policy.name == "int8_from_mixed_bfloat16"
    np.testing.assert_allclose(
        predictions(model, x).astype("float32"), predictions(other, x).astype("float32"), rtol=2e-2, atol=2e-2
    )


def test_one_warning_says_what_stays():
    model = sequax.Sequential([sequax.Input((4, 8)), layers.LSTM(3), layers.Dense(5), layers.ReLU()])
    with pytest.warns(UserWarning, match=r"% of the weights are int8 now.*lstm") as said:
        model.quantize("int8")
    assert len(said) == 1 and "re_lu" not in str(said[0].message)


def test_filters():
    for filters in ("hidden", ["^hid", "nothing"], lambda layer: layer.name == "hidden"):
        model = dense(sequax)
        model.quantize("int8", filters=filters)
        assert [layer.quantization_mode for layer in model.layers] == ["int8", None]


def test_attention_keeps_its_policies(tmp_path):
    model, _, x = quantized("attention", "int8")
    model.save(tmp_path / "a.keras")
    again = sequax.saving.load_model(tmp_path / "a.keras")
    np.testing.assert_array_equal(predictions(again, x), predictions(model, x))
    theirs = keras.saving.load_model(tmp_path / "a.keras")
    np.testing.assert_allclose(predictions(theirs, x), predictions(model, x), rtol=1e-5, atol=1e-5)


def test_an_ellipsis_before_and_behind():
    for equation, shape in (("...x,xy->...y", (None, 3, 8)), ("ab...,bc->ac...", (None, 8, 3, 2))):
        layer = layers.EinsumDense(equation, 6 if equation.startswith(".") else (6,))
        layer.build(shape)
        x = numbers((4, *shape[1:]))
        before = np.asarray(layer(x))
        for mode in MODES:
            one = layers.EinsumDense.from_config(layer.get_config())
            one.build(shape)
            one.set_weights(layer.get_weights())
            one.quantize(mode)
            np.testing.assert_allclose(one(x), before, atol=0.5)
            assert np.corrcoef(np.ravel(one(x)), np.ravel(before))[0, 1] > 0.99


def test_layers_without_a_form_compute_as_the_source_does():
    layer = layers.LSTM(3, dtype="int8_from_float32")
    assert layer(numbers((2, 4, 5))).dtype == "float32" and layer.quantization_mode == "int8"


# --- refusals ---


def built(layer, shape=(None, 4)):
    layer.build(shape)
    return layer


class Doubled(layers.Dense):
    def call(self, inputs, training=None):
        return 2 * super().call(inputs)


REFUSED = {
    "isn't yet built": (ValueError, lambda: layers.Dense(2).quantize("int8")),
    "Invalid quantization mode": (ValueError, lambda: built(layers.Dense(2)).quantize("int7")),
    "You must provide either": (ValueError, lambda: built(layers.Dense(2)).quantize()),
    "doesn't work well": (ValueError, lambda: built(layers.Dense(2, dtype="mixed_float16")).quantize("int8")),
    "does not have a `quantize`": (NotImplementedError, lambda: built(Doubled(2)).quantize("int8")),
    "LSTM does not have a `quantize`": (
        NotImplementedError,
        lambda: built(layers.LSTM(2), (None, 3, 4)).quantize("int8"),
    ),
    "Invalid quantization mode. Expected one of": (
        NotImplementedError,
        lambda: built(layers.Embedding(4, 2)).quantize("float8"),
    ),
    "Implicitly enabling GPTQ quantization": (
        ValueError,
        lambda: setattr(built(layers.Dense(2)), "dtype_policy", "gptq/4/8_from_float32"),
    ),
    "lora is not currently supported with float8": (
        NotImplementedError,
        lambda: built(layers.Dense(2, dtype="float8_from_float32")).enable_lora(2),
    ),
    "nothing was quantized": (ValueError, lambda: dense(sequax).quantize("int8", filters="nobody")),
    "`filters` argument must be": (ValueError, lambda: dense(sequax).quantize("int8", filters=3)),
    "Unrecognized keyword": (ValueError, lambda: dense(sequax).quantize("int8", other=3)),
    "valid pair": (ValueError, lambda: dtype_policies.get("int8_from_")),
    "Supported values are -1": (ValueError, lambda: dtype_policies.get("int4/0_from_float32")),
    "Cannot convert": (ValueError, lambda: dtype_policies.QuantizedDTypePolicy("int8", "float15")),
}  # fmt: skip


@pytest.mark.parametrize("sentence", REFUSED)
def test_what_is_refused(sentence):
    error, attempt = REFUSED[sentence]
    with pytest.raises(error, match=sentence):
        attempt()


def test_a_model_that_is_quantized_is_not_half_changed():
    model = dense(sequax)
    model.quantize("int8", filters="head")
    with pytest.raises(ValueError, match="already quantized"):
        model.quantize("int8")
    assert [layer.quantization_mode for layer in model.layers] == [None, "int8"]


def test_float8_and_adapters_refuse_each_other_before_anything_changes():
    model = dense(sequax)
    model.enable_lora(2, "head")
    with pytest.raises(NotImplementedError, match="merge_lora"):
        model.quantize("float8")
    model.merge_lora()
    model.quantize("float8", filters="head")
    with pytest.raises(NotImplementedError, match="float8"):
        model.enable_lora(2)
    assert not any(layer.lora_enabled for layer in model.layers) and len(model.layers[0].weights) == 2


def test_policies_by_configs():
    for name in ("int8_from_mixed_bfloat16", "int4/64_from_float32", "float8_from_float32", "gptq/4/8_from_float32"):
        policy = dtype_policies.get(name)
        assert policy.name == name and dtype_policies.deserialize(dtype_policies.serialize(policy)) == policy
        theirs = keras.dtype_policies.get(name)
        assert policy.get_config() == theirs.get_config() and repr(policy) == repr(theirs)
    assert dtype_policies.QuantizedDTypePolicy("int8", "float32") != dtype_policies.DTypePolicy("float32")


def test_own_layers_in_keras_manner():
    """A layer that quantizes itself, as Keras' guide writes it."""

    class Own(layers.Layer):
        def build(self, input_shape):
            if self.quantization_mode:
                self.quantized_build(input_shape, self.quantization_mode)
            else:
                self._kernel = self.add_weight((input_shape[-1], 3), name="kernel")

        def call(self, inputs):
            return inputs @ self._kernel.value

        def quantized_build(self, input_shape, mode):
            self._kernel = self.add_weight((input_shape[-1], 3), "zeros", "int8", trainable=False, name="kernel")
            self.scale = self.add_weight((1, 3), "ones", trainable=False, name="scale")
            self._is_quantized = True

        def _int8_call(self, inputs):
            return inputs @ (self._kernel.value / self.scale.value)

        def quantize(self, mode, **kwargs):
            value, scale = quantizers.abs_max_quantize(self._kernel, axis=0, to_numpy=True)
            del self._kernel
            self.quantized_build((None, 4), mode)
            self._kernel.assign(value)
            self.scale.assign(scale)
            self.dtype_policy = dtype_policies.get(f"{mode}_from_{self.dtype_policy.name}")

    model = sequax.Sequential([sequax.Input((4,)), Own()])
    x = numbers((5, 4))
    before = predictions(model, x)
    model.quantize("int8")
    assert [str(w.dtype) for w in model.weights] == ["int8", "float32"]
    np.testing.assert_allclose(predictions(model, x), before, atol=0.05)
    assert np.abs(predictions(model, x) - before).max() > 0
