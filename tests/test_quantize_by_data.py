"""Models that GPTQ and AWQ round: what they compute, their files in Keras, and what is refused."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

import sequax
from sequax import layers, quantizers
from sequax.adapters.contraction import Contraction
from sequax.adapters.matrix import Matrix
from sequax.quantizers.awq import AWQ
from sequax.quantizers.gptq import GPTQ

IDS = np.random.default_rng(0).integers(0, 50, (24, 12))
CONFIGS = [
    ("GPTQConfig", {"group_size": 8}),
    ("GPTQConfig", {"group_size": -1, "weight_bits": 8, "activation_order": True}),
    ("GPTQConfig", {"group_size": 6, "weight_bits": 3, "symmetric": True}),
    ("GPTQConfig", {"weight_bits": 2, "per_channel": False}),
    ("AWQConfig", {"group_size": 8}),
    ("AWQConfig", {"group_size": -1, "num_grid_points": 3}),
]


def stack(of=sequax, dtype=None):
    """Ids, and three blocks that are dense layers, of which one has a kernel of three axes."""
    return of.Sequential(
        [
            of.Input((12,), dtype="int32"),
            of.layers.Embedding(50, 16, name="tokens", dtype=dtype),
            of.layers.Dense(9, activation="relu", name="first", dtype=dtype),
            of.layers.EinsumDense("abc,cde->abde", (None, 2, 4), bias_axes="de", name="heads", dtype=dtype),
            of.layers.EinsumDense("abcd,cde->abe", (None, 20), name="joined", dtype=dtype),
            of.layers.Dense(3, use_bias=False, name="last", dtype=dtype),
        ]
    )


def config_of(model, name, options, of=quantizers, blocks=(1, 2, 3), tokenizer=None):
    structure = {"pre_block_layers": model.layers[:1], "sequential_blocks": [model.layers[i] for i in blocks]}
    plain = {"num_samples": 16, "sequence_length": 12, "quantization_layer_structure": structure}
    return getattr(of, name)(IDS, tokenizer, **plain, **options)


def quantized(name, options, dtype=None):
    sequax.utils.set_random_seed(3)
    model = stack(dtype=dtype)
    before = model.predict(IDS, verbose=0)
    config = config_of(model, name, options)
    model.quantize(config.mode, config=config)
    return model, before


@pytest.mark.parametrize(("name", "options"), CONFIGS)
def test_models_are_rounded_and_come_back_from_files(keras, tmp_path, name, options):
    model, before = quantized(name, options)
    outputs = model.predict(IDS, verbose=0)
    bits = options.get("weight_bits", 4)
    assert 0 < np.abs(outputs - before).mean() < {2: 1.0, 3: 0.5, 4: 0.25, 8: 0.02}[bits] * np.abs(before).mean()
    modes = [layer.quantization_mode for layer in model.layers]
    assert modes == [None, *[name[:-6].lower()] * 3, None]

    model.save(tmp_path / "ours.keras")
    again = sequax.models.load_model(tmp_path / "ours.keras")
    np.testing.assert_array_equal(again.predict(IDS, verbose=0), outputs)
    np.testing.assert_allclose(
        keras.models.load_model(tmp_path / "ours.keras").predict(IDS, verbose=0), outputs, atol=1e-5
    )

    other = stack()
    other.quantize(config_of(model, name, options).mode, config=config_of(other, name, options))
    model.save_weights(tmp_path / "ours.weights.h5")
    other.load_weights(tmp_path / "ours.weights.h5")
    np.testing.assert_array_equal(other.predict(IDS, verbose=0), outputs)


@pytest.mark.parametrize(("name", "options"), [CONFIGS[0], CONFIGS[1], CONFIGS[4]])
def test_layers_of_keras_compute_the_same(keras, rng, name, options):
    """By their variables: Keras 3.15.1 leaves the zero points out of files, which it then cannot read itself."""
    theirs = keras.layers.EinsumDense("abc,cde->abde", (None, 2, 4), bias_axes="de")
    theirs.build((None, 3, 16))
    config = getattr(keras.quantizers, name)(None, None, **options)
    theirs.quantize(config=config)
    values = {"quantized_kernel": rng.integers(0, 256, theirs.quantized_kernel.shape, "uint8")}
    values |= {"kernel_scale": rng.uniform(0.01, 0.1, theirs.kernel_scale.shape)}
    values |= {"kernel_zero": rng.integers(0, 16, theirs.kernel_zero.shape, "uint8")}
    if config.mode == "awq":
        values |= {"awq_scales": rng.uniform(0.5, 2, 16)}
    values |= {"g_idx": np.arange(16) // (16 if options["group_size"] == -1 else options["group_size"])}
    for key, value in values.items():
        getattr(theirs, key).assign(value)
    setattr(theirs, f"is_{config.mode}_calibrated", True)

    ours = layers.EinsumDense.from_config(theirs.get_config())
    ours.build((None, 3, 16))
    bias = rng.normal(size=(2, 4))
    theirs.bias.assign(bias)
    ours.load_own_variables({str(i): value for i, value in enumerate([bias, *values.values()])})
    x = rng.normal(size=(5, 3, 16)).astype("float32")
    np.testing.assert_allclose(ours(x), theirs(x), atol=1e-5)
    assert ours.get_config()["dtype"]["config"] == theirs.get_config()["dtype"]["config"]


def test_awq_rounds_as_keras(keras, rng):
    """Layer by layer: in a model, Keras 3.15.1 looks at a call that a layer in this mode does not go through."""
    from keras.src.quantizers.awq import AWQ as TheirAWQ

    x, found = rng.normal(size=(40, 16)).astype("float32") * np.linspace(0.1, 5, 16, dtype="float32"), []
    kernel = rng.normal(size=(16, 7)).astype("float32")
    for of, kind in ((sequax, AWQ), (keras, TheirAWQ)):
        layer = of.layers.Dense(7, use_bias=False)
        layer.build((None, 16))
        layer.set_weights([kernel])
        config = of.quantizers.AWQConfig(None, None, group_size=8)
        layer.quantize(config=config)
        one = kind(layer, config)
        one.update_activation_magnitudes(x)
        one.quantize_layer()
        names = ("quantized_kernel", "kernel_scale", "kernel_zero", "awq_scales", "g_idx")
        found.append([*(np.asarray(getattr(layer, name).value) for name in names), np.asarray(layer(x))])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_data_are_looked_at():
    """In Keras 3.15.1 they are not: the statistics of a model stay zero, and rounding is plain rounding."""
    sequax.utils.set_random_seed(0)
    one, other = stack(), stack()
    other.set_weights(one.get_weights())
    one.quantize(config=config_of(one, "AWQConfig", {}))
    config = config_of(other, "AWQConfig", {})
    config.dataset = [np.full((1, 12), 3)]
    other.quantize(config=config)
    assert np.std(one.layers[1].awq_scales.numpy()) > 0.01
    assert np.abs(one.layers[1].awq_scales.numpy() - other.layers[1].awq_scales.numpy()).max() > 0.01


# --- blocks of one's own ---


@sequax.saving.register_keras_serializable("by_data")
class Block(layers.Layer):
    def __init__(self, **options):
        super().__init__(**options)
        self.attention = layers.MultiHeadAttention(num_heads=2, key_dim=8)
        self.dense = layers.Dense(16, activation="relu")
        self.unused = layers.Dense(16)

    def build(self, input_shape):
        self.unused.build(input_shape)
        super().build(input_shape)

    def call(self, x):
        return x + self.dense(x + self.attention(x, x)), "more"


@sequax.saving.register_keras_serializable("by_data")
class Classifier(sequax.Model):
    def __init__(self, **options):
        super().__init__(**options)
        self.tokens = layers.Embedding(128, 16)
        self.blocks = [Block(), Block()]
        self.head = layers.Dense(4, name="head")

    def call(self, ids):
        x = self.tokens(ids)
        for block in self.blocks:
            x = block(x)[0]
        return self.head(x[:, 0])

    def get_quantization_layer_structure(self, mode=None):
        return {"pre_block_layers": [self.tokens], "sequential_blocks": self.blocks}


TEXTS = ["The quick brown fox jumps over the lazy dog.", "Pack my box with five dozen liquor jugs."] * 4


def letters(text):
    return [ord(letter) for letter in text]


@pytest.mark.parametrize("make", [quantizers.GPTQConfig, quantizers.AWQConfig])
def test_blocks_with_attention_are_found_by_the_hook_of_the_model(make, capsys):
    sequax.utils.set_random_seed(1)
    model = Classifier()
    x = np.array([letters(text)[:20] for text in TEXTS])
    before = model.predict(x, verbose=0)
    with pytest.warns(UserWarning, match="stay as they are: dense_1 was not called when block ran on the data"):
        model.quantize(config=make(TEXTS, letters, num_samples=12, sequence_length=20, group_size=8))
    assert "2/2" in capsys.readouterr().out
    after = model.predict(x, verbose=0)
    assert 0 < np.abs(after - before).max() < 0.4 * np.abs(before).max()
    block = model.blocks[0]
    rounded = [block.attention._query_dense, block.attention._output_dense, block.dense]
    assert all(layer.quantization_mode == make(None, None).mode for layer in rounded)
    assert block.unused.quantization_mode is None and model.head.quantization_mode is None


@pytest.mark.parametrize("mode", ["int8", "gptq"])
def test_parts_of_own_blocks_come_back(tmp_path, mode):
    """Blocks of users make their parts as floats; the config says how each was kept. In Keras loading fails."""
    model, x = Classifier(name="writer"), np.array([letters(text)[:20] for text in TEXTS])
    model.compile("adam", "mse")
    model.predict(x, verbose=0)
    if mode == "int8":
        model.quantize("int8", filters="^(?!head$)")
    else:
        config = quantizers.GPTQConfig(TEXTS, letters, num_samples=4, sequence_length=20, group_size=8)
        with pytest.warns(UserWarning, match="stay as they are"):
            model.quantize(config=config)
    model.fit(x, np.zeros((8, 4)), verbose=0)
    outputs = model.predict(x, verbose=0)
    model.save(tmp_path / "m.keras")
    for _ in range(2):  # with other counters in the names of the parts
        again = sequax.models.load_model(tmp_path / "m.keras")
        np.testing.assert_array_equal(again.predict(x, verbose=0), outputs)
        assert again.head.quantization_mode is None and again.blocks[1].dense.quantization_mode == mode
        again.fit(x, np.zeros((8, 4)), verbose=0)


def test_gptq_does_better_than_plain_rounding():
    rng = np.random.default_rng(1)
    mix = rng.normal(size=(32, 32)) / 4 + np.eye(32)
    x = (rng.normal(size=(300, 32)) @ mix).astype("float32")
    errors = {}
    for mode in ("int4", "gptq"):
        sequax.utils.set_random_seed(2)
        layer = layers.Dense(24)
        expected = layer(x)
        if mode == "int4":
            layer.quantize(config=quantizers.Int4QuantizationConfig(block_size=16))
        else:
            config = quantizers.GPTQConfig(None, None, group_size=16)
            layer.quantize(config=config)
            seen = GPTQ(layer, config)
            seen.observe(jnp.array(x))
            seen.quantize_and_correct_layer()
        errors[mode] = float(jnp.square(layer(x) - expected).mean())
    assert errors["gptq"] < 0.75 * errors["int4"]


def test_models_of_features_are_run_on_rows():
    """A stack of dense layers, each of which is a block of its own."""
    rng = np.random.default_rng(4)
    x = (rng.normal(size=(200, 24)) @ rng.normal(size=(24, 24)) / 5).astype("float32")
    sequax.utils.set_random_seed(5)
    model = sequax.Sequential([sequax.Input((24,)), layers.Dense(32, "tanh"), layers.Dropout(0.5), layers.Dense(3)])
    before, errors = model.predict(x, verbose=0), {}
    weights = model.get_weights()
    for group in (-1, 8):
        one = sequax.models.clone_model(model)
        one.set_weights(weights)
        structure = {"sequential_blocks": one.layers}
        config = quantizers.GPTQConfig(x, None, group_size=group, quantization_layer_structure=structure)
        one.quantize(config=config)
        errors[group] = np.square(one.predict(x, verbose=0) - before).mean() / np.square(before).mean()
    assert errors[8] < errors[-1] < 0.02
    structure, rows = {"sequential_blocks": model.layers}, [np.zeros(2) + 0.5, np.zeros(3)]
    with pytest.raises(TypeError, match=r"one shape. Received: \[\(2,\), \(3,\)\]"):
        model.quantize(config=quantizers.GPTQConfig(rows, None, quantization_layer_structure=structure))


def test_models_in_mixed_precision(keras, tmp_path):
    model, before = quantized("GPTQConfig", {"group_size": 8}, dtype="mixed_bfloat16")
    assert model.layers[1].dtype_policy.name == "gptq/4/8_from_mixed_bfloat16"
    assert np.abs(model.predict(IDS, verbose=0) - before).mean() < 0.25 * np.abs(before).mean()
    model.save(tmp_path / "m.keras")
    theirs = keras.models.load_model(tmp_path / "m.keras").predict(IDS, verbose=0)
    np.testing.assert_allclose(np.float32(theirs), np.float32(model.predict(IDS, verbose=0)), atol=0.05)


# --- single layers ---


def waiting(mode="gptq", **options):
    layer = layers.Dense(16)
    layer.build((None, 8))
    make = quantizers.GPTQConfig if mode == "gptq" else quantizers.AWQConfig
    layer.quantize(mode, config=make([IDS], None, group_size=8, **options))
    return layer


@pytest.mark.parametrize("mode", ["gptq", "awq"])
def test_layers_wait_for_data(tmp_path, mode):
    layer = waiting(mode)
    kernel = layer.kernel.numpy()
    assert layer.quantized_kernel.shape == (8, 8) and not getattr(layer, f"is_{mode}_calibrated")
    np.testing.assert_allclose(layer(np.ones((2, 8), "float32"))[0], kernel.sum(0), rtol=1e-5)
    assert layer.quantization_config.dataset is None  # which a layer would carry about for ever
    with pytest.raises(ValueError, match="cannot be saved: it waits"):
        sequax.Sequential([sequax.Input((8,)), layer]).save(tmp_path / "m.keras")
    again = layers.Dense.from_config(layer.get_config())
    assert again.quantization_mode == mode


def test_a_policy_makes_layers_that_a_file_fills():
    layer = layers.Dense(16, dtype="gptq/8/4_from_float32")
    layer.build((None, 8))
    assert layer.is_gptq_calibrated and layer.quantized_kernel.shape == (16, 8) and layer.kernel_scale.shape == (16, 2)
    assert layer.kernel.shape == (16, 8)  # as in Keras, outputs first
    with pytest.raises(ValueError, match="does not wait"):
        GPTQ(layer).quantize_and_correct_layer()


def test_lora_and_data_do_not_go_together():
    with pytest.raises(NotImplementedError, match=r"(?i)lora is not currently supported with gptq"):
        waiting().enable_lora(2)


def test_layers_are_watched_for_a_while_only():
    layer, seen = layers.Dense(3), []
    layer.build((None, 2))
    end = layer.watch(seen.append)
    layer(np.ones((4, 2), "float32"))
    end()
    layer(np.ones((4, 2), "float32"))
    assert [x.shape for x in seen] == [(4, 2)]


@pytest.mark.parametrize(
    ("equation", "inputs", "weight"),
    [
        ("abc,cde->abde", (2, 3, 4), (4, 5, 6)),
        ("abcd,cde->abe", (2, 3, 4, 5), (4, 5, 6)),
        ("abdc,cde->abe", (2, 3, 5, 4), (4, 5, 6)),
        ("ab,cb->ac", (2, 3), (4, 3)),
        ("...x,xy->...y", (2, 3, 4), (4, 5)),
        ("abc,dbce->ade", (2, 3, 4), (5, 3, 4, 6)),
    ],
)
def test_kernels_are_matrices(rng, equation, inputs, weight):
    x, w = jnp.array(rng.normal(size=inputs)), jnp.array(rng.normal(size=weight))
    (before, kernel), outputs = equation.replace("...", "").split("->")[0].split(","), equation.split("->")[1]
    matrix = Matrix(Contraction(before, kernel, outputs.replace("...", ""), ""), weight)
    product = matrix.of_inputs(x) @ matrix.of_weight(w)
    expected = jnp.einsum(equation, x, w)
    np.testing.assert_allclose(np.sort(product.ravel()), np.sort(expected.ravel()), rtol=1e-5)
    np.testing.assert_array_equal(matrix.to_weight(matrix.of_weight(w)), w)


def test_products_that_are_none_of_matrices_are_refused():
    layer = layers.EinsumDense("abc,bcd->abd", (3, 5))
    layer.build((None, 3, 4))
    with pytest.raises(NotImplementedError, match="no product of two matrices"):
        layer.quantize(config=quantizers.GPTQConfig(None, None))
    assert layer.quantization_mode is None and layer(np.ones((1, 3, 4), "float32")).shape == (1, 3, 5)


# --- what is refused ---


def test_refusals_leave_the_model_alone():
    model = stack()
    before = model.predict(IDS, verbose=0)
    structure = {"pre_block_layers": model.layers[:1], "sequential_blocks": model.layers[1:3]}
    for make, error, words in (
        (lambda: quantizers.GPTQConfig(IDS, None), ValueError, "For mode='gptq', a valid quantization structure"),
        (
            lambda: quantizers.AWQConfig(None, None, quantization_layer_structure=structure),
            ValueError,
            "requires a dataset",
        ),
        (lambda: quantizers.GPTQConfig(IDS, None, quantization_layer_structure={}), ValueError, "No sequential blocks"),
        (lambda: quantizers.GPTQConfig(["a"], None, quantization_layer_structure=structure), TypeError, "tokenizer"),
    ):
        with pytest.raises(error, match=words):
            model.quantize(config=make())
    with pytest.raises(ValueError, match="nothing to quantize"):
        model.quantize(config=config_of(model, "GPTQConfig", {}), filters="nothing")
    np.testing.assert_array_equal(model.predict(IDS, verbose=0), before)
    assert not any(layer.quantization_mode for layer in model.layers)


def test_blocks_that_do_not_fit_leave_the_model_alone():
    model = stack()
    config = config_of(model, "GPTQConfig", {"group_size": 8}, blocks=(1, 3))  # the latter wants one axis more
    with pytest.raises(ValueError, match="joined"):
        model.quantize(config=config)
    assert not any(layer.quantization_mode for layer in model.layers)


def test_a_layer_of_two_blocks_is_rounded_once():
    shared = layers.Dense(16, name="shared")
    model = sequax.Sequential([sequax.Input((12,), dtype="int32"), layers.Embedding(50, 16), shared])
    config = config_of(model, "GPTQConfig", {"group_size": 8}, blocks=(1, 1))
    model.quantize(config=config)
    assert shared.quantization_mode == "gptq" and np.isfinite(model.predict(IDS, verbose=0)).all()


def test_inputs_that_say_too_little_are_refused():
    layer = layers.Dense(4)
    layer.build((None, 8))
    config = quantizers.GPTQConfig(None, None, hessian_damping=0)
    layer.quantize(config=config)
    seen = GPTQ(layer, config)
    seen.observe(jnp.ones((2, 8)))
    with pytest.raises(ValueError, match=r"saw 2 inputs of size 8; give more samples, or a `hessian_damping` above"):
        seen.quantize_and_correct_layer()


@pytest.mark.parametrize("kind", [GPTQ, AWQ])
def test_layers_without_a_matrix_are_refused(kind):
    for layer in (layers.Layer(), layers.Embedding(3, 4)):
        with pytest.raises(TypeError, match="Unsupported layer type"):
            kind(layer)
