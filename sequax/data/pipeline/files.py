"""Stages that read files: names, lines, records of one length, and tables as comma-separated values."""

from __future__ import annotations

import bz2
import csv
import glob
import gzip
import io
import itertools
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .chunk import BYTES, ROWS, Chunk
from .spec import UNKNOWN, TensorSpec
from .stage import Stage
from .structures import Nest
from .tensors import leaf_of


def path_of(value: Any) -> str:
    """A path that is given as a text, a `Path`, or a tensor of one text."""
    if hasattr(value, "__fspath__"):
        return os.fspath(value)
    found = leaf_of(value)
    if found.ndim or not found.dtype.hasobject:
        raise TypeError(f"expected the name of a file. Received: {value!r:.60}")
    return os.fsdecode(found.item())


def paths_of(values: Any) -> list[str]:
    """Paths that are given as one or several of these, or as a data set of them."""
    if hasattr(values, "as_numpy_iterator"):
        return [os.fsdecode(name) for name in values.as_numpy_iterator()]
    if isinstance(values, (str, bytes)) or hasattr(values, "__fspath__"):
        return [path_of(values)]
    if isinstance(values, (list, tuple)):
        return [path_of(value) for value in values]
    return [os.fsdecode(name) for name in np.atleast_1d(leaf_of(values)).ravel().tolist()]


def matching(patterns: Any) -> list[str]:
    """Names of the files that fit patterns, sorted.

    Raises:
        FileNotFoundError: if there are none.
    """
    listed = paths_of(patterns)
    found = sorted({name for pattern in listed for name in glob.glob(pattern)})
    if not found:
        raise FileNotFoundError(f"No files match {', '.join(map(repr, listed))}.")
    return found


def opened(path: str, compression: str | None) -> Any:
    """A file to read bytes from.

    Raises:
        ValueError: for an unknown compression.
    """
    kind = (compression or "").upper()
    if kind == "GZIP":
        return gzip.open(path, "rb")
    if kind == "ZLIB":
        with open(path, "rb") as file:
            return io.BytesIO(zlib.decompress(file.read()))
    if kind == "BZIP2":
        return bz2.open(path, "rb")
    if kind:
        raise ValueError(f"compression_type must be '', 'GZIP' or 'ZLIB'. Received: {compression!r}")
    return open(path, "rb")


class Files(Stage):
    """Texts out of files, one file after the other. A subclass says in `texts(path)` which a file holds.

    Args:
        paths: gives the names of the files.
    """

    def __init__(self, paths: Callable[[], Sequence[str]], compression: str | None):
        super().__init__()
        self.paths, self.compression = paths, compression

    def texts(self, path: str) -> Iterator[bytes]:
        raise NotImplementedError

    def chunks(self) -> Iterator[Chunk]:
        held: list[bytes] = []
        size = 0
        for text in itertools.chain.from_iterable(map(self.texts, self.paths())):
            held.append(text)
            size += len(text)
            if len(held) == ROWS or size > BYTES:
                yield Chunk(np.fromiter(held, object), len(held))
                held, size = [], 0
        if held:
            yield Chunk(np.fromiter(held, object), len(held))

    def make_spec(self) -> Nest:
        return TensorSpec((), "string")


class Lines(Files):
    """The lines of text files, without their ends."""

    title = "TextLineDataset"

    def texts(self, path: str) -> Iterator[bytes]:
        with opened(path, self.compression) as file:
            for line in file:
                yield line.removesuffix(b"\n").removesuffix(b"\r")


class Records(Files):
    """Pieces of one length of files.

    Args:
        length: bytes of a piece.
        header, footer: bytes at the beginning and the end of a file that are left out.
    """

    title = "FixedLengthRecordDataset"

    def __init__(
        self, paths: Callable[[], Sequence[str]], length: int, header: int, footer: int, compression: str | None
    ):
        super().__init__(paths, compression)
        if length < 1:
            raise ValueError(f"record_bytes must be 1 or more. Received: {length}")
        self.length, self.header, self.footer = length, header, footer

    def texts(self, path: str) -> Iterator[bytes]:
        with opened(path, self.compression) as file:
            held = file.read()
        body = held[self.header : len(held) - self.footer]
        if len(body) % self.length:
            raise ValueError(
                f"{path} has {len(body)} bytes beside header and footer, which record_bytes={self.length} does not"
                f" divide."
            )
        for start in range(0, len(body), self.length):
            yield body[start : start + self.length]


class Table(Stage):
    """The rows of files of comma-separated values, a tuple of their fields each.

    Args:
        defaults: for each column, a dtype (an entry is required then), or the value of a missing entry, whose dtype
            the column gets.
        columns: numbers of the columns taken; None: all.
    """

    title = "CsvDataset"

    def __init__(
        self,
        paths: Callable[[], Sequence[str]],
        defaults: Sequence[Any],
        columns: Sequence[int] | None = None,
        header: bool = False,
        delimiter: str = ",",
        quotes: bool = True,
        missing: str = "",
        compression: str | None = None,
    ):
        super().__init__()
        self.paths, self.columns, self.header = paths, columns, header
        self.format: dict[str, Any] = {"delimiter": delimiter}
        self.format["quoting"] = csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE
        self.missing, self.compression = missing, compression
        self.fields = [_Field(default) for default in defaults]

    def chunks(self) -> Iterator[Chunk]:
        for path in self.paths():
            with io.TextIOWrapper(opened(path, self.compression), "utf-8", newline="") as file:
                rows = csv.reader(file, **self.format)
                if self.header:
                    next(rows, None)
                held: list[list[str]] = []
                for row in rows:
                    if not row:
                        continue
                    held.append(self._taken(row, path, rows.line_num))
                    if len(held) == ROWS:
                        yield self._chunk(held, path)
                        held = []
                if held:
                    yield self._chunk(held, path)

    def _taken(self, row: list[str], path: str, line: int) -> list[str]:
        wanted = len(self.fields) if self.columns is None else max(self.columns) + 1
        if len(row) < wanted or (self.columns is None and len(row) != wanted):
            raise ValueError(f"{path}, line {line}: expected {wanted} fields, found {len(row)}.")
        return row if self.columns is None else [row[i] for i in self.columns]

    def _chunk(self, rows: list[list[str]], path: str) -> Chunk:
        columns = zip(*rows, strict=True)
        arrays = [field.read(texts, self.missing, path) for field, texts in zip(self.fields, columns, strict=True)]
        return Chunk(tuple(arrays), len(rows))

    def count(self) -> int:
        return UNKNOWN

    def make_spec(self) -> Nest:
        return tuple(TensorSpec((), field.dtype) for field in self.fields)


class _Field:
    """How the texts of a column become an array."""

    def __init__(self, default: Any):
        named = isinstance(default, (type, np.dtype)) or hasattr(default, "as_numpy_dtype")
        if named:
            spec = TensorSpec((), default)
            self.dtype, self.default = spec.dtype, None
        else:
            array = leaf_of(default).ravel()
            self.dtype = "string" if array.dtype.hasobject else str(array.dtype)
            self.default = array[0] if array.size else None

    def read(self, texts: Sequence[str], missing: str, path: str) -> np.ndarray:
        values: list[Any] = []
        for text in texts:
            if text in ("", missing):
                if self.default is None:
                    raise ValueError(f"{path}: a field of a column without a default ({self.dtype}) is empty.")
                values.append(self.default)
            else:
                values.append(text.encode() if self.dtype == "string" else text)
        if self.dtype == "string":
            return leaf_of(values) if values else np.empty(0, object)
        try:
            numbers = [float(v) if "float" in self.dtype else int(v) for v in values]
        except ValueError as error:
            raise ValueError(f"{path}: a field is no {self.dtype}: {error}.") from None
        return np.asarray(numbers, self.dtype)


def inferred_defaults(path: str, delimiter: str, quotes: bool, missing: str, header: bool, rows: int) -> list[Any]:
    """For each column of a file the value of missing entries, from its first rows: whole numbers, floats, or texts."""
    kinds: dict[int, int] = {}
    with open(path, encoding="utf-8", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter, quoting=csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE)
        if header:
            next(reader, None)
        for row, _ in zip(reader, range(rows), strict=False):
            for number, text in enumerate(row):
                kinds[number] = max(kinds.get(number, 0), 0 if text in ("", missing) else _kind(text))
    values = [np.int32(0), np.int32(0), np.int64(0), np.float32(0), b""]
    return [values[kinds[number]] for number in sorted(kinds)]


def _kind(text: str) -> int:
    """1: an int32, 2: an int64, 3: a float, 4: a text."""
    try:
        number = int(text)
        return 1 if -(2**31) <= number < 2**31 else 2
    except ValueError:
        pass
    try:
        float(text)
        return 3
    except ValueError:
        return 4


def header_of(path: str, delimiter: str) -> list[str]:
    with open(path, encoding="utf-8", newline="") as file:
        return next(csv.reader(file, delimiter=delimiter))
