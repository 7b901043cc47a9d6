"""Rows of the recurrent layers."""

from __future__ import annotations

from tests.layer_table import Row


def lstm(**arguments):
    return Row("LSTM", {"units": 4, **arguments}, (3, 5, 2), mask=True, unknown=(1,))


ROWS = [
    lstm(),
    lstm(return_sequences=True),
    lstm(return_sequences=True, return_state=True),
    lstm(return_state=True, go_backwards=True),
    lstm(return_sequences=True, go_backwards=True, zero_output_for_mask=True),
    lstm(activation="relu", recurrent_activation="hard_sigmoid"),
    lstm(use_bias=False, unroll=True),
    lstm(unit_forget_bias=False, kernel_regularizer="l2", recurrent_constraint="non_neg", activity_regularizer="l2"),
    Row("LSTM", {"units": 4, "dropout": 0.5, "seed": 1}, (3, 5, 2), random=True, unknown=(1,)),
    Row("LSTM", {"units": 4, "recurrent_dropout": 0.5, "return_sequences": True}, (3, 5, 2), random=True, mask=True),
]
