"""The ops with NumPy's names against Keras: signatures, values, dtypes, and shapes of symbolic tensors."""

from __future__ import annotations

import functools
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sequax import ops
from sequax.core.tensor import KerasTensor
from sequax.core.variable import Variable
from sequax.ops import numpy as namespace
from tests import ops_oracle

F = np.array([[0.5, -1.25, 2.0], [3.0, 0.25, -0.75]], "float32")
P = np.array([[0.1, 0.9, 0.45], [0.3, 0.25, 0.8]], "float32")
I = np.array([[3, -1, 2], [0, 4, 1]], "int32")  # noqa: E741 - I for int32, as F for float32
U = np.array([[3, 1, 2], [0, 4, 1]], "int32")
S = U.astype("int8")
B = np.array([[True, False, True], [False, False, True]])
V = np.array([3, 1, 2, 1], "int32")
W = np.array([0.5, -1.0, 2.5, 4.0], "float32")
N = np.array([[np.nan, 1.5, 0.5], [2.0, np.nan, -3.0]], "float32")
X = np.array([[np.nan, np.inf, -np.inf], [1.5, -2.5, 0.0]], "float32")
C = np.array([1 + 2j, -3.0, 0.5j], "complex64")
M = np.arange(18, dtype="float32").reshape(2, 3, 3) % 7
ONE = np.ones((2, 1, 3), "float32")


def words(text):
    return text.split()


FLOAT_UNARY = words(
    """abs absolute angle arcsin arcsinh arctan arctanh arccos cbrt ceil cos cosh deg2rad exp exp2 expm1 fabs
floor i0 log log10 log1p log2 rad2deg reciprocal sin sinc sinh sqrt tan tanh"""
)
UNARY = words(
    """arccosh conj conjugate imag real isfinite isinf isnan isneginf isposinf isreal logical_not negative sign
signbit square trunc copy round nan_to_num"""
)
BINARY = words(
    """add arctan2 divide divide_no_nan equal floor_divide fmax fmin fmod greater greater_equal heaviside hypot
less less_equal logaddexp logaddexp2 logical_and logical_or logical_xor maximum minimum mod multiply nextafter not_equal
power subtract true_divide isclose allclose"""
)
BITWISE = words(
    "bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift left_shift right_shift gcd lcm"
)
REDUCTIONS = words(
    """all any amax amin argmax argmin max min mean median prod ptp std sum var nanargmax nanargmin nanmax
nanmean nanmedian nanmin nanprod nanstd nansum nanvar"""
)
WHOLE = ["add", "divide", "floor_divide", "fmod", "mod", "power"]  # those whose sense for whole numbers is in doubt
RUNNING = ["cumprod", "cumsum", "nancumprod", "nancumsum"]
SIMPLE = {*FLOAT_UNARY, *UNARY, *BINARY, *BITWISE, *REDUCTIONS, *RUNNING}
WINDOWS = ["bartlett", "blackman", "hamming", "hanning"]


def case(*args, **kwargs):
    return args, kwargs


# Every op, with the calls that are compared. NumPy arrays become symbolic tensors and variables in turn; lists stay.
CASES = {
    **{name: [case(P)] for name in FLOAT_UNARY},
    **{name: [case(X)] for name in UNARY},
    **{name: [case(P, F[0])] for name in BINARY},
    **{name: [case(P, F[0]), case(U, 2)] for name in WHOLE},
    **{name: [case(S, V[:3] % 3)] for name in BITWISE},
    **{name: [case(F, axis=-1, keepdims=True)] for name in REDUCTIONS},
    **{name: [case(N)] for name in REDUCTIONS if name.startswith("nan")},
    **{name: [case(F, axis=1), case(S)] for name in RUNNING},
    **{name: [case(np.int32(4))] for name in WINDOWS},
    "append": [case(F, I), case(F, F, axis=1), case(F, [[1, 2, 3]], axis=0)],
    "arange": [case(3), case(1, 7, 2), case(0.0, 1.0, 0.25), case(4, dtype="int8"), case(np.int8(3)), case(5, 1, -1.5)],
    "argpartition": [case(V, 1)],
    "argsort": [case(V), case(F, axis=0), case(F, axis=None)],
    "array": [case(F), case([1, 2]), case([1, 2.5]), case([True]), case(3), case(2.5), case(F, dtype="int32")],
    "array_split": [case(V, 3), case(F, 2, axis=1)],
    "average": [case(I), case(F, axis=1), case(F, weights=P), case(I, axis=0, weights=V[:2])],
    "bincount": [case(V), case(V, weights=W, minlength=6), case(V, minlength=2)],
    "bitwise_invert": [case(I), case(B)],
    "bitwise_not": [case(I), case(B)],
    "broadcast_to": [case(F, (4, 2, 3)), case(ONE, (2, 5, 3))],
    "clip": [case(F, -1, 1), case(I, 0, 2), case(B, 0, 1), case(F, None, P)],
    "concatenate": [case([F, I]), case([F, F, P], axis=1), case([S, B]), case([F, F], axis=-1)],
    "corrcoef": [case(F), case(I)],
    "correlate": [case(V, [1, 2]), case(W, V[:3], mode="same"), case(V, W, mode="full")],
    "count_nonzero": [case(I), case(I, axis=1)],
    "cross": [case(F, P), case(F, M[:, 0]), case(F.T[:, :1], P.T[:, :1], axis=0), case(F[:, :2], P[:, :2])],
    "diag": [case(V), case(F), case(W, k=1), case(M[0], k=-1)],
    "diagflat": [case(F), case(V, k=-1)],
    "diagonal": [case(M), case(M, offset=1, axis1=1, axis2=2), case(F)],
    "diff": [case(F), case(I, axis=0), case(F, n=2), case(B)],
    "digitize": [case(F, [-1.0, 0.0, 1.0]), case(V, V[1:3])],
    "dot": [case(F, M[0]), case(S, S.T), case(F, 2), case(M, F[0])],
    "dsplit": [case(M, 3), case(M, [1])],
    "dstack": [case([F, P]), case([M, M]), case([V, V])],
    "einsum": [case("ij,kj->ik", F, P), case("ij,kj->ik", S, S), case("...ij,j->...i", M, F[0]), case("ij->ji", I)],
    "empty": [case((2, 3)), case(3, dtype="int32")],
    "empty_like": [case(F), case(F, dtype="bool")],
    "expand_dims": [case(F, -1), case(F, (0, 2)), case(V, 0)],
    "eye": [case(3), case(2, 3, k=1, dtype="bool"), case(3, 2, -1, "int32")],
    "flip": [case(F), case(F, axis=1), case(M, axis=(0, 2))],
    "fliplr": [case(F)],
    "flipud": [case(F)],
    "full": [case((2, 3), 3), case((2, 3), V[:3]), case(2, 2.5, dtype="int32")],
    "full_like": [case(F, 2), case(I, 2.7), case(F, V[:3], dtype="int8")],
    "geomspace": [case(1, 100, 3), case(P[0], P[1], 4, axis=-1), case(2.0, 16.0, num=3, endpoint=False)],
    "get_item": [case(jnp.asarray(F), (slice(None), 0)), case(F, 0), case(F, (..., None, slice(0, 5)))],
    "histogram": [case(W, bins=4), case(V, bins=4, range=(0, 4))],
    "hsplit": [case(F, 3), case(F, [1]), case(V, 2)],
    "hstack": [case([F, I]), case([V, W])],
    "identity": [case(2), case(2, dtype="int8")],
    "inner": [case(F, P), case(S, S), case(V, W)],
    "isin": [case(V, [1, 2]), case(I, V, invert=True)],
    "kaiser": [case(4, 2.5)],
    "kron": [case(F, I), case(S, B)],
    "ldexp": [case(F, I), case(I, I), case(F, 2)],
    "linspace": [
        *(case(0, 10, 5), case(0, 10, 5, dtype="int32"), case(0, 10, 4, retstep=True), case(F[0], F[1], 3, axis=-1)),
        *(case(I[0], F, 4), case(0.0, 1.0, num=4, endpoint=False)),
    ],
    "logspace": [case(0, 2, 3), case(F[0], F[1], 3, axis=-1), case(0, 3, 4, base=2, dtype="int32")],
    "matmul": [case(F, M[0]), case(S, S.T), case(M, F[0]), case(M, M), case(S, F.T), case(B, B.T)],
    "max": [case(F), case(F, axis=0, initial=1.5)],
    "min": [case(F), case(F, axis=0, initial=0.1)],
    "meshgrid": [case(V, W[:2]), case(V, W, V[:2], indexing="ij")],
    "moveaxis": [case(M, 0, -1), case(ONE, (0, 1), (1, 0))],
    "nanquantile": [case(N, [0.2, 0.5], axis=1, method="higher")],
    "nanpercentile": [case(N, [20.0, 50.0], axis=1, keepdims=True)],
    "ndim": [case(M)],
    "nonzero": [case(I)],
    "ones": [case((2, 3)), case(3, dtype="bool")],
    "ones_like": [case(F), case(I, dtype="bfloat16")],
    "outer": [case(F, V), case(S, S)],
    "pad": [
        *(case(F, 1), case(F, (1, 2)), case(F, ((0, 1), (1, 2)), constant_values=3), case(B, ((0, 0), (1, 0)))),
        *(case(I, ((0, 1), (1, 2)), mode=mode) for mode in ("reflect", "symmetric", "edge", "wrap")),
    ],
    "percentile": [case(I, [20, 50], axis=1), case(F, 30.0, axis=(0, 1), keepdims=True)],
    "prod": [case(F, axis=1, keepdims=True), case(S, dtype="float32")],
    "quantile": [
        *(case(F, 0.5), case(F, [0.2, 0.5], axis=1, keepdims=True), case(F, np.float32([0.3, 0.6]), axis=0)),
        *(case(I, 0.4, axis=1, method=method) for method in ("lower", "midpoint")),
    ],
    "ravel": [case(F)],
    "repeat": [case(F, 2), case(F, 2, axis=1), case(V, 3, axis=0)],
    "reshape": [case(F, (3, -1)), case(F, -1), case(F, [-1, 1, 3]), case(F, (3, 2))],
    "roll": [case(F, 1), case(F, 2, axis=1), case(F, (1, 2), axis=(0, 1))],
    "rot90": [case(F), case(F, k=-1), case(M, k=2, axes=(1, 2)), case(F, 3)],
    "round": [case(F), case(I), case(F * 1.26, decimals=1), case(I * 17, decimals=-1)],
    "searchsorted": [case(np.sort(V), [0, 2, 5]), case(np.sort(W), I, side="right")],
    "select": [case([F > 1, F > 0], [F, P], 5), case([B], [I])],
    "size": [case(M)],
    "slogdet": [case(M), case(I[:, :2])],
    "sort": [case(V), case(F, axis=0), case(F, axis=None)],
    "split": [case(F, 3, axis=1), case(F, [1], axis=1), case(F, 2), case(F, [1])],
    "squeeze": [case(ONE), case(ONE, axis=1), case(ONE[:, :, :1], axis=(1, 2))],
    "stack": [case([F, I]), case([F, P], axis=-1), case(F)],
    "swapaxes": [case(M, 0, 2)],
    "take": [
        *(case(F, [0, -1], axis=1), case(F, [0, 5], axis=1), case(F, 9), case(F, V, axis=0), case(M, U, axis=-1)),
        case(V, 1, axis=0),
    ],
    "take_along_axis": [case(F, V[1:3].reshape(2, 1), axis=1), case(F, V)],
    "tensordot": [case(F, M[0], axes=1), case(S, S), case(M, M, axes=[[1, 2], [2, 1]])],
    "tile": [case(F, 2), case(F, (1, 2)), case(F, [2, 1, 1])],
    "trace": [case(M, axis1=1, axis2=2), case(S), case(S.astype("uint8")), case(B), case(M, 1)],
    "transpose": [case(F), case(M, (1, 0, 2))],
    "trapezoid": [case(F), case(I, x=U), case(F, dx=0.5, axis=0)],
    "tri": [case(3), case(3, 4, k=1, dtype="int32")],
    "tril": [case(F), case(B, k=-1), case(M)],
    "triu": [case(F), case(S, k=1), case(M)],
    "unique": [
        *(case(V, sorted=False), case(V, size=6, fill_value=0), case(I, axis=1, return_inverse=True)),
        case(I, return_index=True, return_inverse=True, return_counts=True),
    ],
    "unravel_index": [case(V, (2, 2)), case([5, -1], (2, 3))],
    "vander": [case(V), case(W, N=2, increasing=True)],
    "vdot": [case(F, P), case(S, S)],
    "vectorize": [case(np.add, excluded=None)],
    "view": [case(F, dtype="int32"), case(F), case(F, dtype="int8"), case(np.arange(8, dtype="int8"), dtype="int32")],
    "vsplit": [case(F, 2), case(F, [1])],
    "vstack": [case([F, I]), case([V, V])],
    "where": [case(B), case(B, 1, 2), case(B, 1.0, 2), case(B, S, I), case(B, F, 0), case(B, S, 2.0)],
    "zeros": [case((2, 3)), case((2, 1), dtype="bool")],
    "zeros_like": [case(F), case(B)],
}
for _name in ("angle", "conj", "imag", "isreal", "real"):
    CASES[_name].append(case(C))

# What Keras says of symbolic tensors and does not keep when it computes.
KERAS_MISTAKEN = {
    "angle": "complex",
    "corrcoef": "the shape of the input",
    "gcd": "int8 and a number are int32",
    "histogram": "int32 counts",
    "imag": "complex",
    "lcm": "int8 and a number are int32",
    "meshgrid": "one dtype for all",
    "ndim": "a tensor of shape (rank,)",
    "real": "complex",
    "searchsorted": "int64",
    "slogdet": "one sign for all matrices",
    "unravel_index": "a list",
    "vstack": "vectors stay vectors",
    "where": "the places as an array of the shape of the condition",
}
# An unknown first size that another operand must match elsewhere, e.g. (None, 3) @ (None, 3), is not found.
CONTRACTED = {"cross", "dot", "matmul", "slogdet", "tensordot"}


def leaves(tree):
    return jax.tree.leaves(tree, is_leaf=lambda x: hasattr(x, "shape"))


def assert_same(ours, theirs):
    assert type(ours) is type(theirs) or not isinstance(theirs, (tuple, list)), (type(ours), type(theirs))
    for a, b in zip(leaves(ours), leaves(theirs), strict=True):
        assert getattr(a, "dtype", type(a)) == getattr(b, "dtype", type(b))
        a, b = (np.asarray(x, None if np.iscomplexobj(x) else "float64") for x in (a, b))
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


def arrays_as(make, args, kwargs):
    return jax.tree.map(lambda x: make(x) if isinstance(x, np.ndarray) else x, (args, kwargs))


def described(tree):
    return [(tuple(x.shape), jnp.dtype(x.dtype).name) for x in leaves(tree) if hasattr(x, "shape")]


def test_same_names_and_signatures(keras):
    names = {name for name in dir(keras.ops.numpy) if not name.startswith("_")}
    assert names == set(namespace.__all__) == set(CASES)
    assert names <= set(ops.__all__)
    for name in names:
        theirs, ours = (inspect.signature(getattr(module, name)) for module in (keras.ops.numpy, namespace))
        bare = [(p.name, p.kind, p.default) for p in ours.parameters.values()]
        assert bare == [(p.name, p.kind, p.default) for p in theirs.parameters.values()], name


def without_batch(x):
    return (None, *x.shape[1:])


def symbolic(make, shape, args, kwargs):
    return arrays_as(lambda x: make(shape(x), x.dtype.name) if x.ndim else x, args, kwargs)


def attempt(function, args, kwargs):
    try:
        return function(*args, **kwargs)
    except Exception:
        return None


def assert_symbolic(keras, name, shape, args, kwargs, result):
    """Shapes and dtypes are those of Keras, and those of the computed `result` where they are known."""
    ours = attempt(getattr(ops, name), *symbolic(KerasTensor, shape, args, kwargs))
    if ours is None:
        assert shape is without_batch and name in CONTRACTED
        return
    theirs = attempt(getattr(keras.ops, name), *symbolic(keras.KerasTensor, shape, args, kwargs))
    if theirs is not None and name not in KERAS_MISTAKEN:
        assert described(ours) == described(theirs)
        assert isinstance(ours, (list, tuple)) == isinstance(theirs, (list, tuple))
    if name != "size":
        for (sizes, dtype), (true, true_dtype) in zip(described(ours), described(result), strict=True):
            assert dtype == true_dtype and len(sizes) == len(true)
            assert all(size in (None, true_size) for size, true_size in zip(sizes, true, strict=True))


# Sizes or values of their results are no arrays, or depend on values.
EAGER = {*WINDOWS, *words("arange bincount kaiser ndim nonzero size unique where")}


@pytest.mark.parametrize("name", sorted(set(CASES) - {"vectorize"}))
def test_values_and_shapes(keras, name):
    function, oracle = getattr(ops, name), getattr(keras.ops, name)
    compute = ops_oracle.eager if name in EAGER else ops_oracle.compiled
    results, oracles = compute((function, oracle), CASES[name])
    for (args, kwargs), result, expected in zip(CASES[name], results, oracles, strict=True):
        if not name.startswith("empty"):
            assert_same(result, expected)
        if any(isinstance(x, np.ndarray) for x in leaves((args, kwargs))):
            for shape in (without_batch,) if name in SIMPLE else (np.shape, without_batch):
                assert_symbolic(keras, name, shape, args, kwargs, result)
    for make in (np.copy, Variable, np.ndarray.tolist):
        args, kwargs = arrays_as(make, *CASES[name][0])
        assert_same(function(*args, **kwargs), results[0])


def dtypes_of(function, *args):
    traced = [jax.ShapeDtypeStruct((2, 2), x) if isinstance(x, str) else x for x in args]
    arrays = [x for x in traced if not isinstance(x, (int, float))]
    numbers = [x for x in traced if isinstance(x, (int, float))]
    try:
        result = jax.eval_shape(lambda *xs: function(*xs, *numbers), *arrays)
    except (TypeError, ValueError):
        return "refused"
    return [x.dtype.name for x in jax.tree.leaves(result)]


def clip_between(module, x, bound):
    return module.clip(x, 0, bound)


def choose(module, x1, x2):
    return module.where(x1 > 0, x1, x2)


def multiply_by_einsum(module, x1, x2):
    return module.einsum("ij,jk", x1, x2)


ONE_ARRAY = [*FLOAT_UNARY, *UNARY, *REDUCTIONS, *RUNNING, *words("average diff corrcoef trace trapezoid")]
TWO_ARRAYS = [
    *BINARY,
    *BITWISE,
    "append",
    "cross",
    "dot",
    "inner",
    "isin",
    "kron",
    "matmul",
    "outer",
    "tensordot",
    "vdot",
]
PAIRS = [
    *(("bfloat16", "float16"), ("int32", "bfloat16"), ("int8", "uint8"), ("bool", "int8"), ("int8", "int8")),
    *(("bool", "bool"), ("int8", 2.5), ("bool", 1)),
]


@pytest.mark.parametrize("dtype", ["bfloat16", "int8", "uint8", "bool"])
def test_dtypes_of_ops_of_one_array(keras, dtype):
    for name in ONE_ARRAY:
        theirs = dtypes_of(getattr(keras.ops, name), dtype)
        assert dtypes_of(getattr(ops, name), dtype) == theirs, name


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_dtypes_of_ops_of_two_arrays(keras, pair):
    for name in TWO_ARRAYS:
        assert dtypes_of(getattr(ops, name), *pair) == dtypes_of(getattr(keras.ops, name), *pair), name
    for function in (clip_between, choose, multiply_by_einsum):
        ours, theirs = (dtypes_of(functools.partial(function, module), *pair) for module in (ops, keras.ops))
        assert ours == theirs, function.__name__


def test_python_numbers_keep_16_bits():
    """Also where Keras has float32: arctan2 and logaddexp of a bfloat16 array and a Python float."""
    for name in TWO_ARRAYS:
        if name not in (*BITWISE, "cross", "matmul", "append", "isin", "isclose"):
            result = dtypes_of(getattr(ops, name), "bfloat16", 2.5)
            assert result in (["bfloat16"], ["bool"], "refused"), name


def test_dtypes_that_jax_does_not_have_become_those_it_has():
    for dtype, stored in (("float64", "float32"), ("int64", "int32"), (float, "float32"), (int, "int32")):
        assert ops.zeros((2,), dtype).dtype == ops.arange(3, dtype=dtype).dtype == ops.array([1], dtype).dtype == stored
    assert ops.array(np.zeros(2)).dtype == "float32"


def test_unknown_sizes_take_those_of_the_other_arrays():
    x, y, two = KerasTensor((None, 3)), KerasTensor((None, None)), KerasTensor((2, 3))
    assert ops.add(x, two).shape == ops.add(two, x).shape == ops.where(x > 0, x, two).shape == (2, 3)
    assert (
        ops.add(y, x).shape == ops.add(x, [1.0, 2.0, 3.0]).shape == ops.add(x, KerasTensor((1, 3))).shape == (None, 3)
    )
    assert ops.concatenate([x, two], axis=1).shape == (2, 6)
    assert ops.stack([x, two]).shape == (2, 2, 3)
    assert ops.matmul(KerasTensor((None, 2, 3)), KerasTensor((4, 3, 5))).shape == (4, 2, 5)
    with pytest.raises(TypeError, match="incompatible shapes"):
        ops.add(KerasTensor((None, 4)), KerasTensor((3, 5)))


def test_unknown_sizes_stay_unknown_where_an_op_cuts():
    x = KerasTensor((None, 3))
    assert ops.get_item(x, slice(0, 3)).shape == ops.get_item(x, slice(5)).shape == (None, 3)
    assert ops.get_item(x, (slice(None), slice(1, None))).shape == (None, 2)
    assert ops.get_item(x, -1).shape == (3,)
    assert ops.diag(x).shape == (None,)
    assert [part.shape for part in ops.split(x, 7)] == [(None, 3)] * 7
    assert ops.reshape(x, (-1, 2, 3)).shape == ops.reshape(x, (None, 2, 3)).shape == (None, 2, 3)
    assert ops.unique(x, axis=0, return_counts=True)[0].shape == (None, 3)


def test_symbolic_ops_are_nodes_that_compute():
    x = KerasTensor((None, 3))
    y = ops.sum(ops.add(x, 1), axis=1, keepdims=True)
    assert y.shape == (None, 1) and y.node.operation.name.startswith("sum")
    (inner,) = y.node.inputs
    assert inner.node.operation(F, 1).shape == F.shape
    np.testing.assert_allclose(y.node.operation(F, axis=1, keepdims=True), F.sum(1, keepdims=True), rtol=1e-6)


def test_vectorize(keras):
    for args in ((V, V), (F, 2.0)):
        assert_same(ops.vectorize(lambda a, b: a + b)(*args), keras.ops.vectorize(lambda a, b: a + b)(*args))
    product = ops.vectorize(lambda a, b: a @ b, signature="(n),(n)->()")
    np.testing.assert_allclose(product(F, P), (F * P).sum(1), rtol=1e-6)
    assert product(KerasTensor((None, 3)), KerasTensor((3,))).shape == (None,)
    assert ops.vectorize(lambda x, k: x * k, excluded=[1])(V, 3).tolist() == [9, 3, 6, 3]


def test_bincount_of_rows():
    rows = np.array([[1, 2, 1], [0, 0, 4]])
    assert ops.bincount(rows).tolist() == [[0, 2, 1, 0, 0], [2, 0, 0, 0, 1]]
    assert ops.bincount(rows, weights=np.ones((2, 3), "float32"), minlength=6).shape == (2, 6)
    assert ops.bincount(np.zeros(0, "int32"), minlength=2).tolist() == [0, 0]


def test_gradient_of_a_division_by_zero_is_zero():
    gradient = jax.grad(lambda x, y: ops.divide_no_nan(x, y).sum(), argnums=(0, 1))(jnp.ones(2), jnp.array([0.0, 2.0]))
    np.testing.assert_allclose(gradient, [[0, 0.5], [0, -0.25]])


T = KerasTensor((None, 3))
REFUSED = {
    "jit nonzero": (
        lambda: jax.jit(ops.nonzero)(F),
        TypeError,
        "ops.nonzero: the size of the result depends on values",
    ),
    "jit where": (lambda: jax.jit(ops.where)(B), TypeError, "ops.where: the size"),
    "jit unique": (lambda: jax.jit(ops.unique)(V), TypeError, "Give `size`"),
    "jit bincount": (lambda: jax.jit(ops.bincount)(V), TypeError, "one_hot"),
    "jit arange": (lambda: jax.jit(ops.arange)(3), TypeError, "ops.arange"),
    "jit repeat": (lambda: jax.jit(ops.repeat)(V, V), TypeError, "ops.repeat"),
    "window": (lambda: ops.hanning(KerasTensor(())), TypeError, "ops.hanning: `x`"),
    "where one": (lambda: ops.where(B, F), ValueError, "both `x1` and `x2`"),
    "ldexp": (lambda: ops.ldexp(F, 2.0), TypeError, "integer dtype"),
    "vectorize": (lambda: ops.vectorize(3), ValueError, "callable"),
    "reshape": (lambda: ops.reshape(F, (4, -1)), TypeError, r"shape \(2, 3\).*\(4, -1\)"),
    "reshape symbolic": (lambda: ops.reshape(KerasTensor((2, 3)), (4, -1)), TypeError, r"\(4, -1\)"),
    "axis": (lambda: ops.max(F, axis=5), ValueError, "axis 5 is out of bounds"),
    "squeeze": (lambda: ops.squeeze(F, axis=0), ValueError, r"\(2, 3\)"),
    "split": (lambda: ops.split(F, 2, axis=1), ValueError, "equal division"),
    "split symbolic": (lambda: ops.split(T, 2, axis=1), ValueError, "equal division"),
    "array_split": (lambda: ops.array_split(V, [1, 3]), TypeError, "use `split`"),
    "rot90 rank": (lambda: ops.rot90(V), ValueError, "at least two axes"),
    "rot90 axes": (lambda: ops.rot90(F, axes=(0, 0)), ValueError, "two different ones"),
    "pad": (lambda: ops.pad(F, 1, mode="reflect", constant_values=3), ValueError, "mode='reflect'"),
    "pad width": (lambda: ops.pad(F, ((0, 1),) * 3), ValueError, "pad_width"),
    "searchsorted": (lambda: ops.searchsorted(F, V), ValueError, r"\(2, 3\)"),
    "histogram rank": (lambda: ops.histogram(F), ValueError, r"x.shape=\(2, 3\)"),
    "histogram bins": (lambda: ops.histogram(V, bins=-1), ValueError, "bins=-1"),
    "histogram range": (lambda: ops.histogram(V, range=(1, 2, 3)), ValueError, "pair"),
    "sparse": (lambda: ops.bincount(V, sparse=True), ValueError, "sparse"),
    "empty max": (lambda: ops.max(np.zeros((0, 3))), ValueError, "zero-size"),
    "shapes": (lambda: ops.add(F, F.T), TypeError, r"\(2, 3\), \(3, 2\)"),
    "quantile": (lambda: ops.quantile(F, 0.5, method="best"), ValueError, "method"),
    "text": (lambda: ops.sin("abc"), TypeError, "'abc'"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused(what):
    call, error, message = REFUSED[what]
    with pytest.raises(error, match=message):
        call()


REDUCTIONS = "all any amax amin average count_nonzero max mean median min nanmedian nanstd nansum prod ptp std sum var"


@pytest.mark.parametrize("name", REDUCTIONS.split())
def test_several_axes_may_be_a_list(name):
    x = np.arange(24, dtype="float32").reshape(2, 3, 4) % 7
    for axis in ([0], [0, -1]):
        np.testing.assert_array_equal(getattr(ops, name)(x, axis=axis), getattr(ops, name)(x, axis=tuple(axis)))


@pytest.mark.parametrize("name", ["quantile", "nanpercentile"])
def test_several_axes_of_quantiles_may_be_a_list(name):
    x = np.arange(24, dtype="float32").reshape(2, 3, 4)
    np.testing.assert_array_equal(getattr(ops, name)(x, 0.5, axis=[0, 2]), getattr(ops, name)(x, 0.5, axis=(0, 2)))


def test_each_nan_is_unique(keras):
    x = np.array([np.nan, 1, np.nan, 1, 2], "float32")
    np.testing.assert_array_equal(ops.unique(x), keras.ops.unique(x))
    assert len(ops.unique(x)) == 4
