"""The command line: scripts run as they are, and the demo reads digits."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sequax.cli import main
from sequax.cli.drawing import draw_image, side_by_side
from tests.long import all_but

ROOT = Path(__file__).resolve().parents[1]


def sequax(*arguments: object, cwd: Path = ROOT) -> subprocess.CompletedProcess:
    flags = [flag for flag in os.environ["XLA_FLAGS"].split() if "device_count" not in flag]  # one, as users have it
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XLA_FLAGS": " ".join(flags)}
    command = [sys.executable, "-m", "sequax", *map(str, arguments)]
    return subprocess.run(command, env=environment, cwd=cwd, capture_output=True, text=True, timeout=200)


@pytest.fixture
def script(tmp_path):
    def write(text: str) -> Path:
        path = tmp_path / "script.py"
        path.write_text(text, encoding="utf-8")
        return path

    return write


# --- answers without a model ---


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["demo", "--help"], ["run", "--help"]])
def test_answers_at_once(arguments):
    code = (
        "import sys\nfrom sequax.cli import main\n"
        f"try:\n    main({arguments})\nexcept SystemExit as end:\n    print('exit', end.code)\n"
        "print('loaded', sorted({'jax', 'numpy', 'rich', 'h5py'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert done.stdout.endswith("exit 0\nloaded []\n"), done.stderr


def test_version_and_help(capsys):
    with pytest.raises(SystemExit):
        main(["--version"])
    assert re.fullmatch(r"sequax \d+\.\d+\.\d+\n", capsys.readouterr().out)
    assert main([]) == 0
    assert "demo" in capsys.readouterr().out


@pytest.mark.parametrize("epochs", ["0", "-1", "1.5", "many"])
def test_epochs_must_be_a_whole_number(epochs, capsys):
    with pytest.raises(SystemExit) as end:
        main(["demo", f"--epochs={epochs}"])
    assert end.value.code == 2
    assert "whole number of at least 1" in capsys.readouterr().err


# --- run ---

TELL = """
import json, os, pickle, sys
import beside
class Own: pass
assert type(pickle.loads(pickle.dumps(Own()))) is Own
print(json.dumps([__name__, sys.argv, os.path.basename(__file__), sys.path[0], beside.VALUE]))
"""

MODULE = """
import json, sys
from . import beside
served = "sequax" in repr(beside.keras) and beside.keras.__file__ is not None
print(json.dumps([__name__, __package__, sys.argv[1:], served]))
if "raise" in sys.argv:
    raise KeyError("lost")
if "stop" in sys.argv:
    sys.exit(3)
"""


def test_script_sees_what_python_would_show_it(script, tmp_path):
    path = script(TELL)
    (tmp_path / "beside.py").write_text("VALUE = 5")
    done = sequax("run", path, "--epochs", "3", "-h", "word")
    assert done.returncode == 0, done.stderr
    name, argv, file, first, value = json.loads(done.stdout)
    assert (name, file, value) == ("__main__", "script.py", 5)
    assert argv == [str(path), "--epochs", "3", "-h", "word"]
    assert first == str(tmp_path.resolve())


@pytest.mark.parametrize(
    ("text", "code", "error"),
    [
        ("", 0, ""),
        ("import sys; sys.exit(3)", 3, ""),
        ("import sys; sys.exit('no data')", 1, "no data"),
        ("raise KeyError('lost')", 1, "KeyError: 'lost'"),
        ("raise KeyboardInterrupt", 130, "KeyboardInterrupt"),
        ("a = = 1", 1, "SyntaxError"),
        ("import keras\nkeras.layers.Dens(1)", 1, "Did you mean 'Dense'"),
        ("from keras.layers import Dens", 1, "Did you mean 'Dense'"),
        ("import tensorflow as tf\ntf.estimator.Estimator()", 1, "tensorflow.estimator is out of reach"),
    ],
    ids=str,
)
def test_exit_codes_and_tracebacks(script, text, code, error):
    done = sequax("run", script(text))
    assert done.returncode == code
    assert error in done.stderr
    assert str(ROOT / "sequax") not in done.stderr, "our own frames are of no use to the writer of the script"
    if "raise" in text:
        assert 'script.py", line 1, in <module>' in done.stderr


def test_missing_script(tmp_path):
    done = sequax("run", tmp_path / "none.py")
    assert done.returncode == 2
    assert "cannot read the script" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("name", "arguments", "code", "out", "error"),
    [
        ("package", ["-m", "x"], 0, ["__main__", "package", ["-m", "x"], True], ""),  # its __main__.py
        ("package.train", [], 0, ["__main__", "package", [], True], ""),
        ("package.train", ["stop"], 3, ["__main__", "package", ["stop"], True], ""),
        ("package.train", ["raise"], 1, ["__main__", "package", ["raise"], True], "KeyError: 'lost'"),
        ("package.nothing", [], 2, None, "cannot run the module 'package.nothing': No module named 'package.nothing'"),
        ("nothing.train", [], 2, None, "cannot run the module 'nothing.train': No module named 'nothing'"),
    ],
)
def test_modules_run_as_by_python_m(tmp_path, name, arguments, code, out, error):
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    (tmp_path / "package" / "beside.py").write_text("import keras")
    for file in ("__main__.py", "train.py"):
        (tmp_path / "package" / file).write_text(MODULE)
    done = sequax("run", "-m", name, *arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert (json.loads(done.stdout) if done.stdout else None) == out
    assert error in done.stderr
    assert str(ROOT / "sequax") not in done.stderr
    assert "runpy" not in done.stderr


CLASSIFIER = """
import numpy as np
import keras
from keras import layers
from keras.callbacks import EarlyStopping

keras.utils.set_random_seed(1)
rng = np.random.default_rng(0)
x = rng.normal(size=(512, 8)).astype("float32")
y = (x[:, 0] + x[:, 1] > 0).astype("int32") + (x[:, 2] > 0)
y_train = keras.utils.to_categorical(y, 3)

model = keras.Sequential([
    keras.Input(shape=(8,)),
    layers.Dense(32, activation="relu"),
    layers.Dropout(0.1),
    layers.Dense(3, activation="softmax"),
])
model.summary()
model.compile(optimizer=keras.optimizers.Adam(0.02), loss="categorical_crossentropy", metrics=["accuracy"])
history = model.fit(
    x[:400], y_train[:400], epochs=15, batch_size=16, validation_split=0.1, verbose=2,
    callbacks=[EarlyStopping(monitor="val_loss", patience=15)],
)
loss, accuracy = model.evaluate(x[400:], y_train[400:], verbose=0)
print("held out", round(accuracy, 3), sorted(history.history))
assert accuracy > 0.8 and model.predict(x[:2], verbose=0).shape == (2, 3)
"""

REGRESSION = """
import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras.models import Sequential
from tensorflow.keras.layers import Dense

assert tf.keras is keras
tf.keras.utils.set_random_seed(0)
x = np.linspace(-1, 1, 256).reshape(-1, 1)
model = Sequential()
model.add(tf.keras.Input((1,)))
model.add(Dense(16, activation="tanh"))
model.add(Dense(1))
model.compile(optimizer=tf.keras.optimizers.Adam(learning_rate=0.05), loss="mse", metrics=["mae"])
model.fit(x, x ** 2, epochs=40, verbose=0)
print("mae", model.evaluate(x, x ** 2, verbose=0)[1])
assert model.evaluate(x, x ** 2, verbose=0)[1] < 0.1
"""


def test_tutorial_with_keras_runs_unchanged(script):
    done = sequax("run", script(CLASSIFIER))
    assert done.returncode == 0, done.stderr
    assert not re.search("error|warning", done.stderr, re.IGNORECASE)
    lines = done.stdout.splitlines()
    assert lines[0] == 'Model: "sequential"'
    assert sum(line.startswith("Epoch") for line in lines) == 15
    assert lines[-1].startswith("held out")
    assert lines[-1].endswith("['accuracy', 'loss', 'val_accuracy', 'val_loss']")


def test_tutorial_with_tensorflow_keras_runs_unchanged(script):
    done = sequax("run", script(REGRESSION))
    assert done.returncode == 0, done.stderr
    assert not re.search("error|warning", done.stderr, re.IGNORECASE)
    assert done.stdout.startswith("mae")


PRETRAINED = ROOT / "examples" / "pretrained.py"  # a real network, which takes long to compile
# The guides: `test_examples.py`.
EXAMPLES = [path for path in sorted((ROOT / "examples").glob("*.py")) if not path.name.startswith("guide_")]


@pytest.mark.parametrize("path", all_but(EXAMPLES, [PRETRAINED]), ids=lambda path: path.name)
def test_examples(path, tmp_path):
    done = sequax("run", path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout


# --- demo ---


def test_demo_reads_digits(tmp_path, capsys):
    assert main(["demo", "--quiet", "--epochs", "5", "--output", str(tmp_path)]) == 0
    first, second = capsys.readouterr().out.splitlines()
    accuracy = float(re.match(r"Test accuracy: ([\d.]+)%", first)[1])
    assert accuracy > 95
    assert second == f"Curves of the training: {tmp_path / 'sequax-demo.png'}"
    assert (tmp_path / "sequax-demo.png").read_bytes().startswith(b"\x89PNG")


def test_demo_tells_what_it_does(tmp_path, capsys):
    assert main(["demo", "--epochs", "1", "--output", str(tmp_path / "new" / "folder")]) == 0
    text = capsys.readouterr().out
    assert text.startswith("Handwritten digits, 8 x 8 pixels: 1,437 to learn from, 360 to be tested on.")
    for piece in ('Model: "digits"', "Epoch", "val_accuracy", "██", "read as", "Test accuracy", "Time:"):
        assert piece in text
    assert max(map(len, text.splitlines())) <= max(80, 26 + len(str(tmp_path / "new" / "folder" / "sequax-demo.png")))


def test_demo_without_matplotlib(tmp_path, capsys, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["demo", "--epochs", "1", "--quiet", "--output", str(tmp_path)]) == 0
    assert "pip install 'sequax[plot]'" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_demo_refuses_an_unwritable_folder_before_training(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["demo", "--output", str(tmp_path / "file")]) == 2
    assert "cannot write to" in capsys.readouterr().err


# --- drawing ---


def test_image_is_drawn_with_five_shades():
    image = np.array([[0, 4, 8], [12, 16, 99]])
    assert draw_image(image, 16) == ["  ░░▒▒", "▓▓████"]


def test_captions_stand_below_their_images():
    images = [np.full((2, 3), 16.0), np.zeros((2, 3))]
    assert side_by_side(images, ["one", "two\nwrong"], 16, gap=2).splitlines() == [
        "██████",
        "██████",
        "one     two",
        "        wrong",
    ]


def test_the_surest_mistake_is_shown_last():
    from sequax.cli.demo import choose

    labels = np.array([0, 1, 2, 3, 4, 5])
    guesses = np.array([0, 1, 2, 3, 0, 0])
    probabilities = np.full((6, 6), 0.05)
    probabilities[np.arange(6), guesses] = [0.9, 0.9, 0.9, 0.9, 0.6, 0.7]
    assert choose(labels, probabilities) == [0, 1, 2, 5]
    perfect = np.eye(6)
    assert choose(labels, perfect) == [0, 1, 2, 3]
    assert choose(labels, np.roll(perfect, 1, axis=1)) == [0]
