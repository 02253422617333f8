"""The members of a .zip, in the order of its directory.

Python's own zipfile gives up a whole archive for one name that is not UTF-8, takes names without the
UTF-8 flag for those of DOS (macOS and git do not set it), and holds the whole directory in memory. What is
needed of the format is little: a directory at the end, stored or deflated members, 64-bit sizes.
"""

from __future__ import annotations

import stat
import struct
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ..errors import DocumentError, ImportFailed
from .members import CHUNK, Member, StoppedShort, decoded

_END = struct.Struct("<4s4H2LH")
_END64_PLACE = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s22x2H")

#: A comment of at most 65,535 bytes may follow the end record.
_LONGEST_END = _END.size + 0xFFFF
_IN_64_BITS = 0xFFFFFFFF
_STORED, _DEFLATED = 0, 8
_ENCRYPTED = 0x1 | 0x40


class _Directory(NamedTuple):
    """Where the directory lies; what all offsets are short of, because something stands before the zip."""

    start: int
    size: int
    shift: int


class _Entry(NamedTuple):
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    offset: int


def members(path: Path) -> Iterator[Member]:
    """Reads the directory, and members as they are asked for.

    Raises ImportFailed where there is no directory: a zip that is cut off has none.
    """
    with path.open("rb") as data, path.open("rb") as listing:
        directory = _find_directory(listing, path)
        listing.seek(directory.start)
        left = directory.size
        while left > 0:
            fixed = listing.read(_ENTRY.size)
            if len(fixed) < _ENTRY.size or fixed[:4] != b"PK\x01\x02":
                raise StoppedShort("archive_damaged", "the zip's directory is damaged: fetch it again")
            lengths = _ENTRY.unpack(fixed)[10:13]
            texts = [listing.read(length) for length in lengths]
            left -= _ENTRY.size + sum(lengths)
            yield _member(data, fixed, texts[0], texts[1], directory.shift)


def _member(data: BinaryIO, fixed: bytes, name: bytes, extra: bytes, shift: int) -> Member:
    fields = _ENTRY.unpack(fixed)
    flags, method, crc = fields[3], fields[4], fields[7]
    packed, size, offset = _sizes(fields[8], fields[9], fields[16], extra)
    entry = _Entry(flags, method, crc, packed, size, offset + shift)
    return Member(decoded(name), _role(name, fields[15] >> 16), size, packed, partial(_chunks, data, entry))


def _role(name: bytes, mode: int) -> str:
    if name.endswith(b"/"):
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


def _chunks(data: BinaryIO, entry: _Entry) -> Iterator[bytes]:
    """A member's bytes, its checksum looked at in the end."""
    if entry.flags & _ENCRYPTED:
        raise DocumentError("encrypted", "the member is encrypted: unpack the archive and import the folder")
    if entry.method not in (_STORED, _DEFLATED):
        raise DocumentError(
            "unsupported_member", f"packed by method {entry.method}; only stored and deflated ones are read"
        )
    packed = _packed(data, entry)
    crc = 0
    for chunk in packed if entry.method == _STORED else _inflated(packed):
        crc = zlib.crc32(chunk, crc)
        yield chunk
    if crc != entry.crc:
        raise DocumentError("damaged_member", "its checksum is not right: fetch the archive again")


def _packed(data: BinaryIO, entry: _Entry) -> Iterator[bytes]:
    data.seek(entry.offset)
    local = data.read(_LOCAL.size)
    if len(local) < _LOCAL.size or local[:4] != b"PK\x03\x04":
        raise DocumentError("damaged_member", "there is no member where the zip's directory says")
    _, name_length, extra_length = _LOCAL.unpack(local)
    data.seek(name_length + extra_length, 1)
    left = entry.packed
    while left > 0:
        chunk = data.read(min(left, CHUNK))
        if not chunk:
            raise DocumentError("damaged_member", "the member is cut off")
        left -= len(chunk)
        yield chunk


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
    _, _, _, _, _, size, offset, _ = _END.unpack_from(tail, at)
    end = start + at
    size, offset, end = _wide_directory(listing, end, size, offset)
    if (shift := end - size - offset) < 0:
        raise ImportFailed(f"{path} is a damaged zip archive: its directory is not where it says")
    return _Directory(end - size, size, shift)


def _wide_directory(listing: BinaryIO, end: int, size: int, offset: int) -> tuple[int, int, int]:
    """Size and offset of the directory and where it ends, from the record of 64 bits if there is one."""
    start = end - _END64_PLACE.size - _END64.size
    if start < 0:
        return size, offset, end
    listing.seek(start)
    record, place = listing.read(_END64.size), listing.read(_END64_PLACE.size)
    if record[:4] != b"PK\x06\x06" or place[:4] != b"PK\x06\x07":
        return size, offset, end
    fields = _END64.unpack(record)
    return fields[8], fields[9], start
