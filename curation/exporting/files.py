"""Exports documents to a folder: writes files that differ, and leaves files alone that somebody changed.

A file in the folder is one of these:

- the imported file: the export may replace it
- the file as it should be: nothing to do
- the result of an earlier export: the export may replace it
- anything else: somebody's work that was not imported, which the export leaves alone and reports

The store keeps no record of exports. A file is the result of an earlier one if it differs from the imported
file only in lines of flags, and each of their values once resulted from an override. The changesets show
that. A value that only upstream had is somebody's work.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import NamedTuple

import sqlalchemy as sa

from ..articles.selecting import Filters
from ..documents.flag_editing import FlagValue, set_flag_lines
from ..documents.front_matter import read_front_matter
from ..errors import CurationError
from ..flags import FLAGS
from ..progress import Progress
from ..scanning import Folder, fold_name, kind_of
from ..sources.finding import Source, check_own_folder
from .documents import (
    Content,
    StoredDocument,
    count_documents,
    read_contents,
    read_documents,
    read_overridden_values,
)
from .output_folder import UNFINISHED_FILE, OutputFolder, PathRefused, check_path


class FileChange(NamedTuple):
    """A file to write, with its old bytes (None for a new file) and its new bytes."""

    path: str
    old: bytes | None
    new: bytes


class LeftAlone(NamedTuple):
    """A file that the export leaves alone, and why."""

    path: str
    why: str


@dataclass(slots=True)
class Exported:
    """The result of an export.

    written: files that were written, or would be.
    unchanged: files that are already as they should be.
    left: files that were left alone.
    collisions: paths that differ from another one only by case or accents. Some file systems treat these as
        one file.
    """

    written: int = 0
    unchanged: int = 0
    left: list[LeftAlone] = field(default_factory=list)
    collisions: list[str] = field(default_factory=list)

    def count(self, outcome: FileChange | LeftAlone | None) -> None:
        """Count the outcome of one document; None means unchanged."""
        if outcome is None:
            self.unchanged += 1
        elif isinstance(outcome, LeftAlone):
            self.left.append(outcome)
        else:
            self.written += 1


def export_files(
    connection: sa.Connection,
    source_id: int,
    filters: Filters,
    tree: WorkingTree | EmptyTree,
    write: Callable[[FileChange], None],
    progress: Progress,
) -> Exported:
    """Compare the documents of a source with the files of a tree, and call `write` for each difference.

    If `write` raises PathRefused, the file is left alone and reported.
    """
    done, total, found = 0, count_documents(connection, source_id, filters), Exported()
    seen: set[int] = set()
    with closing(read_documents(connection, source_id, filters)) as batches:
        for batch in batches:
            found.collisions += _collisions(batch, seen)
            for outcome in tree.compare(connection, batch):
                found.count(_try_write(outcome, write) if isinstance(outcome, FileChange) else outcome)
            done += len(batch)
            progress(done, total)
    return found


def _collisions(batch: Sequence[StoredDocument], seen: set[int]) -> list[str]:
    """Return the paths that differ only by case or accent composition from an earlier path.

    `seen` has the hashes of earlier paths and is extended.
    """
    found = []
    for document in batch:
        key = hash(fold_name(document.path))
        if key in seen:
            found.append(document.path)
        seen.add(key)
    return found


def _try_write(change: FileChange, write: Callable[[FileChange], None]) -> FileChange | LeftAlone:
    try:
        write(change)
    except PathRefused as refused:
        return LeftAlone(change.path, str(refused))
    return change


class EmptyTree:
    """A tree without files, for archives: every document is written."""

    def compare(
        self, connection: sa.Connection, batch: Sequence[StoredDocument]
    ) -> Iterator[FileChange | LeftAlone | None]:
        """Yield a change for each document, or why it is left out."""
        for content in read_contents(connection, batch):
            try:
                yield FileChange(_importable_path(content.document), None, _new_bytes(content))
            except CurationError as refused:
                yield LeftAlone(content.document.path, str(refused))


#: Marks a folder whose first export is not finished.
_UNFINISHED = ".curation-unfinished"

#: Names that may be in a folder that counts as empty: those of a new repository, of the root of a new file
#: system, and of a killed export.
_IN_EMPTY_FOLDERS = frozenset({".git", "lost+found", ".DS_Store", UNFINISHED_FILE})


class WorkingTree:
    """The files of a folder, to compare with the stored documents."""

    def __init__(
        self, connection: sa.Connection, target: OutputFolder, source: Source, *, restores: bool
    ) -> None:
        """Scan the folder.

        Args:
            restores: whether to write files that were deleted. In an empty folder, and in one whose first
                export was interrupted, all files are written.

        Raises:
            SelectionError: the folder is neither empty nor a copy of this source.
        """
        self._target = target
        self._stamps: dict[str, str | None] = {}
        self._unreadable: dict[str, str] = {}
        if target.root.exists():
            scan = Folder(target.root).walk()
            self._stamps = {file.path: file.stamp for file in scan.files}
            self._unreadable = {
                path: issue.message for path, issue in scan.issues if path not in self._stamps
            }
        self._marker = f"`curation export files` of {source.name!r} was cut off: run it again\n".encode()
        names = [name for name in target.list_names("") if name not in _IN_EMPTY_FOLDERS]
        self._is_unfinished = not names or target.read(_UNFINISHED) == self._marker
        if not self._is_unfinished:
            check_own_folder(connection, source, target.root, names, self._stamps.keys())
        self._restores = restores or self._is_unfinished

    def begin(self) -> None:
        """Mark an empty folder as unfinished, so that the next export does not treat files as deleted."""
        if self._is_unfinished:
            self._target.write(_UNFINISHED, self._marker)

    def end(self) -> None:
        """Remove the mark of `begin`: all files are written."""
        if self._is_unfinished:
            self._target.remove(_UNFINISHED)

    def compare(
        self, connection: sa.Connection, batch: Sequence[StoredDocument]
    ) -> Iterator[FileChange | LeftAlone | None]:
        """Yield the outcome for each document: a change, a file left alone, or None for an unchanged one."""
        undecided = []
        for document in batch:
            outcome = self._compare_without_content(document)
            if isinstance(outcome, StoredDocument):
                undecided.append(outcome)
            else:
                yield outcome
        if undecided:
            yield from self._compare_content(connection, undecided)

    def _compare_without_content(self, document: StoredDocument) -> StoredDocument | LeftAlone | None:
        """Return the outcome, or the document itself if its bytes are needed."""
        path = document.path
        if path not in self._stamps:
            if why := self._why_unreadable(path):
                return LeftAlone(path, why)
            return document if self._restores else LeftAlone(path, "deleted since the import")
        if document.is_overridden:
            return document
        stamp = self._stamps[path]
        if stamp is not None and stamp == document.stamp:
            return None
        try:
            data = self._target.read(path)
        except PathRefused as refused:
            return LeftAlone(path, str(refused))
        is_same = data is not None and hashlib.sha256(data).digest() == document.digest
        # An export may have written it before the override was removed.
        return None if is_same else document

    def _why_unreadable(self, path: str) -> str | None:
        """Return why the scan could not read a path or a folder above it; None if it could."""
        while path and self._unreadable:
            if path in self._unreadable:
                return self._unreadable[path]
            path = path.rpartition("/")[0]
        return None

    def _compare_content(
        self, connection: sa.Connection, batch: Sequence[StoredDocument]
    ) -> Iterator[FileChange | LeftAlone | None]:
        modified: list[tuple[FileChange, Content]] = []
        for content in read_contents(connection, batch):
            path, imported = content.document.path, content.imported
            try:
                new = _new_bytes(content)
                old = self._target.read(_importable_path(content.document))
            except CurationError as refused:
                yield LeftAlone(path, str(refused))
                continue
            if old == new:
                yield None
            elif old is None or old == imported:
                yield FileChange(path, old, new)
            else:
                modified.append((FileChange(path, old, new), content))
        if modified:
            yield from _keep_earlier_exports(connection, modified)


def _importable_path(document: StoredDocument) -> str:
    """Return the path of a document's file. Raise PathRefused for a path that no import reads."""
    path = check_path(document.path)
    if kind_of(path) is None:
        raise PathRefused("an import would skip this path")
    return path


def _new_bytes(content: Content) -> bytes:
    """Return the bytes to write. Raise FlagEditError if the flags cannot be changed in place."""
    return set_flag_lines(content.imported, content.flags) if content.flags else content.imported


def _keep_earlier_exports(
    connection: sa.Connection, modified: Sequence[tuple[FileChange, Content]]
) -> Iterator[FileChange | LeftAlone]:
    """Yield the changes of files that an earlier export wrote; leave all other files alone."""
    overridden = read_overridden_values(
        connection, [content.document.id for _, content in modified if content.document.article_id]
    )
    for change, content in modified:
        assert change.old is not None
        flags = _changed_flags(content.imported, change.old)
        values = overridden.get(content.document.id, set()) if content.document.article_id else set()
        if flags and all((flag, int(value)) in values for flag, value in flags.items() if value is not None):
            yield change
        else:
            yield LeftAlone(change.path, "changed since the import")


def _changed_flags(imported: bytes, current: bytes) -> dict[str, FlagValue]:
    """Return the flags whose lines differ between two versions; an empty dict if anything else differs."""
    with suppress(CurationError):
        now, then = read_front_matter(current), read_front_matter(imported)
        if now is not None and then is not None:
            flags = {
                flag: now.values[flag]
                for flag in FLAGS
                if flag in now.values and repr(now.values[flag]) != repr(then.values.get(flag))
            }
            if (
                all(type(value) in (int, bool) for value in flags.values())
                and set_flag_lines(imported, flags) == current
            ):
                return flags
    return {}
