"""`OrbaxCheckpoint`: what it saves when, that it loads here and in Keras, and what is refused."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest

import sequax as sq
from sequax.callbacks import BackupAndRestore, Callback, OrbaxCheckpoint
from sequax.saving import LoadError

pytest.importorskip("orbax.checkpoint")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:orbax", "ignore:Sharding info not provided")
ROWS, SIZE = 7, 3  # three batches, the last one short


def data():
    random = np.random.default_rng(0)
    return random.normal(size=(ROWS, 4)).astype("float32"), random.normal(size=(ROWS, 2)).astype("float32")


def model(library=sq, units=3, name="net", optimizer="adam"):
    """With a seed, moving statistics and names that say whose weights are whose."""
    layers = library.layers
    made = library.Sequential(
        [
            library.Input((4,)),
            layers.Dense(units, name="first"),
            layers.BatchNormalization(name="norm"),
            layers.Dropout(0.5, seed=3, name="drop"),
            layers.Dense(2, name="last"),
        ],
        name=name,
    )
    made.compile(optimizer, "mse", metrics=["mae"])
    return made


def fit(made, *callbacks, epochs=2, **arguments):
    x, y = data()
    return made.fit(x, y, batch_size=SIZE, epochs=epochs, verbose=0, callbacks=list(callbacks), **arguments)


def steps(folder):
    return sorted(int(name) for name in os.listdir(folder))


def state(made):
    return [np.asarray(v) for v in [*made.variables, *made.optimizer.variables]]


def assert_equal(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, [2]),
        ({"max_to_keep": 2}, [1, 2]),
        ({"max_to_keep": None}, [0, 1, 2]),
        ({"save_freq": 2, "max_to_keep": None}, [2, 4, 6, 8]),
        ({"save_freq": 4, "max_to_keep": None, "save_on_background": False}, [4, 8]),
        ({"monitor": "loss", "save_best_only": True, "initial_value_threshold": 0.0}, []),
        ({"monitor": "loss", "save_best_only": True, "mode": "max", "initial_value_threshold": 0.0}, None),
    ],
)
def test_saves_when_it_should(tmp_path, arguments, expected):
    fit(model(), OrbaxCheckpoint(tmp_path / "c", **arguments), epochs=3)
    assert (steps(tmp_path / "c") or []) == (expected if expected is not None else steps(tmp_path / "c")[:1])


@pytest.mark.parametrize("background", [True, False])
def test_a_model_goes_round(tmp_path, background):
    made = model()
    fit(made, OrbaxCheckpoint(tmp_path, save_on_background=background))
    loaded = sq.models.load_model(tmp_path)
    assert_equal(state(loaded), state(made))
    # The same steps follow from it: the optimizer's state and the seeds are there.
    fit(made, shuffle=False), fit(loaded, shuffle=False)
    assert_equal(state(loaded), state(made))
    assert sq.models.load_model(tmp_path, compile=False).compiled is False


def test_background_saves_hold_the_values_of_their_moment(tmp_path):
    kept = []

    class Keep(Callback):
        def on_epoch_end(self, epoch, logs=None):
            kept.append(self.model.get_weights())

    fit(model(), OrbaxCheckpoint(tmp_path, max_to_keep=None), Keep(), epochs=4)
    for step in range(4):
        assert_equal(sq.models.load_model(tmp_path / str(step)).get_weights(), kept[step])


def test_files_of_keras_load(keras, tmp_path):
    made = model(keras)
    fit(made, keras.callbacks.OrbaxCheckpoint(str(tmp_path)))
    loaded = sq.models.load_model(tmp_path)
    assert_equal(loaded.get_weights(), made.get_weights())
    assert_equal([v.numpy() for v in loaded.optimizer.variables], [np.asarray(v) for v in made.optimizer.variables])
    other = model()
    other.load_weights(tmp_path)
    assert_equal(other.get_weights(), made.get_weights())
    assert_equal(state(other)[-3:], state(loaded)[-3:])


@pytest.mark.parametrize("weights_only", [True, False])
def test_keras_loads_ours(keras, tmp_path, weights_only):
    def made(library):
        # A graph: of a `Sequential`, Keras itself reads nothing, since the paths of its weights change.
        inputs = library.Input((4,))
        hidden = library.layers.BatchNormalization(name="norm")(library.layers.Dense(3, name="first")(inputs))
        graph = library.Model(inputs, library.layers.Dense(2, name="last")(hidden), name="net")
        graph.compile(library.optimizers.Adam(name="adam"), "mse")
        return graph

    ours = made(sq)
    fit(ours, OrbaxCheckpoint(tmp_path, save_weights_only=weights_only))
    if weights_only:
        loaded = made(keras)
        loaded.load_weights(str(tmp_path))
    else:
        loaded = keras.saving.load_model(str(tmp_path))
        assert_equal([np.asarray(v) for v in loaded.optimizer.variables], [v.numpy() for v in ours.optimizer.variables])
    assert_equal(loaded.get_weights(), ours.get_weights())


def test_vocabularies_go_with_it(tmp_path):
    words = tmp_path / "words.txt"
    words.write_text("cat\ndog\nbird")
    lookup = sq.layers.StringLookup(vocabulary=str(words), name="lookup")
    made = sq.Sequential([sq.Input((1,), dtype="string"), lookup, sq.layers.Embedding(9, 2), sq.layers.Flatten()])
    made.compile("sgd", "mse")
    x = np.array([["cat"], ["bird"], ["cow"]])
    made.fit(x, np.ones((3, 2)), verbose=0, callbacks=[OrbaxCheckpoint(tmp_path / "c")])
    words.unlink()
    loaded = sq.models.load_model(tmp_path / "c")
    assert loaded.layers[0].get_vocabulary() == ["[UNK]", "cat", "dog", "bird"]
    assert_equal([loaded.predict(x, verbose=0)], [made.predict(x, verbose=0)])


def test_numbers_go_on_above_those_in_the_folder(tmp_path):
    for _ in range(2):
        made = model()
        fit(made, OrbaxCheckpoint(tmp_path, max_to_keep=3), epochs=2)
    assert steps(tmp_path) == [1, 2, 3]
    assert_equal(sq.models.load_model(tmp_path).get_weights(), made.get_weights())


def test_one_callback_serves_two_fits(tmp_path):
    made, checkpoint = model(), OrbaxCheckpoint(tmp_path, save_freq=3, max_to_keep=None)
    fit(made, checkpoint), fit(made, checkpoint)
    assert steps(tmp_path) == [3, 6, 9, 12]


def test_a_resumed_run_remembers_its_best(tmp_path, monkeypatch):
    class Stop(Callback):
        stops = True

        def on_epoch_end(self, epoch, logs=None):
            if self.stops and epoch == 1:
                raise KeyboardInterrupt

    def callbacks():
        best = OrbaxCheckpoint(tmp_path / "c", "loss", save_best_only=True, max_to_keep=None)
        return best, BackupAndRestore(tmp_path / "backup")

    first, backup = callbacks()
    with pytest.raises(KeyboardInterrupt):
        fit(model(), first, backup, Stop(), epochs=3)
    again, backup = callbacks()
    monkeypatch.setattr(Stop, "stops", False)
    fit(model(), again, backup, Stop(), epochs=3)
    assert again._before_epoch == 9
    assert again.best <= first.best


def test_what_is_not_best_is_not_saved_without_the_monitored_name(tmp_path):
    with pytest.warns(UserWarning, match=r"logs have no 'val_loss'.* is not saved"):
        fit(model(), OrbaxCheckpoint(tmp_path, save_best_only=True))
    assert steps(tmp_path) == []


def test_a_layer_frozen_since_gets_its_weights(tmp_path):
    made = model()
    fit(made, OrbaxCheckpoint(tmp_path, save_weights_only=True))
    other = model()
    other.layers[0].trainable = False
    other.load_weights(tmp_path)
    assert_equal(other.get_weights(), made.get_weights())


def test_another_optimizer_keeps_its_state(tmp_path):
    fit(model(), OrbaxCheckpoint(tmp_path))
    other = model(optimizer="sgd")
    with pytest.warns(UserWarning, match="the state of optimizer 'sgd' was not loaded"):
        other.load_weights(tmp_path)


def test_what_does_not_fit_is_refused_whole(tmp_path):
    made = model()
    fit(made, OrbaxCheckpoint(tmp_path))
    other = model(units=5)
    before = other.get_weights()
    with pytest.raises(LoadError, match=r"first/kernel' has shape \(4, 3\) there, and \(4, 5\) in the model"):
        other.load_weights(tmp_path)
    assert_equal(other.get_weights(), before)
    with (
        pytest.warns(UserWarning, match="were left as they are"),
        pytest.warns(UserWarning, match="the state of optimizer"),
    ):
        other.load_weights(tmp_path, skip_mismatch=True)
    assert_equal([other.layers[-1].bias.numpy()], [made.layers[-1].bias.numpy()])
    assert_equal([other.layers[0].kernel.numpy()], [before[0]])
    third = model()
    third.load_weights(tmp_path, objects_to_skip=[third.layers[-1], third.optimizer])
    assert_equal([third.layers[0].kernel.numpy()], [made.layers[0].kernel.numpy()])
    assert int(third.optimizer.iterations) == 0
    assert not np.array_equal(third.layers[-1].kernel.numpy(), made.layers[-1].kernel.numpy())


def test_weights_alone_are_no_model(tmp_path):
    fit(model(), OrbaxCheckpoint(tmp_path, save_weights_only=True))
    with pytest.raises(LoadError, match="holds weights only"):
        sq.models.load_model(tmp_path)


@pytest.mark.parametrize("damage", ["metadata", "unfinished"])
def test_damage_is_refused(tmp_path, damage):
    made = model()
    fit(made, OrbaxCheckpoint(tmp_path / "c"), epochs=1)
    step = tmp_path / "c" / "0"
    if damage == "metadata":
        (step / "pytree" / "_METADATA").write_text("{")
    else:
        step.rename(tmp_path / "c" / "0.orbax-checkpoint-tmp")
    before = made.get_weights()
    with pytest.raises(LoadError):
        made.load_weights(tmp_path / "c")
    assert_equal(made.get_weights(), before)


@pytest.mark.parametrize("arguments", [{"save_freq": "often"}, {"save_freq": 0}, {"max_to_keep": 0}])
def test_wrong_arguments_are_refused(tmp_path, arguments):
    with pytest.raises(ValueError, match="OrbaxCheckpoint"):
        OrbaxCheckpoint(tmp_path, **arguments)


def test_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "orbax.checkpoint", None)
    with pytest.raises(ImportError, match=r"pip install 'sequax\[orbax\]'"):
        OrbaxCheckpoint(tmp_path)
