"""Restore the documents that an import changed, and revert its marks of missing and returned files."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import sqlalchemy as sa

from ...backends import backend_of
from ...backends.base import chunks
from ...documents.instants import format_instant
from ...errors import DocumentError
from ...flags import Flags
from ...scanning import File, Kind
from ...store.schema import articles, documents, file_versions, files, taxonomy_documents
from ..reading.files import parse_issues, read_files
from ..reading.tasks import OutcomeKind, StoredFile, Task
from ..records.files import delete_file_states
from ..records.versions import UPSTREAM_COLUMNS, Restored, Upstream, decode_delta
from ..writing.articles import ArticleWriter
from ..writing.taxonomy import TaxonomyWriter, mark_taxonomy
from .context import RevertContext
from .limits import is_changed_later, is_edited_since

#: Number of documents that are restored together.
VERSIONS_PER_BATCH = 500


def find_versions(context: RevertContext) -> list[Any]:
    """Return the earlier versions of files that can be reverted, by path."""
    version, article, note = file_versions.c, articles.c, taxonomy_documents.c
    query = (
        sa.select(
            version.path, version.delta, version.missing_since, version.last_import_id,
            *(version[name] for name in UPSTREAM_COLUMNS),
            article.id.label("article_id"), note.id.label("note_id"), note.kind,
            is_changed_later(context.target, version.path).label("is_later"),
            is_edited_since(context.changeset_id, article.id).label("is_edited"),
        )
        .outerjoin(articles, sa.and_(article.source_id == version.source_id, article.path == version.path))
        .outerjoin(
            taxonomy_documents, sa.and_(note.source_id == version.source_id, note.path == version.path)
        )
        .where(version.import_id == context.target.id)
        .order_by(version.path)
    )  # fmt: skip
    return context.select_revertible(context.connection.execute(query).all())


def restore_documents(context: RevertContext, versions: Sequence[Any]) -> None:
    """Write the earlier documents, with the writers of an import."""
    for batch in chunks([row for row in versions if row.delta is not None], VERSIONS_PER_BATCH):
        _restore_batch(context, batch)


def _restore_batch(context: RevertContext, versions: Sequence[Any]) -> None:
    contents = _read_contents(context.connection, versions)
    tasks = []
    for row in versions:
        key = row.article_id if row.note_id is None else row.note_id
        known = StoredFile(key, b"", None, is_missing=False)
        content = decode_delta(bytes(row.delta), contents[row.path])
        tasks.append(Task(File(row.path, _kind_of(row), None, None), known, content))
    context.records.issues.load(context.connection, [row.path for row in versions])
    chunk = (tasks, read_files(tasks))
    TaxonomyWriter(context.records).write(context.connection, [chunk])
    restored = Restored(_upstream_before(versions), context.changeset_id)
    ArticleWriter(context.records).write(context.connection, [chunk], restored=restored)
    context.result.restored += sum(outcome.kind is OutcomeKind.CHANGED for outcome in chunk[1].outcomes)


def restore_marks(context: RevertContext, versions: Sequence[Any]) -> None:
    """Restore which import changed each file last, and since when it is missing.

    The restored versions are deleted. The next import reads these files again.
    """
    _restore_rows(context.connection, versions)
    context.records.touched_ids.update(row.article_id for row in versions if row.article_id is not None)
    context.result.marked = sum(row.delta is None for row in versions)
    _settle_issues(context, versions)
    _restore_file_states(context, versions)


def _restore_rows(connection: sa.Connection, versions: Sequence[Any]) -> None:
    """Restore the marks in the rows of articles and taxonomy documents."""
    backend = backend_of(connection)
    for table, key in ((articles, "article_id"), (taxonomy_documents, "note_id")):
        rows = [
            (row_id, row.last_import_id, format_instant(row.missing_since))
            for row in versions
            if (row_id := getattr(row, key)) is not None
        ]
        backend.bulk_update(connection, table, ("id", "last_import_id", "missing_since"), rows)
    notes = [row for row in versions if row.note_id is not None]
    for since in {row.missing_since for row in notes}:
        mark_taxonomy(connection, [row.note_id for row in notes if row.missing_since == since], since)


def _restore_file_states(context: RevertContext, versions: Sequence[Any]) -> None:
    """Record which files are imported, and delete the restored versions."""
    connection, source_id = context.connection, context.target.source_id
    paths = [row.path for row in versions]
    delete_file_states(connection, source_id, paths)
    present = [(source_id, row.path, "imported") for row in versions if row.missing_since is None]
    backend_of(connection).bulk_insert(connection, files, ("source_id", "path", "state"), present)
    for batch in chunks(paths):
        done = sa.and_(file_versions.c.import_id == context.target.id, file_versions.c.path.in_(batch))
        connection.execute(sa.delete(file_versions).where(done))


def _settle_issues(context: RevertContext, versions: Sequence[Any]) -> None:
    """Close the issues of files that are missing again, and open those of files that are present again."""
    issues = context.records.issues
    issues.flush(context.connection)  # from `restore_documents`: some of its files are missing again
    for batch in chunks(versions, VERSIONS_PER_BATCH):
        issues.load(context.connection, [row.path for row in batch])
        back = [row for row in batch if row.delta is None and row.missing_since is None]
        contents = _read_contents(context.connection, back)
        for row in batch:
            if row.missing_since is not None:
                issues.resolve_missing(row.path)
        for row in back:
            with suppress(DocumentError):  # an earlier release may have imported what this one rejects
                issues.set_open_after_return(row.path, parse_issues(_kind_of(row), contents[row.path]))


def _read_contents(connection: sa.Connection, versions: Sequence[Any]) -> dict[str, bytes]:
    """Return the bytes that the store has of files now, by path."""
    article_paths = {row.article_id: row.path for row in versions if row.article_id is not None}
    note_paths = {row.note_id: row.path for row in versions if row.note_id is not None}
    found: dict[str, bytes] = {}
    for table, key, paths in (
        (documents, documents.c.article_id, article_paths),
        (taxonomy_documents, taxonomy_documents.c.id, note_paths),
    ):
        query = sa.select(key, table.c.content).where(key.in_(list(paths)))
        found |= {paths[row_id]: bytes(content) for row_id, content in connection.execute(query)}
    return found


def _kind_of(version: Any) -> Kind:
    return Kind.ARTICLE if version.note_id is None else Kind(version.kind)


def _upstream_before(versions: Sequence[Any]) -> dict[int, Upstream]:
    """Return the upstream values of articles before the import, by article id."""
    return {
        row.article_id: Upstream(Flags(*values[:-1]), values[-1])
        for row in versions
        if row.article_id is not None
        for values in [[getattr(row, name) for name in UPSTREAM_COLUMNS]]
    }
