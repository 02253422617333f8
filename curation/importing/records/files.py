"""Track the state of a source's files, so that unchanged files are not read again."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence

import sqlalchemy as sa

from ...backends import backend_of
from ...backends.base import chunks
from ...paths import MAX_PATH
from ...scanning import File, Kind, is_storable
from ...store.schema import articles, documents, files, taxonomy_documents
from ..reading.tasks import Outcome, OutcomeKind, StoredFile, Task
from .summary import Summary

#: The state of a file, by the outcome of reading it.
STATES = {
    OutcomeKind.UNCHANGED: "imported",
    OutcomeKind.CHANGED: "imported",
    OutcomeKind.SECURED_ONLY: "imported",
    OutcomeKind.NOT_CONTENT: "skipped",
    OutcomeKind.QUARANTINED: "quarantined",
}


#: Codes of errors of reading a file, not of its content. Such a file is read again by the next import.
_READ_FAILURES = frozenset(
    {
        "unreadable", "not_a_file", "changed_while_read", "internal_error", "read_timed_out", "read_crashed",
    }
)  # fmt: skip

#: Replaces the stamp of a file that has to be parsed again, even if its bytes have not changed.
STALE = "stale"

#: The state of a file when it was last read (`imported`, `skipped` or `quarantined`), and its stamp. A
#: plain tuple, because 20,000 of them are made before anything is read.
FileState = tuple[str, str | None]


def load_file_states(
    connection: sa.Connection, source_id: int, within: Sequence[str]
) -> dict[str, FileState]:
    """Return the state of a source's files by path; only at or below the paths `within`, if any are given."""
    if not within:
        columns = ("source_id", "path", "state", "stamp")
        rows = backend_of(connection).find_rows(connection, files, columns, [source_id])
        return {path: (state, stamp) for _, path, state, stamp in rows}
    table = files.c
    query = sa.select(table.path, table.state, table.stamp).where(table.source_id == source_id)
    parts = sa.or_(*(is_within_folder(table.path, place) for place in within))
    return {path: (state, stamp) for path, state, stamp in connection.execute(query.where(parts))}


def is_within_folder(column: sa.ColumnElement[str], place: str) -> sa.ColumnElement[bool]:
    """Return the condition that a path is a given file, or is below a given folder.

    It compares by code point, so that an index can be used.
    """
    return sa.or_(column == place, sa.and_(column > f"{place}/", column < f"{place}0"))


class FileTracker:
    """The states of a source's files before an import, and the changes that the import makes."""

    def __init__(self, source_id: int, states: Mapping[str, FileState]) -> None:
        self._source_id = source_id
        self._states = states
        self._new: list[tuple[str, str, str | None]] = []
        #: Paths of files that are parsed even if unchanged: see `publish_dates.find_paths_to_reparse`.
        self._forced: frozenset[str] = frozenset()

    def force_parsing(self, paths: Iterable[str]) -> None:
        """Parse these files even if they are unchanged (see `publish_dates.find_paths_to_reparse`)."""
        self._forced = frozenset(paths)

    def is_stale(self, path: str) -> bool:
        """Return whether a file has to be parsed even if it is unchanged.

        That is so if an older release read it differently, or if its publication date requires it.
        """
        was = self._states.get(path)
        return path in self._forced or (was is not None and was[1] == STALE)

    def was_imported(self, path: str) -> bool:
        """Return whether the file at a path was last read as a document that was imported."""
        was = self._states.get(path)
        return was is not None and was[0] == "imported"

    def select_to_read(self, found: Iterable[File], summary: Summary) -> list[File]:
        """Return the files that have to be read, and count the unchanged ones by their state."""
        selected = []
        unchanged = taxonomy = 0
        get, forced = self._states.get, self._forced
        for file in found:
            path, kind, stamp, _ = file
            was = get(path)
            if was is None or stamp is None or was[1] != stamp or path in forced:
                selected.append(file)
            elif was[0] != "imported":
                summary.count(was[0], file, is_new=False, is_changed=False)
            elif kind is Kind.ARTICLE:
                unchanged += 1
            else:
                taxonomy += 1
        summary.unchanged += unchanged
        summary.taxonomy += taxonomy
        return selected

    def find_missing_paths(self, present: Container[str]) -> list[str]:
        """Return the paths of documents that are no longer present."""
        return [path for path, was in self._states.items() if was[0] != "skipped" and path not in present]

    def update_skipped(
        self, connection: sa.Connection, present: Container[str], others: Sequence[str]
    ) -> None:
        """Record the files that a scan of the whole source skipped, and delete those that no longer exist.

        `issues --skipped` lists them.

        Args:
            present: paths of all files that could be content.
            others: paths of the skipped files.
        """
        now = {path for path in others if len(path) <= MAX_PATH and is_storable(path)}
        before = {path for path, was in self._states.items() if was[0] == "skipped"}
        delete_file_states(
            connection, self._source_id, sorted(path for path in before - now if path not in present)
        )
        self._new += [(path, "skipped", None) for path in sorted(now - self._states.keys())]

    def add(self, task: Task, outcome: Outcome) -> None:
        """Add the outcome of a file that was read.

        A file that could not be read for a reason other than its content gets no stamp, so it is read again.
        """
        state, stamp = STATES[outcome.kind], task.file.stamp
        if outcome.issues and any(issue.code in _READ_FAILURES for issue in outcome.issues):
            stamp = None
        if self._states.get(task.file.path) != (state, stamp):
            self._new.append((task.file.path, state, stamp))

    def flush(self, connection: sa.Connection) -> None:
        """Write the collected states. The caller commits."""
        delete_file_states(
            connection, self._source_id, [path for path, _, _ in self._new if path in self._states]
        )
        rows = [(self._source_id, *row) for row in self._new]
        backend_of(connection).bulk_insert(connection, files, ("source_id", "path", "state", "stamp"), rows)
        self._new = []


def delete_file_states(connection: sa.Connection, source_id: int, paths: Sequence[str]) -> None:
    """Delete the states of some files. The caller commits."""
    for part in chunks(paths):
        connection.execute(sa.delete(files).where(files.c.source_id == source_id, files.c.path.in_(part)))


def load_stored_files(
    connection: sa.Connection, source_id: int, batch: Sequence[File]
) -> dict[str, StoredFile]:
    """Return the stored form of some files of one kind, by path."""
    if batch[0].kind is Kind.ARTICLE:
        table, bytes_digest, text_hash = articles, documents.c.digest, articles.c.content_hash
        query = sa.select(table.c.path, table.c.id, bytes_digest, text_hash, table.c.missing_since)
        query = query.join(documents, documents.c.article_id == table.c.id)
    else:
        table = taxonomy_documents
        query = sa.select(table.c.path, table.c.id, table.c.digest, sa.null(), table.c.missing_since)
    stored: dict[str, StoredFile] = {}
    for paths in chunks([file.path for file in batch]):
        rows = connection.execute(query.where(table.c.source_id == source_id, table.c.path.in_(paths)))
        stored |= {
            path: StoredFile(key, bytes(digest), text, since is not None)
            for path, key, digest, text, since in rows
        }
    return stored
