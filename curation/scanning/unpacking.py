"""Unpack the content of an archive into one temporary file, in one pass.

The limits apply to the bytes that are really unpacked. No statement in the archive can change them.
"""

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
from .content import kind_of, make_printable, may_hold_content
from .members import RATIO_FREE_BYTES, Member, PartialArchiveError, Reader
from .tree import (
    DUPLICATE_NAME,
    SKIPPED_ISSUES,
    UNSAFE_NAME,
    find_name_issue,
    is_nested_archive,
    make_too_large_error,
)

#: Offset and length of a file's bytes in the temporary file.
Span = tuple[int, int]

#: The start of the first folder `_…` in a path. The part before it may be the root.
_BEFORE_CONTENT = re.compile("(?:^|/)(?=_)")
_DRIVE = re.compile("[A-Za-z]:")


class UnpackedArchive:
    """The content of an archive, unpacked into a temporary file.

    found: By root, and by path from that root: where the bytes are, or the issue for which there are none.
    configs: The same for the site's settings file, by root.
    skipped_paths: The paths of files that are not content, by root.
    issues: Issues that belong to no root: names that lead out of the archive, and the archive's own.
    """

    def __init__(self, path: Path, spool: IO[bytes], inner: str | None) -> None:
        self.found: dict[str, dict[str, Span | Issue]] = defaultdict(dict)
        self.configs: dict[str, Span | Issue] = {}
        self.skipped_paths: defaultdict[str, list[str]] = defaultdict(list)
        self.issues: list[tuple[str, Issue]] = []
        self._spool = spool
        self._end = self._name_total = 0
        self._inner = inner
        #: The top-level names of the archive. If it is damaged, there may be more.
        self._top_names: set[str] = set()
        self._is_damaged = False
        self._max_total = min(members.MAX_TOTAL, RATIO_FREE_BYTES + members.MAX_RATIO * path.stat().st_size)
        try:
            self._unpack(path)
            spool.flush()
        except OSError as error:
            message = f"{path} cannot be unpacked: {error.strerror}; set TMPDIR to a folder with enough space"
            raise ImportFailed(message) from error

    def find_root(self) -> str:
        """Return the folder that contains the content folders.

        Raises:
            ImportFailed: Several folders may be the root, or the archive is damaged and its unknown part may
                contain another one.
        """
        roots = [root for root, found in self.found.items() if any(map(_is_content, found.values()))]
        root = min(roots, key=len, default="")
        if root and not all(other == root or other.startswith(f"{root}/") for other in roots):
            raise ImportFailed(_several_roots_message(roots))
        if root and self._is_damaged and self._top_names - content.GENERATOR_FOLDERS != {root}:
            message = f"the archive is damaged and its root may not be {make_printable(root)[:80]}"
            raise ImportFailed(f"{message}: download it again, or give its root with --root")
        return root

    def _unpack(self, path: Path) -> None:
        with _open_reader(path) as reader:
            stops = [_run_step(partial(self._unpack_members, reader)), _run_step(reader.finish)]
            self.issues += [(make_printable(path.name), issue) for issue in reader.notices]
        stop = stops[0] or stops[1]
        if stop is not None:
            self._is_damaged = True
            self.issues.append((make_printable(path.name), Issue("error", stop.code, stop.message)))

    def _unpack_members(self, reader: Reader) -> None:
        for count, member in enumerate(reader.read_members()):
            _check_count(count)
            self._add_member(member)

    def _add_member(self, member: Member) -> None:
        """Store a member, or add its path or its issue."""
        if member.role == "folder":
            return
        self._count_name(member.name)
        path = _safe_path(member.name)
        if path is None:
            self.issues.append((make_printable(member.name), UNSAFE_NAME))
            return
        self._top_names.add(path.partition("/")[0])
        split = self._split_at_root(path)
        if split is None:
            return
        root, path_in_root = split
        top, slash, _ = path_in_root.partition("/")
        if not may_hold_content(top):
            return
        if slash or member.role == "symlink":
            self._add_content(root, path_in_root, member)
        elif path_in_root == content.CONFIG and member.role == "file":
            self.configs[root] = DUPLICATE_NAME if root in self.configs else self._store_data(member)

    def _count_name(self, name: str) -> None:
        """Raise PartialArchiveError if this name and all before it are too long together."""
        self._name_total += len(name)
        if self._name_total > members.MAX_NAME_TOTAL:
            message = f"its names have more than {members.MAX_NAME_TOTAL:,} characters: split the archive"
            raise PartialArchiveError("archive_too_large", message)

    def _split_at_root(self, path: str) -> tuple[str, str] | None:
        """Return the root to which a path may belong, and the path from that root."""
        if self._inner is not None:
            outer = f"{self._inner}/" if self._inner else ""
            return (self._inner, path[len(outer) :]) if path.startswith(outer) else None
        first = _BEFORE_CONTENT.search(path)
        return (path[: first.start()], path[first.end() :]) if first else None

    def _add_content(self, root: str, path: str, member: Member) -> None:
        found = self.found[root]
        if path in found:
            found[path] = DUPLICATE_NAME
        elif member.role != "file":
            found[path] = SKIPPED_ISSUES[member.role]
        elif kind_of(path) is not None:
            found[path] = find_name_issue(path) or self._store_data(member)
        else:
            self.skipped_paths[root].append(path)
            if is_nested_archive(path):
                found[path] = SKIPPED_ISSUES["nested_archive"]

    def _store_data(self, member: Member) -> Span | Issue:
        """Write a member's bytes to the temporary file."""
        start = self._end
        try:
            if member.size > content.MAX_BYTES:
                raise make_too_large_error(member.size)
            for chunk in member.chunks():
                self._check_size(self._end - start + len(chunk), member.packed)
                self._spool.write(chunk)
                self._end += len(chunk)
        except DocumentError as error:
            return Issue("error", error.code, error.message)
        return start, self._end - start

    def _check_size(self, size: int, packed: int | None) -> None:
        """Raise an error if a member's unpacked bytes exceed a limit, whatever size its header states."""
        if size > content.MAX_BYTES:
            raise make_too_large_error(size)
        if packed is not None and size > RATIO_FREE_BYTES and size > members.MAX_RATIO * packed:
            message = f"more than {members.MAX_RATIO} unpacked bytes per packed byte (a decompression bomb?)"
            raise DocumentError("compression_bomb", message)
        if self._end > self._max_total:
            message = f"more than {self._max_total:,} unpacked bytes in the archive (a decompression bomb?)"
            raise PartialArchiveError("archive_too_large", message)


def _run_step(step: Callable[[], None]) -> PartialArchiveError | None:
    try:
        step()
    except PartialArchiveError as stop:
        return stop
    return None


def _check_count(before: int) -> None:
    if before >= members.MAX_MEMBERS:
        raise PartialArchiveError(
            "archive_too_large", f"more than {members.MAX_MEMBERS:,} members: split the archive"
        )


def _open_reader(path: Path) -> AbstractContextManager[Reader]:
    if has_zip_signature(path) or path.name.lower().endswith(".zip"):
        from . import zip_files

        return zip_files.open_zip(path)
    from . import tar_files

    return tar_files.open_tar(path)


def has_zip_signature(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


def _is_content(found: Span | Issue) -> bool:
    return not isinstance(found, Issue) or found.severity == "error"


def _safe_path(name: str) -> str | None:
    """Return a member's name as a path from the top of the archive, or None if it leads out of it."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    leads_out = name.startswith("/") or ".." in parts or _DRIVE.match(name)
    return None if leads_out else "/".join(parts)


def _several_roots_message(roots: Iterable[str]) -> str:
    names = sorted(roots)
    listed = ", ".join(make_printable(root)[:80] for root in names[:3])
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"the archive contains several roots ({listed}{more}): choose one with --root"
