"""What the rows of imports and changesets say, beside what they did to articles."""

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
    """What is wrong with imports, their counts, their changesets, and what refers to them."""
    yield from _find_of_other_sources(connection)
    yield from _find_disordered(connection)
    yield from _find_wrong_counts(connection)
    yield from _find_wrong_changesets(connection)
    yield from _find_wrong_moves(connection)


def _find_of_other_sources(connection: sa.Connection) -> Iterator[Finding]:
    """Rows that an import of another source is said to have written."""
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


def _find_disordered(connection: sa.Connection) -> Iterator[Finding]:
    """Rows whose first import is after their last one, and issues that were mended before they were found."""
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
            query = query.where(~_is_undone(last))
        for subject, one, other in stream_rows(connection, query):
            yield Finding(
                "imports", subject, f"{table.name}: {first.name} {one} is after {last.name} {other}"
            )


def _is_undone(import_id: sa.Column[int]) -> sa.ColumnElement[bool]:
    """Whether an import was undone, wholly or in part: that settles issues in its name."""
    made, back = changesets.alias("made"), changesets.alias("back")
    joined = made.join(back, back.c.reverts_id == made.c.id)
    undone = sa.select(back.c.id).select_from(joined).where(made.c.import_id == import_id)
    return undone.correlate(import_id.table).exists()


def _find_wrong_counts(connection: sa.Connection) -> Iterator[Finding]:
    """Counts of imports that are not those of the rows that tell of them, as far as these are kept.

    Of the last imports of a source, versions tell what was changed and what went missing, and moves what
    moved. What was unchanged, skipped or quarantined, nothing tells.
    """
    kept = (
        sa.select(sa.func.min(file_versions.c.import_id))
        .where(file_versions.c.source_id == imports.c.source_id)
        .correlate(imports)
        .scalar_subquery()
    )
    row = imports.c
    query = (
        sa.select(row.id, row.added, row.updated, row.missing, row.moved, row.id >= kept)
        .where(row.status.in_(("succeeded", "partial")), ~_is_undone(row.id))
        .order_by(row.id)
    )
    added = _by_import(
        connection,
        sa.select(articles.c.first_import_id, sa.func.count()).group_by(articles.c.first_import_id),
    )
    version, is_note = (
        file_versions.c,
        sa.exists().where(
            taxonomy_documents.c.source_id == file_versions.c.source_id,
            taxonomy_documents.c.path == file_versions.c.path,
        ),
    )
    is_gone = sa.and_(version.delta.is_(None), version.missing_since.is_(None))
    versions = sa.select(version.import_id, sa.func.count()).where(~is_note).group_by(version.import_id)
    missing = _by_import(connection, versions.where(is_gone))
    changed = _by_import(connection, versions.where(~is_gone))
    moved = _by_import(connection, _moves())
    for import_id, *counts, is_kept in connection.execute(query).all():
        has_moved = moved.get(import_id, 0)
        due: list[int | None] = [added.get(import_id, 0), None, None, has_moved]
        if is_kept:
            due[1:3] = changed.get(import_id, 0) - has_moved, missing.get(import_id, 0)
        for name, is_, ought in zip(("added", "updated", "missing", "moved"), counts, due, strict=True):
            if ought is not None and is_ != ought:
                yield Finding("imports", f"import {import_id}", f"{name} is {is_}, and by its rows {ought}")


def _moves() -> sa.Select[Any]:
    """How many articles each import moved; those that it pushed out of their paths it counts as missing."""
    move = article_moves.c
    is_pushed_out = move.new_path.like(sa.literal("%~").concat(sa.cast(move.article_id, sa.Text)))
    return (
        sa.select(changesets.c.import_id, sa.func.count())
        .join_from(article_moves, changesets, changesets.c.id == move.changeset_id)
        .where(~is_pushed_out)
        .group_by(changesets.c.import_id)
    )


def _by_import(connection: sa.Connection, query: sa.Select[Any]) -> dict[int, int]:
    return dict(map(tuple, connection.execute(query)))


def _find_wrong_changesets(connection: sa.Connection) -> Iterator[Finding]:
    """Changesets of a kind that does not fit what they come from, and changes that do not fit theirs."""
    made, back = changesets.c, changesets.alias("back").c
    is_import, is_revert = made.kind == "import", made.kind == "revert"
    wrong = {
        "is not of kind import, and yet of an import": sa.and_(~is_import, made.import_id.is_not(None)),
        "is of kind import, and yet of none": sa.and_(is_import, made.import_id.is_(None)),
        "is not of kind revert, and yet reverts one": sa.and_(~is_revert, made.reverts_id.is_not(None)),
        "is of kind revert, and yet reverts none": sa.and_(is_revert, made.reverts_id.is_(None)),
        "reverts one that is not before it": made.reverts_id >= made.id,
        "is the second one of its import": sa.exists().where(
            back.import_id == made.import_id, back.id < made.id
        ),
    }
    for told, is_wrong in wrong.items():
        query = sa.select(made.id).where(is_wrong).order_by(made.id)
        for (key,) in stream_rows(connection, query):
            yield Finding("changesets", f"changeset {key}", f"it {told}")
    yield from _find_changes_of_others(connection)
    reverted = sa.select(imports.c.id).where(imports.c.status == "reverted", ~_is_undone(imports.c.id))
    for (key,) in stream_rows(connection, reverted.order_by(imports.c.id)):
        yield Finding("imports", f"import {key}", "it is reverted, and no changeset reverts it")
    quarantined = sa.select(imports.c.id).where(imports.c.status == "succeeded", imports.c.quarantined > 0)
    for (key,) in stream_rows(connection, quarantined.order_by(imports.c.id)):
        yield Finding("imports", f"import {key}", "it has succeeded, with files that were quarantined")


def _find_changes_of_others(connection: sa.Connection) -> Iterator[Finding]:
    """Changes of an import that are about another source's article; decisions of another changeset than the
    one that made them."""
    change, made = changes.c, changesets.c
    joined = changes.join(changesets, made.id == change.changeset_id).join(
        articles, articles.c.id == change.article_id
    )
    base = sa.select(change.id, subject_of(articles)).select_from(joined.join(sources)).order_by(change.id)
    of_other = base.outerjoin(imports, imports.c.id == made.import_id).where(
        imports.c.source_id != articles.c.source_id
    )
    for key, subject in stream_rows(connection, of_other):
        yield Finding("changesets", subject, f"change {key} is of an import of another source")
    # A decision on one flag that changes the value of another leaves that one's override as it is.
    is_another = change.old_override.is_distinct_from(change.new_override) | (
        change.old_decision_id.is_distinct_from(change.new_decision_id)
    )
    anew = base.where(made.kind.in_(("edit", "score")), change.new_decision_id != change.changeset_id)
    for key, subject in stream_rows(connection, anew.where(change.new_override.is_not(None), is_another)):
        yield Finding("changesets", subject, f"change {key} makes an override of another changeset")


def _find_wrong_moves(connection: sa.Connection) -> Iterator[Finding]:
    """Moves of articles that do not lead, one after the other, to where they are."""
    move = article_moves.c
    query = (
        sa.select(move.article_id, subject_of(articles), articles.c.path, move.old_path, move.new_path)
        .join_from(article_moves, articles, articles.c.id == move.article_id)
        .join(sources, sources.c.id == articles.c.source_id)
        .order_by(move.article_id, move.changeset_id.desc())
    )
    last, at = None, ""
    for key, subject, path, old, new in stream_rows(connection, query):
        at = path if key != last else at
        if new != at:
            yield Finding("moves", subject, f"it moved to {new}, and not on from there to {at}")
        last, at = key, old
