"""List the documents that an import added, changed, marked missing or found again, as far as that is known.

- Added documents are known permanently, unless they were deleted later.
- Changed and missing documents are kept only for the last imports of a source
  (`importing.versions.KEPT_IMPORTS`). The counts of the import show how many are not known.
- Moves and changes of flags are in the history (`history.list_changes`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import sqlalchemy as sa

from ...store.database import stream_rows
from ...store.schema import (
    article_moves,
    articles,
    changesets,
    documents,
    file_versions,
    imports,
    taxonomy_documents,
)
from .versions import KEPT_IMPORTS

#: What an import did to a document, in order of the listing.
ADDED, CHANGED, MISSING, BACK = "added", "changed", "missing", "found again"


class Import(NamedTuple):
    """An import and its changeset. `added`, `updated` and `missing` are numbers of articles."""

    changeset_id: int
    at: Any
    kind: str
    actor: str
    reason: str | None
    id: int
    added: int
    updated: int
    missing: int
    status: str


def find_import(connection: sa.Connection, changeset_id: int) -> Import | None:
    """Return the import that made a changeset; None if another command made it."""
    columns = (changesets.c[name] for name in ("id", "created_at", "kind", "actor", "reason"))
    counts = (imports.c[name] for name in ("id", "added", "updated", "missing", "status"))
    query = sa.select(*columns, *counts).join(imports, imports.c.id == changesets.c.import_id)
    row = connection.execute(
        query.where(changesets.c.id == changeset_id, changesets.c.kind == "import")
    ).first()
    return None if row is None else Import(*row)


def list_documents(
    connection: sa.Connection, import_: Import, limit: int | None, counted: Counter[tuple[str, bool]]
) -> Iterator[tuple[Any, ...]]:
    """Yield a row for each document that an import added, changed, marked missing or found again.

    Rows have the columns of `history.CHANGE_COLUMNS`, with `document` as `flag`. They are streamed, ordered
    by what happened and by path.

    Args:
        limit: maximum number of rows; None for all.
        counted: receives the number of rows by what happened and whether it is an article (else taxonomy).
    """
    query = sa.union_all(*_added(import_.id), _versions(import_)).subquery()
    columns = query.c
    in_order = sa.select(query).order_by(columns.place, columns.path).limit(limit)
    names = (ADDED, CHANGED, MISSING, BACK)
    before = (import_.changeset_id, import_.at, import_.kind, import_.actor)
    for place, article_id, path in stream_rows(connection, in_order):
        counted[names[place], article_id is not None] += 1
        yield (*before, article_id, path, "document", None, names[place], import_.reason)


def _added(import_id: int) -> Iterator[sa.Select[Any]]:
    for table, key in ((articles, articles.c.id), (taxonomy_documents, sa.null())):
        place = sa.literal_column("0", sa.Integer).label("place")
        chosen = sa.select(place, sa.cast(key, sa.BigInteger).label("article_id"), table.c.path)
        yield chosen.where(table.c.first_import_id == import_id)


def _versions(import_: Import) -> sa.Select[Any]:
    """Return a query of the documents that an import changed, marked missing or found again.

    It uses the versions of files before the import. The version of a moved document is at its old path. It is
    excluded if the move did not change the bytes.
    """
    version, move = file_versions.c, article_moves.c
    place = sa.case((version.delta.is_not(None), 1), (version.missing_since.is_(None), 2), else_=3).label(
        "place"
    )
    of_move = sa.and_(move.changeset_id == import_.changeset_id, move.old_path == version.path)
    at_path = sa.and_(articles.c.source_id == version.source_id, articles.c.path == version.path)
    article_id = sa.func.coalesce(move.article_id, articles.c.id)
    path = sa.func.coalesce(move.new_path, version.path)
    is_only_moved = sa.and_(move.article_id.is_not(None), version.digest == _digest_after(import_.id))
    return (
        sa.select(place, article_id.label("article_id"), path.label("path"))
        .select_from(file_versions)
        .outerjoin(article_moves, of_move)
        .outerjoin(articles, at_path)
        .where(version.import_id == import_.id, sa.func.coalesce(is_only_moved, sa.false()).is_(sa.false()))
    )


def _digest_after(import_id: int) -> sa.ColumnElement[Any]:
    """Return the digest of a moved document's bytes after an import.

    These are the bytes before the next import that changed them, or else the current ones.
    """
    move, later = article_moves.c, file_versions.alias("later")
    changed = (
        sa.select(later.c.digest)
        .where(
            later.c.source_id == file_versions.c.source_id, later.c.path == move.new_path,
            later.c.import_id > import_id, later.c.digest.is_not(None),
        )
        .order_by(later.c.import_id)
        .limit(1)
        .correlate(file_versions, article_moves)
        .scalar_subquery()
    )  # fmt: skip
    kept = sa.select(documents.c.digest).where(documents.c.article_id == move.article_id)
    return sa.func.coalesce(changed, kept.correlate(article_moves).scalar_subquery())


def describe_gaps(import_: Import, counted: Counter[tuple[str, bool]]) -> list[str]:
    """Return a line for each kind of document of an import that is not completely listed."""
    lines = []
    if (unlisted := import_.added - counted[ADDED, True]) > 0:
        lines.append(f"not listed: {unlisted:,} of {import_.added:,} added articles (deleted since)")
    if import_.status == "reverted":
        return [*lines, "the import was reverted; documents that are as before are not listed"]
    for word, count, known in (
        ("updated", import_.updated, counted[CHANGED, True] + counted[BACK, True]),
        ("missing", import_.missing, counted[MISSING, True]),
    ):
        if (unlisted := count - known) > 0:
            reason = f"kept for the last {KEPT_IMPORTS} imports of a source"
            lines.append(f"not listed: {unlisted:,} of {count:,} {word} articles ({reason})")
    return lines
