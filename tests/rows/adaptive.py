"""Rows of the adaptive poolings."""

from __future__ import annotations

from tests.layer_table import Row

ROWS = [
    Row("AdaptiveAveragePooling1D", {"output_size": 3}, (2, 7, 3)),
    Row("AdaptiveAveragePooling1D", {"output_size": 5, "data_format": "channels_first"}, (2, 2, 3)),
    Row("AdaptiveAveragePooling2D", {"output_size": (2, 3)}, (2, 6, 7, 2), unknown=(1, 2)),
    Row("AdaptiveAveragePooling3D", {"output_size": (2, 3, 1)}, (1, 4, 5, 3, 2)),
    Row("AdaptiveMaxPooling1D", {"output_size": 4}, (2, 7, 3)),
    Row("AdaptiveMaxPooling2D", {"output_size": (2, 3), "data_format": "channels_first"}, (2, 2, 6, 7), unknown=(2, 3)),
    Row("AdaptiveMaxPooling2D", {"output_size": 2}, (2, 5, 4, 2), "int32"),
    Row("AdaptiveMaxPooling3D", {"output_size": 2}, (1, 4, 5, 3, 2)),
]
