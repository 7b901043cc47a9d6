"""Tracebacks end at the call of the user's, and go on only in code of the user's."""

from __future__ import annotations

import subprocess
import sys
import traceback

import numpy as np
import pytest

import sequax
from sequax.core import tracebacks
from sequax.layers import LSTM, Conv2D, Dense, Input


@pytest.fixture(autouse=True)
def filtering():
    before = tracebacks.filtering()
    tracebacks.set_filtering(True)
    yield
    tracebacks.set_filtering(before)


class Bad(sequax.Layer):
    def call(self, x):
        return sequax.ops.matmul(x, x)


class Fails(sequax.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        logs["nothing"]


class Interrupts(sequax.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        raise KeyboardInterrupt


def model():
    made = sequax.Sequential([Input((3,)), Dense(4), Dense(1)])
    made.compile("adam", "mse")
    return made


X, Y = np.ones((8, 3), "float32"), np.ones((8, 1), "float32")


def rows():
    yield X, Y
    raise RuntimeError("mine")


OF_OURS = {
    "fit": lambda: model().fit(X[:, :2], Y),
    "evaluate": lambda: model().evaluate(X[:, :2], Y),
    "predict": lambda: model().predict(X[:, :2]),
    "predict_on_batch": lambda: model().predict_on_batch(X[:, :2]),
    "train_on_batch": lambda: model().train_on_batch(X[:, :2], Y),
    "test_on_batch": lambda: model().test_on_batch(X[:, :2], Y),
    "layer": lambda: Dense(-1),
    "stack": lambda: sequax.Sequential([Input((3,)), LSTM(3)]),
    "add": lambda: model().add(Conv2D(3, 3)),
    "compile": lambda: model().compile("nothing of that name"),
    "load": lambda: sequax.models.load_model("not there.keras"),
    "call": lambda: LSTM(3)(Input((3,))),
    "nested": lambda: model().fit(X[:, :2], Y, dry_run=True),
    "search": lambda: sequax.search(lambda units: model(), {"units": [1]}, X[:, :2], Y),
    "json": lambda: sequax.models.model_from_json('{"class_name": "Nothing", "config": {}}'),
    "ensemble": lambda: sequax.Ensemble(model(), 2).fit(X[:, :2], Y),
}
OF_USERS = {
    "layer": lambda: sequax.Sequential([Input((3,)), Bad()]),
    "callback": lambda: model().fit(X, Y, callbacks=[Fails()], verbose=0),
    "generator": lambda: model().fit(rows(), verbose=0),
}


def frames(call):
    with pytest.raises(BaseException) as caught:
        call()
    return [frame.filename for frame in traceback.extract_tb(caught.value.__traceback__)]


@pytest.mark.parametrize("name", OF_OURS)
def test_refusals_end_at_the_call(name):
    found = frames(OF_OURS[name])
    inside = [file for file in found if file != __file__]
    assert len(inside) == 1, found
    assert found[-1] == inside[0]


@pytest.mark.parametrize("name", OF_USERS)
def test_errors_of_users_show_their_code_and_nothing_between(name):
    found = frames(OF_USERS[name])
    between = [
        file for file in found if file != __file__ and "jaxtyping" not in file
    ]  # which the tests put around calls
    assert found[-1] == __file__ and len(between) == 1, between


def test_an_interrupt_ends_at_the_call():
    found = frames(lambda: model().fit(X, Y, callbacks=[Interrupts()], verbose=0))
    assert len([file for file in found if file != __file__]) == 1


def test_an_error_of_ours_that_nobody_raised_is_shown_whole(monkeypatch):
    made = model()
    monkeypatch.setattr("sequax.training.fit.warn_if_nothing_trains", len)  # takes one argument
    found = frames(lambda: made.fit(X, Y, verbose=0))
    assert any(file.endswith("training/fit.py") for file in found)


def test_causes_are_cut_too():
    def call():
        try:
            model().fit(X[:, :2], Y)
        except ValueError as error:
            raise RuntimeError("mine") from error

    with pytest.raises(RuntimeError) as caught:
        call()
    assert len(traceback.extract_tb(caught.value.__cause__.__traceback__)) == 2


def test_the_whole_one_is_a_setting_away():
    sequax.config.disable_traceback_filtering()
    try:
        assert not sequax.config.is_traceback_filtering_enabled()
        assert len(frames(OF_OURS["fit"])) > 5
    finally:
        sequax.config.enable_traceback_filtering()
    assert sequax.config.is_traceback_filtering_enabled()


@pytest.mark.parametrize(("value", "expected"), [("whole", "False"), ("", "True")])
def test_the_environment_sets_it(value, expected):
    code = "from sequax.core import tracebacks; print(tracebacks.filtering())"
    environment = {"SEQUAX_TRACEBACKS": value, "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == expected


def test_debuggers_and_signatures_see_the_methods():
    import inspect

    assert "epochs" in inspect.signature(sequax.Sequential.fit).parameters
    assert sequax.Sequential.fit.__doc__.startswith("Train")
