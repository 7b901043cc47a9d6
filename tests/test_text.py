"""`TextVectorization`: its values, and models that learn from raw text.

Expected values come from Keras 3.15.1 with TensorFlow 2.21; Keras on JAX refuses the layer without TensorFlow.
"""

from __future__ import annotations

import copy
import json
import pickle
import string

import numpy as np
import pytest

from sequax import Input, Model, Sequential
from sequax.layers import Dense, Embedding, GlobalAveragePooling1D, TextVectorization
from sequax.models import clone_model

DOCUMENTS = ["The cat, sat on the mat.", "A dog! and a CAT?", "no such thing"]
QUESTIONS = [["the cat sat"], [""], ["zz cat"]]

# settings, the vocabulary learned from DOCUMENTS, and the outputs for QUESTIONS
# fmt: off
TEXTS = [
    ({}, ["", "[UNK]", "the", "cat", "a", "thing", "such", "sat", "on", "no", "mat", "dog", "and"],
     [[2, 3, 7], [0, 0, 0], [1, 3, 0]]),
    ({"standardize": "lower"}, ["", "[UNK]", "the", "a", "thing", "such", "sat", "on", "no", "mat.", "dog!", "cat?",
     "cat,", "and"],
     [[2, 1, 6], [0, 0, 0], [1, 1, 0]]),
    ({"standardize": "strip_punctuation"}, ["", "[UNK]", "thing", "the", "such", "sat", "on", "no", "mat", "dog",
     "cat", "and", "a", "The", "CAT", "A"],
     [[3, 10, 5], [0, 0, 0], [1, 10, 0]]),
    ({"standardize": None}, ["", "[UNK]", "thing", "the", "such", "sat", "on", "no", "mat.", "dog!", "cat,", "and",
     "a", "The", "CAT?", "A"],
     [[3, 1, 5], [0, 0, 0], [1, 1, 0]]),
    ({"split": "character", "max_tokens": 8}, ["", "[UNK]", " ", "t", "a", "n", "h", "o"],
     [[3, 6, 1, 2, 1, 4, 3, 2, 1, 4, 3], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], [1, 1, 2, 1, 4, 3, 0, 0, 0, 0, 0]]),
    ({"split": None}, ["", "[UNK]", "the cat sat on the mat", "no such thing", "a dog and a cat"], [[1], [0], [1]]),
    ({"ngrams": 2}, ["", "[UNK]", "the", "cat", "a", "thing", "the mat", "the cat", "such thing", "such", "sat on",
     "sat", "on the", "on", "no such", "no", "mat", "dog and", "dog", "cat sat", "and a", "and", "a dog", "a cat"],
     [[2, 3, 11, 7, 19], [0, 0, 0, 0, 0], [1, 3, 1, 0, 0]]),
    ({"ngrams": (2,)}, ["", "[UNK]", "the mat", "the cat", "such thing", "sat on", "on the", "no such", "dog and",
     "cat sat", "and a", "a dog", "a cat"],
     [[3, 9], [0, 0], [1, 0]]),
    ({"ngrams": (1, 3), "output_sequence_length": 4}, ["", "[UNK]", "the", "cat", "a", "thing", "the cat sat",
     "such", "sat on the", "sat", "on the mat", "on", "no such thing", "no", "mat", "dog and a", "dog",
     "cat sat on", "and a cat", "and", "a dog and"],
     [[2, 3, 9, 6], [0, 0, 0, 0], [1, 3, 0, 0]]),
    ({"max_tokens": 5}, ["", "[UNK]", "the", "cat", "a"], [[2, 3, 1], [0, 0, 0], [1, 3, 0]]),
    ({"output_sequence_length": 2}, ["", "[UNK]", "the", "cat", "a", "thing", "such", "sat", "on", "no", "mat",
     "dog", "and"],
     [[2, 3], [0, 0], [1, 3]]),
    ({"split": None, "ngrams": 2}, ["", "[UNK]", "the cat sat on the mat", "no such thing", "a dog and a cat"],
     [[1], [0], [1]]),
    ({"output_mode": "multi_hot"}, ["[UNK]", "the", "cat", "a", "thing", "such", "sat", "on", "no", "mat", "dog",
     "and"],
     [[0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], [1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0,
     0]]),
    ({"output_mode": "count", "max_tokens": 6}, ["[UNK]", "the", "cat", "a", "thing", "such"],
     [[1, 1, 1, 0, 0, 0], [0, 0, 0, 0, 0, 0], [1, 0, 1, 0, 0, 0]]),
    ({"output_mode": "tf_idf"}, ["[UNK]", "the", "cat", "a", "thing", "such", "sat", "on", "no", "mat", "dog", "and"],
     [[0, 0.9163, 0.6931, 0, 0, 0, 0.9163, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], [0.896, 0, 0.6931,
     0, 0, 0, 0, 0, 0, 0, 0, 0]]),
    ({"output_mode": "tf_idf", "max_tokens": 4}, ["[UNK]", "the", "cat", "a"],
     [[0.8419, 0.9163, 0.6931, 0], [0, 0, 0, 0], [0.8419, 0, 0.6931, 0]]),
    ({"output_mode": "multi_hot", "max_tokens": 14, "pad_to_max_tokens": True}, ["[UNK]", "the", "cat", "a",
     "thing", "such", "sat", "on", "no", "mat", "dog", "and"],
     [[0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], [1, 0, 1, 0, 0, 0, 0,
     0, 0, 0, 0, 0, 0, 0]]),
    ({"output_mode": "count", "split": "character"}, ["[UNK]", " ", "t", "a", "n", "h", "o", "c", "s", "g", "e",
     "d", "u", "m", "i"],
     [[0, 2, 3, 2, 0, 1, 0, 1, 1, 0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], [2, 1, 1, 1, 0,
     0, 0, 1, 0, 0, 0, 0, 0, 0, 0]]),
]
# fmt: on


@pytest.mark.parametrize(("settings", "vocabulary", "expected"), TEXTS)
def test_values(settings, vocabulary, expected):
    layer = TextVectorization(**settings)
    layer.adapt(DOCUMENTS)
    assert layer.get_vocabulary() == vocabulary
    outputs = layer(np.array(QUESTIONS))
    np.testing.assert_allclose(outputs, expected, atol=1e-4)
    assert outputs.dtype == ("int32" if layer.output_mode == "int" else "float32")
    known = layer.compute_output_shape((None, 1))
    assert all(size is None or size == real for size, real in zip(known, outputs.shape, strict=True))


def test_ascii_alone_is_lowered_stripped_and_split():
    layer = TextVectorization()
    layer.adapt(["It's A_b-c (d) É!ß \u0130", "“y” ab\u00a0c\tn\x0bm\x1co", string.punctuation])
    found = set(layer.get_vocabulary(include_special_tokens=False))
    assert found == {"its", "abc", "d", "Éß", "\u0130", "“y”", "ab\u00a0c", "n", "m\x1co"}


def test_shapes_of_calls():
    layer = TextVectorization(vocabulary=["a", "b"])
    assert layer("a b a").tolist() == [2, 3, 2]
    assert layer(["a", "b a"]).tolist() == [[2, 0], [3, 2]]
    assert layer(np.array(["a", "b a"])[:, None, None]).shape == (2, 1, 2)
    assert layer(["", ""]).shape == (2, 0)
    assert TextVectorization(vocabulary=["a", "b"], split=None)(np.array([["a", "z"]])).tolist() == [[2, 1]]


def test_rules_of_the_user():
    seen = []

    def louder(texts):
        seen.append((texts.shape, texts.dtype))
        return np.char.upper(texts)

    layer = TextVectorization(standardize=louder, split=lambda texts: [text.split(",") for text in texts])
    layer.adapt(["a,b", "b"])
    assert layer.get_vocabulary() == ["", "[UNK]", "B", "A"]
    assert layer(["a,z"]).tolist() == [[3, 1]]
    assert [(shape, dtype.kind) for shape, dtype in seen] == [((2,), "U"), ((1,), "U")]
    assert copy.deepcopy(layer)(["a"]).tolist() == [[3]]
    with pytest.raises(ValueError, match="of the shape it was given"):
        TextVectorization(vocabulary=["a"], standardize=lambda texts: texts[:1])(["a", "b"])
    with pytest.raises(ValueError, match="a list of tokens for each text"):
        TextVectorization(vocabulary=["a"], split=lambda texts: [["a"]])(["a", "b"])


def test_adapt_reads_what_data_come_in():
    pandas = pytest.importorskip("pandas")
    expected = ["", "[UNK]", "the", "cat", "a", "thing", "such", "sat", "on", "no", "mat", "dog", "and"]
    as_bytes = [text.encode() for text in DOCUMENTS]
    batches = ((np.array([text]), 0) for text in DOCUMENTS)  # pairs (x, y): the first part counts
    for data in (tuple(DOCUMENTS), np.array(DOCUMENTS)[:, None], pandas.Series(DOCUMENTS), as_bytes, batches):
        layer = TextVectorization()
        layer.adapt(data, batch_size=2)
        assert layer.get_vocabulary() == expected
    layer.adapt(([text] for text in DOCUMENTS), steps=1)
    assert "dog" not in layer.get_vocabulary()


def test_parts_of_large_data_join_seamlessly(monkeypatch):
    texts = [" ".join("abcd"[: 1 + i % 4]) for i in range(23)]
    whole = TextVectorization(ngrams=2)
    whole.adapt(texts)
    monkeypatch.setattr("sequax.layers.preprocessing.text._PART", 5)
    monkeypatch.setattr("sequax.layers.preprocessing.encoding._PART", 7)
    parts = TextVectorization(ngrams=2)
    parts.adapt(texts)
    assert parts.get_vocabulary() == whole.get_vocabulary()
    outputs = np.asarray(whole(texts))
    np.testing.assert_array_equal(parts(texts), outputs)
    counts = TextVectorization(ngrams=2, output_mode="count", vocabulary=whole.get_vocabulary()[2:])(texts)
    expected = [np.bincount(row, minlength=len(whole.get_vocabulary()))[1:] for row in outputs]
    np.testing.assert_array_equal(counts, expected)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: TextVectorization(standardize="x"), "standardize"),
        (lambda: TextVectorization(split="x"), "split"),
        (lambda: TextVectorization(output_mode="one_hot"), "output_mode"),
        (lambda: TextVectorization(ngrams="a"), "ngrams"),
        (lambda: TextVectorization(ngrams=0), "ngrams"),
        (lambda: TextVectorization(ngrams=(1, -2)), "ngrams"),
        (lambda: TextVectorization(output_sequence_length=2.5), "output_sequence_length"),
        (lambda: TextVectorization(output_sequence_length=2, output_mode="count"), "output_sequence_length"),
        (lambda: TextVectorization(max_tokens=1), "max_tokens"),
        (lambda: TextVectorization(output_mode="count", pad_to_max_tokens=True), "max_tokens"),
        (lambda: TextVectorization(sparse=True), "sparse"),
        (lambda: TextVectorization(ragged=True), "ragged"),
        (lambda: TextVectorization(vocabulary=["a", "a"]), "repeated"),
        (lambda: TextVectorization(max_tokens=3, vocabulary=["a", "b"]), "larger than the maximum"),
        (lambda: TextVectorization(vocabulary=["a"], output_mode="tf_idf"), "idf_weights"),
        (lambda: TextVectorization.from_config({"vocabulary": "/etc/hostname"}), "not the name of a file"),
        (lambda: TextVectorization(vocabulary=["a"]).adapt(["a"]), "static vocabulary"),
        (lambda: TextVectorization(vocabulary=["a"])(np.array([1, 2])), "expected strings"),
        (lambda: TextVectorization(vocabulary=["a"])(np.array([["a", "b"]])), r"shape \(1, 2\)"),
        (lambda: TextVectorization().adapt(["a", None]), r"missing entry \(None\) at row 1"),
        (lambda: TextVectorization().adapt([1, 2]), "expected strings"),
    ],
)
def test_bad_input_is_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_config_round_trip():
    layer = TextVectorization(ngrams=(1, 2), standardize=None, output_sequence_length=4, vocabulary=["a", "b", "a b"])
    again = TextVectorization.from_config(json.loads(json.dumps(layer.get_config())))
    assert json.dumps(again.get_config()) == json.dumps(layer.get_config())
    np.testing.assert_array_equal(again(["a b z"]), layer(["a b z"]))
    learned = TextVectorization(output_mode="count")
    learned.adapt(DOCUMENTS)
    config = learned.get_config()
    assert config["vocabulary"] is None and config["vocabulary_size"] == 12
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(learned))(DOCUMENTS), learned(DOCUMENTS))
    with pytest.raises(RuntimeError, match="adapt"):
        TextVectorization.from_config(config)(["a"])


# --- models on raw text ---


def reviews(rng, count=240):
    """Texts of filler words with a good or a bad one in each, and 1 for the good ones."""
    labels = rng.integers(0, 2, count)
    filler = np.array(["the", "a", "film", "was", "with", "plot"])
    texts = []
    for label in labels:
        words = list(rng.choice(filler, rng.integers(4, 9)))
        words.insert(rng.integers(len(words)), rng.choice([["awful", "dull"], ["great", "fine"]][label]))
        texts.append(" ".join(words).capitalize() + "!")
    return texts, labels.astype("float32")


@pytest.fixture
def classifier(rng):
    texts, labels = reviews(rng)
    vectorize = TextVectorization(max_tokens=50, output_sequence_length=10)
    vectorize.adapt(texts)
    model = Sequential(
        [
            Input((1,), dtype="string"),
            vectorize,
            Embedding(50, 8, mask_zero=True),
            GlobalAveragePooling1D(),
            Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    model.optimizer.learning_rate = 0.05
    return model, texts, labels


def test_a_classifier_learns_from_raw_text(classifier, rng, capsys):
    model, texts, labels = classifier
    held_out = reviews(rng, 40)
    history = model.fit(texts, labels, epochs=12, verbose=0, validation_data=held_out).history
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert history["val_accuracy"][-1] == 1.0
    outputs = model.predict(["What a great film", "Dull, dull, dull."], verbose=0)
    assert outputs[0] > 0.5 > outputs[1]
    loss, accuracy = model.evaluate(np.array(held_out[0])[:, None], held_out[1], verbose=0)
    assert loss == pytest.approx(history["val_loss"][-1], rel=1e-4) and accuracy == 1.0

    # the numeric part on indices made by hand gives the same
    indices = model.layers[0](np.array(texts))
    np.testing.assert_allclose(model[1:](indices), model.predict(texts, verbose=0), rtol=1e-4)
    clone = clone_model(model)
    clone.set_weights(model.get_weights())
    for other in (clone, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_allclose(other.predict(texts[:3], verbose=0), model.predict(texts[:3], verbose=0), rtol=1e-6)
    model.summary()
    assert "text_vectorization" in capsys.readouterr().out


def test_a_graph_from_text_to_a_trained_model(classifier):
    model, texts, _ = classifier
    inputs = Input((1,), dtype="string")
    whole = Model(inputs, model[1:](model.layers[0](inputs)))
    np.testing.assert_allclose(whole.predict(texts, verbose=0), model.predict(texts, verbose=0), rtol=1e-5)
    np.testing.assert_allclose(whole(np.array(texts[:2])), model(texts[:2]), rtol=1e-5)


def test_a_stack_without_input_takes_lengths_as_they_come():
    model = Sequential(
        [TextVectorization(vocabulary=["a", "b"]), Embedding(4, 2, mask_zero=True), GlobalAveragePooling1D(), Dense(1)]
    )
    model.compile("sgd", "mse")
    model.fit(["a b", "b", "a a a"], np.ones(3), verbose=0)
    assert model.input_shape == (None, 1) and model.output_shape == (None, 1)
    longer = model.predict(["a", "a b a b"], verbose=0)
    np.testing.assert_allclose(model.predict(["a"], verbose=0), longer[:1], rtol=1e-5)  # padding is masked


def test_config_of_a_model_says_how_wide_counts_are():
    vectorize = TextVectorization(output_mode="count")
    vectorize.adapt(DOCUMENTS)
    model = Sequential([Input((1,), dtype="string"), vectorize, Dense(2)])
    again = Sequential.from_config(json.loads(json.dumps(model.get_config())))
    assert [v.shape for v in again.weights] == [(12, 2), (2,)]
    with pytest.raises(RuntimeError, match="no vocabulary yet"):
        again.predict(["a"], verbose=0)
    again.layers[0].set_vocabulary(vectorize.get_vocabulary())
    again.set_weights(model.get_weights())
    np.testing.assert_allclose(again.predict(DOCUMENTS, verbose=0), model.predict(DOCUMENTS, verbose=0), rtol=1e-6)


def test_functions_get_arrays_of_numpy_strings_and_may_return_anything_that_becomes_lists():
    class Ragged:
        def __init__(self, lists):
            self.lists = lists

        def to_list(self):
            return self.lists

    kinds = []

    def standardize(texts):
        kinds.append((type(texts), texts.dtype.kind))
        return np.char.replace(np.char.lower(texts), ",", "")

    layer = TextVectorization(standardize=standardize, split=lambda texts: Ragged([t.split("|") for t in texts]))
    layer.adapt(["Foo,|BAR", "foo"])
    assert set(kinds) == {(np.ndarray, "U")}
    assert layer.get_vocabulary() == ["", "[UNK]", "foo", "bar"]
    assert np.asarray(layer(["BAR|foo"])).tolist() == [[3, 2]]


def test_a_long_text_does_not_widen_all_others(monkeypatch):
    from sequax.layers.preprocessing import tokens

    monkeypatch.setattr(tokens, "_ROOM", 400)
    sizes = []

    def standardize(texts):
        sizes.append(texts.nbytes)
        return np.char.upper(texts)

    layer = TextVectorization(vocabulary=["A", "B" * 50], standardize=standardize)
    assert np.asarray(layer(["a", "b" * 50, "a", "x", "a"])).ravel().tolist() == [2, 3, 2, 1, 2]
    assert max(sizes) <= 400 and len(sizes) == 3
