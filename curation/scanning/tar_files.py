"""Read the members of a .tar, plain or compressed by gzip, xz or zstd, in the order of the stream.

Python's tarfile parses the headers, but this module moves from one header to the next. tarfile takes a
damaged header for the end of the archive, so that the members after it would count as missing. It also reads
long names and sparse maps of any size into memory.
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
from .members import (
    MAX_NAME_LENGTH,
    MAX_RATIO,
    RATIO_FREE_BYTES,
    READ_SIZE,
    Member,
    PartialArchiveError,
    Reader,
    decode_name,
    make_truncated_error,
)

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_BLOCK = 512

#: Maximum size of a long name or an extended header in bytes. Linux has no path longer than 4,096 bytes.
_MAX_HEADER_BYTES = 1 << 20

#: Maximum memory for decompressing xz, in bytes. `xz -9` needs 65 MB.
_MAX_XZ_MEMORY = 256 << 20

#: Compressed bytes in the first step of a new stream.
_INITIAL_STEP = 512

#: Maximum number of compressed streams in one file. Tools write streams of 64 KB or more. Starting a stream
#: takes about 30 microseconds, even if it is tiny.
_MAX_STREAMS = 200_000

#: Types of extended headers, which describe the member that follows.
_EXTENDED_TYPES = frozenset(
    {
        tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
    }
)  # fmt: skip

#: The start of one record of a pax header: its length and its key.
_PAX_RECORD = re.compile(rb"([0-9]{1,7}) ([^=]+)=")
_PAX_KEYS = frozenset({b"path", b"size"})

_ROLES = {
    tarfile.REGTYPE: "file",
    tarfile.AREGTYPE: "file",
    tarfile.CONTTYPE: "file",
    tarfile.GNUTYPE_SPARSE: "sparse",
    tarfile.DIRTYPE: "folder",
    tarfile.SYMTYPE: "symlink",
    tarfile.LNKTYPE: "hard_link",
}

#: Types without data, whatever size their header states.
_TYPES_WITHOUT_DATA = frozenset(
    {tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE}
)


@contextmanager
def open_tar(path: Path) -> Iterator[Reader]:
    """Open a tar archive, which can be read once, from start to end."""
    with path.open("rb") as raw:
        magic = raw.read(6)
        raw.seek(0)
        make_decompressor = next(
            (make for start, make in _DECOMPRESSORS.items() if magic.startswith(start)), None
        )
        if make_decompressor is None:
            yield _Tar(path, raw)
        else:
            yield _PackedTar(path, _DecompressedStream.buffered(raw, make_decompressor))


class _Decompressor(Protocol):
    """The interface of the decompressors of lzma and zstd, for one stream."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _GzipDecompressor:
    """A decompressor of one gzip stream. zlib itself checks the checksum and the length at its end."""

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
        # After a full piece, more output may follow from the same input.
        self.needs_input = len(unpacked) < max_length and not self._inflater.unconsumed_tail
        return unpacked


def _xz_decompressor() -> _Decompressor:
    return lzma.LZMADecompressor(memlimit=_MAX_XZ_MEMORY)


#: Decompressors, by the first bytes of their streams.
_DECOMPRESSORS: dict[bytes, Callable[[], _Decompressor]] = {
    b"\x1f\x8b": _GzipDecompressor,
    b"\xfd7zXZ\x00": _xz_decompressor,
    b"\x28\xb5\x2f\xfd": zstd.ZstdDecompressor,
}

_ZEROS = re.compile(b"\\0*")


class _TooManyStreamsError(Exception):
    pass


class _DecompressedStream(io.RawIOBase):
    """The decompressed bytes of consecutive streams, which may have zeros between them.

    Python's own file objects have no memory limit, and copy the rest of their buffer for every stream. There
    may be a million streams. Therefore a new stream first gets only a few bytes here.
    """

    @classmethod
    def buffered(cls, raw: BinaryIO, make_decompressor: Callable[[], _Decompressor]) -> BinaryIO:
        return io.BufferedReader(cls(raw, make_decompressor), READ_SIZE)

    def __init__(self, raw: BinaryIO, make_decompressor: Callable[[], _Decompressor]) -> None:
        self._raw = raw
        self._make_decompressor = make_decompressor
        self._decompressor = make_decompressor()
        #: Compressed bytes, how many of them are consumed, and the size of the next step.
        self._packed, self._position, self._step = b"", 0, _INITIAL_STEP
        self._streams = 1

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill a buffer.

        Raises:
            EOFError: A stream is truncated.
            _TooManyStreamsError: The file has too many streams.
            Exception: Any error of the decompressor.
        """
        data = b""
        while not data:
            if self._decompressor.eof and not self._next_stream():
                return 0
            packed = b""
            if self._decompressor.needs_input and not (packed := self._next_piece()):
                raise EOFError
            data = self._decompressor.decompress(packed, len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _next_piece(self) -> bytes:
        self._fill()
        piece = self._packed[self._position : self._position + self._step]
        self._position += len(piece)
        self._step = min(2 * self._step, READ_SIZE)
        return piece

    def _fill(self) -> bool:
        if self._position == len(self._packed):
            self._packed, self._position = self._raw.read(READ_SIZE), 0
        return bool(self._packed)

    def _next_stream(self) -> bool:
        self._position -= len(self._decompressor.unused_data)
        while self._fill():
            zeros = _ZEROS.match(self._packed, self._position)
            assert zeros is not None
            self._position = zeros.end()
            if self._position < len(self._packed):
                self._streams += 1
                if self._streams > _MAX_STREAMS:
                    raise _TooManyStreamsError
                self._decompressor, self._step = self._make_decompressor(), _INITIAL_STEP
                return True
        return False


class _Tar(Reader):
    """A tar stream of headers and data, read forward only.

    Headers have checksums. Data has none, and neither have long names and extended headers, which are data.
    """

    def __init__(self, path: Path, stream: BinaryIO) -> None:
        self._path = path
        self._stream = stream
        #: Unread bytes of the current member, and the bytes that fill its last block.
        self._left = self._padding = 0
        self._has_end_block = False

    def read_members(self) -> Iterator[Member]:
        extended = _ExtendedHeader()
        while (header := self._read_header()) is not None:
            if header.type in _EXTENDED_TYPES:
                extended = extended.merged_with(header.type, self._read_extension(header))
            else:
                yield self._member(header, extended)
                self._skip_data()
                extended = _ExtendedHeader()
        if extended != _ExtendedHeader():
            raise _damaged_error("no member follows its last extended header")
        self._has_end_block = True

    def finish(self) -> None:
        """Read to the end of the file, where a compressed tar has its checksum.

        Data after a block of zeros shows that the block was damage, not the end of the archive.
        """
        is_empty = True
        while chunk := self._read(READ_SIZE):
            is_empty = is_empty and chunk.count(0) == len(chunk)
        if self._has_end_block and not is_empty:
            raise _damaged_error("data follows its end")

    def _read_header(self) -> tarfile.TarInfo | None:
        """Return the next header, or None at the end, which is a block of zeros.

        Without such a block the tar is truncated.
        """
        block = self._read_exactly(_BLOCK)
        if not any(block):
            return None
        try:
            header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            raise PartialArchiveError(
                "archive_damaged", "not a tar archive, or damaged: download it again"
            ) from error
        if header.type == tarfile.GNUTYPE_SPARSE and block[482]:
            while self._read_exactly(_BLOCK)[504]:
                pass  # the map of a sparse file continues in the next block
        return header

    def _member(self, header: tarfile.TarInfo, extended: _ExtendedHeader) -> Member:
        name = header.name if extended.name is None else extended.name
        size = header.size if extended.size is None else extended.size
        self._start_data(0 if header.type in _TYPES_WITHOUT_DATA else size)
        role = _ROLES.get(header.type, "special_file")
        is_sparse = role == "sparse" or extended.is_sparse
        role = "folder" if name.endswith("/") else "file" if is_sparse else role
        return Member(name, role, size, None, self._reject_sparse if is_sparse else self._read_chunks)

    def _start_data(self, size: int) -> None:
        if size < 0:
            raise _damaged_error("a member has a negative size")
        self._left, self._padding = size, -size % _BLOCK

    def _reject_sparse(self) -> Iterator[bytes]:
        raise DocumentError("unsupported_member", "a sparse file: create the archive without --sparse")

    def _read_chunks(self) -> Iterator[bytes]:
        while self._left:
            chunk = self._read(min(self._left, READ_SIZE))
            if not chunk:
                raise make_truncated_error()
            self._left -= len(chunk)
            yield chunk

    def _skip_data(self) -> None:
        self._left += self._padding
        for _ in self._read_chunks():
            pass

    def _read_extension(self, header: tarfile.TarInfo) -> bytes:
        if not 0 <= header.size <= _MAX_HEADER_BYTES:
            raise _damaged_error(f"an extended header has {header.size} bytes")
        text = self._read_exactly(header.size)
        self._read_exactly(-header.size % _BLOCK)
        return text

    def _read_exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            if not (more := self._read(size - len(data))):
                raise make_truncated_error()
            data += more
        return data

    def _read(self, size: int) -> bytes:
        return self._stream.read(size)


class _PackedTar(_Tar):
    """A tar in streams of gzip, xz or zstd.

    No byte can be trusted until the last checksum is verified. After any error in the compression, nothing of
    the archive is used.
    """

    def __init__(self, path: Path, stream: BinaryIO) -> None:
        super().__init__(path, stream)
        self._bytes_left = RATIO_FREE_BYTES + MAX_RATIO * path.stat().st_size

    def _read(self, size: int) -> bytes:
        try:
            data = self._stream.read(size)
        except EOFError as error:
            raise self._archive_error("damaged", "it is truncated; download it again") from error
        except _TooManyStreamsError as error:
            message = f"more than {_MAX_STREAMS:,} compressed streams; compress the archive again"
            raise self._archive_error("too large", message) from error
        except (zlib.error, lzma.LZMAError, zstd.ZstdError) as error:
            raise self._archive_error("damaged", f"{error}; download it again") from error
        self._bytes_left -= len(data)
        if self._bytes_left < 0:
            message = f"more than {MAX_RATIO} unpacked bytes per packed byte (a decompression bomb?)"
            raise self._archive_error("too large", message)
        return data

    def _archive_error(self, problem: str, details: str) -> ImportFailed:
        return ImportFailed(f"{self._path} is {problem}, nothing was imported: {details}")


class _ExtendedHeader(NamedTuple):
    """Values from the extended headers before a member. None means that the member's own header applies."""

    name: str | None = None
    size: int | None = None
    is_sparse: bool = False

    def merged_with(self, kind: bytes, text: bytes) -> _ExtendedHeader:
        """Return these values, updated from one more extended header.

        Raises:
            PartialArchiveError: The header is invalid.
        """
        if kind == tarfile.GNUTYPE_LONGNAME:
            return self._replace(name=_parse_name(text.rstrip(b"\0")))
        if kind in (tarfile.XGLTYPE, tarfile.GNUTYPE_LONGLINK):
            return self
        values = dict(_parse_pax_records(text))
        # The path of a sparse file has an extra, nonexistent folder. Its real name is a separate value.
        name = values.get("GNU.sparse.name", values.get("path"))
        return _ExtendedHeader(
            self.name if name is None else _parse_name(name),
            _parse_size(values["size"]) if "size" in values else self.size,
            self.is_sparse or any(key.startswith("GNU.sparse.") for key in values),
        )


def _parse_name(text: bytes) -> str:
    if not 0 < len(text) <= MAX_NAME_LENGTH:
        raise _damaged_error(f"a name has {len(text)} bytes")
    return decode_name(text)


def _parse_size(text: bytes) -> int:
    if not text.isdigit() or len(text) > 19:
        raise _damaged_error("a size is not a number")
    return int(text)


def _parse_pax_records(text: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the keys and values of a pax header that are needed here.

    A record is a line such as `30 path=_news/a.md\\n`, which starts with its length.

    Raises:
        PartialArchiveError: A record is invalid. The others may be invalid, too.
    """
    at, stop = 0, len(text.rstrip(b"\0"))
    while at < stop:
        found = _PAX_RECORD.match(text, at)
        end = at + int(found[1]) if found else 0
        if found is None or not found.end() < end <= len(text) or text[end - 1] != ord("\n"):
            raise _damaged_error("an extended header is invalid")
        if found[2] in _PAX_KEYS or found[2].startswith(b"GNU.sparse."):
            yield decode_name(found[2]), text[found.end() : end - 1]
        at = end


def _damaged_error(details: str) -> PartialArchiveError:
    return PartialArchiveError(
        "archive_damaged", f"the tar archive is damaged ({details}): download it again"
    )
