"""A dump's files: which are content, in what order, and their bytes.

What is content is a matter of where a file lies (`kind_of`). Nothing is followed out of its place:
links, devices, FIFOs and sockets are passed over with an issue and never opened.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path, PurePosixPath

from ..errors import DocumentError
from ..faults import Fault

#: Characters of a path below its source: what every engine can hold in a unique index.
MAX_PATH = 640

#: Bytes of the largest file that is read; the largest document seen has 129 KB.
MAX_BYTES = 16 * 1024 * 1024

ARTICLE_SUFFIXES = (".md", ".markdown", ".html")
TOPIC_SUFFIXES = (".yaml", ".yml")

#: Folders of the site generator, not of content.
MACHINERY = frozenset({"_site", "_layouts", "_includes", "_sass", "_plugins"})


class Kind(Enum):
    """What a content file describes."""

    ARTICLE = "article"
    ORGANIZATION = "organization"
    TOPIC = "topic"


@dataclass(frozen=True, slots=True)
class File:
    """A content file: its path from the source's root, as the files have it, and where it is read."""

    path: str
    kind: Kind
    location: str


@dataclass(slots=True)
class Scan:
    """What a walk found: the content in order of path, faults by path, and how many others it passed."""

    files: list[File]
    faults: list[tuple[str, Fault]]
    skipped: int = 0

    def unread(self) -> tuple[str, ...]:
        """What the walk knows nothing of, as beginnings of paths: unreadable folders, links."""
        return tuple(f"{path}/" for path, fault in self.faults if fault.code in ("unreadable", "symlink"))


def kind_of(path: str) -> Kind | None:
    """What the file at a path from the root describes; None if it is not content.

    `_news/x.md` and whatever else lies below a folder `_…` is an article; `_data/organizations/*.md`
    and `_data/topics/*.yaml` are taxonomy; the generator's own folders and all else are not content.
    """
    parts = path.split("/")
    top, name = parts[0], parts[-1]
    if len(parts) < 2 or not top.startswith("_") or top in MACHINERY:
        return None
    if top == "_data":
        if parts[1:-1] == ["organizations"] and name.endswith(ARTICLE_SUFFIXES):
            return Kind.ORGANIZATION
        is_topic = parts[1:-1] == ["topics"] and name.endswith(TOPIC_SUFFIXES)
        return Kind.TOPIC if is_topic else None
    return Kind.ARTICLE if name.endswith(ARTICLE_SUFFIXES) else None


def collection_of(path: str) -> str:
    """`learning/videos` for `_learning/videos/x.md`: the folder without its underscores."""
    return "/".join(part.removeprefix("_") for part in path.split("/")[:-1])


def slug_of(path: str) -> str:
    """`x-y` for `_news/2021-05-28-x-y.md`: the file's name without date and suffix."""
    stem = PurePosixPath(path).stem
    is_dated = (
        len(stem) > 11 and stem[:10].replace("-", "").isdigit() and stem[4] == stem[7] == stem[10] == "-"
    )
    return stem[11:] if is_dated else stem


def scan_folder(root: Path) -> Scan:
    """Walks a source's root; order is by path, so that every import goes the same way."""
    scan = Scan([], [])
    for entry in _top_entries(root):
        if entry.is_dir(follow_symlinks=False):
            _walk(entry.path, entry.name, scan)
        elif entry.is_symlink():
            scan.faults.append(
                (printable(entry.name), Fault("warning", "symlink", "a symbolic link is not followed"))
            )
    scan.files.sort(key=lambda file: file.path)
    scan.faults.sort(key=lambda found: found[0])
    return scan


def read_file(location: str) -> bytes:
    """A file's bytes. Raises DocumentError for one that is too large, is no regular file any more, or
    cannot be read: it is never followed through a link, and a FIFO is not waited for."""
    try:
        descriptor = os.open(location, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise DocumentError("unreadable", f"cannot be read: {error.strerror}") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise DocumentError("not_a_file", "not a regular file any more")
        if status.st_size > MAX_BYTES:
            raise DocumentError("file_too_large", f"{status.st_size} bytes; at most {MAX_BYTES} are read")
        data = os.read(descriptor, status.st_size + 1)
        while len(data) < status.st_size and (more := os.read(descriptor, status.st_size - len(data))):
            data += more
    except OSError as error:
        raise DocumentError("unreadable", f"cannot be read: {error.strerror}") from error
    finally:
        os.close(descriptor)
    if len(data) != status.st_size:
        raise DocumentError("changed_while_read", "the file changed while it was read; run the import again")
    return data


def _top_entries(root: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(root) as entries:
        yield from (e for e in entries if e.name.startswith("_") and e.name not in MACHINERY)


def _walk(folder: str, path: str, scan: Scan) -> None:
    """Adds what lies in a folder, `path` being the folder's own from the root."""
    pending = [(folder, path)]
    while pending:
        folder, path = pending.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    below = f"{path}/{entry.name}"
                    if entry.is_dir(follow_symlinks=False):
                        pending.append((entry.path, below))
                    else:
                        _add(entry, below, scan)
        except OSError as error:
            message = f"the folder cannot be read: {error.strerror}"
            scan.faults.append((printable(path), Fault("error", "unreadable", message)))


def _add(entry: os.DirEntry[str], path: str, scan: Scan) -> None:
    fault = _fault_of(entry, path)
    if fault is not None:
        scan.faults.append((printable(path), fault))
    elif (kind := kind_of(path)) is None:
        scan.skipped += 1
    else:
        scan.files.append(File(path, kind, entry.path))


def _fault_of(entry: os.DirEntry[str], path: str) -> Fault | None:
    if entry.is_symlink():
        return Fault("warning", "symlink", "a symbolic link is not followed")
    if not entry.is_file(follow_symlinks=False):
        return Fault("warning", "special_file", "a device, FIFO or socket is not opened")
    if _NOT_IN_A_NAME.search(path):
        return Fault("error", "bad_name", "the name is not UTF-8 or holds control characters")
    if len(path) > MAX_PATH:
        return Fault(
            "error", "path_too_long", f"a path of {len(path)} characters; at most {MAX_PATH} are kept"
        )
    return None


#: Control characters; and surrogates, which stand for bytes that are not UTF-8.
_NOT_IN_A_NAME = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def printable(path: str) -> str:
    """A path fit to be stored: what no name should hold is escaped."""
    return _NOT_IN_A_NAME.sub(lambda match: ascii(match[0])[1:-1], path)
