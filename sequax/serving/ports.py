"""Inputs and outputs of a model as clients see them: names, shapes, datatypes, and how values are held against them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from .refused import bad

# Names of KServe's protocol, and the arrays whose bytes they are, lowest byte first.
DATATYPES: dict[str, Any] = {
    "BOOL": np.dtype("?"),
    **{
        f"{sign}INT{8 * size}": np.dtype(f"<{sign.lower() or chr(105)}{size}")
        for sign in ("", "U")
        for size in (1, 2, 4, 8)
    },
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "BYTES": np.dtype(object),
}
_NAMES = {dtype.name: name for name, dtype in DATATYPES.items()} | {"string": "BYTES", "object": "BYTES"}


def datatype_of(dtype: Any) -> str:
    """KServe's name for a dtype.

    >>> datatype_of("float32"), datatype_of("string"), datatype_of(np.dtype("uint8"))
    ('FP32', 'BYTES', 'UINT8')
    """
    name = getattr(dtype, "name", dtype)
    return "BYTES" if str(name).startswith(("str", "bytes")) else _NAMES[name]


class Port(NamedTuple):
    """An input or an output.

    Attributes:
        name: for clients.
        shape: with the batch axis; None where any size will do.
        dtype: its name; `string` for text.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str

    @property
    def datatype(self) -> str:
        return datatype_of(self.dtype)

    @property
    def is_text(self) -> bool:
        return self.datatype == "BYTES"

    def described(self) -> dict[str, Any]:
        """As the protocol's metadata have it."""
        return {"name": self.name, "datatype": self.datatype, "shape": [-1 if s is None else s for s in self.shape]}

    def sizes(self) -> str:
        return shown(self.shape)

    def fitted(self, array: np.ndarray, longest: int) -> np.ndarray:
        """An array in the dtype of this input, once its shape and values are known to fit.

        Args:
            longest: the most entries of an axis that the model leaves open, but for the batch.

        Raises:
            Refused: where they do not.
        """
        fits = len(array.shape) == len(self.shape) and all(
            want is None or have == want for have, want in zip(array.shape[1:], self.shape[1:], strict=True)
        )
        if not fits or not array.size:
            raise bad(f"Input '{self.name}' has shape {shown(array.shape)}; the model takes {self.sizes()}.")
        if any(want is None and have > longest for have, want in zip(array.shape[1:], self.shape[1:], strict=True)):
            raise bad(f"Input '{self.name}' has shape {shown(array.shape)}; no axis may be longer than {longest} here.")
        return array if self.is_text else self._cast(array)

    def _cast(self, array: np.ndarray) -> np.ndarray:
        wanted = np.dtype(DATATYPES[self.datatype])
        if wanted.kind == "b":
            if array.dtype.kind != "b":
                raise bad(f"Input '{self.name}' takes true and false. Received: {array.dtype} values.")
            return array
        if wanted.kind in "iu":
            return self._whole(array, wanted)
        with np.errstate(over="ignore"):
            found = array.astype(wanted, copy=False)
        if not np.isfinite(found).all():
            raise bad(
                f"Input '{self.name}' holds NaN or infinite numbers, or such as {self.datatype} cannot hold. Send"
                f" finite ones."
            )
        return found

    def _whole(self, array: np.ndarray, wanted: np.dtype) -> np.ndarray:
        if array.dtype.kind not in "biu":
            array = array.astype("f8")
            if not np.isfinite(array).all() or (array != np.trunc(array)).any():
                raise bad(f"Input '{self.name}' takes whole numbers. Received: others, such as {_other(array)}.")
        limits = np.iinfo(wanted)
        low, high = array.min(), array.max()
        # Compared as Python numbers: NumPy would compare them in another dtype, in which they are rounded.
        if int(low) < limits.min or int(high) > limits.max:
            raise bad(
                f"Input '{self.name}' takes {self.datatype}, {limits.min} to {limits.max}. Received: {low} to {high}."
            )
        return array.astype(wanted, copy=False)


def shown(shape: Sequence[int | None]) -> str:
    """
    >>> shown((None, 28, 28))
    '(n, 28, 28)'
    """
    return f"({', '.join('n' if size is None else str(size) for size in shape)}{',' if len(shape) == 1 else ''})"


def _other(array: np.ndarray) -> float:
    flat = array.reshape(-1)
    return float(flat[(~np.isfinite(flat)) | (flat != np.trunc(flat))][0])


def from_json(data: Any, is_text: bool, what: str) -> np.ndarray:
    """An array of nested lists.

    Raises:
        Refused: for lists of different lengths, and for values that are no numbers (or, of text, no strings).
    """
    try:
        array = np.array(data, dtype=object if is_text else None)
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise bad(f"{what} is not a regular array: lists at the same depth must be equally long.") from None
    if is_text:
        if not all(type(value) is str for value in array.flat):
            raise bad(f"{what} takes strings, in lists that are equally long. Received: something else.")
    elif array.dtype.kind not in "biuf" and array.size:
        raise bad(f"{what} takes numbers that 64 bits hold, in lists that are equally long. Received: something else.")
    return array


def shaped(array: np.ndarray, shape: Sequence[int], what: str) -> np.ndarray:
    """An array in the shape that a client named: it has this shape, or is flat.

    Raises:
        Refused: if it has another one.
    """
    if array.shape == tuple(shape):
        return array
    if array.ndim == 1 and array.size == math.prod(shape):
        return array.reshape(shape)
    raise bad(f"{what} says shape {shown(shape)}, and its data have shape {shown(array.shape)}.")
