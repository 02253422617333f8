"""The files of a source as they were when they were last read: which need not be read again."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence

import sqlalchemy as sa

from ...backends import backend_of
from ...backends.base import chunks
from ...paths import MAX_PATH
from ...scanning import File, Kind, is_storable
from ...store.schema import articles, documents, files, taxonomy_documents
from ..reading.tasks import Known, Outcome, OutcomeKind, Task
from .summary import Summary

#: What became of a file, by what was done about it.
STATES = {
    OutcomeKind.UNCHANGED: "imported",
    OutcomeKind.CHANGED: "imported",
    OutcomeKind.SECURED_ONLY: "imported",
    OutcomeKind.NOT_CONTENT: "skipped",
    OutcomeKind.QUARANTINED: "quarantined",
}


#: Faults of a reading, not of what was read.
_OF_THE_READING = frozenset(
    {
        "unreadable", "not_a_file", "changed_while_read", "internal_error", "read_timed_out", "read_crashed",
    }
)  # fmt: skip

#: In place of a stamp: the file is to be parsed again, though its bytes may be as before.
STALE = "stale"

#: A file when it was last read: its state, `kept` (the store has its document), `passed` (it is none) or
#: `refused`; and its stamp. A plain tuple: 20,000 of them are made before anything is read.
Remembered = tuple[str, str | None]


def remembered_files(
    connection: sa.Connection, source_id: int, within: Sequence[str]
) -> dict[str, Remembered]:
    """The files of a source by path; only those at or below some paths, if any are given."""
    if not within:
        columns = ("source_id", "path", "state", "stamp")
        rows = backend_of(connection).find_rows(connection, files, columns, [source_id])
        return {path: (state, stamp) for _, path, state, stamp in rows}
    table = files.c
    query = sa.select(table.path, table.state, table.stamp).where(table.source_id == source_id)
    parts = sa.or_(*(is_within_folder(table.path, place) for place in within))
    return {path: (state, stamp) for path, state, stamp in connection.execute(query.where(parts))}


def is_within_folder(column: sa.ColumnElement[str], place: str) -> sa.ColumnElement[bool]:
    """Whether a path is that of a file, or lies below a folder; sorts by code point, so an index serves."""
    return sa.or_(column == place, sa.and_(column > f"{place}/", column < f"{place}0"))


class FileBook:
    """What is remembered of the files of one import, and what becomes of that."""

    def __init__(self, source_id: int, remembered: Mapping[str, Remembered]) -> None:
        self._source_id = source_id
        self._remembered = remembered
        self._new: list[tuple[str, str, str | None]] = []
        #: Files that are parsed again though they are as before: see `publish_dates.find_early`.
        self._early: frozenset[str] = frozenset()

    def note_early(self, paths: Iterable[str]) -> None:
        """Have files parsed again though they are as before (`publish_dates.find_early`)."""
        self._early = frozenset(paths)

    def is_stale(self, path: str) -> bool:
        """Return whether a file is to be parsed whatever its bytes are: it is read otherwise now, or the day
        has changed."""
        was = self._remembered.get(path)
        return path in self._early or (was is not None and was[1] == STALE)

    def is_known(self, path: str) -> bool:
        """Return whether the store had the document at a path when it was last read."""
        was = self._remembered.get(path)
        return was is not None and was[0] == "imported"

    def sort_out(self, found: Iterable[File], summary: Summary) -> list[File]:
        """The files that are to be read; those that are as they were when they were last read are counted
        by what became of them."""
        wanted = []
        kept = notes = 0
        get, early = self._remembered.get, self._early
        for file in found:
            path, kind, stamp, _ = file
            was = get(path)
            if was is None or stamp is None or was[1] != stamp or path in early:
                wanted.append(file)
            elif was[0] != "imported":
                summary.count(was[0], file, is_new=False, is_changed=False)
            elif kind is Kind.ARTICLE:
                kept += 1
            else:
                notes += 1
        summary.unchanged += kept
        summary.taxonomy += notes
        return wanted

    def gone(self, present: Container[str]) -> list[str]:
        """The paths of documents that are not present any more."""
        return [path for path, was in self._remembered.items() if was[0] != "skipped" and path not in present]

    def settle_skipped(
        self, connection: sa.Connection, present: Container[str], others: Sequence[str]
    ) -> None:
        """Remember which files a scan of the whole source has found to be no content, and forget those that
        are not there any more; `issues --skipped` lists them."""
        now = {path for path in others if len(path) <= MAX_PATH and is_storable(path)}
        before = {path for path, was in self._remembered.items() if was[0] == "skipped"}
        forget(connection, self._source_id, sorted(path for path in before - now if path not in present))
        self._new += [(path, "skipped", None) for path in sorted(now - self._remembered.keys())]

    def add(self, task: Task, outcome: Outcome) -> None:
        """Notes what became of a file that was read. One that was refused for no fault of its bytes is read
        again, whatever its stamp says."""
        state, stamp = STATES[outcome.what], task.file.stamp
        if outcome.issues and any(issue.code in _OF_THE_READING for issue in outcome.issues):
            stamp = None
        if self._remembered.get(task.file.path) != (state, stamp):
            self._new.append((task.file.path, state, stamp))

    def flush(self, connection: sa.Connection) -> None:
        """Writes what was noted; the caller commits."""
        forget(connection, self._source_id, [path for path, _, _ in self._new if path in self._remembered])
        rows = [(self._source_id, *row) for row in self._new]
        backend_of(connection).bulk_insert(connection, files, ("source_id", "path", "state", "stamp"), rows)
        self._new = []


def forget(connection: sa.Connection, source_id: int, paths: Sequence[str]) -> None:
    """Remembers these files no more."""
    for some in chunks(paths):
        connection.execute(sa.delete(files).where(files.c.source_id == source_id, files.c.path.in_(some)))


def known_files(connection: sa.Connection, source_id: int, batch: Sequence[File]) -> dict[str, Known]:
    """What the store has of some files of one kind, by path."""
    if batch[0].kind is Kind.ARTICLE:
        table, bytes_digest, text_hash = articles, documents.c.digest, articles.c.content_hash
        query = sa.select(table.c.path, table.c.id, bytes_digest, text_hash, table.c.missing_since)
        query = query.join(documents, documents.c.article_id == table.c.id)
    else:
        table = taxonomy_documents
        query = sa.select(table.c.path, table.c.id, table.c.digest, sa.null(), table.c.missing_since)
    known: dict[str, Known] = {}
    for paths in chunks([file.path for file in batch]):
        rows = connection.execute(query.where(table.c.source_id == source_id, table.c.path.in_(paths)))
        known |= {
            path: Known(key, bytes(digest), text, since is not None)
            for path, key, digest, text, since in rows
        }
    return known
