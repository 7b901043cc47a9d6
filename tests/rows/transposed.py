"""Rows of the transposed convolutions."""

from __future__ import annotations

from tests.layer_table import Row


def conv1d(shape=(2, 5, 3), unknown=(1,), **arguments):
    return Row("Conv1DTranspose", {"filters": 2, "kernel_size": 3, **arguments}, shape, unknown=unknown)


ROWS = [
    conv1d(),
    conv1d(strides=2, padding="same", activation="relu"),
    conv1d(kernel_size=2, strides=3, data_format="channels_first", shape=(2, 3, 5), unknown=(2,)),
    conv1d(strides=2, output_padding=1),
    conv1d(kernel_size=5, strides=3, output_padding=1, padding="same"),
    conv1d(kernel_size=1, strides=3, output_padding=2, padding="same"),
    conv1d(dilation_rate=2, padding="same", use_bias=False),
    Row(
        "Conv2DTranspose",
        {
            "filters": 3,
            "kernel_size": (3, 2),
            "strides": (2, 1),
            "output_padding": (1, 0),
            "kernel_regularizer": "l2",
            "activity_regularizer": "l2",
            "kernel_constraint": "max_norm",
            "bias_initializer": "ones",
        },
        (2, 4, 3, 2),
        unknown=(1, 2),
    ),
    Row(
        "Conv2DTranspose",
        {"filters": 3, "kernel_size": 4, "strides": 2, "padding": "same", "data_format": "channels_first"},
        (2, 2, 4, 3),
        unknown=(2, 3),
    ),
    Row("Conv3DTranspose", {"filters": 2, "kernel_size": 2, "strides": (1, 2, 3)}, (1, 2, 3, 2, 2), unknown=(1, 2, 3)),
]
