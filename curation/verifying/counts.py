"""What must match one to one: articles and documents, documents and files, imports and their ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import sqlalchemy as sa

from ..importing.writing.orphans import USING_COLUMNS, is_unused
from ..store.database import stream_rows
from ..store.schema import articles, changes, documents, files, imports, sources, taxonomy_documents
from .findings import Finding, subject_of


class Counts(NamedTuple):
    """How much there was to look at."""

    articles: int
    documents: int
    changes: int


def count(connection: sa.Connection) -> Counts:
    """The rows of the store; the documents are those of articles and of the taxonomy."""
    tables = (articles, documents, taxonomy_documents, changes)
    found = [connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0 for table in tables]
    return Counts(found[0], found[1] + found[2], found[3])


def find_uncounted(connection: sa.Connection) -> Iterator[Finding]:
    """What has no counterpart. (A document has one article: the article's id is its key.)"""
    yield from _find_without_document(connection)
    for table in (articles, taxonomy_documents):
        yield from _find_without_file(connection, table)
    yield from _find_kept_of_nothing(connection)
    yield from _find_unended(connection)


def _find_without_document(connection: sa.Connection) -> Iterator[Finding]:
    query = (
        sa.select(subject_of(articles))
        .join_from(articles, sources)
        .outerjoin(documents, documents.c.article_id == articles.c.id)
        .where(documents.c.article_id.is_(None))
        .order_by(articles.c.id)
    )
    for (subject,) in stream_rows(connection, query):
        yield Finding("documents", subject, "the article has no document")


def _find_without_file(connection: sa.Connection, table: sa.Table) -> Iterator[Finding]:
    """What is present was read from a file: one that is kept, or that broke later and was refused.

    A file's state is asked for row by row, by its key: as a join, PostgreSQL without statistics (after a
    first import) took 14 s for 20,000 articles, and so takes 0.1 s.
    """
    state = (
        sa.select(files.c.state)
        .where(files.c.source_id == table.c.source_id, files.c.path == table.c.path)
        .scalar_subquery()
    )
    query = (
        sa.select(subject_of(table))
        .join_from(table, sources)
        .where(table.c.missing_since.is_(None), sa.func.coalesce(state, "skipped") == "skipped")
        .order_by(table.c.id)
    )
    for (subject,) in stream_rows(connection, query):
        yield Finding("files", subject, "it is not missing, yet no file is remembered that it was read from")


def _find_kept_of_nothing(connection: sa.Connection) -> Iterator[Finding]:
    query = sa.select(subject_of(files)).join_from(files, sources).where(files.c.state == "imported")
    for table in (articles, taxonomy_documents):
        query = query.where(
            ~sa.exists().where(
                table.c.source_id == files.c.source_id,
                table.c.path == files.c.path,
                table.c.missing_since.is_(None),
            )
        )
    for (subject,) in stream_rows(connection, query.order_by(files.c.source_id, files.c.path)):
        yield Finding(
            "files", subject, "the file is remembered as kept, yet nothing present was read from it"
        )


def _find_unended(connection: sa.Connection) -> Iterator[Finding]:
    """An import has an end unless it is running."""
    is_running, has_end = imports.c.status == "running", imports.c.finished_at.is_not(None)
    query = sa.select(imports.c.id, imports.c.status).where(is_running == has_end).order_by(imports.c.id)
    for import_id, status in stream_rows(connection, query):
        wrong = (
            "is running, yet has a finished_at" if status == "running" else f"{status}, without finished_at"
        )
        yield Finding("imports", f"import {import_id}", wrong)


def find_orphans(connection: sa.Connection) -> Iterator[Finding]:
    """Providers, topics and images that nobody uses: they go with their last user."""
    for table in USING_COLUMNS:
        row = table.alias("t")
        query = sa.select(row.c.id).where(is_unused(row, table)).order_by(row.c.id)
        for (key,) in stream_rows(connection, query):
            yield Finding("orphans", f"{table.name} {key}", "nothing refers to it")
