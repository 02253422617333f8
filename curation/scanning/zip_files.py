"""Read the members of a .zip, in the order of its directory.

Python's zipfile is not used for three reasons:

- It rejects a whole archive for one name that is not UTF-8.
- It decodes names without the UTF-8 flag as DOS names, although macOS and git do not set the flag.
- It keeps the whole directory in memory.

Only a small part of the format is needed: a directory at the end, stored or deflated members, 64-bit sizes.

A zip states most values twice, and its directory has no checksum. Therefore a member is used only if its own
header and its bytes match the directory. A zip is damaged if the number of directory entries differs from the
end record, if members overlap, or if a member is not in the directory.
"""

from __future__ import annotations

import stat
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ..errors import DocumentError, ImportFailed
from .members import READ_SIZE, Member, PartialArchiveError, Reader, decode_name
from .tree import BACKSLASH_NAMES

_END = struct.Struct("<4s4H2LH")
_END64_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
_LOCAL_SIGNATURE = b"PK\x03\x04"

#: A comment of at most 65,535 bytes may follow the end record.
_MAX_END_BYTES = _END.size + 0xFFFF
_ZIP64_MARKER = 0xFFFFFFFF
_STORED, _DEFLATED = 0, 8
_ENCRYPTED = 0x1 | 0x40

#: The flag of a member whose checksum and sizes follow its data. Its header may have zeros instead.
_HAS_DATA_DESCRIPTOR = 0x8


class _Directory(NamedTuple):
    """The position of the directory in a zip, in bytes.

    shift: The number of bytes before the zip, which must be added to all offsets.
    entries: The number of entries according to the end record, modulo `modulus`.
    is_at_end: Whether the file ends where the end record says.
    """

    start: int
    size: int
    shift: int
    entries: int
    modulus: int
    is_at_end: bool


class _Entry(NamedTuple):
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    offset: int


@contextmanager
def open_zip(path: Path) -> Iterator[Reader]:
    """Open a zip archive.

    Raises:
        ImportFailed: The zip has no directory, because it is truncated.
    """
    with path.open("rb") as data, path.open("rb") as listing:
        yield _Zip(data, listing, _find_directory(listing, path))


class _Zip(Reader):
    """A zip whose directory is read entry by entry, together with each member's own header."""

    def __init__(self, data: BinaryIO, listing: BinaryIO, directory: _Directory) -> None:
        self._data = data
        self._listing = listing
        self._directory = directory
        #: Start and end of each member whose own header matches the directory.
        self._ranges: list[tuple[int, int]] = []
        #: Packed bytes that remain for further members if no members overlap.
        self._packed_left = directory.start
        self._damage = "" if directory.is_at_end else "data follows its end, or its end is truncated"

    def read_members(self) -> Iterator[Member]:
        self._listing.seek(self._directory.start)
        left, count = self._directory.size, 0
        while left > 0:
            fixed = self._listing.read(_ENTRY.size)
            if len(fixed) < _ENTRY.size or fixed[:4] != b"PK\x01\x02":
                raise _damaged_error("its directory is broken")
            lengths = _ENTRY.unpack(fixed)[10:13]
            left -= _ENTRY.size + sum(lengths)
            if left < 0:
                raise _damaged_error("its directory is broken")
            name, extra, _ = (self._listing.read(length) for length in lengths)
            count += 1
            yield self._member(fixed, name, extra)
        if (count - self._directory.entries) % self._directory.modulus:
            expected = self._directory.entries
            raise _damaged_error(f"its directory has {count} entries, but the end record states {expected}")

    def finish(self) -> None:
        """Check that members do not overlap, and that no unlisted member is between them."""
        if self._damage:
            raise _damaged_error(self._damage)
        end = 0
        for start, stop in (*sorted(self._ranges), (self._directory.start, self._directory.start)):
            if start < end:
                raise _damaged_error("its members overlap")
            if start > end and _contains_header(self._data, end, start):
                raise _damaged_error("a member is not in its directory")
            end = stop

    def _member(self, fixed: bytes, name: bytes, extra: bytes) -> Member:
        fields = _ENTRY.unpack(fixed)
        flags, method, crc = fields[3], fields[4], fields[7]
        packed, size, offset = _resolve_zip64(fields[8], fields[9], fields[16], extra)
        entry = _Entry(flags, method, crc, packed, size, offset + self._directory.shift)
        start = self._find_data(entry, name)
        if start is None:
            self._damage = "its directory does not match its members"
        # The specification allows only `/`. Old Windows tools write `\`, whatever system their header states.
        path = decode_name(name)
        if "\\" in path:
            path, self.notices = path.replace("\\", "/"), (BACKSLASH_NAMES,)
        chunks = partial(self._read_chunks, entry, start)
        return Member(path, _role(path, fields[15] >> 16), size, packed, chunks)

    def _find_data(self, entry: _Entry, name: bytes) -> int | None:
        """Return the offset of a member's bytes, or None if its header does not match the directory."""
        length = _LOCAL_HEADER.size + len(name)
        if entry.offset + length > self._directory.start:
            return None
        self._data.seek(entry.offset)
        header = self._data.read(length)
        if len(header) < length or header[_LOCAL_HEADER.size :] != name:
            return None
        signature, _, flags, method, _, _, *stated, name_length, extra_length = _LOCAL_HEADER.unpack_from(
            header
        )
        is_member = signature == _LOCAL_SIGNATURE and name_length == len(name)
        if not is_member or not _header_matches(entry, flags, method, stated):
            return None
        start: int = entry.offset + length + extra_length
        if start + entry.packed > self._directory.start:
            return None
        self._ranges.append((entry.offset, start + entry.packed))
        return start

    def _read_chunks(self, entry: _Entry, start: int | None) -> Iterator[bytes]:
        """Yield a member's bytes, then verify their size and checksum."""
        if start is None:
            raise DocumentError("damaged_member", "the member does not match the zip's directory")
        if entry.flags & _ENCRYPTED:
            raise DocumentError(
                "encrypted", "the member is encrypted: unpack the archive and import the folder"
            )
        if entry.method not in (_STORED, _DEFLATED):
            raise DocumentError(
                "unsupported_member",
                f"compression method {entry.method} is unsupported: unpack the archive and import the folder",
            )
        crc = size = 0
        packed = self._read_packed(start, entry.packed)
        for chunk in packed if entry.method == _STORED else _inflate(packed):
            crc = zlib.crc32(chunk, crc)
            size += len(chunk)
            yield chunk
        if crc != entry.crc or size != entry.size:
            raise DocumentError("damaged_member", "its checksum or size is wrong: download the archive again")

    def _read_packed(self, start: int, left: int) -> Iterator[bytes]:
        self._data.seek(start)
        while left > 0:
            chunk = self._data.read(min(left, READ_SIZE))
            if not chunk:
                raise DocumentError("damaged_member", "the member is truncated")
            left -= len(chunk)
            self._packed_left -= len(chunk)
            if self._packed_left < 0:
                raise _damaged_error("its members overlap")
            yield chunk


def _header_matches(entry: _Entry, flags: int, method: int, stated: list[int]) -> bool:
    """Return whether a member's own header matches its directory entry.

    Values that may be absent from the header are not compared.

    Args:
        stated: Checksum, packed size and size from the member's header.
    """
    if method != entry.method or (flags ^ entry.flags) & _ENCRYPTED:
        return False
    expected = [entry.crc, entry.packed, entry.size]
    if stated == expected or (flags | entry.flags) & _HAS_DATA_DESCRIPTOR:
        return True
    return all(own in (listed, _ZIP64_MARKER) for own, listed in zip(stated, expected, strict=True))


def _contains_header(data: BinaryIO, start: int, stop: int) -> bool:
    """Return whether a member starts between two offsets. Other data between them is ignored."""
    data.seek(start)
    before = b""
    while start < stop and (chunk := data.read(min(READ_SIZE, stop - start))):
        if _LOCAL_SIGNATURE in before + chunk:
            return True
        start += len(chunk)
        before = chunk[-3:]
    return False


def _damaged_error(details: str) -> PartialArchiveError:
    return PartialArchiveError(
        "archive_damaged", f"the zip archive is damaged ({details}): download it again"
    )


def _role(path: str, mode: int) -> str:
    if path.endswith("/"):
        return "folder"
    kind = stat.S_IFMT(mode)
    if kind == stat.S_IFLNK:
        return "symlink"
    return "file" if kind in (0, stat.S_IFREG) else "special_file"


def _resolve_zip64(packed: int, size: int, offset: int, extra: bytes) -> tuple[int, int, int]:
    """Return packed size, size and offset, with 64-bit values taken from the extra field 1."""
    found = [size, packed, offset]
    wide = _extra_field(extra, 1)
    for index, value in enumerate(found):
        if value == _ZIP64_MARKER and len(wide) >= 8:
            found[index], wide = int.from_bytes(wide[:8], "little"), wide[8:]
    return found[1], found[0], found[2]


def _extra_field(extra: bytes, wanted: int) -> bytes:
    at = 0
    while at + 4 <= len(extra):
        tag, length = struct.unpack_from("<2H", extra, at)
        if tag == wanted:
            return extra[at + 4 : at + 4 + length]
        at += 4 + length
    return b""


def _inflate(packed: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the inflated bytes in pieces. The caller's checksum detects missing bytes at the end."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for chunk in packed:
            while chunk and not inflater.eof:
                yield inflater.decompress(chunk, READ_SIZE)
                chunk = inflater.unconsumed_tail
        while not inflater.eof and (rest := inflater.decompress(inflater.unconsumed_tail, READ_SIZE)):
            yield rest
    except zlib.error as error:
        raise DocumentError("damaged_member", f"cannot be unpacked: {error}") from error


def _find_directory(listing: BinaryIO, path: Path) -> _Directory:
    length = listing.seek(0, 2)
    start = max(0, length - _MAX_END_BYTES)
    listing.seek(start)
    tail = listing.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + _END.size > len(tail):
        raise ImportFailed(
            f"{path} is not a complete zip archive: its directory is missing; download it again"
        )
    _, _, _, _, count, size, offset, comment = _END.unpack_from(tail, at)
    end, directory = _read_zip64_end(listing, start + at, (count, size, offset, 1 << 16))
    count, size, offset, modulus = directory
    # If members precede those of the directory, it belongs to another zip: one inside a member, or one that
    # was appended.
    if (shift := end - size - offset) < 0 or _contains_header(listing, 0, shift):
        raise ImportFailed(
            f"{path} is a damaged zip archive: its directory is not at the stated offset; download it again"
        )
    is_at_end = at + _END.size + comment == len(tail)
    return _Directory(end - size, size, shift, count, modulus, is_at_end)


#: Number of entries, size and offset of the directory, and the modulus of that number.
_EndFields = tuple[int, int, int, int]


def _read_zip64_end(listing: BinaryIO, end: int, stated: _EndFields) -> tuple[int, _EndFields]:
    """Return the end of the directory, and the values of the 64-bit end record if there is one."""
    start = end - _END64_LOCATOR.size - _END64.size
    if start < 0:
        return end, stated
    listing.seek(start)
    record, place = listing.read(_END64.size), listing.read(_END64_LOCATOR.size)
    if record[:4] != b"PK\x06\x06" or place[:4] != b"PK\x06\x07":
        return end, stated
    fields = _END64.unpack(record)
    return start, (fields[7], fields[8], fields[9], 1 << 64)
