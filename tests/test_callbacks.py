"""Callbacks on a model that only pretends, next to Keras' callbacks on the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from sequax import callbacks as ours
from sequax.callbacks import figure as figures
from sequax.callbacks.monitor import direction

keras = pytest.importorskip("keras")

NAN = float("nan")


class Optimizer:
    def __init__(self, learning_rate=0.5):
        self.learning_rate = learning_rate


class Model:
    """Weights are the number of the epoch they come from."""

    def __init__(self):
        self.stop_training = False
        self.epoch = None
        self.restored = None
        self.optimizer = Optimizer()

    def get_weights(self):
        return [self.epoch]

    def set_weights(self, weights):
        self.restored = weights


def play(callback, sequence, names=("val_loss",), resume_at=None, make=None):
    """Runs epochs whose logs come from `sequence`; returns what can be seen of it from outside."""
    model, rates, epoch = Model(), [], -1
    callback.set_model(model)
    callback.set_params({"verbose": 0, "epochs": len(sequence), "steps": 1})
    callback.on_train_begin()
    for epoch, value in enumerate(sequence):
        if epoch == resume_at:
            state, callback = callback.state_dict(), make()
            callback.set_model(model)
            callback.set_params({})
            callback.on_train_begin()
            callback.load_state_dict(state)
        model.epoch = epoch
        callback.on_epoch_begin(epoch)
        callback.on_epoch_end(epoch, dict.fromkeys(names, value))
        rates.append(float(model.optimizer.learning_rate))
        if model.stop_training:
            break
    callback.on_train_end()
    return {"last": epoch, "stopped": model.stop_training, "restored": model.restored, "rates": rates}


SEQUENCES = [
    [1.0, 0.5, 0.7, 0.6, 0.4],
    [1.0, 1.0, 1.0, 1.0],
    [1.0, 0.95, 0.9, 0.85, 0.8],
    [0.5, 0.7, 0.6, 0.8, 0.2, 0.3],
    [1.0, NAN, NAN, 0.5, 0.4],
    [float("inf"), 1.0, 2.0],
]
ARGUMENTS = [
    {},
    {"patience": 1},
    {"patience": 2, "restore_best_weights": True},
    {"patience": 9, "restore_best_weights": True},
    {"min_delta": 0.1, "patience": 1},
    {"min_delta": -0.1},
    {"baseline": 0.6, "patience": 2},
    {"baseline": 0.1, "patience": 2, "restore_best_weights": True},
    {"mode": "max", "patience": 1, "restore_best_weights": True},
    {"mode": "max", "baseline": 0.75, "min_delta": 0.05, "patience": 1},
    {"start_from_epoch": 3, "restore_best_weights": True},
]


@pytest.mark.parametrize("arguments", ARGUMENTS)
def test_early_stopping_stops_and_restores_where_keras_does(arguments):
    for sequence in SEQUENCES:
        mine = play(ours.EarlyStopping(**arguments), sequence)
        assert mine == play(keras.callbacks.EarlyStopping(**arguments), sequence), sequence


eighths = st.integers(0, 16).map(lambda n: n / 8)  # exact in float32 and float64, so that equal means equal
relaxed = settings(max_examples=100, deadline=None)


@relaxed
@given(
    sequence=st.lists(eighths, min_size=1, max_size=12),
    patience=st.integers(0, 4),
    min_delta=eighths,
    mode=st.sampled_from(["auto", "min", "max"]),
    baseline=st.none() | eighths,
    restore=st.booleans(),
    start=st.integers(0, 4),
)
def test_early_stopping_agrees_with_keras_on_any_sequence(
    sequence, patience, min_delta, mode, baseline, restore, start
):
    arguments = {
        "patience": patience,
        "min_delta": min_delta,
        "mode": mode,
        "baseline": baseline,
        "restore_best_weights": restore,
        "start_from_epoch": start,
    }
    mine = play(ours.EarlyStopping(**arguments), sequence)
    assert mine == play(keras.callbacks.EarlyStopping(**arguments), sequence)


@relaxed
@given(
    sequence=st.lists(eighths, min_size=1, max_size=12),
    patience=st.integers(0, 3),
    cooldown=st.integers(0, 3),
    min_delta=eighths,
    min_lr=st.sampled_from([0.0, 0.125, 0.2]),
    mode=st.sampled_from(["auto", "min", "max"]),
)
def test_reduce_on_plateau_agrees_with_keras(sequence, patience, cooldown, min_delta, min_lr, mode):
    arguments = {
        "factor": 0.5,
        "patience": patience,
        "cooldown": cooldown,
        "min_delta": min_delta,
        "min_lr": min_lr,
        "mode": mode,
    }
    mine = play(ours.ReduceLROnPlateau(**arguments), sequence)["rates"]
    theirs = play(keras.callbacks.ReduceLROnPlateau(**arguments), sequence)["rates"]
    assert mine == pytest.approx(theirs, rel=1e-6)


@pytest.mark.parametrize("resume_at", [1, 2, 3, 4])
@pytest.mark.parametrize(
    "make",
    [
        lambda: ours.EarlyStopping(patience=2, restore_best_weights=True),
        lambda: ours.EarlyStopping(patience=3, baseline=0.6),
        lambda: ours.ReduceLROnPlateau(patience=2, cooldown=1, factor=0.5),
    ],
)
def test_resumed_equals_uninterrupted(make, resume_at):
    for sequence in SEQUENCES:
        assert play(make(), sequence, resume_at=resume_at, make=make) == play(make(), sequence), sequence


def test_a_nan_in_the_first_epoch_is_not_the_best_value():
    stopping = ours.EarlyStopping(patience=2, restore_best_weights=True)
    assert play(stopping, [NAN, 1.0, 0.5, 0.7])["restored"] == [2]
    assert stopping.best == 0.5


def test_a_second_fit_starts_with_fresh_counters():
    stopping = ours.EarlyStopping(patience=2)
    first = play(stopping, [0.1, 0.2, 0.3])
    assert play(stopping, [1.0, 2.0, 3.0]) == first


def test_early_stopping_speaks_when_asked(capsys):
    play(ours.EarlyStopping(verbose=1, restore_best_weights=True, patience=1), [1.0, 0.5, 0.7])
    assert capsys.readouterr().out.splitlines() == [
        "EarlyStopping: ended after epoch 3, val_loss was best in epoch 2: 0.5.",
        "EarlyStopping: restored the weights of epoch 2, val_loss was best in epoch 2: 0.5.",
    ]


@pytest.mark.parametrize("kind", [ours.EarlyStopping, ours.ReduceLROnPlateau])
@pytest.mark.parametrize(
    ("monitor", "names", "parts"),
    [
        ("val_los", ["loss", "accuracy"], ["they have: loss, accuracy", "mean 'val_loss'?", "needs validation_data"]),
        ("val_loss", ["loss", "accuracy"], ["'val_loss' needs validation_data or validation_split"]),
        ("val_acc", ["loss", "accuracy", "val_loss", "val_accuracy"], ["Did you mean 'val_accuracy'?"]),
        ("zzz", ["loss"], ["the logs have no 'zzz'; they have: loss."]),
    ],
)
def test_unknown_monitor_is_an_error_of_the_first_epoch(kind, monitor, names, parts):
    with pytest.raises(ValueError) as error:
        play(kind(monitor), [1.0], names=names)
    assert f"{kind.__name__}(monitor='{monitor}')" in str(error.value)
    for part in parts:
        assert part in str(error.value)


def test_seldom_validation_is_no_error():
    stopping = ours.EarlyStopping(patience=1)
    stopping.set_model(Model())
    stopping.set_params({"validation_freq": 2})
    stopping.on_train_begin()
    for epoch, logs in enumerate([{"loss": 1.0}, {"loss": 1.0, "val_loss": 1.0}, {"loss": 1.0}]):
        stopping.on_epoch_end(epoch, logs)
    assert (stopping.best, stopping.wait, stopping.model.stop_training) == (1.0, 0, False)


@pytest.mark.parametrize("kind", [ours.EarlyStopping, ours.ReduceLROnPlateau])
def test_a_name_without_direction_asks_for_a_mode(kind):
    with pytest.raises(ValueError, match='Pass mode="max" or mode="min"'):
        play(kind("val_colour"), [1.0], names=["val_colour"])
    play(kind("val_colour", mode="max"), [1.0], names=["val_colour"])


@pytest.mark.parametrize(
    ("better", "names"),
    [
        (
            "max",
            "accuracy acc val_acc binary_accuracy top_k_categorical_accuracy auc val_auc_1 AUC precision recall_2"
            " f1_score fbeta_score my_f1 mean_io_u r2_score cosine_similarity dense_accuracy true_positives"
            " specificity_at_sensitivity",
        ),
        (
            "min",
            "loss val_loss out_loss mse val_mae mean_squared_error mean_absolute_percentage_error rmse kl_divergence"
            " hinge poisson logcosh binary_crossentropy perplexity false_negatives",
        ),
        (None, "colour val_foo lossy accurate count"),
    ],
)
def test_direction_of_known_names(better, names):
    assert {name: direction(name) for name in names.split()} == dict.fromkeys(names.split(), better)


def test_unknown_mode_warns_and_is_auto():
    with pytest.warns(UserWarning, match="EarlyStopping mode 'up' is unknown"):
        assert ours.EarlyStopping(mode="up").mode == "auto"


# The list


class Recorder(ours.Callback):
    def __init__(self):
        super().__init__()
        self.seen = []


def recorder_of(*hooks, base=Recorder):
    def record(name):
        return lambda self, *args, **kwargs: self.seen.append((name, *args, *kwargs.values()))

    return type("Made", (base,), {hook: record(hook) for hook in hooks})()


BATCH_HOOKS = {
    "train": ["on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end"],
    "test": ["on_test_batch_begin", "on_test_batch_end"],
    "predict": ["on_predict_batch_begin", "on_predict_batch_end"],
}
HOOKS_WITHOUT_ARGUMENT = [f"on_{kind}_{end}" for kind in BATCH_HOOKS for end in ("begin", "end")]
HOOKS_WITH_INDEX = [
    *(hook for hooks in BATCH_HOOKS.values() for hook in hooks),
    *("on_epoch_begin", "on_epoch_end", "on_train_chunk_end", "on_test_chunk_end", "on_predict_chunk_end"),
]


def watching(callback):
    as_list = ours.CallbackList(callback)
    return {kind for kind in BATCH_HOOKS if as_list.sees_batches(kind)}


@pytest.mark.parametrize(("kind", "hook"), [(kind, hook) for kind, hooks in BATCH_HOOKS.items() for hook in hooks])
def test_an_overridden_batch_hook_is_noticed(kind, hook):
    assert watching(recorder_of(hook)) == {kind}
    assert watching(ours.LambdaCallback(**{hook: print})) == {kind}
    grandchild = type("Grandchild", (type(recorder_of(hook)),), {})()
    assert watching([ours.History(), grandchild]) == {kind}


@pytest.mark.parametrize(
    "callback",
    [
        None,
        ours.Callback(),
        recorder_of("on_epoch_end", "on_train_chunk_end"),
        ours.History(),
        ours.EarlyStopping(),
        ours.ReduceLROnPlateau(),
        ours.LearningRateScheduler(abs),
        ours.TerminateOnNaN(),
        ours.ProgbarLogger(),
        ours.CSVLogger("unused.csv"),
        ours.LambdaCallback(on_epoch_end=print),
    ],
)
def test_nobody_watches_batches_without_need(callback):
    assert watching(callback) == set()


def test_a_callback_may_declare_whether_it_watches():
    quiet, loud = recorder_of("on_train_batch_end"), recorder_of("on_epoch_end")
    quiet.watches_batches, loud.watches_batches = False, True
    assert watching(quiet) == set()
    assert watching(loud) == {"train", "test", "predict"}


def test_a_class_of_the_users_called_callback_is_noticed():
    made = type("Callback", (ours.Callback,), {"on_batch_end": lambda self, batch, logs=None: None})()
    assert watching(made) == {"train"}


def test_callbacks_of_keras_itself_are_served():
    watcher = recorder_of("on_train_batch_end", base=type("K", (keras.callbacks.Callback,), {"seen": []}))
    plain = keras.callbacks.EarlyStopping("loss")
    assert watching(watcher) == {"train"}
    assert watching(plain) == set()
    both = ours.CallbackList([watcher, plain], model=Model(), verbose=0)
    both.on_train_chunk_end(1, {"loss": 1.0})
    both.on_train_batch_end(0, {"loss": 1.0})
    with both.compiling("step"):
        pass
    both.close()
    assert watcher.seen == [("on_train_batch_end", 0, {"loss": 1.0})]


@pytest.mark.parametrize("hook", HOOKS_WITHOUT_ARGUMENT)
def test_dispatch_of_phases(hook):
    callback = recorder_of(hook)
    as_list = ours.CallbackList([callback])
    getattr(as_list, hook)()
    getattr(as_list, hook)({"loss": 1.0})
    assert callback.seen == [(hook, {}), (hook, {"loss": 1.0})]


@pytest.mark.parametrize("hook", HOOKS_WITH_INDEX)
def test_dispatch_of_counted_events(hook):
    callback = recorder_of(hook)
    as_list = ours.CallbackList([callback])
    getattr(as_list, hook)(3)
    getattr(as_list, hook)(4, {"loss": 1.0})
    assert callback.seen == [(hook, 3, {}), (hook, 4, {"loss": 1.0})]


def test_the_older_batch_names_still_run():
    callback = recorder_of("on_batch_begin", "on_batch_end")
    as_list = ours.CallbackList([callback, ours.LambdaCallback(on_batch_end=lambda *both: callback.seen.append(both))])
    as_list.on_train_batch_begin(1)
    as_list.on_train_batch_end(1, {"loss": 2.0})
    assert callback.seen == [("on_batch_begin", 1, {}), ("on_batch_end", 1, {"loss": 2.0}), (1, {"loss": 2.0})]


def test_list_takes_one_callback_and_adds_defaults_once():
    history, model = ours.History(), Model()
    made = ours.CallbackList(history, add_history=True, add_progbar=True, model=model, verbose=0, epochs=2, steps=3)
    assert [type(callback).__name__ for callback in made] == ["History", "ProgbarLogger"]
    assert made.history is history
    assert history.params == made.params == {"verbose": 0, "epochs": 2, "steps": 3}
    assert history.model is made.model is model
    made.append(ours.Callback())
    assert len(made) == 3
    both = ours.CallbackList(add_history=True, add_progbar=True)
    assert [type(callback).__name__ for callback in both] == ["ProgbarLogger", "History"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([ours.History], "received the class History. Write History"),
        (["early_stopping"], "received 'early_stopping' of type str"),
        (3, "received 3 of type int"),
        ([print], "use LambdaCallback for a function"),
    ],
)
def test_list_refuses_what_is_no_callback(wrong, message):
    with pytest.raises(TypeError, match=message):
        ours.CallbackList(wrong)


def test_entries_added_to_the_logs_reach_the_history():
    adds = ours.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(extra=epoch * 2.0))
    made = ours.CallbackList([adds], add_history=True, verbose=0)
    made.on_epoch_end(0, {"loss": 1.0})
    made.on_epoch_end(1)
    assert made.history.history == {"loss": [1.0], "extra": [0.0, 2.0]}


def test_compiling_ends_also_after_an_error():
    callback = recorder_of("on_compile_begin", "on_compile_end")
    with pytest.raises(RuntimeError), ours.CallbackList(callback).compiling("training step"):
        raise RuntimeError
    assert callback.seen == [("on_compile_begin", "training step"), ("on_compile_end", "training step")]


def test_close_reaches_everybody_although_one_fails():
    first, second = recorder_of("on_close"), recorder_of("on_close")
    failing = type("Failing", (ours.Callback,), {"on_close": lambda self: 1 / 0})()
    with pytest.raises(ZeroDivisionError):
        ours.CallbackList([first, failing, second]).close()
    assert first.seen == second.seen == [("on_close",)]


def test_state_of_the_whole_list():
    def make():
        return ours.CallbackList([ours.Callback(), ours.EarlyStopping()], add_history=True, model=Model(), verbose=0)

    made = make()
    made.on_train_begin()
    made.on_epoch_end(0, {"loss": 3.0, "val_loss": 2.0})
    state = made.state_dict()
    assert set(state) == {"1.EarlyStopping", "2.History"}
    again = make()
    again.on_train_begin()
    again.load_state_dict(state)
    assert again.callbacks[1].best == 2.0
    again.on_epoch_end(1, {"loss": 2.0, "val_loss": 1.0})
    assert again.history.history == {"loss": [3.0, 2.0], "val_loss": [2.0, 1.0]}
    assert again.history.epoch == [0, 1]
    assert made.history.epoch == [0], "the state must not share its lists with the run it came from"
    with pytest.raises(
        ValueError, match=r"saved callback state has 1.EarlyStopping, 2.History, but this run has 0.Hist"
    ):
        ours.CallbackList(ours.History()).load_state_dict(state)


# The others


def test_history_repr_and_second_fit():
    history = ours.History()
    assert repr(history) == "History(0 epochs)"
    for value in (1.0, 0.51239):
        history.on_train_begin()
        history.on_epoch_end(0, {"loss": value})
    assert repr(history) == "History(1 epoch: loss 0.5124)"
    assert (history.epoch, history.history) == ([0], {"loss": [1.0, 0.51239]})


def test_history_draws_each_metric_with_its_twin(tmp_path):
    pytest.importorskip("matplotlib")
    history = ours.History()
    history.history = {"loss": [3.0, 2.0, 1.0, 0.5], "val_loss": [2.5, 1.5], "val_only": [1.0], "learning_rate": [0.1]}
    figure = history.plot(tmp_path / "curves.png")
    curves = {
        axes.get_title(): {line.get_label(): list(line.get_xdata()) for line in axes.lines} for axes in figure.axes
    }
    assert curves == {
        "loss": {"loss": [1, 2, 3, 4], "val_loss": [2, 4]},
        "val_only": {"val_only": [4]},
        "learning_rate": {"learning_rate": [4]},
    }
    assert (tmp_path / "curves.png").stat().st_size > 1000


def test_history_plot_is_saved_by_the_process_that_leads(tmp_path, monkeypatch):
    history = ours.History()
    history.history = {"loss": [1.0, 0.5]}
    monkeypatch.setattr(ours.History, "leads", False)
    history.plot(tmp_path / "curves.png")
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []
    history.plot(tmp_path / "curves.png")
    assert (tmp_path / "curves.png").exists()


def test_history_plot_says_what_is_missing(monkeypatch):
    history = ours.History()
    with pytest.raises(ValueError, match="nothing is recorded yet"):
        history.plot()
    history.on_epoch_end(0, {"loss": 1.0})
    figures._shown_in_notebooks.cache_clear()
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install 'sequax\[plot\]'"):
        history.plot()


@pytest.mark.parametrize("hook", [*HOOKS_WITHOUT_ARGUMENT, *HOOKS_WITH_INDEX, "on_compile_begin", "on_close"])
def test_lambda_callback_takes_every_hook(hook):
    seen = []
    callback = ours.LambdaCallback(**{hook: lambda *args: seen.append(args)})
    getattr(callback, hook)(1, {})
    assert seen == [(1, {})]


@pytest.mark.parametrize(
    ("arguments", "error"), [({"on_epoch_ends": print}, ValueError), ({"on_epoch_end": 3}, TypeError)]
)
def test_lambda_callback_refuses_typing_errors(arguments, error):
    with pytest.raises(error, match=r"on_epoch_end"):
        ours.LambdaCallback(**arguments)


@pytest.mark.parametrize("loss", [NAN, float("inf"), -float("inf")])
def test_terminate_on_nan(loss, capsys):
    callback = ours.TerminateOnNaN()
    callback.set_model(Model())
    callback.on_train_chunk_end(2, {"loss": 1.0})
    assert not callback.model.stop_training
    callback.on_train_chunk_end(4, {"loss": loss})
    callback.on_epoch_end(0, {"loss": loss})
    assert callback.model.stop_training
    assert (
        capsys.readouterr().out
        == f"TerminateOnNaN: the loss is {loss} by batch 3 of the epoch (counted from 0). Training ends.\n"
    )
    with pytest.raises(RuntimeError, match="at the end of epoch 1"):
        ours.TerminateOnNaN(raise_error=True).on_epoch_end(0, {"loss": loss})


def halve(epoch, rate):
    return rate / 2


def by_epoch(epoch):
    return 1 / (epoch + 1)


def with_default(epoch, rate=None):
    return rate * 0.1


@pytest.mark.parametrize("schedule", [halve, by_epoch, with_default])
def test_learning_rate_scheduler_as_in_keras(schedule):
    mine = play(ours.LearningRateScheduler(schedule), [1.0, 1.0, 1.0])["rates"]
    theirs = play(keras.callbacks.LearningRateScheduler(schedule), [1.0, 1.0, 1.0])["rates"]
    assert mine == pytest.approx(theirs, rel=1e-6)


def test_learning_rate_scheduler_logs_and_speaks(capsys):
    callback = ours.LearningRateScheduler(halve, verbose=1)
    callback.set_model(Model())
    callback.on_epoch_begin(0)
    logs = {}
    callback.on_epoch_end(0, logs)
    assert logs == {"learning_rate": 0.25}
    assert capsys.readouterr().out == "LearningRateScheduler: learning rate 0.25 in epoch 1.\n"


@pytest.mark.parametrize("returned", [None, "0.1", [0.1, 0.2]])
def test_learning_rate_scheduler_refuses_what_is_no_number(returned):
    with pytest.raises(ValueError, match="to return a number"):
        play(ours.LearningRateScheduler(lambda epoch: returned), [1.0])


def test_an_error_inside_a_schedule_is_not_hidden():
    def broken(epoch, rate):
        raise TypeError("inside")

    with pytest.raises(TypeError, match="inside"):
        play(ours.LearningRateScheduler(broken), [1.0])


def test_callbacks_of_the_rate_need_one():
    callback = ours.LearningRateScheduler(halve)
    callback.set_model(object())
    with pytest.raises(ValueError, match="expects an optimizer with a learning_rate"):
        callback.on_epoch_begin(0)


def test_reduce_on_plateau_arguments(capsys):
    assert ours.ReduceLROnPlateau(epsilon=0.25).min_delta == 0.25
    with pytest.raises(ValueError, match=r"factor below 1, but received 1\.0"):
        ours.ReduceLROnPlateau(factor=1.0)
    with pytest.raises(TypeError, match="'patients'"):
        ours.ReduceLROnPlateau(patients=3)
    play(ours.ReduceLROnPlateau(patience=1, verbose=1), [1.0, 1.0])
    assert capsys.readouterr().out == "ReduceLROnPlateau: learning rate 0.5 -> 0.05 after epoch 2.\n"


def log_to(kind, path, epochs, **arguments):
    callback = kind(path, **arguments)
    callback.set_model(Model())
    callback.on_train_begin()
    for epoch, logs in enumerate(epochs):
        callback.on_epoch_end(epoch, dict(logs))
    callback.on_train_end()


CSV_EPOCHS = {
    "plain": [{"loss": 0.5, "acc": 1.0}, {"loss": 0.25, "acc": 1.0}],
    "validated": [{"loss": 0.5, "val_loss": 1.0}],
    "validated seldom": [{"loss": 0.5}, {"loss": 0.5, "val_loss": 1.0}, {"loss": 0.1}],
    "odd values": [{"loss": 0.5, "note": "a,b", "pair": [1.0, 2.0], "val_x": 1.0}],
}


@pytest.mark.parametrize("separator", [",", ";"])
@pytest.mark.parametrize("append", [False, True])
@pytest.mark.parametrize("epochs", CSV_EPOCHS.values(), ids=CSV_EPOCHS)
def test_csv_logger_writes_the_bytes_keras_writes(epochs, append, separator, tmp_path):
    files = [tmp_path / "ours.csv", tmp_path / "theirs.csv"]
    for kind, path in zip((ours.CSVLogger, keras.callbacks.CSVLogger), files, strict=True):
        for _ in range(2):
            log_to(kind, str(path), epochs, append=append, separator=separator)
    assert files[0].read_bytes() == files[1].read_bytes()


def test_csv_logger_resumes_without_losing_or_repeating_rows(tmp_path):
    whole, resumed = tmp_path / "whole.csv", tmp_path / "resumed.csv"
    epochs = [{"loss": value} for value in (4.0, 3.0, 2.0, 1.0)]
    log_to(ours.CSVLogger, whole, epochs)
    first = ours.CSVLogger(resumed)
    first.on_train_begin()
    first.on_epoch_end(0, epochs[0])
    first.on_epoch_end(1, epochs[1])
    state = first.state_dict()
    first.on_epoch_end(2, {"loss": 99.0})  # written, but killed before the next state was kept
    first.on_close()
    second = ours.CSVLogger(resumed)
    second.on_train_begin()
    second.load_state_dict(state)
    second.on_epoch_end(2, epochs[2])
    second.on_epoch_end(3, epochs[3])
    second.on_train_end()
    assert resumed.read_bytes() == whole.read_bytes()


def test_csv_logger_fails_before_the_training(tmp_path):
    with pytest.raises(OSError):
        ours.CSVLogger(tmp_path / "missing" / "log.csv").on_train_begin()


def test_refresh_is_wanted_only_by_a_bar(monkeypatch):
    from sequax.utils import progress

    for terminal, expected in ((False, None), (True, 0.1)):
        monkeypatch.setattr(progress, "can_draw_bar", lambda terminal=terminal: terminal)
        assert ours.CallbackList(add_progbar=True, verbose=1).refresh_seconds == expected
        assert ours.CallbackList(add_progbar=True, verbose=2).refresh_seconds is None
    assert ours.CallbackList(add_progbar=True, verbose=0).refresh_seconds is None
    assert ours.CallbackList().refresh_seconds is None


def test_progbar_logger_outside_of_fit_and_with_batch_hooks_only(capsys):
    made = ours.CallbackList(add_progbar=True, verbose=2, epochs=1)
    made.on_train_begin()
    made.on_epoch_begin(0)
    made.on_train_batch_end(0, {"loss": 3.0})
    made.on_train_batch_end(1, {"loss": 2.0})
    made.on_epoch_end(0, {"loss": 2.0})
    assert made.callbacks[0].target == 2, "the length of a generator is known after one epoch"
    made.on_train_end()
    made.set_params({"verbose": 2, "steps": 4})
    made.on_test_begin()
    made.on_test_chunk_end(4, {"loss": 9.0})
    made.on_test_end({"loss": 1.5})
    made.on_predict_begin()
    made.on_predict_chunk_end(4, {"outputs": object()})
    made.on_predict_end()
    lines = [line.split(" - ") for line in capsys.readouterr().out.splitlines()]
    assert [line[:2] + line[4:] for line in lines] == [
        ["Epoch 1/1", "2", "loss: 2.0000"],
        ["Evaluate", "4/4", "loss: 1.5000"],
        ["Predict", "4/4"],
    ]


def test_importing_the_callbacks_imports_neither_rich_nor_matplotlib():
    code = "import sys, sequax.callbacks; print([name for name in ('rich', 'matplotlib') if name in sys.modules])"
    root = Path(__file__).resolve().parents[1]
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, cwd=root, text=True).stdout
    assert output == "[]\n"
