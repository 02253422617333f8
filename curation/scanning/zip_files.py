"""The members of a .zip, in the order of its directory.

Python's own zipfile gives up a whole archive for one name that is not UTF-8, takes names without the
UTF-8 flag for those of DOS (macOS and git do not set it), and holds the whole directory in memory. What is
needed of the format is little: a directory at the end, stored or deflated members, 64-bit sizes.

A zip says most things twice, and the directory has no checksum of its own. So a member counts only if its
own header and its bytes agree with the directory, and a zip is damaged if its directory has another number
of entries than the end record says, if members overlap, or if there is a member that the directory lacks.
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
from .members import CHUNK, Member, Reader, StoppedShort, decoded
from .tree import BACKSLASHES

_END = struct.Struct("<4s4H2LH")
_END64_PLACE = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_LOCAL_SIGNATURE = b"PK\x03\x04"

#: A comment of at most 65,535 bytes may follow the end record.
_LONGEST_END = _END.size + 0xFFFF
_IN_64_BITS = 0xFFFFFFFF
_STORED, _DEFLATED = 0, 8
_ENCRYPTED = 0x1 | 0x40

#: The checksum and the sizes follow the member; its header may have zeros instead.
_STREAMED = 0x8


class _Directory(NamedTuple):
    """Where the directory lies, and how many entries the end record says it has, modulo `modulus`; what all
    offsets are short of, because something stands before the zip; and whether the file ends where it says."""

    start: int
    size: int
    shift: int
    entries: int
    modulus: int
    ends_there: bool


class _Entry(NamedTuple):
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    offset: int


@contextmanager
def opened(path: Path) -> Iterator[Reader]:
    """Finds the directory of a zip. Raises ImportFailed where there is none: a zip that is cut off."""
    with path.open("rb") as data, path.open("rb") as listing:
        yield _Zip(data, listing, _find_directory(listing, path))


class _Zip(Reader):
    """The directory is read entry by entry, and each member's own header beside it."""

    def __init__(self, data: BinaryIO, listing: BinaryIO, directory: _Directory) -> None:
        self._data = data
        self._listing = listing
        self._directory = directory
        #: Where members lie whose own headers are as the directory says: beginnings and ends.
        self._places: list[tuple[int, int]] = []
        #: Packed bytes that members can still have, if no two of them share any.
        self._left = directory.start
        self._issue = "" if directory.ends_there else "something follows its end, or its end is cut off"

    def members(self) -> Iterator[Member]:
        self._listing.seek(self._directory.start)
        left, count = self._directory.size, 0
        while left > 0:
            fixed = self._listing.read(_ENTRY.size)
            if len(fixed) < _ENTRY.size or fixed[:4] != b"PK\x01\x02":
                raise _damaged("its directory is broken")
            lengths = _ENTRY.unpack(fixed)[10:13]
            left -= _ENTRY.size + sum(lengths)
            if left < 0:
                raise _damaged("its directory is broken")
            name, extra, _ = (self._listing.read(length) for length in lengths)
            count += 1
            yield self._member(fixed, name, extra)
        if (count - self._directory.entries) % self._directory.modulus:
            raise _damaged(f"its directory has {count} entries and should have {self._directory.entries}")

    def finish(self) -> None:
        """Looks between the members: each byte belongs to one at most, and none is there unlisted."""
        if self._issue:
            raise _damaged(self._issue)
        end = 0
        for start, stop in (*sorted(self._places), (self._directory.start, self._directory.start)):
            if start < end:
                raise _damaged("its members overlap")
            if start > end and _holds_header(self._data, end, start):
                raise _damaged("its directory lacks a member")
            end = stop

    def _member(self, fixed: bytes, name: bytes, extra: bytes) -> Member:
        fields = _ENTRY.unpack(fixed)
        flags, method, crc = fields[3], fields[4], fields[7]
        packed, size, offset = _sizes(fields[8], fields[9], fields[16], extra)
        entry = _Entry(flags, method, crc, packed, size, offset + self._directory.shift)
        start = self._start(entry, name)
        if start is None:
            self._issue = "its directory and its members do not agree"
        # By its specification a zip has `/` alone. Old tools of Windows write `\`, whatever system they name.
        path = decoded(name)
        if "\\" in path:
            path, self.notices = path.replace("\\", "/"), (BACKSLASHES,)
        chunks = partial(self._chunks, entry, start)
        return Member(path, _role(path, fields[15] >> 16), size, packed, chunks)

    def _start(self, entry: _Entry, name: bytes) -> int | None:
        """Where a member's bytes begin; None where it is not there as the directory says."""
        length = _LOCAL.size + len(name)
        if entry.offset + length > self._directory.start:
            return None
        self._data.seek(entry.offset)
        header = self._data.read(length)
        if len(header) < length or header[_LOCAL.size :] != name:
            return None
        signature, _, flags, method, _, _, *told, name_length, extra_length = _LOCAL.unpack_from(header)
        is_there = signature == _LOCAL_SIGNATURE and name_length == len(name)
        if not is_there or not _agrees(entry, flags, method, told):
            return None
        start: int = entry.offset + length + extra_length
        if start + entry.packed > self._directory.start:
            return None
        self._places.append((entry.offset, start + entry.packed))
        return start

    def _chunks(self, entry: _Entry, start: int | None) -> Iterator[bytes]:
        """A member's bytes; in the end it is looked at whether they are all that was packed."""
        if start is None:
            raise DocumentError("damaged_member", "the member is not there as the zip's directory says")
        if entry.flags & _ENCRYPTED:
            raise DocumentError(
                "encrypted", "the member is encrypted: unpack the archive and import the folder"
            )
        if entry.method not in (_STORED, _DEFLATED):
            raise DocumentError(
                "unsupported_member",
                f"packed by method {entry.method}; only stored and deflated ones are read",
            )
        crc = size = 0
        packed = self._packed(start, entry.packed)
        for chunk in packed if entry.method == _STORED else _inflated(packed):
            crc = zlib.crc32(chunk, crc)
            size += len(chunk)
            yield chunk
        if crc != entry.crc or size != entry.size:
            raise DocumentError("damaged_member", "its checksum or size is wrong: fetch the archive again")

    def _packed(self, start: int, left: int) -> Iterator[bytes]:
        self._data.seek(start)
        while left > 0:
            chunk = self._data.read(min(left, CHUNK))
            if not chunk:
                raise DocumentError("damaged_member", "the member is cut off")
            left -= len(chunk)
            self._left -= len(chunk)
            if self._left < 0:
                raise _damaged("its members overlap")
            yield chunk


def _agrees(entry: _Entry, flags: int, method: int, told: list[int]) -> bool:
    """Whether a member's own header says of its bytes what the directory does, as far as it has to.

    told: checksum, packed size and size.
    """
    if method != entry.method or (flags ^ entry.flags) & _ENCRYPTED:
        return False
    due = [entry.crc, entry.packed, entry.size]
    if told == due or (flags | entry.flags) & _STREAMED:
        return True
    return all(mine in (theirs, _IN_64_BITS) for mine, theirs in zip(told, due, strict=True))


def _holds_header(data: BinaryIO, start: int, stop: int) -> bool:
    """Whether a member begins between two places. What else may stand there is not looked at."""
    data.seek(start)
    before = b""
    while start < stop and (chunk := data.read(min(CHUNK, stop - start))):
        if _LOCAL_SIGNATURE in before + chunk:
            return True
        start += len(chunk)
        before = chunk[-3:]
    return False


def _damaged(what: str) -> StoppedShort:
    return StoppedShort("archive_damaged", f"the zip archive is damaged ({what}): fetch it again")


def _role(path: str, mode: int) -> str:
    if path.endswith("/"):
        return "folder"
    kind = stat.S_IFMT(mode)
    if kind == stat.S_IFLNK:
        return "symlink"
    return "file" if kind in (0, stat.S_IFREG) else "special_file"


def _sizes(packed: int, size: int, offset: int, extra: bytes) -> tuple[int, int, int]:
    """The sizes and the offset, those that need 64 bits taken from the extra field 1."""
    found = [size, packed, offset]
    wide = _extra(extra, 1)
    for index, value in enumerate(found):
        if value == _IN_64_BITS and len(wide) >= 8:
            found[index], wide = int.from_bytes(wide[:8], "little"), wide[8:]
    return found[1], found[0], found[2]


def _extra(extra: bytes, wanted: int) -> bytes:
    at = 0
    while at + 4 <= len(extra):
        tag, length = struct.unpack_from("<2H", extra, at)
        if tag == wanted:
            return extra[at + 4 : at + 4 + length]
        at += 4 + length
    return b""


def _inflated(packed: Iterator[bytes]) -> Iterator[bytes]:
    """What comes out, in pieces; that something is lacking at the end is for the checksum to tell."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for chunk in packed:
            while chunk and not inflater.eof:
                yield inflater.decompress(chunk, CHUNK)
                chunk = inflater.unconsumed_tail
        while not inflater.eof and (rest := inflater.decompress(inflater.unconsumed_tail, CHUNK)):
            yield rest
    except zlib.error as error:
        raise DocumentError("damaged_member", f"cannot be unpacked: {error}") from error


def _find_directory(listing: BinaryIO, path: Path) -> _Directory:
    length = listing.seek(0, 2)
    start = max(0, length - _LONGEST_END)
    listing.seek(start)
    tail = listing.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + _END.size > len(tail):
        raise ImportFailed(f"{path} is no whole zip archive: its directory is missing; fetch it again")
    _, _, _, _, count, size, offset, comment = _END.unpack_from(tail, at)
    end, directory = _wide_directory(listing, start + at, (count, size, offset, 1 << 16))
    count, size, offset, modulus = directory
    # A directory that begins behind members which are not its own is that of another zip, which is one of
    # them, or follows.
    if (shift := end - size - offset) < 0 or _holds_header(listing, 0, shift):
        raise ImportFailed(
            f"{path} is a damaged zip archive: its directory is not where it says; fetch it again"
        )
    ends_there = at + _END.size + comment == len(tail)
    return _Directory(end - size, size, shift, count, modulus, ends_there)


#: Count of the entries, size and offset of the directory, and modulo what the count is told.
_Told = tuple[int, int, int, int]


def _wide_directory(listing: BinaryIO, end: int, told: _Told) -> tuple[int, _Told]:
    """Where the directory ends, and what the record of 64 bits says of it, if there is one."""
    start = end - _END64_PLACE.size - _END64.size
    if start < 0:
        return end, told
    listing.seek(start)
    record, place = listing.read(_END64.size), listing.read(_END64_PLACE.size)
    if record[:4] != b"PK\x06\x06" or place[:4] != b"PK\x06\x07":
        return end, told
    fields = _END64.unpack(record)
    return start, (fields[7], fields[8], fields[9], 1 << 64)
