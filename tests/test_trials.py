"""Runs that try something: dry runs, one batch, batch sizes, profiles, searches. The model stays as it is."""

from __future__ import annotations

import math
import os
import sys

import numpy as np
import pytest

import sequax
from sequax import callbacks
from sequax.core import rng
from sequax.layers import BatchNormalization, Conv2D, Dense, Dropout, Embedding, Flatten, Input, Lambda

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(96, 4)).astype("float32")
Y = X.sum(1, keepdims=True)


def model(*layers, built=True, metrics=None):
    stack = sequax.Sequential([*([Input((4,))] if built else []), *(layers or (Dense(8, "relu"), Dense(1)))])
    stack.compile("adam", "mse", metrics=metrics)
    return stack


def everything(one):
    optimizer = [v.numpy() for v in one.optimizer.variables] if one.optimizer.built else []
    return [*(v.numpy() for v in one.state_variables), *optimizer]


def same(before, after):
    return len(before) == len(after) and all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


# --- dry runs ---


def test_a_dry_run_goes_through_everything_and_leaves_no_trace(tmp_path, capsys):
    one = model(Dense(8, "relu"), BatchNormalization(), Dropout(0.5), Dense(1))
    one.fit(X, Y, verbose=0)
    before, drawn = everything(one), rng.state()
    ends, log = [], tmp_path / "log.csv"
    used = [
        callbacks.ModelCheckpoint(tmp_path / "kept" / "{epoch}-{val_loss:.2f}.keras"),
        callbacks.CSVLogger(log),
        callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: ends.append(sorted(logs))),
        callbacks.EarlyStopping(patience=1),
    ]
    history = one.fit(X, Y, epochs=50, validation_split=0.25, callbacks=used, resume=tmp_path / "run", dry_run=True)
    assert len(history.history["loss"]) == 1 and ends == [["loss", "val_loss"]]
    assert same(before, everything(one)) and rng.state() == drawn
    assert os.listdir(tmp_path) == [] and used[3].best is None
    told = capsys.readouterr().out
    assert "one of validation" in told and "ModelCheckpoint" in told and "could be written" in told


def test_training_after_a_dry_run_is_as_without():
    results = []
    for dry in (True, False):
        sequax.utils.set_random_seed(3)
        one = model(Dense(8, "relu"), Dropout(0.5), Dense(1), built=False)
        if dry:
            one.fit(X, Y, dry_run=True, verbose=0)
            assert not one.built
        results.append(one.fit(X, Y, epochs=2, verbose=0).history)
    assert results[0] == results[1]


def test_only_one_batch_is_trained():
    seen = []
    one = model()
    one.fit(X, Y, epochs=5, verbose=0, dry_run=True, callbacks=[Counts(seen)])
    assert seen == ["train"]
    one.fit(X, Y, epochs=5, verbose=0, dry_run=True, callbacks=[Counts(seen)], validation_data=(X, Y))
    assert seen == ["train", "train", "test"]


class Counts(callbacks.Callback):
    def __init__(self, seen):
        super().__init__()
        self.seen = seen

    def __deepcopy__(self, memo):
        return type(self)(self.seen)

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append("train")

    def on_test_batch_end(self, batch, logs=None):
        self.seen.append("test")


def test_what_would_fail_at_the_end_of_an_epoch_fails_at_once(tmp_path):
    class Fails(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise RuntimeError("at the end")

    with pytest.raises(RuntimeError, match="at the end"):
        model().fit(X, Y, epochs=100, callbacks=[Fails()], dry_run=True)
    with pytest.raises(ValueError, match="no 'val_nonsense'"):
        model().fit(X, Y, callbacks=[callbacks.EarlyStopping("val_nonsense", mode="min")], dry_run=True, verbose=0)
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    with pytest.raises(OSError):
        model().fit(X, Y, callbacks=[callbacks.ModelCheckpoint(blocked / "m.keras")], dry_run=True, verbose=0)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_callbacks_that_cannot_be_copied_are_used_themselves():
    import threading

    class Locks(callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.lock, self.ran = threading.Lock(), False

        def on_epoch_end(self, epoch, logs=None):
            self.ran = True

    used = Locks()
    model().fit(X, Y, callbacks=[used], dry_run=True, verbose=0)
    assert used.ran


def test_a_generator_that_loses_a_batch_is_told_of():
    batches = ((X[:8], Y[:8]) for _ in range(5))
    with pytest.warns(UserWarning, match="has taken a batch"):
        model().fit(batches, dry_run=True, verbose=0)


# --- one batch by heart ---


def test_a_batch_is_learned_by_heart():
    one = model(Dense(32, "relu"), Dense(1))
    before = everything(one)
    found = one.overfit_batch(X, Y, batch_size=8, steps=400)
    assert found.learned and found.rows == 8 and len(found.losses) == 400 and "was learned" in repr(found)
    assert same(before, everything(one))
    assert "<svg" in found._repr_html_() and len(found.plot().axes) == 1


def test_a_model_that_cannot_learn_is_told_where_to_look():
    one = model(Lambda(lambda x: 0 * x), Dense(1, use_bias=False), metrics=["mae"])
    found = one.overfit_batch(X, Y, batch_size=8, steps=20)
    assert not found.learned and "look at whether" in repr(found)


def test_a_batch_on_which_the_loss_ends_is_told():
    one = sequax.Sequential([Input((4,)), Dense(1)])
    one.compile(sequax.optimizers.SGD(1e30), "mse")
    found = one.overfit_batch(X, Y, batch_size=8, steps=20)
    assert not found.learned and "not finite" in repr(found) and "<p>" in found._repr_html_()


def test_one_batch_of_streams_and_of_whole_accuracy():
    one = sequax.Sequential([Input((4,)), Dense(64, "relu"), Dense(1, "sigmoid")])
    one.compile(sequax.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    found = one.overfit_batch(iter([(X[:8], (Y[:8] > 0).astype("float32"))] * 3), steps=100)
    assert found.rows == 8 and found.learned
    with pytest.raises(ValueError, match="at least 2 steps"):
        one.overfit_batch(X, Y, steps=1)


# --- batch sizes ---


def test_batch_sizes_are_measured():
    one = model(built=False)
    found = one.find_batch_size(X, Y, smallest=8, largest=32, seconds=0.01)
    assert [size.batch_size for size in found.sizes] == [8, 16, 32] and found.largest == 32
    assert found.suggestion in (8, 16, 32) and not one.built
    assert "rows a second" in repr(found) and "<table" in found._repr_html_() and len(found.plot().axes) == 1


def test_more_rows_than_there_are_fit_too():
    found = model().find_batch_size(X[:10], Y[:10], smallest=8, largest=64, seconds=0.01)
    assert found.largest == 64


def test_what_does_not_fit_into_memory_ends_the_search(monkeypatch):
    from sequax.trials import batch_size

    def measured(sample, size, seconds):
        if size > 16:
            raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 12345 bytes")
        return size * 0.001

    monkeypatch.setattr(batch_size, "_seconds_per_step", measured)
    found = model().find_batch_size(X, Y, smallest=8)
    assert found.largest == 16 and found.suggestion == 8 and "out of memory" in repr(found)


def test_other_errors_are_errors(monkeypatch):
    from sequax.trials import batch_size

    def broken(*_):
        raise RuntimeError("something else")

    monkeypatch.setattr(batch_size, "_seconds_per_step", broken)
    with pytest.raises(RuntimeError, match="something else"):
        model().find_batch_size(X, Y)
    with pytest.raises(ValueError, match="smallest <= largest"):
        model().find_batch_size(X, Y, smallest=64, largest=8)


# --- profiles ---


def test_a_profile_of_a_stack():
    images = RANDOM.normal(size=(40, 10, 10, 1)).astype("float32")
    one = sequax.Sequential([Input((10, 10, 1)), Conv2D(4, 3), Flatten(), Dense(2, "softmax")])
    one.compile("adam", "sparse_categorical_crossentropy")
    before = everything(one)
    found = one.profile(images, np.zeros(40, int), batch_size=16)
    assert [layer.shape for layer in found.layers] == ["(16, 8, 8, 4)", "(16, 256)", "(16, 2)"]
    assert [layer.parameters for layer in found.layers] == [40, 0, 514] and found.rows == 16
    assert found.layers[0].outputs == 16 * 8 * 8 * 4 * 4 and found.layers[0].flops >= 16 * 64 * 4 * 9 * 2
    assert all(layer.seconds > 0 for layer in found.layers) and found.forward_seconds > 0 and found.step_seconds > 0
    assert same(before, everything(one))
    assert "conv2d" in repr(found) and "<svg" in found._repr_html_() and len(found.plot().axes) == 3
    assert found.to_dict()["layers"][0]["parameters"] == 40 and found.slowest in found.layers


def test_a_profile_of_graphs_and_without_targets():
    inputs = Input((8,))
    graph = sequax.Model(inputs, sequax.layers.Add()([Dense(8)(inputs), inputs]) * 2.0)
    found = graph.profile(np.ones((10, 8)))
    assert len(found.layers) == 3 and found.step_seconds is None and found.rows == 10
    tokens = sequax.Sequential([Input((5,)), Embedding(10, 4), Flatten(), Dense(1)])
    assert tokens.profile(np.zeros((6, 5), int)).layers[0].shape == "(6, 5, 4)"


def test_a_profile_needs_layers_that_are_known():
    class Own(sequax.Model):
        def __init__(self):
            super().__init__()
            self.dense = Dense(1)

        def call(self, x):
            return self.dense(x)

    with pytest.raises(ValueError, match="`call` of its own"):
        Own().profile(X)


# --- searches ---


def build(units=4, learning_rate=0.01):
    one = sequax.Sequential([Input((4,)), Dense(units, "relu"), Dense(1)])
    one.compile(sequax.optimizers.Adam(learning_rate), "mse")
    return one


FIT = {"epochs": 3, "validation_split": 0.25, "verbose": 0}


def searched(space, **options):
    return sequax.search(build, space, X, Y, epochs=3, validation_split=0.25, verbose=0, **options)


def test_a_grid_finds_the_best_and_keeps_its_model(capsys):
    found = sequax.search(
        build, {"units": [2, 8], "learning_rate": [1e-5, 1e-1]}, X, Y, seed=1, epochs=3, validation_split=0.25
    )
    assert len(found.trials) == 4 and found.best_settings["learning_rate"] == 0.1
    assert found.best_score == min(trial.score for trial in found.trials) == found.best.score
    again = found.best_model.evaluate(X[72:], Y[72:], verbose=0)
    assert np.isclose(again, found.best_score, rtol=1e-4)
    assert len(capsys.readouterr().out.splitlines()) >= 4
    assert found.to_frame().shape == (4, 4) and "units" in repr(found) and "4 trials" in found._repr_html_()
    assert len(found.plot().axes) == 2


def test_rates_are_trained_together(monkeypatch):
    made = []
    from sequax.trials import search as module

    class Noted(sequax.Ensemble):
        def __init__(self, *args, **kwargs):
            made.append(kwargs["learning_rate"])
            super().__init__(*args, **kwargs)

    monkeypatch.setattr(module, "Ensemble", Noted)
    searched({"units": [2, 4], "learning_rate": [0.01, 0.1]})
    assert made == [[0.01, 0.1], [0.01, 0.1]]
    made.clear()
    searched({"units": [2, 4]})
    searched({"learning_rate": [0.01, 0.1]}, callbacks=[callbacks.EarlyStopping()])
    assert made == []


def test_draws_lie_in_their_ranges_and_follow_the_seed():
    space = {"units": (2, 5), "learning_rate": (1e-4, 1e-1, "log")}
    found = searched(space, trials=4, seed=7)
    assert len(found.trials) == 4
    for trial in found.trials:
        assert isinstance(trial.settings["units"], int) and 2 <= trial.settings["units"] <= 5
        assert 1e-4 <= trial.settings["learning_rate"] <= 1e-1
    again = searched(space, trials=4, seed=7)
    assert [t.settings for t in again.trials] == [t.settings for t in found.trials]
    assert [t.score for t in again.trials] == [t.score for t in found.trials]


def test_a_trial_whose_loss_ends_is_no_best():
    found = searched({"learning_rate": [1e-2, 1e30]})
    assert [trial.state for trial in found.trials].count("failed") == 1 and found.best_settings["learning_rate"] == 1e-2
    nothing = searched({"learning_rate": [1e30]})
    assert nothing.best_model is None
    with pytest.raises(ValueError, match="no trial has a score"):
        _ = nothing.best_settings


@pytest.mark.parametrize(
    ("space", "options", "words"),
    [
        ({}, {}, "a space with settings"),
        ({"units": []}, {}, "is empty"),
        ({"units": 3}, {}, "a list of choices"),
        ({"units": (5, 2)}, {}, "low < high"),
        ({"learning_rate": (0, 1, "log")}, {}, "begins above 0"),
        ({"units": (2, 4)}, {"method": "grid"}, "a grid needs lists"),
        ({"units": [2]}, {"method": "magic"}, "expected method"),
        ({"units": [2]}, {"monitor": "val_colour"}, "Pass mode"),
        ({"units": [2]}, {"monitor": "val_colour", "mode": "min"}, "the logs have no 'val_colour'"),
        ({"units": [2]}, {"trials": 0}, "at least 1 trial"),
    ],
)
def test_a_search_that_makes_no_sense_says_so(space, options, words):
    with pytest.raises(ValueError, match=words):
        searched(space, **options)


def test_what_build_returns_is_looked_at():
    with pytest.raises(TypeError, match="must return a compiled model"):
        sequax.search(lambda units: None, {"units": [1]}, X, Y)


def test_optuna_chooses():
    optuna = pytest.importorskip("optuna")
    found = searched({"units": (2, 8), "learning_rate": (1e-3, 1e-1, "log")}, trials=3, method="optuna", seed=1)
    assert len(found.trials) == 3 and len(found.study.trials) == 3
    assert math.isclose(found.study.best_value, found.best_score)
    study = optuna.create_study()
    assert searched({"units": [2, 4]}, trials=2, method="optuna", study=study).study is study


def test_optuna_gives_up_trials_that_fall_behind():
    optuna = pytest.importorskip("optuna")
    study = optuna.create_study(pruner=optuna.pruners.ThresholdPruner(upper=1e-9))
    found = searched({"units": [2, 4]}, trials=2, method="optuna", study=study)
    assert [trial.state for trial in found.trials] == ["pruned", "pruned"]


def test_without_optuna_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ImportError, match=r"sequax\[search\]"):
        searched({"units": [2]}, method="optuna")


# --- models that begin with texts, have several inputs, or steps of their own ---


def test_models_of_all_kinds_are_tried():
    texts, labels = np.array(["a b", "b c", "c d", "a d"] * 4), np.array([0, 1, 0, 1] * 4)
    words = sequax.layers.TextVectorization(max_tokens=10, output_sequence_length=4)
    words.adapt(texts)
    of_texts = sequax.Sequential([words, Embedding(10, 4), Flatten(), Dense(1, "sigmoid")])
    of_texts.compile("adam", "binary_crossentropy")
    assert of_texts.explain(texts).fits
    assert len(of_texts.overfit_batch(texts, labels, steps=3).losses) == 3
    assert [layer.kind for layer in of_texts.profile(texts, labels).layers] == ["Embedding", "Flatten", "Dense"]
    assert len(of_texts.fit(texts, labels, dry_run=True, verbose=0).history["loss"]) == 1

    first, second = Input((4,), name="a"), Input((3,), name="b")
    ends = [Dense(1, name="p")(sequax.layers.Concatenate()([first, second])), Dense(2, name="q")(first)]
    graph = sequax.Model({"a": first, "b": second}, ends)
    graph.compile("adam", ["mse", "mse"])
    data = {"a": np.ones((20, 4)), "b": np.ones((20, 3))}, [np.ones((20, 1)), np.ones((20, 2))]
    assert "val_p_loss" in graph.fit(*data, validation_split=0.2, dry_run=True, verbose=0).history
    assert len(graph.overfit_batch(*data, steps=3).losses) == 3 and len(graph.profile(*data).layers) == 3


def test_a_subclass_may_have_a_fit_with_other_arguments():
    class Fits(sequax.Sequential):
        def fit(self, x, y):
            return super().fit(x, y, epochs=3, dry_run=True, verbose=0)

    one = Fits([Input((4,)), Dense(1)])
    one.compile("sgd", "mse")
    assert len(one.fit(X, Y).history["loss"]) == 1


def test_data_that_a_callback_holds_are_not_copied():
    from sequax.trials import dry_run

    held = callbacks.IntervalValidation((X, Y), every=1)
    made = dry_run._copies([held], model(), model(), None)
    assert made[0] is not held and made[0].validation_data[0] is X
