"""Two numbers of four bits in each byte."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ..core import dtypes
from ..core.types import ArrayLike
from ..ops.table import array


def pack_int4(arr: ArrayLike, axis: int = 0, dtype: str = "int8") -> tuple[jax.Array, tuple[int, ...], int]:
    """Bytes of two neighbours along an axis: the first one is the low half, the second one the high half.

    Args:
        arr: int8 from -8 to 7, or uint8 from 0 to 15.
        axis: along which neighbours meet; at an odd size a zero is added.
        dtype: of `arr` and of the bytes.

    Returns:
        The bytes, their shape, and the size of the axis before.

    Raises:
        TypeError: if `arr` is of another dtype.

    Example:

    >>> packed, shape, size = pack_int4(jnp.array([[-3, 7], [2, -8], [1, 0]], "int8"))
    >>> packed.tolist(), shape, size
    ([[45, -121], [1, 0]], (2, 2), 3)
    """
    _check(dtype)
    arr = array(arr)
    if arr.dtype != dtype:
        raise TypeError(f"Expected {dtype} tensor for packing, got {arr.dtype}.")
    axis, size = axis % arr.ndim, arr.shape[axis]
    padding = [(0, size % 2 if i == axis else 0) for i in range(arr.ndim)]
    halves = jax.lax.bitcast_convert_type(jnp.pad(arr, padding), jnp.uint8) & 0x0F
    halves = halves.reshape(*arr.shape[:axis], -1, 2, *arr.shape[axis + 1 :])
    low, high = (jax.lax.index_in_dim(halves, i, axis + 1, keepdims=False) for i in (0, 1))
    packed = jax.lax.bitcast_convert_type(low | (high << 4), dtypes.jnp_dtype(dtype))
    return packed, packed.shape, size


def unpack_int4(packed: ArrayLike, orig_len: int, axis: int = 0, dtype: str = "int8") -> jax.Array:
    """The numbers that `pack_int4` has packed.

    Args:
        packed: bytes, int8 or uint8.
        orig_len: size of the axis before packing.
        axis: along which two numbers share a byte.
        dtype: int8 gives -8 to 7, uint8 gives 0 to 15.

    Raises:
        TypeError: if `packed` is of another dtype.

    Example:

    >>> unpack_int4(jnp.array([[45, -121], [1, 0]], "int8"), 3).tolist()
    [[-3, 7], [2, -8], [1, 0]]
    """
    _check(dtype)
    packed = array(packed)
    if packed.dtype not in (jnp.int8, jnp.uint8):
        raise TypeError(f"Expected int8 or uint8 tensor for unpacking, got {packed.dtype}")
    axis = axis % packed.ndim
    if packed.dtype != dtype:
        packed = jax.lax.bitcast_convert_type(packed, dtypes.jnp_dtype(dtype))
    # Shifts of signed numbers take the sign along, so that the low half gets its own by going up and down again.
    halves = jnp.stack([(packed << 4) >> 4, packed >> 4], axis=axis + 1)
    halves = halves.reshape(*packed.shape[:axis], -1, *packed.shape[axis + 1 :])
    return jax.lax.slice_in_dim(halves, 0, orig_len, axis=axis)


def _check(dtype: str) -> None:
    if dtype not in ("int8", "uint8"):
        raise ValueError(f"Expected dtype to be 'int8' or 'uint8', but got '{dtype}'.")
