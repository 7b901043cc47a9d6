"""Rows of the convolutions."""

from __future__ import annotations

from tests.layer_table import Row

IMAGE = (2, 7, 6, 4)


def conv2d(shape=IMAGE, unknown=(1, 2), **arguments):
    return Row("Conv2D", {"filters": 6, "kernel_size": 3, **arguments}, shape, unknown=unknown)


ROWS = [
    conv2d(),
    conv2d(kernel_size=(2, 3), strides=(2, 1), padding="same", activation="relu"),
    conv2d(kernel_size=1, use_bias=False),
    conv2d(kernel_size=(7, 6)),
    conv2d(dilation_rate=(2, 1)),
    conv2d(groups=2, kernel_regularizer="l2", bias_constraint="non_neg", activity_regularizer="l2"),
    conv2d(filters=4, groups=4, strides=2),
    conv2d(data_format="channels_first", strides=2, padding="same", shape=(2, 4, 7, 6), unknown=(2, 3)),
    conv2d(data_format="channels_first", groups=2, dilation_rate=2, padding="same", shape=(2, 4, 7, 6), unknown=(2,)),
    conv2d(shape=(2, 5, 5, 1)),
    Row("Conv2D", {"filters": 2, "kernel_size": 2}, (2, 4, 4, 3), dtype="int32"),
    Row("Conv1D", {"filters": 3, "kernel_size": 3}, (2, 8, 4), unknown=(1,)),
    Row("Conv1D", {"filters": 3, "kernel_size": 4, "padding": "same", "strides": 3}, (2, 8, 4), unknown=(1,)),
    Row("Conv1D", {"filters": 3, "kernel_size": 3, "padding": "causal", "dilation_rate": 2}, (2, 8, 4), unknown=(1,)),
    Row("Conv1D", {"filters": 3, "kernel_size": 3, "padding": "causal", "strides": 2}, (2, 7, 4), unknown=(1,)),
    Row("Conv1D", {"filters": 4, "kernel_size": 2, "groups": 2, "data_format": "channels_first"}, (2, 4, 8)),
    Row("Conv3D", {"filters": 3, "kernel_size": 2}, (2, 4, 5, 3, 2), unknown=(1, 2, 3)),
    Row("Conv3D", {"filters": 3, "kernel_size": (1, 3, 2), "strides": (1, 2, 1), "padding": "same"}, (2, 4, 5, 3, 2)),
    Row("Conv3D", {"filters": 2, "kernel_size": 2, "data_format": "channels_first"}, (2, 2, 4, 5, 3)),
]
