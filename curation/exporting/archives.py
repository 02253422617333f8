"""Writes documents to an archive.

The same store gives the same bytes. So all entries have the same fixed timestamp.
"""

from __future__ import annotations

import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from io import BytesIO
from typing import IO, Any

from .files import FileChange

_MODE = 0o644


@contextmanager
def opened_archive(stream: IO[bytes], name: str) -> Iterator[Callable[[FileChange], None]]:
    """Yield a function that adds a file to an archive; the archive is complete when the context ends.

    The suffix of `name` selects the format (`scanning.content.ARCHIVE_SUFFIXES`).
    """
    name = name.lower()
    with ExitStack() as opened:
        if name.endswith(".zip"):
            archive = opened.enter_context(zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED))
            yield lambda change: archive.writestr(_zip_entry(change.path), change.new)
        else:
            packed = opened.enter_context(_compressing(stream, name))
            # Written as a stream: without seeking, and without a list of members in memory.
            tar = opened.enter_context(tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT))

            def add(change: FileChange) -> None:
                tar.addfile(_tar_entry(change.path, len(change.new)), BytesIO(change.new))
                tar.members.clear()  # type: ignore[attr-defined]

            yield add


def _zip_entry(path: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(path)  # dated 1980, the earliest time of the zip format
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = _MODE << 16
    return entry


def _tar_entry(path: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(path)
    entry.size, entry.mode = size, _MODE
    return entry


@contextmanager
def _compressing(stream: IO[bytes], name: str) -> Iterator[Any]:
    if name.endswith((".gz", ".tgz")):
        import gzip

        with gzip.GzipFile("", "wb", 6, stream, mtime=0) as packed:
            yield packed
    elif name.endswith((".xz", ".txz")):
        import lzma

        with lzma.LZMAFile(stream, "wb") as packed_xz:
            yield packed_xz
    elif name.endswith((".zst", ".tzst")):
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd

        # Without the checksum, readers would not detect a damaged archive.
        options = {int(zstd.CompressionParameter.checksum_flag): 1}
        with zstd.ZstdFile(stream, "wb", options=options) as packed_zst:
            yield packed_zst
    else:
        yield stream
