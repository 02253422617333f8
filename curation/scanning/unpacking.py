"""One pass over an archive: its content goes into one temporary file, within limits that nothing claimed
in the archive can move."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import IO

from ..documents.issues import Issue
from ..errors import DocumentError, ImportFailed
from . import content, members
from .content import holds_content, kind_of, printable
from .members import FREE, Member, Reader, StoppedShort
from .tree import DUPLICATE, SKIPPED_ISSUES, UNSAFE, is_nested_archive, issue_of_name, too_large

#: Where a file's bytes lie in the temporary file: offset and length.
Span = tuple[int, int]

#: Where the first folder `_…` of a path begins: what is before it may be the root.
_CONTENT = re.compile("(?:^|/)(?=_)")
_DRIVE = re.compile("[A-Za-z]:")


class Unpacked:
    """What an archive holds.

    found: by root and then by path from there, where the bytes lie or why there are none.
    configs: by root the same of the site's own settings.
    faults: those that belong to no root: names that lead out of the archive, and its own.
    """

    def __init__(self, path: Path, spool: IO[bytes], inner: str | None) -> None:
        self.found: dict[str, dict[str, Span | Issue]] = defaultdict(dict)
        self.configs: dict[str, Span | Issue] = {}
        self.others: defaultdict[str, list[str]] = defaultdict(list)
        self.issues: list[tuple[str, Issue]] = []
        self._spool = spool
        self._end = self._names = 0
        self._inner = inner
        #: What lies at the archive's top, and whether there may be more than is known.
        self._tops: set[str] = set()
        self._is_damaged = False
        self._most = min(members.MAX_TOTAL, FREE + members.RATIO * path.stat().st_size)
        try:
            self._take_all(path)
            spool.flush()
        except OSError as error:
            told = f"{path} cannot be unpacked: {error.strerror}; TMPDIR names a folder that has room"
            raise ImportFailed(told) from error

    def root(self) -> str:
        """The folder that holds the folders of content.

        Raises ImportFailed where several do; and where the archive is damaged and others may, in what is
        not known of it.
        """
        roots = [root for root, found in self.found.items() if any(map(_is_content, found.values()))]
        root = min(roots, key=len, default="")
        if root and not all(other == root or other.startswith(f"{root}/") for other in roots):
            raise ImportFailed(_several(roots))
        if root and self._is_damaged and self._tops - content.MACHINERY != {root}:
            told = f"the archive is damaged and its root may not be {printable(root)[:80]}"
            raise ImportFailed(f"{told}: fetch it again, or name its root by --root")
        return root

    def _take_all(self, path: Path) -> None:
        with _opened(path) as reader:
            stops = [_stop_of(partial(self._take_members, reader)), _stop_of(reader.finish)]
            self.issues += [(printable(path.name), issue) for issue in reader.notices]
        stop = stops[0] or stops[1]
        if stop is not None:
            self._is_damaged = True
            self.issues.append((printable(path.name), Issue("error", stop.code, stop.message)))

    def _take_members(self, reader: Reader) -> None:
        for count, member in enumerate(reader.members()):
            _check_count(count)
            self._take(member)

    def _take(self, member: Member) -> None:
        """Finds a place for a member, whatever it is."""
        if member.role == "folder":
            return
        self._names += len(member.name)
        if self._names > members.MAX_NAMES:
            raise StoppedShort("archive_too_large", "names of more characters than are kept in memory")
        path = _safe_path(member.name)
        if path is None:
            self.issues.append((printable(member.name), UNSAFE))
            return
        self._tops.add(path.partition("/")[0])
        place = self._place(path)
        if place is None or not holds_content((top := place[1].partition("/"))[0]):
            return
        if top[1] or member.role == "symlink":
            self._put(*place, member)
        elif place[1] == content.CONFIG and member.role == "file":
            self.configs[place[0]] = DUPLICATE if place[0] in self.configs else self._bytes(member)

    def _place(self, path: str) -> tuple[str, str] | None:
        """The root that a path may belong to, and the path from there."""
        if self._inner is not None:
            outer = f"{self._inner}/" if self._inner else ""
            return (self._inner, path[len(outer) :]) if path.startswith(outer) else None
        first = _CONTENT.search(path)
        return (path[: first.start()], path[first.end() :]) if first else None

    def _put(self, root: str, path: str, member: Member) -> None:
        found = self.found[root]
        if path in found:
            found[path] = DUPLICATE
        elif member.role != "file":
            found[path] = SKIPPED_ISSUES[member.role]
        elif kind_of(path) is not None:
            found[path] = issue_of_name(path) or self._bytes(member)
        else:
            self.others[root].append(path)
            if is_nested_archive(path):
                found[path] = SKIPPED_ISSUES["nested_archive"]

    def _bytes(self, member: Member) -> Span | Issue:
        start = self._end
        try:
            if member.size > content.MAX_BYTES:
                raise too_large(member.size)
            for chunk in member.chunks():
                self._check(self._end - start + len(chunk), member.packed)
                self._spool.write(chunk)
                self._end += len(chunk)
        except DocumentError as error:
            return Issue("error", error.code, error.message)
        return start, self._end - start

    def _check(self, size: int, packed: int | None) -> None:
        """Refuses what comes out of a member beyond the limits, whatever its header claims."""
        if size > content.MAX_BYTES:
            raise too_large(size)
        if packed is not None and size > FREE and size > members.RATIO * packed:
            told = f"more than {members.RATIO} bytes come out for one that went in: a bomb?"
            raise DocumentError("compression_bomb", told)
        if self._end > self._most:
            told = f"more than {self._most:,} bytes come out of the archive: a bomb?"
            raise StoppedShort("archive_too_large", told)


def _stop_of(step: Callable[[], None]) -> StoppedShort | None:
    try:
        step()
    except StoppedShort as stop:
        return stop
    return None


def _check_count(before: int) -> None:
    if before >= members.MAX_MEMBERS:
        raise StoppedShort(
            "archive_too_large", f"more than {members.MAX_MEMBERS:,} members: split the archive"
        )


def _opened(path: Path) -> AbstractContextManager[Reader]:
    if starts_like_zip(path) or path.name.lower().endswith(".zip"):
        from . import zip_files

        return zip_files.opened(path)
    from . import tar_files

    return tar_files.opened(path)


def starts_like_zip(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


def _is_content(found: Span | Issue) -> bool:
    return not isinstance(found, Issue) or found.severity == "error"


def _safe_path(name: str) -> str | None:
    """A member's name as a path from the archive's top; None for one that leads out of it."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    leads_out = name.startswith("/") or ".." in parts or _DRIVE.match(name)
    return None if leads_out else "/".join(parts)


def _several(roots: Iterable[str]) -> str:
    named = sorted(roots)
    told = ", ".join(printable(root)[:80] for root in named[:3])
    more = f" and {len(named) - 3} more" if len(named) > 3 else ""
    return f"the archive holds several roots ({told}{more}): name one by --root"
