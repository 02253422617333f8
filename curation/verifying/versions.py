"""What files were before imports changed them: whether that can be given back, and follows each other.

A version belongs to the article that was at its path when its import began: articles move, and the moves are
kept. From the stored document backwards each version is the earlier bytes as a delta against the later ones.
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
    import_id: int
    path: str
    digest: bytes | None
    delta: bytes | None
    last_import_id: int


def find_wrong_versions(connection: sa.Connection, article_ids: Sequence[int]) -> Iterator[Finding]:
    """Versions of some articles that do not give the earlier bytes back, or do not follow each other."""
    by_owner = _read_versions(connection, article_ids)
    query = (
        sa.select(articles.c.id, subject_of(articles), articles.c.last_import_id, documents.c.content)
        .join_from(articles, sources)
        .join(documents, documents.c.article_id == articles.c.id)
        .where(articles.c.id.in_(by_owner))
        .order_by(articles.c.id)
    )
    for key, subject, last_import_id, content in connection.execute(query):
        yield from _find_broken(subject, bytes(content), by_owner[key])
        yield from _find_unlinked(subject, last_import_id, by_owner[key])


def find_wrong_taxonomy_versions(connection: sa.Connection, ids: Sequence[int]) -> Iterator[Finding]:
    """As `find_wrong_versions`, for the taxonomy, whose documents stay at their paths."""
    note, version = taxonomy_documents.c, file_versions.c
    query = (
        sa.select(
            note.id, subject_of(taxonomy_documents), note.content,
            version.import_id, version.path, version.digest, version.delta, version.last_import_id,
        )
        .join_from(taxonomy_documents, sources)
        .join(file_versions, sa.and_(version.source_id == note.source_id, version.path == note.path))
        .where(note.id.in_(ids))
        .order_by(note.id, version.import_id.desc())
    )  # fmt: skip
    found: dict[tuple[str, bytes], list[_Version]] = {}
    for _, subject, content, *values in connection.execute(query):
        found.setdefault((subject, bytes(content)), []).append(_version(*values))
    for (subject, content), versions in found.items():
        yield from _find_broken(subject, content, versions)


def _find_broken(subject: str, content: bytes, versions: Sequence[_Version]) -> Iterator[Finding]:
    """Versions, the latest first, that do not give back the bytes that their digests are of."""
    for version in versions:
        if (version.delta is None) != (version.digest is None):
            yield Finding("versions", subject, "a digest without bytes, or these without")
        if version.delta is None:
            continue
        try:
            content = decode_delta(version.delta, content)
        except zlib.error:
            content = b""
        if hashlib.sha256(content).digest() != version.digest:
            wrong = f"what it was before import {version.import_id} cannot be given back"
            yield Finding("versions", subject, wrong)
            return  # what was before that is made of it


def _find_unlinked(subject: str, last_import_id: int, versions: Sequence[_Version]) -> Iterator[Finding]:
    """Where the import that changed an article before is another one than the version before says."""
    says = last_import_id
    for version in versions:
        if version.import_id != says:
            wrong = f"import {says} changed it last, and import {version.import_id} kept what it was before"
            yield Finding("versions", subject, wrong)
        says = version.last_import_id


def find_versions_of_nothing(connection: sa.Connection) -> Iterator[Finding]:
    """Versions of files that no article and no taxonomy was made of."""
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
        yield Finding("versions", subject, f"what it was before import {import_id} is of no document")


# --- whose versions these are --------------------------------------------------------------------------


def _read_versions(connection: sa.Connection, article_ids: Sequence[int]) -> dict[int, list[_Version]]:
    """The versions of some articles by their ids, the latest first."""
    places = _read_places(connection, article_ids)
    paths = sorted({path for path, _ in places})
    source_of: dict[int, int] = dict(
        map(tuple, connection.execute(_SOURCES.where(articles.c.id.in_(article_ids))))
    )
    source_ids = sorted(set(source_of.values()))
    leaves = _read_leaves(connection, paths)
    version = file_versions.c
    query = (
        sa.select(
            version.source_id, version.import_id, version.path, version.digest, version.delta,
            version.last_import_id,
        )
        .where(version.source_id.in_(source_ids), version.path.in_(paths))
        .order_by(version.import_id.desc())
    )  # fmt: skip
    at_now = {(source_of[key], path): key for path, key in places if key in source_of}
    found: dict[int, list[_Version]] = defaultdict(list)
    for source_id, *values in connection.execute(query):
        row = _version(*values)
        owner = _owner(leaves.get((source_id, row.path), ()), row.import_id)
        owner = at_now.get((source_id, row.path)) if owner is None else owner
        if owner in source_of:
            found[owner].append(row)
    return found


_SOURCES = sa.select(articles.c.id, articles.c.source_id)


def _read_places(connection: sa.Connection, article_ids: Sequence[int]) -> list[tuple[str, int]]:
    """Where some articles are; and, of those that moved, only that they were elsewhere (id 0)."""
    now = sa.select(articles.c.path, articles.c.id).where(articles.c.id.in_(article_ids))
    move = article_moves.c
    was = sa.select(move.old_path, sa.literal(0)).where(move.article_id.in_(article_ids))
    return [tuple(row) for query in (now, was) for row in connection.execute(query)]


def _read_leaves(
    connection: sa.Connection, paths: Sequence[str]
) -> Mapping[tuple[int, str], list[tuple[int, int]]]:
    """By source and path, the imports by which articles left it, in order, and these articles."""
    move = article_moves.c
    query = (
        sa.select(articles.c.source_id, move.old_path, changesets.c.import_id, move.article_id)
        .join_from(article_moves, changesets, changesets.c.id == move.changeset_id)
        .join(articles, articles.c.id == move.article_id)
        .where(move.old_path.in_(paths), changesets.c.import_id.is_not(None))
        .order_by(changesets.c.import_id)
    )
    leaves: dict[tuple[int, str], list[tuple[int, int]]] = defaultdict(list)
    for source_id, path, import_id, article_id in connection.execute(query):
        leaves[source_id, path].append((import_id, article_id))
    return leaves


def _owner(leaves: Sequence[tuple[int, int]], import_id: int) -> int | None:
    """The article that the next move from the path, at this import or later, took away from there."""
    return next((article_id for at, article_id in leaves if at >= import_id), None)


def _version(import_id: int, path: str, digest: Any, delta: Any, last_import_id: int) -> _Version:
    data = (None if value is None else bytes(value) for value in (digest, delta))
    return _Version(import_id, path, next(data), next(data), last_import_id)
