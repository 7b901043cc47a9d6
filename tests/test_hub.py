"""Models on the hub: a small one on this machine, spoken to by huggingface_hub itself."""

import importlib
import json
import socket

import numpy as np
import pytest

import sequax
from sequax import layers
from sequax.callbacks import RunReport
from sequax.hub import model_card
from sequax.hub.places import Place, place_of
from sequax.saving import LoadError
from tests.hub_server import Hub

keras = pytest.importorskip("keras")
library = pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")
constants = importlib.import_module("huggingface_hub.constants")

X = np.random.default_rng(0).random((40, 8, 8, 1)).astype("float32")
Y = np.arange(40) % 3


def network(source=sequax):
    source.utils.set_random_seed(1)
    inside = [source.Input((8, 8, 1)), source.layers.Flatten(), source.layers.Dense(3, activation="softmax")]
    model = source.Sequential(inside, name="digits")
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.fixture
def hub(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    with Hub() as server:
        template = f"{server.endpoint}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(constants, "ENDPOINT", server.endpoint)  # what HF_ENDPOINT would say
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        yield server


def same(one, other):
    return np.abs(np.asarray(one.predict(X, verbose=0)) - np.asarray(other.predict(X, verbose=0))).max() < 1e-6


def test_there_and_back(hub, capsys):
    model, report = network(), RunReport()
    model.fit(X, Y, validation_split=0.2, epochs=3, verbose=0, callbacks=[report])
    address = model.push_to_hub("me/digits", token="hf_secret", private=True, report=report, endpoint=hub.endpoint)
    assert address.startswith(f"{hub.endpoint}/me/digits/commit/") and address in capsys.readouterr().out
    assert hub.private == {"me/digits"} and "Bearer hf_secret" in hub.tokens
    files = hub.repos["me/digits"]["main"]
    assert {"config.json", "metadata.json", "model.weights.h5", "README.md", "run.json"} <= set(files)
    assert json.loads(files["run.json"])["data"] == json.loads(json.dumps(report.facts["data"]))

    again = sequax.from_pretrained("me/digits", endpoint=hub.endpoint)
    assert same(again, model) and again.optimizer.iterations == model.optimizer.iterations
    hub.requests.clear()
    assert same(sequax.from_pretrained("me/digits", local_files_only=True), model) and not hub.requests
    assert same(sequax.saving.load_model("hf://me/digits"), model)
    other = network()
    other.set_weights([w + 1 for w in other.get_weights()])
    other.load_weights("hf://me/digits")
    assert same(other, model)


def test_what_each_library_writes_the_other_reads(hub, tmp_path):
    model = network()
    model.fit(X, Y, verbose=0)
    model.save("hf://me/ours")
    for name, data in hub.repos["me/ours"]["main"].items():
        (tmp_path / "ours" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "ours" / name).write_bytes(data)
    assert same(keras.saving.load_model(tmp_path / "ours"), model)
    assert same(sequax.from_pretrained(tmp_path / "ours"), model)  # a clone, with the files that are no model

    theirs = network(keras)
    theirs.save(tmp_path / "theirs", zipped=False)
    files = {p.relative_to(tmp_path / "theirs").as_posix(): p for p in (tmp_path / "theirs").rglob("*") if p.is_file()}
    hub.repos["me/theirs"] = {"main": {name: path.read_bytes() for name, path in files.items()}}
    hub.repos["me/theirs"]["main"] |= {"README.md": b"#", "assets/summary_plot.png": b"png"}
    assert same(sequax.from_pretrained("hf://me/theirs"), theirs)


def test_files_revisions_and_requests(hub, tmp_path):
    model, changed = network(), network()
    changed.set_weights([w + 1 for w in model.get_weights()])
    model.save(tmp_path / "a.keras")
    model.save(tmp_path / "a.h5")
    model.save_weights(tmp_path / "a.weights.h5")
    held = {name: (tmp_path / name).read_bytes() for name in ("a.keras", "a.h5", "a.weights.h5")}
    hub.repos["me/files"] = {"main": {"a.keras": held["a.keras"], "a.weights.h5": held["a.weights.h5"]}}
    assert same(sequax.from_pretrained("me/files"), model)  # the one model that is there
    changed.load_weights("hf://me/files/a.weights.h5")
    assert same(changed, model)
    hub.repos["me/files"]["main"]["b.keras"] = held["a.keras"]
    with pytest.raises(LoadError, match=r"several models: a\.keras, b\.keras.*filename='a\.keras'"):
        sequax.from_pretrained("me/files")
    assert same(sequax.from_pretrained("me/files", "b.keras"), model)
    assert same(sequax.saving.load_model("hf://me/files/b.keras"), model)

    changed.set_weights([w + 1 for w in model.get_weights()])
    model.push_to_hub("me/versions")
    changed.push_to_hub("me/versions", revision="next")
    assert same(sequax.from_pretrained("me/versions@next"), changed)
    assert same(sequax.from_pretrained("me/versions", revision="main"), model)
    assert "discussions/1" in changed.push_to_hub("me/versions", create_pr=True)
    assert same(sequax.from_pretrained("me/versions", force_download=True), model)


def test_a_card_that_somebody_has_written_stays(hub):
    model = network()
    model.push_to_hub("me/digits", description="First.")
    main = hub.repos["me/digits"]["main"]
    model.push_to_hub("me/digits", description="Second.")
    assert b"Second." in main["README.md"]
    main["README.md"] = b"# My own words"
    model.push_to_hub("me/digits", description="Third.")
    assert main["README.md"] == b"# My own words"
    model.push_to_hub("me/digits", card="# Anew")
    assert main["README.md"] == b"# Anew"
    main["assets/old/vocabulary.txt"] = main["notes.txt"] = b"x"
    model.push_to_hub("me/digits", card=False, include_optimizer=False)
    assert "assets/old/vocabulary.txt" not in main and "notes.txt" in main and main["README.md"] == b"# Anew"


def test_errors_say_what_is_there(hub):
    hub.repos["me/torch"] = {"main": {"pytorch_model.bin": b"", "README.md": b""}}
    for name, words in (
        ("me/torch", "no model of Keras is there.*weights for torch"),
        ("me/none", "not found"),
        ("gone/none", "not found.*token"),
        ("me/torch@other", "not found"),
        ("me/torch/a.keras", "has no file 'a.keras'. It has: README.md, pytorch_model.bin"),
    ):
        with pytest.raises(LoadError, match=words):
            sequax.from_pretrained(name)
    with pytest.raises(LoadError, match="not in the cache"):
        sequax.from_pretrained("me/torch", local_files_only=True)
    with pytest.raises(ValueError, match="Expected a repository of the hub"):
        sequax.from_pretrained("a b/c")
    with pytest.raises(ValueError, match="not built"):
        sequax.Sequential([layers.Dense(1)]).push_to_hub("me/x")
    with pytest.raises(ValueError, match="expected a repository"):
        network().push_to_hub("me/x/file.keras")
    with pytest.raises(ValueError, match="folder of files"):
        network().save("hf://me/x", zipped=True)
    assert "me/x" not in hub.repos


def test_damaged_files_are_refused(hub):
    network().push_to_hub("me/digits")
    main = hub.repos["me/digits"]["main"]
    main["config.json"] = main["config.json"].replace(b"softmax", b"sigmoid")
    with pytest.raises(LoadError, match="does not match its SHA-256"):
        sequax.from_pretrained("me/digits")


def test_without_an_answer_the_cache_is_read(hub, monkeypatch):
    model = network()
    model.push_to_hub("me/digits")
    sequax.from_pretrained("me/digits")
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)  # between its attempts
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{unused.getsockname()[1]}"
    with pytest.warns(UserWarning, match="gives no answer.*what is in the cache is read"):
        assert same(sequax.from_pretrained("me/digits", endpoint=endpoint), model)
    with pytest.raises(LoadError, match="gives no answer"):
        sequax.from_pretrained("me/other", endpoint=endpoint)


def test_without_the_package(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ImportError, match=r"pip install 'sequax\[hub\]'"):
        sequax.from_pretrained("me/digits")
    with pytest.raises(ImportError, match=r"pip install 'sequax\[hub\]'"):
        network().push_to_hub("me/digits")


def test_places():
    assert place_of("hf://a/b@v1.0/c/d.keras") == Place("a/b", "v1.0", "c/d.keras")
    assert place_of("b") == Place("b") and place_of("a/b@refs%2Fpr%2F1").revision == "refs/pr/1"
    assert str(Place("a/b", "main", "x.keras")) == "hf://a/b@main/x.keras"


# --- cards ---


def text_model():
    inside = [sequax.Input((6,), dtype="int32"), layers.Embedding(9, 4), layers.GlobalAveragePooling1D()]
    model = sequax.Sequential([*inside, layers.Dense(2, activation="softmax")])
    model.compile("sgd", "categorical_crossentropy")
    return model


def table_model(loss="mse", **last):
    model = sequax.Sequential([sequax.Input((4,)), layers.Dense(1, **last)])
    model.compile("sgd", loss)
    model.fit(np.ones((4, 4)), np.ones(4), verbose=0, validation_data=(np.ones((4, 4)), np.ones(4)))
    return model


def segmenter():
    model = sequax.Sequential([sequax.Input((8, 8, 3)), layers.Conv2D(2, 1, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def unknown():
    return sequax.Sequential([sequax.Input((5, 4)), layers.LSTM(3)])


TASKS = {
    "image-classification": network,
    "text-classification": text_model,
    "tabular-regression": table_model,
    "tabular-classification": lambda: table_model("binary_crossentropy", activation="sigmoid"),
    "image-segmentation": segmenter,
    None: unknown,
}


@pytest.mark.parametrize("task", TASKS)
def test_what_a_model_is_for(task):
    card = library.ModelCard(model_card(TASKS[task](), "me/some", license="mit", tags=["a: b"], datasets=["me/data"]))
    data = card.data.to_dict()
    assert data.get("pipeline_tag") == task and data["library_name"] == "keras" and data["license"] == "mit"
    assert data["tags"] == ["keras", "sequax", "a: b"] and data["datasets"] == ["me/data"]


def test_the_card_of_a_run(tmp_path):
    model, report = network(), RunReport()
    history = model.fit(X, Y, validation_split=0.2, epochs=30, verbose=0, callbacks=[report]).history
    card = library.ModelCard(model_card(model, "me/digits", report=report, description="Ten | digits."))
    [loss] = [one for one in card.data.eval_results if one.metric_type == "loss"]
    assert loss.metric_value == pytest.approx(history["val_loss"][-1]) and loss.task_type == "image-classification"
    for words in (
        "Ten | digits.",
        "sequax.from_pretrained('me/digits')",
        "| dense | Dense | (None, 3) | 195 |",
        "| batch_size | 32 |",
        report.facts["data"]["training"]["arrays"]["x"]["sha256"],
        f"| 30 | {history['accuracy'][-1]:.5g}",
    ):
        assert words in card.text, words
    assert card.text.count("\n| ") < 80
    assert "## History" in model_card(model) and "## Training" not in model_card(model)
    assert "trained with" not in model_card(unknown())


@sequax.saving.register_keras_serializable("own")
class Twice(layers.Layer):
    def call(self, x):
        return 2 * x


def test_layers_of_ones_own_are_named_in_the_card():
    model = sequax.Sequential([sequax.Input((4,)), Twice(), layers.Dense(1)])
    assert "custom_objects={'Twice': Twice}" in model_card(model, "me/own")
