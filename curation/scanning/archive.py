"""A dump that is an archive: .zip, or .tar, plain or packed by gzip, xz or zstd.

It is unpacked once, from its beginning to its end, and the content alone is kept, in one temporary file
without a name (it is gone when the process is, however that ends): memory does not grow with the dump's
bytes, and disk only by its content. Nothing is ever written under a name that the archive chose.

Where an archive is damaged, what is whole in it is used, and the scan says that of the rest nothing is known.
Where the packing of a tar is damaged, no byte can be trusted and nothing is used: all is unpacked, and the
checksum known, before any of it is given away.
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
from ..temporary import unnamed_file
from .content import ARCHIVE_SUFFIXES, OTHER_ARCHIVES, TOPIC_SUFFIXES, kind_of, printable
from .tree import OF_THE_WHOLE, File, Scan, Tree, is_within

#: The first bytes of archives that are not read: bzip2, 7-Zip, RAR, lzip, lz4, compress, lzop.
_OTHER_MAGIC = (
    b"BZh", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"LZIP", b"\x04\x22\x4d\x18", b"\x1f\x9d", b"\x89LZO",
)  # fmt: skip
_MAGIC = (b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd")


def is_archive(path: Path) -> bool:
    """Whether a regular file is an archive: by its first bytes, or else by its name.

    Raises ImportFailed where it cannot be read, also because it is an archive of another kind.
    """
    name = path.name.lower()
    if name.endswith(ARTICLE_SUFFIXES + TOPIC_SUFFIXES):
        return False
    try:
        with path.open("rb") as stream:
            head = stream.read(512)
    except OSError as error:
        raise ImportFailed(f"{path} cannot be read: {error.strerror}") from error
    if head.startswith(_OTHER_MAGIC) or (name.endswith(OTHER_ARCHIVES) and not head.startswith(_MAGIC)):
        raise ImportFailed(
            f"{path} is an archive of a kind that is not read: pack it as {', '.join(ARCHIVE_SUFFIXES)},"
            " or unpack it and import the folder"
        )
    return head.startswith(_MAGIC) or head[257:262] == b"ustar" or name.endswith(ARCHIVE_SUFFIXES)


class Archive(Tree):
    """An archive; its root is the folder that holds the folders of content, however deep that lies.

    inner: the root, as a path from the archive's top; "" for the top, None to find it. Raises ImportFailed
    where the archive cannot be unpacked, or where several folders might be the root.
    """

    def __init__(self, path: Path, inner: str | None = None) -> None:
        from .unpacking import Unpacked

        self._path = path.resolve()
        self.location = printable(str(self._path))
        self._spool = _temporary()
        try:
            self._unpacked = Unpacked(self._path, self._spool, inner)
            self._root = self._unpacked.root() if inner is None else inner
        except BaseException:
            with suppress(OSError):  # a full folder cannot even take what is left to be written
                self.close()
            raise
        self.name = self._root.rpartition("/")[2] or _stem(self._path.name)

    def scan(self, within: Sequence[str] = ()) -> Scan:
        scan = Scan(issues=list(self._unpacked.issues), others=list(self._unpacked.others[self._root]))
        for path, found in self._found(frozenset(within)):
            if isinstance(found, Issue):
                scan.issues.append((printable(path), found))
            elif (kind := kind_of(path)) is not None:
                scan.files.append(File(path, kind, None, None))
        return self.whole(scan, within)

    def read(self, files: Sequence[File]) -> list[bytes | DocumentError]:
        found = self._unpacked.found[self._root]
        return [self._slice(found[file.path]) for file in files]

    def find_absent(self, paths: Iterable[str]) -> list[str]:
        if any(issue.code in OF_THE_WHOLE for _, issue in self._unpacked.issues):
            return []
        return [path for path in paths if path not in self._unpacked.found[self._root]]

    def config(self) -> bytes | DocumentError | None:
        found = self._unpacked.configs.get(self._root)
        if isinstance(found, Issue):
            return DocumentError(found.code, found.message)
        return None if found is None else self._slice(found)

    def close(self) -> None:
        self._spool.close()

    def _found(self, within: frozenset[str]) -> Iterator[tuple[str, tuple[int, int] | Issue]]:
        for path, found in self._unpacked.found[self._root].items():
            if is_within(path, within):
                yield path, found

    def _slice(self, found: tuple[int, int] | Issue) -> bytes | DocumentError:
        assert not isinstance(found, Issue), "a scan gives no file for what was kept out"
        offset, length = found
        data = os.pread(self._spool.fileno(), length, offset)
        return data if len(data) == length else DocumentError("unreadable", "the temporary file is cut off")


def _temporary() -> IO[bytes]:
    return unnamed_file(buffering=1 << 16)


def _stem(name: str) -> str:
    """`site` for `site.tar.gz`."""
    longest = max((s for s in ARCHIVE_SUFFIXES if name.lower().endswith(s)), key=len, default="")
    return name.removesuffix(name[len(name) - len(longest) :]) if longest else name
