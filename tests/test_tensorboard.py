"""Event files, read with TensorBoard's own reader."""

from __future__ import annotations

import json
import sys
import warnings

import numpy as np
import pytest

import sequax
from sequax import callbacks, optimizers
from sequax.callbacks.event_files import png

pytest.importorskip("tensorboard")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what it imports is not ours
    from google.protobuf import text_format
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.graph.keras_util import keras_model_to_graph_def
    from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

X = np.random.default_rng(0).integers(0, 5, size=(12, 2))
Y = X.sum(1, keepdims=True).astype("float32")


def new_model(optimizer="sgd"):
    model = sequax.Sequential(
        [
            sequax.layers.Input((2,), dtype="int32"),
            sequax.layers.Embedding(5, 3, name="words"),
            sequax.layers.Flatten(),
            sequax.layers.Dense(1, name="out"),
        ]
    )
    model.compile(optimizer, "mse", metrics=["mae"])
    return model


def fit(model, callback, epochs=3, **arguments):
    return model.fit(X, Y, batch_size=4, epochs=epochs, callbacks=[callback], **{"verbose": 0} | arguments).history


def read(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return EventAccumulator(str(folder), size_guidance={"tensors": 0, "scalars": 0, "histograms": 0}).Reload()


def scalars(events):
    return {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def over_epochs(values):
    return [(epoch, pytest.approx(value, rel=1e-6)) for epoch, value in enumerate(values)]


def test_scalars_per_epoch(tmp_path):
    model = new_model(optimizers.SGD(0.25))
    history = fit(model, callbacks.TensorBoard(tmp_path), validation_data=(X, Y))
    assert scalars(read(tmp_path / "train")) == {
        "epoch_loss": over_epochs(history["loss"]),
        "epoch_mae": over_epochs(history["mae"]),
        "epoch_learning_rate": over_epochs([0.25] * 3),
    }
    assert scalars(read(tmp_path / "validation")) == {
        "epoch_loss": over_epochs(history["val_loss"]),
        "epoch_mae": over_epochs(history["val_mae"]),
        "evaluation_loss_vs_iterations": [(3 * (i + 1), v) for i, v in over_epochs(history["val_loss"])],
        "evaluation_mae_vs_iterations": [(3 * (i + 1), v) for i, v in over_epochs(history["val_mae"])],
    }
    assert "learning_rate" not in history


def test_evaluation_alone(tmp_path):
    model = new_model()
    loss, _ = model.evaluate(X, Y, verbose=0, callbacks=[callbacks.TensorBoard(tmp_path)])
    found = scalars(read(tmp_path / "validation"))
    assert found["evaluation_loss_vs_iterations"] == [(0, pytest.approx(loss))]
    assert not (tmp_path / "train").exists()


def test_model_as_text_and_graph(tmp_path):
    model = new_model()
    fit(model, callbacks.TensorBoard(tmp_path), epochs=1)
    events = read(tmp_path / "train")
    assert set(events.Tags()["tensors"]) == {"model/text_summary", "keras"}
    text = events.Tensors("model/text_summary")[0].tensor_proto.string_val[0].decode()
    assert "words (Embedding)" in text and all(line.startswith("    ") for line in text.splitlines())
    assert events.SummaryMetadata("keras").plugin_data.plugin_name == "graph_keras_model"
    config = json.loads(events.Tensors("keras")[0].tensor_proto.string_val[0])
    nodes = [node.name.rpartition("/")[2] for node in keras_model_to_graph_def(config).node]
    assert [name for name in nodes if name in ("words", "out")] == ["words", "out"]
    fit(model, callbacks.TensorBoard(tmp_path / "without", write_graph=False), epochs=1)
    assert read(tmp_path / "without" / "train").Tags()["tensors"] == []


def test_a_model_without_config_has_a_summary(tmp_path):
    class Own(sequax.Sequential):
        def get_config(self):
            raise NotImplementedError

    model = Own([sequax.layers.Input((2,)), sequax.layers.Dense(1)])
    model.compile("sgd", "mse")
    fit(model, callbacks.TensorBoard(tmp_path), epochs=1)
    assert read(tmp_path / "train").Tags()["tensors"] == ["model/text_summary"]


def test_histograms_and_pictures_of_weights(tmp_path):
    model = new_model()
    fit(model, callbacks.TensorBoard(tmp_path, histogram_freq=2, write_images=True))
    events = read(tmp_path / "train")
    paths = {weight.path for weight in model.weights}
    assert set(events.Tags()["histograms"]) == {f"{path}/histogram" for path in paths}
    assert set(events.Tags()["images"]) == {f"{path}/image" for path in paths}
    kernel = model.get_layer("out").kernel
    first, last = events.Histograms(f"{kernel.path}/histogram")
    assert (first.step, last.step) == (0, 2)
    values = kernel.numpy()
    of_last = last.histogram_value
    assert (of_last.num, of_last.min, of_last.max) == (6, pytest.approx(values.min()), pytest.approx(values.max()))
    assert of_last.sum == pytest.approx(values.sum(), rel=1e-5) and sum(of_last.bucket) == 6
    picture = events.Images(f"{kernel.path}/image")[-1]
    assert (picture.width, picture.height, picture.encoded_image_string[1:4]) == (1, 6, b"PNG")


@pytest.mark.parametrize(
    ("values", "expected"),
    [([[0.0, 1.0], [2.0, 4.0]], [[0, 63], [127, 255]]), ([[3.0, 3.0]], [[0, 0]]), ([[np.nan, 1.0]], [[0, 255]])],
)
def test_png(values, expected, tmp_path):
    image = pytest.importorskip("matplotlib.image")
    (tmp_path / "a.png").write_bytes(png(np.array(values)))
    np.testing.assert_array_equal(np.round(image.imread(tmp_path / "a.png") * 255), expected)


def test_scalars_per_batch(tmp_path):
    board = callbacks.TensorBoard(tmp_path, update_freq=2, write_steps_per_second=True)
    as_list = callbacks.CallbackList([board])
    assert as_list.sees_batches("train") and not as_list.sees_batches("test")
    history = fit(new_model(), board, shuffle=False)
    found = scalars(read(tmp_path / "train"))
    assert [step for step, _ in found["batch_loss"]] == [2, 4, 6, 8]
    assert found["batch_loss"][2][1] == pytest.approx(history["loss"][1]), "batch 6 ends the second epoch"
    assert all(value > 0 for _, value in [*found["batch_steps_per_second"], *found["epoch_steps_per_second"]])
    assert callbacks.TensorBoard(update_freq="batch").update_freq == 1


def test_batches_are_counted_on_after_a_resume(tmp_path):
    first, second = (callbacks.TensorBoard(tmp_path, update_freq=3) for _ in range(2))
    model = new_model()
    fit(model, first, epochs=2)
    assert first.state_dict() == {"batches": 6}
    resume = callbacks.LambdaCallback(on_train_begin=lambda *_: second.load_state_dict(first.state_dict()))
    model.fit(X, Y, batch_size=4, epochs=3, initial_epoch=2, verbose=0, callbacks=[second, resume])
    assert [step for step, _ in scalars(read(tmp_path / "train"))["batch_loss"]] == [3, 6, 9]


def test_rates_of_several_optimizers(tmp_path):
    chosen = optimizers.OptimizerMap(optimizers.SGD(0.5, name="rest"), {".*/words/.*": optimizers.Adam(0.25, name="w")})
    fit(new_model(optimizers.MultiOptimizer(chosen)), callbacks.TensorBoard(tmp_path), epochs=1)
    found = scalars(read(tmp_path / "train"))
    assert found["epoch_learning_rate/rest"] == [(0, 0.5)] and found["epoch_learning_rate/w"] == [(0, 0.25)]


def test_embeddings_for_the_projector(tmp_path):
    labels = tmp_path / "labels.tsv"
    labels.write_text("a\nb\nc\nd\ne\n")
    model = new_model()
    board = callbacks.TensorBoard(tmp_path, embeddings_freq=1, embeddings_metadata={"words": str(labels)})
    fit(model, board, epochs=2)
    config = text_format.Parse((tmp_path / "train" / "projector_config.pbtxt").read_text(), ProjectorConfig())
    (entry,) = config.embeddings
    assert (entry.tensor_name, entry.metadata_path) == (model.get_layer("words").embeddings.path, str(labels))
    table = np.loadtxt(tmp_path / "train" / entry.tensor_path, delimiter="\t")
    np.testing.assert_allclose(table, model.get_layer("words").embeddings.numpy(), rtol=1e-5)
    with pytest.raises(ValueError, match=r"names \['letters'\], but the Embedding layers of the model are \['words'\]"):
        fit(model, callbacks.TensorBoard(tmp_path, embeddings_metadata={"letters": "x.tsv"}))


def test_profile(tmp_path, monkeypatch):
    """Which batches are recorded; the recording itself is JAX' matter."""
    import jax

    seen, model = [], new_model(optimizers.SGD(0.0))
    monkeypatch.setattr(jax.profiler, "start_trace", lambda path: seen.append((path, int(model.optimizer.iterations))))
    monkeypatch.setattr(jax.profiler, "stop_trace", lambda: seen.append(int(model.optimizer.iterations)))
    fit(model, callbacks.TensorBoard(tmp_path, profile_batch=(4, 5)))
    assert seen == [(str(tmp_path / "train"), 3), 5]
    seen.clear()
    model = new_model(optimizers.SGD(0.0))
    fit(model, callbacks.TensorBoard(tmp_path, profile_batch=(3, 100)), epochs=1)
    assert seen == [(str(tmp_path / "train"), 2), 3], "a recording ends with the training at the latest"


def test_writing_needs_no_other_package(tmp_path, monkeypatch):
    for package in ("tensorboard", "tensorboardX", "tensorflow", "google.protobuf"):
        monkeypatch.setitem(sys.modules, package, None)
    fit(new_model(), callbacks.TensorBoard(tmp_path, histogram_freq=1, write_images=True, update_freq=1))
    monkeypatch.undo()
    assert scalars(read(tmp_path / "train"))["epoch_loss"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"update_freq": "epochs"}, "`update_freq` must be"),
        ({"update_freq": 0}, "update_freq=0"),
        ({"profile_batch": -1}, "`profile_batch` must be"),
        ({"profile_batch": (5, 3)}, r"profile_batch=\(5, 3\)"),
        ({"profile_batch": "2,3"}, "profile_batch='2,3'"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        callbacks.TensorBoard(**arguments)
