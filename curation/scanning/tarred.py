"""The members of a .tar, plain or packed by gzip, xz or zstd, in the order of the stream.

Headers are parsed by Python's tarfile, but the walk from one to the next is done here: tarfile takes a
damaged header for the end of the archive (what follows would count as missing), and reads long names and
sparse maps of any size into memory.
"""

from __future__ import annotations

import gzip
import io
import lzma
import sys
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from ..errors import DocumentError, ImportFailed
from .members import CHUNK, FREE, RATIO, Member, StoppedShort, cut_off, decoded

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_BLOCK = 512

#: Bytes of a long name or of further attributes; Linux has no path beyond 4,096.
_LONGEST_HEADER = 1 << 20

#: Memory that unpacking may take; `xz -9` needs 65 MB.
_XZ_MEMORY = 256 << 20

_ROLES = {
    tarfile.REGTYPE: "file",
    tarfile.AREGTYPE: "file",
    tarfile.CONTTYPE: "file",
    tarfile.GNUTYPE_SPARSE: "sparse",
    tarfile.DIRTYPE: "folder",
    tarfile.SYMTYPE: "symlink",
    tarfile.LNKTYPE: "hard_link",
}

#: Types that no data follow, whatever size is claimed.
_WITHOUT_DATA = frozenset(
    {tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE}
)


def members(path: Path) -> Iterator[Member]:
    """Reads the archive once, from its beginning to its end.

    Raises ImportFailed where the packing is damaged: then no byte of it can be trusted.
    """
    with path.open("rb") as raw:
        yield from _Tar(path, _unpacked(raw)).members()


def _unpacked(raw: BinaryIO) -> BinaryIO:
    magic = raw.read(6)
    raw.seek(0)
    if magic.startswith(b"\x1f\x8b"):
        return cast(BinaryIO, gzip.GzipFile(fileobj=raw))
    if magic == b"\xfd7zXZ\x00":
        return io.BufferedReader(_Xz(raw), CHUNK)
    if magic.startswith(b"\x28\xb5\x2f\xfd"):
        return cast(BinaryIO, zstd.ZstdFile(raw))
    return raw


class _Xz(io.RawIOBase):
    """An xz stream, unpacked within limited memory: lzma's own file object knows no limit."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._unpacker = lzma.LZMADecompressor(memlimit=_XZ_MEMORY)
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        data = b""
        while not data:
            if self._unpacker.eof and not self._next_stream():
                return 0
            packed = b""
            if self._unpacker.needs_input and not (packed := self._input()):
                raise EOFError
            data = self._unpacker.decompress(packed, len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _input(self) -> bytes:
        left, self._left = self._left, b""
        return left or self._raw.read(CHUNK)

    def _next_stream(self) -> bool:
        """Streams may follow one another, with zeros between them."""
        left = self._unpacker.unused_data
        while not (left := left.lstrip(b"\0")):
            if not (left := self._raw.read(CHUNK)):
                return False
        self._left, self._unpacker = left, lzma.LZMADecompressor(memlimit=_XZ_MEMORY)
        return True


class _Tar:
    """A stream of headers and data, read forward only."""

    def __init__(self, path: Path, stream: BinaryIO) -> None:
        self._path = path
        self._stream = stream
        self._may_come = FREE + RATIO * path.stat().st_size
        #: Bytes of the present member that were not read yet, and those that fill its last block.
        self._left = self._padding = 0

    def members(self) -> Iterator[Member]:
        """All members; and then the packing's checksum, which comes at its very end."""
        try:
            yield from self._members()
        except StoppedShort as stop:
            if stop.code == "archive_damaged":
                self._finish()  # if the packing is damaged that is the reason, and worse
            raise
        self._finish()

    def _finish(self) -> None:
        while self._read(CHUNK):
            pass

    def _members(self) -> Iterator[Member]:
        told: dict[str, bytes] = {}
        while (header := self._header()) is not None:
            if header.type in (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE):
                told |= _records(self._text(header))
            elif header.type == tarfile.GNUTYPE_LONGNAME:
                told["path"] = self._text(header).rstrip(b"\0")
            elif header.type in (tarfile.XGLTYPE, tarfile.GNUTYPE_LONGLINK):
                self._text(header)
            else:
                yield self._member(header, told)
                self._skip()
                told = {}

    def _header(self) -> tarfile.TarInfo | None:
        """The next header; None at the end, which is a block of zeros: without one the tar is cut off."""
        block = self._exactly(_BLOCK)
        if not any(block):
            return None
        try:
            header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            raise StoppedShort("archive_damaged", "not a tar archive, or damaged: fetch it again") from error
        if header.type == tarfile.GNUTYPE_SPARSE and block[482]:
            while self._exactly(_BLOCK)[504]:
                pass  # the map of a sparse file goes on
        return header

    def _member(self, header: tarfile.TarInfo, told: dict[str, bytes]) -> Member:
        name = decoded(told["path"]) if "path" in told else header.name
        wide = told.get("size", b"")
        size = int(wide) if wide.isdigit() and len(wide) < 20 else header.size
        self._expect(0 if header.type in _WITHOUT_DATA else size)
        role = _ROLES.get(header.type, "special_file")
        is_sparse = role == "sparse" or any(key.startswith("GNU.sparse.") for key in told)
        role = "folder" if name.endswith("/") else "file" if is_sparse else role
        return Member(name, role, size, None, self._sparse if is_sparse else self._chunks)

    def _expect(self, size: int) -> None:
        if size < 0:
            raise StoppedShort("archive_damaged", "a member of negative size: fetch the archive again")
        self._left, self._padding = size, -size % _BLOCK

    def _sparse(self) -> Iterator[bytes]:
        raise DocumentError("unsupported_member", "a sparse file: pack the archive without --sparse")

    def _chunks(self) -> Iterator[bytes]:
        while self._left:
            chunk = self._read(min(self._left, CHUNK))
            if not chunk:
                raise cut_off()
            self._left -= len(chunk)
            yield chunk

    def _skip(self) -> None:
        self._left += self._padding
        for _ in self._chunks():
            pass

    def _text(self, header: tarfile.TarInfo) -> bytes:
        if not 0 <= header.size <= _LONGEST_HEADER:
            raise StoppedShort("archive_damaged", f"a header of {header.size} bytes")
        text = self._exactly(header.size)
        self._exactly(-header.size % _BLOCK)
        return text

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            if not (more := self._read(size - len(data))):
                raise cut_off()
            data += more
        return data

    def _read(self, size: int) -> bytes:
        try:
            data = self._stream.read(size)
        except EOFError as error:
            raise cut_off() from error
        except (gzip.BadGzipFile, zlib.error, lzma.LZMAError, zstd.ZstdError) as error:
            told = f"{self._path} is damaged and nothing of it was taken in ({error}): fetch it again"
            raise ImportFailed(told) from error
        self._may_come -= len(data)
        if self._may_come < 0:
            told = f"more than {RATIO} bytes come out for one that went in: a bomb?"
            raise StoppedShort("archive_too_large", told)
        return data


def _records(text: bytes) -> dict[str, bytes]:
    """The attributes of a pax header: lines such as `30 mtime=1700000000.123\\n`, the length first."""
    found = {}
    while text:
        length, space, _ = text.partition(b" ")
        if not (space and length.isdigit() and len(length) < 8 and 0 < int(length) <= len(text)):
            break
        key, _, value = text[len(length) + 1 : int(length) - 1].partition(b"=")
        found[decoded(key)] = value
        text = text[int(length) :]
    return found
