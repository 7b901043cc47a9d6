"""`KerasFileEditor`, models as folders, and objects that are left out."""

from __future__ import annotations

import os

import numpy as np
import pytest

import sequax
from sequax import layers
from sequax.models import Sequential, load_model
from sequax.saving import KerasFileEditor, LoadError, load_weights, save_weights


def stack(*units, names=()):
    named = dict(enumerate(names))
    return Sequential([sequax.Input((2,)), *(layers.Dense(n, name=named.get(i)) for i, n in enumerate(units))])


@pytest.fixture
def file(tmp_path):
    model = stack(3, 3, names=["first", "last"])
    model.compile("sgd", "mse")
    model.save(tmp_path / "m.keras")
    return tmp_path / "m.keras"


def test_what_a_file_holds(file, capsys):
    editor = KerasFileEditor(file)
    assert sorted(editor.weights_dict["layers"]) == ["dense", "dense_1"]
    assert editor.weights_dict["layers"]["dense"]["0"].shape == (2, 3)
    assert editor.object_metadata["layers/dense_1"] == "last"
    assert editor.config["class_name"] == "Sequential" and editor.metadata["keras_version"]
    editor.summary()
    shown = capsys.readouterr().out
    assert "Written by Keras" in shown and "dense_1" in shown and "shape=(2, 3), dtype=float32" in shown


def test_comparing_and_changing(file, tmp_path, capsys):
    editor, target = KerasFileEditor(file), stack(3, 3, 3)
    del editor.weights_dict["optimizer"]
    assert editor.compare(load_model(file)) == {"status": "success", "error_count": 0, "match_count": 4}
    assert editor.compare(target) == {"status": "error", "error_count": 1, "match_count": 4}
    editor.add_object("layers/dense_5", weights={"0": np.ones((3, 3))})
    assert editor.compare(target)["error_count"] == 2
    assert "layers/dense_5 is in the file, but not in the model" in capsys.readouterr().out
    editor.rename_object("dense_5", "dense_4")
    editor.rename_object("layers/dense_4", "dense_2")
    assert editor.compare(target)["error_count"] == 1
    editor.add_weights("dense_2", {"1": np.zeros(7)})
    assert editor.compare(target)["error_count"] == 1
    assert "is shape=(7,), dtype=float64 in the file and shape=(3,), dtype=float32 in the model" in " ".join(
        capsys.readouterr().out.split()
    )
    editor.delete_weight("dense_2", "1")
    editor.add_weights("dense_2", {"1": np.zeros(3)})
    assert editor.compare(target)["status"] == "success"
    editor.resave_weights(tmp_path / "new.weights.h5")
    target.load_weights(tmp_path / "new.weights.h5")
    assert target.layers[2].kernel.numpy().min() == 1
    again = KerasFileEditor(tmp_path / "new.weights.h5")
    assert again.compare(target)["match_count"] == 6 and again.object_metadata["layers/dense"] == "first"
    again.delete_object("layers/dense_2")
    assert again.compare(target)["error_count"] == 1


def test_layers_in_layers_are_kept(tmp_path, keras):
    """Also those in layers without weights of their own."""
    model = Sequential([sequax.Input((3, 2)), layers.Bidirectional(layers.LSTM(2)), layers.Dense(1)])
    model.save_weights(tmp_path / "a.weights.h5")
    KerasFileEditor(str(tmp_path / "a.weights.h5")).save(tmp_path / "b.weights.h5")
    twin = Sequential([sequax.Input((3, 2)), layers.Bidirectional(layers.LSTM(2)), layers.Dense(1)])
    theirs = keras.Sequential(
        [keras.Input((3, 2)), keras.layers.Bidirectional(keras.layers.LSTM(2)), keras.layers.Dense(1)]
    )
    for other in (twin, theirs):
        other.load_weights(str(tmp_path / "b.weights.h5"))
        for one, expected in zip(other.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(one, expected)


MISTAKES = {
    "no such object": (lambda e: e.delete_object("dense_7"), "No object 'dense_7'"),
    "no such path": (lambda e: e.rename_object("layers/nothing", "x"), "No object 'layers/nothing'"),
    "new name is a path": (lambda e: e.rename_object("dense", "a/b"), "last part of a path"),
    "new name is taken": (lambda e: e.rename_object("dense", "dense_1"), "already"),
    "no such weight": (lambda e: e.delete_weight("dense", "7"), r"no weight '7'.*\['0', '1'\]"),
    "no dict": (lambda e: e.add_weights("dense", [1]), "must be a dict"),
    "object without a dict": (lambda e: e.add_object("layers/x", 3), "must be a dict"),
    "object in nothing": (lambda e: e.add_object("no/x", {}), "'no' not found"),
    "object is there": (lambda e: e.add_object("layers/dense", {}), "already"),
    "ending": (lambda e: e.save("x.h5"), r"\*\.weights\.h5"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_change_nothing(name, file):
    change, message = MISTAKES[name]
    editor = KerasFileEditor(file)
    before = repr(editor.weights_dict)
    with pytest.raises(ValueError, match=message):
        change(editor)
    assert repr(editor.weights_dict) == before


def test_names_that_several_objects_have():
    editor = KerasFileEditor.__new__(KerasFileEditor)
    editor.weights_dict = {"a": {"dense": {}}, "b": {"dense": {}}}
    with pytest.raises(ValueError, match=r"more than once: \['a/dense', 'b/dense'\]"):
        editor.delete_object("dense")


def test_editors_refuse_what_loading_refuses(tmp_path):
    with pytest.raises(ValueError, match=r"Expected a file `\*\.keras`"):
        KerasFileEditor("model.h5")
    (tmp_path / "x.weights.h5").write_bytes(b"nothing")
    with pytest.raises(LoadError, match="no HDF5 file"):
        KerasFileEditor(tmp_path / "x.weights.h5")


# --- folders ---


def test_a_model_as_a_folder(tmp_path, keras):
    words = Sequential([layers.TextVectorization(output_sequence_length=3)])
    words.layers[0].adapt(["a b", "b c"])
    model, x = stack(3, 1), np.ones((2, 2), "float32")
    for name, one, data in (("words", words, np.array(["c b"])), ("dense", model, x)):
        one.save(tmp_path / name, zipped=False)
        np.testing.assert_array_equal(load_model(tmp_path / name).predict(data), one.predict(data))
    assert sorted(os.listdir(tmp_path)) == ["dense", "words"]
    assert {"config.json", "metadata.json", "model.weights.h5"} < set(os.listdir(tmp_path / "dense"))
    np.testing.assert_allclose(keras.models.load_model(tmp_path / "dense").predict(x, verbose=0), model.predict(x))
    theirs = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    theirs.save(tmp_path / "theirs", zipped=False)
    np.testing.assert_allclose(load_model(tmp_path / "theirs").predict(x), theirs.predict(x, verbose=0), rtol=1e-6)


def test_folders_are_replaced_whole_and_only_if_they_are_models(tmp_path):
    stack(3).save(tmp_path / "m", zipped=False)
    stack(4, 1).save(tmp_path / "m", zipped=False)
    assert len(load_model(tmp_path / "m").layers) == 2
    with pytest.raises(FileExistsError):
        stack(3).save(tmp_path / "m", zipped=False, overwrite=False)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("x")
    with pytest.raises(FileExistsError, match="no folder of a model"):
        stack(3).save(tmp_path / "other", zipped=False)
    assert os.listdir(tmp_path / "other") == ["thesis.txt"]
    with pytest.raises(ValueError, match="should not end in"):
        stack(3).save(tmp_path / "m.keras", zipped=False)
    assert sorted(os.listdir(tmp_path)) == ["m", "other"]


def test_a_save_that_fails_leaves_the_folder(tmp_path, monkeypatch):
    model = stack(3)
    model.save(tmp_path / "m", zipped=False)
    monkeypatch.setattr("sequax.saving.atomic.write", lambda *a: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        stack(4, 4).save(tmp_path / "m", zipped=False)
    assert os.listdir(tmp_path) == ["m"] and len(load_model(tmp_path / "m").layers) == 1


@pytest.mark.parametrize("target", ["config.json", "assets/vocabulary.txt", "assets"])
def test_links_in_folders_are_refused(target, tmp_path):
    stack(3).save(tmp_path / "m", zipped=False)
    (tmp_path / "secret.txt").write_text("secret")
    place = tmp_path / "m" / target
    place.parent.mkdir(exist_ok=True)
    place.unlink(missing_ok=True)
    place.symlink_to(tmp_path / "secret.txt")
    with pytest.raises(LoadError, match="is a link"):
        load_model(tmp_path / "m")


def test_a_folder_that_is_no_model(tmp_path, monkeypatch):
    with pytest.raises(LoadError, match=r"no config\.json"):
        load_model(tmp_path)
    monkeypatch.setattr("sequax.saving.folders.MAX_MEMBERS", 10)
    for number in range(12):
        (tmp_path / f"part_{number}").mkdir()  # folders count, too
    with pytest.raises(LoadError, match="more than 10 files"):
        load_model(tmp_path)


# --- files of layers ---


class Notes(sequax.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.notes = {}

    def call(self, x):
        return x

    def save_assets(self, dir_path):
        for name, text in self.notes.items():
            path = os.path.join(dir_path, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as file:
                file.write(text)

    def load_assets(self, dir_path):
        for parent, _, files in os.walk(dir_path):
            for name in files:
                path = os.path.join(parent, name)
                with open(path) as file:
                    self.notes[os.path.relpath(path, dir_path)] = file.read()


@pytest.mark.parametrize("zipped", [True, False])
def test_own_layers_write_files(zipped, tmp_path, keras):
    class Theirs(keras.layers.Layer):
        call = Notes.call

        def load_assets(self, dir_path):
            self.notes = {}
            if dir_path is not None:
                Notes.load_assets(self, dir_path)

    Theirs.__name__ = "Notes"  # the folders are named after the class
    model = Sequential([sequax.Input((2,)), Notes(), Notes()])
    model.layers[1].notes = {"a.txt": "one", os.path.join("b", "c.txt"): "two"}
    path = tmp_path / ("m.keras" if zipped else "m")
    model.save(path, zipped=zipped)
    again = load_model(path, custom_objects={"Notes": Notes})
    assert again.layers[0].notes == {} and again.layers[1].notes == model.layers[1].notes
    theirs = keras.models.load_model(path, custom_objects={"Notes": Theirs})
    assert theirs.layers[1].notes == model.layers[1].notes


@pytest.mark.parametrize("layer, data", [(layers.StringLookup, ["b", "a", "b"]), (layers.IntegerLookup, [7, 3, 7])])
def test_vocabularies_as_files(layer, data, tmp_path):
    learned, other, given = layer(), layer(), layer(vocabulary=data[:1])
    learned.adapt(np.array(data))
    learned.save_assets(tmp_path)
    other.load_assets(tmp_path)
    assert other.get_vocabulary() == learned.get_vocabulary()
    given.load_assets(tmp_path)
    assert len(given.get_vocabulary()) == 2


# --- objects to skip ---


def test_objects_that_are_left_out(tmp_path):
    path = tmp_path / "a.weights.h5"
    inner = Sequential([layers.Dense(2)], name="inner")
    model = Sequential([sequax.Input((2,)), layers.Dense(2), inner, layers.Dense(2)])
    for skip, in_file in (([], True), ([model.layers[0], inner], False)):
        save_weights(model, path, objects_to_skip=skip)
        other = Sequential([sequax.Input((2,)), layers.Dense(2), Sequential([layers.Dense(2)]), layers.Dense(2)])
        before = other.get_weights()
        load_weights(other, path, objects_to_skip=other.layers[:2])
        equal = [np.array_equal(a, b) for a, b in zip(other.get_weights(), model.get_weights(), strict=True)]
        kept = [np.array_equal(a, b) for a, b in zip(other.get_weights(), before, strict=True)]
        assert equal[4] and kept[0] and kept[2] and not kept[4]
        if not in_file:
            with pytest.raises(LoadError):
                load_weights(other, path)
    model.save_weights(path, objects_to_skip=[inner])
    with pytest.raises(ValueError, match="objects_to_skip"):
        save_weights(model, tmp_path / "a.h5", objects_to_skip=[inner])


def test_a_container_may_hold_itself(tmp_path):
    class Cyclic(sequax.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.blocks = [layers.Dense(2)]
            self.blocks.append(self.blocks)
            self.table = {"out": layers.Dense(1)}
            self.table["self"] = self.table

        def call(self, x):
            return self.table["out"](self.blocks[0](x))

    model = Cyclic()
    y = model(np.ones((2, 3)))
    model.save(tmp_path / "m.keras")
    again = load_model(tmp_path / "m.keras", custom_objects={"Cyclic": Cyclic})
    np.testing.assert_array_equal(again(np.ones((2, 3))), y)


def test_a_property_with_an_older_name_finds_its_layer(tmp_path):
    class Old(sequax.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(3)

        def call(self, x):
            return self.dense(x)

    class New(sequax.Model):
        def __init__(self):
            super().__init__()
            self.a_dense = layers.Dense(3)

        @property
        def dense(self):
            return self.a_dense

        def call(self, x):
            return self.dense(x)

    x = np.ones((1, 2))
    old, new = Old(), New()
    y, _ = old(x), new(x)
    old.save_weights(tmp_path / "a.weights.h5")
    new.load_weights(tmp_path / "a.weights.h5")
    np.testing.assert_array_equal(new(x), y)


def test_load_own_variables_alone_may_be_overridden(tmp_path):
    class Halved(layers.Dense):
        def load_own_variables(self, store):
            super().load_own_variables({name: np.asarray(value) / 2 for name, value in store.items()})

    models = [Sequential([sequax.Input((2,)), Halved(1)]) for _ in range(2)]
    models[0].save_weights(tmp_path / "a.weights.h5")
    models[1].load_weights(tmp_path / "a.weights.h5")
    np.testing.assert_array_equal(models[1].get_weights()[0], models[0].get_weights()[0] / 2)


def test_a_compile_of_ones_own_is_not_called(tmp_path):
    class Compiled(Sequential):
        def compile(self, speed):
            super().compile("sgd", "mse")

    model = Compiled([sequax.Input((2,)), layers.Dense(1)])
    model.compile(3)
    model.save(tmp_path / "m.keras")
    with pytest.warns(UserWarning, match=r"`compile\(\)` was not called.*Compiled"):
        again = load_model(tmp_path / "m.keras", custom_objects={"Compiled": Compiled})
    assert not again.compiled
