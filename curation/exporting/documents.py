"""The documents of a source as its files should be: the imported bytes with the overrides applied.

A flag is written if it has an override and the document does not already have the effective value. An absent
flag means published and not removed. An override of `removed` also changes `published`: a removed article is
never published.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Generator, Iterator, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from ..articles.override_status import DEFAULTS
from ..articles.selecting import Filters, make_filter_conditions
from ..backends.base import chunks
from ..documents.flag_editing import FlagValue
from ..flags import FLAGS, is_about_flag
from ..store.schema import articles, changes, documents, files, import_issues, overrides, taxonomy_documents

#: Rows per fetch.
DOCUMENTS_PER_FETCH = 500


class StoredDocument(NamedTuple):
    """A document in the store, without its bytes.

    id: the id of the article, or of the taxonomy document.
    article_id: None for a taxonomy document, which has no flags.
    digest: SHA-256 of the imported bytes.
    stamp: identifies the file's bytes without reading them (`scanning.File.stamp`); None if unknown.
    is_overridden: whether any of its flags has an override.
    """

    id: int
    article_id: int | None
    path: str
    digest: bytes
    stamp: str | None
    is_overridden: bool


class Content(NamedTuple):
    """A document with its imported bytes, and the flags that its file should have instead."""

    document: StoredDocument
    imported: bytes
    flags: dict[str, FlagValue]


def count_documents(connection: sa.Connection, source_id: int, filters: Filters) -> int:
    """Return the number of documents that `read_documents` yields."""
    conditions = _conditions(connection, source_id, filters)
    query = sa.select(sa.func.count()).select_from(articles).where(*conditions)
    count: int = connection.scalar(query) or 0
    if not filters:
        table = taxonomy_documents.c
        taxonomy = sa.select(sa.func.count()).where(
            table.source_id == source_id, table.missing_since.is_(None)
        )
        count += connection.scalar(taxonomy) or 0
    return count


def read_documents(
    connection: sa.Connection, source_id: int, filters: Filters
) -> Generator[list[StoredDocument], None, None]:
    """Yield the documents of a source in batches: taxonomy documents, then articles, each by path.

    Taxonomy documents are included only without filters. Missing articles are included only if the filters
    ask for them. The caller must close the generator.
    """
    if not filters:
        yield from _batches(connection, _taxonomy(source_id))
    article = articles.c
    is_overridden = sa.exists().where(overrides.c.article_id == article.id)
    query = (
        sa.select(article.id, article.id, article.path, documents.c.digest, files.c.stamp, is_overridden)
        .join(documents, documents.c.article_id == article.id)
        .outerjoin(files, _is_imported_file_of(article))
        .where(*_conditions(connection, source_id, filters))
        .order_by(article.path)
    )
    yield from _batches(connection, query)


def _conditions(connection: sa.Connection, source_id: int, filters: Filters) -> list[sa.ColumnElement[bool]]:
    conditions = [articles.c.source_id == source_id]
    if not filters.missing:
        conditions.append(articles.c.missing_since.is_(None))
    return [*conditions, *make_filter_conditions(connection, filters)]


def _taxonomy(source_id: int) -> sa.Select[Any]:
    table = taxonomy_documents.c
    return (
        sa.select(table.id, sa.null(), table.path, table.digest, files.c.stamp, sa.false())
        .select_from(taxonomy_documents)
        .outerjoin(files, _is_imported_file_of(table))
        .where(table.source_id == source_id, table.missing_since.is_(None))
        .order_by(table.path)
    )


def _is_imported_file_of(document: Any) -> sa.ColumnElement[bool]:
    """Return the join of a document with its file.

    A quarantined file is left out: its stamp belongs to bytes that were not imported.
    """
    is_same_path = sa.and_(files.c.source_id == document.source_id, files.c.path == document.path)
    return sa.and_(is_same_path, files.c.state == "imported")


def _batches(connection: sa.Connection, query: sa.Select[Any]) -> Generator[list[StoredDocument], None, None]:
    with connection.execute(query, execution_options={"yield_per": DOCUMENTS_PER_FETCH}) as rows:
        for some in rows.partitions():
            yield [
                StoredDocument(row_id, article_id, path, bytes(digest), stamp, bool(is_overridden))
                for row_id, article_id, path, digest, stamp, is_overridden in some
            ]


def read_contents(connection: sa.Connection, batch: Sequence[StoredDocument]) -> Iterator[Content]:
    """Yield the bytes of one batch of documents and the flags to write, in the order of the batch."""
    article_ids = [document.id for document in batch if document.article_id is not None]
    taxonomy_ids = [document.id for document in batch if document.article_id is None]
    contents = _contents(connection, documents, documents.c.article_id, article_ids)
    taxonomy = _contents(connection, taxonomy_documents, taxonomy_documents.c.id, taxonomy_ids)
    flags = _read_flags_to_write(connection, [document.id for document in batch if document.is_overridden])
    for document in batch:
        by_id = taxonomy if document.article_id is None else contents
        yield Content(document, by_id[document.id], flags.get(document.id, {}))


def _contents(
    connection: sa.Connection, table: sa.Table, key: sa.ColumnElement[int], ids: Sequence[int]
) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    for some in chunks(ids):
        rows = connection.execute(sa.select(key, table.c.content).where(key.in_(some)))
        found |= {row_id: bytes(content) for row_id, content in rows}
    return found


def _read_flags_to_write(connection: sa.Connection, ids: Sequence[int]) -> dict[int, dict[str, FlagValue]]:
    """Return the flags to write to each article's document."""
    overridden: dict[int, set[str]] = defaultdict(set)
    found: dict[int, dict[str, FlagValue]] = {}
    columns = [articles.c[name] for flag in FLAGS for name in (flag, f"upstream_{flag}")]
    for some in chunks(ids):
        unclear = _unclear_flags(connection, some)
        fields = sa.select(overrides.c.article_id, overrides.c.field)
        for article_id, field in connection.execute(fields.where(overrides.c.article_id.in_(some))):
            overridden[article_id].add(field)
        query = sa.select(articles.c.id, articles.c.upstream_status, *columns).where(articles.c.id.in_(some))
        for article_id, status, *values in connection.execute(query):
            effective = dict(zip(FLAGS, values[::2], strict=True))
            upstream = dict(zip(FLAGS, values[1::2], strict=True))
            if status is not None:  # the status hides it, not the line `published`
                upstream["published"] = None
            unclear_flags = unclear.get(article_id, set())
            found[article_id] = find_flags_to_write(
                overridden[article_id], effective, upstream, unclear_flags
            )
    return found


def _unclear_flags(connection: sa.Connection, ids: Sequence[int]) -> dict[int, set[str]]:
    """Return, by article, the flags whose values in the document are invalid."""
    issue = import_issues.c
    query = (
        sa.select(articles.c.id, issue.code, issue.field)
        .join(articles, sa.and_(articles.c.source_id == issue.source_id, articles.c.path == issue.path))
        .where(articles.c.id.in_(ids), issue.severity == "error")
        .where(issue.field.in_(FLAGS), issue.resolved_import_id.is_(None))
    )
    found: dict[int, set[str]] = defaultdict(set)
    for article_id, code, name in connection.execute(query):
        if is_about_flag(code, name):
            found[article_id].add(name)
    return found


def find_flags_to_write(
    overridden: set[str],
    effective: dict[str, FlagValue],
    upstream: dict[str, FlagValue],
    unclear: Container[str] = (),
) -> dict[str, FlagValue]:
    """Return the flags to write to a document, with their effective values.

    Args:
        overridden: flags with an override.
        effective: effective values.
        upstream: values in the document; None if absent.
        unclear: flags whose values in the document are invalid; they are always written.
    """
    affected = overridden | {"published"} if "removed" in overridden else overridden
    stated = {flag: DEFAULTS.get(flag) if value is None else value for flag, value in upstream.items()}
    return {
        flag: effective[flag]
        for flag in FLAGS
        if flag in affected and (effective[flag] != stated[flag] or flag in unclear)
    }


def read_overridden_values(
    connection: sa.Connection, article_ids: Sequence[int]
) -> dict[int, set[tuple[str, int]]]:
    """Return, by article, every (flag, value) that resulted from an override, according to the changesets.

    These are the values that an earlier export may have written.
    """
    found: dict[int, set[tuple[str, int]]] = defaultdict(set)
    change = changes.c
    columns = (change.old_value, change.old_override, change.new_value, change.new_override)
    for some in chunks(article_ids):
        query = sa.select(change.article_id, change.field, *columns).where(change.article_id.in_(some))
        for article_id, field, *values in connection.execute(query):
            for value, override in (values[:2], values[2:]):
                if override is None:
                    continue
                found[article_id] |= {(field, value), (field, override)}
                if field == "removed" and override:
                    found[article_id].add(("published", 0))
    return found
