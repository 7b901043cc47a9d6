"""`FeatureSpace`: columns of a table as vectors."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pandas as pd
import pytest

import sequax
from sequax.utils import FeatureSpace

ROWS = {
    "size": np.array([1.0, 2.0, 3.0, 6.0]),
    "weight": np.array([10, 20, 30, 40]),
    "age": np.array([1.0, 2.0, 3.0, 4.0]),
    "code": np.array([7, 7, 8, 9]),
    "kind": np.array(["a", "b", "a", "c"]),
    "word": ["x", "y", "z", "a very long word"],
    "id": np.array([1, 2, 3, 4]),
}


def every_kind(**options):
    return FeatureSpace(
        {
            "size": FeatureSpace.float_rescaled(scale=0.5, offset=1.0),
            "weight": FeatureSpace.float_normalized(),
            "age": FeatureSpace.float_discretized(num_bins=2),
            "code": FeatureSpace.integer_categorical(num_oov_indices=1),
            "kind": FeatureSpace.string_categorical(num_oov_indices=0),
            "word": FeatureSpace.string_hashed(num_bins=3),
            "id": FeatureSpace.integer_hashed(num_bins=4),
        },
        crosses=[FeatureSpace.cross(("kind", "age"), crossing_dim=5)],
        **options,
    )


def every_kind_adapted():
    space = every_kind()
    space.adapt(ROWS)
    return space


def one_hot(indices, count):
    return np.eye(count)[np.asarray(indices)]


def expected():
    layers = sequax.layers
    weight = ROWS["weight"]
    ages = [0, 1, 1, 1]  # a value at the boundary, 2, belongs to the bin above
    kinds = layers.StringLookup(num_oov_indices=0)
    kinds.adapt(ROWS["kind"])
    codes = layers.IntegerLookup()
    codes.adapt(ROWS["code"])
    kind, code = np.asarray(kinds(ROWS["kind"])), np.asarray(codes(ROWS["code"]))
    encoded = {
        "size": (ROWS["size"] * 0.5 + 1)[:, None],
        "weight": ((weight - weight.mean()) / weight.std())[:, None],
        "age": one_hot(ages, 2),
        "code": one_hot(code, 4),
        "kind": one_hot(kind, 3),
        "word": one_hot(layers.Hashing(3)(ROWS["word"]), 3),
        "id": one_hot(layers.Hashing(4)(ROWS["id"]), 4),
    }
    crossed = one_hot(layers.HashedCrossing(5)([kind, np.array(ages)]), 5)
    return {**dict(sorted(encoded.items())), "kind_X_age": crossed}


@pytest.mark.parametrize("source", ["dict", "frame", "batches"])
def test_every_kind_of_feature(source):
    space = every_kind(output_mode="dict")
    frame = pd.DataFrame({**ROWS, "unused": 0})
    batches = [({key: value[part] for key, value in ROWS.items()}, 0) for part in (slice(0, 3), slice(3, 4))]
    space.adapt({"dict": ROWS, "frame": frame, "batches": iter(batches)}[source])
    encoded = space(frame if source == "frame" else ROWS)
    assert list(encoded) == list(expected())
    for key, value in expected().items():
        assert np.allclose(encoded[key], value, atol=1e-6), key


def test_columns_are_joined_in_the_order_of_their_names():
    """As in Keras, so that weights trained there fit."""
    rows = {"b": np.array([1.0, 2.0]), "c": np.array([3.0, 4.0]), "a": np.array([5.0, 6.0])}
    space = FeatureSpace({key: FeatureSpace.float_rescaled(2.0) for key in rows}, crosses=())
    assert space(rows).tolist() == [[10.0, 2.0, 6.0], [12.0, 4.0, 8.0]]
    assert sequax.Model(space.get_inputs(), space.get_encoded_features()).predict(rows, verbose=0).tolist() == [
        [10.0, 2.0, 6.0],
        [12.0, 4.0, 8.0],
    ]


def test_layers_with_a_vocabulary_need_no_adapt(tmp_path):
    (tmp_path / "words.txt").write_text("this\nis\n")
    for words in (["this", "is"], str(tmp_path / "words.txt")):
        text = sequax.layers.TextVectorization(vocabulary=words, output_sequence_length=3)
        space = FeatureSpace({"text": FeatureSpace.feature("string", text, "int")}, output_mode="dict")
        assert space({"text": ["this is", "is not"]})["text"].tolist() == [[2, 3, 0], [3, 1, 0]]
    learned = sequax.layers.StringLookup()
    space = FeatureSpace({"kind": FeatureSpace.feature("string", learned, "int")}, output_mode="dict")
    for kinds in (["a"], ["b"]):  # what was learned is learned anew
        space.adapt({"kind": kinds})
    assert learned.get_vocabulary() == ["[UNK]", "b"]


def test_files_keep_what_was_learned(tmp_path):
    space = every_kind()
    space.save(tmp_path / "fresh.keras")
    with pytest.raises(ValueError, match=r"adapt.*\['age', 'code', 'kind', 'weight'\]"):
        sequax.saving.load_model(tmp_path / "fresh.keras")(ROWS)
    space.adapt(ROWS)
    for name in ("one.keras", "two.keras"):  # of one that was loaded, too
        space.save(tmp_path / name)
        again = sequax.saving.load_model(tmp_path / name)
        assert np.array_equal(again(ROWS), every_kind_adapted()(ROWS))
        space = again
    rows = {key: np.asarray(value) for key, value in ROWS.items()}
    model = sequax.Model(again.get_inputs(), again.get_encoded_features())
    assert np.allclose(model.predict(rows, verbose=0), again(ROWS), atol=1e-6)


def test_files_of_layers_that_are_no_models_are_refused(tmp_path):
    with pytest.raises(ValueError, match="not a model"):
        sequax.models.model_from_json(json.dumps(sequax.saving.serialize_keras_object(sequax.layers.Dense(2))))
    config = every_kind().get_config()
    config["features"]["size"]["config"]["preprocessor"]["class_name"] = "system"
    with pytest.raises(ValueError, match="system"):
        FeatureSpace.from_config(config)


def test_rows_are_encoded_together_and_alone():
    space = every_kind()
    space.adapt(ROWS)
    joined = space({key: np.asarray(value)[:, None] for key, value in ROWS.items()})
    assert joined.dtype == "float32"
    assert np.allclose(joined, np.concatenate(list(expected().values()), axis=1), atol=1e-6)
    row = space({key: value[1] for key, value in ROWS.items()})
    assert np.allclose(row, joined[1], atol=1e-6)


def test_models_are_built_on_features():
    space = every_kind()
    space.adapt(ROWS)
    inputs, features = space.get_inputs(), space.get_encoded_features()
    assert {key: tensor.shape for key, tensor in inputs.items()} == dict.fromkeys(ROWS, (None, 1))
    assert features.shape == (None, 23)
    model = sequax.Model(inputs, features)
    assert np.allclose(model.predict({k: np.asarray(v) for k, v in ROWS.items()}, verbose=0), space(ROWS), atol=1e-6)
    trained = sequax.Model(inputs, sequax.layers.Dense(1)(features))
    trained.compile("sgd", "mse")
    assert len(trained.fit({k: np.asarray(v) for k, v in ROWS.items()}, np.ones(4), verbose=0).history["loss"]) == 1
    assert space.get_encoded_features() is features
    assert space.get_preprocessed_features()["kind"].dtype == "int32"


def test_output_modes():
    space = FeatureSpace({"age": FeatureSpace.float_discretized(2, output_mode="int"), "size": "float"})
    space.adapt(ROWS)
    with pytest.raises(ValueError, match="feature 'age' has not been encoded"):
        space(ROWS)
    space.output_mode = "dict"
    assert space(ROWS)["age"].tolist() == [[0], [1], [1], [1]]
    own = FeatureSpace({"size": FeatureSpace.feature("float32", sequax.layers.Rescaling(2.0), "float")})
    assert own(ROWS).ravel().tolist() == [2.0, 4.0, 6.0, 12.0]
    unknown = FeatureSpace({"size": FeatureSpace.feature("float32", sequax.layers.Rescaling(2.0), "one_hot")})
    with pytest.raises(ValueError, match="how many values its preprocessor returns is not known"):
        unknown(ROWS)


def test_kinds_by_name():
    space = FeatureSpace(
        {
            "size": "float_normalized",
            "age": "float_discretized",
            "kind": "string_categorical",
            "code": "integer_categorical",
            "word": "string_hashed",
            "id": "integer_hashed",
            "weight": "float_rescaled",
        },
        crosses=[("kind", "word")],
        crossing_dim=6,
        hashing_dim=7,
        num_discretization_bins=2,
        output_mode="dict",
    )
    space.adapt(ROWS)
    shapes = {key: value.shape[1] for key, value in space(ROWS).items()}
    assert shapes == {
        "size": 1, "age": 2, "kind": 4, "code": 4, "word": 7, "id": 7, "weight": 1, "kind_X_word": 6
    }  # fmt: skip
    assert space.preprocessors["size"].name == "size_preprocessor"


def test_configs_are_those_of_keras(keras):
    def make(space):
        return space(
            {
                "a": "float",
                "b": space.float_rescaled(scale=0.5),
                "c": space.float_normalized(name="c"),
                "d": space.float_discretized(num_bins=3),
            },
            output_mode="dict",
        )

    theirs, ours = make(keras.utils.FeatureSpace).get_config(), make(FeatureSpace).get_config()
    assert list(ours) == list(theirs)
    for key, value in theirs.items():
        if key != "features":
            assert ours[key] == value
    for key, feature in theirs["features"].items():
        assert {k: v for k, v in feature.items() if k != "config"} == {
            k: v for k, v in ours["features"][key].items() if k != "config"
        }
        assert list(ours["features"][key]["config"]) == list(feature["config"])
    revived = FeatureSpace.from_config(theirs)
    revived.adapt({key: ROWS["age"] for key in "abcd"})
    assert revived({key: ROWS["age"] for key in "abcd"})["d"].shape == (4, 3)


def test_spaces_come_back():
    space = every_kind()
    space.adapt(ROWS)
    again = FeatureSpace.from_config(space.get_config())
    with pytest.raises(ValueError, match=r"need to call `[.]adapt"):
        again(ROWS)
    again.adapt(ROWS)
    pickled = pickle.loads(pickle.dumps(space))
    for other in (again, pickled):
        assert np.allclose(other(ROWS), space(ROWS), atol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FeatureSpace({}), "cannot be None or empty"),
        (lambda: FeatureSpace({"a": "zz"}), "Invalid feature type: 'zz' for feature 'a'"),
        (lambda: FeatureSpace({"a": 3}), "Invalid feature type: 3"),
        (lambda: FeatureSpace({"a": "float"}, output_mode="x"), "Expected one of .'dict', 'concat'."),
        (lambda: FeatureSpace({"a": "float"}, crosses=[("a", "z")]), r"unknown features: \['z'\]"),
        (lambda: FeatureSpace.cross(("a",), 3), "needs the names of two or more"),
        (lambda: FeatureSpace.float_discretized(3, output_mode="x"), "Expected one of .'int', 'one_hot', 'float'."),
        (lambda: FeatureSpace({"a": "float_normalized"})({"a": [1.0]}), r"'a'\] learn from data"),
        (lambda: FeatureSpace({"a": "float_normalized"}).get_inputs(), r"need to call `[.]adapt"),
        (lambda: FeatureSpace({"a": "float"})(np.ones(3)), "can only be called with a dict"),
        (lambda: FeatureSpace({"a": "float"})({"b": [1.0]}), "no column 'a' in the data"),
        (lambda: FeatureSpace({"a": "float_normalized"}).adapt({"b": [1.0]}), "no column 'a' in the data"),
        (lambda: FeatureSpace({"a": "float_normalized"}).adapt([]), "gave no batches"),
        (lambda: FeatureSpace({"a": "float"}).save("space.h5"), "A FeatureSpace is saved as `.keras`"),
    ],
)
def test_spaces_refuse(make, message):
    with pytest.raises(ValueError, match=message):
        make()
