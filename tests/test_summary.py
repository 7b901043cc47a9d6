"""The table of `model.summary()`: the same cells and totals as Keras', whole names and numbers."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest

import sequax


def dense(k):
    return k.Sequential([k.Input((16,)), k.layers.Dense(8, activation="relu"), k.layers.Dense(1)], name="dense")


def convolutional(k):
    layers = [
        k.Input((28, 28, 1)),
        k.layers.Conv2D(32, 3),
        k.layers.BatchNormalization(),
        k.layers.MaxPooling2D(),
        k.layers.Dropout(0.5),
        k.layers.Flatten(),
        k.layers.Dense(10),
    ]
    return k.Sequential(layers, name="conv")


def recurrent(k):
    layers = [k.Input((None,), dtype="int32"), k.layers.Embedding(100, 6), k.layers.LSTM(5), k.layers.Dense(1)]
    return k.Sequential(layers, name="recurrent")


def half_frozen(k):
    model = convolutional(k)
    model.layers[0].trainable = False
    return model


def mixed_dtypes(k):
    layers = [k.Input((6,)), k.layers.Dense(2, dtype="mixed_float16"), k.layers.Dense(3, dtype="bfloat16")]
    return k.Sequential(layers, name="mixed")


def nested(k):
    inner = k.Sequential([k.Input((4,)), k.layers.Dense(3), k.layers.Dense(2)], name="inner")
    return k.Sequential([k.Input((4,)), inner, k.layers.Dense(1)], name="outer")


def deferred(k):
    return k.Sequential([k.layers.Dense(3), k.layers.Dense(4)], name="deferred")


def empty(k):
    return k.Sequential(name="empty")


def two_outputs(k):
    inputs = k.Input((4,), name="features")
    shared = k.layers.Dense(4)
    x = shared(shared(inputs))
    return k.Model(inputs, [k.layers.Dense(2)(x), k.layers.Dense(3)(x)], name="graph")


MODELS = [dense, convolutional, recurrent, half_frozen, mixed_dtypes, nested, deferred, empty, two_outputs]


def text_of(model, **options):
    printed = []
    assert model.summary(print_fn=lambda text, **_: printed.append(text), **options) is None
    assert len(printed) == 1
    return printed[0]


def cells_of(text):
    """The entries of the table, row by row, and the lines below it; names of layers as Keras numbers them."""
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in text.splitlines() if line.startswith("│")]
    return rows, [line.strip() for line in text.splitlines() if "params:" in line]


@pytest.mark.parametrize("make", MODELS)
@pytest.mark.parametrize("options", [{}, {"show_trainable": True}, {"expand_nested": True}], ids=str)
def test_cells_and_totals_are_those_of_keras(keras, make, options, monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")  # Keras cuts its table where the terminal ends
    ours, theirs = (text_of(make(k), line_length=300, **options) for k in (sequax, keras))
    assert cells_of(ours) == cells_of(theirs)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop"])
def test_optimizer_parameters_after_fit(keras, optimizer):
    totals = []
    for k in (sequax, keras):
        model = half_frozen(k)
        model.compile(optimizer, "mse")
        model.fit(np.zeros((4, 28, 28, 1), "float32"), np.zeros((4, 10), "float32"), verbose=0)
        totals.append(cells_of(text_of(model))[1])
    assert totals[0] == totals[1]
    assert totals[0][-1].startswith("Optimizer params:")


def test_text():
    assert text_of(dense(sequax), line_length=60) == (
        'Model: "dense"\n'
        "┏━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━┓\n"
        "┃ Layer (type)              ┃ Output Shape     ┃   Param # ┃\n"
        "┡━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━┩\n"
        "│ dense (Dense)             │ (None, 8)        │       136 │\n"
        "├───────────────────────────┼──────────────────┼───────────┤\n"
        "│ dense_1 (Dense)           │ (None, 1)        │         9 │\n"
        "└───────────────────────────┴──────────────────┴───────────┘\n"
        " Total params: 145 (580.00 B)\n"
        " Trainable params: 145 (580.00 B)\n"
        " Non-trainable params: 0 (0.00 B)"
    )


@pytest.mark.parametrize("length", [30, 40, 60, 80, 120])
def test_narrow_tables_wrap_but_lose_nothing(length):
    lines = text_of(convolutional(sequax), line_length=length).splitlines()
    assert max(map(len, lines[1:-3])) == max(length, 30)
    body = [line for line in lines if line.startswith("│")]
    names = "".join(line.split("│")[1].strip() for line in body).replace(" ", "")
    assert "batch_normalization(BatchNormalization)" in names
    assert any(line.split("│")[3].strip() == "54,090" for line in body)


def test_positions_say_where_columns_end():
    top = text_of(dense(sequax), line_length=50, positions=[0.4, 30, 1.0]).splitlines()[1]
    assert [i for i, sign in enumerate(top) if sign in "┳┓"] == [20, 30, 50]


def test_positions_must_rise():
    with pytest.raises(ValueError, match=r"positions.*3 columns"):
        dense(sequax).summary(positions=[0.5, 0.2, 1.0])


def test_layer_range():
    rows, totals = cells_of(text_of(convolutional(sequax), layer_range=["max_.*", "flat"]))
    assert [row[0] for row in rows] == ["max_pooling2d (MaxPooling2D)", "dropout (Dropout)", "flatten (Flatten)"]
    assert totals[0] == "Total params: 54,538 (213.04 KB)"


def test_layer_range_keeps_what_is_inside_of_the_last_layer():
    rows, _ = cells_of(text_of(nested(sequax), layer_range=["inner", "inner"], expand_nested=True))
    assert [row[0] for row in rows] == ["inner (Sequential)", "└ dense (Dense)", "└ dense_1 (Dense)"]


@pytest.mark.parametrize("layer_range", [["dense"], "dense", ["dense", "no_such_layer"]])
def test_wrong_layer_range(layer_range):
    with pytest.raises(ValueError, match="layer_"):
        dense(sequax).summary(layer_range=layer_range)


class Subclassed(sequax.Model):
    def __init__(self):
        super().__init__(name="own")
        self.first = sequax.layers.Dense(3)
        self.last = sequax.layers.Dense(2)

    def call(self, x):
        return self.last(self.first(x))


def test_subclassed_model():
    model = Subclassed()
    assert [row[1:] for row in cells_of(text_of(model))[0]] == [["?", "0 (unbuilt)"], ["?", "0 (unbuilt)"]]
    model(np.zeros((5, 4), "float32"))
    rows, totals = cells_of(text_of(model))
    assert [row[2] for row in rows] == ["15", "8"]
    assert [row[1].rpartition(",")[2] for row in rows] == [" 3)", " 2)"]
    assert totals[0] == "Total params: 23 (92.00 B)"


def test_output_that_takes_ascii_only(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    nested(sequax).summary(expand_nested=True)
    sys.stdout.flush()
    text = raw.getvalue().decode("ascii")
    assert "| inner (Sequential)" in text
    assert "`- dense (Dense)" in text


def test_colours_on_a_terminal_only(monkeypatch, capsys):
    dense(sequax).summary()
    plain = capsys.readouterr().out
    assert "\x1b" not in plain

    import rich
    from rich.console import Console

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, color_system="256", width=80)
    monkeypatch.setattr(rich, "get_console", lambda: console)
    sequax.utils.clear_session()
    dense(sequax).summary()
    assert "\x1b[" in screen.getvalue()
    from rich.text import Text

    assert [line.rstrip() for line in Text.from_ansi(screen.getvalue()).plain.splitlines()] == plain.splitlines()
