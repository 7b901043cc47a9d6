"""`sequax inspect` and `sequax convert`: files are told about, compared and rewritten from the command line."""

from __future__ import annotations

import json
import zipfile

import h5py
import numpy as np
import pytest

import sequax
from sequax import layers
from sequax.cli import main
from sequax.cli.comparing import config_differences, difference
from sequax.cli.settings import changed
from sequax.saving import legacy_h5

X = np.linspace(-1, 1, 12, dtype="float32").reshape(3, 4)


def make_model(units: int = 3) -> sequax.Model:
    start = sequax.Input((4,), name="features")
    hidden = layers.Dense(units, activation="relu", name="dense")
    inner = sequax.Sequential([hidden, layers.BatchNormalization(name="normal")], name="inner")
    model = sequax.Model(start, layers.Dense(2, name="head")(inner(start)), name="two")
    model.compile(sequax.optimizers.Adam(0.01), "mse")
    return model


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder with the same trained model in all formats, and what it predicts."""
    sequax.utils.set_random_seed(0)
    folder, model = tmp_path_factory.mktemp("files"), make_model()
    model.train_on_batch(X, X[:, :2])
    model.save(folder / "m.keras")
    model.save(folder / "m.h5")
    model.save_weights(folder / "w.weights.h5")
    model.save_weights(folder / "w.h5")
    model.save_weights(folder / "w.safetensors")
    return folder, np.asarray(model(X))


@pytest.fixture
def run(saved, capsys, monkeypatch):
    """Run the command in the folder of the files: exit code, output, errors."""
    monkeypatch.chdir(saved[0])

    def call(*arguments: object):
        capsys.readouterr()
        code = main([str(one) for one in arguments])
        return code, *capsys.readouterr()

    return call


def read_json(run, *arguments: object):
    code, out, err = run("inspect", *arguments, "--json")
    assert (code, err) == (0, "")
    return json.loads(out)


def assert_same_arrays(run, first, second):
    found = read_json(run, first, second)
    assert found["same_arrays"] > 0
    assert not any(found[key] for key in ("only_in_first", "only_in_second", "other_shape_or_dtype", "other_values"))


# --- inspect ---


@pytest.mark.parametrize(
    ("file", "kind", "arrays", "of_optimizer", "layer"),
    [
        ("m.keras", "Keras model", 22, 14, "head"),
        ("m.h5", "model in Keras 2's format", 22, 14, "head"),
        ("w.weights.h5", "weights", 22, 14, "head"),
        ("w.h5", "weights in Keras 2's format", 8, 0, "head"),
        ("w.safetensors", "safetensors", 22, 14, None),
    ],
)
def test_every_format_is_told_about(run, file, kind, arrays, of_optimizer, layer):
    found = read_json(run, file)
    totals = found["totals"]
    assert (found["kind"], totals["arrays"], totals["optimizer_arrays"]) == (kind, arrays, of_optimizer)
    assert totals["verified"] == arrays
    assert totals["bytes"] - totals["optimizer_bytes"] == 4 * (4 * 3 + 3 + 4 * 3 + 3 * 2 + 2)
    head = next(row for row in found["arrays"] if row["shape"] == [3, 2])
    assert (head["dtype"], head["bytes"], head["layer"]) == ("float32", 24, layer)
    code, out, err = run("inspect", file)
    assert (code, err) == (0, "")
    assert all(row["path"] in out for row in found["arrays"])
    assert "all verified" in out


@pytest.mark.parametrize("file", ["m.keras", "m.h5"])
def test_layers_and_what_was_compiled(run, file):
    found = read_json(run, file)
    model = found["model"]
    assert (found["keras_version"], model["class_name"], model["name"]) == ("3.15.1", "Functional", "two")
    assert model["compile"] == {"optimizer": "Adam(learning_rate=0.01)", "loss": "mse"}
    rows = {row["name"]: (row["class_name"], row["settings"]) for row in model["layers"]}
    assert rows["inner/dense"] == ("Dense", {"units": 3, "activation": "relu"})
    assert rows["head"] == ("Dense", {"units": 2})
    assert rows["features"] == ("InputLayer", {"batch_shape": [None, 4]})
    assert "units=3, activation=relu" in run("inspect", file)[1]


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (lambda: layers.Conv2D(2, 3, padding="same"), dict(filters=2, kernel_size=[3, 3], padding="same")),
        (lambda: layers.TimeDistributed(layers.LSTM(2)), dict(layer="LSTM(units=2)")),
        (
            lambda: layers.Dense(2, bias_initializer="ones", trainable=False),
            dict(trainable=False, units=2, bias_initializer="Ones"),
        ),
        (lambda: layers.Dense(2, dtype="mixed_bfloat16"), dict(dtype="mixed_bfloat16", units=2)),
    ],
)
def test_settings_are_those_that_differ_from_the_defaults(layer, expected):
    assert changed(json.loads(json.dumps(sequax.saving.serialize_keras_object(layer())))) == expected


def test_files_without_checksums(run):
    with h5py.File("plain.weights.h5", "w") as file:
        file["layers/dense/vars/0"] = np.ones((2, 2))
        file["note"] = b"words"
    found = read_json(run, "plain.weights.h5")
    assert [(row["dtype"], row["checksum"]) for row in found["arrays"]] == [("float64", "absent"), ("text", "absent")]
    assert "absent" in run("inspect", "plain.weights.h5")[1]


def test_snapshot_of_a_run(run, tmp_path):
    backup = sequax.callbacks.BackupAndRestore(tmp_path, delete_checkpoint=False)
    make_model().fit(X, X[:, :2], epochs=2, verbose=0, callbacks=[backup])
    found = read_json(run, tmp_path / "snapshot.safetensors")
    assert (found["kind"], found["run"]["epoch"]) == ("snapshot of a training run", 2)
    assert found["run"]["facts"]
    assert "snapshot of a training run" in run("inspect", tmp_path / "snapshot.safetensors")[1]
    code, _, err = run("convert", tmp_path / "snapshot.safetensors", "x.safetensors")
    assert code == 1
    assert "continued by `fit`" in err


def test_models_that_cannot_be_built_are_told_about(run, saved):
    """Own classes, senseless settings, and names that would steer a terminal."""
    for change in (
        {"class_name": "Own", "module": "somewhere", "registered_name": "Own"},
        {"config": {"layers": [3, None, {"config": 5}, {"class_name": 7, "config": {"name": []}}]}},
        {"config": {"name": "\x1b[2Jred\n[bold]", "layers": {}}},
        {"config": None, "compile_config": {"optimizer": {"class_name": "Adam", "config": {"learning_rate": "much"}}}},
    ):
        rewrite("m.keras", "odd.keras", lambda config, change=change: {**config, **change})
        code, out, err = run("inspect", "odd.keras")
        assert (code, err) == (0, "")
        assert "\x1b" not in out
        assert read_json(run, "odd.keras")["config"].items() >= change.items()


def rewrite(source, target, change):
    """A `.keras` file with another config."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in ("metadata.json", "config.json", "model.weights.h5"):
            data = old.read(name)
            new.writestr(name, json.dumps(change(json.loads(data))) if name == "config.json" else data)


@pytest.mark.parametrize("damage", ["cut", "flipped", "missing", "text", "empty"])
def test_damaged_files_are_refused_in_one_line(run, saved, damage):
    data = (saved[0] / "w.safetensors").read_bytes()
    flipped = bytes([*data[:-1], data[-1] ^ 1])
    contents = {"cut": data[:-9], "flipped": flipped, "text": b"not a model at all", "empty": b"", "missing": None}
    path = saved[0] / f"{damage}.safetensors"
    if contents[damage] is not None:
        path.write_bytes(contents[damage])
    for command in (["inspect", path], ["inspect", "w.safetensors", path], ["convert", path, "n.safetensors"]):
        code, out, err = run(*command)
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert err.startswith(f"sequax {command[0]}: ")
    assert not (saved[0] / "n.safetensors").exists()


# --- inspect two files ---


def test_two_files_are_compared(run):
    model, start = make_model(), sequax.saving.load_model("m.keras")
    model.set_weights(start.get_weights())
    model.get_layer("head").bias.assign(start.get_layer("head").bias + np.float32([0, 0.5]))
    model.save("near.keras")
    make_model(units=5).save("wide.keras")
    found = read_json(run, "m.keras", "near.keras")
    values = {row["path"]: row for row in found["other_values"]}
    assert values == {
        "layers/dense/vars/1": {
            "path": "layers/dense/vars/1",
            "numbers": 2,
            "different": 1,
            "largest_difference": pytest.approx(0.5),
        },
        "optimizer/vars/0": values["optimizer/vars/0"],  # one step, and none
    }
    assert len(found["only_in_first"]) == 12
    found = read_json(run, "m.keras", "wide.keras")
    assert {"path": "layers/dense/vars/0", "was": "(3, 2) float32", "is": "(5, 2) float32"} in found[
        "other_shape_or_dtype"
    ]
    assert {"path": "config.layers[inner].config.layers[dense].config.units", "was": 3, "is": 5} in found["config"]
    out = run("inspect", "m.keras", "wide.keras")[1]
    assert "(5, 2) float32" in out
    assert "layers[dense].config.units" in out


def test_formats_are_compared_where_they_name_arrays_alike(run):
    assert_same_arrays(run, "m.keras", "w.weights.h5")
    assert not read_json(run, "m.keras", "m.keras")["config"]
    assert read_json(run, "m.keras", "m.h5")["config"] == []
    assert "may be in different formats" in run("inspect", "m.keras", "w.safetensors")[1]


@pytest.mark.parametrize(
    ("one", "other", "number", "largest"),
    [
        ([1.0, np.nan, np.inf], [1.0, np.nan, np.inf], 0, 0.0),
        ([1.0, 2.0], [1.5, 2.0], 1, 0.5),
        ([1.0, 2.0], [np.nan, 2.0], 1, np.nan),
        ([2**62, 1], [2**62 + 1, 1], 1, 0.0),  # too close for float64, but not the same
        ([True, False], [False, False], 1, 1.0),
    ],
)
def test_difference(one, other, number, largest):
    found = difference(np.asarray(one), np.asarray(other))
    assert found[0] == number
    np.testing.assert_equal(found[1], largest)


def test_config_differences():
    def config(*names, rate=0.1):
        return {"layers": [{"class_name": "D", "config": {"name": name, "rate": rate}} for name in names]}

    assert list(config_differences(config("a", "b"), config("a", "b"), "c")) == []
    assert list(config_differences(config("a"), config("b", "a", rate=0.2), "c")) == [
        {"path": "c.layers", "was": ["a"], "is": ["b", "a"]},
        {"path": "c.layers[a].config.rate", "was": 0.1, "is": 0.2},
    ]
    assert list(config_differences({"k": [1, 1]}, {"k": [2, 1], "z": True}, "")) == [
        {"path": "k", "was": [1, 1], "is": [2, 1]},
        {"path": "z", "was": None, "is": True},
    ]


# --- convert ---


@pytest.mark.parametrize(("source", "target"), [("m.keras", "1.h5"), ("m.h5", "2.keras"), ("m.keras", "3.keras")])
def test_whole_models(run, saved, source, target):
    code, out, err = run("convert", source, target)
    assert (code, err) == (0, "")
    assert out.startswith(f"{target}: ")
    model = sequax.saving.load_model(target)
    np.testing.assert_array_equal(model(X), saved[1])
    assert int(model.optimizer.iterations) == 1
    if target.endswith(".keras"):
        assert_same_arrays(run, "m.keras", target)


@pytest.mark.parametrize(
    ("arguments", "equal"),
    [
        (["m.keras", "11.weights.h5"], "w.weights.h5"),
        (["m.h5", "12.weights.h5"], "w.weights.h5"),
        (["m.keras", "13.safetensors"], "w.safetensors"),
        (["m.h5", "14.h5", "--weights"], "w.h5"),
        (["w.weights.h5", "15.weights.h5"], "w.weights.h5"),
        (["w.safetensors", "16.safetensors"], "w.safetensors"),
        (["w.h5", "17.h5"], "w.h5"),
        (["w.safetensors", "18.weights.h5", "--model", "m.keras"], "w.weights.h5"),
        (["w.weights.h5", "19.h5", "--model", "m.h5"], "w.h5"),
        (["w.safetensors", "20.keras", "--model", "m.keras"], "m.keras"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_weights(run, arguments, equal):
    code, _, err = run("convert", *arguments)
    assert (code, err) == (0, "")
    assert_same_arrays(run, equal, arguments[1])
    totals = read_json(run, arguments[1])["totals"]
    assert totals["verified"] == totals["arrays"]


def test_weights_of_own_classes_need_no_model(run):
    rewrite(
        "m.keras",
        "own.keras",
        lambda config: {**config, "class_name": "Own", "module": "own", "registered_name": "Own"},
    )
    assert run("convert", "own.keras", "own.weights.h5")[0] == 0
    assert_same_arrays(run, "w.weights.h5", "own.weights.h5")
    code, _, err = run("convert", "own.keras", "own.h5")
    assert code == 1
    assert "keras.saving.load_model('own.keras', custom_objects={...}).save('own.h5')" in err


def test_weights_for_a_model_leave_its_optimizer_behind(run):
    model = sequax.saving.load_model("m.keras", compile=False)
    model.save_weights("bare.weights.h5")
    assert run("convert", "bare.weights.h5", "bare.safetensors", "--model", "m.keras")[0] == 0
    assert read_json(run, "bare.safetensors")["totals"]["optimizer_arrays"] == 0
    assert run("convert", "bare.weights.h5", "bare.keras", "--model", "m.keras")[0] == 0
    assert int(sequax.saving.load_model("bare.keras").optimizer.iterations) == 0


def test_layers_are_renamed_in_models(run, saved):
    arguments = ["--rename", "head=answer", "--rename", "features=numbers", "--rename", "dense=wide"]
    assert run("convert", "m.keras", "named.keras", *arguments)[0] == 0
    model = sequax.saving.load_model("named.keras")
    np.testing.assert_array_equal(model(X), saved[1])
    assert [layer.name for layer in model.layers] == ["numbers", "inner", "answer"]
    assert model.get_layer("inner").layers[0].name == "wide"
    assert_same_arrays(run, "m.keras", "named.keras")
    assert run("convert", "m.keras", "named.h5", "--rename", "head=answer")[0] == 0
    with legacy_h5.LegacyFile("named.h5") as file:
        assert [one.path for one in file.layers()["answer"]] == [
            "model_weights/answer/answer/kernel",
            "model_weights/answer/answer/bias",
        ]
    np.testing.assert_array_equal(sequax.saving.load_model("named.h5")(X), saved[1])


def test_layers_are_renamed_in_files_of_weights(run, saved):
    assert run("convert", "w.h5", "named_w.h5", "--rename", "head=answer")[0] == 0
    model = make_model()
    head = np.array(model.get_layer("head").kernel)
    model.load_weights("named_w.h5", by_name=True)
    np.testing.assert_array_equal(model.get_layer("head").kernel, head)  # the file has no such layer any more
    model.load_weights("named_w.h5")
    np.testing.assert_array_equal(model(X), saved[1])
    assert run("convert", "w.weights.h5", "moved.weights.h5", "--rename", "layers/dense=layers/answer")[0] == 0
    assert run("convert", "moved.weights.h5", "back.weights.h5", "--rename", "layers/answer=layers/dense")[0] == 0
    assert len(read_json(run, "w.weights.h5", "moved.weights.h5")["only_in_second"]) == 2
    assert_same_arrays(run, "w.weights.h5", "back.weights.h5")
    assert run("convert", "w.weights.h5", "called.weights.h5", "--rename", "head=answer")[0] == 0
    assert "answer" in {row["layer"] for row in read_json(run, "called.weights.h5")["arrays"]}
    assert run("convert", "w.safetensors", "moved.safetensors", "--rename", "layers.dense=layers.answer")[0] == 0
    assert len(read_json(run, "w.safetensors", "moved.safetensors")["only_in_second"]) == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["m.keras", "w.h5"], "'w.h5' exists. Pass --force"),
        (["m.keras", "no.onnx"], "the ending of the new file: .keras, .h5, .weights.h5 or .safetensors"),
        (["m.keras", "no.keras", "--weights"], "the ending of the new file: .weights.h5"),
        (["m.keras", "nowhere/no.h5"], "does not exist"),
        (["w.safetensors", "no.weights.h5"], "--model MODEL.keras"),
        (["w.weights.h5", "no.h5"], "--model MODEL.keras"),
        (["w.weights.h5", "no.keras"], "holds weights alone"),
        (["w.weights.h5", "no.h5", "--model", "w.h5"], "holds weights alone"),
        (["m.keras", "no.h5", "--rename", "heat=x"], "Did you mean 'head'"),
        (["m.keras", "no.h5", "--rename", "head=inner"], "the name 'inner' is taken"),
        (["m.keras", "no.h5", "--rename", "head=a/b"], "cannot contain character `/`"),
        (["w.h5", "no.h5", "--rename", "head=inner"], "the name 'inner' is taken"),
        (["w.weights.h5", "no.weights.h5", "--rename", "layers/dense=optimizer"], "the name 'optimizer' is taken"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_is_refused(run, saved, arguments, told):
    before = sorted(saved[0].iterdir())
    code, out, err = run("convert", *arguments)
    assert (code, out) == (1, "")
    assert told in err
    assert sorted(saved[0].iterdir()) == before


def test_outputs_with_losses_by_name_are_not_renamed(run):
    model = make_model()
    model.compile("sgd", {"head": "mse"})
    model.save("named_loss.keras")
    code, _, err = run("convert", "named_loss.keras", "no.h5", "--rename", "head=x")
    assert code == 1
    assert "for the output 'head'" in err


def test_force_replaces_a_file_even_the_one_that_is_read(run):
    assert run("convert", "m.keras", "own_place.keras")[0] == 0
    assert run("convert", "own_place.keras", "own_place.keras", "--force", "--rename", "head=x")[0] == 0
    assert [layer.name for layer in sequax.saving.load_model("own_place.keras").layers][-1] == "x"
    assert run("convert", "w.h5", "own_place.h5")[0] == 0
    assert run("convert", "own_place.h5", "own_place.h5", "--force")[0] == 0
    assert_same_arrays(run, "w.h5", "own_place.h5")


@pytest.mark.parametrize("text", ["a", "=b", "a="])
def test_renames_are_old_and_new(text, capsys):
    with pytest.raises(SystemExit) as end:
        main(["convert", "a.keras", "b.keras", "--rename", text])
    assert end.value.code == 2
    assert "expected OLD=NEW" in capsys.readouterr().err


def test_files_of_keras_go_both_ways(run, keras, saved):
    assert run("convert", "m.keras", "for_keras.h5")[0] == 0
    np.testing.assert_allclose(keras.models.load_model("for_keras.h5", compile=False)(X), saved[1], rtol=1e-6)
    keras.models.load_model("m.keras").save("from_keras.keras")
    assert read_json(run, "from_keras.keras")["totals"]["verified"] == 0
    assert run("convert", "from_keras.keras", "from_keras.weights.h5", "--rename", "head=x")[0] == 0
    theirs = keras.models.load_model("m.keras", compile=False)
    theirs.load_weights("from_keras.weights.h5")
    np.testing.assert_allclose(theirs(X), saved[1], rtol=1e-6)
