"""Training in processes that are not as usual: forked ones, pipes and terminals that close, output in ASCII only."""

import os
import pty
import subprocess
import sys
import time

import pytest

from sequax.core import processes
from sequax.training import compiled

PREPARE = """
import numpy as np, sequax
x = np.ones((40, 3), "float32")
def made(name):
    layers = [sequax.Input((3,)), sequax.layers.Dense(2), sequax.layers.LayerNormalization(), sequax.layers.Dense(1)]
    model = sequax.Sequential(layers, name=name)
    model.compile("sgd", "mse")
    return model
"""

FORK = """
import os, signal, sys, warnings
warnings.simplefilter("ignore")
model = made("forked")
dense = sequax.Sequential([sequax.Input((3,)), sequax.layers.Dense(1)])
if BEFORE:
    model.fit(x, x[:, :1], verbose=0)
    model.predict(x, verbose=0)
    dense.predict(x[:2], verbose=0)
child = os.fork()
if not child:
    signal.alarm(60)
    for name, call in {
        "fit": lambda: model.fit(x, x[:, :1], verbose=0),
        "train_on_batch": lambda: model.train_on_batch(x, x[:, :1]),
        "evaluate": lambda: model.evaluate(x, x[:, :1], verbose=0),
        "test_on_batch": lambda: model.test_on_batch(x, x[:, :1]),
        "predict": lambda: model.predict(x, verbose=0),
        "predict_on_batch": lambda: model.predict_on_batch(x),
        "call": lambda: model(x),
        "weights": lambda: model.get_weights(),
        "predict of Dense": lambda: dense.predict(x[:2], verbose=0),
    }.items():
        try:
            call()
            print(name, "done")
        except RuntimeError as error:
            print(name, "refused", "get_context('spawn')" in str(error))
    sys.stdout.flush()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""


def run(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", PREPARE + code], capture_output=True, timeout=120, env={**os.environ, **environment}
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_child_forked_from_a_process_that_computed_refuses_to_compute():
    result = run(f"BEFORE = True{FORK}")
    assert result.returncode == 0, result.stderr.decode()
    works = ("weights done", "predict of Dense done")
    refused = ("fit", "train_on_batch", "evaluate", "test_on_batch", "predict", "predict_on_batch", "call")
    assert result.stdout.decode().splitlines() == [*(f"{name} refused True" for name in refused), *works]
    assert not processes.forked


def test_a_closed_pipe_ends_training():
    code = PREPARE + 'made("piped").fit(x, x[:, :1], epochs=10**6, verbose=1)'
    training = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert training.stdout.readline().startswith(b"Epoch 1/")
    training.stdout.close()
    assert training.wait(60) != 0
    assert b"BrokenPipeError" in training.stderr.read()
    training.stderr.close()


def test_a_closed_terminal_ends_training():
    code = PREPARE + 'made("terminal").fit(x, x[:, :1], epochs=10**6, verbose=1)'
    main, terminal = pty.openpty()
    training = subprocess.Popen(
        [sys.executable, "-c", f"import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n{code}"],
        stdout=terminal,
        stderr=subprocess.PIPE,
        env={**os.environ, "TERM": "xterm"},
    )
    os.close(terminal)
    seen = b""
    while b"Epoch 9/" not in seen:
        seen += os.read(main, 4096)
    os.close(main)
    assert training.wait(60) != 0
    assert b"Input/output error" in training.stderr.read()
    training.stderr.close()


def test_the_drawing_thread_passes_its_error_on(monkeypatch):
    """rich turns a closed pipe into SystemExit, which would end its own thread alone."""
    from rich.live import Live

    from sequax.utils.progress import BarDisplay, Meter

    display = BarDisplay()
    display.show(Meter("Epoch 1/1", 3))

    def broken(self):
        raise SystemExit(1)

    monkeypatch.setattr(Live, "refresh", broken)
    try:
        time.sleep(0.3)
        with pytest.raises(BrokenPipeError):
            display.check()
        with pytest.raises(BrokenPipeError):
            display.finish(Meter())
    finally:
        monkeypatch.undo()
        display.close()


SHOWN = """
model = sequax.Sequential([sequax.Input((3,)), sequax.layers.Dense(1)], name="größe")
model.compile("sgd", "mse")
model.summary()
model.fit(x, x[:, :1], verbose=1)
"""


def test_summary_and_progress_in_ascii():
    result = run(SHOWN, PYTHONIOENCODING="ascii")
    assert result.returncode == 0, result.stderr.decode()
    text = result.stdout.decode("ascii")
    assert 'Model: "gr??e"' in text
    assert "Epoch 1/1" in text
    assert 'Model: "größe"' in run(SHOWN, PYTHONIOENCODING="utf-8").stdout.decode()


SLOW = SHOWN.replace(
    "verbose=1",
    "verbose=1, batch_size=16, callbacks=[sequax.callbacks.LambdaCallback("
    "on_train_batch_end=lambda batch, logs: time.sleep(0.4))]",
)


@pytest.mark.parametrize("script, columns", [(SHOWN, "60"), ("import time\n" + SLOW, "36")], ids=["wide", "narrow"])
def test_the_bar_of_an_ascii_terminal(script, columns):
    """A narrow one cuts what stands to the right of the bar, without the one character that ASCII lacks."""
    main, terminal = pty.openpty()
    training = subprocess.Popen(
        [sys.executable, "-c", PREPARE + script],
        stdout=terminal,
        stderr=subprocess.PIPE,
        env={**os.environ, "TERM": "xterm", "PYTHONIOENCODING": "ascii", "COLUMNS": columns},
    )
    os.close(terminal)
    seen = b""
    try:
        while True:
            seen += os.read(main, 4096)
    except OSError:  # all is said
        pass
    os.close(main)
    assert training.wait(60) == 0, training.stderr.read().decode()
    training.stderr.close()
    text = seen.decode("ascii")
    assert 'Model: "gr??e"' in text and "Epoch 1/1" in text, text


# --- the program of the short batch, compiled in another thread -------------------------------------------------------


def test_an_error_in_another_thread_belongs_to_who_asks(capfd):
    later = compiled.Later(lambda: 1 / 0)
    later.wait()
    assert capfd.readouterr().err == ""
    with pytest.raises(ZeroDivisionError):
        later.result()
    assert compiled.Later(lambda: 3).result() == 3


SHORT = """
class Even(sequax.layers.Layer):
    def call(self, x):
        if x.shape[0] is not None and x.shape[0] % 2:
            raise ValueError("odd batches are no good")
        return x
model = sequax.Sequential([sequax.Input((3,)), Even(), sequax.layers.Dense(1)])
model.compile("sgd", "mse")
model.fit(x[:37], x[:37, :1], batch_size=32, verbose=0)
"""


def test_an_error_of_the_short_batch_is_told_once():
    text = run(SHORT).stderr.decode()
    assert text.count("odd batches are no good") == 1, text
    assert "Exception in thread" not in text
