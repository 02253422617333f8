"""What an import did to documents: which it added, changed, lost and found again, as far as that is known.

What it added is known for good, unless it was taken out since. What it changed or lost is kept for the last
imports of a source alone (`importing.versions.KEPT_IMPORTS`). The import's counts tell how many are lacking.
Moves and changes of flags are in the history (`history.list_changes`).
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

#: What became of a document.
ADDED, CHANGED, MISSING, BACK = "added", "changed", "missing", "found again"


class Import(NamedTuple):
    """An import, by its changeset: how many articles it added, updated and lost."""

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
    """The import that made a changeset; None if it is no import's."""
    told = (changesets.c[name] for name in ("id", "created_at", "kind", "actor", "reason"))
    counts = (imports.c[name] for name in ("id", "added", "updated", "missing", "status"))
    query = sa.select(*told, *counts).join(imports, imports.c.id == changesets.c.import_id)
    row = connection.execute(
        query.where(changesets.c.id == changeset_id, changesets.c.kind == "import")
    ).first()
    return None if row is None else Import(*row)


def list_documents(
    connection: sa.Connection, import_: Import, limit: int | None, counted: Counter[tuple[str, bool]]
) -> Iterator[tuple[Any, ...]]:
    """A row for each document that an import added, changed, lost or found again, by what it did and by path,
    as they come; in the columns of `history.CHANGE_COLUMNS`, of which `flag` is `document`.

    Args:
        counted: gets how many there were of what, by whether they are articles (or else taxonomy).
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
    """What files were before tells what became of them; that of one that moved lies at its old path, and says
    nothing where its bytes are the same."""
    version, move = file_versions.c, article_moves.c
    place = sa.case((version.delta.is_not(None), 1), (version.missing_since.is_(None), 2), else_=3).label(
        "place"
    )
    of_move = sa.and_(move.changeset_id == import_.changeset_id, move.old_path == version.path)
    at_path = sa.and_(articles.c.source_id == version.source_id, articles.c.path == version.path)
    article_id = sa.func.coalesce(move.article_id, articles.c.id)
    path = sa.func.coalesce(move.new_path, version.path)
    is_moved_alone = sa.and_(move.article_id.is_not(None), version.digest == _digest_after(import_.id))
    return (
        sa.select(place, article_id.label("article_id"), path.label("path"))
        .select_from(file_versions)
        .outerjoin(article_moves, of_move)
        .outerjoin(articles, at_path)
        .where(version.import_id == import_.id, sa.func.coalesce(is_moved_alone, sa.false()).is_(sa.false()))
    )


def _digest_after(import_id: int) -> sa.ColumnElement[Any]:
    """The digest of the bytes that an import wrote of a document that moved: what they were before a later
    import changed them, or what they are."""
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


def what_is_lacking(import_: Import, counted: Counter[tuple[str, bool]]) -> list[str]:
    """What is not known any more of an import, in lines."""
    told = []
    if (lacking := import_.added - counted[ADDED, True]) > 0:
        told.append(f"{lacking:,} of the {import_.added:,} added were taken out since")
    if import_.status == "reverted":
        return [*told, "the import was undone: what is as it was before is not listed"]
    for word, count, known in (
        ("updated", import_.updated, counted[CHANGED, True] + counted[BACK, True]),
        ("missing", import_.missing, counted[MISSING, True]),
    ):
        if (lacking := count - known) > 0:
            kept = f"kept for the last {KEPT_IMPORTS} imports of a source"
            told.append(f"which {lacking:,} of the {count:,} {word} were is not known any more: it is {kept}")
    return told
