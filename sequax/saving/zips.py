"""A strict reader of zip files: only what archives of models need, and no number in the file is believed.

Two lists of members, other bytes in front or behind, members that overlap, encryption, links and names that lead
elsewhere are refused. Nothing is ever unpacked to the disk.
"""

from __future__ import annotations

import re
import stat
import struct
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from .errors import LoadError
from .source import Source

_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR64 = struct.Struct("<4sLQL")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")

MAX_MEMBERS = 10_000
MAX_DIRECTORY = 16 << 20
_STORED, _DEFLATED = 0, 8
_FLAGS = 0b1000_0000_1110  # deflate's levels, sizes behind the data, UTF-8 names
_CHUNK = 1 << 20


class Member(NamedTuple):
    """One member, as the list at the end of the file has it."""

    name: str
    method: int
    flags: int
    crc: int
    packed: int
    size: int
    offset: int


class Zip:
    """The members of a zip file by name.

    Raises:
        LoadError: if the file is not exactly a zip file of plain members.
    """

    def __init__(self, source: Source):
        self.source = source
        start, size, count = self._directory()
        self.members: dict[str, Member] = {}
        for member in self._entries(source.read(start, size, "the list of members"), count):
            if member.name in self.members:
                raise self.refused(f"two members are called {member.name!r}")
            self.members[member.name] = member
        self._data = self._places(start)

    def refused(self, why: str) -> LoadError:
        return LoadError(f"{self.source.name}: not a model file, or a damaged one: {why}.")

    def read(self, name: str, limit: int) -> bytes:
        """The contents of a member.

        Raises:
            LoadError: if they are longer than `limit`, or do not match their checksum.
        """
        member = self.members[name]
        if member.size > limit:
            raise self.refused(f"{name} would have {member.size:,} bytes, where {limit:,} are allowed")
        data = self._stored(member) if member.method == _STORED else self._inflated(member)
        if len(data) != member.size or zlib.crc32(data) != member.crc:
            raise self.refused(f"{name} does not match its checksum")
        return data

    def pieces(self, name: str) -> Iterator[bytes]:
        """The bytes of a member as they stand in the file, some at a time."""
        start, packed = self._data[name], self.members[name].packed
        for at in range(0, packed, _CHUNK):
            yield self.source.read(start + at, min(_CHUNK, packed - at), name)

    def _stored(self, member: Member) -> bytes:
        return self.source.read(self._data[member.name], member.packed, member.name)

    def _inflated(self, member: Member) -> bytes:
        """Unpacked piece by piece; never more than what was announced."""
        machine, parts, left = zlib.decompressobj(-15), [], member.size + 1
        at, end = self._data[member.name], self._data[member.name] + member.packed
        packed = b""
        try:
            while left > 0 and not machine.eof and (at < end or packed):
                if not packed:
                    size = min(_CHUNK, end - at)
                    packed, at = self.source.read(at, size, member.name), at + size
                parts.append(machine.decompress(packed, min(left, _CHUNK)))
                packed, left = machine.unconsumed_tail, left - len(parts[-1])
        except zlib.error as error:
            raise self.refused(f"{member.name} cannot be unpacked ({error})") from None
        return b"".join(parts)

    # --- the list of members ---

    def _directory(self) -> tuple[int, int, int]:
        """Where the list of members begins, its size, and their number."""
        size = self.source.size
        if size < _END.size:
            raise LoadError(
                f"{self.source.name}: the file is {'empty' if not size else 'truncated'} ({size} bytes). Was it copied"
                f" or downloaded completely?"
            )
        end = size - _END.size
        mark, disk, first_disk, here, count, length, start, comment = _END.unpack(self._bytes(end, _END.size))
        if mark != b"PK\5\6":
            begins = self.source.read(0, min(4, size), "the beginning")
            cut = begins == b"PK\3\4"
            raise self.refused(
                f"it is {size:,} bytes long and {'breaks off; copy it again' if cut else 'no zip file'}"
                if begins != b"\x89HDF"
                else "it is an HDF5 file; give it a name that ends with .h5"
            )
        if 0xFFFF in (here, count) or 0xFFFFFFFF in (length, start):
            end, disk, first_disk, here, count, length, start = self._end64(end)
        if disk or first_disk or here != count or comment:
            raise self.refused("it is one part of several, or has a comment")
        if count > MAX_MEMBERS or length > MAX_DIRECTORY:
            raise self.refused(f"it lists {count:,} members in {length:,} bytes")
        if start + length != end:
            raise self.refused("there are other bytes before or behind its contents")
        return start, length, count

    def _end64(self, end: int) -> tuple[int, ...]:
        """The same for files above 4 gigabytes."""
        at = end - _LOCATOR64.size
        mark, disk, start, disks = _LOCATOR64.unpack(self._bytes(at, _LOCATOR64.size))
        if mark != b"PK\6\7" or disk or disks != 1 or start + _END64.size != at:
            raise self.refused("its end is not as it should be")
        mark, _, _, _, disk, first, here, count, length, offset = _END64.unpack(self._bytes(start, _END64.size))
        if mark != b"PK\6\6":
            raise self.refused("its end is not as it should be")
        return start, disk, first, here, count, length, offset

    def _bytes(self, at: int, size: int) -> bytes:
        return self.source.read(at, size, "the end of the archive")

    def _entries(self, data: bytes, count: int) -> list[Member]:
        found, at = [], 0
        for _ in range(count):
            if at + _ENTRY.size > len(data):
                raise self.refused("its list of members breaks off")
            fields = _ENTRY.unpack_from(data, at)
            sizes = fields[10:13]
            stop = at + _ENTRY.size + sum(sizes)
            if fields[0] != b"PK\1\2" or stop > len(data):
                raise self.refused("its list of members breaks off")
            name, extra = data[at + _ENTRY.size :][: sizes[0]], data[at + _ENTRY.size + sizes[0] :][: sizes[1]]
            found.append(self._member(fields, name, extra))
            at = stop
        if at != len(data):
            raise self.refused("its list of members is longer than it says")
        return found

    def _member(self, fields: tuple[Any, ...], raw: bytes, extra: bytes) -> Member:
        _, made_by, _, flags, method, _, _, crc, packed, size, *_, disk, _, attributes, offset = fields
        try:
            name = raw.decode("utf-8" if flags & 0x800 else "ascii")
        except UnicodeDecodeError:
            raise self.refused(f"a member has the name {raw[:80]!r}") from None
        if 0xFFFFFFFF in (size, packed, offset):
            size, packed, offset = self._large(extra, size, packed, offset)
        if not is_plain_name(name):
            raise self.refused(f"a member has the name {name[:80]!r}, which leads out of the archive")
        mode = attributes >> 16
        if made_by >> 8 == 3 and stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise self.refused(f"{name} is a link or the like, not a file")
        if flags & ~_FLAGS or disk or method not in (_STORED, _DEFLATED):
            raise self.refused(f"{name} is encrypted or packed in a way that Keras does not use")
        if method == _STORED and size != packed:
            raise self.refused(f"{name} has two sizes")
        return Member(name, method, flags, crc, packed, size, offset)

    def _large(self, extra: bytes, *sizes: int) -> list[int]:
        """Numbers that need 64 bits stand in an extra field, in this order."""
        at = 0
        while at + 4 <= len(extra):
            kind, length = struct.unpack_from("<2H", extra, at)
            field = extra[at + 4 : at + 4 + length]
            if kind == 1 and len(field) == length and length >= 8 * sizes.count(0xFFFFFFFF):
                values = iter(struct.unpack(f"<{length // 8}Q", field[: length // 8 * 8]))
                return [next(values) if size == 0xFFFFFFFF else size for size in sizes]
            at += 4 + length
        raise self.refused("the size of a member is missing")

    def _places(self, directory: int) -> dict[str, int]:
        """Where the bytes of each member begin; the header in front of them must say what the list says."""
        places, free = {}, 0
        for position, member in enumerate(sorted(self.members.values(), key=lambda one: one.offset)):
            if member.offset < free or (position == 0 and member.offset != 0):
                raise self.refused(f"{member.name} overlaps another member, or other bytes stand before it")
            head = self.source.read(member.offset, _LOCAL.size, member.name)
            mark, _, flags, method, _, _, crc, _, _, name, extra = _LOCAL.unpack(head)
            start = member.offset + _LOCAL.size + name + extra
            free = start + member.packed
            own = self.source.read(member.offset + _LOCAL.size, name, member.name)
            later = flags & 8  # checksum and sizes stand behind the data
            same = own == member.name.encode() and (method, flags) == (member.method, member.flags)
            if mark != b"PK\3\4" or not same or (not later and crc != member.crc) or free > directory:
                raise self.refused(f"the header of {member.name} does not agree with the list of members")
            places[member.name] = start
        return places


def is_plain_name(name: str) -> bool:
    """Whether a name stays inside the archive and means the same everywhere."""
    parts = name.removesuffix("/").split("/")
    return (
        0 < len(name) <= 1000
        and name.isprintable()
        and not re.search(r"[\\:]", name)
        and all(part not in ("", ".", "..") for part in parts)
    )
