"""The table of `model.summary()`: the same cells and totals as Keras', whole names and numbers."""

from __future__ import annotations

import io
import sys

import jax
import numpy as np
import pytest

import sequax
from sequax import layers
from sequax.utils import costs


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


def nested_graph(k):
    inputs = k.Input((4,), name="inside")
    inner = k.Model(inputs, k.layers.Dense(3, name="hidden")(inputs), name="inner")
    outside = k.Input((4,), name="outside")
    return k.Model(outside, k.layers.Dense(1, name="last")(inner(outside)), name="outer")


def with_ops(k):
    inputs = k.Input((4,), name="inputs")
    both = k.ops.concatenate([k.ops.relu(inputs) * 2.0, inputs[:, :2]], axis=-1)
    return k.Model(inputs, k.ops.log_softmax(both, axis=-1), name="ops")


def deferred(k):
    return k.Sequential([k.layers.Dense(3), k.layers.Dense(4)], name="deferred")


def empty(k):
    return k.Sequential(name="empty")


def two_outputs(k):
    inputs = k.Input((4,), name="features")
    shared = k.layers.Dense(4)
    x = shared(shared(inputs))
    return k.Model(inputs, [k.layers.Dense(2)(x), k.layers.Dense(3)(x)], name="graph")


MODELS = [
    dense,
    convolutional,
    recurrent,
    half_frozen,
    mixed_dtypes,
    nested,
    nested_graph,
    with_ops,
    deferred,
    empty,
    two_outputs,
]


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
def test_cells_and_totals_are_those_of_keras(keras, make, monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")  # Keras cuts its table where the terminal ends
    keras.utils.clear_session()
    ours, theirs = make(sequax), make(keras)
    for options in ({}, {"show_trainable": True}, {"expand_nested": True}):
        texts = (text_of(model, line_length=300, **options) for model in (ours, theirs))
        assert cells_of(next(texts)) == cells_of(next(texts)), options


@pytest.mark.parametrize("optimizer", ["SGD", "Adam", "RMSprop"])
def test_optimizer_parameters(keras, optimizer):
    totals = []
    for k in (sequax, keras):
        model = half_frozen(k)
        model.compile(getattr(k.optimizers, optimizer)(), "mse")
        model.optimizer.build(model.trainable_variables)
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


# --- costs ---


def stack(shape, *inside, dtype="float32"):
    return sequax.Sequential([sequax.Input(shape, dtype=dtype), *inside])


ATTENTION = (
    3 * (2 * 10 * 8 * 8 + 10 * 8)  # query, key and value with their biases
    + 10 * 8  # the query is scaled
    + 2 * (2 * 2 * 10 * 10 * 4)  # scores, and values by shares
    + 5 * 2 * 10 * 10  # softmax: largest, difference, exp, sum, quotient
    + 2 * 10  # the largest is held above minus infinity
    + (2 * 10 * 8 * 8 + 10 * 8)  # output
)


@pytest.mark.parametrize(
    ("shape", "make", "flops"),
    [
        ((16,), lambda: layers.Dense(8, activation="relu"), 2 * 16 * 8 + 8 + 8),
        ((5, 16), lambda: layers.Dense(8, use_bias=False), 5 * 2 * 16 * 8),
        ((10, 10, 3), lambda: layers.Conv2D(8, 3), 2 * 8 * 8 * 8 * 27 + 8 * 8 * 8),
        ((10, 10, 3), lambda: layers.Conv2D(8, 3, padding="same", strides=2), 2 * 5 * 5 * 8 * 27 + 5 * 5 * 8),
        ((10, 10, 4), lambda: layers.Conv2D(8, 3, groups=2, use_bias=False), 2 * 8 * 8 * 8 * 9 * 2),
        ((10, 10, 4), lambda: layers.DepthwiseConv2D(3, depth_multiplier=2), 2 * 8 * 8 * 8 * 9 + 8 * 8 * 8),
        ((9, 3), lambda: layers.Conv1D(4, 3, use_bias=False), 2 * 7 * 4 * 9),
        # Each step: two products, two additions of 4 units, 5 nonlinear functions, 3 products and a sum.
        ((7, 6), lambda: layers.LSTM(5), 7 * (2 * 20 * (6 + 5) + 2 * 20 + 9 * 5)),
        ((7, 6), lambda: layers.SimpleRNN(5, unroll=True), 7 * (2 * 5 * (6 + 5) + 3 * 5)),
        ((10, 8), lambda: layers.MultiHeadAttention(2, 4), ATTENTION),
        ((10, 10, 3), layers.MaxPooling2D, 4 * 5 * 5 * 3),
        ((10, 10, 3), layers.Flatten, 0),
        ((10,), lambda: layers.Dropout(0.5), 0),
        ((4,), lambda: layers.Embedding(100, 6), 0),
    ],
)
def test_operations_are_those_counted_by_hand(shape, make, flops):
    for batch in ({}, {"batch_size": 3}):
        model = sequax.Sequential([sequax.Input(shape, **batch), make()])
        cost = costs.of_model(model)
        assert cost == (flops, 4 * int(np.prod(model.output_shape[1:])), True)


def test_operations_are_those_of_xla_where_it_counts_all():
    # Of a smaller product, which runs as a sum, XLA counts one addition less.
    model = stack((9, 9, 2), layers.Conv2D(3, 2), layers.Flatten(), layers.Dense(12))
    values = [v.value for v in model.weights]
    program = jax.jit(lambda values, x: model.stateless_call(values, [], x)[0])
    found = program.lower(values, np.zeros((1, 9, 9, 2), "float32")).cost_analysis()
    assert costs.of_model(model).flops == found["flops"]


def test_loops_of_unknown_length_are_a_lower_bound():
    def halve(x):
        return jax.lax.while_loop(lambda x: x.sum() > 1, lambda x: x / 2, x)

    rows, _ = cells_of(text_of(stack((6,), layers.Lambda(halve)), costs=True, line_length=200))
    assert rows[0][3:] == [">= 6", "24.00 B"]


def test_costs_of_a_graph_are_those_of_all_calls():
    rows, _ = cells_of(text_of(two_outputs(sequax), costs=True, line_length=200))
    one = 2 * 4 * 4 + 4
    assert [row[3:5] for row in rows] == [
        ["0", "0.00 B"], [str(2 * one), "32.00 B"], ["18", "8.00 B"], ["27", "12.00 B"],
    ]  # fmt: skip


def test_costs_of_nested_models_and_dtypes():
    rows, _ = cells_of(text_of(nested(sequax), costs=True, expand_nested=True, line_length=200))
    assert [row[3:] for row in rows] == [["41", "20.00 B"], ["27", "12.00 B"], ["14", "8.00 B"], ["5", "4.00 B"]]
    rows, _ = cells_of(text_of(mixed_dtypes(sequax), costs=True, line_length=200))
    assert [row[4] for row in rows] == ["4.00 B", "6.00 B"]


def test_lines_below_the_costs():
    model = dense(sequax)
    assert text_of(model, costs=True, line_length=100).splitlines()[-2:] == [
        " Forward pass of one sample: 289 FLOPs, 36.00 B of activations",
        " Training memory, about: 580.00 B of parameters + 580.00 B of gradients + ? of optimizer state"
        " + batch size * 36.00 B of activations",
    ]
    model.compile(sequax.optimizers.SGD(momentum=0.9), "mse")
    model.optimizer.build(model.trainable_variables)
    assert "+ 588.00 B of optimizer state" in text_of(model, costs=True)


@pytest.mark.parametrize("make", [recurrent, deferred])
def test_costs_that_are_not_known_yet(make):
    text = text_of(make(sequax), costs=True, line_length=200)
    assert cells_of(text)[0][0][3:] == ["?", "?"]
    assert "one sample: ? FLOPs, ? of activations" in text


def test_strings_cost_nothing():
    model = stack((1,), layers.StringLookup(vocabulary=["a"]), layers.Embedding(3, 2), dtype="string")
    assert costs.of_model(model) == (0, 8, True)
