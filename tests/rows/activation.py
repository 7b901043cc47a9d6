"""Rows: activations as layers."""

from tests.layer_table import Row

ROWS = [
    Row("Activation", {"activation": "relu"}, (2, 5), mask=True),
    Row("Activation", {"activation": "softmax"}, (2, 3, 4), unknown=(1,), mask=True),
    Row("Activation", {"activation": None}, (2, 3)),
    Row("ReLU", {}, (2, 8), mask=True),
    Row("ReLU", {"max_value": 0.7, "negative_slope": 0.2, "threshold": 0.3}, (4, 8)),
    Row("ReLU", {"max_value": 1}, (4, 8)),
    Row("ReLU", {"threshold": 0.5}, (4, 8)),
    Row("LeakyReLU", {}, (2, 8), mask=True),
    Row("LeakyReLU", {"negative_slope": 0}, (2, 8)),
    Row("PReLU", {}, (2, 8)),
    Row(
        "PReLU",
        {"alpha_initializer": "ones", "alpha_regularizer": "l2", "alpha_constraint": "non_neg", "shared_axes": [1, 2]},
        (2, 4, 5, 3),
        unknown=(1, 2),
    ),
    Row("PReLU", {"shared_axes": 1}, (2, 4, 3), mask=True, unknown=(1,)),
    Row("ELU", {}, (2, 8), mask=True),
    Row("ELU", {"alpha": 0.5}, (2, 8)),
    Row("Softmax", {}, (2, 3, 4), unknown=(1,)),
    Row("Softmax", {"axis": 1}, (2, 3, 4)),
    Row("Softmax", {"axis": [1, 2]}, (2, 3, 4)),
    Row("Softmax", {}, (2, 3), mask=True),
]
