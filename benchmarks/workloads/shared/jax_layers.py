"""Layers as plain functions of arrays, as a careful JAX user writes them; images are channels last."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax, nn

from ...workload import glorot

Params = dict[str, np.ndarray]


def dense_params(random: np.random.Generator, inputs: int, outputs: int) -> Params:
    return {"kernel": glorot(random, inputs, outputs), "bias": np.zeros(outputs, "float32")}


def dense(params: Params, x: Any) -> Any:
    return x @ params["kernel"] + params["bias"]


def conv_params(random: np.random.Generator, *shape: int, bias: bool = True) -> Params:
    """`shape` is the window's, then input and output channels."""
    params = {"kernel": glorot(random, *shape)}
    return {**params, "bias": np.zeros(shape[-1], "float32")} if bias else params


def conv(params: Params, x: Any, padding: str = "SAME", stride: int = 1, groups: int = 1) -> Any:
    """In one or two spatial dimensions, after the rank of `x`."""
    layout = ("NHWC", "HWIO", "NHWC") if x.ndim == 4 else ("NHC", "HIO", "NHC")
    strides = (stride,) * (x.ndim - 2)
    y = lax.conv_general_dilated(
        x, params["kernel"], strides, padding, dimension_numbers=layout, feature_group_count=groups
    )
    return y + params["bias"] if "bias" in params else y


def max_pool(x: Any) -> Any:
    """Halve every spatial dimension."""
    window = (1, *(2,) * (x.ndim - 2), 1)
    return lax.reduce_window(x, -jnp.inf, lax.max, window, window, "VALID")


def batch_norm_params(channels: int) -> Params:
    ones, zeros = np.ones(channels, "float32"), np.zeros(channels, "float32")
    return {"scale": ones, "offset": zeros, "moving_mean": zeros.copy(), "moving_variance": ones.copy()}


def batch_norm(params: Params, x: Any, training: bool) -> Any:
    """The moving averages keep their start values: `apply` returns no state. The work left out is a few vectors'."""
    mean, variance = params["moving_mean"], params["moving_variance"]
    if training:
        axes = tuple(range(x.ndim - 1))
        mean = x.mean(axes)
        variance = jnp.maximum((x * x).mean(axes) - mean * mean, 0.0)
    scale = params["scale"] * lax.rsqrt(variance + 1e-3)
    return x * scale + (params["offset"] - mean * scale)


def layer_norm_params(width: int) -> Params:
    return {"scale": np.ones(width, "float32"), "offset": np.zeros(width, "float32")}


def layer_norm(params: Params, x: Any) -> Any:
    mean = x.mean(-1, keepdims=True)
    variance = jnp.square(x - mean).mean(-1, keepdims=True)
    return (x - mean) * lax.rsqrt(variance + 1e-6) * params["scale"] + params["offset"]


def dropout(key: Any, x: Any, rate: float) -> Any:
    return jnp.where(jax.random.bernoulli(key, 1 - rate, x.shape), x / (1 - rate), 0.0)


def lstm_params(random: np.random.Generator, inputs: int, units: int) -> Params:
    return {**dense_params(random, inputs, 4 * units), "recurrent": glorot(random, units, 4 * units)}


def lstm(params: Params, x: Any) -> Any:
    """The last output for `x` (rows, time, inputs); the inputs of all times are multiplied at once."""

    def step(carry: Any, projected: Any) -> Any:
        output, cell = carry
        i, f, g, o = jnp.split(projected + output @ params["recurrent"], 4, -1)
        cell = nn.sigmoid(f) * cell + nn.sigmoid(i) * jnp.tanh(g)
        return (nn.sigmoid(o) * jnp.tanh(cell), cell), None

    zeros = jnp.zeros((len(x), params["recurrent"].shape[0]))
    return lax.scan(step, (zeros, zeros), dense(params, x.swapaxes(0, 1)))[0][0]


def gru_params(random: np.random.Generator, inputs: int, units: int) -> Params:
    recurrent = dense_params(random, units, 3 * units)
    return {
        **dense_params(random, inputs, 3 * units),
        "recurrent": recurrent["kernel"],
        "recurrent_bias": recurrent["bias"],
    }


def gru(params: Params, x: Any) -> Any:
    """The last output; the reset gate is applied after the recurrent product, as PyTorch and Keras do."""

    def step(output: Any, projected: Any) -> Any:
        update, reset, candidate = jnp.split(projected, 3, -1)
        recurrent = output @ params["recurrent"] + params["recurrent_bias"]
        update_r, reset_r, candidate_r = jnp.split(recurrent, 3, -1)
        update, reset = nn.sigmoid(update + update_r), nn.sigmoid(reset + reset_r)
        return update * output + (1 - update) * jnp.tanh(candidate + reset * candidate_r), None

    zeros = jnp.zeros((len(x), params["recurrent"].shape[0]))
    return lax.scan(step, zeros, dense(params, x.swapaxes(0, 1)))[0]
