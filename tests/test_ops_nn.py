"""The ops of `ops.nn` against Keras: signatures, values, dtypes, and shapes of symbolic tensors."""

from __future__ import annotations

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sequax import ops
from sequax.core import settings
from sequax.core.tensor import KerasTensor
from sequax.core.variable import Variable
from sequax.ops import nn
from tests import ops_oracle
from tests.ops_oracle import case


def words(text):
    return text.split()


def f(*shape, seed=0):
    return np.random.default_rng((seed, *shape)).normal(size=shape).astype("float32")


def p(*shape, seed=0):
    return np.abs(f(*shape, seed=seed)) / 9 + 0.05


F = f(2, 4)
I = np.array([[3, -1], [0, 4]], "int32")  # noqa: E741 - I for int32, as F for float32
B = np.array([[True, False], [False, False]])
LABELS = np.array([[1, 2, 2], [3, 1, 0]], "int32")
LENGTHS = np.array([6, 5], "int32")
COUNTS = np.array([3, 2], "int32")
LOGITS = f(2, 6, 4)
Q, K, V = f(2, 3, 4, 5), f(2, 6, 4, 5), f(2, 6, 4, 5, seed=1)
ALLOWED = np.random.default_rng(0).random((2, 4, 3, 6)) > 0.5
FIRST = {"data_format": "channels_first"}

ACTIVATIONS = words("""celu elu gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu log_sigmoid
log_softmax relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign sparse_plus sparse_sigmoid sparsemax
squareplus swish tanh_shrink""")
WHOLE = words("celu elu hard_tanh leaky_relu relu soft_shrink softmax")  # activations that Keras computes of ints

CASES = {
    **{name: [case(F), *([case(I)] if name in WHOLE else [])] for name in ACTIVATIONS},
    "adaptive_average_pool": [case(f(1, 7, 5, 2), (3, 2)), case(f(1, 2, 3), 5, **FIRST), case(I[..., None], 1)],
    "adaptive_max_pool": [case(f(1, 7, 5, 2), (3, 2)), case(f(1, 2, 5, 4, 3), 2, **FIRST), case(I[..., None], (1,))],
    "average_pool": [
        case(f(1, 5, 4, 2), (2, 3), strides=(1, 2), padding="same"),
        case(f(1, 2, 5), (2,), (2,), **FIRST),
        case(I[..., None], 2, 1),
    ],
    "batch_normalization": [
        case(f(2, 3, 4), f(4), p(4), -1),
        case(f(2, 3, 4), f(3), p(3), 1, f(3, seed=1), f(3, seed=2), epsilon=0.1),
        case(I, f(2), p(2), -1),
    ],
    "binary_crossentropy": [case(p(2, 3) > 0.1, p(2, 3)), case(B[0], f(2), True), case(np.ones(2, "float32"), I[0])],
    "categorical_crossentropy": [
        case(p(2, 3), p(2, 3, seed=1)),
        case(p(2, 3, 3), f(2, 3, 3), from_logits=True, axis=1),
    ],
    "conv": [
        case(f(1, 7, 4), f(3, 2, 6), dilation_rate=2),
        case(f(1, 4, 7, 6), f(3, 2, 4, 5), (2, 1), "same", "channels_first"),
        case(np.ones((1, 5, 2), "int32"), np.ones((2, 2, 3), "int32"), padding="SAME"),
        case(f(1, 4, 3, 3, 2), f(2, 2, 1, 2, 1), 2),
    ],
    "conv_transpose": [
        case(f(1, 5, 4), f(3, 2, 4), 2),
        case(f(1, 5, 4), f(2, 2, 4), 3, "same"),
        case(f(1, 5, 4), f(3, 2, 4), 1, "same", None, None, 2),
        case(f(1, 2, 3, 4), f(4, 3, 1, 2), 2, "same", (1, 0), "channels_first"),
        case(f(1, 3, 2), f(4, 1, 2), 2, "valid", 1),
    ],
    "ctc_decode": [
        case(LOGITS, LENGTHS),
        case(LOGITS, LENGTHS, merge_repeated=False, mask_index=None),
        case(LOGITS, LENGTHS, "beam_search", 5, 3),
        case(LOGITS, LENGTHS, "beam_search", 3, 2, True, 3),
    ],
    "ctc_loss": [case(LABELS, LOGITS, COUNTS, LENGTHS), case(LABELS % 3, LOGITS, COUNTS, LENGTHS, mask_index=3)],
    "depth_to_space": [case(f(1, 2, 3, 8), 2), case(f(1, 8, 2, 3), 2, "channels_first")],
    "depthwise_conv": [
        case(f(1, 7, 6, 4), f(3, 2, 4, 2), 2, "same"),
        case(f(1, 4, 7), f(3, 4, 1), **FIRST),
        case(f(1, 7, 2), f(2, 2, 3), dilation_rate=3),
    ],
    "dot_product_attention": [
        case(Q, K, V),
        case(Q, K, V, f(2, 4, 3, 6), ALLOWED, scale=0.3, is_causal=True),
        case(Q, K[:, :, :2], V[:, :, :2], mask=np.zeros((1, 1, 1, 6), "bool")),
    ],
    "fold": [case(f(1, 12, 4), (4, 4), 2, stride=2), case(f(1, 12, 16), 4, (2, 2), 2, 1), case(f(1, 4, 9), 4, 2)],
    "layer_normalization": [
        case(f(2, 3, 4)),
        case(f(2, 3, 4), f(3, 4), f(3, 4, seed=1), axis=[1, 2], epsilon=0.1),
        case(f(2, 3, 4), f(3), axis=1),
    ],
    "max_pool": [
        case(f(1, 5, 4, 2), (2, 3), strides=(1, 2), padding="same"),
        case(f(1, 2, 5, 4, 3), (2, 2, 2), 2, **FIRST),
        case(I[..., None], 2, 1),
    ],
    "moments": [case(f(2, 3, 4), [0, 1]), case(f(2, 3, 4), (-1,), True), case(I, [1])],
    "multi_hot": [
        case(np.array([[0, 2], [1, 1]]), 4),
        case(np.array([0, 2]), num_tokens=3, dtype="int32"),
        case(np.array([[0, 2], [1, 7]]), 3, axis=0),
        case(np.zeros((2, 3, 1), "int32"), 2),
        case(np.zeros((2, 3, 1), "int32"), 5, axis=1),
        case(np.zeros((2, 3, 1), "int32"), 5, axis=2),
    ],
    "normalize": [case(F), case(F, 0, 1), case(F, order=3, epsilon=2.0), case(np.zeros((1, 2), "float32"))],
    "one_hot": [case(I, 4), case(I, 3, axis=1, dtype="bool"), case(np.array([[5, -1]]), 3, 0)],
    "polar": [case(F, f(2, 4, seed=1)), case(np.array([1, 2]), np.array([3, 4]))],
    "psnr": [case(F, F + 0.1, 1.0), case(I, I + 1, 255), case(F, F, 2.0)],
    "rms_normalization": [case(f(2, 3, 4), axis=None), case(f(2, 3, 4)), case(f(2, 3, 4), f(3, 4), [1, 2], 0.1)],
    "separable_conv": [
        case(f(1, 7, 6, 4), f(3, 2, 4, 2), f(1, 1, 8, 5), 2, "same"),
        case(f(1, 4, 7), f(3, 4, 1), f(1, 4, 2), **FIRST),
    ],
    "space_to_depth": [case(f(1, 4, 6, 2), 2), case(f(1, 2, 4, 6), 2, "channels_first")],
    "sparse_categorical_crossentropy": [
        case(np.array([1, 0]), p(2, 3)),
        case(np.array([[1], [7]]), f(2, 3), True),
        case(np.array([[1, 0]] * 2), p(2, 2, 2), axis=1),
    ],
    "threshold": [case(F, 0.1, 7), case(I, 2, 0), case(I, 2, 0.5)],
    "unfold": [case(f(1, 3, 6, 5), 2), case(f(1, 3, 6, 5), (2, 3), (2, 1), (1, 0), (2, 1)), case(I[None, None], 1)],
}
CASES["gelu"].append(case(F, False))
CASES["log_softmax"].append(case(F, axis=(0, 1)))
CASES["sparsemax"] = [case(np.array([[3, 0, 1]], "float32"))]  # rows with several classes do not sum to 1 in Keras
CASES["softmax"] += [case(F, axis=None), case(F, axis=0)]
CASES["squareplus"].append(case(F, b=2))

# What Keras says of symbolic tensors and does not keep when it computes, or refuses although it computes it.
WRONG_SHAPES = {"adaptive_average_pool", "adaptive_max_pool", "polar"}
# Ops of one batch; their other arrays are weights.
WITH_WEIGHTS = {name for name in CASES if name.endswith(("normalization", "conv", "conv_transpose"))}
# Float types that Keras does not take.
REFUSED_16_BITS = {"polar"}


def test_names_and_signatures(keras):
    ops_oracle.assert_names_and_signatures(nn, keras.ops.nn, CASES)
    assert set(nn.__all__) < set(ops.__all__)


EAGER = {"softmax"}  # NumPy warns of the infinities in a program's constants


@pytest.mark.parametrize("name", sorted(CASES))
def test_values_and_shapes(keras, name):
    ours, theirs = getattr(nn, name), getattr(keras.ops.nn, name)
    compute = ops_oracle.eager if name in EAGER else ops_oracle.compiled
    results, expected = compute((ours, theirs), CASES[name])
    for (args, kwargs), result, oracle in zip(CASES[name], results, expected, strict=True):
        ops_oracle.assert_values(result, oracle)
        batched = 1 if name in WITH_WEIGHTS else 9
        ops_oracle.assert_symbolic(ours, theirs, args, kwargs, result, batched, name in WRONG_SHAPES)
    args, kwargs = CASES[name][0]
    ops_oracle.assert_values(ours(*ops_oracle.map_arrays(Variable, args), **kwargs), results[0])


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_dtypes(keras, dtype):
    for name, cases in CASES.items():
        args, kwargs = cases[0]
        ours, theirs = (ops_oracle.dtypes_in(dtype, getattr(n, name), args, kwargs) for n in (nn, keras.ops.nn))
        assert ours == theirs or (name in REFUSED_16_BITS and theirs == "refused"), name


def test_mixed_dtypes_promote():
    x, kernel = jnp.ones((1, 5, 2), "bfloat16"), np.ones((2, 2, 1), "float32")
    for name in ("conv", "depthwise_conv", "conv_transpose"):
        weights = np.swapaxes(kernel, 1, 2) if name == "conv_transpose" else kernel
        assert getattr(nn, name)(x, weights).dtype == "float32"
    assert nn.batch_normalization(x, *np.ones((2, 2), "float32"), -1).dtype == "float32"
    assert nn.layer_normalization(x, np.ones(2, "float32")).dtype == "bfloat16"
    assert nn.binary_crossentropy(np.ones(2, "float32"), jnp.ones(2, "bfloat16")).dtype == "float32"
    assert nn.sparse_categorical_crossentropy([1], jnp.ones((1, 2), "bfloat16")).dtype == "float32"


def test_whole_numbers_are_computed_as_floats():
    """Keras refuses some of them and rounds the results of others."""
    for name in ("sigmoid", "silu", "glu", "log_sigmoid", "layer_normalization", "rms_normalization", "normalize"):
        np.testing.assert_allclose(getattr(nn, name)(I), getattr(nn, name)(I.astype("float32")), err_msg=name)
    assert nn.relu(B).dtype == nn.hard_tanh(B).dtype == "int32"


def test_numbers_stand_for_every_axis():
    """Poolings without strides refuse a number in Keras."""
    x = f(1, 4, 4, 1)
    for name in ("max_pool", "average_pool"):
        np.testing.assert_array_equal(getattr(nn, name)(x, 2), getattr(nn, name)(x, (2, 2), (2, 2)))


def test_image_data_format_is_the_default():
    x = f(1, 2, 5)
    last = nn.max_pool(x, 2, 1)
    settings.set_image_data_format("channels_first")
    try:
        assert nn.max_pool(x, 2, 1).shape == (1, 2, 4) != last.shape
    finally:
        settings.set_image_data_format("channels_last")


def test_unknown_sizes():
    assert nn.conv(KerasTensor((None, None, 6, 4)), f(3, 2, 4, 5), 2).shape == (None, None, 3, 5)
    assert nn.conv_transpose(KerasTensor((None, None, 4)), f(3, 5, 4), 2, "same").shape == (None, None, 5)
    assert nn.max_pool(KerasTensor((2, 3, None, 6)), 2, 1, "same", "channels_first").shape == (2, 3, None, 6)
    assert nn.adaptive_max_pool(KerasTensor((None, None, None, 3)), (3, 2)).shape == (None, 3, 2, 3)
    assert nn.glu(KerasTensor((None, 4)), axis=0).shape == (None, 4)
    assert nn.fold(KerasTensor((None, None, None)), 4, 2).shape == (None, None, 4, 4)
    assert nn.unfold(KerasTensor((None, 3, None, 5)), 2).shape == (None, 12, None)
    assert nn.depth_to_space(KerasTensor((None, 4, None, 8)), 2).shape == (None, 8, None, 2)
    assert nn.space_to_depth(KerasTensor((None, 4, None, 8)), 2).shape == (None, 2, None, 32)
    tensor = KerasTensor((None, None, 4, 5))
    assert nn.dot_product_attention(tensor, tensor, tensor).shape == (None, None, 4, 5)
    assert nn.one_hot(KerasTensor((None, None), "int32"), 3, axis=1, sparse=True).shape == (None, 3, None)


def test_conv_transpose_is_the_gradient_of_conv():
    x, kernel = jnp.asarray(f(1, 5, 2)), jnp.asarray(f(3, 4, 2))
    wide = nn.conv_transpose(x, kernel, 2)
    (found,) = jax.vjp(lambda y: nn.conv(y, kernel, 2), wide)[1](x)
    np.testing.assert_allclose(wide, found, rtol=1e-5, atol=1e-5)


def test_sparse_rows():
    for name in ("one_hot", "multi_hot"):
        dense = getattr(nn, name)([[0, 2]], 3)
        sparse = getattr(nn, name)([[0, 2]], 3, sparse=True)
        np.testing.assert_array_equal(sparse.todense(), dense)
        assert sparse.nse == 2


def test_sparse_rows_are_known_before_there_are_values():
    classes = KerasTensor((None, 3), "int32")
    assert nn.one_hot(classes, 5, sparse=True).sparse and nn.multi_hot(classes, 5, sparse=True).sparse
    assert not nn.one_hot(classes, 5).sparse


@pytest.mark.parametrize("function", [nn.softmax, nn.log_softmax, nn.normalize])
def test_an_axis_that_is_not_there_is_refused(function):
    with pytest.raises(ValueError, match="axis 10 is out of bounds"):
        function(KerasTensor((3, 4)), axis=10)


def test_layer_normalization_without_centring(keras):
    args = (f(2, 3), f(3), f(3, seed=1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = keras.ops.layer_normalization(*args, rms_scaling=True)
    with pytest.warns(UserWarning, match="rms_normalization"):
        np.testing.assert_allclose(nn.layer_normalization(*args, rms_scaling=True), expected, rtol=1e-5)


def test_moments_of_float16_stay_finite():
    mean, variance = nn.moments(np.array([40000, -40000], "float16"), [0])
    assert (float(mean), float(variance)) == (0, 65504)


def test_attention_with_a_soft_cap():
    """Keras has it on TPUs only."""
    cap, bias = 0.5, f(2, 4, 3, 6)
    logits = cap * np.tanh(np.einsum("btnh,bsnh->bnts", Q, K) * 5**-0.5 / cap) + bias
    shares = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    found = nn.dot_product_attention(Q, K, V, bias, attn_logits_soft_cap=cap)
    np.testing.assert_allclose(found, np.einsum("bnts,bsnh->btnh", shares, V), rtol=1e-4, atol=1e-5)


def exact_sequences(logits):
    """Logarithms of the probabilities of all label sequences, by going through all layouts in time."""
    import itertools

    log_p = np.asarray(jax.nn.log_softmax(logits), "float64")
    found = {}
    for path in itertools.product(range(log_p.shape[1]), repeat=len(log_p)):
        labels = tuple(label for label, _ in itertools.groupby(path) if label)
        found[labels] = np.logaddexp(found.get(labels, -np.inf), log_p[np.arange(len(path)), path].sum())
    return sorted(found.items(), key=lambda pair: -pair[1])


def test_a_wide_beam_finds_the_likeliest_labels():
    decoded, scores = jax.jit(lambda x: nn.ctc_decode(x, LENGTHS, "beam_search", 100, 4))(LOGITS)
    for i, length in enumerate(LENGTHS):
        for path, (labels, score) in enumerate(exact_sequences(LOGITS[i, :length])[:4]):
            assert decoded[path, i].tolist() == [*labels, *[-1] * (6 - len(labels))]
            np.testing.assert_allclose(scores[i, path], score, rtol=1e-5)


def test_ops_are_differentiable():
    for name, index in (("normalize", 0), ("moments", 0), ("dot_product_attention", 0), ("ctc_loss", 1)):
        args, kwargs = CASES[name][0]

        def total(x, name=name, index=index, args=args, kwargs=kwargs):
            found = getattr(nn, name)(*args[:index], x, *args[index + 1 :], **kwargs)
            return sum(part.sum() for part in jax.tree.leaves(found))

        assert np.isfinite(jax.jit(jax.grad(total))(jnp.zeros_like(args[index]))).all(), name


T = KerasTensor
REFUSED = {
    "conv channels": (lambda: nn.conv(f(1, 7, 5), f(3, 2, 6)), ValueError, "5 input channels"),
    "conv rank": (lambda: nn.conv(f(1, 7, 5), f(3, 3, 5, 6)), ValueError, r"\(1, 7, 5\)"),
    "conv window": (lambda: nn.conv(f(1, 2, 2), f(3, 2, 3)), ValueError, "does not fit"),
    "conv padding": (lambda: nn.conv(f(1, 7, 2), f(3, 2, 6), padding="causal"), ValueError, "padding='causal'"),
    "conv strides": (lambda: nn.conv(f(1, 7, 2), f(3, 2, 6), (1, 1)), ValueError, r"\(1, 1\)"),
    "data_format": (lambda: nn.conv(f(1, 7, 2), f(3, 2, 6), data_format="x"), ValueError, "data_format='x'"),
    "depthwise": (lambda: nn.depthwise_conv(f(1, 7, 4), f(3, 3, 2)), ValueError, "4 input channels"),
    "transpose": (lambda: nn.conv_transpose(f(1, 7, 4), f(3, 5, 3)), ValueError, "4 input channels"),
    "pool rank": (lambda: nn.max_pool(F, 2), ValueError, "max_pool: expected inputs of 3, 4 or 5"),
    "adaptive": (lambda: nn.adaptive_max_pool(f(1, 7, 3), (3, 2)), ValueError, r"\(3, 2\)"),
    "glu": (lambda: nn.glu(f(2, 3)), ValueError, "must be even"),
    "glu symbolic": (lambda: nn.glu(T((None, 3))), ValueError, "must be even"),
    "one_hot": (lambda: nn.one_hot(I, 3, axis=5), ValueError, "axis 5"),
    "multi_hot": (lambda: nn.multi_hot(I), ValueError, "num_classes"),
    "multi_hot words": (lambda: nn.multi_hot(I, 3, foo=1), TypeError, "foo"),
    "binary": (lambda: nn.binary_crossentropy(f(2, 3), f(2, 1)), ValueError, r"target.shape=\(2, 3\)"),
    "binary symbolic": (lambda: nn.binary_crossentropy(T((2, 3)), T((2, 4))), ValueError, r"\(2, 4\)"),
    "categorical": (lambda: nn.categorical_crossentropy(f(2, 3), f(3)), ValueError, r"output.shape=\(3,\)"),
    "categorical rank": (lambda: nn.categorical_crossentropy(1.0, 1.0), ValueError, "at least 1 dimension"),
    "sparse": (lambda: nn.sparse_categorical_crossentropy(I, p(2, 3)), ValueError, r"\(2, 2\)"),
    "ctc": (lambda: nn.ctc_loss(LABELS[:1], LOGITS, COUNTS, LENGTHS), ValueError, r"target.shape=\(1, 3\)"),
    "decode": (lambda: nn.ctc_decode(LOGITS, LENGTHS, "best"), ValueError, "strategy='best'"),
    "decode rank": (lambda: nn.ctc_decode(F, LENGTHS), ValueError, r"inputs.shape=\(2, 4\)"),
    "decode paths": (lambda: nn.ctc_decode(LOGITS, LENGTHS, "beam_search", 2, 3), ValueError, "top_paths=3"),
    "batch": (lambda: nn.batch_normalization(F, f(3), f(4), -1), ValueError, r"mean.shape=\(3,\)"),
    "batch axis": (lambda: nn.batch_normalization(F, f(4), f(4), 9), ValueError, "axis=9"),
    "layer": (lambda: nn.layer_normalization(F, f(3)), ValueError, r"\(3,\)"),
    "layer axis": (lambda: nn.layer_normalization(F, axis=None), TypeError, "axis=None"),
    "layer words": (lambda: nn.layer_normalization(F, foo=1), TypeError, "foo"),
    "rms": (lambda: nn.rms_normalization(F, f(3)), (ValueError, TypeError), r"\(3,\)"),
    "normalize": (lambda: nn.normalize(F, order=0.5), ValueError, "order=0.5"),
    "psnr": (lambda: nn.psnr(F, f(2, 3), 1.0), ValueError, r"x2.shape=\(2, 3\)"),
    "unfold": (lambda: nn.unfold(F, 2), ValueError, "4 dimensions"),
    "unfold pair": (lambda: nn.unfold(f(1, 1, 4, 4), (1, 2, 3)), ValueError, "kernel_size"),
    "fold": (lambda: nn.fold(f(1, 4, 8), 4, 2), ValueError, r"\(batch, channels \* 4, 9\)"),
    "depth": (lambda: nn.depth_to_space(f(1, 3, 3, 3), 2), ValueError, r"channels \(3\)"),
    "depth block": (lambda: nn.depth_to_space(f(1, 3, 3, 4), 1), ValueError, "block_size=1"),
    "depth float": (lambda: nn.depth_to_space(f(1, 3, 3, 4), 2.0), TypeError, "block_size=2.0"),
    "space": (lambda: nn.space_to_depth(T((None, 3, 4, 4)), 2), ValueError, r"height \(3\)"),
    "attention rank": (lambda: nn.dot_product_attention(Q[0], K[0], V[0]), ValueError, "4 dimensions"),
    "attention heads": (lambda: nn.dot_product_attention(Q, K[:, :, :3], V[:, :, :3]), ValueError, "heads"),
    "attention mask": (lambda: nn.dot_product_attention(Q, K, V, mask=B), ValueError, r"mask.shape=\(2, 2\)"),
    "attention flash": (
        lambda: nn.dot_product_attention(Q, K, V, flash_attention=True, attn_logits_soft_cap=1.0),
        ValueError,
        "flash_attention=True",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused(what):
    call, error, message = REFUSED[what]
    with pytest.raises(error, match=message):
        call()
