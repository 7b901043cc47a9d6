"""`Hashing` and `HashedCrossing`: categories to bins without a vocabulary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Unpack

import numpy as np

from ...core.constructor import LayerOptions
from ...core.kinds import MAX_SIZE, Kind, OneOf, Owner, Size, is_whole
from ...core.types import DTypeLike, Shape, ShapeLike
from ..arguments import Dense
from ..catalogue import layer
from . import encoding, reading
from .fingerprints import crossed, fingerprint64, siphash64
from .host import HostLayer, Token


class SaltOf(Kind):
    """The key of a hash: two whole numbers; one number counts twice."""

    expected = "a whole number, or a list of two"

    def resolve(self, value: object, name: str, owner: Owner) -> list[int] | None:
        if value is None:
            return None
        parts: list[Any] = list(value) if isinstance(value, (list, tuple)) else [value, value]
        if len(parts) != 2 or not all(map(is_whole, parts)):
            raise ValueError(f"{owner}: `{name}` can only be {self.expected}. Received: {name}={value!r}")
        return [part.__index__() for part in parts]

    def fits(self, value: object, cls: type) -> bool:
        parts = value if isinstance(value, (list, tuple)) else [value, value]
        return value is None or (len(parts) == 2 and all(type(part) is int for part in parts))


Salt = Annotated[int | Sequence[int] | None, SaltOf()]
HashMode = Annotated[Literal["int", "one_hot", "multi_hot", "count"], OneOf("int", "one_hot", "multi_hot", "count")]
CrossMode = Annotated[Literal["int", "one_hot"], OneOf("int", "one_hot")]


class _Bins(HostLayer):
    """Whole numbers below `num_bins`, or rows of ones or counts of them."""

    num_bins: int
    output_mode: str

    def __init__(self, **options: Unpack[LayerOptions]):
        if self.output_mode == "int" and options.get("dtype") is None:
            options["dtype"] = "int64"
        super().__init__(**options)
        if self.output_mode == "int" and self.num_bins > MAX_SIZE:
            raise ValueError(
                f"{self}: `num_bins` must be at most {MAX_SIZE}, as indices have 32 bits. Received: {self.num_bins}"
            )
        if self.output_mode == "int" and not self.compute_dtype.startswith(("int", "uint")):
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

    def _encoded_shape(self, shape: Sequence[int | None]) -> tuple[Any, ...]:
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
        sparse: False; sparse outputs are not supported.
        **options: name, dtype, ...: as in `Layer`; with "int" the dtype must be one of whole numbers.

    Raises:
        ValueError: for an unknown mode, a salt that is no key, or a dtype that does not fit.

    Shapes: "int": as the input. "one_hot": `(..., k)` -> `(..., k, num_bins)`, `(..., 1)` -> `(..., num_bins)`. Others:
    `(..., k)` -> `(..., num_bins)`. It runs on the host, at the front of a model. Sparse outputs are not supported.

    Example:

    >>> Hashing(num_bins=3)([["A"], ["B"], ["C"], ["D"], ["E"]]).ravel().tolist()
    [1, 0, 1, 1, 2]
    """

    mask_value: str | bytes | int | None
    salt: list[int] | None

    def __init__(
        self,
        num_bins: Size,
        mask_value: Token = None,
        salt: Salt = None,
        output_mode: HashMode = "int",
        sparse: Dense = False,
        **options: Unpack[LayerOptions],
    ):
        super().__init__(**options)

    def read(self, value: object, what: str) -> np.ndarray:
        array = reading.raw(value, what)
        return text_keys(array, what)

    def call(self, inputs: np.ndarray) -> np.ndarray:
        keys = inputs.ravel().tolist()
        distinct = list(dict.fromkeys(keys))
        bins = self._bins(distinct)
        if self.mask_value is not None:
            mask = reading.utf8([self.mask_value if isinstance(self.mask_value, bytes) else str(self.mask_value)])[0]
            bins = [0 if key == mask else value for key, value in zip(distinct, bins, strict=True)]
        places = dict(zip(distinct, bins, strict=True))
        found = np.fromiter(map(places.__getitem__, keys), np.int64, len(keys))
        return self._encode(found.reshape(inputs.shape))

    def described(self) -> dict[str, Any]:
        mask = self.mask_value
        written = mask.decode("utf-8", "replace") if isinstance(mask, bytes) else None if mask is None else str(mask)
        salt = None if self.salt is None else [str(part) for part in self.salt]
        return {"kind": "hash", "bins": self.num_bins, "mask": written, "salt": salt, "mode": self.output_mode}

    def _bins(self, keys: list[bytes]) -> list[int]:
        hashes = fingerprint64(keys) if self.salt is None else siphash64(keys, self.salt)
        if self.mask_value is None:
            return (hashes % np.uint64(self.num_bins)).tolist()
        if self.num_bins == 1:
            return [0] * len(keys)
        return (hashes % np.uint64(self.num_bins - 1) + np.uint64(1)).tolist()

    def compute_output_shape(self, input_shape: ShapeLike) -> Shape:
        return self._encoded_shape(tuple(input_shape))


@layer()
class HashedCrossing(_Bins):
    """Combinations of categories to bins: a hash of one string or whole number from each of several inputs.

    Args:
        num_bins: number of bins.
        output_mode: "int" or "one_hot".
        sparse: False; sparse outputs are not supported.
        name: must be unique within a model; None: made from the class name.
        dtype: of encoded outputs; with "int" one of whole numbers.
        **options: trainable, ...: as in `Layer`.

    Raises:
        ValueError: for an unknown mode, or a dtype that does not fit.

    Shapes: a list of `(batch,)` or `(batch, 1)` -> the same, or `(batch, num_bins)`. It runs on the host, at the front
    of a model. Sparse outputs are not supported.

    Example:

    >>> HashedCrossing(num_bins=5)((["A", "B", "A"], [101, 101, 102])).tolist()
    [1, 4, 3]
    """

    def __init__(
        self,
        num_bins: Size,
        output_mode: CrossMode = "int",
        sparse: Dense = False,
        name: str | None = None,
        dtype: DTypeLike | None = None,
        **options: Any,
    ):
        super().__init__(name=name, dtype=dtype, **options)

    def read(self, value: object, what: str) -> list[np.ndarray]:
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

    def call(self, inputs: list[np.ndarray]) -> np.ndarray:
        parts = [self._fingerprints(array, f"input {i} of {self}") for i, array in enumerate(inputs)]
        bins = (crossed(parts) % np.uint64(self.num_bins)).astype(np.int64)
        return self._encode(bins.reshape(inputs[0].shape))

    def described(self) -> dict[str, Any]:
        return {"kind": "cross", "bins": self.num_bins, "mode": self.output_mode}

    def _fingerprints(self, array: np.ndarray, what: str) -> np.ndarray:
        if reading.holds_numbers(array):
            return reading.whole(array, what).ravel().astype(np.uint64)
        return fingerprint64(reading.utf8(reading.texts(array, what)))

    def compute_output_shape(self, input_shape: Sequence[ShapeLike]) -> Shape:
        return self._encoded_shape(tuple(input_shape[0]))


def text_keys(array: np.ndarray, what: str) -> np.ndarray:
    """Strings as UTF-8, whole numbers as their decimal digits."""
    if array.dtype.kind == "b":
        items = [b"true" if item else b"false" for item in array.ravel().tolist()]
    elif reading.holds_numbers(array):
        items = [b"%d" % item for item in reading.whole(array, what).ravel().tolist()]
    else:
        items = reading.utf8(reading.texts(array, what))
    return np.fromiter(items, object).reshape(array.shape)
