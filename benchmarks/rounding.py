"""What rounding the weights of a dense layer costs: plainly, by GPTQ and by AWQ, here and in Keras.

    python -m benchmarks.rounding

Weights and inputs are random. In one half of the rows inputs hang together, as those of trained networks do; in the
other they do not, and a few are twenty times as large as the others. Printed is the share of the outputs' variance that
is lost, and the seconds that rounding takes, compilation left out. Keras' functions are called on the statistics
themselves: by `model.quantize`, Keras 3.15.1 collects none.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"

import jax
import jax.numpy as jnp
import numpy as np

from sequax.quantizers import awq, gptq, zero_points

PARAMETERS = functools.partial(zero_points.compute_quantization_parameters, bits=4, per_channel=True)
SIZES = [(256, 128), (1024, 128), (256, 32)]  # inputs, size of groups
OUTPUTS = 256


def data(size: int, together: bool) -> tuple[np.ndarray, np.ndarray]:
    """Weights (outputs, inputs) and inputs (rows, inputs)."""
    rng = np.random.default_rng(0)
    mix = np.eye(size) + (rng.normal(size=(size, size)) / np.sqrt(size) if together else 0)
    x = rng.normal(size=(4 * size, size)) @ mix
    x[:, : size // 50] *= 1 if together else 20
    return rng.normal(size=(OUTPUTS, size)).astype("float32"), x.astype("float32")


def ways(x: np.ndarray, group: int) -> dict[str, Callable[[Any], Any]]:
    """By name: from weights to numbers, scale, zero point, groups, and the scales of inputs, if any."""
    from keras.src.quantizers import gptq as theirs
    from keras.src.quantizers.quantizers import compute_quantization_parameters

    hessian = 2 / len(x) * x.T @ x
    hessian += 0.01 * np.diag(hessian).mean() * np.eye(len(hessian), dtype="float32")
    inverse, largest = np.linalg.inv(hessian), np.abs(x).max(axis=0)
    their_parameters = functools.partial(compute_quantization_parameters, bits=4, per_channel=True)

    def plain(weights: Any) -> Any:
        scale, zero, most = PARAMETERS(weights, group_size=group)
        groups = jnp.arange(weights.shape[1]) // group
        return zero_points.quantize_with_sz_map(weights, scale, zero, groups, most), scale, zero, groups

    def by_awq(weights: Any) -> Any:
        numbers, scale, zero, scales, groups = awq.awq_quantize_matrix(weights, largest, group_size=group)
        return numbers, scale, zero, groups, scales

    return {
        "plain": plain,
        "GPTQ": lambda w: gptq.gptq_quantize_matrix(w, inverse, group_size=group),
        "GPTQ, by activation": lambda w: gptq.gptq_quantize_matrix(w, inverse, group_size=group, activation_order=True),
        "GPTQ of Keras": lambda w: theirs.gptq_quantize_matrix(
            jnp.array(w), jnp.array(inverse), group_size=group, compute_scale_zero=their_parameters
        ),
        "AWQ": by_awq,
    }


def measured(way: Callable[[Any], Any], weights: np.ndarray, x: np.ndarray) -> tuple[float, float]:
    """The share of the outputs' variance that is lost, and seconds."""
    jax.block_until_ready(way(weights))
    start = time.perf_counter()
    numbers, scale, zero, groups, *scales = jax.block_until_ready(way(weights))
    seconds = time.perf_counter() - start
    rounded = np.asarray(zero_points.dequantize_with_sz_map(numbers, scale, zero, groups))
    rounded = rounded / np.asarray(scales[0]) if scales else rounded
    return float(np.square(x @ (weights - rounded).T).mean() / np.square(x @ weights.T).mean()), seconds


def main() -> None:
    print(f"{'inputs':32}{'way':22}{'lost':>8}{'s':>8}")
    for together in (True, False):
        for size, group in SIZES:
            weights, x = data(size, together)
            kind = f"{size}, groups of {group}, {'together' if together else 'apart'}"
            for name, way in ways(x, group).items():
                lost, seconds = measured(way, weights, x)
                print(f"{kind:32}{name:22}{lost:8.2%}{seconds:8.2f}", flush=True)


if __name__ == "__main__":
    main()
