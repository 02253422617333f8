"""Checks the rows of imports, changesets and moves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from ..store.database import stream_rows
from ..store.schema import (
    article_moves,
    articles,
    changes,
    changesets,
    file_versions,
    import_issues,
    imports,
    sources,
    taxonomy_documents,
)
from .findings import Finding, subject_of


def find_wrong_imports(connection: sa.Connection) -> Iterator[Finding]:
    """Find problems in imports, their counts, their changesets, moves, and rows that refer to imports."""
    yield from _find_foreign_imports(connection)
    yield from _find_wrong_order(connection)
    yield from _find_wrong_counts(connection)
    yield from _find_wrong_changesets(connection)
    yield from _find_wrong_moves(connection)


def _find_foreign_imports(connection: sa.Connection) -> Iterator[Finding]:
    """Find rows that refer to an import of another source."""
    for table in (articles, taxonomy_documents, import_issues, file_versions):
        for column in table.c:
            if imports.c.id not in {key.column for key in column.foreign_keys}:
                continue
            query = (
                sa.select(subject_of(table), column)
                .join_from(table, sources, sources.c.id == table.c.source_id)
                .join(imports, imports.c.id == column)
                .where(imports.c.source_id != table.c.source_id)
                .order_by(*table.primary_key.columns)
            )
            for subject, import_id in stream_rows(connection, query):
                wrong = f"{table.name}: {column.name} is {import_id}, an import of another source"
                yield Finding("imports", subject, wrong)


def _find_wrong_order(connection: sa.Connection) -> Iterator[Finding]:
    """Find rows with their first import after their last, and issues resolved before they were found."""
    article, note, issue = articles.c, taxonomy_documents.c, import_issues.c
    for table, first, last in (
        (articles, article.first_import_id, article.last_import_id),
        (taxonomy_documents, note.first_import_id, note.last_import_id),
        (import_issues, issue.import_id, issue.resolved_import_id),
    ):
        query = (
            sa.select(subject_of(table), first, last)
            .join_from(table, sources, sources.c.id == table.c.source_id)
            .where(first > last)
            .order_by(*table.primary_key.columns)
        )
        if table is import_issues:
            query = query.where(~_has_revert(last))
        for subject, one, other in stream_rows(connection, query):
            yield Finding(
                "imports", subject, f"{table.name}: {first.name} {one} is after {last.name} {other}"
            )


def _has_revert(import_id: sa.Column[int]) -> sa.ColumnElement[bool]:
    """Return SQL for whether an import was reverted, or in part. Reverting resolves issues in its name."""
    made, reverting = changesets.alias("made"), changesets.alias("reverting")
    joined = made.join(reverting, reverting.c.reverts_id == made.c.id)
    reverted = sa.select(reverting.c.id).select_from(joined).where(made.c.import_id == import_id)
    return reverted.correlate(import_id.table).exists()


def _find_wrong_counts(connection: sa.Connection) -> Iterator[Finding]:
    """Find counts of imports that do not match the rows of these imports.

    - `added` and `moved` can always be counted.
    - `updated` and `missing` can be counted from versions, which are kept for a source's last imports.
    - `unchanged`, `skipped` and `quarantined` cannot be checked, because no rows record them.
    """
    oldest_kept = (
        sa.select(sa.func.min(file_versions.c.import_id))
        .where(file_versions.c.source_id == imports.c.source_id)
        .correlate(imports)
        .scalar_subquery()
    )
    row = imports.c
    query = (
        sa.select(row.id, row.added, row.updated, row.missing, row.moved, row.id >= oldest_kept)
        .where(row.status.in_(("succeeded", "partial")), ~_has_revert(row.id))
        .order_by(row.id)
    )
    added = _count_by_import(
        connection,
        sa.select(articles.c.first_import_id, sa.func.count()).group_by(articles.c.first_import_id),
    )
    version = file_versions.c
    is_taxonomy = sa.exists().where(
        taxonomy_documents.c.source_id == version.source_id, taxonomy_documents.c.path == version.path
    )
    is_missing = sa.and_(version.delta.is_(None), version.missing_since.is_(None))
    versions = sa.select(version.import_id, sa.func.count()).where(~is_taxonomy).group_by(version.import_id)
    missing = _count_by_import(connection, versions.where(is_missing))
    changed = _count_by_import(connection, versions.where(~is_missing))
    moved = _count_by_import(connection, _select_moves())
    for import_id, *counts, is_kept in connection.execute(query).all():
        moves = moved.get(import_id, 0)
        expected: list[int | None] = [added.get(import_id, 0), None, None, moves]
        if is_kept:
            expected[1:3] = changed.get(import_id, 0) - moves, missing.get(import_id, 0)
        names = ("added", "updated", "missing", "moved")
        for name, stored, computed in zip(names, counts, expected, strict=True):
            if computed is not None and stored != computed:
                wrong = f"{name} is {stored}, but its rows give {computed}"
                yield Finding("imports", f"import {import_id}", wrong)


def _select_moves() -> sa.Select[Any]:
    """Select the number of articles that each import moved.

    Articles that an import pushed out of their paths are not included, because imports count them as missing.
    """
    move = article_moves.c
    is_pushed_out = move.new_path.like(sa.literal("%~").concat(sa.cast(move.article_id, sa.Text)))
    return (
        sa.select(changesets.c.import_id, sa.func.count())
        .join_from(article_moves, changesets, changesets.c.id == move.changeset_id)
        .where(~is_pushed_out)
        .group_by(changesets.c.import_id)
    )


def _count_by_import(connection: sa.Connection, query: sa.Select[Any]) -> dict[int, int]:
    return dict(map(tuple, connection.execute(query)))


def _find_wrong_changesets(connection: sa.Connection) -> Iterator[Finding]:
    """Find changesets and imports whose kind or status contradicts other rows, and changes likewise."""
    made, other = changesets.c, changesets.alias("other").c
    is_import, is_revert = made.kind == "import", made.kind == "revert"
    problems = {
        "its kind is not import, but it belongs to an import": sa.and_(
            ~is_import, made.import_id.is_not(None)
        ),
        "its kind is import, but it belongs to no import": sa.and_(is_import, made.import_id.is_(None)),
        "its kind is not revert, but it reverts a changeset": sa.and_(
            ~is_revert, made.reverts_id.is_not(None)
        ),
        "its kind is revert, but it reverts no changeset": sa.and_(is_revert, made.reverts_id.is_(None)),
        "it reverts a changeset that is not older": made.reverts_id >= made.id,
        "its import has an older changeset too": sa.exists().where(
            other.import_id == made.import_id, other.id < made.id
        ),
    }
    for wrong, is_wrong in problems.items():
        query = sa.select(made.id).where(is_wrong).order_by(made.id)
        for (key,) in stream_rows(connection, query):
            yield Finding("changesets", f"changeset {key}", wrong)
    yield from _find_foreign_changes(connection)
    reverted = sa.select(imports.c.id).where(imports.c.status == "reverted", ~_has_revert(imports.c.id))
    for (key,) in stream_rows(connection, reverted.order_by(imports.c.id)):
        yield Finding("imports", f"import {key}", "its status is reverted, but no changeset reverts it")
    quarantined = sa.select(imports.c.id).where(imports.c.status == "succeeded", imports.c.quarantined > 0)
    for (key,) in stream_rows(connection, quarantined.order_by(imports.c.id)):
        yield Finding("imports", f"import {key}", "its status is succeeded, but it quarantined files")


def _find_foreign_changes(connection: sa.Connection) -> Iterator[Finding]:
    """Find changes of an import to another source's articles, and overrides from another changeset."""
    change, made = changes.c, changesets.c
    joined = changes.join(changesets, made.id == change.changeset_id).join(
        articles, articles.c.id == change.article_id
    )
    base = sa.select(change.id, subject_of(articles)).select_from(joined.join(sources)).order_by(change.id)
    is_foreign = base.outerjoin(imports, imports.c.id == made.import_id).where(
        imports.c.source_id != articles.c.source_id
    )
    for key, subject in stream_rows(connection, is_foreign):
        yield Finding("changesets", subject, f"change {key} belongs to an import of another source")
    # An override of one flag may change the effective value of another, whose own override stays as it is.
    sets_override = change.old_override.is_distinct_from(change.new_override) | (
        change.old_decision_id.is_distinct_from(change.new_decision_id)
    )
    edits = base.where(made.kind.in_(("edit", "score")), change.new_decision_id != change.changeset_id)
    for key, subject in stream_rows(connection, edits.where(change.new_override.is_not(None), sets_override)):
        yield Finding("changesets", subject, f"change {key} sets an override of another changeset")


def _find_wrong_moves(connection: sa.Connection) -> Iterator[Finding]:
    """Find moves of articles that do not lead, one after the other, to their current paths."""
    move = article_moves.c
    query = (
        sa.select(move.article_id, subject_of(articles), articles.c.path, move.old_path, move.new_path)
        .join_from(article_moves, articles, articles.c.id == move.article_id)
        .join(sources, sources.c.id == articles.c.source_id)
        .order_by(move.article_id, move.changeset_id.desc())
    )
    # The moves of an article come latest first. Each must end where the later one starts.
    previous, end = None, ""
    for key, subject, path, old, new in stream_rows(connection, query):
        end = path if key != previous else end
        if new != end:
            yield Finding("moves", subject, f"it moved to {new}, but no move leads from there to {end}")
        previous, end = key, old
