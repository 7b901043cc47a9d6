"""User data for layers that run on the host: arrays of strings or of whole numbers, or a sentence that says why not."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from encodings.aliases import aliases
from itertools import islice
from typing import Any

import numpy as np

_TEXT = {str, bytes, np.str_, np.bytes_}
_INT64 = np.iinfo(np.int64)
# Looking an encoding up imports a module of its name, which a config may choose: only those of texts are looked up.
_ENCODINGS_WORDS = """
    ascii utf_7 utf_8 utf_8_sig utf_16 utf_16_be utf_16_le utf_32 utf_32_be utf_32_le latin_1 koi8_r koi8_u mac_roman
    big5 big5hkscs gb2312 gbk gb18030 shift_jis shift_jis_2004 shift_jisx0213 euc_jp euc_kr johab tis_620 iso2022_jp
    cp437 cp850 cp852 cp855 cp858 cp866 cp874 cp932 cp949 cp950
"""
_ENCODINGS = frozenset(
    [*_ENCODINGS_WORDS.split(), *(f"cp125{n}" for n in range(9)), *(f"iso8859_{n}" for n in range(1, 17) if n != 12)]
)


def checked_encoding(layer: object, encoding: object) -> str:
    """The usual name of an encoding of texts.

    Raises:
        ValueError: for any other one.
    """
    name = str(encoding).lower().replace("-", "_").replace(" ", "_")
    name = aliases.get(name, name)
    if not isinstance(encoding, str) or name not in _ENCODINGS:
        raise ValueError(
            f"{layer}: `encoding` must name an encoding of texts, such as 'utf-8'. Received: {encoding!r:.80}"
        )
    return codecs.lookup(name).name


def raw(value: object, what: str) -> np.ndarray:
    """Any user data as one NumPy array, strings and missing entries left as they are.

    Lists of strings become arrays of dtype object, so that one long text does not widen all others.

    Raises:
        ValueError: for rows of different lengths, and for what is no array at all.
    """
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, (str, bytes, int, float, np.generic)):
        return np.array(value, object) if isinstance(value, (str, bytes)) else np.asarray(value)
    if isinstance(value, (list, tuple)):
        return _from_list(value, what)
    if hasattr(value, "to_numpy"):  # pandas, polars, PyArrow
        return np.asarray(value.to_numpy())
    if hasattr(value, "__array__"):
        return np.asarray(value)
    raise ValueError(f"{what} has type {type(value).__name__}; expected strings or whole numbers, one row a sample.")


def _from_list(value: list[Any] | tuple[Any, ...], what: str) -> np.ndarray:
    try:
        array = np.array(value, object)
    except ValueError:
        array = np.empty(len(value), object)
    else:
        if array.ndim == 1 and not any(isinstance(item, (list, tuple, np.ndarray)) for item in array):
            return _numbers_if_all(array)
        if array.ndim > 1:
            return _numbers_if_all(array)
    lengths = [len(item) if hasattr(item, "__len__") else 1 for item in value]
    odd = next((i for i, length in enumerate(lengths) if length != lengths[0]), 0)
    raise ValueError(
        f"{what} is ragged: row 0 has {lengths[0]} entries, row {odd} has {lengths[odd]}. Pad the rows to one length,"
        f" or join the strings of a row into one text."
    )


def _numbers_if_all(array: np.ndarray) -> np.ndarray:
    kinds = set(map(type, array.ravel().tolist()))
    return array if not kinds or not all(issubclass(kind, (bool, int, float)) for kind in kinds) else _native(array)


def _native(array: np.ndarray) -> np.ndarray:
    return np.asarray(array.tolist())


def holds_numbers(array: np.ndarray) -> bool:
    """Whether the entries are numbers, also where they are Python objects."""
    if array.dtype.kind == "O" and array.size:
        return isinstance(array.ravel()[0], (bool, int, float, np.number, np.bool_))
    return array.dtype.kind in "biuf"


def texts(array: np.ndarray, what: str) -> list[Any]:
    """All entries in order, as `str` or `bytes`.

    Raises:
        ValueError: naming the first row whose entry is missing, or no string.
    """
    items = array.ravel().tolist()
    if array.dtype.kind in "UST" or set(map(type, items)) <= _TEXT:
        return items
    if array.dtype.kind != "O":
        raise ValueError(
            f"{what} has dtype {array.dtype}; expected strings. Turn numbers that stand for categories into strings"
            f" with `.astype(str)`, or use IntegerLookup."
        )
    position, odd = next((i, item) for i, item in enumerate(items) if type(item) not in _TEXT)
    row = int(np.unravel_index(position, array.shape)[0]) if array.ndim else 0
    if _is_missing(odd):
        raise ValueError(f"{what} has a missing entry ({odd!r}) at row {row}; fill it, e.g. with an empty string ''.")
    raise ValueError(f"{what} has an entry of type {type(odd).__name__} at row {row}; expected strings only.")


def utf8(items: Iterable[Any]) -> list[bytes]:
    """Texts as UTF-8."""
    return [item if isinstance(item, bytes) else item.encode() for item in items]


def whole(array: np.ndarray, what: str) -> np.ndarray:
    """Whole numbers as int64; floats count if they are whole, strings if they spell one.

    Raises:
        ValueError: naming the first row whose entry is missing, or no whole number that int64 holds.
    """
    if array.dtype.kind == "b" or (array.dtype.kind in "iu" and array.dtype != np.uint64):
        return array.astype(np.int64)
    values = np.empty(array.size, np.int64)
    for position, item in enumerate(array.ravel().tolist()):
        number = _whole(item)
        if number is None:
            row = int(np.unravel_index(position, array.shape)[0]) if array.ndim else 0
            problem = "a missing entry" if _is_missing(item) else "an entry that is no whole number of 64 bits"
            raise ValueError(f"{what} has {problem} ({item!r:.40}) at row {row}; expected whole numbers.")
        values[position] = number
    return values.reshape(array.shape)


def _whole(item: Any) -> int | None:
    if _is_missing(item):
        return None
    try:
        number = int(item)
    except (TypeError, ValueError, OverflowError):
        return None
    if isinstance(item, float) and number != item:
        return None
    return number if _INT64.min <= number <= _INT64.max else None


def _is_missing(item: object) -> bool:
    return item is None or type(item).__name__ in ("NAType", "NaTType") or (isinstance(item, float) and item != item)


def batches(data: object, steps: int | None, who: str) -> Iterator[np.ndarray]:
    """The data of `adapt`: a whole array (or list, or column), or each batch of an iterable, at most `steps` of them.

    Raises:
        ValueError: for a single value, and for no data at all.
    """
    if isinstance(data, (str, bytes, int, float)):
        raise ValueError(
            f"{who}: expected data to adapt to. Received one value: {data!r:.40}. Pass a list or an array."
        )
    if isinstance(data, (np.ndarray, list, tuple)) or hasattr(data, "to_numpy") or hasattr(data, "__array__"):
        yield _nonempty(raw(data, f"{who}: the data"), who)
        return
    if not isinstance(data, Iterable):
        raise ValueError(
            f"{who}: expected an array, a list or an iterable of batches. Received: {type(data).__name__}."
        )
    number = -1
    for number, batch in enumerate(islice(data, steps)):
        first = batch[0] if isinstance(batch, tuple) else batch  # of pairs (x, y) the first part
        yield raw(first, f"{who}: batch {number}")
    if number < 0:
        raise ValueError(f"{who}: there are no data to adapt to; the {type(data).__name__} gave no batches.")


def _nonempty(array: np.ndarray, who: str) -> np.ndarray:
    if not array.size:
        raise ValueError(f"{who}: there are no data to adapt to. Received an array of shape {array.shape}.")
    return array
