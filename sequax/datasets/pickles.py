"""Reading pickled data without running what a pickle may ask for.

The files of CIFAR, IMDB and Reuters hold pickles, and a pickle may call any function. Here one may name nothing but the
four names that a NumPy array is pickled by, and even those stand for objects of this module: the file makes lists,
dicts, numbers, texts and `_Array`s, which are checked and turned into arrays afterwards.
"""

from __future__ import annotations

import math
import pickle
import zipfile
import zlib
from collections.abc import Callable
from typing import IO, Any, Literal

import numpy as np

_PLAIN = (int, float, str, bytes, bool, type(None))
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


class UnsafePickleError(pickle.UnpicklingError, ValueError):
    """A pickle that asks for more than arrays, lists, dicts, numbers and texts."""


class _Maker:
    """What a name in a pickle stands for: it may be called, and nothing else."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[..., object]):
        self._make = make

    def __call__(self, *args: object) -> object:
        return self._make(*args)

    def __setstate__(self, state: object) -> None:
        raise UnsafePickleError("The pickle changes a function.")


class _Kind:
    """The dtype of an array in a pickle."""

    __slots__ = ("dtype",)

    def __init__(self, name: object, *options: object):
        text = name.decode("ascii", "replace") if isinstance(name, bytes) else name
        if not isinstance(text, str) or text[:1] not in tuple("biufO") or not text[1:].isdigit():
            raise UnsafePickleError(f"The pickle holds an array of dtype {text!r:.40}; expected numbers or objects.")
        self.dtype = np.dtype(text)

    def __setstate__(self, state: object) -> None:
        order = state[1] if isinstance(state, tuple) and len(state) > 1 else None
        order = order.decode("ascii", "replace") if isinstance(order, bytes) else order
        if order not in ("<", ">", "|", "="):
            raise UnsafePickleError(f"The pickle holds an array of byte order {order!r:.40}.")
        if order in "<>":
            self.dtype = self.dtype.newbyteorder("<" if order == "<" else ">")


class _Array:
    """An array in a pickle, to be checked."""

    __slots__ = ("value",)

    def __init__(self, *args: object):
        self.value: Any = None

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) != 5 or not isinstance(state[2], _Kind):
            raise UnsafePickleError("The pickle holds an array without shape and dtype.")
        _, shape, kind, by_columns, data = state
        if not isinstance(shape, tuple) or not all(isinstance(size, int) and size >= 0 for size in shape):
            raise UnsafePickleError(f"The pickle holds an array of shape {shape!r:.40}.")
        self.value = shape, kind.dtype, bool(by_columns), data


def _encode(text: object, encoding: object = "utf-8") -> bytes:
    """How Python 3 writes bytes into old pickles."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise UnsafePickleError("The pickle encodes something other than bytes.")
    return text.encode("latin1")


def _scalar(kind: object, data: object) -> Any:
    if not isinstance(kind, _Kind) or kind.dtype.hasobject or not isinstance(data, bytes):
        raise UnsafePickleError("The pickle holds a NumPy scalar that is no number.")
    if len(data) != kind.dtype.itemsize:
        raise UnsafePickleError("The pickle holds a NumPy scalar of another size than its dtype has.")
    return np.frombuffer(data, kind.dtype)[0].item()


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> _Maker:
        known: dict[tuple[str, str], Callable[..., object]] = {
            ("multiarray", "_reconstruct"): _Array,
            ("multiarray", "scalar"): _scalar,
            ("numpy", "ndarray"): _refused,
            ("numpy", "dtype"): _Kind,
            ("_codecs", "encode"): _encode,
        }
        # numpy.core.multiarray before NumPy 2, numpy._core.multiarray since
        place = "multiarray" if module in ("numpy.core.multiarray", "numpy._core.multiarray") else module
        if (place, name) not in known:
            raise UnsafePickleError(
                f"The file is not what it should be: it asks for {module}.{name}, which a file of data does not need."
                f" It was not loaded. Delete it, and find out where it came from."
            )
        return _Maker(known[place, name])


def _refused(*args: object) -> None:
    raise UnsafePickleError("The pickle calls numpy.ndarray; arrays are pickled in another way.")


def load_pickle(file: IO[bytes]) -> Any:
    """What a pickle holds: arrays, lists, tuples, dicts, numbers and texts. Texts of Python 2 are `bytes`.

    Raises:
        UnsafePickleError: (a ValueError) for anything else. Nothing that the pickle names was imported or called.
        ValueError: for a damaged pickle.
    """
    try:
        return _plain(_Reader(file, encoding="bytes").load())
    except UnsafePickleError:
        raise
    except (pickle.UnpicklingError, EOFError, TypeError, AttributeError, IndexError, KeyError, RecursionError) as error:
        raise ValueError(f"The pickle is damaged: {type(error).__name__}: {error}") from None


def _plain(value: Any) -> Any:
    """A value with `_Array`s turned into arrays."""
    if isinstance(value, _Array):
        return _as_array(value)
    if type(value) is dict:
        return {_plain(key): _plain(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        if all(type(item) is int for item in value):
            return value
        return type(value)(_plain(item) for item in value)
    if type(value) not in _PLAIN:
        raise UnsafePickleError(
            f"The pickle holds a {type(value).__name__}; expected arrays, lists, numbers and texts."
        )
    return value


def _as_array(array: _Array) -> np.ndarray:
    if array.value is None:
        raise UnsafePickleError("The pickle holds an array without content.")
    shape, dtype, by_columns, data = array.value
    order: Literal["F", "C"] = "F" if by_columns else "C"
    if dtype.hasobject:
        if not isinstance(data, list) or len(data) != math.prod(shape):
            raise UnsafePickleError(f"The pickle holds an array of shape {shape} with other than so many objects.")
        return np.fromiter(map(_plain, data), object).reshape(shape, order=order)
    if not isinstance(data, bytes) or len(data) != math.prod(shape) * dtype.itemsize:
        raise UnsafePickleError(f"The pickle holds an array of shape {shape} with other than so many bytes.")
    return np.frombuffer(data, dtype).reshape(shape, order=order).copy()


def load_npz(path: str, *names: str) -> list[np.ndarray]:
    """Arrays of an `.npz` file by name; arrays of objects by `load_pickle`.

    Raises:
        ValueError: for a file that is no such archive, is damaged, lacks an array, or holds an unsafe pickle.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return [_read_npy(archive, f"{name}.npy") for name in names]
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError) as error:
        raise ValueError(
            f"{path} is damaged, or not the file it should be: {error}. Delete it to download it again."
        ) from None


def _read_npy(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    with archive.open(name) as file:
        version = np.lib.format.read_magic(file)
        if version not in _HEADERS:
            raise ValueError(f"{name} is written in version {version} of the .npy format, which is not known here.")
        shape, _, dtype = _HEADERS[version](file)
        if dtype.hasobject:
            array = load_pickle(file)
            if not isinstance(array, np.ndarray) or array.shape != shape:
                raise ValueError(f"{name} does not hold the array of shape {shape} that it announces.")
            return array
    with archive.open(name) as file:
        return np.lib.format.read_array(file, allow_pickle=False)
