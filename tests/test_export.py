"""Models out of Python: `model.export`, archives of endpoints, and what reads them back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile

import jax
import numpy as np
import pytest

import sequax
from sequax import layers
from sequax.export import ExportArchive, ExportError, load
from sequax.export.trace import Trace
from sequax.saving import LoadError

pytestmark = pytest.mark.usefixtures("symbolic_sizes")


def rows(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


@pytest.fixture(scope="module")
def convnet():
    return sequax.Sequential(
        [
            layers.Input((12, 12, 2), name="image"),
            layers.Conv2D(4, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(3, activation="softmax", name="classes"),
        ]
    )


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("stored") / "model.stablehlo"


@pytest.fixture
def stored(convnet, kept):
    """The convnet's file, written once."""
    if not kept.exists():
        convnet.export(kept, verbose=False)
    return kept


# --- StableHLO ---


@pytest.mark.parametrize("count", [1, 4])
def test_a_loaded_program_predicts(convnet, stored, count):
    x = rows(count, 12, 12, 2)
    artifact = load(stored)
    np.testing.assert_allclose(artifact(x), convnet.predict(x, verbose=0), atol=1e-6)
    assert "image: float32 (None, 12, 12, 2)" in repr(artifact) and "classes" in repr(artifact)


# As the documentation has it.
ALONE = """
import sys, zipfile
import numpy as np
from jax import export

with zipfile.ZipFile(sys.argv[1]) as file:
    serve = export.deserialize(bytearray(file.read("serve.bin")))
np.save(sys.argv[3], serve.call(np.load(sys.argv[2]))[0])
assert serve.platforms == ("cpu", "cuda", "tpu")
assert not [name for name in sys.modules if name.startswith(("sequax", "keras"))]
"""


def test_it_runs_where_only_jax_is(convnet, stored, tmp_path):
    np.save(tmp_path / "x.npy", rows(3, 12, 12, 2))
    files = [stored, tmp_path / "x.npy", tmp_path / "y.npy"]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    subprocess.run([sys.executable, "-I", "-c", ALONE, *map(str, files)], check=True, env=environment)
    expected = convnet.predict(rows(3, 12, 12, 2), verbose=0)
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), expected, atol=1e-6)


def test_no_path_of_the_machine_is_in_it(stored):
    limit = jax.config.jax_traceback_in_locations_limit
    with zipfile.ZipFile(stored) as file:
        content = b"".join(map(file.read, file.namelist()))
    for place in (os.getcwd(), os.path.dirname(sequax.__file__), os.path.dirname(jax.__file__), ".py"):
        assert place.encode() not in content
    assert jax.config.jax_traceback_in_locations_limit == limit


def test_weights_may_stay_outside(convnet, stored, tmp_path):
    path = tmp_path / "bare.stablehlo"
    convnet.export(path, verbose=False, weights=False)
    assert path.stat().st_size < 0.8 * stored.stat().st_size
    x = rows(2, 12, 12, 2)
    doubled = {key: value * 2 for key, value in Trace(convnet).weights().items()}
    found = load(path)(doubled, x)
    assert found.shape == (2, 3) and not np.allclose(found, convnet.predict(x, verbose=0), atol=1e-3)
    np.testing.assert_allclose(load(path)(Trace(convnet).weights(), x), convnet.predict(x, verbose=0), atol=1e-6)


def test_equal_models_give_equal_files(convnet, stored, tmp_path):
    convnet.export(tmp_path / "again.stablehlo", verbose=False)
    assert (tmp_path / "again.stablehlo").read_bytes() == stored.read_bytes()


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "bfloat16"])
def test_mixed_precision_leaves_as_float32(policy, tmp_path):
    dense = [layers.Dense(8, "gelu", dtype=policy), layers.Dense(3, "softmax", dtype=policy)]
    model = sequax.Sequential([layers.Input((5,), dtype="bfloat16" if policy == "bfloat16" else "float32"), *dense])
    model.export(tmp_path / "m.stablehlo", verbose=False)
    artifact = load(tmp_path / "m.stablehlo")
    assert [one["dtype"] for side in ("inputs", "outputs") for one in artifact.signature["serve"][side]] == [
        "float32",
        "float32",
    ]
    assert model.layers[0].compute_dtype != "float32"
    np.testing.assert_allclose(artifact(rows(4, 5)), model.predict(rows(4, 5), verbose=0).astype("float32"), atol=0.02)


# --- shapes, nests, names ---


def test_structures_of_inputs_and_outputs_come_back(tmp_path):
    left, right = layers.Input((4,), name="left"), layers.Input((None, 3), name="right")
    pooled = layers.GlobalAveragePooling1D()(right)
    both = layers.Concatenate()([left, pooled])
    outputs = {"sum": layers.Dense(2, name="a")(both), "parts": [layers.Dense(1, name="b")(left), pooled]}
    model = sequax.Model({"l": left, "r": right}, outputs)
    model.export(tmp_path / "m.stablehlo", verbose=False)
    x = {"l": rows(3, 4), "r": rows(3, 7, 3)}
    found, expected = load(tmp_path / "m.stablehlo")(x), model.predict(x, verbose=0)
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_sizes_that_must_be_alike_share_a_symbol(tmp_path):
    a, b = layers.Input((None, 3), name="a"), layers.Input((None, 3), name="b")
    model = sequax.Model([a, b], layers.Add()([a, b]))
    model.export(tmp_path / "m.stablehlo", verbose=False)
    artifact, x = load(tmp_path / "m.stablehlo"), [rows(2, 5, 3), rows(2, 5, 3)]
    np.testing.assert_allclose(artifact(x), x[0] + x[1], atol=1e-6)
    np.testing.assert_allclose(artifact(*x), x[0] + x[1], atol=1e-6)


def test_sizes_of_one_input_may_have_to_be_equal(tmp_path):
    square = layers.Input((None, None), name="square")
    model = sequax.Model(square, layers.Lambda(lambda x: x @ x + sequax.ops.transpose(x, (0, 2, 1)))(square))
    model.export(tmp_path / "m.stablehlo", verbose=False)
    x = rows(2, 5, 5)
    np.testing.assert_allclose(load(tmp_path / "m.stablehlo")(x), x @ x + x.transpose(0, 2, 1), atol=1e-5)


def test_a_stack_that_was_built_from_data_takes_any_batch(tmp_path):
    model = sequax.Sequential([layers.Dense(3, activation="tanh"), layers.Dense(2)])
    model(rows(3, 4))
    model.export(tmp_path / "m.stablehlo", verbose=False)
    x = rows(5, 4)
    np.testing.assert_allclose(load(tmp_path / "m.stablehlo")(x), model.predict(x, verbose=0), atol=1e-6)
    fixed = sequax.Sequential([layers.Input(batch_shape=(2, 3, 4)), layers.LSTM(3, stateful=True)])
    fixed.export(tmp_path / "n.stablehlo", verbose=False)
    assert load(tmp_path / "n.stablehlo").signature["serve"]["inputs"][0]["shape"] == [2, 3, 4]


class Own(sequax.Model):
    def __init__(self):
        super().__init__(name="own")
        self.dense = layers.Dense(3)

    def call(self, first, second=None):
        return self.dense(first) + (0 if second is None else second)


@pytest.mark.parametrize(
    "signature",
    [None, [sequax.InputSpec(shape=(None, 4))], [(None, 4)], rows(2, 4), (jax.numpy.ones((2, 4)),)],
    ids=["none", "spec", "shape", "array", "tuple"],
)
def test_subclasses_say_what_they_take(signature, tmp_path):
    model = Own()
    expected = np.asarray(model(rows(2, 4)))
    model.export(tmp_path / "m.stablehlo", verbose=False, input_signature=signature)
    np.testing.assert_allclose(load(tmp_path / "m.stablehlo")(rows(2, 4)), expected, atol=1e-6)


def test_two_arguments_of_a_call(tmp_path):
    model = Own()
    expected = np.asarray(model(rows(2, 4), second=rows(2, 3)))
    model.export(tmp_path / "m.stablehlo", verbose=False, input_signature=[(None, 4), (None, 3)])
    artifact = load(tmp_path / "m.stablehlo")
    assert [one["name"] for one in artifact.signature["serve"]["inputs"]] == ["first", "second"]
    np.testing.assert_allclose(artifact(rows(2, 4), rows(2, 3)), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("signature", "message"),
    [([(None, 5)], r"has the shape \(None, 4\)"), ([(None, 4), (None, 4)], "takes 1 inputs"), (["x"], "InputSpec")],
)
def test_signatures_that_do_not_fit_are_refused(signature, message, tmp_path):
    model = sequax.Sequential([layers.Input((4,)), layers.Dense(2)])
    with pytest.raises(ExportError, match=message):
        model.export(tmp_path / "m.stablehlo", input_signature=signature)
    assert not list(tmp_path.iterdir())


def test_sizes_may_be_fixed(convnet, tmp_path):
    convnet.export(tmp_path / "m.stablehlo", verbose=False, input_signature=[(2, 12, 12, 2)])
    artifact = load(tmp_path / "m.stablehlo")
    assert artifact.signature["serve"]["inputs"][0]["shape"] == [2, 12, 12, 2]
    with pytest.raises(ValueError, match=r"has shape \(3, 12, 12, 2\); the program takes \(2, 12, 12, 2\)"):
        artifact(rows(3, 12, 12, 2))


# --- whole or absent ---


def test_an_artifact_that_computes_something_else_is_not_kept(convnet, stored, tmp_path, monkeypatch):
    from sequax.export.formats import stablehlo

    path = tmp_path / "m.stablehlo"
    path.write_bytes(b"before")
    ours = stablehlo.runner
    monkeypatch.setattr(stablehlo, "runner", lambda *args: lambda x: [y + 1e-3 for y in ours(*args)(x)])
    with pytest.raises(ExportError, match=r"output 'classes' differs by 0\.001"):
        convnet.export(path)
    assert path.read_bytes() == b"before" and list(tmp_path.iterdir()) == [path]
    monkeypatch.undo()
    convnet.export(path, verbose=False)
    assert path.read_bytes() == stored.read_bytes()


def test_a_layer_that_needs_to_know_sizes_is_named_with_a_remedy(tmp_path):
    class Picky(layers.Layer):
        def call(self, x):
            return x * (2 if x.shape[0] > 5 else 3)

    model = sequax.Sequential([layers.Input((4,)), Picky(name="picky")], name="outer")
    with pytest.raises(ExportError, match=r"Layer 'outer/picky': .*input_signature") as refused:
        model.export(tmp_path / "m.stablehlo")
    assert refused.value.layer == "outer/picky" and not list(tmp_path.iterdir())
    model.export(tmp_path / "m.stablehlo", verbose=False, input_signature=[(2, 4)])


def test_a_layer_that_gives_something_else_for_symbols_is_noticed(tmp_path):
    class Odd(layers.Layer):
        def call(self, x):
            return x * (2 if x.shape[0] % 2 == 0 else 3)

    model = sequax.Sequential([layers.Input((4,)), Odd(name="odd")])
    with pytest.raises(ExportError, match="computes something else than the model: output 'odd' differs"):
        model.export(tmp_path / "m.stablehlo")


@pytest.mark.parametrize(
    ("format", "options", "error", "message"),
    [
        ("torch", {}, ExportError, "format='onnx'"),
        ("stablehol", {}, ValueError, r"Unrecognized format=stablehol.*stablehlo"),
        (None, {}, ExportError, "needs the package tensorflow"),
        ("stablehlo", {"opset_version": 18}, TypeError, "opset_version"),
    ],
)
def test_what_cannot_be_written_is_said(convnet, format, options, error, message, tmp_path):
    with pytest.raises(error, match=message):
        convnet.export(tmp_path / "model", format=format, **options)
    assert not list(tmp_path.iterdir())


def test_it_says_where_the_artifact_is(convnet, tmp_path, capsys):
    convnet.export(tmp_path / "m.stablehlo")
    said = capsys.readouterr().out
    assert f"Saved artifact at '{tmp_path / 'm.stablehlo'}'" in said and "takes image: float32" in said
    convnet.export(tmp_path / "m.stablehlo", verbose=0)
    assert not capsys.readouterr().out


def test_other_files_are_refused(tmp_path, stored):
    (tmp_path / "a.stablehlo").write_bytes(b"PK\x03\x04 and then nothing")
    (tmp_path / "b.bin").write_bytes(b"abc")
    with zipfile.ZipFile(stored) as old, zipfile.ZipFile(tmp_path / "c.stablehlo", "w") as new:
        new.writestr("signature.json", json.dumps({"endpoints": json.loads(old.read("signature.json"))["endpoints"]}))
        new.writestr("serve.bin", old.read("serve.bin")[:100])
    for name in ("a.stablehlo", "b.bin", "c.stablehlo"):
        with pytest.raises(LoadError, match=name):
            load(tmp_path / name)
    with pytest.raises(LoadError, match="is a folder"):
        load(tmp_path)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "nothing.stablehlo")


# --- archives ---


def test_an_archive_has_endpoints_and_variables(convnet, tmp_path):
    archive = ExportArchive()
    archive.track(convnet)
    assert len(archive.variables) == len(convnet.variables)
    assert len(archive.trainable_variables) == 6
    spec = [sequax.InputSpec(shape=(None, 12, 12, 2))]
    archive.add_endpoint("serve", convnet)
    archive.add_endpoint("logits", lambda x: {"doubled": convnet.call(x, training=False) * 2}, spec)
    archive.track_and_add_endpoint("method", convnet.layers[0], [sequax.InputSpec(shape=(None, 5, 5, 2))])
    archive.add_variable_collection("kernels", [convnet.layers[0].kernel])
    archive.write_out(tmp_path / "a.stablehlo", verbose=False)
    loaded, x = load(tmp_path / "a.stablehlo"), rows(3, 12, 12, 2)
    expected = convnet.predict(x, verbose=0)
    np.testing.assert_allclose(loaded(x), expected, atol=1e-6)
    np.testing.assert_allclose(loaded.logits(x)["doubled"], 2 * expected, atol=1e-6)
    assert loaded.method(rows(2, 5, 5, 2)).shape == (2, 3, 3, 4)
    np.testing.assert_array_equal(loaded.kernels[0], convnet.layers[0].kernel.numpy())
    with pytest.raises(AttributeError, match="no endpoint 'nothing'"):
        _ = loaded.nothing


def test_archives_refuse(convnet, tmp_path):
    archive, spec = ExportArchive(), [sequax.InputSpec(shape=(None, 12, 12, 2))]
    with pytest.raises(ValueError, match="No endpoints have been set yet"):
        archive.write_out(tmp_path / "a.stablehlo")
    with pytest.raises(ValueError, match="Invalid resource type"):
        archive.track("model")
    with pytest.raises(ValueError, match="has not been built"):
        archive.track(layers.Dense(2))
    with pytest.raises(ValueError, match="you must provide an `input_signature`"):
        archive.add_endpoint("f", convnet.call)
    archive.add_endpoint("f", convnet.call, spec)
    with pytest.raises(ValueError, match="already taken"):
        archive.add_endpoint("f", convnet.call, spec)
    with pytest.raises(ValueError, match="already taken"):
        archive.add_variable_collection("f", convnet.weights)
    with pytest.raises(ValueError, match=r"instances of `keras\.Variable`"):
        archive.add_variable_collection("g", [1.0])
    with pytest.raises(ValueError, match="list/tuple/set"):
        archive.add_variable_collection("g", convnet.weights[0])
    with pytest.raises(ValueError, match="Unsupported format"):
        ExportArchive("neptune_model")
    with pytest.raises(ExportError, match="needs the package tensorflow"):
        archive.write_out(tmp_path / "folder")
    assert not list(tmp_path.iterdir())


# --- the command line ---


def test_the_command_writes_and_refuses(convnet, stored, tmp_path, capsys):
    from sequax.cli import main

    source, target = str(tmp_path / "m.keras"), str(tmp_path / "m.stablehlo")
    convnet.save(source)
    assert main(["export", source, target]) == 0
    assert f"Saved artifact at '{target}'" in capsys.readouterr().out
    x = rows(2, 12, 12, 2)
    np.testing.assert_allclose(load(target)(x), convnet.predict(x, verbose=0), atol=1e-6)
    assert main(["export", source, target]) == 1
    assert "--force" in capsys.readouterr().err
    assert main(["export", source, target, "--force", "--batch-size", "2", "--no-weights"]) == 0
    described = load(target).signature["serve"]
    assert "weights" in described and described["inputs"][0]["shape"] == [2, 12, 12, 2]
    assert described["outputs"][0]["shape"] == [2, 3]
    assert main(["export", source, str(tmp_path / "folder"), "--format", "numpy"]) == 0
    assert sorted(os.listdir(tmp_path / "folder")) == ["__init__.py", "weights.npz"]
    capsys.readouterr()
    assert main(["export", source, str(tmp_path / "other"), "--format", "torch"]) == 1
    assert "format='onnx'" in capsys.readouterr().err
    assert main(["export", str(tmp_path / "nothing.keras"), target, "--force"]) == 1
