"""ONNX, LiteRT and OpenVINO by `model.export`: options, names, what is refused. Layers: `test_export_layers.py`."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

import sequax
from sequax import layers
from sequax.export import ExportError, load
from sequax.export.formats import litert, litert_converting, onnx_file
from sequax.export.trace import Trace
from tests.export_table import assert_equal, expected, model_of, rows_of, sizes_of
from tests.test_layer_table import FIRST_ROWS

pytestmark = pytest.mark.usefixtures("symbolic_sizes")


def rows(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def convnet():
    return sequax.Sequential(
        [
            layers.Input((8, 8, 2), name="image"),
            layers.Conv2D(4, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(3, activation="softmax", name="classes"),
        ]
    )


def recurrent(length=6):
    return sequax.Sequential(
        [
            layers.Input((length, 4), name="series"),
            layers.Masking(),
            layers.Bidirectional(layers.LSTM(5, return_sequences=True)),
            layers.GRU(3),
            layers.Dense(2, name="answer"),
        ]
    )


# --- ONNX ---


@pytest.fixture
def runtime():
    pytest.importorskip("onnx")
    found = pytest.importorskip("onnxruntime")
    found.set_default_logger_severity(3)
    return found


def test_onnx_has_the_names_and_nests_of_the_model(runtime, tmp_path):
    a, b = layers.Input((4,), name="a"), layers.Input((None, 3), name="b")
    outputs = {"sum": layers.Dense(2)(a), "parts": [layers.GlobalMaxPooling1D()(b)]}
    model = sequax.Model({"left": a, "right": b}, outputs)
    model.export(tmp_path / "m.onnx", verbose=False)
    session = runtime.InferenceSession(tmp_path / "m.onnx")
    assert [one.name for one in session.get_inputs()] == ["a", "b"]
    x = {"left": rows(3, 4), "right": rows(3, 5, 3)}
    found, wanted = load(tmp_path / "m.onnx")(x), model.predict(x, verbose=0)
    assert set(found) == set(wanted) and isinstance(found["parts"], list)
    np.testing.assert_allclose(found["sum"], wanted["sum"], atol=1e-6)
    np.testing.assert_allclose(found["parts"][0], wanted["parts"][0], atol=1e-6)


def test_onnx_of_a_fixed_size_and_another_opset(runtime, tmp_path):
    import onnx

    model = convnet()
    model.export(tmp_path / "m.onnx", verbose=False, batch_size=2, opset_version=18)
    assert onnx.load(tmp_path / "m.onnx").opset_import[0].version == 18
    session = runtime.InferenceSession(tmp_path / "m.onnx")
    assert session.get_inputs()[0].shape == [2, 8, 8, 2]
    np.testing.assert_allclose(
        session.run(["classes"], {"image": rows(2, 8, 8, 2)})[0], model.predict(rows(2, 8, 8, 2), verbose=0), atol=1e-6
    )


def test_onnx_brings_its_texts_along(runtime, tmp_path):
    words = layers.TextVectorization(vocabulary=["cat", "dog"], output_sequence_length=4)
    model = sequax.Sequential([layers.Input((1,), dtype="string", name="text"), words, layers.Embedding(4, 3)])
    model.export(tmp_path / "m.onnx", verbose=False)
    x = np.array([["a cat, a dog"], ["dog"]], object)
    np.testing.assert_allclose(load(tmp_path / "m.onnx")(x), model.predict(x, verbose=0), atol=1e-6)
    texts = runtime.InferenceSession(tmp_path / "m.onnx").get_modelmeta().custom_metadata_map
    assert json.loads(texts[onnx_file.HOST])["inputs"][0]["name"] == "text"


@pytest.mark.parametrize("bits", [None, "int4"])
def test_ids_may_come_as_floats(bits, runtime, tmp_path):
    """Random floats stand for no row of a table: artifacts are held against the model at values that do."""
    model = sequax.Sequential([layers.Input((6,)), layers.Embedding(9, 5), layers.Flatten(), layers.Dense(2)])
    if bits:
        model.quantize(bits)
    x = np.arange(12.0, dtype="float32").reshape(2, 6) % 9
    for name, options in (("m.onnx", {}), ("numpy", {"format": "numpy"})):
        model.export(tmp_path / name, verbose=False, **options)
    (found,) = runtime.InferenceSession(tmp_path / "m.onnx").run(None, {model.input_names[0]: x})
    np.testing.assert_allclose(found, model.predict(x, verbose=0), atol=1e-5)


def test_onnx_in_eight_bits_says_what_it_costs(runtime, tmp_path, capsys):
    model, x = convnet(), rows(40, 8, 8, 2)
    model.export(tmp_path / "m.onnx", quantize="int8", calibration=x)
    said = capsys.readouterr().out
    assert "quantize='int8': " in said and "same class for" in said
    assert np.abs(load(tmp_path / "m.onnx")(x) - model.predict(x, verbose=0)).max() < 0.1
    with pytest.raises(ValueError, match="pass `calibration=x`"):
        model.export(tmp_path / "other.onnx", quantize="int8")
    with pytest.raises(ValueError, match="`calibration` finds"):
        model.export(tmp_path / "other.onnx", calibration=x)
    assert sorted(os.listdir(tmp_path)) == ["m.onnx"]


def test_no_path_of_the_machine_is_in_an_onnx_file(runtime, tmp_path):
    convnet().export(tmp_path / "m.onnx", verbose=False)
    content = (tmp_path / "m.onnx").read_bytes()
    assert os.getcwd().encode() not in content and b".py" not in content


# --- LiteRT ---


@pytest.fixture
def interpreter():
    pytest.importorskip("litert_converter")
    return pytest.importorskip("ai_edge_litert.interpreter").Interpreter


def converted(trace, count):
    """A file, by the converter in this process, which saves a second."""
    exported = litert.exported(trace, count)
    taken = [trace.inputs[i].name for i in exported.module_kept_var_idx]
    names = {"signature": litert.SIGNATURE, "inputs": taken, "outputs": trace.output_names}
    return litert_converting.converted(exported.mlir_module_serialized, names)


# All of them: `make export-table`. LiteRT has no form of `Dense` on whole numbers.
@pytest.mark.parametrize("row", [one for one in FIRST_ROWS[::6]])
def test_layers_in_litert(row, interpreter, tmp_path):
    trace, count = Trace(model_of(row)), sizes_of(row)[0]
    (tmp_path / "m.tflite").write_bytes(converted(trace, count))
    arrays = rows_of(row, count)
    assert_equal(litert.runner(tmp_path / "m.tflite", trace)(arrays), expected(trace, arrays), 1e-5)


@pytest.mark.parametrize(("make", "count"), [(convnet, 1), (convnet, None), (recurrent, 1), (recurrent, 3)])
def test_litert_runs_models(make, count, interpreter, tmp_path):
    model = make()
    model.export(tmp_path / "m.tflite", verbose=False, **({} if count == 1 else {"batch_size": count}))
    serve = interpreter(model_path=str(tmp_path / "m.tflite")).get_signature_runner("serve")
    shape = model.input_shape[1:]
    for size in (2, 5) if count is None else (count,):
        x = rows(size, *shape)
        (found,) = serve(**{model.input_names[0]: x}).values()
        np.testing.assert_allclose(found, model.predict(x, verbose=0), atol=1e-5)
    content = (tmp_path / "m.tflite").read_bytes()
    assert os.getcwd().encode() not in content and b".py" not in content


def test_litert_says_what_it_lacks(interpreter, tmp_path):
    with pytest.raises(ExportError, match=r"no form of the operations .*fixed `batch_size`.*format='onnx'") as refused:
        recurrent().export(tmp_path / "m.tflite", batch_size=None)
    assert refused.value.primitive is not None
    with pytest.raises(ExportError, match=r"loop of 2000 steps .*input_signature"):
        recurrent(2000).export(tmp_path / "m.tflite")
    assert not list(tmp_path.iterdir())


def test_litert_brings_its_texts_along(interpreter, tmp_path):
    words = layers.TextVectorization(vocabulary=["cat", "dog"], output_sequence_length=4)
    model = sequax.Sequential([layers.Input((1,), dtype="string"), words, layers.Embedding(4, 3), layers.Flatten()])
    model.export(tmp_path / "m.tflite", verbose=False)
    assert sorted(os.listdir(tmp_path)) == ["m.host.json", "m.host.py", "m.tflite"]


# --- OpenVINO ---


@pytest.mark.parametrize("make", [convnet, recurrent])
def test_openvino_runs_models(make, runtime, tmp_path):
    openvino = pytest.importorskip("openvino")
    model = make()
    model.export(tmp_path / "m.xml", verbose=False)
    assert sorted(os.listdir(tmp_path)) == ["m.bin", "m.xml"]
    compiled = openvino.Core().compile_model(tmp_path / "m.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    x = rows(4, *model.input_shape[1:])
    np.testing.assert_allclose(compiled(x)[0], model.predict(x, verbose=0), atol=1e-5)
    assert str(tmp_path) not in (tmp_path / "m.xml").read_text()
