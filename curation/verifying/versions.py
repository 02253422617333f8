"""Checks the earlier versions of files.

A version belongs to the article that had its path when its import began. Articles move, so the stored moves
decide which one that was. Each version is stored as a delta against the next newer bytes, the newest against
the stored document.
"""

from __future__ import annotations

import hashlib
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from ..importing.records.versions import decode_delta
from ..store.database import stream_rows
from ..store.schema import (
    article_moves,
    articles,
    changesets,
    documents,
    file_versions,
    sources,
    taxonomy_documents,
)
from .findings import Finding, subject_of


class _Version(NamedTuple):
    """A version that an import stored: the content of a file before that import.

    `delta` and `digest` are None if the file's content did not change. `last_import_id` is the import that
    last changed the file before.
    """

    import_id: int
    path: str
    digest: bytes | None
    delta: bytes | None
    last_import_id: int


def find_wrong_versions(connection: sa.Connection, article_ids: Sequence[int]) -> Iterator[Finding]:
    """Find versions of some articles that cannot be restored, or do not follow each other."""
    by_owner = _read_versions(connection, article_ids)
    query = (
        sa.select(articles.c.id, subject_of(articles), articles.c.last_import_id, documents.c.content)
        .join_from(articles, sources)
        .join(documents, documents.c.article_id == articles.c.id)
        .where(articles.c.id.in_(by_owner))
        .order_by(articles.c.id)
    )
    for key, subject, last_import_id, content in connection.execute(query):
        yield from _find_unrestorable(subject, bytes(content), by_owner[key])
        yield from _find_unlinked(subject, last_import_id, by_owner[key])


def find_wrong_taxonomy_versions(connection: sa.Connection, ids: Sequence[int]) -> Iterator[Finding]:
    """Do the same as `find_wrong_versions` for taxonomy documents, whose paths never change."""
    document, version = taxonomy_documents.c, file_versions.c
    query = (
        sa.select(
            document.id, subject_of(taxonomy_documents), document.content,
            version.import_id, version.path, version.digest, version.delta, version.last_import_id,
        )
        .join_from(taxonomy_documents, sources)
        .join(file_versions, sa.and_(version.source_id == document.source_id, version.path == document.path))
        .where(document.id.in_(ids))
        .order_by(document.id, version.import_id.desc())
    )  # fmt: skip
    found: dict[tuple[str, bytes], list[_Version]] = {}
    for _, subject, content, *values in connection.execute(query):
        found.setdefault((subject, bytes(content)), []).append(_make_version(*values))
    for (subject, content), versions in found.items():
        yield from _find_unrestorable(subject, content, versions)


def _find_unrestorable(subject: str, content: bytes, versions: Sequence[_Version]) -> Iterator[Finding]:
    """Find versions, latest first, that do not restore the bytes of their digests."""
    for version in versions:
        if (version.delta is None) != (version.digest is None):
            yield Finding(
                "versions", subject, "a version has a digest without bytes, or bytes without a digest"
            )
        if version.delta is None:
            continue
        try:
            content = decode_delta(version.delta, content)
        except zlib.error:
            content = b""
        if hashlib.sha256(content).digest() != version.digest:
            wrong = f"its content before import {version.import_id} cannot be restored"
            yield Finding("versions", subject, wrong)
            return  # older versions depend on this one


def _find_unlinked(subject: str, last_import_id: int, versions: Sequence[_Version]) -> Iterator[Finding]:
    """Find versions, latest first, that another import stored than the one that changed the article."""
    changed_by = last_import_id
    for version in versions:
        if version.import_id != changed_by:
            stored_by = version.import_id
            wrong = f"import {changed_by} changed it last, but import {stored_by} stored the version before"
            yield Finding("versions", subject, wrong)
        changed_by = version.last_import_id


def find_versions_without_document(connection: sa.Connection) -> Iterator[Finding]:
    """Find versions of files from which no article and no taxonomy document was made."""
    version, move = file_versions.c, article_moves.c
    is_known = [
        sa.exists().where(table.c.source_id == version.source_id, table.c.path == version.path)
        for table in (articles, taxonomy_documents)
    ]
    moved = (
        sa.select(move.article_id)
        .join(articles, articles.c.id == move.article_id)
        .where(articles.c.source_id == version.source_id, move.old_path == version.path)
        .correlate(file_versions)
        .exists()
    )
    query = (
        sa.select(subject_of(file_versions), version.import_id)
        .join_from(file_versions, sources)
        .where(~sa.or_(*is_known, moved))
        .order_by(version.source_id, version.path, version.import_id)
    )
    for subject, import_id in stream_rows(connection, query):
        yield Finding("versions", subject, f"the version before import {import_id} belongs to no document")


# --- the owners of versions ----------------------------------------------------------------------------


def _read_versions(connection: sa.Connection, article_ids: Sequence[int]) -> dict[int, list[_Version]]:
    """Return the versions of some articles by id, latest first."""
    paths_and_ids = _read_paths(connection, article_ids)
    paths = sorted({path for path, _ in paths_and_ids})
    source_of: dict[int, int] = dict(
        map(tuple, connection.execute(_SOURCES.where(articles.c.id.in_(article_ids))))
    )
    source_ids = sorted(set(source_of.values()))
    departures = _read_departures(connection, paths)
    version = file_versions.c
    query = (
        sa.select(
            version.source_id, version.import_id, version.path, version.digest, version.delta,
            version.last_import_id,
        )
        .where(version.source_id.in_(source_ids), version.path.in_(paths))
        .order_by(version.import_id.desc())
    )  # fmt: skip
    current = {(source_of[key], path): key for path, key in paths_and_ids if key in source_of}
    found: dict[int, list[_Version]] = defaultdict(list)
    for source_id, *values in connection.execute(query):
        row = _make_version(*values)
        owner = _find_owner(departures.get((source_id, row.path), ()), row.import_id)
        owner = current.get((source_id, row.path)) if owner is None else owner
        if owner in source_of:
            found[owner].append(row)
    return found


_SOURCES = sa.select(articles.c.id, articles.c.source_id)


def _read_paths(connection: sa.Connection, article_ids: Sequence[int]) -> list[tuple[str, int]]:
    """Return the current paths of some articles with their ids, and their former paths with id 0."""
    current = sa.select(articles.c.path, articles.c.id).where(articles.c.id.in_(article_ids))
    move = article_moves.c
    former = sa.select(move.old_path, sa.literal(0)).where(move.article_id.in_(article_ids))
    return [tuple(row) for query in (current, former) for row in connection.execute(query)]


def _read_departures(
    connection: sa.Connection, paths: Sequence[str]
) -> Mapping[tuple[int, str], list[tuple[int, int]]]:
    """Return the moves away from paths: by source and path, pairs of import and article, oldest first."""
    move = article_moves.c
    query = (
        sa.select(articles.c.source_id, move.old_path, changesets.c.import_id, move.article_id)
        .join_from(article_moves, changesets, changesets.c.id == move.changeset_id)
        .join(articles, articles.c.id == move.article_id)
        .where(move.old_path.in_(paths), changesets.c.import_id.is_not(None))
        .order_by(changesets.c.import_id)
    )
    departures: dict[tuple[int, str], list[tuple[int, int]]] = defaultdict(list)
    for source_id, path, import_id, article_id in connection.execute(query):
        departures[source_id, path].append((import_id, article_id))
    return departures


def _find_owner(departures: Sequence[tuple[int, int]], import_id: int) -> int | None:
    """Return the article that left the path next, by this import or a later one."""
    return next((article_id for moved_by, article_id in departures if moved_by >= import_id), None)


def _make_version(import_id: int, path: str, digest: Any, delta: Any, last_import_id: int) -> _Version:
    data = (None if value is None else bytes(value) for value in (digest, delta))
    return _Version(import_id, path, next(data), next(data), last_import_id)
