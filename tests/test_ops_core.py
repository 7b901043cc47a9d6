"""Ops of the families core, math and linalg, and `rearrange`, against Keras: values, dtypes, symbolic shapes."""

from __future__ import annotations

import inspect
import warnings
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import sequax
from sequax import ops
from sequax.core.tensor import KerasTensor
from tests import ops_oracle

CORE = """associative_scan cast cond convert_to_numpy convert_to_tensor custom_gradient dtype fori_loop is_tensor map
saturate_cast scan scatter scatter_update shape slice slice_update stop_gradient switch unstack vectorized_map
while_loop"""
MATH = """cdist erf erfc erfinv extract_sequences fft fft2 ifft2 in_top_k irfft istft logdet logsumexp rfft rsqrt
segment_max segment_min segment_prod segment_sum stft top_k view_as_complex view_as_real"""
LINALG = """cholesky cholesky_inverse det eig eigh inv jvp lstsq lu_factor matrix_rank norm pinv qr solve
solve_triangular svd"""
NAMES = [*CORE.split(), *MATH.split(), *LINALG.split(), "rearrange"]

A = np.arange(6, dtype="float32").reshape(2, 3)
H = A.astype("float16")
I = np.arange(6, dtype="int32").reshape(2, 3)  # noqa: E741 - whole numbers beside A
M = np.array([[4, 1], [1, 3]], "float32")
S = np.stack([M, M + np.eye(2, dtype="float32")])
L = np.linalg.cholesky(M)
P = np.array([[np.nan, 1, 2]] * 3 + [[1, np.inf, 2]] * 2 + [[1, 2, 3]] * 2 + [[1, 1, 0]] * 2, "float32")
SIGNAL = np.sin(np.arange(40)).astype("float32").reshape(2, 20)
SPECTRUM = tuple(np.random.default_rng(0).normal(size=(2, 2, 4, 5)).astype("float32"))
ONES = np.ones(2, "float32")


@dataclass
class Case:
    """A call that Keras and Sequax answer alike, also with symbolic tensors where Keras can (`symbolic`)."""

    name: str
    args: tuple
    kwargs: dict = field(default_factory=dict)
    symbolic: bool = True

    def __str__(self) -> str:
        return self.name


def case(name: str, *args: Any, symbolic: bool = True, **kwargs: Any) -> Case:
    return Case(name, args, kwargs, symbolic)


def add(a: Any, b: Any) -> Any:
    return a + b


def running(carry: Any, x: Any) -> tuple:
    return carry + x, carry * x


CASES = [
    # core
    case("associative_scan", add, A),
    case("associative_scan", add, A, reverse=True, axis=1),
    case("associative_scan", lambda a, b: [a[0] + b[0], a[1] * b[1]], [A, I]),
    case("cast", A, "int32"),
    case("cast", A, int),
    case("cast", [1.5, 2], "float64"),
    case("cond", np.bool_(True), lambda: jnp.ones(2), lambda: jnp.zeros(2)),
    case("cond", False, lambda: {"a": 1}, lambda: {"a": 2}),
    case("convert_to_numpy", A, symbolic=False),
    case("convert_to_numpy", jnp.ones(2, "bfloat16"), symbolic=False),
    *(case("convert_to_tensor", x) for x in (True, 1, 1.5, [1, 2.5], 1j, np.zeros(2), np.int64(3), A, [])),
    case("convert_to_tensor", [A, A], symbolic=False),
    case("convert_to_tensor", A, "int32"),
    case("convert_to_tensor", A, sparse=True, symbolic=False),
    case("dtype", A),
    case("dtype", np.zeros(1, "float64")),
    case("fori_loop", 0, 5, lambda i, x: x + i, A),
    case("fori_loop", 0, 5, lambda i, x: x + i, 1.0),
    case("is_tensor", A),
    case("is_tensor", jnp.ones(2), symbolic=False),
    case("is_tensor", 3),
    case("map", lambda x: x * 2, A),
    case("map", lambda x: {"a": x["u"].sum() + x["v"]}, {"u": A, "v": ONES}, symbolic=False),
    case("saturate_cast", np.array([-3, 300, 5.5, np.nan], "float32"), "uint8"),
    case("saturate_cast", np.array([-3, 300], "int32"), "int8"),
    case("saturate_cast", np.array([1e30, -1e30], "float32"), "float16"),
    case("saturate_cast", np.array([5e9, -5e9, np.inf], "float32"), "int32"),
    case("saturate_cast", np.array([5e9, -5e9], "float32"), "uint32"),
    case("saturate_cast", np.array([3.0, 0, -1]), "bool"),
    case("saturate_cast", np.array([True, False]), "float32"),
    case("scan", running, np.zeros(3, "float32"), A),
    case("scan", running, 0.0, A[0], reverse=True, unroll=True),
    case("scan", lambda c, x: (c + 1, c), 0, length=4),
    case("scan", lambda c, x: (c + x, None), 0, np.arange(4), symbolic=False),
    case("scatter", np.array([[0], [2], [0], [9], [-1]]), np.arange(5, dtype="float16"), (4,)),
    case("scatter", np.array([[0, 1], [1, 1]]), np.array([1, 2]), (2, 2)),
    case("scatter", np.array([[1]]), np.ones((1, 3), "float32"), (2, 3)),
    *(
        case("scatter_update", A[0], np.array([[0], [2], [0]]), np.array([5.0, -1, 7], "float32"), reduction)
        for reduction in (None, "add", "max", "min", "mul")
    ),
    case("scatter_update", A, np.array([[1]]), A[:1]),
    case("shape", A),
    case("slice", A, [0, 1], [2, 2]),
    case("slice", A, np.array([1, 1]), [-1, 2], symbolic=False),
    case("slice_update", A, [1, 2], np.ones((1, 2), "float32")),
    case("stop_gradient", jnp.ones(3)),
    case("switch", 1, [lambda x: x + 1, lambda x: x + 2], A),
    case("switch", -9, [lambda x: x + 1, lambda x: x + 2], A),
    case("unstack", A, axis=-1),
    case("unstack", A, 2),
    case("vectorized_map", lambda x: x[0] + x[1], (A, I)),
    case("while_loop", lambda i: i < 5, lambda i: i + 1, 0),
    case("while_loop", lambda i, x: i < 5, lambda i, x: (i + 1, x * 2), (np.int32(0), A)),
    case("while_loop", lambda i, x: i < 5, lambda i, x: [i + 1, x * 2], (np.int32(0), A), maximum_iterations=3),
    # math
    case("cdist", A, A[:1]),
    case("cdist", H, I),
    case("cdist", np.stack([A, A + 1]), A[None]),
    *(case(name, x) for name in ("erf", "erfc", "erfinv", "rsqrt") for x in (A[0] / 4, H[0] / 4)),
    case("erfc", I, symbolic=False),
    case("extract_sequences", I, 2, 1),
    case("extract_sequences", SIGNAL, 5, 3),
    case("extract_sequences", A, 5, 2, symbolic=False),
    case("fft", (A, -A)),
    case("fft2", (S, S + 1)),
    case("ifft2", (S, S + 1)),
    *(case("in_top_k", np.array([0, 1, 2, 1, 2, -4, 3, 1, -1]), P, k) for k in (0, 1, 2, 9)),
    case("irfft", (A, A)),
    case("irfft", (A, A), 5),
    case("istft", SPECTRUM, 6, 3, 8),
    case("istft", SPECTRUM, 6, 3, 8, length=11),
    case("istft", SPECTRUM, 6, 9, 8, center=False, window="hamming"),
    case("istft", SPECTRUM, 6, 3, 8, center=False, length=15, window=np.linspace(0.5, 1, 6).astype("float32")),
    case("logdet", S),
    case("logdet", -M, symbolic=False),
    case("logsumexp", A, axis=1),
    case("logsumexp", H, axis=(0, 1), keepdims=True, symbolic=False),
    case("rfft", A),
    case("rfft", A, 2),
    case("rfft", I, 5, symbolic=False),
    *(
        case(f"segment_{way}", data, np.array([0, 0, 2]), 4, sorted=True)
        for way in ("max", "min", "prod", "sum")
        for data in (A.T, np.array([1, 2, 3], "int32"))
    ),
    case("segment_sum", A.T, np.array([2, -1, 7]), 3),
    *(case("stft", SIGNAL, 6, 3, 8, window=window) for window in ("hann", "hamming", None)),
    case("stft", SIGNAL, 6, 3, 9, window=np.linspace(0, 1, 6).astype("float32"), center=False),
    case("top_k", A, 2),
    case("top_k", I, 1, sorted=False),
    case("view_as_complex", A.reshape(3, 2)),
    case("view_as_real", A[0] + 1j * A[1]),
    # linalg
    case("cholesky", S),
    case("cholesky", np.array([[4.0, 5], [1, 3]], "float32"), True),
    case("cholesky_inverse", L),
    case("cholesky_inverse", L.T, True),
    case("det", S),
    case("det", M.astype("int32"), symbolic=False),
    case("eig", S, symbolic=False),
    case("eigh", S),
    case("eigh", np.array([[1.0, 5], [0, 2]], "float32")),
    case("inv", S),
    case("jvp", lambda x: x**2, (A,), (A + 1,)),
    case("jvp", lambda x, y: ({"a": x * y}, x), (A, A), (A, A + 1), has_aux=True, symbolic=False),
    case("lstsq", A.T, np.ones(3, "float32")),
    case("lstsq", A.T, np.ones((3, 2), "float32")),
    case("lstsq", A, ONES, 0.5),
    case("lu_factor", S, symbolic=False),
    case("lu_factor", A, symbolic=False),
    *(case("matrix_rank", A, tol) for tol in (None, 0.5, 1.5, 10.0)),
    case("matrix_rank", S),
    *(case("norm", A, ord) for ord in (None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)),
    *(case("norm", A, ord, 1) for ord in (0, 1, 2, 3, np.inf)),
    case("norm", I, 2, 1, True),
    case("norm", S),
    case("norm", S, "fro", (-2, -1)),
    case("pinv", A),
    case("pinv", A, 0.5),
    case("pinv", S),
    case("qr", A.T, symbolic=False),
    case("qr", A.T, "complete", symbolic=False),
    case("qr", S),
    case("solve", S, np.ones((2, 2, 1), "float32")),
    case("solve", M, ONES, symbolic=False),
    case("solve_triangular", S, np.ones((2, 2, 1), "float32")),
    case("solve_triangular", M, np.ones((2, 3), "float32"), lower=True, symbolic=False),
    case("svd", A, symbolic=False),
    case("svd", A, False, symbolic=False),
    case("svd", S, compute_uv=False),
    case("svd", S),
    # einops
    case("rearrange", A, "a b -> b a"),
    case("rearrange", I, "a (b c) -> (c a) b", b=3, symbolic=False),
    case("rearrange", A.reshape(2, 3, 1), "n a b -> n (a b)", symbolic=False),
]


def check_equal(mine: Any, theirs: Any) -> None:
    mine, theirs = (jax.tree.leaves(value, is_leaf=lambda x: hasattr(x, "shape")) for value in (mine, theirs))
    assert len(mine) == len(theirs)
    for a, b in zip(mine, theirs, strict=True):
        if hasattr(b, "shape"):
            assert (tuple(a.shape), str(a.dtype)) == (tuple(b.shape), str(b.dtype))
        wide = "complex64" if np.iscomplexobj(b) else None if np.asarray(b).dtype.kind in "biuSU" else "float32"
        tolerance = 1e-3 if str(getattr(b, "dtype", "")) in ("float16", "bfloat16") else 1e-5
        if isinstance(b, str):
            assert a == b
        else:
            np.testing.assert_allclose(np.asarray(a, wide), np.asarray(b, wide), tolerance, tolerance)


EAGER = {"convert_to_numpy", "dtype", "is_tensor", "rearrange", "shape", "slice"}  # not with values that are traced


@pytest.mark.parametrize("name", sorted({c.name for c in CASES}))
def test_equals_keras(keras, name):
    cases = [(c.args, c.kwargs) for c in CASES if c.name == name]
    compute = ops_oracle.eager if name in EAGER else ops_oracle.compiled
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras asks JAX for 64-bit types, which JAX answers with a warning
        found, expected = compute((getattr(ops, name), getattr(keras.ops, name)), cases)
    check_equal(found, expected)
    args, kwargs = cases[0]
    check_equal(getattr(ops, name)(*args, **kwargs), found[0])


def symbolic(cls: Any, args: tuple, unknown: bool) -> tuple:
    """The arguments with arrays as symbolic tensors; `unknown`: the size of the first axis."""

    def convert(value: Any) -> Any:
        if not isinstance(value, (np.ndarray, jax.Array)):
            return value
        shape = (None, *value.shape[1:]) if unknown and value.ndim else value.shape
        return cls(shape, dtype=value.dtype.name if value.dtype != np.int64 else "int32")

    return jax.tree.map(convert, args)


SYMBOLIC = [c for c in CASES if c.symbolic and any(isinstance(x, np.ndarray) for x in jax.tree.leaves(c.args))]


@pytest.mark.parametrize("case", SYMBOLIC, ids=str)
def test_symbolic_shapes_equal_keras(keras, case):
    """With an unknown first axis, unless Keras wants to know it there."""
    for unknown in (True, False):
        try:
            theirs = getattr(keras.ops, case.name)(*symbolic(keras.KerasTensor, case.args, unknown), **case.kwargs)
            break
        except Exception:
            if not unknown:
                raise
    mine = getattr(ops, case.name)(*symbolic(KerasTensor, case.args, unknown), **case.kwargs)
    found, expected = (jax.tree.leaves(value, is_leaf=lambda x: hasattr(x, "dtype")) for value in (mine, theirs))
    assert [(x.shape, x.dtype) if hasattr(x, "dtype") else x for x in found] == [
        (x.shape, x.dtype) if hasattr(x, "dtype") else x for x in expected
    ]


def test_every_name_is_in_the_table():
    assert {c.name for c in CASES} | {"custom_gradient"} == set(NAMES)


def test_signatures_equal_keras(keras):
    def parameters(function: Any) -> list:
        return [(p.name, p.default, p.kind) for p in inspect.signature(function).parameters.values()]

    for name in NAMES:
        assert parameters(getattr(ops, name)) == parameters(getattr(keras.ops, name)), name


def test_linalg_namespace(keras):
    public = {name for name in dir(keras.ops.linalg) if not name.startswith("_")}
    assert set(ops.linalg.__all__) == public == set(LINALG.split())
    assert ops.linalg.svd is ops.svd


def test_all_names_of_keras_ops(keras):
    namespaces = {name for name in dir(keras.ops) if inspect.ismodule(getattr(keras.ops, name))}
    names = {name for name in dir(keras.ops) if not name.startswith("_")} - namespaces
    assert len(names) == 337
    assert not names - set(ops.__all__)
    assert not {name for name in ops.__all__ if not inspect.ismodule(getattr(ops, name))} - names


# --- behaviour beyond the table ---


def test_nodes_run_in_a_model(keras):
    """What is recorded on symbolic tensors computes what the op does on arrays."""
    x = sequax.Input((3,))
    values, positions = ops.top_k(x, 2)
    flag = ops.cond(ops.shape(x)[1] == 3, lambda: 1.0, lambda: 0.0)
    outputs = [
        values,
        positions,
        *ops.unstack(ops.slice(x, [0, 1], [2, 2]), 2),
        ops.rearrange(x, "n (a b) -> b n a", a=3),
    ]
    outputs.append(ops.while_loop(lambda i, y: i < 2, lambda i, y: (i + 1, y * 2), (0, x))[1])
    model = sequax.Model(x, outputs)
    results = model(A)
    assert flag == 1.0
    check_equal(results[:2], keras.ops.top_k(A, 2))
    check_equal(results[2:4], [A[0, 1:], A[1, 1:]])
    check_equal(results[4:], [A[None], A * 4])


def test_custom_gradient():
    @ops.custom_gradient
    def double(x, y):
        return x * y, lambda upstream: (7 * upstream, 5 * upstream)

    assert float(double(np.float32(3), sequax.Variable(2.0))) == 6
    assert [float(g) for g in jax.grad(double, (0, 1))(3.0, 2.0)] == [7, 5]
    assert double(KerasTensor((None, 2)), 2.0).shape == (None, 2)


def test_variables_are_operands():
    v = sequax.Variable(A)
    np.testing.assert_array_equal(ops.map(lambda x: x + 1, v), A + 1)
    np.testing.assert_array_equal(ops.convert_to_numpy(v), A)
    assert ops.shape(v) == (2, 3) and ops.dtype(v) == "float32" and not ops.is_tensor(v)
    np.testing.assert_array_equal(ops.fori_loop(0, 2, lambda i, x: x * 2, v), A * 4)


def test_stop_gradient_holds_constant():
    assert float(jax.grad(lambda x: x * ops.stop_gradient(x))(3.0)) == 3


@pytest.mark.parametrize("window", ["hann", None])
def test_istft_inverts_stft(window):
    """With `window=None` too, where Keras returns a multiple of the signal."""
    spectrum = ops.stft(SIGNAL, 8, 2, 8, window=window)
    np.testing.assert_allclose(ops.istft(spectrum, 8, 2, 8, length=20, window=window), SIGNAL, atol=1e-6)


def test_cdist_has_a_gradient_at_zero():
    assert np.isfinite(jax.grad(lambda x: ops.cdist(x, x).sum())(jnp.ones((2, 2)))).all()
    gradient = jax.grad(lambda x: ops.cdist(x, jnp.zeros((1, 2))).sum())(jnp.array([[3.0, 4.0]]))
    np.testing.assert_allclose(gradient, [[0.6, 0.8]], rtol=1e-6)


def test_cholesky_inverse_of_batches():
    """Keras inverts the first matrix only."""
    np.testing.assert_allclose(ops.cholesky_inverse(np.linalg.cholesky(S)), np.linalg.inv(S), rtol=1e-5)


def test_rearrange_axes_of_size_one():
    assert ops.rearrange(A, "a b -> b 1 (a) ()").shape == (3, 1, 2, 1)
    assert ops.rearrange(A[None], "1 a b -> (a b)").shape == (6,)
    assert ops.rearrange(KerasTensor((None, 6, 2)), "(n m) (a b) c -> n m a (c b)", m=2, a=3).shape == (None, 2, 3, 4)


BAD = [
    ("cast", (A, "foo"), "Invalid dtype"),
    ("convert_to_tensor", (A, None, None, True), "ragged"),
    ("convert_to_tensor", (None,), "None"),
    ("convert_to_numpy", (KerasTensor((2,)),), "symbolic"),
    ("scan", (running, 0, None), "length"),
    ("scan", (running, 0, A[0], None, False, -1), "unroll"),
    ("scatter_update", (A, [[0]], [1.0], "foo"), "reduction"),
    ("slice", (A, [0], [1]), "2 axes"),
    ("unstack", (KerasTensor((None, 3)),), "Pass `num`"),
    ("unstack", (A, None, 2), "axis=2"),
    ("cdist", (A, M), "last axes"),
    ("cdist", (A, A[0]), "at least 2 axes"),
    ("extract_sequences", (A, 0, 1), "sequence_length=0"),
    ("fft", (A,), "tuple of two"),
    ("fft", ((A, A[:1]),), "same shape"),
    ("fft", ((I, I),), "floats"),
    ("fft2", ((A[0], A[0]),), "2 axes"),
    ("stft", (SIGNAL, 6, 3, 5), "fft_length=5"),
    ("stft", (SIGNAL, 6, 0, 8), "sequence_stride=0"),
    ("stft", (SIGNAL, 6, 3, 8, "foo"), "'foo'"),
    ("stft", (SIGNAL, 6, 3, 8, ONES), r"\(6,\)"),
    ("istft", ((A[0], A[0]), 6, 3, 8), "2 axes"),
    ("in_top_k", (np.zeros((2, 1), int), A, 1), r"shape \(n,\)"),
    ("segment_sum", (A, np.array([0, 1])), "num_segments"),
    ("segment_sum", (A, np.array([0]), 2), "segment_ids"),
    ("view_as_complex", (A,), "size 2"),
    ("cholesky", (-M,), "positive definite"),
    ("det", (A,), "square"),
    ("inv", (A[0],), "rank >= 2"),
    ("lstsq", (A, np.ones(3, "float32")), "shape"),
    ("norm", (A, "inf"), "'inf'"),
    ("qr", (A, "raw"), "'raw'"),
    ("solve", (M, np.ones(3, "float32")), "with the n of `a`"),
    ("rearrange", (A, "a b"), "'->'"),
    ("rearrange", (A, "a b -> a"), "each name"),
    ("rearrange", (A, "a a -> a a"), "each name"),
    ("rearrange", (A, "... b -> b ..."), "a pattern"),
    ("rearrange", (A, "a b c -> a b c"), "3 axes"),
    ("rearrange", (A, "a (b c) -> a b c"), "all but one"),
]


@pytest.mark.parametrize(("name", "args", "message"), BAD, ids=[row[0] for row in BAD])
def test_bad_input_is_refused(name, args, message):
    with pytest.raises(ValueError, match=message):
        getattr(ops, name)(*args)


def test_bad_lengths_in_rearrange():
    with pytest.raises(ValueError, match="axis of size 3"):
        ops.rearrange(A, "a (b c) -> a b c", b=2)
    with pytest.raises(TypeError, match="float32"):
        ops.stft(I, 2, 1, 2)


@pytest.mark.parametrize("name", ["solve", "solve_triangular"])
@pytest.mark.parametrize(
    ("a", "b"), [((4, 3, 3), (4, 3)), ((3, 3, 3), (3, 3)), ((4, 3, 3), (3,)), ((3, 3), (3,)), ((4, 3, 3), (4, 3, 5))]
)
def test_solutions_have_the_shape_of_the_right_hand_side(name, a, b):
    rng = np.random.default_rng(0)
    a, b = np.triu(rng.normal(size=a)).astype("float32") + 3 * np.eye(3, dtype="float32"), rng.normal(size=b)
    b = b.astype("float32")
    x = np.asarray(getattr(ops, name)(a, b))
    whole = np.broadcast_to(b, (4, 3)) if (a.ndim, b.ndim) == (3, 1) else b
    assert x.shape == whole.shape
    found = a @ x if x.ndim == a.ndim and b.shape[:-1] != a.shape[:-2] else (a @ x[..., None])[..., 0]
    np.testing.assert_allclose(found, whole, atol=1e-5)
    if b.ndim > 1:
        unknown = (sequax.KerasTensor((None, *array.shape[1:])) for array in (a, b))
        assert getattr(ops, name)(*unknown).shape == (None, *b.shape[1:])


def test_sizes_are_known_inside_of_programs():
    @jax.jit
    def repeated(x):
        rows, steps, _ = ops.shape(x)
        mask = ops.reshape(ops.arange(steps) > 0, ops.stack([1, steps]))
        return ops.tile(mask, ops.concatenate([ops.expand_dims(rows, -1), ops.convert_to_tensor([2])], 0))

    assert repeated(jnp.ones((3, 2, 5))).tolist() == 3 * [[False, True, False, True]]
