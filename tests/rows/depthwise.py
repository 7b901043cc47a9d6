"""Rows of the depthwise and separable convolutions."""

from __future__ import annotations

from tests.layer_table import Row

ROWS = [
    Row("DepthwiseConv1D", {"kernel_size": 3, "depth_multiplier": 2}, (2, 7, 3), unknown=(1,)),
    Row(
        "DepthwiseConv1D",
        {"kernel_size": 2, "strides": 2, "padding": "same", "data_format": "channels_first"},
        (2, 3, 7),
    ),
    Row(
        "DepthwiseConv2D",
        {
            "kernel_size": 3,
            "activation": "relu",
            "depthwise_regularizer": "l2",
            "activity_regularizer": "l2",
            "depthwise_constraint": "max_norm",
            "bias_initializer": "ones",
        },
        (2, 7, 6, 3),
        unknown=(1, 2),
    ),
    Row(
        "DepthwiseConv2D", {"kernel_size": (3, 2), "strides": 2, "padding": "same", "depth_multiplier": 2}, (2, 7, 6, 3)
    ),
    Row("DepthwiseConv2D", {"kernel_size": 2, "strides": 2, "dilation_rate": 2, "use_bias": False}, (2, 7, 6, 1)),
    Row("DepthwiseConv2D", {"kernel_size": 3, "padding": "same"}, (2, 5, 4, 32), tolerance=2e-5),
    Row("SeparableConv1D", {"filters": 4, "kernel_size": 3, "strides": 2, "padding": "same"}, (2, 7, 3), unknown=(1,)),
    Row(
        "SeparableConv2D",
        {
            "filters": 4,
            "kernel_size": 3,
            "depth_multiplier": 2,
            "data_format": "channels_first",
            "pointwise_initializer": "he_normal",
            "pointwise_regularizer": "l1",
            "pointwise_constraint": "non_neg",
        },
        (2, 3, 6, 5),
        unknown=(2, 3),
    ),
]
