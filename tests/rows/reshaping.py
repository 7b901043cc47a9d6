"""Rows of paddings, croppings and upsamplings."""

from __future__ import annotations

from tests.layer_table import Row

IMAGE, VOLUME = (2, 5, 6, 2), (1, 4, 5, 4, 2)


def channels_first(shape):
    return (shape[0], shape[-1], *shape[1:-1])


ROWS = [
    Row("ZeroPadding1D", {"padding": (1, 2), "data_format": "channels_first"}, (2, 2, 3)),
    Row("ZeroPadding1D", {}, (2, 3, 2), "int32", unknown=(1,)),
    Row("ZeroPadding2D", {"padding": (1, 2)}, IMAGE, unknown=(1, 2)),
    Row("ZeroPadding2D", {"padding": ((1, 0), (2, 3)), "data_format": "channels_first"}, channels_first(IMAGE)),
    Row("ZeroPadding3D", {"padding": (1, 0, 2)}, VOLUME),
    Row("Cropping1D", {"cropping": (0, 2)}, (2, 5, 2), unknown=(1,)),
    Row("Cropping2D", {"cropping": 1}, IMAGE, unknown=(1, 2)),
    Row("Cropping2D", {"cropping": ((1, 0), (2, 3)), "data_format": "channels_first"}, channels_first(IMAGE), "int32"),
    Row("Cropping3D", {"cropping": (1, 2, 0)}, VOLUME),
    Row("UpSampling1D", {"size": 3}, (2, 4, 2), unknown=(1,)),
    Row("UpSampling2D", {"size": (2, 3)}, IMAGE, "int32", unknown=(1, 2)),
    Row("UpSampling2D", {"data_format": "channels_first", "interpolation": "bilinear"}, channels_first(IMAGE)),
    Row("UpSampling2D", {"size": 3, "interpolation": "bilinear"}, IMAGE, "int32"),
    Row("UpSampling2D", {"interpolation": "bicubic"}, IMAGE, "uint8", high=256),
    Row("UpSampling2D", {"size": (1, 3), "interpolation": "lanczos3"}, IMAGE, unknown=(1, 2)),
    Row("UpSampling2D", {"interpolation": "lanczos5"}, IMAGE),
    Row("UpSampling3D", {"size": (1, 2, 3), "data_format": "channels_first"}, channels_first(VOLUME)),
]
