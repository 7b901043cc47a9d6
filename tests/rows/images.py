"""Rows: image layers. What is random in training is tested in `test_images.py`."""

from tests.layer_table import Row

ROWS = [
    Row("Resizing", {"height": 3, "width": 5}, (2, 4, 6, 3), unknown=(1, 2)),
    Row("Resizing", {"height": 3, "width": 7, "interpolation": "nearest"}, (2, 4, 6, 1), dtype="uint8", mixed=False),
    Row(
        "Resizing",
        {
            "height": 5,
            "width": 3,
            "interpolation": "bicubic",
            "crop_to_aspect_ratio": True,
            "data_format": "channels_first",
        },
        (2, 3, 4, 6),
    ),
    Row(
        "Resizing",
        {
            "height": 2,
            "width": 5,
            "interpolation": "lanczos3",
            "pad_to_aspect_ratio": True,
            "fill_value": 2.0,
            "antialias": True,
        },
        (2, 5, 7, 1),
    ),
    Row("CenterCrop", {"height": 3, "width": 2}, (2, 4, 7, 3), unknown=(1, 2)),
    Row("CenterCrop", {"height": 5, "width": 4, "data_format": "channels_first"}, (2, 1, 4, 6)),
    Row("MixUp", {"alpha": 0.3, "seed": 1}, (3, 4, 5, 3), random=True),
    Row("CutMix", {"factor": (0.2, 0.6), "data_format": "channels_first"}, (3, 2, 4, 5), random=True),
    Row("MaxNumBoundingBoxes", {"max_number": 5}, (2, 4, 5, 3), shared_config=False),  # Keras forgets `fill_value`
    Row("AutoContrast", {"value_range": (-1, 1)}, (2, 3, 4, 3)),
    Row("ContrastLimitedAdaptiveHistogramEqualization", {"tile_grid_size": (2, 3)}, (2, 5, 6, 1), mixed=False),
]
