"""Batches from a Python generator: every one goes from the host to the device while the model trains.

The libraries without `fit` take their batches from the arrays, as in every other workload: theirs is the least work.
"""

from .shared.mlp import mlp

WORKLOAD = mlp("generator", "generator of 60,000x784, MLP, batch 32, 1 epoch", 32, 1, "generator")
