"""Read a dump that is an archive: .zip, or .tar, plain or compressed by gzip, xz or zstd.

The archive is unpacked once, from start to end. Only its content is kept, in one temporary file without a
name, which disappears with the process. Memory use does not grow with the size of the dump, and disk use
grows only with its content. No file is ever created under a name that the archive chose.

If an archive is damaged, its intact members are used and the scan reports that the rest is unknown. If the
compression of a tar is damaged, no byte can be trusted and nothing is used. Therefore a compressed tar is
unpacked completely, and its checksum verified, before any of its content is returned.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from ..documents.issues import Issue
from ..errors import DocumentError, ImportFailed
from ..paths import ARTICLE_SUFFIXES
from ..temporary import open_unnamed_file
from .content import ARCHIVE_SUFFIXES, TOPIC_SUFFIXES, UNSUPPORTED_ARCHIVE_SUFFIXES, kind_of, make_printable
from .tree import WHOLE_ARCHIVE_CODES, File, Scan, Tree, is_within

#: The first bytes of unsupported archives: bzip2, 7-Zip, RAR, lzip, lz4, compress, lzop.
_UNSUPPORTED_MAGIC = (
    b"BZh", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"LZIP", b"\x04\x22\x4d\x18", b"\x1f\x9d", b"\x89LZO",
)  # fmt: skip
_MAGIC = (b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd")


def is_archive(path: Path) -> bool:
    """Return whether a regular file is an archive, by its first bytes or else by its name.

    Raises:
        ImportFailed: The file cannot be read, or is an archive in an unsupported format.
    """
    name = path.name.lower()
    if name.endswith(ARTICLE_SUFFIXES + TOPIC_SUFFIXES):
        return False
    try:
        with path.open("rb") as stream:
            head = stream.read(512)
    except OSError as error:
        raise ImportFailed(f"{path} cannot be read: {error.strerror}") from error
    if head.startswith(_UNSUPPORTED_MAGIC) or (
        name.endswith(UNSUPPORTED_ARCHIVE_SUFFIXES) and not head.startswith(_MAGIC)
    ):
        raise ImportFailed(
            f"{path} is an archive in an unsupported format: repack it as {', '.join(ARCHIVE_SUFFIXES)},"
            " or unpack it and import the folder"
        )
    return head.startswith(_MAGIC) or head[257:262] == b"ustar" or name.endswith(ARCHIVE_SUFFIXES)


class Archive(Tree):
    """An archive. Its root is the folder that contains the content folders, at any depth.

    Args:
        path: The archive file.
        inner: The root, as a path from the top of the archive. "" is the top, None finds the root.

    Raises:
        ImportFailed: The archive cannot be unpacked, or several folders may be the root.
    """

    def __init__(self, path: Path, inner: str | None = None) -> None:
        from .unpacking import UnpackedArchive

        self._path = path.resolve()
        self.location = make_printable(str(self._path))
        self._spool = _open_temporary_file()
        try:
            self._unpacked = UnpackedArchive(self._path, self._spool, inner)
            self._root = self._unpacked.find_root() if inner is None else inner
        except BaseException:
            with suppress(OSError):  # on a full disk, closing fails to write the buffered bytes
                self.close()
            raise
        self.name = self._root.rpartition("/")[2] or _name_without_suffix(self._path.name)

    def scan(self, within: Sequence[str] = ()) -> Scan:
        scan = Scan(
            issues=list(self._unpacked.issues), skipped_paths=list(self._unpacked.skipped_paths[self._root])
        )
        for path, found in self._entries_within(frozenset(within)):
            if isinstance(found, Issue):
                scan.issues.append((make_printable(path), found))
            elif (kind := kind_of(path)) is not None:
                scan.files.append(File(path, kind, None, None))
        return self.finish_scan(scan, within)

    def read(self, files: Sequence[File]) -> list[bytes | DocumentError]:
        found = self._unpacked.found[self._root]
        return [self._read_span(found[file.path]) for file in files]

    def find_absent(self, paths: Iterable[str]) -> list[str]:
        if any(issue.code in WHOLE_ARCHIVE_CODES for _, issue in self._unpacked.issues):
            return []
        return [path for path in paths if path not in self._unpacked.found[self._root]]

    def read_config_file(self) -> bytes | DocumentError | None:
        found = self._unpacked.configs.get(self._root)
        if isinstance(found, Issue):
            return DocumentError(found.code, found.message)
        return None if found is None else self._read_span(found)

    def close(self) -> None:
        self._spool.close()

    def _entries_within(self, within: frozenset[str]) -> Iterator[tuple[str, tuple[int, int] | Issue]]:
        for path, found in self._unpacked.found[self._root].items():
            if is_within(path, within):
                yield path, found

    def _read_span(self, found: tuple[int, int] | Issue) -> bytes | DocumentError:
        assert not isinstance(found, Issue), "a scan returns no file for a member with an issue"
        offset, length = found
        data = os.pread(self._spool.fileno(), length, offset)
        return data if len(data) == length else DocumentError("unreadable", "the temporary file is truncated")


def _open_temporary_file() -> IO[bytes]:
    return open_unnamed_file(buffering=1 << 16)


def _name_without_suffix(name: str) -> str:
    """Return an archive's file name without its suffix: `site` for `site.tar.gz`."""
    longest = max((s for s in ARCHIVE_SUFFIXES if name.lower().endswith(s)), key=len, default="")
    return name.removesuffix(name[len(name) - len(longest) :]) if longest else name
