"""AWQ: weights of large inputs are scaled up before rounding, so that they keep more of their accuracy.

Lin et al. 2024, "AWQ: Activation-aware Weight Quantization for On-Device LLM Compression and Acceleration". The scale
of an input is a power of the largest absolute value it had; the power between 0 and 1 is searched that leaves the least
error, `mean((W - Q / scale)^2 * largest^2)`. What is computed with divides by the scale again.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp

from ..core.types import ArrayLike
from ..ops.table import array
from .calibrated import AWQConfig
from .nibbles import pack_int4
from .statistics import Statistics
from .zero_points import compute_quantization_parameters, dequantize_with_sz_map, quantize_with_sz_map

_PARAMETERS = functools.partial(compute_quantization_parameters, bits=4, per_channel=True)


def awq_search_optimal_scales(
    weights: ArrayLike, activation_magnitudes: ArrayLike, *, num_grid_points: int = 20, group_size: int = -1
) -> jax.Array:
    """The scale of each input with which rounding to four bits costs least.

    Args:
        weights: `(outputs, inputs)`.
        activation_magnitudes: the largest absolute value of each input.
        num_grid_points: powers that are tried beside 0: `1 / n` to `n / n`.
        group_size: inputs that share a scale of rounding, per output. -1: all.
    """
    weights, largest = array(weights).astype(jnp.float32), array(activation_magnitudes)
    return _searched(weights, largest.astype(jnp.float32), num_grid_points, group_size)


@functools.partial(jax.jit, static_argnums=(2, 3))
def _searched(weights: jax.Array, largest: jax.Array, points: int, group_size: int) -> jax.Array:
    largest = jnp.where(largest < 1e-8, 1, largest)  # an input that is never anything says nothing

    def scales_of(power: jax.Array) -> jax.Array:
        scales = jnp.maximum(largest**power, 1e-4)
        return scales / jnp.maximum(jnp.sqrt(scales.max() * scales.min()), 1e-8)

    def cost(power: jax.Array) -> jax.Array:
        scales = scales_of(power)
        numbers, scale, zero, groups = _rounded(weights * scales, group_size)
        error = weights - dequantize_with_sz_map(numbers, scale, zero, groups) / scales
        return jnp.mean(jnp.square(error) * jnp.square(largest))

    powers = jnp.arange(points + 1) / points
    return scales_of(powers[jnp.argmin(jax.lax.map(cost, powers))])


def _rounded(weights: jax.Array, group_size: int) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    size = weights.shape[1]
    scale, zero, most = _PARAMETERS(weights, group_size=group_size)
    groups = jnp.arange(size) // (size if group_size == -1 else group_size)
    return quantize_with_sz_map(weights, scale, zero, groups, most), scale, zero, groups


def awq_quantize_matrix(
    weights_transpose: ArrayLike, activation_magnitudes: ArrayLike, *, num_grid_points: int = 20, group_size: int = -1
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array, jax.Array]:
    """Whole numbers of four bits for a matrix, scaled by how large its inputs are.

    Args:
        weights_transpose: `(outputs, inputs)`.
        activation_magnitudes: the largest absolute value of each input.
        num_grid_points: powers that are tried.
        group_size: inputs that share a scale of rounding, per output. -1: all.

    Returns:
        The numbers, in floats; scale and zero point, `(outputs, groups)`; the scale of each input; the group of each
        input, in floats. The weights are `(numbers - zero) * scale / scale of inputs`.
    """
    weights = array(weights_transpose).astype(jnp.float32)
    scales = awq_search_optimal_scales(
        weights, activation_magnitudes, num_grid_points=num_grid_points, group_size=group_size
    )
    numbers, scale, zero, groups = _rounded(weights * scales, group_size)
    return numbers, scale, zero, scales, groups.astype(jnp.float32)


class AWQ(Statistics):
    """What AWQ has to know of one layer: how large its inputs are.

    Args:
        layer: a Dense, or an EinsumDense whose kernel is a matrix in effect; built.
        config: an `AWQConfig`; default: groups of 128.

    Attributes:
        rows, columns: of the kernel as a matrix (inputs, outputs).
        activation_magnitudes: the largest absolute value of each input.
        num_samples: how many inputs were seen.

    Raises:
        TypeError: for a layer without such a kernel.
    """

    mode = "awq"
    config_class = AWQConfig
    activation_magnitudes: Any

    def __init__(self, layer: Any, config: AWQConfig | None = None):
        super().__init__(layer, config)
        self.activation_magnitudes = jnp.zeros((self.rows,))

    def update_activation_magnitudes(self, input_batch: ArrayLike | None) -> None:
        """Take inputs into account.

        Args:
            input_batch: `(..., inputs)`.

        Raises:
            ValueError: for no values, or other sizes than the layer has.
        """
        x = self.checked(input_batch, "Sizes of the kernel")
        self.activation_magnitudes = jnp.maximum(self.activation_magnitudes, jnp.abs(x).max(axis=0))
        self.num_samples += x.shape[0]

    update = update_activation_magnitudes

    def quantize_layer(self) -> None:
        """Round the kernel, and have the layer compute with that from now on."""
        numbers, scale, zero, scales, groups = awq_quantize_matrix(
            self.matrix.of_weight(self.layer.float_weight()).T,
            self.activation_magnitudes,
            num_grid_points=self.config.num_grid_points,
            group_size=self.config.group_size,
        )
        packed = pack_int4(numbers.astype(jnp.uint8), axis=0, dtype="uint8")[0]
        values = {"quantized_kernel": packed, "kernel_scale": scale, "kernel_zero": zero}
        self.layer.take_rounded({**values, "awq_scales": scales, "g_idx": groups})

    finish = quantize_layer

    def free(self) -> None:
        """Let go of layer and inputs."""
        super().free()
        self.activation_magnitudes = None
