"""`ModelCheckpoint`: when it saves, under which names, and that what it saves loads."""

from __future__ import annotations

import os

import numpy as np
import pytest

import sequax as sq
from sequax.callbacks import BackupAndRestore, Callback, ModelCheckpoint

NAN = float("nan")
ROWS, SIZE = 7, 3  # three batches, the last one short


def data():
    random = np.random.default_rng(0)
    return random.normal(size=(ROWS, 2)).astype("float32"), random.normal(size=(ROWS, 1)).astype("float32")


def model(library=sq):
    made = library.Sequential([library.Input((2,)), library.layers.Dense(1)])
    made.compile("adam", "mse")
    return made


def fit(made, *callbacks, epochs=3, **arguments):
    x, y = data()
    return made.fit(x, y, batch_size=SIZE, epochs=epochs, verbose=0, callbacks=list(callbacks), **arguments)


def names_saved(library, filepath, logs=None, epochs=3, **arguments):
    """The names under which a checkpoint saves, in a fit or for logs that are given."""
    made, names = model(library), []
    made.save = made.save_weights = lambda path, **kwargs: names.append(os.path.basename(str(path)))
    checkpoint = library.callbacks.ModelCheckpoint(filepath, **arguments)
    if logs is None:
        fit(made, checkpoint, epochs=epochs)
        return names
    checkpoint.set_model(made)
    checkpoint.set_params({})
    checkpoint.on_train_begin()
    for epoch, values in enumerate(logs):
        checkpoint.on_epoch_begin(epoch)
        checkpoint.on_epoch_end(epoch, dict(values))
    return names


@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize("save_freq", ["epoch", 1, 2, 3, 4, 5, 20])
def test_saves_when_keras_does(keras, tmp_path, save_freq, weights):
    ending = ".weights.h5" if weights else ".keras"
    path = str(tmp_path / ("{epoch:02d}" + ("" if save_freq == "epoch" else "-{batch}") + ending))
    arguments = {"save_freq": save_freq, "save_weights_only": weights}
    expected = names_saved(keras, path, **arguments)
    assert names_saved(sq, path, **arguments) == expected
    assert bool(expected) == (save_freq != 20)


RUNS = {
    "falling": ("val_loss", [3.0, 2.0, 2.0, 2.5, 1.0, 1.5]),
    "nan later": ("loss", [3.0, NAN, 2.0, NAN]),
    "never": ("loss", [5.0, 6.0, 7.0]),
    "rising": ("hits", [0.1, 0.5, 0.5, 0.4, 0.6]),
}


@pytest.mark.parametrize("threshold", [None, 0.45, 2.2])
@pytest.mark.parametrize("name", RUNS)
def test_the_best_are_those_of_keras(keras, tmp_path, name, threshold):
    monitor, values = RUNS[name]
    logs = [{monitor: value} for value in values]
    arguments = {
        "monitor": monitor,
        "mode": "max" if name == "rising" else "min",
        "save_best_only": True,
        "initial_value_threshold": threshold,
    }
    path = str(tmp_path / "{epoch}.keras")
    assert names_saved(sq, path, logs, **arguments) == names_saved(keras, path, logs, **arguments)


def test_a_nan_in_the_first_epoch_is_not_the_best(tmp_path):
    logs = [{"loss": value} for value in (NAN, 2.0, 1.0)]
    assert names_saved(sq, tmp_path / "{epoch}.keras", logs, monitor="loss", save_best_only=True) == [
        "2.keras",
        "3.keras",
    ]


@pytest.mark.parametrize("monitor", ["val_accuracy", "auc_1", "precision"])
def test_the_direction_goes_by_the_name(tmp_path, monitor):
    logs = [{monitor: value} for value in (0.5, 0.7, 0.6)]
    names = names_saved(sq, tmp_path / "{epoch}.keras", logs, monitor=monitor, save_best_only=True)
    assert names == ["1.keras", "2.keras"]


def test_epochs_without_validation_are_left_out(tmp_path):
    made = model()
    checkpoint = ModelCheckpoint(tmp_path / "{epoch}.weights.h5", save_best_only=True, save_weights_only=True)
    history = fit(made, checkpoint, epochs=4, validation_data=data(), validation_freq=2)
    falls = history.history["val_loss"][1] < history.history["val_loss"][0]
    assert sorted(os.listdir(tmp_path)) == ["2.weights.h5", *(["4.weights.h5"] if falls else [])]


def test_names_hold_numbers_of_the_logs(tmp_path):
    history = fit(model(), ModelCheckpoint(tmp_path / "sub" / "{epoch:03d}_{loss:.3f}.keras"), epochs=2)
    expected = [f"{epoch:03d}_{loss:.3f}.keras" for epoch, loss in enumerate(history.history["loss"], 1)]
    assert sorted(os.listdir(tmp_path / "sub")) == sorted(expected)


@pytest.mark.parametrize("name", ["a.keras", "a.h5", "a.weights.h5", "modèle ☃.keras"])
def test_what_is_saved_loads(tmp_path, name):
    made, path = model(), tmp_path / name
    weights_only = name.endswith(".weights.h5")
    fit(made, ModelCheckpoint(path, save_weights_only=weights_only), epochs=2)
    assert os.listdir(tmp_path) == [name]
    if weights_only:
        loaded = model()
        loaded.load_weights(path)
    else:
        loaded = sq.saving.load_model(path)
    x, _ = data()
    assert np.array_equal(loaded.predict(x, verbose=0), made.predict(x, verbose=0))
    # The optimizer goes on as well.
    assert int(loaded.optimizer.iterations) == int(made.optimizer.iterations) == 6
    fit(made, shuffle=False)
    fit(loaded, shuffle=False)
    assert all(np.array_equal(a, b) for a, b in zip(made.get_weights(), loaded.get_weights(), strict=True))


def test_a_file_in_keras_own_hands(keras, tmp_path):
    made = model()
    fit(made, ModelCheckpoint(tmp_path / "a.keras"), epochs=1)
    x, _ = data()
    theirs = keras.saving.load_model(tmp_path / "a.keras")
    assert np.allclose(theirs.predict(x, verbose=0), made.predict(x, verbose=0), atol=1e-6)


def test_the_weights_are_those_of_that_batch(tmp_path):
    class Keep(Callback):
        def on_train_batch_end(self, batch, logs=None):
            kept.append(self.model.get_weights())

    kept = []
    path = tmp_path / "{epoch}-{batch}.weights.h5"
    fit(model(), Keep(), ModelCheckpoint(path, save_weights_only=True, save_freq=2), epochs=2)
    for name, at in (("1-2", 1), ("2-1", 3), ("2-3", 5)):
        loaded = model()
        loaded.load_weights(tmp_path / f"{name}.weights.h5")
        assert all(np.array_equal(a, b) for a, b in zip(loaded.get_weights(), kept[at], strict=True))


def test_lines_are_printed(tmp_path, capsys):
    logs = [{"loss": value} for value in (2.0, 3.0, 1.0)]
    names_saved(sq, tmp_path / "a.keras", logs, monitor="loss", save_best_only=True, verbose=1)
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["ModelCheckpoint"] * 3
    assert "epoch 1: loss went from None to 2" in lines[0] and "epoch 2: loss 3 is not better than 2" in lines[1]
    names_saved(sq, tmp_path / "a.keras", logs)
    assert capsys.readouterr().out == ""


# --- a run that is broken off ---


class Broken(Exception):
    pass


class Break(Callback):
    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise Broken


class Losses(Callback):
    """Sets what is monitored."""

    def __init__(self, values):
        super().__init__()
        self.values = values

    def on_epoch_end(self, epoch, logs=None):
        logs["value"] = self.values[epoch]


def test_the_best_is_remembered_by_a_resumed_run(tmp_path):
    values = [3.0, 1.0, 2.0, 0.5]

    def start(epoch):
        best = ModelCheckpoint(tmp_path / "{epoch}.keras", "value", save_best_only=True, mode="min")
        return fit(model(), Losses(values), best, Break(epoch), BackupAndRestore(tmp_path / "run"), epochs=4)

    with pytest.raises(Broken):
        start(2)
    assert sorted(os.listdir(tmp_path)) == ["1.keras", "2.keras", "run"]
    start(None)
    assert sorted(os.listdir(tmp_path)) == ["1.keras", "2.keras", "4.keras"]  # 2.0 was not better than 1.0


def test_batches_are_counted_on_by_a_resumed_run(tmp_path):
    def start(epoch):
        path = tmp_path / "{epoch}-{batch}.weights.h5"
        checkpoint = ModelCheckpoint(path, save_weights_only=True, save_freq=5)
        return fit(model(), checkpoint, Break(epoch), BackupAndRestore(tmp_path / "run"), epochs=4)

    with pytest.raises(Broken):
        start(1)
    assert os.listdir(tmp_path) == ["run"]
    start(None)
    assert sorted(os.listdir(tmp_path)) == ["2-2.weights.h5", "4-1.weights.h5"]


# --- what is refused ---

REFUSED = {
    "ending": ({"filepath": "a"}, r"must end with \.keras or \.h5"),
    "ending of weights": ({"filepath": "a.keras", "save_weights_only": True}, r"must end with \.weights\.h5"),
    "plain h5 for weights": ({"filepath": "a.h5", "save_weights_only": True}, r"must end with \.weights\.h5"),
    "save_freq text": ({"filepath": "a.keras", "save_freq": "batch"}, "`save_freq` must be 'epoch' or a number"),
    "save_freq 0": ({"filepath": "a.keras", "save_freq": 0}, "`save_freq` must be"),
    "save_freq True": ({"filepath": "a.keras", "save_freq": True}, "`save_freq` must be"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    arguments, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        ModelCheckpoint(**arguments)


def test_places_that_cannot_be_written_are_refused_before_training(tmp_path):
    (tmp_path / "file").write_text("kept")
    (tmp_path / "taken.keras").mkdir()
    for place in (tmp_path / "file" / "a.keras", tmp_path / "taken.keras", "/proc/none/a.keras"):
        made = model()
        before = made.get_weights()
        with pytest.raises(OSError, match=r"file|taken|none"):
            fit(made, ModelCheckpoint(place))
        assert all(np.array_equal(a, b) for a, b in zip(before, made.get_weights(), strict=True))
    assert (tmp_path / "file").read_text() == "kept"


def test_a_monitor_that_is_missing_is_named(tmp_path):
    checkpoint = ModelCheckpoint(tmp_path / "a.keras", save_best_only=True)
    with pytest.warns(UserWarning, match=r"the logs have no 'val_loss'.*needs validation_data"):
        fit(model(), checkpoint)
    assert (tmp_path / "a.keras").exists()


def test_a_field_that_is_missing_is_named(tmp_path):
    with pytest.raises(ValueError, match="no 'val_loss' to put into the name; there are: loss, epoch"):
        fit(model(), ModelCheckpoint(tmp_path / "{epoch}-{val_loss:.2f}.keras"))


def test_callbacks_of_other_libraries_extend_it_by_the_names_of_keras(tmp_path):
    """As that of Weights & Biases does, which uploads what was saved."""
    uploaded = []

    class Uploading(ModelCheckpoint):
        def on_train_batch_end(self, batch, logs=None):
            if self._should_save_on_batch(batch):
                self._save_model(epoch=self._current_epoch, batch=batch, logs=logs)
                uploaded.append(self._get_file_path(epoch=self._current_epoch, batch=batch, logs=logs))

        def on_epoch_end(self, epoch, logs=None):
            super().on_epoch_end(epoch, logs)
            if self.save_freq == "epoch":
                uploaded.append(self._get_file_path(epoch=epoch, batch=None, logs=logs))

    for name, frequency in (("{epoch}-{batch}.keras", 2), ("{epoch}.keras", "epoch")):
        path = str(tmp_path / name)
        model().fit(*data(), batch_size=3, epochs=2, verbose=0, callbacks=[Uploading(path, save_freq=frequency)])
    names = [os.path.relpath(path, tmp_path) for path in uploaded]
    assert names == ["1-2.keras", "2-1.keras", "2-3.keras", "1.keras", "2.keras"]
    assert all(os.path.exists(path) for path in uploaded)
