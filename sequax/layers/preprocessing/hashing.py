"""`Hashing` and `HashedCrossing`: categories to bins without a vocabulary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..catalogue import layer
from . import encoding, reading
from .fingerprints import crossed, fingerprint64, siphash64
from .host import HostLayer, one_of, whole_number

_LARGEST = 2**31 - 1


class _Bins(HostLayer):
    """Whole numbers below `num_bins`, or rows of ones or counts of them."""

    num_bins: int
    output_mode: str

    def _set_bins(self, num_bins: Any, output_mode: Any, modes: tuple, sparse: Any) -> None:
        self.num_bins = whole_number(self, "num_bins", num_bins, least=1)
        self.output_mode = one_of(self, "output_mode", output_mode, modes)
        self.refuse_sparse(sparse=sparse)
        self.sparse = False
        if output_mode != "int":
            return
        if num_bins > _LARGEST:
            raise ValueError(
                f"{self}: `num_bins` must be at most {_LARGEST}, as indices have 32 bits. Received: {num_bins}"
            )
        if not self.compute_dtype.startswith(("int", "uint")):
            raise ValueError(
                f"{self}: when `output_mode='int'`, `dtype` should be an integer type, 'int32' or 'int64'. Received:"
                f" dtype={self.compute_dtype!r}"
            )

    @property
    def output_dtype(self) -> str:  # type: ignore[override]
        return "int32" if self.output_mode == "int" else self.compute_dtype

    def _encode(self, bins: np.ndarray) -> np.ndarray:
        if self.output_mode == "int":
            return bins.astype(np.int32)
        if self.output_mode == "one_hot":
            return encoding.one_hot(bins, self.num_bins)
        kept = bins.shape[:-1]
        count = int(np.prod(kept))
        rows = np.repeat(np.arange(count), bins.shape[-1] if bins.ndim else 1)
        encode = encoding.multi_hot if self.output_mode == "multi_hot" else encoding.counts
        return encode(bins.ravel(), rows, count, self.num_bins).reshape(*kept, self.num_bins)

    def _encoded_shape(self, shape: Sequence[int | None]) -> tuple:
        if self.output_mode == "int":
            return tuple(shape)
        if self.output_mode == "one_hot":
            return encoding.one_hot_shape(tuple(shape), self.num_bins)
        return (*shape[:-1], self.num_bins)


@layer()
class Hashing(_Bins):
    """Categories to bins: the FarmHash fingerprint of a string (or of the digits of a whole number) modulo `num_bins`.

    Different categories may share a bin. The bins are those of TensorFlow, on every machine.

    Args:
        num_bins: number of bins.
        mask_value: category that alone gets bin 0; all others share the bins from 1 on.
        salt: a whole number, or two: SipHash under this key in place of FarmHash.
        output_mode: "int"; "one_hot"; or over the last axis "multi_hot" or "count".

    Shapes: "int": as the input. "one_hot": `(..., k)` -> `(..., k, num_bins)`, `(..., 1)` -> `(..., num_bins)`. Others:
    `(..., k)` -> `(..., num_bins)`. It runs on the host, at the front of a model. Sparse outputs are not supported.

    >>> Hashing(num_bins=3)([["A"], ["B"], ["C"], ["D"], ["E"]]).ravel().tolist()
    [1, 0, 1, 1, 2]
    """

    def __init__(
        self,
        num_bins: Any,
        mask_value: Any = None,
        salt: Any = None,
        output_mode: Any = "int",
        sparse: bool = False,
        **kwargs: Any,
    ):
        if kwargs.get("dtype") is None and output_mode == "int":
            kwargs["dtype"] = "int64"
        super().__init__(**kwargs)
        self._set_bins(num_bins, output_mode, ("int", "one_hot", "multi_hot", "count"), sparse)
        self.mask_value, self.salt = mask_value, checked_salt(self, salt)

    def read(self, value: Any, what: str) -> np.ndarray:
        array = reading.raw(value, what)
        return text_keys(array, what)

    def call(self, inputs: Any) -> np.ndarray:
        keys = inputs.ravel().tolist()
        distinct = list(dict.fromkeys(keys))
        bins = self._bins(distinct)
        if self.mask_value is not None:
            mask = reading.utf8([self.mask_value if isinstance(self.mask_value, bytes) else str(self.mask_value)])[0]
            bins = [0 if key == mask else value for key, value in zip(distinct, bins, strict=True)]
        places = dict(zip(distinct, bins, strict=True))
        found = np.fromiter(map(places.__getitem__, keys), np.int64, len(keys))
        return self._encode(found.reshape(inputs.shape))

    def _bins(self, keys: list[bytes]) -> list[int]:
        hashes = fingerprint64(keys) if self.salt is None else siphash64(keys, self.salt)
        if self.mask_value is None:
            return (hashes % np.uint64(self.num_bins)).tolist()
        if self.num_bins == 1:
            return [0] * len(keys)
        return (hashes % np.uint64(self.num_bins - 1) + np.uint64(1)).tolist()

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return self._encoded_shape(tuple(input_shape))


@layer()
class HashedCrossing(_Bins):
    """Combinations of categories to bins: a hash of one string or whole number from each of several inputs.

    Args:
        num_bins: number of bins.
        output_mode: "int" or "one_hot".

    Shapes: a list of `(batch,)` or `(batch, 1)` -> the same, or `(batch, num_bins)`. It runs on the host, at the front
    of a model. Sparse outputs are not supported.

    >>> HashedCrossing(num_bins=5)((["A", "B", "A"], [101, 101, 102])).tolist()
    [1, 4, 3]
    """

    def __init__(
        self,
        num_bins: Any,
        output_mode: Any = "int",
        sparse: bool = False,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ):
        super().__init__(name=name, dtype="int64" if dtype is None and output_mode == "int" else dtype, **kwargs)
        self._set_bins(num_bins, output_mode, ("int", "one_hot"), sparse)

    def read(self, value: Any, what: str) -> list[np.ndarray]:
        if not isinstance(value, (list, tuple)) or len(value) < 2 or isinstance(value[0], (str, bytes, int)):
            raise ValueError(
                f"{self} should be called on a list or tuple of at least two inputs. Received: {type(value).__name__}"
                f"{f' of length {len(value)}' if isinstance(value, (list, tuple)) else ''}."
            )
        arrays = [reading.raw(part, f"{what}[{i}]") for i, part in enumerate(value)]
        shapes = [array.shape for array in arrays]
        if len(set(shapes)) > 1 or arrays[0].ndim > 2 or (arrays[0].ndim == 2 and shapes[0][1] != 1):
            raise ValueError(
                f"{self}: all inputs should have the same shape, (), (batch,) or (batch, 1). Received shapes: {shapes}"
            )
        if any(array.dtype.kind == "f" for array in arrays):
            raise ValueError(
                f"{self}: all inputs should have an integer or string dtype. Received: {[str(a.dtype) for a in arrays]}"
            )
        return arrays

    def call(self, inputs: Any) -> np.ndarray:
        parts = [self._fingerprints(array, f"input {i} of {self}") for i, array in enumerate(inputs)]
        bins = (crossed(parts) % np.uint64(self.num_bins)).astype(np.int64)
        return self._encode(bins.reshape(inputs[0].shape))

    def _fingerprints(self, array: np.ndarray, what: str) -> np.ndarray:
        if reading.holds_numbers(array):
            return reading.whole(array, what).ravel().astype(np.uint64)
        return fingerprint64(reading.utf8(reading.texts(array, what)))

    def compute_output_shape(self, input_shape: Any) -> tuple:
        return self._encoded_shape(tuple(input_shape[0]))


def text_keys(array: np.ndarray, what: str) -> np.ndarray:
    """Strings as UTF-8, whole numbers as their decimal digits."""
    if array.dtype.kind == "b":
        items = [b"true" if item else b"false" for item in array.ravel().tolist()]
    elif reading.holds_numbers(array):
        items = [b"%d" % item for item in reading.whole(array, what).ravel().tolist()]
    else:
        items = reading.utf8(reading.texts(array, what))
    keys = np.empty(array.size, object)
    keys[:] = items
    return keys.reshape(array.shape)


def checked_salt(owner: HostLayer, salt: Any) -> list[int] | None:
    """A salt as two whole numbers; one number counts twice.

    Raises:
        ValueError: for anything else.
    """
    if salt is None:
        return None
    parts = list(salt) if isinstance(salt, (list, tuple)) else [salt, salt]
    if len(parts) != 2 or any(isinstance(p, bool) or not hasattr(p, "__index__") for p in parts):
        raise ValueError(f"{owner}: `salt` can only be a whole number, or a list of two. Received: salt={salt!r}")
    return [part.__index__() for part in parts]
