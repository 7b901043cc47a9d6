"""Data for models of several inputs and outputs: lists, tuples and dicts, also one within another, as in Keras."""

from __future__ import annotations

import numpy as np
import pytest

import sequax

ROWS, SIZE = 12, 4
RANDOM = np.random.default_rng(0)
A, B = (RANDOM.normal(size=(ROWS, width)).astype("float32") for width in (3, 1))
Y, Z = (RANDOM.normal(size=(ROWS, 1)).astype("float32") for _ in range(2))
W = np.arange(ROWS, dtype="float32")


def model(library, inputs, outputs):
    """A graph of Dense layers over inputs `a` and `b`."""
    a, b = library.Input((3,), name="a"), library.Input((1,), name="b")
    both = library.layers.Concatenate()([a, b])
    heads = [library.layers.Dense(1, name=name)(both) for name in ("d", "e", "f")]
    made = library.Model(inputs(a, b), outputs(*heads))
    made.compile(library.optimizers.SGD(0.01), "mse")
    random = np.random.default_rng(1)
    made.set_weights([random.normal(size=w.shape) for w in made.get_weights()])
    return made


def pair(a, b):
    return [a, b]


def nest(a, b):
    return [a, {"u": b}]


def named(a, b):
    return {"a": a, "b": b}


def first(d, e, f):
    return d


def two(d, e, f):
    return [d, e]


def tree(d, e, f):
    return {"p": d, "q": [e, f]}


# inputs, outputs, x, y, sample_weight
CASES = {
    "list": (pair, first, [A, B], Y, W),
    "tuple": (pair, first, (A, B), Y, None),
    "nested list": (nest, first, [A, {"u": B}], Y, W),
    "nested tuple": (nest, first, (A, {"u": B}), Y, None),
    "flat for nested": (nest, first, [A, B], Y, None),
    "more than the model takes": (named, first, {"a": A, "b": B, "c": Y}, Y, None),
    "more than a list takes": (pair, first, {"a": A, "b": B, "c": Y}, Y, None),
    "weights of one output": (pair, two, [A, B], [Y, Z], [W, None]),
    "weights of both": (pair, two, [A, B], [Y, Z], [W, W[::-1]]),
    "weights for all": (pair, two, [A, B], (Y, Z), W),
    "nested outputs": (pair, tree, [A, B], {"p": Y, "q": [Z, Y]}, None),
}


def chosen(data, rows):
    """Rows of all arrays in a structure."""
    if isinstance(data, dict):
        return {key: chosen(value, rows) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return type(data)(chosen(value, rows) for value in data)
    return None if data is None else data[rows]


@pytest.mark.filterwarnings("ignore:The structure of `inputs`")  # Keras', for a flat list where inputs are nested
@pytest.mark.parametrize("case", CASES)
def test_as_in_keras(case, keras):
    inputs, outputs, x, y, weight = CASES[case]
    ours, theirs = (model(library, inputs, outputs) for library in (sequax, keras))
    streamed = model(sequax, inputs, outputs)
    assert (ours.input_shape, ours.output_shape) == (theirs.input_shape, theirs.output_shape)
    losses = []
    for one in (ours, theirs):
        history = one.fit(x, y, sample_weight=weight, batch_size=SIZE, shuffle=False, verbose=0).history
        losses.append(history["loss"])
    assert np.allclose(*losses, rtol=1e-4)
    given = (x, y) if weight is None else (x, y, weight)
    parts = (chosen(given, slice(start, start + SIZE)) for start in range(0, ROWS, SIZE))
    assert streamed.fit(parts, verbose=0).history["loss"] == losses[0]
    for a, b, c in zip(ours.get_weights(), theirs.get_weights(), streamed.get_weights(), strict=True):
        assert np.allclose(a, b, rtol=1e-4, atol=1e-6) and np.array_equal(a, c)
    found = np.ravel(ours.evaluate(x, y, sample_weight=weight, verbose=0))
    assert np.allclose(found, np.ravel(theirs.evaluate(x, y, sample_weight=weight, verbose=0)), rtol=1e-4)


def test_lists_within_a_list_are_rows_of_one_array():
    made = model(sequax, pair, first)
    expected = made.predict([A, B], verbose=0)
    assert np.array_equal(made.predict([A.tolist(), B.tolist()], verbose=0), expected)
    assert np.array_equal(made.predict([list(A), list(B)], verbose=0), expected)


@pytest.mark.parametrize(
    ("x", "words"),
    [
        ([A, {"u": B, "v": B}], "list of 2 items; the model takes 2|has 3 arrays; the model has 2"),
        ([A, [B, B]], r"x\[1\]|x has 3 arrays"),
        ([A], "1 array.*2 inputs"),
        ({"a": A}, "no entry for input 'b'"),
    ],
)
def test_refused(x, words):
    with pytest.raises(ValueError, match=words):
        model(sequax, pair, first).predict(x, verbose=0)


def test_calls_keep_the_order_of_keys():
    """Predictions sort them, both as in Keras."""
    inputs = sequax.Input((3,))
    model = sequax.Model(inputs, {"z": [sequax.layers.Dense(1)(inputs)], "a": sequax.layers.Dense(2)(inputs)})
    x = np.ones((4, 3), "float32")
    assert list(model(x)) == list(model(inputs)) == list(model.output) == ["z", "a"]
    assert list(model.predict(x, verbose=0)) == ["a", "z"] and model(x)["z"][0].shape == (4, 1)


@pytest.mark.parametrize("wrap", [lambda y: [y], lambda y: (y,)], ids=["list", "tuple"])
def test_an_output_alone_in_a_list_is_that_output(wrap, tmp_path):
    """As in Keras: in calls, steps, predictions, and in models that are loaded or cloned."""
    inputs = sequax.Input((3,))
    model = sequax.Model(inputs, wrap(sequax.layers.Dense(2)(inputs)))

    def loss(y_true, y_pred):
        return abs(y_true - y_pred).mean(axis=-1)

    model.compile("sgd", loss)
    x, y = np.ones((4, 3), "float32"), np.ones((4, 2), "float32")
    model.fit(x, y, verbose=0, validation_split=0.5)
    model.fit(x, [y], verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = sequax.models.load_model(tmp_path / "model.keras", custom_objects={"loss": loss})
    for one in (model, loaded, sequax.models.clone_model(model)):
        assert one.predict(x, verbose=0).shape == one.predict_on_batch(x).shape == one(x).shape == (4, 2)
        assert (one.input_shape, one.output_shape) == ((None, 3), (None, 2))
