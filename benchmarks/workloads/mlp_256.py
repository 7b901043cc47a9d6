"""A multilayer perceptron in larger batches: matrix products are most of the time."""

from .shared.mlp import mlp

WORKLOAD = mlp("mlp_256", "MLP 60,000x784, batch 256, 2 epochs", 256, 2)
