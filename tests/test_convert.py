"""User data to arrays: what is accepted keeps structure and values, what is refused is named in one sentence."""

from __future__ import annotations

import datetime
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

import sequax
from sequax.core import settings as sequax_settings
from sequax.data import checks
from sequax.data.convert import cast, to_arrays

pd = pytest.importorskip("pandas")


class Torch:
    """What a torch tensor can do, as far as conversion uses it; bfloat16 has no NumPy form."""

    def __init__(self, values, is_bfloat16=False):
        self.values, self.is_bfloat16 = np.asarray(values), is_bfloat16

    shape = property(lambda self: self.values.shape)

    def detach(self):
        return self

    def cpu(self):
        return self

    def float(self):
        return Torch(self.values.astype("float32"))

    def numpy(self):
        if self.is_bfloat16:
            raise TypeError("Got unsupported ScalarType BFloat16")
        return self.values


class Polars:
    """A table whose columns have `to_numpy` and nothing of pandas."""

    class Column:
        def __init__(self, values):
            self.values = values

        def to_numpy(self):
            return np.asarray(self.values)

    def __init__(self, **columns):
        self.data, self.columns = columns, list(columns)

    def __getitem__(self, name):
        return self.Column(self.data[name])

    def to_numpy(self):
        raise AssertionError("columns are converted one by one, so that messages can name them")


class Arrow:
    """A table with the attribute names of PyArrow."""

    def __init__(self, **columns):
        self.column_names, self.columns = list(columns), [np.asarray(values) for values in columns.values()]


def objects(*items):
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


ACCEPTED = {
    "objects that are numbers": (np.asarray([[1.5, True], [2, np.int64(3)]], object), "float64", [[1.5, 1], [2, 3]]),
    "objects that are bools": (np.asarray([True, np.False_], object), "bool", [True, False]),
    "list of numbers": ([1, 2, 3], "int64", [1, 2, 3]),
    "nested list": ([[1, 2], [3, 4]], "int64", [[1, 2], [3, 4]]),
    "tuple of numbers": ((0.5, 1.5), "float64", [0.5, 1.5]),
    "list of NumPy numbers": ([np.float32(1), np.float32(2)], "float32", [1, 2]),
    "list of arrays without dimensions": ([np.asarray(1.0), np.asarray(2.0)], "float64", [1, 2]),
    "foreign byte order": (np.asarray([1, 2], ">f4"), "float32", [1, 2]),
    "subclass": (np.asarray([[1, 2]]).view(type("Tagged", (np.ndarray,), {})), "int64", [[1, 2]]),
    "Series": (pd.Series([1.5, 2.5]), "float64", [1.5, 2.5]),
    "nullable Series": (pd.Series([1, 2], dtype="Int64"), "int64", [1, 2]),
    "Index": (pd.Index([3, 1]), "int64", [3, 1]),
    "frame": (pd.DataFrame({"a": [1, 2], "b": [0.5, 1.0]}), "float64", [[1, 0.5], [2, 1]]),
    "frame with bool": (pd.DataFrame({"a": [True, False], "b": [1, 2]}), "int64", [[1, 1], [0, 2]]),
    "nullable frame": (
        pd.DataFrame({"a": pd.array([1, 2], "Int64"), "b": pd.array([True, False], "boolean")}),
        "int64",
        [[1, 1], [2, 0]],
    ),
    "categories of numbers": (pd.DataFrame({"a": pd.Categorical([30, 10])}), "int64", [[30], [10]]),
    "repeated column names": (pd.DataFrame([[1, 2.5]], columns=["a", "a"]).astype("Float64"), "float64", [[1, 2.5]]),
    "polars": (Polars(a=[1, 2], b=[0.5, 1.0]), "float64", [[1, 0.5], [2, 1]]),
    "arrow": (Arrow(a=[1, 2], b=[0.5, 1.0]), "float64", [[1, 0.5], [2, 1]]),
    "torch": (Torch([[1.0, 2.0]]), "float64", [[1, 2]]),
    "torch bfloat16": (Torch([1.0, 2.0], is_bfloat16=True), "float32", [1, 2]),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepts(name):
    data, dtype, values = ACCEPTED[name]
    array = to_arrays(data, "x", 1)
    assert type(array) is np.ndarray
    assert array.dtype == dtype and array.dtype.isnative
    np.testing.assert_array_equal(array, values)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int32", "bool"])
def test_accepts_jax(dtype):
    jnp = pytest.importorskip("jax.numpy")
    array = to_arrays(jnp.ones((2, 3), dtype), "x", 1)
    assert type(array) is np.ndarray and array.dtype.name == dtype and array.shape == (2, 3)


def test_keeps_structure():
    a, b = np.ones((4, 2)), np.zeros((4, 1))
    assert isinstance(to_arrays([a, b], "x", 2), list)
    assert isinstance(to_arrays((a, b), "x", None), tuple)
    assert to_arrays([a], "x", 1)[0] is a
    named = to_arrays({"left": a, "right": [1, 2, 3, 4]}, "x", 2)
    assert named["left"] is a
    np.testing.assert_array_equal(named["right"], [1, 2, 3, 4])


def test_a_list_means_what_the_model_takes():
    rows = [[1, 2], [3, 4]]
    assert to_arrays(rows, "x", 1).shape == (2, 2)
    assert to_arrays(rows, "x", None).shape == (2, 2)
    assert [array.shape for array in to_arrays(rows, "x", 2)] == [(2,), (2,)]
    assert to_arrays([0.5, 1.0, 2.0], "sample_weight", 2).shape == (3,)


REFUSED = {
    "list of samples": ([np.ones(4)] * 8, "x is a list of 8 arrays: stack them with np.stack(x)"),
    "list of torch samples": ([Torch([1.0])] * 3, "x is a list of 3 arrays: stack them with np.stack(x)"),
    "samples of two sizes": ([np.ones(4), np.ones(3)], "pad them to one shape"),
    "fit((x, y))": ((np.ones((8, 4)), np.ones(8)), "pass them as separate arguments (x, y)"),
    "ragged": ([[1, 2, 3]] * 5 + [[1, 2]] + [[1, 2, 3]], "6 rows of length 3, but row 5 is of length 2 (1 odd row: 5)"),
    "ragged inside": ([[[1], [2]], [[3], [4, 5]]], "x[1] is ragged"),
    "ragged objects": (objects([1, 2], [1, 2], [3]), "row 2 is of length 1"),
    "array of arrays": (objects(np.ones(2), np.ones(2)), "np.stack(x)"),
    "None inside": ([[1, 2], [3, None]], "found NoneType at row 1, column 1"),
    "huge integers": ([10**30], "dtype object and holds numbers too large"),
    "strings": (np.asarray(["a", "b"]), "x holds strings (e.g. 'a')"),
    "times": (np.asarray(["2020"], "M8[s]"), "x has dtype datetime64[s]: turn times into numbers"),
    "complex": (np.asarray([1 + 1j]), "imaginary part"),
    "masked": (np.ma.array([1, 2], mask=[0, 1]), "x.filled(0)"),
    "structured": (np.zeros(2, [("a", "f4")]), "x has named fields ['a']: make columns"),
    "raw bytes": (np.zeros(2, "V3"), "expected bool, integers or floats"),
    "arrays in a column": (pd.Series([np.ones(2), np.ones(2)]), "use np.stack(x.to_list())"),
    "picture": (type("Image", (), {"getpixel": None})(), "One image is np.asarray(x)[None]."),
    "number": (3.0, "one value of type float"),
    "text": ("abc", "one value of type str"),
    "something else": (object(), "x has type object"),
    "missing": (None, "x is missing"),
    "string column": (pd.DataFrame({"age": [1, 2], "name": ["u", "v"]}), "'name' (strings, use .astype('category')"),
    "string categories": (pd.DataFrame({"c": pd.Categorical(["u", "v"])}), "'c' (strings"),
    "missing integer": (pd.DataFrame({"k": pd.array([1, None], "Int64")}), "'k' (Int64 with 1 missing, use .fillna(0)"),
    "dates": (pd.DataFrame({"t": pd.to_datetime(["2020-01-01"])}), "subtract a start and use seconds"),
    "dates with zone": (pd.DataFrame({"t": pd.to_datetime(["2020-01-01"], utc=True)}), "'t' (datetime64"),
    "complex column": (pd.DataFrame({"z": [1j]}), "'z' (complex128, use its real part)"),
    "mixed column": (
        pd.DataFrame({"m": pd.Series([1, "2"], dtype=object)}),
        "holding int, str, use .astype('float32')",
    ),
    "lists in a column": (
        pd.Series([[1], [1, 2]], name="l"),
        "x (column 'l') is not plain numbers: object holding list",
    ),
    "no columns": (pd.DataFrame(), "without columns"),
    "polars strings": (Polars(a=[1], b=["u"]), "'b' (strings"),
    "arrow dates": (Arrow(t=np.asarray(["2020"], "M8[s]")), "'t' (datetime64[s]"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses(name):
    data, words = REFUSED[name]
    with pytest.raises(ValueError) as caught:
        to_arrays(data, "x", 1)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 250


def test_sparse_matrices_get_their_zeros():
    scipy, jax = pytest.importorskip("scipy.sparse"), pytest.importorskip("jax.experimental.sparse")
    given = [scipy.dok_matrix(np.eye(2)), scipy.coo_array(np.eye(2)), jax.BCOO.fromdense(np.eye(2, dtype="float32"))]
    for matrix in given:
        np.testing.assert_array_equal(to_arrays(matrix, "x", 1), np.eye(2))
        assert [array.shape for array in to_arrays([matrix, np.ones(2)], "x", 2)] == [(2, 2), (2,)]


def test_conversion_failure_is_short():
    class Cuda(Torch):
        def numpy(self):
            raise RuntimeError("no way to the host\n" + "x" * 1000)

    with pytest.raises(ValueError, match=r"^x \(Cuda\) cannot become a NumPy array: no way to the host$"):
        to_arrays(Cuda([1.0]), "x", 1)


@pytest.mark.parametrize("labels", [["b", "a", "b"], np.asarray(["b", "a"]), objects("b", "a"), pd.Series(["b", "a"])])
def test_string_labels(labels):
    with pytest.raises(ValueError, match=r"^y: labels are strings: encode them.*classes found: 'a', 'b'\.$"):
        to_arrays(labels, "y", 1)


def test_many_long_string_labels_stay_short():
    with pytest.raises(ValueError) as caught:
        to_arrays([f"{i}" * 1000 for i in range(100)], "validation y", 1)
    assert len(str(caught.value)) < 350 and str(caught.value).endswith(", ....")


@pytest.mark.parametrize(
    ("what", "words"),
    [("y", "second argument"), ("validation y", "validation_data needs (x, y)"), ("x", "x is missing")],
)
def test_missing(what, words):
    with pytest.raises(ValueError) as caught:
        to_arrays(None, what, 1)
    assert words in str(caught.value)


def test_several_inputs():
    with pytest.raises(ValueError, match=r"x is a list of 3 arrays; the model takes 2 here"):
        to_arrays([np.ones((2, 4))] * 3, "x", 2)
    with pytest.raises(ValueError, match=r"x\[1\] is a masked array"):
        to_arrays([np.ones(2), np.ma.array([1, 2], mask=[0, 1])], "x", 2)
    with pytest.raises(ValueError, match=r"x\['a'\] is missing"):
        to_arrays({"a": None}, "x", 1)
    with pytest.raises(ValueError, match="found date"):
        to_arrays([datetime.date(2020, 1, 1)], "x", 1)


CASTS = [
    ("float64", "float32", "float32"),
    ("float64", "int32", "int32"),
    ("int64", "float32", "float32"),
    ("int64", "int32", "int32"),
    ("int64", None, "int32"),
    ("uint64", None, "int32"),
    ("uint64", "bfloat16", "float32"),
    *(
        (dtype, "float32", dtype)
        for dtype in ("bool", "uint8", "int8", "int16", "int32", "uint32", "float16", "float32")
    ),
]


@pytest.mark.parametrize(("dtype", "consumer", "expected"), CASTS)
def test_cast(dtype, consumer, expected):
    array = np.asarray([[0, 1], [1, 0]], dtype)
    result = cast(array, consumer, "x")
    assert result.dtype == expected
    np.testing.assert_array_equal(result, array)
    if dtype == expected:
        assert result is array


def test_cast_is_exact_where_a_detour_would_not_be():
    np.testing.assert_array_equal(cast(np.asarray([2**40]), "float32", "x"), np.float32([2**40]))
    np.testing.assert_array_equal(cast(np.asarray([2.0**25 + 1]), "int32", "x"), [2**25 + 1])
    assert cast(np.asarray([1.7]), "int32", "x").dtype == "float32"


@pytest.mark.parametrize(
    ("array", "dtype", "words"),
    [
        (np.asarray([[1.0, 2.0], [3.0, 1e300]]), "float32", "x has 1e+300 at row 1, column 1, too large for float32"),
        (np.asarray([-1e39]), None, "x has -1e+39 at row 0"),
        (np.asarray([1, 2**32 + 1]), "int32", "x has 4294967297 at row 1, outside the range of int32"),
        (np.asarray([-(2**31) - 1]), None, "x has -2147483649 at row 0"),
        (np.asarray([2**63], "uint64"), None, "x has 9223372036854775808 at row 0"),
        (np.asarray([2.0**40]), "int32", "x has 1099511627776 at row 0"),
    ],
)
def test_cast_refuses_values_that_would_change(array, dtype, words, monkeypatch):
    with pytest.raises(ValueError) as caught:
        cast(array, dtype, "x")
    assert str(caught.value).startswith(words) and str(caught.value).endswith(checks.SWITCH)
    monkeypatch.setattr(sequax_settings, "_data_checks", False)
    assert cast(array, dtype, "x").shape == array.shape


def test_cast_leaves_nan_and_infinity_to_the_checks():
    array = np.asarray([np.nan, np.inf, -np.inf, 3.4e38])
    np.testing.assert_array_equal(cast(array, "float32", "x"), array.astype("float32"))


@settings(max_examples=50, deadline=None)
@given(
    hnp.arrays(
        st.sampled_from(["bool", "uint8", "int8", "int32", "int64", "float16", "float32", "float64"]),
        hnp.array_shapes(min_dims=1, max_dims=4, min_side=0),
    )
)
def test_arrays_pass_without_a_copy(array):
    assert to_arrays(array, "x", 1) is array or np.shares_memory(to_arrays(array, "x", 1), array)
    assert to_arrays([array], "x", 1)[0] is array


@settings(max_examples=50, deadline=None)
@given(hnp.arrays("float32", hnp.array_shapes(min_dims=1, max_dims=3)))
def test_nested_lists_are_arrays(array):
    np.testing.assert_array_equal(to_arrays(array.tolist(), "x", 1), array)


@settings(max_examples=50, deadline=None)
@given(hnp.arrays("float64", st.integers(1, 50), elements=st.floats(-1e30, 1e30)), st.data())
def test_cast_names_the_row_of_an_overflow(array, data):
    row = data.draw(st.integers(0, len(array) - 1))
    array[row] = data.draw(st.sampled_from([1e39, -1e300]))
    with pytest.raises(ValueError, match=rf"at row {row}, too large"):
        cast(array, "float32", "x")


@settings(max_examples=50, deadline=None)
@given(st.lists(st.just(3), min_size=3, max_size=30), st.data())
def test_ragged_row_is_named(lengths, data):
    row = data.draw(st.integers(0, len(lengths) - 1))
    lengths[row] = data.draw(st.sampled_from([0, 1, 2, 4]))
    with pytest.raises(ValueError, match=rf"but row {row} is of length {lengths[row]}"):
        to_arrays([[0.5] * length for length in lengths], "x", 1)


def test_imports_no_other_library():
    code = (
        "import sys, sequax.data.convert, sequax.data.checks as c; assert not c.enabled();"
        "print([m for m in ('jax', 'pandas', 'polars', 'torch', 'tensorflow', 'pyarrow') if m in sys.modules])"
    )
    environment = {**os.environ, "SEQUAX_CHECKS": "off"}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert result.stdout.strip() == "[]", result.stderr


def test_columns_of_numbers_are_tables_of_one_column():
    """As Keras takes them: for a model that joins the entries of a dict, and for a step that computes with labels."""
    seen = []

    class Joined(sequax.Model):
        def __init__(self):
            super().__init__()
            self.join, self.head = sequax.layers.Concatenate(axis=1), sequax.layers.Dense(1)

        def call(self, inputs):
            return self.head(self.join(list(inputs.values())))

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            seen.append((y.shape[1:], y_pred.shape[1:]))
            return sequax.ops.mean((y - y_pred) ** 2)

    table = pd.DataFrame({"a": [0.0, 1, 2, 3], "b": [3.0, 2, 1, 0]})
    model = Joined()
    model.compile("sgd")
    model.fit(dict(table), table["a"], verbose=0)
    assert set(seen) == {((1,), (1,))}
    assert model.predict(dict(table.iloc[:2]), verbose=0).shape == (2, 1)
    expected = model.predict({name: table[[name]].to_numpy() for name in table}, verbose=0)
    np.testing.assert_allclose(model.predict(dict(table), verbose=0), expected, rtol=1e-6)
