"""The members of a .tar, plain or packed by gzip, xz or zstd, in the order of the stream.

Headers are parsed by Python's tarfile, but the walk from one to the next is done here: tarfile takes a
damaged header for the end of the archive (what follows would count as missing), and reads long names and
sparse maps of any size into memory.
"""

from __future__ import annotations

import io
import lzma
import re
import sys
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

from ..errors import DocumentError, ImportFailed
from .members import CHUNK, FREE, MAX_NAME, RATIO, Member, Reader, StoppedShort, cut_off, decoded

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_BLOCK = 512

#: Bytes of a long name or of further attributes; Linux has no path beyond 4,096.
_LONGEST_HEADER = 1 << 20

#: Memory that unpacking may take; `xz -9` needs 65 MB.
_XZ_MEMORY = 256 << 20

#: Packed bytes that a new stream gets at first.
_FIRST_STEP = 512

#: Streams that may follow one another. Those that tools make hold 64 KB or more each, and to begin a new one
#: takes some 30 microseconds, however small it is.
_MAX_STREAMS = 200_000

#: Types of headers that say something of the member that follows.
_ATTRIBUTES = frozenset(
    {
        tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
    }
)  # fmt: skip

#: One attribute of a pax header: its length, and its key.
_RECORD = re.compile(rb"([0-9]{1,7}) ([^=]+)=")
_NEEDED = frozenset({b"path", b"size"})

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


@contextmanager
def opened(path: Path) -> Iterator[Reader]:
    """Opens an archive, to be read once, from its beginning to its end."""
    with path.open("rb") as raw:
        magic = raw.read(6)
        raw.seek(0)
        unpacker = next((make for start, make in _UNPACKERS.items() if magic.startswith(start)), None)
        yield _Tar(path, raw) if unpacker is None else _PackedTar(path, _Unpacked.buffered(raw, unpacker))


class _Unpacker(Protocol):
    """One stream being unpacked, as lzma and zstd have it."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Gunzip:
    """A gzip stream; zlib itself looks at the checksum and the length at its end."""

    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(16 + zlib.MAX_WBITS)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._inflater.eof

    @property
    def unused_data(self) -> bytes:
        return self._inflater.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        unpacked = self._inflater.decompress(self._inflater.unconsumed_tail + data, max_length)
        # As long as pieces are full there may be more to come of what went in.
        self.needs_input = len(unpacked) < max_length and not self._inflater.unconsumed_tail
        return unpacked


def _unxz() -> _Unpacker:
    return lzma.LZMADecompressor(memlimit=_XZ_MEMORY)


#: What unpacks a stream, by its first bytes.
_UNPACKERS: dict[bytes, Callable[[], _Unpacker]] = {
    b"\x1f\x8b": _Gunzip,
    b"\xfd7zXZ\x00": _unxz,
    b"\x28\xb5\x2f\xfd": zstd.ZstdDecompressor,
}

_ZEROS = re.compile(b"\\0*")


class _TooManyStreamsError(Exception):
    pass


class _Unpacked(io.RawIOBase):
    """What comes out of streams that follow one another, with zeros between them.

    Python's own file objects know no limit of memory, and copy what is left of their buffer for every
    stream: here a new one is fed little by little, for there may be a million.
    """

    @classmethod
    def buffered(cls, raw: BinaryIO, make: Callable[[], _Unpacker]) -> BinaryIO:
        return io.BufferedReader(cls(raw, make), CHUNK)

    def __init__(self, raw: BinaryIO, make: Callable[[], _Unpacker]) -> None:
        self._raw = raw
        self._make = make
        self._unpacker = make()
        #: Packed bytes, how many of them went in, and how many go in next.
        self._packed, self._at, self._step = b"", 0, _FIRST_STEP
        self._streams = 1

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Raises EOFError where a stream is cut off, _TooManyStreamsError, and what its unpacker raises."""
        data = b""
        while not data:
            if self._unpacker.eof and not self._next_stream():
                return 0
            packed = b""
            if self._unpacker.needs_input and not (packed := self._piece()):
                raise EOFError
            data = self._unpacker.decompress(packed, len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _piece(self) -> bytes:
        self._fill()
        piece = self._packed[self._at : self._at + self._step]
        self._at += len(piece)
        self._step = min(2 * self._step, CHUNK)
        return piece

    def _fill(self) -> bool:
        if self._at == len(self._packed):
            self._packed, self._at = self._raw.read(CHUNK), 0
        return bool(self._packed)

    def _next_stream(self) -> bool:
        self._at -= len(self._unpacker.unused_data)
        while self._fill():
            zeros = _ZEROS.match(self._packed, self._at)
            assert zeros is not None
            self._at = zeros.end()
            if self._at < len(self._packed):
                self._streams += 1
                if self._streams > _MAX_STREAMS:
                    raise _TooManyStreamsError
                self._unpacker, self._step = self._make(), _FIRST_STEP
                return True
        return False


class _Tar(Reader):
    """A stream of headers and data, read forward only.

    Headers have checksums; data have none, nor have the long names and attributes that stand in data.
    """

    def __init__(self, path: Path, stream: BinaryIO) -> None:
        self._path = path
        self._stream = stream
        #: Bytes of the present member that were not read yet, and those that fill its last block.
        self._left = self._padding = 0
        self._has_ended = False

    def members(self) -> Iterator[Member]:
        attributes = _Attributes()
        while (header := self._header()) is not None:
            if header.type in _ATTRIBUTES:
                attributes = attributes.with_text(header.type, self._text(header))
            else:
                yield self._member(header, attributes)
                self._skip()
                attributes = _Attributes()
        if attributes != _Attributes():
            raise _damaged("attributes stand before its end, of no member")
        self._has_ended = True

    def finish(self) -> None:
        """Reads to the very end, which a packed tar's checksum is at. A block of zeros that is followed by
        anything else was no end, but damage."""
        is_empty = True
        while chunk := self._read(CHUNK):
            is_empty = is_empty and chunk.count(0) == len(chunk)
        if self._has_ended and not is_empty:
            raise _damaged("something follows its end")

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

    def _member(self, header: tarfile.TarInfo, attributes: _Attributes) -> Member:
        name = header.name if attributes.name is None else attributes.name
        size = header.size if attributes.size is None else attributes.size
        self._expect(0 if header.type in _WITHOUT_DATA else size)
        role = _ROLES.get(header.type, "special_file")
        is_sparse = role == "sparse" or attributes.is_sparse
        role = "folder" if name.endswith("/") else "file" if is_sparse else role
        return Member(name, role, size, None, self._sparse if is_sparse else self._chunks)

    def _expect(self, size: int) -> None:
        if size < 0:
            raise _damaged("a member of negative size")
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
            raise _damaged(f"a header of {header.size} bytes")
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
        return self._stream.read(size)


class _PackedTar(_Tar):
    """A tar in streams of gzip, xz or zstd.

    As long as the last checksum is not known no byte can be trusted: whatever is wrong with the packing,
    nothing of the archive is used.
    """

    def __init__(self, path: Path, stream: BinaryIO) -> None:
        super().__init__(path, stream)
        self._may_come = FREE + RATIO * path.stat().st_size

    def _read(self, size: int) -> bytes:
        try:
            data = self._stream.read(size)
        except EOFError as error:
            raise self._refused("damaged", "it is cut off: fetch it again") from error
        except _TooManyStreamsError as error:
            told = f"over {_MAX_STREAMS:,} streams follow one another: compress the archive again"
            raise self._refused("too large", told) from error
        except (zlib.error, lzma.LZMAError, zstd.ZstdError) as error:
            raise self._refused("damaged", f"{error}: fetch it again") from error
        self._may_come -= len(data)
        if self._may_come < 0:
            raise self._refused("too large", f"over {RATIO} bytes come out for one that went in; a bomb?")
        return data

    def _refused(self, what: str, why: str) -> ImportFailed:
        return ImportFailed(f"{self._path} is {what} and nothing of it was imported: {why}")


class _Attributes(NamedTuple):
    """What the headers before a member's own say of it: as long as they say nothing, its own holds."""

    name: str | None = None
    size: int | None = None
    is_sparse: bool = False

    def with_text(self, kind: bytes, text: bytes) -> _Attributes:
        """These attributes, and those of one more header. Raises StoppedShort."""
        if kind == tarfile.GNUTYPE_LONGNAME:
            return self._replace(name=_name(text.rstrip(b"\0")))
        if kind in (tarfile.XGLTYPE, tarfile.GNUTYPE_LONGLINK):
            return self
        told = dict(_records(text))
        # A sparse file's own name stands there, and in its path that of a folder which is none.
        name = told.get("GNU.sparse.name", told.get("path"))
        return _Attributes(
            self.name if name is None else _name(name),
            _size(told["size"]) if "size" in told else self.size,
            self.is_sparse or any(key.startswith("GNU.sparse.") for key in told),
        )


def _name(text: bytes) -> str:
    if not 0 < len(text) <= MAX_NAME:
        raise _damaged(f"a name of {len(text)} bytes")
    return decoded(text)


def _size(text: bytes) -> int:
    if not text.isdigit() or len(text) > 19:
        raise _damaged("a size that is no number")
    return int(text)


def _records(text: bytes) -> Iterator[tuple[str, bytes]]:
    """The attributes of a pax header that matter: lines such as `30 path=_news/a.md\\n`, the length first.

    Raises StoppedShort where one of them is broken: the others may be, too.
    """
    at, stop = 0, len(text.rstrip(b"\0"))
    while at < stop:
        found = _RECORD.match(text, at)
        end = at + int(found[1]) if found else 0
        if found is None or not found.end() < end <= len(text) or text[end - 1] != ord("\n"):
            raise _damaged("attributes that are broken")
        if found[2] in _NEEDED or found[2].startswith(b"GNU.sparse."):
            yield decoded(found[2]), text[found.end() : end - 1]
        at = end


def _damaged(what: str) -> StoppedShort:
    return StoppedShort("archive_damaged", f"the tar archive is damaged ({what}): fetch it again")
