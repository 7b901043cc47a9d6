"""`StringLookup`, `IntegerLookup`, `Hashing` and `HashedCrossing`: their values, and models that begin with them.

Expected values come from Keras 3.15.1 with TensorFlow 2.21; Keras on JAX refuses these layers without TensorFlow.
"""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from sequax import Input, Model, Sequential
from sequax.layers import (
    CategoryEncoding,
    Concatenate,
    Dense,
    Embedding,
    Flatten,
    HashedCrossing,
    Hashing,
    IntegerLookup,
    StringLookup,
)
from sequax.layers.preprocessing.fingerprints import fingerprint64, siphash64
from sequax.models import clone_model

ABCD = ["a", "b", "c", "d"]
WORDS = [["a", "c", "d"], ["d", "z", "b"]]
NUMBERS = [12, 36, 1138, 42]
TABLE = [[12, 1138, 42], [42, 1000, 36]]
WEIGHTS = [0.25, 0.75, 0.6, 0.4]

# fmt: off
LOOKUPS = [
    (StringLookup, {"vocabulary": ABCD, "output_mode": "int"}, WORDS, [[1, 3, 4], [4, 0, 2]]),
    (StringLookup, {"vocabulary": ["a", "b", "d", "e"], "output_mode": "int", "mask_token": "c"}, WORDS,
     [[2, 0, 4], [4, 1, 3]]),
    (StringLookup, {"vocabulary": ABCD, "output_mode": "int", "max_tokens": 7, "pad_to_max_tokens": True}, [["a"],
     ["z"]],
     [[1], [0]]),
    (StringLookup, {"vocabulary": ABCD, "output_mode": "one_hot"}, WORDS,
     [[[0, 1, 0, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 0, 1]], [[0, 0, 0, 0, 1], [1, 0, 0, 0, 0], [0, 0, 1, 0, 0]]]),
    (StringLookup, {"vocabulary": ["a", "b", "d", "e"], "output_mode": "one_hot", "mask_token": "c"}, WORDS,
     [[[0, 1, 0, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 1, 0]], [[0, 0, 0, 1, 0], [1, 0, 0, 0, 0], [0, 0, 1, 0, 0]]]),
    (StringLookup, {"vocabulary": ABCD, "output_mode": "one_hot", "max_tokens": 7, "pad_to_max_tokens": True},
     [["a"], ["z"]],
     [[0, 1, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0]]),
    (StringLookup, {"vocabulary": ABCD, "output_mode": "multi_hot"}, WORDS, [[0, 1, 0, 1, 1], [1, 0, 1, 0, 1]]),
    (StringLookup, {"vocabulary": ["a", "b", "d", "e"], "output_mode": "multi_hot", "mask_token": "c"}, WORDS,
     [[0, 1, 0, 1, 0], [1, 0, 1, 1, 0]]),
    (StringLookup, {"vocabulary": ABCD, "output_mode": "multi_hot", "max_tokens": 7, "pad_to_max_tokens": True},
     [["a"], ["z"]],
     [[0, 1, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0]]),
    (StringLookup, {"vocabulary": ABCD, "output_mode": "count"}, WORDS, [[0, 1, 0, 1, 1], [1, 0, 1, 0, 1]]),
    (StringLookup, {"vocabulary": ["a", "b", "d", "e"], "output_mode": "count", "mask_token": "c"}, WORDS,
     [[0, 1, 0, 1, 0], [1, 0, 1, 1, 0]]),
    (StringLookup, {"vocabulary": ABCD, "output_mode": "count", "max_tokens": 7, "pad_to_max_tokens": True}, [["a"],
     ["z"]],
     [[0, 1, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0]]),
    (StringLookup, {"vocabulary": ABCD, "output_mode": "tf_idf", "idf_weights": WEIGHTS}, WORDS,
     [[0, 0.25, 0, 0.6, 0.4], [0.5, 0, 0.75, 0, 0.4]]),
    (StringLookup, {"vocabulary": ["a", "b", "d", "e"], "output_mode": "tf_idf", "idf_weights": WEIGHTS,
     "mask_token": "c"}, WORDS,
     [[0, 0.25, 0, 0.6, 0], [0.5, 0, 0.75, 0.6, 0]]),
    (StringLookup, {"vocabulary": ABCD, "output_mode": "tf_idf", "idf_weights": WEIGHTS, "max_tokens": 7,
     "pad_to_max_tokens": True}, [["a"], ["z"]],
     [[0, 0.25, 0, 0, 0, 0, 0], [0.5, 0, 0, 0, 0, 0, 0]]),
    (StringLookup, {"vocabulary": ABCD, "num_oov_indices": 3}, ["a", "z", "zz", "zzz", "q", "hello"],
     [3, 1, 1, 0, 2, 1]),
    (StringLookup, {"vocabulary": ABCD, "num_oov_indices": 3, "salt": [1, 2]}, ["a", "z", "zz", "zzz", "q", "hello"],
     [3, 2, 1, 0, 0, 1]),
    (StringLookup, {"vocabulary": ABCD, "num_oov_indices": 2, "salt": 5, "mask_token": ""}, ["a", "", "zz", "zzz",
     "q"],
     [3, 0, 2, 1, 1]),
    (StringLookup, {"vocabulary": ABCD, "num_oov_indices": 0}, ["b", "a"], [1, 0]),
    (StringLookup, {"vocabulary": ["[UNK]", "a", "b", "c", "d"], "output_mode": "tf_idf", "idf_weights": [9, 0.25,
     0.75, 0.6, 0.4]}, [["a", "z", "z"]],
     [[18, 0.25, 0, 0, 0]]),
    (StringLookup, {"vocabulary": ABCD, "output_mode": "count"}, ["a", "a", "z"], [1, 2, 0, 0, 0]),
    (StringLookup, {"vocabulary": ABCD, "output_mode": "one_hot"}, ["a", "z"], [[0, 1, 0, 0, 0], [1, 0, 0, 0, 0]]),
    (IntegerLookup, {"vocabulary": NUMBERS}, TABLE, [[1, 3, 4], [4, 0, 2]]),
    (IntegerLookup, {"vocabulary": NUMBERS, "mask_token": 0}, [12, 0, 5], [2, 0, 1]),
    (IntegerLookup, {"vocabulary": NUMBERS, "num_oov_indices": 3}, [0, 1, 2, -1, -2, 1099511627777, 42],
     [0, 1, 2, 2, 1, 2, 6]),
    (IntegerLookup, {"vocabulary": NUMBERS, "num_oov_indices": 3, "oov_method": "farmhash"}, [0, 1, 2, 3, 4, -3, 42],
     [1, 0, 1, 0, 2, 0, 6]),
    (IntegerLookup, {"vocabulary": NUMBERS, "num_oov_indices": 3, "oov_method": "farmhash", "salt": 4}, [0, 1, 2, 3,
     4, -3, 42],
     [1, 0, 0, 2, 0, 1, 6]),
    (IntegerLookup, {"vocabulary": NUMBERS, "output_mode": "count", "mask_token": 0}, [[12, 0, 42, 42]],
     [[0, 1, 0, 0, 2]]),
    (IntegerLookup, {"vocabulary": NUMBERS, "output_mode": "tf_idf", "idf_weights": WEIGHTS}, TABLE,
     [[0, 0.25, 0, 0.6, 0.4], [0.5, 0, 0.75, 0, 0.4]]),
    (IntegerLookup, {"vocabulary": NUMBERS, "invert": True}, [[1, 3, 9], [4, 0, -1]], [[12, 1138, -1], [42, -1, -1]]),
    (Hashing, {"num_bins": 3}, [["A"], ["B"], ["C"], ["D"], ["E"]], [[1], [0], [1], [1], [2]]),
    (Hashing, {"num_bins": 3, "mask_value": ""}, ["A", "B", "", "C", "D"], [1, 1, 0, 2, 2]),
    (Hashing, {"num_bins": 3, "salt": 1337}, ["A", "B", "C", "D", "E"], [2, 0, 0, 2, 0]),
    (Hashing, {"num_bins": 3, "salt": [133, 137]}, ["A", "B", "C", "D", "E"], [1, 2, 1, 0, 2]),
    (Hashing, {"num_bins": 1000}, [[0, 1, 2, -5, 123456789012]], [[735, 849, 759, 816, 427]]),
    (Hashing, {"num_bins": 10, "mask_value": 0}, [0, 1, 2, -5], [0, 1, 5, 1]),
    (Hashing, {"num_bins": 1000}, [True, False], [570, 757]),
    (Hashing, {"num_bins": 3, "output_mode": "one_hot"}, [["A"], ["B"]], [[0, 1, 0], [1, 0, 0]]),
    (Hashing, {"num_bins": 3, "output_mode": "multi_hot"}, WORDS, [[1, 1, 1], [0, 1, 1]]),
    (Hashing, {"num_bins": 3, "output_mode": "count"}, WORDS, [[1, 1, 1], [0, 2, 1]]),
    (HashedCrossing, {"num_bins": 5}, [["A", "B", "A", "B", "A"], [101, 101, 101, 102, 102]], [1, 4, 1, 1, 3]),
    (HashedCrossing, {"num_bins": 2147483647}, [[101, 102], [5, -6], ["x", "yy"]], [1739786752, 781206520]),
    (HashedCrossing, {"num_bins": 5, "output_mode": "one_hot"}, [[["A"], ["B"]], [[1], [2]]],
     [[1, 0, 0, 0, 0], [0, 1, 0, 0, 0]]),
]

# length of a text, its FarmHash fingerprint and its SipHash under (7, 9), both modulo 2^62
HASHES = [
    (0, 1936946117179621455, 1315545615887763260),
    (1, 4494688008148699988, 1499134681540075352),
    (3, 1486536572171691162, 3755009496306718853),
    (4, 198155675784242496, 4243947735267461941),
    (7, 2513219638405408417, 4173806396364075597),
    (8, 3267946340606884760, 246677048581794477),
    (16, 1080060857502750420, 1831352593030390620),
    (17, 4302810082142134044, 2893760820775434118),
    (32, 1917831512995979081, 2869474909767178543),
    (33, 2915358112413471310, 179222642227259101),
    (64, 3856493858525203531, 3640560546368111815),
    (65, 478270155923209662, 883261060031781496),
    (128, 2037963038260878803, 3276394564047862077),
    (200, 525935771297148851, 1066655936492948751),
]
# fmt: on


@pytest.mark.parametrize(("cls", "settings_", "data", "expected"), LOOKUPS)
def test_values(cls, settings_, data, expected):
    layer = cls(**settings_)
    given_ = [np.array(part) for part in data] if cls is HashedCrossing else np.array(data)
    outputs = layer(given_)
    np.testing.assert_allclose(outputs, expected, rtol=1e-6)
    assert outputs.shape == np.shape(expected)
    assert outputs.dtype == ("int32" if layer.output_mode == "int" else "float32")
    shapes = [(None, *part.shape[1:]) for part in given_] if cls is HashedCrossing else (None, *given_.shape[1:])
    if given_[0].ndim:  # in a model the first axis is the batch
        assert layer.compute_output_shape(shapes) == (None, *outputs.shape[1:])


@pytest.mark.parametrize(("length", "farm", "sip"), HASHES)
def test_hashes_are_those_of_tensorflow(length, farm, sip):
    texts = [bytes(i % 251 for i in range(length)), b"other"]
    assert int(fingerprint64(texts)[0]) % 2**62 == farm
    assert int(siphash64(texts, (7, 9))[0]) % 2**62 == sip


def test_siphash_of_the_paper():
    key = tuple(int.from_bytes(bytes(range(i, i + 8)), "little") for i in (0, 8))
    assert int(siphash64([bytes(range(15))], key)[0]) == 0xA129CA6149BE45E5


@pytest.mark.parametrize(
    ("layer", "data", "expected"),
    [
        # equal counts: from the largest to the smallest, by bytes
        (StringLookup(), ["é", "zz", "b", "B", "1", "", "日"], ["[UNK]", "日", "é", "zz", "b", "B", "1", ""]),
        (StringLookup(), np.array(["b", "a", "a", "c", "b", "c", "d"]), ["[UNK]", "c", "b", "a", "d"]),
        (StringLookup(), [["b", "a"], ["c", "a"]], ["[UNK]", "a", "c", "b"]),
        (StringLookup(max_tokens=3), [b"b", b"a", b"a", b"c", b"c"], ["[UNK]", "c", "a"]),
        (StringLookup(mask_token=""), ["b", "", "", "[UNK]"], ["", "[UNK]", "b"]),
        (StringLookup(output_mode="count", mask_token=""), ["b", "", ""], ["[UNK]", "b"]),
        (StringLookup(num_oov_indices=2, mask_token="m", max_tokens=4), ["b", "a", "a"], ["m", "[UNK]", "[UNK]", "a"]),
        (StringLookup(), (batch for batch in [["a"], ["b"], ["b"]]), ["[UNK]", "b", "a"]),
        (IntegerLookup(), [5, 10, 9, 100, -3, 7, 7], [-1, 7, 100, 10, 9, 5, -3]),
        (IntegerLookup(mask_token=0), np.array([[0, 0, 5, -1]]), [0, -1, 5]),
    ],
)
def test_adapt_orders_by_count_then_backwards(layer, data, expected):
    layer.adapt(data)
    assert layer.get_vocabulary() == expected
    assert layer.vocabulary_size() == len(expected)
    specials = sum(token in ("m", "[UNK]", -1, 0) for token in expected) + (layer.get_vocabulary()[0] == "")
    assert layer.get_vocabulary(include_special_tokens=False) == expected[specials:]


def test_adapt_reads_columns_and_counts_documents():
    pandas = pytest.importorskip("pandas")
    layer = StringLookup()
    layer.adapt(pandas.Series(["b", "a", "b"]))
    assert layer.get_vocabulary() == ["[UNK]", "b", "a"]
    weighing = StringLookup(output_mode="tf_idf")
    weighing.adapt([["b", "a", "a"], ["c", "b", "c"], ["d", "a", "a"]])
    expected = [[0.804719, 0.693147, 0, 0.693147, 0]]  # unknown tokens weigh as the mean
    np.testing.assert_allclose(weighing(np.array([["a", "b", "z"]])), expected, rtol=1e-5)


def test_adapting_anew_forgets_and_steps_limit_batches():
    layer = StringLookup()
    layer.adapt(["b", "a"])
    layer.adapt((batch for batch in [["q"], ["r"]]), steps=1)
    assert layer.get_vocabulary() == ["[UNK]", "q"]
    layer.reset_state()
    layer.update_state(["x"])
    layer.update_state(["x", "y"])
    layer.finalize_state()
    assert layer.get_vocabulary() == ["[UNK]", "x", "y"]


@settings(max_examples=25, deadline=None)
@given(
    tokens=st.lists(
        st.text(min_size=1, max_size=6).filter(lambda t: t.isprintable() and t != "[UNK]"), min_size=1, unique=True
    ),
    slots=st.integers(1, 3),
)
def test_lookup_then_invert_gives_the_known_tokens_back(tokens, slots):
    ahead = StringLookup(vocabulary=tokens, num_oov_indices=slots, mask_token="")
    back = StringLookup(vocabulary=tokens, num_oov_indices=slots, mask_token="", invert=True)
    texts = np.array([*tokens, ""], object)
    assert back(ahead(texts)).tolist() == texts.tolist()


@settings(max_examples=25, deadline=None)
@given(numbers=st.lists(st.integers(-(2**62), 2**62).filter(lambda n: n != -1), min_size=1, unique=True))
def test_integers_come_back_in_all_their_bits(numbers):
    indices = IntegerLookup(vocabulary=numbers)(np.array(numbers))
    assert IntegerLookup(vocabulary=numbers, invert=True)(indices).tolist() == numbers


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: StringLookup(vocabulary=["a", "a"]), "repeated"),
        (lambda: StringLookup(vocabulary=[]), "empty vocabulary"),
        (lambda: StringLookup(vocabulary=["a", ""], mask_token=""), "mask token"),
        (lambda: StringLookup(max_tokens=3, vocabulary=ABCD), "larger than the maximum"),
        (lambda: StringLookup(vocabulary=[1, 2]), "must be strings"),
        (lambda: StringLookup(vocabulary="/no/such/file"), "does not exist"),
        (lambda: StringLookup(max_tokens=1), "max_tokens"),
        (lambda: StringLookup(max_tokens=2.5), "max_tokens"),
        (lambda: StringLookup(num_oov_indices=-1), "num_oov_indices"),
        (lambda: StringLookup(output_mode="nope"), "output_mode"),
        (lambda: StringLookup(pad_to_max_tokens=True), "max_tokens"),
        (lambda: StringLookup(sparse=True, output_mode="count"), "sparse"),
        (lambda: StringLookup(invert=True, output_mode="count"), "invert"),
        (lambda: StringLookup(vocabulary=ABCD, output_mode="tf_idf"), "idf_weights"),
        (lambda: StringLookup(vocabulary=ABCD, idf_weights=WEIGHTS), "idf_weights"),
        (lambda: StringLookup(vocabulary=ABCD, output_mode="tf_idf", idf_weights=[1.0]), "same length"),
        (lambda: StringLookup(vocabulary=ABCD, output_mode="tf_idf", idf_weights="file"), "finite numbers"),
        (lambda: StringLookup.from_config({"vocabulary": "/etc/hostname"}), "not the name of a file"),
        (lambda: StringLookup(encoding="no such"), "encoding"),
        (lambda: IntegerLookup(vocabulary=NUMBERS, salt=3), "farmhash"),
        (lambda: IntegerLookup(oov_method="x"), "oov_method"),
        (lambda: IntegerLookup(vocabulary_dtype="int32"), "int64"),
        (lambda: Hashing(0), "num_bins"),
        (lambda: Hashing(2**40), "num_bins"),
        (lambda: Hashing(3, output_mode="tf_idf"), "output_mode"),
        (lambda: Hashing(3, salt=[1, 2, 3]), "salt"),
        (lambda: Hashing(3, dtype="float32"), "dtype"),
        (lambda: Hashing(3, sparse=True), "sparse"),
        (lambda: HashedCrossing(3, output_mode="count"), "output_mode"),
    ],
)
def test_arguments_are_checked(make, words):
    with pytest.raises((ValueError, LookupError), match=words):
        make()


@pytest.mark.parametrize(
    ("layer", "data", "words"),
    [
        (StringLookup(vocabulary=ABCD), np.array([[1, 2]]), "expected strings"),
        (StringLookup(vocabulary=ABCD), np.array(["a", None], object), r"missing entry \(None\) at row 1"),
        (StringLookup(vocabulary=ABCD), np.array(["a", float("nan")], object), r"missing entry \(nan\) at row 1"),
        (StringLookup(vocabulary=ABCD), ["a", 3], "type int at row 1"),
        (StringLookup(vocabulary=ABCD), [["a"], ["a", "b"]], "ragged"),
        (StringLookup(vocabulary=ABCD, num_oov_indices=0), ["a", "z"], r"\['z'\]"),
        (IntegerLookup(vocabulary=NUMBERS), [12.5], "no whole number"),
        (IntegerLookup(vocabulary=NUMBERS), ["x"], "no whole number"),
        (IntegerLookup(vocabulary=NUMBERS), np.array([12, np.nan]), "missing entry"),
        (IntegerLookup(vocabulary=NUMBERS), np.array([2**63], "uint64"), "no whole number"),
        (Hashing(3), [0.5], "no whole number"),
        (HashedCrossing(3), np.array(["a", "b"]), "list or tuple"),
        (HashedCrossing(3), np.array(1), "list or tuple.*ndarray"),
        (HashedCrossing(3), [np.array(["a"])], "at least two"),
        (HashedCrossing(3), [np.array(["a"]), np.array([[1]])], "same shape"),
        (HashedCrossing(3), [np.array(["a"]), np.array([1.5])], "integer or string"),
    ],
)
def test_bad_data_are_refused(layer, data, words):
    with pytest.raises(ValueError, match=words):
        layer(data)


def test_a_layer_without_vocabulary_says_how_to_get_one():
    with pytest.raises(RuntimeError, match="adapt"):
        StringLookup()(["a"])
    with pytest.raises(ValueError, match="static vocabulary"):
        StringLookup(vocabulary=ABCD).adapt(["q"])
    with pytest.raises(ValueError, match="no data to adapt to"):
        StringLookup().adapt([])
    with pytest.raises(ValueError, match="one value"):
        StringLookup().adapt("a")


def test_vocabulary_from_a_file(tmp_path):
    (tmp_path / "words.txt").write_text("apple\nbanana\n", "utf-8")
    layer = StringLookup(vocabulary=str(tmp_path / "words.txt"))
    assert layer.get_vocabulary() == ["[UNK]", "apple", "banana"]
    assert layer.get_config()["vocabulary"] is None
    (tmp_path / "gap.txt").write_text("apple\n\nbanana\n", "utf-8")
    with pytest.raises(ValueError, match="line 2"):
        StringLookup(vocabulary=str(tmp_path / "gap.txt"))


@pytest.mark.parametrize(
    "layer",
    [
        StringLookup(vocabulary=ABCD, num_oov_indices=2, salt=3, mask_token="", output_mode="one_hot"),
        StringLookup(vocabulary=np.array(ABCD), idf_weights=np.array(WEIGHTS), output_mode="tf_idf"),
        IntegerLookup(vocabulary=np.array(NUMBERS), output_mode="multi_hot"),
        Hashing(5, mask_value="a", salt=(1, 2), output_mode="count"),
    ],
)
def test_config_round_trip(layer):
    config = json.loads(json.dumps(layer.get_config()))
    again = type(layer).from_config(config)
    assert again.get_config() == layer.get_config()
    data = TABLE if isinstance(layer, IntegerLookup) else WORDS
    for other in (again, copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        np.testing.assert_array_equal(other(np.array(data)), layer(np.array(data)))


def test_a_config_holds_the_given_vocabulary_and_the_size_of_a_learned_one():
    layer = StringLookup(output_mode="count")
    layer.adapt(ABCD)
    config = layer.get_config()
    assert config["vocabulary"] is None and config["vocabulary_size"] == 5
    assert StringLookup.from_config(config).compute_output_shape((None, 1)) == (None, 5)


# --- in models ---

LETTERS = np.array(ABCD * 8, object)
TARGETS = np.array([1.0, 0.0, 1.0, 0.0] * 8, "float32")


def trained(model, x, **settings_):
    model.compile("sgd", "mse")
    losses = model.fit(x, TARGETS, epochs=2, verbose=0, **settings_).history["loss"]
    assert losses[1] < losses[0]
    return model


def test_one_program_serves_what_a_lookup_gives():
    """The model computes what its numeric part computes on indices made by hand."""
    lookup = StringLookup(vocabulary=ABCD)
    model = trained(Sequential([lookup, CategoryEncoding(5, output_mode="one_hot"), Dense(1)]), LETTERS.tolist())
    kernel, bias = model.get_weights()
    expected = kernel[[1, 2, 3, 4]] + bias
    for data in (ABCD, np.array(ABCD), np.array(ABCD)[:, None], np.array(ABCD, "S1")):
        np.testing.assert_allclose(model.predict(data, verbose=0), expected, rtol=1e-5)
        np.testing.assert_allclose(model(data), expected, rtol=1e-5)
    np.testing.assert_allclose(model.predict_on_batch(["d"]), expected[3:], rtol=1e-5)
    assert model.input_shape == (None, 1) and model.count_params() == 6
    assert model.evaluate(LETTERS, TARGETS, verbose=0) == pytest.approx(model.test_on_batch(LETTERS, TARGETS), rel=1e-5)


@pytest.mark.parametrize(
    ("front", "x"),
    [
        (
            lambda: [Input((1,), dtype="int64"), IntegerLookup(vocabulary=[2**40, 7], output_mode="count")],
            [2**40, 7] * 16,
        ),
        (lambda: [Hashing(6, output_mode="one_hot")], np.arange(32)),
        (
            lambda: [Input((2,), dtype="string"), StringLookup(vocabulary=ABCD, output_mode="multi_hot")],
            [["a", "b"]] * 32,
        ),
        (lambda: [Sequential([StringLookup(vocabulary=ABCD, output_mode="one_hot")])], LETTERS),
    ],
)
def test_fronts_of_a_stack(front, x):
    model = trained(Sequential([*front(), Dense(1)]), x, validation_split=0.25)
    outputs = model.predict(x, verbose=0)
    np.testing.assert_allclose(clone_with_weights(model).predict(x, verbose=0), outputs, rtol=1e-6)
    np.testing.assert_allclose(pickle.loads(pickle.dumps(model)).predict(x, verbose=0), outputs, rtol=1e-6)
    np.testing.assert_allclose(
        model.predict(x[:1], verbose=0), outputs[:1], rtol=1e-5
    )  # small batches have a way of their own


def clone_with_weights(model):
    clone = clone_model(model)
    clone.set_weights(model.get_weights())
    return clone


def test_wide_integers_reach_the_lookup_uncut():
    model = Sequential([IntegerLookup(vocabulary=[2**40, 7], output_mode="count")])
    assert model.predict(np.array([2**40, 7, 0]), verbose=0).tolist() == [[0, 1, 0], [0, 0, 1], [1, 0, 0]]


def test_graph_with_several_inputs():
    word, number, plain = (
        Input((1,), dtype="string", name="w"),
        Input((1,), dtype="int64", name="n"),
        Input((2,), name="p"),
    )
    crossed = HashedCrossing(7, output_mode="one_hot")([word, number])
    vectors = Flatten()(Embedding(5, 2)(StringLookup(vocabulary=ABCD)(word)))
    model = Model([word, number, plain], Dense(1)(Concatenate()([crossed, vectors, plain])))
    x = [LETTERS, np.arange(32), np.ones((32, 2))]
    trained(model, x)
    outputs = model.predict(x, verbose=0)
    named = {"w": LETTERS, "n": np.arange(32), "p": np.ones((32, 2), "float32")}
    np.testing.assert_allclose(model.predict(named, verbose=0), outputs, rtol=1e-6)
    np.testing.assert_allclose(model([part[:3] for part in x]), outputs[:3], rtol=1e-5)
    np.testing.assert_allclose(clone_with_weights(model).predict(x, verbose=0), outputs, rtol=1e-6)
    with pytest.raises(ValueError, match="no entry for input 'p'"):
        model.predict({"w": LETTERS, "n": np.arange(32)}, verbose=0)
    with pytest.raises(ValueError, match="takes 3 inputs"):
        model.predict(x[:2], verbose=0)


def test_eager_runs_take_the_same_way():
    model = Sequential([StringLookup(vocabulary=ABCD, output_mode="one_hot"), Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    assert np.isfinite(model.fit(LETTERS[:4], TARGETS[:4], verbose=0).history["loss"]).all()


def test_inverse_lookups_are_for_predictions():
    invert = StringLookup(vocabulary=ABCD, invert=True)
    assert invert(np.array([[1, 4, 0, 9]])).tolist() == [["a", "d", "[UNK]", "[UNK]"]]
    assert Sequential([invert])([[2]]).tolist() == [["b"]]
    with pytest.raises(ValueError, match="call it on the result of `predict`"):
        Sequential([Input((3,)), Dense(5), invert])


def test_places_where_a_host_layer_cannot_stand():
    class Own(Model):
        def __init__(self):
            super().__init__()
            self.lookup = IntegerLookup(vocabulary=NUMBERS)

        def call(self, inputs):
            return self.lookup(inputs)

    with pytest.raises(ValueError, match="traced values"):
        Own().predict(np.ones((2, 1), "int32"), verbose=0)
    mixed = Sequential([Input((1,), dtype="string"), StringLookup(vocabulary=ABCD, output_mode="one_hot"), Dense(1)])
    with pytest.raises(NotImplementedError, match="one by one"):
        Sequential([mixed, Dense(1)]).predict(["a"], verbose=0)


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.ones((32, 1)), "expected strings"),
        ([*ABCD * 7, "a", "b", "c", None], "missing entry .* row 31"),
        (LETTERS[:10], "10 rows"),
        ("a", "expects"),
        (np.array([["a", "b"]] * 32), r"shape \(32, 2\)"),
        ([], "0 samples"),
    ],
)
def test_fit_refuses_bad_data(x, words):
    model = Sequential([Input((1,), dtype="string"), StringLookup(vocabulary=ABCD, output_mode="one_hot"), Dense(1)])
    model.compile("sgd", "mse")
    before = model.get_weights()
    with pytest.raises(ValueError, match=words):
        model.fit(x, TARGETS, verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


def test_indices_beyond_an_embedding_are_refused_by_name():
    model = Sequential([StringLookup(vocabulary=ABCD), Embedding(2, 2, name="table"), Flatten(), Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="'table'"):
        model.fit(LETTERS, TARGETS, verbose=0)
