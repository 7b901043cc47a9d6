"""A strict reader for the HDF5 files that Keras writes, in Python: no byte of a file reaches the C library.

Written from the HDF5 File Format Specification, version 3.0. `File` parses all metadata at once into `datasets` and
`groups`; elements are read when `Dataset.read` is called. Work and memory are bounded by the size of the file: each
structure is parsed once at most, the bytes of all structures, paths and texts together are counted against the file's,
data of datasets may not overlap, and a decompressed chunk may not be larger than its shape says. Links other than hard
ones, storage outside of the file, and whatever else Keras does not write is refused by `LoadError`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, KeysView
from dataclasses import dataclass, field
from functools import cached_property
from types import TracebackType
from typing import Any

import numpy as np

from ..core import budget
from . import hdf5_parts as parts
from .errors import LoadError
from .hdf5_data import Chunk, read_chunked
from .hdf5_parts import UNDEFINED, Buffer, Damaged
from .source import Source

SIGNATURE = b"\x89HDF\r\n\x1a\n"
_MOST_METADATA = 64 * 2**20
_OBJECT = 128  # bytes that a group or dataset counts besides its header; h5py writes more for each
_LEAST = 256  # bytes that h5py writes at least for a group or dataset
_PLENTY = 4 * 2**20
_LONGEST_NAME = 1024
_LONGEST_PATH = 2048
_SPACE, _LINK_INFO, _TYPE, _LINK, _EXTERNAL, _LAYOUT = 0x01, 0x02, 0x03, 0x06, 0x07, 0x08
_FILTERS, _ATTRIBUTE, _CONTINUATION, _SYMBOLS, _ATTRIBUTE_INFO = 0x0B, 0x0C, 0x10, 0x11, 0x15
_KNOWN = {_SPACE, _LINK_INFO, _TYPE, _LINK, _EXTERNAL, _LAYOUT, _FILTERS, _ATTRIBUTE, _SYMBOLS, _ATTRIBUTE_INFO}
_ONCE = {_SPACE, _TYPE, _LAYOUT, _FILTERS, _SYMBOLS, _LINK_INFO}


@dataclass
class Node:
    """A group or dataset: its path and its attributes."""

    path: str
    file: File
    messages: list[tuple[int, bytes]] = field(repr=False)
    _values: dict[str, Any] = field(default_factory=dict, repr=False, init=False)

    @property
    def attribute_names(self) -> KeysView[str]:
        return self._attributes.keys()

    def attribute(self, name: str) -> object:
        """The value: a string, a number, a list of strings or an array; None if there is none.

        Raises:
            LoadError: if it is none of these, or holds less than it declares.
        """
        with self.file.explaining(self.path):
            found = self._attributes.get(name)
            if found is not None and name not in self._values:
                self._values[name] = self.file.value_of(found)
            return None if found is None else self._values[name]

    @cached_property
    def _attributes(self) -> dict[str, parts.Attribute]:
        found: dict[str, parts.Attribute] = {}
        with self.file.explaining(self.path):
            for kind, data in self.messages:
                if kind == _ATTRIBUTE:
                    one = parts.attribute(data)
                    if one.name in found:
                        raise Damaged(f"it has two attributes {one.name!r:.80}")
                    found[one.name] = one
        return found


@dataclass
class Group(Node):
    """A group; `members` are the names in it."""

    members: list[str]


@dataclass
class Dataset(Node):
    """An array in the file, not read yet."""

    shape: tuple[int, ...] | None
    type: parts.Datatype
    storage: parts.Storage
    filters: tuple[str, ...]
    chunks: list[Chunk] = field(default_factory=list, repr=False)

    @property
    def bytes(self) -> int:
        """What the elements take in memory, by the declared shape and type."""
        return parts.count(self.shape) * self.type.size

    @property
    def stored(self) -> list[tuple[int, int]]:
        """Address and size of each piece of the file that holds elements."""
        if self.storage.kind == "chunked":
            return [(chunk.address, chunk.size) for chunk in self.chunks]
        return [(self.storage.address, self.storage.size)] if self.storage.kind == "contiguous" and self.bytes else []

    def read(self) -> np.ndarray:
        """The elements. Call it after shape and type were compared with what is expected."""
        with self.file.explaining(self.path):
            if self.type.numpy is None or self.shape is None:
                raise Damaged(f"its elements are of type {self.type.kind}, which holds no weights")
            if self.storage.kind == "chunked":
                return read_chunked(self.file.source, self)
            raw = self.storage.data
            if self.storage.kind == "contiguous":
                raw = self.file.source.read(self.storage.address, self.bytes, self.path) if self.bytes else b""
            return np.frombuffer(raw, self.type.numpy, parts.count(self.shape)).reshape(self.shape)


class File:
    """All groups and datasets of an HDF5 file, by path (without a leading slash; the root group is `""`).

    Raises:
        LoadError: if the file is damaged, cut off, or uses what is refused.
    """

    def __init__(self, source: Source):
        self.source = source
        self.groups: dict[str, Group] = {}
        self.datasets: dict[str, Dataset] = {}
        self._parsed: set[int] = set()
        # A file inside of an archive may have been packed to a thousandth of its size.
        most = min(2 * source.size, 4 * source.stored + _PLENTY, _MOST_METADATA)
        self._metadata_left = most + 4096
        self._paths_left = 4 * most + 4096
        self._most = budget.arrays_of(source.stored, _LEAST)
        self._texts_left = source.size
        self._heaps: dict[int, dict[int, bytes]] = {}
        with self.explaining(""):
            self._walk(self._superblock())
            self._check_overlap()

    def explaining(self, path: str) -> _Explaining:
        return _Explaining(self.source.name, path)

    # --- from the superblock down to objects ---

    def _superblock(self) -> int:
        """The address of the root group."""
        start = self.source.read(0, min(self.source.size, 96), "the superblock")
        if not start.startswith(SIGNATURE):
            kind = "it is empty" if not start else f"it starts with {start[:8]!r}"
            raise Damaged(f"this is no HDF5 file: {kind}")
        buffer = Buffer(start, 8)
        version = buffer.one("B")
        if version in (0, 1):
            buffer.take(4)
            sizes = buffer.unpack("BB")
            buffer.take(9 if version == 0 else 13)
        elif version in (2, 3):
            sizes = buffer.unpack("BB")
            buffer.take(1)
        else:
            raise Damaged(f"its superblock has version {version}, which does not exist")
        if sizes != (8, 8):
            raise Damaged("addresses of a size other than 8 bytes are not supported")
        base, extension, end, last = buffer.unpack("QQQQ")
        if base != 0:
            raise Damaged("it does not begin at the start of the file")
        if end > self.source.size:
            raise Damaged(f"the file is truncated: it should have {end} bytes, but has {self.source.size}")
        if version > 1:
            return last
        if last != UNDEFINED or extension != UNDEFINED:
            raise Damaged("it is spread over several files")
        return buffer.unpack("QQ")[1]

    def _walk(self, root: int) -> None:
        waiting = [("", root)]
        while waiting:
            path, address = waiting.pop()
            with self.explaining(path):
                members = self._object(path, address)
                for name, target in members.items():
                    below = f"{path}/{name}" if path else name
                    self._paths_left -= len(below)
                    if len(below) > _LONGEST_PATH or self._paths_left < 0:
                        raise Damaged(
                            f"the path of its member {name[:60]!r} is longer than {_LONGEST_PATH} characters, or all"
                            f" paths together are far longer than the file"
                        )
                    waiting.append((below, target))
        if "" not in self.groups:
            raise Damaged("its root is no group")

    def _object(self, path: str, address: int) -> dict[str, int]:
        """Take in a group or dataset; returns the addresses of a group's members."""
        self._metadata_left -= _OBJECT
        if len(self.groups) + len(self.datasets) >= self._most:
            raise Damaged(budget.too_many_arrays(self._most))
        messages = list(self._messages(address))
        kinds = [kind for kind, _ in messages]
        doubled = [kind for kind in _ONCE if kinds.count(kind) > 1]
        if doubled:
            raise Damaged(f"its header holds message {doubled[0]} twice")
        single = {kind: data for kind, data in messages if kind in _ONCE}
        if _EXTERNAL in kinds:
            raise Damaged("its data are in another file (external storage), which is never opened")
        if _ATTRIBUTE_INFO in kinds:
            self._refuse_dense(dict(messages)[_ATTRIBUTE_INFO], "attributes", 2)
        if _LAYOUT in single:
            self._dataset(path, messages, single)
            return {}
        members = self._members(messages, single)
        self.groups[path] = Group(path, self, messages, list(members))
        return members

    def _dataset(self, path: str, messages: list[tuple[int, bytes]], single: dict[int, bytes]) -> None:
        if _SPACE not in single or _TYPE not in single or _SYMBOLS in single or _LINK in dict(messages):
            raise Damaged("it is neither a group nor a complete dataset")
        shape, kind = parts.dataspace(single[_SPACE]), parts.datatype(single[_TYPE])
        layout = parts.storage(single[_LAYOUT], len(shape or ()))
        applied = parts.filters(single[_FILTERS]) if _FILTERS in single else ()
        found = Dataset(path, self, messages, shape, kind, layout, applied)
        if layout.kind == "chunked":
            found.chunks = list(self._chunks(found))
        elif applied:
            raise Damaged("it has filters, but no chunks that they could be applied to")
        elif layout.size != found.bytes or (layout.address == UNDEFINED and layout.kind != "compact" and found.bytes):
            there = 0 if layout.address == UNDEFINED and layout.kind != "compact" else layout.size
            raise Damaged(f"its shape {shape} needs {found.bytes} bytes, but {there} are stored")
        self.datasets[path] = found

    def _check_overlap(self) -> None:
        """Bytes that belong to two datasets would let a small file fill any amount of memory."""
        pieces = sorted((address, size, one.path) for one in self.datasets.values() for address, size in one.stored)
        end, before = 0, ""
        for address, size, path in pieces:
            with self.explaining(path):
                if address < end:
                    raise Damaged(f"its data overlap those of {before!r}")
                if address + size > self.source.size:
                    raise Damaged("the file is truncated: data stand behind its end")
            end, before = address + size, path

    # --- object headers ---

    def _block(self, address: int, size: int, what: str, once: bool = True) -> bytes:
        """Bytes of a structure that may be parsed once only."""
        if once and address in self._parsed:
            raise Damaged(f"{what} is reached twice: by a link to a place where the file already was, or by a cycle")
        self._parsed.add(address)
        self._metadata_left -= size
        if self._metadata_left < 0:
            raise Damaged("it has more structures than fit into a file of its size")
        return self.source.read(address, size, what)

    def _messages(self, address: int) -> Iterator[tuple[int, bytes]]:
        """Type and contents of the messages of an object header that matter here."""
        start = self._block(address, 16, "the header of an object")
        if start.startswith(b"OHDR"):
            blocks, layout = self._newer_header(address, start)
        else:
            version, _, _, _, size = struct.unpack("<BBHII", start[:12])
            if version != 1:
                raise Damaged("no object stands where one should")
            blocks, layout = [self._block(address + 16, size, "the header of an object")], "HHBBH"
        head = struct.calcsize("<" + layout)
        while blocks:
            buffer = Buffer(blocks.pop())
            while buffer.at + head <= len(buffer.data):
                kind, size, flags, *_ = buffer.unpack(layout)
                data = buffer.take(size)
                if kind == _CONTINUATION:
                    blocks.append(self._continuation(data, layout))
                elif kind in _KNOWN:
                    if flags & 2:
                        raise Damaged("it shares a part of its header with another object, which Keras does not do")
                    yield kind, data

    def _newer_header(self, address: int, start: bytes) -> tuple[list[bytes], str]:
        """Header version 2, of files in a newer format."""
        version, flags = start[4], start[5]
        if version != 2:
            raise Damaged("the header of an object has an unknown version")
        at = address + 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
        width = 1 << (flags & 3)
        size = int.from_bytes(self.source.read(at, width, "the header of an object"), "little")
        return [self._block(at + width, size, "the header of an object")], "BHBH" if flags & 4 else "BHB"

    def _continuation(self, data: bytes, layout: str) -> bytes:
        address, size = Buffer(data).unpack("QQ")
        block = self._block(address, size, "the rest of an object's header")
        if layout.startswith("H"):
            return block
        if block[:4] != b"OCHK" or size < 8:
            raise Damaged("the rest of an object's header is not where it should be")
        return block[4:-4]

    # --- groups ---

    def _members(self, messages: list[tuple[int, bytes]], single: dict[int, bytes]) -> dict[str, int]:
        links: list[tuple[str, int]] = []
        if _SYMBOLS in single:
            tree, heap = Buffer(single[_SYMBOLS]).unpack("QQ")
            links.extend(self._symbols(tree, heap))
        if _LINK_INFO in single:
            self._refuse_dense(single[_LINK_INFO], "members", 8)
        links.extend(_link(data) for kind, data in messages if kind == _LINK)
        members = dict(links)
        if len(members) != len(links):
            raise Damaged("two of its members have the same name")
        for name in members:
            _check_name(name)
        return members

    def _refuse_dense(self, data: bytes, what: str, counter: int) -> None:
        buffer = Buffer(data)
        _, flags = buffer.unpack("BB")
        buffer.take(counter if flags & 1 else 0)
        if buffer.one("Q") != UNDEFINED:
            raise Damaged(
                f"its {what} are listed in the format of h5py's `libver='latest'`, which Keras does not write. Load the"
                f" file in Keras and save it again; or copy it with h5py, group by group, to one made by"
                f" `h5py.File(path, 'w')`: docs/files.md has the lines. (`h5py.copy` alone keeps the format)"
            )

    def _symbols(self, tree: int, heap: int) -> Iterator[tuple[str, int]]:
        """Links of a group in the format that h5py writes by default."""
        names = self._local_heap(heap)
        for node in self._leaves(tree, 0, 16):
            _, address = struct.unpack("<QQ", node)
            signature, _, _, number = struct.unpack("<4sBBH", self._block(address, 8, "a part of a group"))
            if signature != b"SNOD":
                raise Damaged("a part of a group is not where it should be")
            entries = self._block(address + 8, 40 * number, "a part of a group")
            for name_at, target, cache, _, _ in struct.iter_unpack("<QQII16s", entries):
                name = _name_at(names, name_at)
                if cache > 1:
                    raise Damaged(f"its member {name!r} is a soft link; only the data of the file itself are read")
                yield name, target

    def _local_heap(self, address: int) -> bytes:
        signature, _, size, _, data_at = struct.unpack("<4sIQQQ", self._block(address, 32, "the names of a group"))
        if signature != b"HEAP":
            raise Damaged("the names of a group are not where they should be")
        return self._block(data_at, size, "the names of a group")

    def _leaves(self, address: int, kind: int, entry: int, tail: int = 8) -> Iterator[bytes]:
        """Entries (key and address) of the leaves of a version 1 B-tree."""
        waiting: list[tuple[int, int | None]] = [(address, None)]
        while waiting:
            address, expected = waiting.pop()
            head = self._block(address, 24, "an index")
            signature, found, level, number = struct.unpack("<4sBBH", head[:8])
            if signature != b"TREE" or found != kind or level not in (expected, level if expected is None else -1):
                raise Damaged("an index is not where it should be")
            body = self._block(address + 24, entry * number, "an index")
            entries = [body[i : i + entry] for i in range(0, len(body), entry)]
            if level == 0:
                yield from entries
            else:
                waiting.extend((struct.unpack("<Q", one[-8:])[0], level - 1) for one in reversed(entries))

    def _chunks(self, dataset: Dataset) -> Iterator[Chunk]:
        if dataset.storage.address == UNDEFINED:
            if dataset.bytes:
                raise Damaged(f"its shape {dataset.shape} needs {dataset.bytes} bytes, but 0 are stored")
            return
        rank = len(dataset.shape or ())
        for entry in self._leaves(dataset.storage.address, 1, 24 + 8 * rank):
            size, mask, *corner, _, address = struct.unpack(f"<II{rank + 2}Q", entry)
            yield Chunk(tuple(corner), address, size, mask)

    # --- attributes of variable length ---

    def value_of(self, found: parts.Attribute) -> object:
        if found.type.kind != "text":
            return parts.plain_value(found)
        number = parts.count(found.shape)
        if number * 16 > len(found.data):
            raise Damaged(f"attribute {found.name!r:.80} declares {number} texts, but does not hold them")
        values = []
        for length, heap, index in struct.iter_unpack("<IQI", found.data[: 16 * number]):
            self._texts_left -= length
            if self._texts_left < 0:
                raise Damaged(f"attribute {found.name!r:.80} declares more text than the file has")
            values.append(self._text(found.name, length, heap, index))
        return values[0] if found.shape == () else values

    def _text(self, name: str, length: int, heap: int, index: int) -> str:
        if heap in (0, UNDEFINED) or length == 0:
            return ""
        if heap not in self._heaps:
            self._heaps[heap] = self._global_heap(heap)
        found = self._heaps[heap].get(index)
        if found is None or len(found) < length:
            raise Damaged(f"the text of attribute {name!r:.80} is missing")
        return parts.text(found[:length], f"attribute {name!r:.80}")

    def _global_heap(self, address: int) -> dict[int, bytes]:
        signature, _, size = struct.unpack("<4sIQ", self._block(address, 16, "texts"))
        if signature != b"GCOL":
            raise Damaged("texts are not where they should be")
        buffer = Buffer(self._block(address + 16, size - 16, "texts"))
        found: dict[int, bytes] = {}
        while buffer.at + 16 <= len(buffer.data):
            index, _, _, length = buffer.unpack("HHIQ")
            if index == 0:
                break
            if index in found:
                raise Damaged("two texts have the same number")
            found[index] = buffer.take(length)
            buffer.take(min(-length % 8, len(buffer.data) - buffer.at))
        return found


class _Explaining:
    """Turns whatever goes wrong while bytes are decoded into a `LoadError` that names file and object."""

    def __init__(self, file: str, path: str):
        self.place: str = f"{file}: {path!r}" if path else file

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(error, (LoadError, OSError)) or not isinstance(error, Exception):
            return
        if isinstance(error, Damaged):
            raise LoadError(f"{self.place}: {error}.") from None
        raise LoadError(f"{self.place}: the file is damaged ({type(error).__name__}: {error}).") from None


def _link(data: bytes) -> tuple[str, int]:
    """Name and target of a link in the newer format."""
    buffer = Buffer(data)
    version, flags = buffer.unpack("BB")
    kind = buffer.one("B") if flags & 8 else 0
    buffer.take(8 if flags & 4 else 0)
    buffer.take(1 if flags & 16 else 0)
    if version != 1:
        raise Damaged("a link has an unknown version")
    name = parts.text(buffer.take(buffer.one("BHIQ"[flags & 3])), "the name of a link")
    if kind != 0:
        what = {1: "a soft link", 64: "a link to another file"}.get(kind, "a link of a kind defined by a user")
        raise Damaged(f"its member {name!r:.80} is {what}; only the data of the file itself are read")
    return name, buffer.one("Q")


def _name_at(names: bytes, offset: int) -> str:
    end = names.find(b"\x00", offset, offset + _LONGEST_NAME)
    if offset >= len(names) or end < 0:
        raise Damaged("the name of a member is missing or too long")
    return parts.text(names[offset:end], "the name of a member")


def _check_name(name: str) -> None:
    if not name or name in (".", "..") or "/" in name or len(name) > _LONGEST_NAME:
        raise Damaged(f"{name[:60]!r} cannot be the name of a member")
