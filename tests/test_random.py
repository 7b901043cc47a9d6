"""`sequax.random` and the promotion of dtypes."""

from __future__ import annotations

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import sequax
from sequax import backend, random

LOGITS = np.log(np.array([[0.1, 0.2, 0.7], [0.5, 0.2, 0.3]], "float32"))
ONES = np.ones((2, 3), "float32")
X = np.arange(12, dtype="float32").reshape(3, 4)

# One seed, the numbers of Keras.
DRAWS = [
    ("normal", ((2, 3),), {"mean": 2.0, "stddev": np.array([1.0, 2, 3])}),
    ("normal", (2,), {"dtype": "bfloat16"}),
    ("truncated_normal", ([2, 3],), {"mean": 1.0, "stddev": 0.5}),
    ("uniform", ((2, 3), 1, 9), {}),
    ("uniform", ((),), {"dtype": "float16"}),
    ("randint", ((2, 3), 0, 9), {}),
    ("randint", ((3,), np.array([0, 10, 20]), np.array([1, 11, 21])), {"dtype": "uint8"}),
    ("categorical", (LOGITS, 4), {}),
    ("categorical", (LOGITS, 4), {"dtype": "float16"}),
    ("dropout", (ONES, 0.4), {}),
    ("dropout", (ONES, 0.4, (2, 1)), {}),
    ("dropout", (ONES, 0.0), {}),
    ("dropout", (ONES, 1.0), {}),
    ("shuffle", (X,), {}),
    ("shuffle", (X, 1), {}),
]


@pytest.mark.parametrize(("name", "args", "kwargs"), DRAWS, ids=[row[0] for row in DRAWS])
def test_equals_keras(keras, name, args, kwargs):
    found = getattr(random, name)(*args, **kwargs, seed=1)
    expected = getattr(keras.random, name)(*args, **kwargs, seed=1)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_allclose(np.asarray(found, "float32"), np.asarray(expected, "float32"), rtol=1e-6)


def test_names_and_signatures(keras):
    assert set(random.__all__) == {name for name in dir(keras.random) if not name.startswith("_")}
    for name in set(random.__all__) - {"SeedGenerator"}:
        found, expected = (inspect.signature(getattr(r, name)).parameters for r in (random, keras.random))
        assert [(p.name, p.default) for p in found.values()] == [(p.name, p.default) for p in expected.values()], name


# Mean and standard deviation of the distributions, and bounds of the values.
STATISTICS = [
    ("normal", (3.0, 2.0), 3, 2, (-np.inf, np.inf)),
    ("truncated_normal", (3.0, 2.0), 3, 2 * 0.8796, (-1, 7)),
    ("uniform", (-1.0, 3.0), 1, 4 / 12**0.5, (-1, 3)),
    ("randint", (-2, 3), 0, 2**0.5, (-2, 2)),
    ("gamma", (4.0,), 4, 2, (0, np.inf)),
    ("beta", (2.0, 2.0), 0.5, 0.05**0.5, (0, 1)),
    ("binomial", (10.0, 0.3), 3, 2.1**0.5, (0, 10)),
]


@pytest.mark.parametrize(
    ("name", "parameters", "mean", "deviation", "bounds"), STATISTICS, ids=[r[0] for r in STATISTICS]
)
def test_statistics(keras, name, parameters, mean, deviation, bounds):
    """Mean and deviation within five standard errors; the draws are those of Keras."""
    draws = np.asarray(getattr(random, name)((20_000,), *parameters, seed=3), "float64")
    np.testing.assert_allclose(draws, getattr(keras.random, name)((20_000,), *parameters, seed=3), rtol=1e-5, atol=1e-5)
    assert abs(draws.mean() - mean) < 5 * deviation / 20_000**0.5
    assert draws.std() == pytest.approx(deviation, rel=0.05)
    assert bounds[0] <= draws.min() and draws.max() <= bounds[1]


def test_statistics_of_choices():
    classes = np.asarray(random.categorical(LOGITS, 20_000, seed=3))
    shares = [[(row == k).mean() for k in range(3)] for row in classes]
    np.testing.assert_allclose(shares, np.exp(LOGITS), atol=0.02)
    rows = np.asarray(random.dropout(ONES, 0.5, (None, 1), seed=3))
    assert (rows == rows[:, :1]).all()
    dropped = np.asarray(random.dropout(np.ones((200, 100), "float32"), 0.25, seed=3))
    assert set(np.unique(dropped)) == {0, np.float32(1 / 0.75)}
    assert (dropped == 0).mean() == pytest.approx(0.25, abs=0.02)
    shuffled = np.asarray(random.shuffle(np.arange(1000), seed=3))
    assert sorted(shuffled) == list(range(1000)) and (shuffled != np.arange(1000)).mean() > 0.99


def test_seeds():
    def draw(seed):
        return np.asarray(random.uniform((4,), seed=seed)).tolist()

    assert draw(7) == draw(7) != draw(8)
    generator = random.SeedGenerator(7)
    first, second = draw(generator), draw(generator)
    assert first == draw(7) != second
    assert generator.state.numpy().tolist() == [7, 2]
    sequax.utils.set_random_seed(5)
    once = draw(None), draw(None)
    sequax.utils.set_random_seed(5)
    assert once == (draw(None), draw(None)) and once[0] != once[1]


class Noise(sequax.Layer):
    def __init__(self, seeded, **kwargs):
        super().__init__(**kwargs)
        self.generator = random.SeedGenerator(1) if seeded else None

    def call(self, inputs):
        return inputs + random.uniform(inputs.shape[1:], seed=self.generator)


@pytest.mark.parametrize("make", [jax.random.PRNGKey, jax.random.key])
@pytest.mark.parametrize(("name", "args"), [("normal", ((2, 3),)), ("randint", ((3,), 0, 99)), ("shuffle", (X,))])
def test_keys_of_jax_are_seeds(keras, make, name, args):
    found, expected = (getattr(r, name)(*args, seed=make(7)) for r in (random, keras.random))
    np.testing.assert_array_equal(found, expected)
    compiled = jax.jit(lambda key: getattr(random, name)(*args, seed=key))(make(7))
    np.testing.assert_allclose(compiled, expected, rtol=1e-6)


def test_other_arrays_are_no_seeds():
    with pytest.raises(ValueError, match=r"must be one key.*shape \(2,\)"):
        random.normal((2,), seed=jax.random.split(jax.random.key(0)))
    for wrong in (jnp.ones(2), jnp.uint32(3), np.zeros(2, "uint32")):
        with pytest.raises(ValueError, match="A seed must be a whole number"):
            random.normal((2,), seed=wrong)


def test_generators_are_keras(keras):
    ours, theirs = (r.SeedGenerator(12345, name="mine") for r in (random, keras.random))
    for ordered in (True, False, True, False):
        np.testing.assert_array_equal(ours.next(ordered=ordered), theirs.next(ordered=ordered))
    assert ours.get_config() == theirs.get_config() == {"seed": 12345, "name": "mine"}
    again = random.SeedGenerator.from_config(ours.get_config())
    assert (again.seed, again.name) == (12345, "mine")


def test_generators_move_on_in_compiled_calls():
    model = sequax.Sequential([sequax.Input((3,)), Noise(True)])
    draws = model.predict(np.zeros((4, 3)), batch_size=2, verbose=0)
    assert not np.array_equal(draws[0], draws[2])
    assert model.layers[-1].generator.state.numpy()[1] >= 2


def test_a_compiled_call_without_a_seed_is_refused():
    """It would draw the same numbers at each run."""
    with pytest.raises(ValueError, match="assigned"):
        jax.jit(lambda: random.normal((2,)))()


def test_symbolic_tensors_become_nodes():
    x = sequax.Input((4,))
    outputs = [random.dropout(x, 0.5, seed=1), random.shuffle(x, seed=1), random.categorical(x, 2, seed=1)]
    assert [t.shape for t in outputs] == [(None, 4), (None, 4), (None, 2)]
    found = sequax.Model(x, outputs)(X)
    np.testing.assert_array_equal(found[1], random.shuffle(X, seed=1))


BAD = [
    (lambda: random.normal((2,), seed="a"), ValueError, "SeedGenerator"),
    (lambda: random.normal((2,), seed=1.5), ValueError, "1.5"),
    (lambda: random.normal((2,), dtype="int32"), ValueError, "float `dtype`"),
    (lambda: random.uniform((2,), dtype="int32"), ValueError, "float `dtype`"),
    (lambda: random.randint((2,), 0, 3, dtype="float32"), ValueError, "whole-number"),
    (lambda: random.categorical(ONES[0], 2), ValueError, "batch, classes"),
    (lambda: random.dropout(ONES, 1.5), ValueError, "rate=1.5"),
    (lambda: random.dropout(ONES, 0.5, (3, 3)), ValueError, "noise_shape"),
    (lambda: random.dropout(ONES.astype("int32"), 0.5), TypeError, "int32"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_bad_input_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


# --- dtypes ---

DTYPES = ["bool", "bfloat16", "float16", "float32", "float64", "complex64", "string", int, float, None]
DTYPES += [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
DTYPES += ["float8_e4m3fn", "float8_e5m2", np.float64, jnp.bfloat16, bool, np.dtype("int64")]


def promoted(library, *dtypes):
    try:
        return library.result_type(*dtypes)
    except ValueError:
        return ValueError


@pytest.mark.parametrize("first", DTYPES, ids=str)
def test_promotion_equals_keras(keras, first):
    found, expected = ([promoted(b, first, second) for second in DTYPES] for b in (backend, keras.backend))
    assert found == expected


@pytest.mark.parametrize("dtypes", [(), (int,), ("string",), (int, "uint8", "bool"), ("int32", "uint32", "float16")])
def test_promotion_of_other_counts_equals_keras(keras, dtypes):
    assert promoted(backend, *dtypes) == promoted(keras.backend, *dtypes)


def test_promotion_knows_floatx(keras):
    backend.set_floatx("float16"), keras.backend.set_floatx("float16")
    try:
        for dtypes in ((), (None,), (int, float), ("int8", float), (float, "float32"), ("bfloat16", float)):
            assert backend.result_type(*dtypes) == keras.backend.result_type(*dtypes), dtypes
    finally:
        backend.set_floatx("float32"), keras.backend.set_floatx("float32")


@pytest.mark.parametrize("dtype", [*DTYPES, "int", "float", "half", str, complex, 3, object], ids=str)
def test_names_of_dtypes_equal_keras(keras, dtype):
    def facts(library):
        try:
            name = library.standardize_dtype(dtype)
        except ValueError:
            return ValueError
        return (name, *((library.is_float_dtype(dtype), library.is_int_dtype(dtype)) if name != "string" else ()))

    assert facts(backend) == facts(keras.backend)


def test_backend_namespace(keras):
    theirs = {name for name in dir(keras.backend) if not name.startswith("_")}
    assert set(backend.__all__) == theirs | {"is_sparse"}  # which Keras has only inside
    assert [backend.get_uid(prefix) for prefix in ("a", "a", "b", "")] == [1, 2, 1, 1]
    backend.clear_session()
    assert backend.get_uid("a") == 1
