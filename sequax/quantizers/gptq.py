"""GPTQ: weights are rounded one input after another, and those that are left make up for the error.

Frantar et al. 2023, "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained Transformers". With inputs X
of a layer, rounding costs `|(W - Q) X|^2`, a parabola with the Hessian `H = 2 X X^T`. When the weights of one input are
rounded, those of all later ones move to where the cost is least. Which way says a row of U, the upper triangle with
`U^T U = H^-1`: row j of it is what is left of the inverse once the inputs before j are settled.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..core.types import ArrayLike
from ..ops.table import array
from .calibrated import GPTQConfig
from .nibbles import pack_int4
from .statistics import Statistics
from .zero_points import compute_quantization_parameters, dequantize_with_zero_point, quantize_with_zero_point

Parameters = Callable[[jax.Array], tuple[Any, Any, Any]]  # a matrix -> scale, zero point, the largest number


@functools.cache
def parameters_of(bits: int, symmetric: bool, per_channel: bool) -> Parameters:
    """How scale and zero point of a group come about; the same function for the same settings."""
    return functools.partial(compute_quantization_parameters, bits=bits, symmetric=symmetric, per_channel=per_channel)


def gptq_quantize_matrix(
    weights_transpose: ArrayLike,
    inv_hessian: ArrayLike,
    *,
    blocksize: int = 128,
    group_size: int = -1,
    activation_order: bool = False,
    order_metric: ArrayLike | None = None,
    compute_scale_zero: Parameters | None = None,
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """Whole numbers for a matrix, of which later columns make up for the error of earlier ones.

    Args:
        weights_transpose: `(outputs, inputs)`.
        inv_hessian: `(inputs, inputs)`, positive definite.
        blocksize: columns that are settled before all later ones are moved; it changes the time alone.
        group_size: columns that share a scale and a zero point, per row. -1: all.
        activation_order: begin with the columns of the largest `order_metric`.
        order_metric: one number per column; default: `1 / diagonal(inv_hessian)`.
        compute_scale_zero: gives scale, zero point and the largest number of a group of columns; default: 4 bits.

    Returns:
        The numbers (int32); scale and zero point, `(outputs, groups)`; the group of each column, in floats.

    Raises:
        ValueError: if the inverse is not positive definite.
    """
    inverse = np.asarray(array(inv_hessian), "float64")
    metric = 1 / (np.diagonal(inverse) + 1e-12) if order_metric is None else np.asarray(array(order_metric))
    order = _order(metric, activation_order)
    try:
        factor = np.linalg.cholesky(inverse[np.ix_(order, order)]).T
    except np.linalg.LinAlgError:
        raise ValueError("gptq_quantize_matrix: `inv_hessian` must be symmetric and positive definite.") from None
    parameters = compute_scale_zero or parameters_of(4, False, True)
    return _in_order(array(weights_transpose), factor, order, group_size, blocksize, parameters)


def _order(metric: np.ndarray, by_metric: bool) -> np.ndarray:
    """The columns in the order in which they are rounded; of equal ones the first comes first."""
    metric = np.where(np.isfinite(metric), metric, 0) if by_metric else np.zeros(len(metric))
    return np.argsort(-metric, kind="stable")


def _in_order(
    weights: jax.Array, factor: np.ndarray, order: np.ndarray, group_size: int, blocksize: int, parameters: Parameters
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    size = weights.shape[1]
    group = size if group_size == -1 else min(group_size, size)
    block = blocksize if group_size == -1 else group * max(1, blocksize // group)
    more = -size % block
    factor = np.pad(factor, ((0, more), (0, more)))
    factor[range(size, size + more), range(size, size + more)] = 1
    padded = jnp.pad(weights[:, order].astype(jnp.float32), ((0, 0), (0, more)))
    whole = parameters(weights) if group_size == -1 else None
    numbers, scale, zero = _settled(
        padded, jnp.asarray(factor, jnp.float32), whole, block, block if whole else group, parameters
    )
    back, groups = np.argsort(order), np.arange(size) // group
    if whole is None:
        count = groups[-1] + 1
        scale, zero = scale[:, :count], zero[:, :count]
    else:
        scale, zero = whole[0], whole[1]
    return numbers[:, back], scale, zero, jnp.asarray(groups[back], jnp.float32)


@functools.partial(jax.jit, static_argnames=("block", "group", "parameters"))
def _settled(
    weights: jax.Array, factor: jax.Array, whole: Any, block: int, group: int, parameters: Parameters
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Numbers, scales and zero points; sizes are multiples of `block`, which is one of `group`.

    Args:
        whole: scale, zero point and largest number for all columns. None: each group gets its own when its turn comes.
    """
    rows, size = weights.shape
    columns = jnp.arange(size)
    of_group = jax.eval_shape(parameters, weights[:, :group])[:2]
    kept = [jnp.zeros((one.shape[0], size // group), one.dtype) for one in of_group]

    def of_block(index: jax.Array, state: Any) -> Any:
        weights, numbers, scales, zeros = state
        start = index * block
        lines = jax.lax.dynamic_slice(factor, (start, 0), (block, size))
        near = jax.lax.dynamic_slice(lines, (0, start), (block, block))

        def of_column(column: jax.Array, state: Any) -> Any:
            part, numbers, errors, scale, zero, largest = state
            w = jax.lax.dynamic_slice(part, (0, column), (rows, 1))
            number = quantize_with_zero_point(w, scale, zero, largest)
            error = (w - dequantize_with_zero_point(number, scale, zero)) / near[column, column]
            line = jnp.where(jnp.arange(block) > column, near[column], 0)
            numbers = jax.lax.dynamic_update_slice(numbers, number.astype(jnp.int32), (0, column))
            errors = jax.lax.dynamic_update_slice(errors, error, (0, column))
            return part - error * line, numbers, errors, scale, zero, largest

        def of_one_group(index_in_block: jax.Array, state: Any) -> Any:
            part, numbers_here, errors, scales, zeros = state
            first = index_in_block * group
            found = whole
            if whole is None:
                found = parameters(jax.lax.dynamic_slice(part, (0, first), (rows, group)))
                place = (0, (start + first) // group)
                scales = jax.lax.dynamic_update_slice(scales, found[0], place)
                zeros = jax.lax.dynamic_update_slice(zeros, found[1], place)
            state = (part, numbers_here, errors, *found)
            part, numbers_here, errors, *_ = jax.lax.fori_loop(first, first + group, of_column, state)
            return part, numbers_here, errors, scales, zeros

        part = jax.lax.dynamic_slice(weights, (0, start), (rows, block))
        none = jnp.zeros((rows, block))
        state = (part, none.astype(jnp.int32), none, scales, zeros)
        _, numbers_here, errors, scales, zeros = jax.lax.fori_loop(0, block // group, of_one_group, state)
        later = jnp.where(columns >= start + block, lines, 0)
        numbers = jax.lax.dynamic_update_slice(numbers, numbers_here, (0, start))
        return weights - errors @ later, numbers, scales, zeros

    state = (weights, jnp.zeros((rows, size), jnp.int32), *kept)
    _, numbers, scales, zeros = jax.lax.fori_loop(0, size // block, of_block, state)
    return numbers, scales, zeros


class GPTQ(Statistics):
    """What GPTQ has to know of one layer: how its inputs vary together.

    Args:
        layer: a Dense, or an EinsumDense whose kernel is a matrix in effect; built.
        config: a `GPTQConfig`; default: 4 bits in groups of 128.

    Attributes:
        rows, columns: of the kernel as a matrix (inputs, outputs).
        hessian: `2 / n` times the sum of the outer products of n inputs.
        num_samples: n.

    Raises:
        TypeError: for a layer without such a kernel.
    """

    num_samples: Any
    mode = "gptq"
    config_class = GPTQConfig
    hessian: Any

    def __init__(self, layer: Any, config: GPTQConfig | None = None):
        super().__init__(layer, config)
        self.hessian = jnp.zeros((self.rows, self.rows))

    def update_hessian_with_batch(self, input_batch: ArrayLike | None) -> None:
        """Take inputs into account.

        Args:
            input_batch: `(..., inputs)`.

        Raises:
            ValueError: for no values, or other sizes than the layer has.
        """
        x = self.checked(input_batch, "Hessian dimensions")
        self.hessian, self.num_samples = _with_more(self.hessian, self.num_samples, x), self.num_samples + x.shape[0]

    update = update_hessian_with_batch

    def quantize_and_correct_layer(self, blocksize: int = 128) -> None:
        """Round the kernel, and have the layer compute with that from now on.

        Args:
            blocksize: columns that are settled at a time.

        Raises:
            ValueError: if the Hessian has no inverse.
        """
        config = self.config
        hessian = np.asarray(self.hessian, "float64")
        diagonal = np.diagonal(hessian)
        diagonal = np.where(diagonal == 0, 1, diagonal)  # of inputs that are always 0, which decide nothing
        hessian = hessian + np.diag(diagonal - np.diagonal(hessian) + config.hessian_damping * diagonal.mean())
        order = _order(np.diagonal(hessian), config.activation_order)
        numbers, scale, zero, groups = _in_order(
            self.matrix.of_weight(self.layer.float_weight()).T,
            self._factor(hessian[np.ix_(order, order)]),
            order,
            config.group_size,
            blocksize,
            parameters_of(config.weight_bits, config.symmetric, config.per_channel),
        )
        numbers = numbers.astype(jnp.uint8)
        if config.weight_bits == 4:
            numbers = pack_int4(numbers, axis=0, dtype="uint8")[0]
        self.layer.take_rounded(
            {"quantized_kernel": numbers, "kernel_scale": scale, "kernel_zero": zero, "g_idx": groups}
        )

    def _factor(self, hessian: np.ndarray) -> np.ndarray:
        """The upper triangle U with `U^T U = hessian^-1`, by one triangle of the Hessian read backwards."""
        try:
            if not np.isfinite(hessian).all():
                raise np.linalg.LinAlgError
            backwards = np.linalg.cholesky(hessian[::-1, ::-1])
        except np.linalg.LinAlgError:
            raise ValueError(
                f"GPTQ: the Hessian of layer '{self.layer.name}' cannot be inverted. It saw {self.num_samples} inputs"
                f" of size {self.rows}; give more samples, or a `hessian_damping` above {self.config.hessian_damping}."
            ) from None
        return _lower_inverse(backwards)[::-1, ::-1]

    finish = quantize_and_correct_layer

    def free(self) -> None:
        """Let go of layer and Hessian."""
        super().free()
        self.hessian = None


def _lower_inverse(triangle: np.ndarray) -> np.ndarray:
    """The inverse of a lower triangle, by halves."""
    size = len(triangle)
    if size <= 64:
        return np.tril(np.linalg.inv(triangle))
    half = size // 2
    first, second = _lower_inverse(triangle[:half, :half]), _lower_inverse(triangle[half:, half:])
    inverse = np.zeros_like(triangle)
    inverse[:half, :half], inverse[half:, half:] = first, second
    inverse[half:, :half] = -second @ triangle[half:, :half] @ first
    return inverse


@jax.jit
def _with_more(hessian: jax.Array, count: jax.Array, x: jax.Array) -> jax.Array:
    total = count + x.shape[0]
    gram = x.T @ x
    return hessian * (count / total) + (gram + gram.T) / total
