"""Documents into a folder: what differs is written, what changed since the import is left and named.

A file in the folder is one of these: what was imported (it may be replaced), what it should become (nothing
is to be done), what an earlier export wrote (it may be replaced), or something else, which is somebody's work
that the store has not seen: it is left. An earlier export is known without any memory of it: such a file is
the imported one but for lines of flags, and each of these says what a decision once made of it, as the audit
tells; what upstream alone said once is somebody's work.
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
    read_past_decisions,
)
from .output_folder import UNFINISHED_FILE, OutputFolder, PathRefused, checked_path


class FileChange(NamedTuple):
    """A file that is to be written: what it was (None where there is none) and what it becomes."""

    path: str
    was: bytes | None
    becomes: bytes


class Skipped(NamedTuple):
    """A file that is left as it is, and why, as a clause in which "it" is the file."""

    path: str
    why: str


@dataclass(slots=True)
class Exported:
    """How an export ended: files written (or to be written), those that are as they should be, those left;
    and paths that differ from another by case alone, which are one file on some file systems."""

    written: int = 0
    unchanged: int = 0
    left: list[Skipped] = field(default_factory=list)
    collisions: list[str] = field(default_factory=list)

    def count(self, outcome: FileChange | Skipped | None) -> None:
        """Counts what became of a document; None is as it should be."""
        if outcome is None:
            self.unchanged += 1
        elif isinstance(outcome, Skipped):
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
    """Compares the documents of a source with the files of a tree, and has `write` do what is to be done.

    `write` raises PathRefused for what it does not take, which is named and left.
    """
    done, total, found = 0, count_documents(connection, source_id, filters), Exported()
    seen: set[int] = set()
    with closing(read_documents(connection, source_id, filters)) as batches:
        for batch in batches:
            found.collisions += _collisions(batch, seen)
            for outcome in tree.compare(connection, batch):
                found.count(_written(outcome, write) if isinstance(outcome, FileChange) else outcome)
            done += len(batch)
            progress(done, total)
    return found


def _collisions(batch: Sequence[StoredDocument], seen: set[int]) -> list[str]:
    """The paths that differ by case, or by how accents are put together, from one that was seen before, whose
    hashes `seen` holds."""
    found = []
    for held in batch:
        key = hash(fold_name(held.path))
        if key in seen:
            found.append(held.path)
        seen.add(key)
    return found


def _written(change: FileChange, write: Callable[[FileChange], None]) -> FileChange | Skipped:
    try:
        write(change)
    except PathRefused as refused:
        return Skipped(change.path, str(refused))
    return change


class EmptyTree:
    """No folder: whatever the store holds is to be written, exactly."""

    def compare(
        self, connection: sa.Connection, batch: Sequence[StoredDocument]
    ) -> Iterator[FileChange | Skipped | None]:
        """A change for each document, or why it is left out."""
        for content in read_contents(connection, batch):
            try:
                yield FileChange(_place_of(content.held), None, _becomes(content))
            except CurationError as refused:
                yield Skipped(content.held.path, str(refused))


#: Lies in a folder as long as it is filled.
_UNFINISHED = ".curation-unfinished"

#: What a folder may hold that counts as empty: a new repository, the root of a new file system, and what a
#: killed export leaves.
_IN_EMPTY_FOLDERS = frozenset({".git", "lost+found", ".DS_Store", UNFINISHED_FILE})


class WorkingTree:
    """The files of a folder beside the documents that the store holds for them.

    restores: whether a file that is not there is written; in an empty folder all are, and go on to be if that
    was cut off.

    Raises SelectionError for a folder that holds other things than this source.
    """

    def __init__(
        self, connection: sa.Connection, target: OutputFolder, source: Source, *, restores: bool
    ) -> None:
        self._target = target
        self._stamps: dict[str, str | None] = {}
        self._closed: dict[str, str] = {}
        if target.root.exists():
            scan = Folder(target.root).walk()
            self._stamps = {file.path: file.stamp for file in scan.files}
            self._closed = {path: issue.message for path, issue in scan.issues if path not in self._stamps}
        self._marker = f"`curation export files` of {source.name!r} was cut off: run it again\n".encode()
        names = [name for name in target.names("") if name not in _IN_EMPTY_FOLDERS]
        self._is_unfinished = not names or target.read(_UNFINISHED) == self._marker
        if not self._is_unfinished:
            check_own_folder(connection, source, target.root, names, self._stamps.keys())
        self._restores = restores or self._is_unfinished

    def begin(self) -> None:
        """Says in an empty folder that it is being filled: what is not there yet is not gone."""
        if self._is_unfinished:
            self._target.write(_UNFINISHED, self._marker)

    def end(self) -> None:
        """Says that all is there."""
        if self._is_unfinished:
            self._target.remove(_UNFINISHED)

    def compare(
        self, connection: sa.Connection, batch: Sequence[StoredDocument]
    ) -> Iterator[FileChange | Skipped | None]:
        """What is to be done about each document: nothing (None), a change, or to leave its file alone."""
        wanted = []
        for held in batch:
            outcome = self._at_a_glance(held)
            if isinstance(outcome, StoredDocument):
                wanted.append(outcome)
            else:
                yield outcome
        if wanted:
            yield from self._compare(connection, wanted)

    def _at_a_glance(self, held: StoredDocument) -> StoredDocument | Skipped | None:
        """What can be told without the document's bytes; the document itself where they are needed."""
        if held.path not in self._stamps:
            if why := self._why_closed(held.path):
                return Skipped(held.path, f"it is closed: {why}")
            return held if self._restores else Skipped(held.path, "it is gone since the import")
        if held.is_decided:
            return held
        stamp = self._stamps[held.path]
        if stamp is not None and stamp == held.stamp:
            return None
        try:
            data = self._target.read(held.path)
        except PathRefused as refused:
            return Skipped(held.path, str(refused))
        is_same = data is not None and hashlib.sha256(data).digest() == held.digest
        # It may be what an export wrote before the decision was taken back.
        return None if is_same else held

    def _why_closed(self, path: str) -> str | None:
        """Why the file at a path, or a folder above it, was passed over; None if it was not."""
        while path and self._closed:
            if path in self._closed:
                return self._closed[path]
            path = path.rpartition("/")[0]
        return None

    def _compare(
        self, connection: sa.Connection, wanted: Sequence[StoredDocument]
    ) -> Iterator[FileChange | Skipped | None]:
        doubtful: list[tuple[FileChange, Content]] = []
        for content in read_contents(connection, wanted):
            path, imported = content.held.path, content.imported
            try:
                becomes = _becomes(content)
                was = self._target.read(_place_of(content.held))
            except CurationError as refused:
                yield Skipped(path, str(refused))
                continue
            if was == becomes:
                yield None
            elif was is None or was == imported:
                yield FileChange(path, was, becomes)
            else:
                doubtful.append((FileChange(path, was, becomes), content))
        if doubtful:
            yield from _sort_out(connection, doubtful)


def _place_of(held: StoredDocument) -> str:
    """Where a document's file lies. Raises PathRefused for a path at which no import would find it."""
    path = checked_path(held.path)
    if kind_of(path) is None:
        raise PathRefused("it is no place of content")
    return path


def _becomes(content: Content) -> bytes:
    """What a document's file should be. Raises FlagEditError where its flags cannot be changed in place."""
    return set_flag_lines(content.imported, content.flags) if content.flags else content.imported


def _sort_out(
    connection: sa.Connection, doubtful: Sequence[tuple[FileChange, Content]]
) -> Iterator[FileChange | Skipped]:
    """Tells what an earlier export wrote from what somebody else did."""
    known = read_past_decisions(
        connection, [content.held.id for _, content in doubtful if content.held.article_id]
    )
    for change, content in doubtful:
        assert change.was is not None
        moved = _moved_flags(content.imported, change.was)
        ever = known.get(content.held.id, set()) if content.held.article_id else set()
        if moved and all((flag, int(value)) in ever for flag, value in moved.items() if value is not None):
            yield change
        else:
            yield Skipped(change.path, "it has changed since the import")


def _moved_flags(imported: bytes, was: bytes) -> dict[str, FlagValue]:
    """The flags on whose lines alone a file differs from what was imported; none where it differs
    elsewhere."""
    with suppress(CurationError):
        now, then = read_front_matter(was), read_front_matter(imported)
        if now is not None and then is not None:
            moved = {
                flag: now.values[flag]
                for flag in FLAGS
                if flag in now.values and repr(now.values[flag]) != repr(then.values.get(flag))
            }
            if (
                all(type(value) in (int, bool) for value in moved.values())
                and set_flag_lines(imported, moved) == was
            ):
                return moved
    return {}
