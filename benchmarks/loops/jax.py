"""Plain JAX and optax: batches are picked by NumPy, each goes through one jitted step with donated state.

Loss and accuracy are summed inside the step and read once an epoch.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ..workload import EPSILON, Workload
from . import CHUNK, Run


def make(workload: Workload, x: np.ndarray, y: np.ndarray, module: str) -> Run:
    params, apply = workload.jax(np.random.default_rng(0))
    params = jax.tree.map(jnp.asarray, params)
    optimizer = optax.adam(workload.learning_rate, eps=EPSILON)
    state = {"params": params, "optimizer": optimizer.init(params), "step": jnp.zeros((), "int32")}
    key, random = jax.random.key(0), np.random.default_rng(0)

    @partial(jax.jit, donate_argnums=(0, 1))
    def step(state: Any, totals: Any, key: Any, inputs: Any, targets: Any) -> Any:
        def loss_fn(params: Any) -> Any:
            logits = apply(params, inputs, True, jax.random.fold_in(key, state["step"]))
            return loss_and_hits(workload.loss, logits, targets)

        (loss, correct), gradients = jax.value_and_grad(loss_fn, has_aux=True)(state["params"])
        updates, optimizer_state = optimizer.update(gradients, state["optimizer"], state["params"])
        params = optax.apply_updates(state["params"], updates)
        totals = totals + jnp.stack([loss * len(inputs), correct])
        return {"params": params, "optimizer": optimizer_state, "step": state["step"] + 1}, totals

    def fit() -> float:
        nonlocal state
        for _ in range(workload.epochs):
            order, totals = random.permutation(len(x)), jnp.zeros(2)
            for start in range(0, len(x), workload.batch_size):
                rows = order[start : start + workload.batch_size]
                state, totals = step(state, totals, key, x[rows], y[rows])
        jax.block_until_ready(state)
        return float(totals[0]) / len(x)

    @jax.jit
    def forward(params: Any, inputs: Any) -> Any:
        return outputs(workload.loss, apply(params, inputs, False, None))

    def predict(rows: np.ndarray) -> np.ndarray:
        return in_chunks(lambda part: forward(state["params"], part), rows)

    return Run(fit, predict)


def loss_and_hits(loss: str, logits: Any, targets: Any) -> Any:
    """The batch's mean loss, and how many of its rows are right."""
    if loss == "binary_crossentropy":
        return optax.sigmoid_binary_cross_entropy(logits, targets).mean(), ((logits > 0) == (targets > 0.5)).sum()
    if loss == "sparse_categorical_crossentropy":
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, targets)
        return losses.mean(), (logits.argmax(-1) == targets).sum()
    return ((logits - targets) ** 2).mean(), 0


def outputs(loss: str, logits: Any) -> Any:
    if loss == "binary_crossentropy":
        return jax.nn.sigmoid(logits)
    return logits if loss == "mse" else jax.nn.softmax(logits)


def in_chunks(forward: Any, rows: np.ndarray) -> np.ndarray:
    """NumPy in, NumPy out; one call when the rows fit into one chunk."""
    if len(rows) <= CHUNK:
        return np.asarray(forward(rows))
    return np.concatenate([forward(rows[i : i + CHUNK]) for i in range(0, len(rows), CHUNK)])
