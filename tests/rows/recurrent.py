"""Rows of the recurrent layers."""

from __future__ import annotations

from tests.layer_table import Row

SEQUENCES = (3, 5, 2)


def row(layer, arguments, **more):
    return Row(layer, arguments, SEQUENCES, mask=True, unknown=(1,), **more)


def lstm(**arguments):
    return row("LSTM", {"units": 4, **arguments})


def gru(mixed=True, **arguments):
    return row("GRU", {"units": 4, **arguments}, mixed=mixed)


def simple(**arguments):
    return row("SimpleRNN", {"units": 4, **arguments})


def rnn(make_cell, **arguments):
    return row("RNN", lambda library: {"cell": make_cell(library.layers), **arguments})


def bidirectional(make_layer, make_backward=None, **arguments):
    def made(library):
        backward = {} if make_backward is None else {"backward_layer": make_backward(library.layers)}
        return {"layer": make_layer(library.layers), **backward, **arguments}

    return row("Bidirectional", made)


def each_step(make_layer, shape, **more):
    return Row("TimeDistributed", lambda library: {"layer": make_layer(library.layers)}, shape, **more)


def cell(name, arguments, states):
    """One step of a cell: inputs of 3 samples, and its states."""
    return Row(name, arguments, [(3, 5), states], spread=True, symbolic=False)


ROWS = [
    lstm(return_sequences=True, return_state=True),
    lstm(return_state=True, go_backwards=True),
    lstm(return_sequences=True, go_backwards=True, zero_output_for_mask=True),
    lstm(activation="relu", recurrent_activation="hard_sigmoid"),
    lstm(use_bias=False, unroll=True),
    lstm(unit_forget_bias=False, kernel_regularizer="l2", recurrent_constraint="non_neg", activity_regularizer="l2"),
    Row("LSTM", {"units": 4, "dropout": 0.5, "recurrent_dropout": 0.5, "seed": 1}, SEQUENCES, random=True, mask=True),
    gru(return_sequences=True, return_state=True),
    gru(reset_after=False, go_backwards=True),
    # Keras fails in 16 bits without a bias.
    gru(mixed=False, use_bias=False, unroll=True, activation="relu", recurrent_activation="hard_sigmoid"),
    Row("GRU", {"units": 4, "dropout": 0.5, "recurrent_dropout": 0.5}, SEQUENCES, random=True),
    simple(return_sequences=True, zero_output_for_mask=True),
    simple(return_state=True, activation="relu", use_bias=False, recurrent_regularizer="l1"),
    rnn(lambda layers: layers.GRUCell(4), return_sequences=True, go_backwards=True),
    rnn(lambda layers: [layers.LSTMCell(4), layers.GRUCell(3)], return_sequences=True),
    rnn(lambda layers: layers.StackedRNNCells([layers.SimpleRNNCell(3), layers.LSTMCell(4)]), unroll=True),
    bidirectional(lambda layers: layers.LSTM(4)),
    bidirectional(lambda layers: layers.GRU(4, return_sequences=True, return_state=True), merge_mode="sum"),
    bidirectional(lambda layers: layers.SimpleRNN(4, return_sequences=True), merge_mode=None),
    bidirectional(
        lambda layers: layers.RNN([layers.SimpleRNNCell(3), layers.GRUCell(4)]),
        lambda layers: layers.GRU(4, go_backwards=True),
        merge_mode="ave",
    ),
    each_step(lambda layers: layers.Dense(3, activation="relu"), SEQUENCES, mask=True, unknown=(1,)),
    # In 16 bits, Keras gives back 32 here, and 16 for other layers inside.
    each_step(lambda layers: layers.BatchNormalization(momentum=0.5), SEQUENCES, mask=True, mixed=False),
    each_step(lambda layers: layers.Conv1D(3, 2), (2, 3, 4, 2), unknown=(1,)),
    Row("ConvLSTM1D", {"filters": 3, "kernel_size": 2}, (2, 3, 5, 2), unknown=(1,)),
    Row(
        "ConvLSTM2D",
        {"filters": 2, "kernel_size": (2, 3), "strides": 2, "padding": "same", "return_sequences": True},
        (2, 3, 4, 5, 2),
    ),
    Row(
        "ConvLSTM2D",
        {"filters": 2, "kernel_size": 2, "dilation_rate": 2, "data_format": "channels_first", "return_state": True},
        (2, 3, 2, 5, 5),
    ),
    Row("ConvLSTM3D", {"filters": 1, "kernel_size": 2, "dropout": 0.5}, (1, 2, 3, 3, 3, 1), random=True),
    cell("SimpleRNNCell", {"units": 4, "activation": "relu"}, (3, 4)),
    cell("GRUCell", {"units": 4, "use_bias": False}, (3, 4)),
    cell("GRUCell", {"units": 4, "reset_after": False}, (3, 4)),
    cell("LSTMCell", {"units": 4}, [(3, 4), (3, 4)]),
    cell(
        "StackedRNNCells",
        lambda library: {"cells": [library.layers.GRUCell(4), library.layers.SimpleRNNCell(2)]},
        [(3, 4), (3, 2)],
    ),
]
