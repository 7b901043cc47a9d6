"""Flax (nnx) and optax: one `nnx.jit` step per batch, batches picked by NumPy."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from ..workload import EPSILON, Workload
from . import Run
from .jax import in_chunks, loss_and_hits, outputs


def make(workload: Workload, x: np.ndarray, y: np.ndarray, module: str) -> Run:
    model = workload.flax()
    optimizer = nnx.Optimizer(model, optax.adam(workload.learning_rate, eps=EPSILON), wrt=nnx.Param)
    random = np.random.default_rng(0)

    @nnx.jit
    def step(model: Any, optimizer: Any, totals: Any, inputs: Any, targets: Any) -> Any:
        def loss_fn(model: Any) -> Any:
            return loss_and_hits(workload.loss, model(inputs, True), targets)

        (loss, correct), gradients = nnx.value_and_grad(loss_fn, has_aux=True)(model)
        optimizer.update(model, gradients)
        return totals + jnp.stack([loss * len(inputs), correct])

    def fit() -> float:
        for _ in range(workload.epochs):
            order, totals = random.permutation(len(x)), jnp.zeros(2)
            for start in range(0, len(x), workload.batch_size):
                rows = order[start : start + workload.batch_size]
                totals = step(model, optimizer, totals, x[rows], y[rows])
        jax.block_until_ready((totals, nnx.state(model)))
        return float(totals[0]) / len(x)

    @nnx.jit
    def forward(model: Any, inputs: Any) -> Any:
        return outputs(workload.loss, model(inputs, False))

    return Run(fit, lambda rows: in_chunks(lambda part: forward(model, part), rows))
