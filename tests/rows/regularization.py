"""Rows: dropout, noise, penalties of activities. What is random in training is tested in `test_layers_random.py`."""

from tests.layer_table import Row

ROWS = [
    Row("Dropout", {"rate": 0.3}, (2, 5), random=True, mask=True),
    Row("Dropout", {"rate": 0}, (2, 5)),
    Row(
        "Dropout",
        {"rate": 0.5, "noise_shape": (None, 1, 3), "seed": 7},
        (2, 4, 3),
        random=True,
        mask=True,
        unknown=(1,),
    ),
    Row("AlphaDropout", {"rate": 0.3, "seed": 1}, (2, 5), random=True),
    Row("SpatialDropout1D", {"rate": 0.3}, (2, 4, 3), random=True, mask=True, mixed=False),
    Row("SpatialDropout2D", {"rate": 0.3, "seed": 1}, (2, 4, 4, 3), random=True, mixed=False),
    Row("SpatialDropout3D", {"rate": 0.3, "data_format": "channels_first"}, (2, 3, 4, 4, 2), random=True, mixed=False),
    Row("GaussianDropout", {"rate": 0.3, "seed": 1}, (2, 5), random=True),
    Row("GaussianNoise", {"stddev": 0.3, "seed": 1}, (2, 5), random=True, mask=True),
    Row("ActivityRegularization", {"l1": 0.1, "l2": 0.2}, (2, 5), mask=True),
]
