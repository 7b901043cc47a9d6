"""A multilayer perceptron in small batches: many short steps over data that is large beside the model."""

from .shared.mlp import mlp

WORKLOAD = mlp("mlp_32", "MLP 60,000x784, batch 32, 1 epoch", 32, 1)
