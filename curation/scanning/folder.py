"""A dump that is a folder on disk.

Every file costs one `stat` of the directory's entry, which tells size, times and names; content is never
opened here. A file with several names (hard links) is passed over with a warning, as `bad-input.md` asks:
one of its names may lie outside the dump and be somebody else's. Because whole trees are hard-linked by
`cp -al` or `rsync --link-dest`, such a file is never taken for missing, and a dump of nothing else is
refused with a line that says to copy it.
"""

from __future__ import annotations

import os
import shlex
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ..documents.issues import Issue
from ..errors import DocumentError, ImportFailed
from ..paths import MAX_PATH
from . import content
from .content import Kind, holds_content, printable, rule_of
from .tree import SKIPPED_ISSUES, File, Scan, Tree, issue_of_name, skip_path, too_large

#: Nanoseconds by which a file must be older than the scan for its times to vouch for its bytes: a later
#: change within one tick of the clock would leave them equal. Kernels tick every 1 to 10 ms; file systems
#: that keep whole seconds (or two, as FAT does) need more.
_TICK = 100_000_000
_COARSE_TICK = 2_500_000_000
_SECOND = 1_000_000_000


class Folder(Tree):
    """A folder, walked without following anything out of it."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self.name = self._root.name
        self.location = printable(str(self._root))

    def scan(self, within: Sequence[str] = ()) -> Scan:
        scan = self.walk(within)
        if not (within or scan.files or scan.issues) and self._is_empty_submodule():
            raise ImportFailed(
                f"{self.location} is an empty folder of a submodule: run `git submodule update --init`"
            )
        return self.whole(scan, within)

    def advise(self) -> str:
        if (self._root / ".gitmodules").is_file() and (self._root / ".git").exists():
            fetch = f"git -C {shlex.quote(self.location)} submodule update --init"
            return f"{super().advise()}; if it is in a submodule, `{fetch}` fetches that"
        if self._holds_nothing() and (self._root / ".git").exists():
            return "--rev HEAD imports what is committed"
        return super().advise()

    def walk(self, within: Sequence[str] = ()) -> Scan:
        """As `scan`, in no order; a root without content is no fault."""
        scan = Scan()
        walk = _Walk(scan, time.time_ns())
        for path in within or self._tops(scan):
            self._start(walk, path)
        return scan

    def read(self, files: Sequence[File]) -> list[bytes | DocumentError]:
        return [read_or_issue(file.location or "") for file in files]

    def find_absent(self, paths: Iterable[str]) -> list[str]:
        return [path for path in paths if _is_absent(self._root / path)]

    def config(self) -> bytes | DocumentError | None:
        path = self._root / content.CONFIG
        try:
            status = path.lstat()
        except OSError:
            return None
        if not stat.S_ISREG(status.st_mode):
            return None
        if status.st_nlink > 1:
            issue = SKIPPED_ISSUES["hard_link"]
            return DocumentError(issue.code, issue.message)
        return read_or_issue(str(path))

    def _is_empty_submodule(self) -> bool:
        """Whether the root is a submodule that was not fetched."""
        return self._holds_nothing() and any(
            (above / ".gitmodules").is_file() for above in self._root.parents
        )

    def _holds_nothing(self) -> bool:
        """Whether nothing is in the root but Git's own `.git`."""
        with os.scandir(self._root) as entries:
            return all(entry.name == ".git" for entry in entries)

    def _tops(self, scan: Scan) -> Iterator[str]:
        """The root's own folders that may hold content."""
        try:
            with os.scandir(self._root) as entries:
                tops = [entry for entry in entries if holds_content(entry.name)]
        except OSError as error:
            raise ImportFailed(f"{self.location} cannot be read: {error.strerror}") from error
        for entry in tops:
            if entry.is_symlink():
                scan.issues.append((printable(entry.name), SKIPPED_ISSUES["symlink"]))
            elif entry.is_dir(follow_symlinks=False):
                yield entry.name

    def _start(self, walk: _Walk, path: str) -> None:
        """Walks a folder, or takes one file in."""
        if stat.S_ISDIR(self._mode(path)):
            walk.folder(f"{self._root}/{path}", path)
        else:
            above, _, name = path.rpartition("/")
            walk.folder(f"{self._root}/{above}", above, only=name)

    def _mode(self, path: str) -> int:
        """The mode of a path below the root. Raises ImportFailed where it is not there or crosses a link."""
        mode, at = 0, self._root
        for part in path.split("/"):
            at /= part
            try:
                mode = at.lstat().st_mode
            except OSError as error:
                raise ImportFailed(f"{printable(str(at))} cannot be read: {error.strerror}") from error
            if stat.S_ISLNK(mode):
                raise ImportFailed(
                    f"{printable(str(at))} is a symbolic link: nothing is followed in a source"
                )
        return mode


class _Walk:
    """One walk over folders; what it finds goes into its scan."""

    def __init__(self, scan: Scan, began: int) -> None:
        self._scan = scan
        self._began = began
        #: Folders still to walk: where they lie, and their path from the root.
        self._pending: list[tuple[str, str]] = []

    def folder(self, location: str, path: str, only: str | None = None) -> None:
        """Adds all that lies in a folder and below, or `only` the entry of one name."""
        self._pending.append((location, path))
        while self._pending:
            location, path = self._pending.pop()
            try:
                self._open(location, path, only)
            except OSError as error:
                told = f"the folder cannot be read: {error.strerror}"
                self._scan.issues.append((printable(path), Issue("error", "unreadable", told)))

    def _open(self, location: str, path: str, only: str | None) -> None:
        # By its descriptor a folder cannot be exchanged for a link meanwhile, and a stat takes a fifth less.
        descriptor = os.open(location, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            with os.scandir(descriptor) as entries:
                wanted = entries if only is None else (entry for entry in entries if entry.name == only)
                self._add_all(wanted, location, path)
        finally:
            os.close(descriptor)

    def _add_all(self, entries: Iterator[os.DirEntry[str]], location: str, path: str) -> None:
        """Adds the entries of one folder.

        It is the inner loop of every import, 20,000 turns in a tenth of a second: names are looked at
        once, and what nearly every file is (a plain name, one link, an old time) is told first.
        """
        rule = rule_of(path)
        kind, suffixes = rule if rule is not None else (Kind.ARTICLE, ())
        longest = MAX_PATH - len(path) - 1 if path.isprintable() and "\\" not in path else -1
        fresh, above, below = self._began - _TICK, f"{location}/", f"{path}/"
        add, new = self._scan.files.append, tuple.__new__
        for entry in entries:
            name = entry.name
            is_content = name.endswith(suffixes) or (suffixes and name.lower().endswith(suffixes))
            if not (is_content and entry.is_file(follow_symlinks=False)):
                self._add_other(entry, above + name, below + name)
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError as error:
                self._add_issue(
                    below + name, Issue("error", "unreadable", f"cannot be read: {error.strerror}")
                )
                continue
            is_odd = len(name) > longest or "\\" in name or not name.isprintable()
            if (status.st_nlink > 1 or is_odd) and self._is_kept_out(status, below + name):
                continue
            modified, changed = status.st_mtime_ns, status.st_ctime_ns
            stamp: str | None = f"{status.st_size:x}.{modified:x}.{changed:x}"
            if modified >= fresh or changed >= fresh or not changed % _SECOND:
                stamp = self._stamp_if_old(stamp, modified, changed)
            add(new(File, (below + name, kind, stamp, above + name)))

    def _stamp_if_old(self, stamp: str | None, modified: int, changed: int) -> str | None:
        """The stamp, if the file is so much older than the walk that its times vouch for its bytes."""
        is_coarse = modified % _SECOND == changed % _SECOND == 0
        oldest = self._began - (_COARSE_TICK if is_coarse else _TICK)
        return stamp if max(modified, changed) < oldest else None

    def _is_kept_out(self, status: os.stat_result, path: str) -> bool:
        issue = SKIPPED_ISSUES["hard_link"] if status.st_nlink > 1 else issue_of_name(path)
        if issue is not None:
            self._add_issue(path, issue)
        return issue is not None

    def _add_other(self, entry: os.DirEntry[str], location: str, path: str) -> None:
        """Adds what is no content file: folders are walked later, links and devices are told of."""
        if entry.is_symlink():
            self._add_issue(path, SKIPPED_ISSUES["symlink"])
        elif entry.is_dir(follow_symlinks=False):
            self._pending.append((location, path))
        elif not entry.is_file(follow_symlinks=False):
            self._add_issue(path, SKIPPED_ISSUES["special_file"])
        else:
            skip_path(self._scan, path)

    def _add_issue(self, path: str, issue: Issue) -> None:
        self._scan.issues.append((printable(path), issue))


def read_file(location: str) -> bytes:
    """A file's bytes. Raises DocumentError for one that is too large, is no regular file any more, or
    cannot be read: it is never followed through a link, and a FIFO is not waited for."""
    try:
        descriptor = os.open(location, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise DocumentError("unreadable", f"cannot be read: {error.strerror}") from error
    try:
        return _read(descriptor)
    except OSError as error:
        raise DocumentError("unreadable", f"cannot be read: {error.strerror}") from error
    finally:
        os.close(descriptor)


def _read(descriptor: int) -> bytes:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise DocumentError("not_a_file", "not a regular file any more")
    if status.st_size > content.MAX_BYTES:
        raise too_large(status.st_size)
    data = os.read(descriptor, status.st_size + 1)
    while len(data) < status.st_size and (more := os.read(descriptor, status.st_size - len(data))):
        data += more
    if len(data) != status.st_size:
        raise DocumentError("changed_while_read", "the file changed while it was read; run the import again")
    return data


def read_or_issue(location: str) -> bytes | DocumentError:
    """As `read_file`, but what keeps the file out is returned."""
    try:
        return read_file(location)
    except DocumentError as error:
        return error


def _is_absent(path: Path) -> bool:
    """Return whether nothing is at a path; not so where that cannot be seen."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False
