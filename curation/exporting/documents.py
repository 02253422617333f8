"""The documents of a source as its files should be: the bytes that were imported, with the decisions in them.

A flag is written where a decision is in force on it, and only if the document does not mean the same already:
a flag that is absent means published, and not removed. `published` follows a decision on `removed`, which is
the editors' veto: what is removed is not published.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Generator, Iterator, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from ..articles.selecting import Filters, filter_conditions
from ..articles.upstream import UNSTATED
from ..backends.base import chunks
from ..documents.flag_editing import FlagValue
from ..flags import FLAGS, is_about_flag
from ..store.schema import articles, changes, documents, files, import_issues, overrides, taxonomy_documents

#: Rows that are fetched at once.
BATCH = 500


class StoredDocument(NamedTuple):
    """A document by where it is held. `article_id` is None for one of the taxonomy, which nobody decides.

    digest: SHA-256 of its bytes as they were imported.
    stamp: what vouches for a file's bytes without reading them (`scanning.File.stamp`); None for nothing.
    is_decided: whether an editor's decision stands on any of its flags.
    """

    id: int
    article_id: int | None
    path: str
    digest: bytes
    stamp: str | None
    is_decided: bool


class Content(NamedTuple):
    """A document's bytes as they were imported, and its flags that should say otherwise."""

    held: StoredDocument
    imported: bytes
    flags: dict[str, FlagValue]


def count_documents(connection: sa.Connection, source_id: int, filters: Filters) -> int:
    """How many documents `read_documents` gives."""
    query = sa.select(sa.func.count()).select_from(articles).where(*_wanted(connection, source_id, filters))
    count: int = connection.scalar(query) or 0
    if not filters:
        table = taxonomy_documents.c
        notes = sa.select(sa.func.count()).where(table.source_id == source_id, table.missing_since.is_(None))
        count += connection.scalar(notes) or 0
    return count


def read_documents(
    connection: sa.Connection, source_id: int, filters: Filters
) -> Generator[list[StoredDocument], None, None]:
    """The documents of a source in batches: the taxonomy, which no filter is about, then articles, by path.
    What is missing from the dump is not among them, unless that is asked for. To be closed."""
    if not filters:
        yield from _batches(connection, _taxonomy(source_id))
    article = articles.c
    remembered = _remembered(article)
    is_decided = sa.exists().where(overrides.c.article_id == article.id)
    query = (
        sa.select(article.id, article.id, article.path, documents.c.digest, files.c.stamp, is_decided)
        .join(documents, documents.c.article_id == article.id)
        .outerjoin(files, remembered)
        .where(*_wanted(connection, source_id, filters))
        .order_by(article.path)
    )
    yield from _batches(connection, query)


def _wanted(connection: sa.Connection, source_id: int, filters: Filters) -> list[sa.ColumnElement[bool]]:
    of_source = [articles.c.source_id == source_id]
    if not filters.missing:
        of_source.append(articles.c.missing_since.is_(None))
    return [*of_source, *filter_conditions(connection, filters)]


def _taxonomy(source_id: int) -> sa.Select[Any]:
    table = taxonomy_documents.c
    remembered = _remembered(table)
    return (
        sa.select(table.id, sa.null(), table.path, table.digest, files.c.stamp, sa.false())
        .select_from(taxonomy_documents)
        .outerjoin(files, remembered)
        .where(table.source_id == source_id, table.missing_since.is_(None))
        .order_by(table.path)
    )


def _remembered(held: Any) -> sa.ColumnElement[bool]:
    """The file of a document as it was last read; not one that was refused then, whose stamp vouches for
    other bytes."""
    of_path = sa.and_(files.c.source_id == held.source_id, files.c.path == held.path)
    return sa.and_(of_path, files.c.state == "imported")


def _batches(connection: sa.Connection, query: sa.Select[Any]) -> Generator[list[StoredDocument], None, None]:
    with connection.execute(query, execution_options={"yield_per": BATCH}) as rows:
        for some in rows.partitions():
            yield [
                StoredDocument(key, article_id, path, bytes(digest), stamp, bool(is_decided))
                for key, article_id, path, digest, stamp, is_decided in some
            ]


def read_contents(connection: sa.Connection, batch: Sequence[StoredDocument]) -> Iterator[Content]:
    """The bytes of documents of one batch, and what their flags should say, in the batch's order."""
    of_articles = [held.id for held in batch if held.article_id is not None]
    of_taxonomy = [held.id for held in batch if held.article_id is None]
    contents = _contents(connection, documents, documents.c.article_id, of_articles)
    notes = _contents(connection, taxonomy_documents, taxonomy_documents.c.id, of_taxonomy)
    decided = _decided_flags(connection, [held.id for held in batch if held.is_decided])
    for held in batch:
        known = notes if held.article_id is None else contents
        yield Content(held, known[held.id], decided.get(held.id, {}))


def _contents(
    connection: sa.Connection, table: sa.Table, key: sa.ColumnElement[int], ids: Sequence[int]
) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    for some in chunks(ids):
        rows = connection.execute(sa.select(key, table.c.content).where(key.in_(some)))
        found |= {row_id: bytes(content) for row_id, content in rows}
    return found


def _decided_flags(connection: sa.Connection, ids: Sequence[int]) -> dict[int, dict[str, FlagValue]]:
    """What the documents of articles should say of their flags, where they say otherwise."""
    decided: dict[int, set[str]] = defaultdict(set)
    found: dict[int, dict[str, FlagValue]] = {}
    columns = [articles.c[name] for flag in FLAGS for name in (flag, f"upstream_{flag}")]
    for some in chunks(ids):
        unclear = _unclear_flags(connection, some)
        named = sa.select(overrides.c.article_id, overrides.c.field)
        for article_id, field in connection.execute(named.where(overrides.c.article_id.in_(some))):
            decided[article_id].add(field)
        query = sa.select(articles.c.id, articles.c.upstream_status, *columns).where(articles.c.id.in_(some))
        for article_id, status, *values in connection.execute(query):
            effective = dict(zip(FLAGS, values[::2], strict=True))
            upstream = dict(zip(FLAGS, values[1::2], strict=True))
            if status is not None:  # it is not published for another reason than what its line says
                upstream["published"] = None
            written = unclear.get(article_id, set())
            found[article_id] = flags_to_write(decided[article_id], effective, upstream, written)
    return found


def _unclear_flags(connection: sa.Connection, ids: Sequence[int]) -> dict[int, set[str]]:
    """The flags that the documents of articles state so that they cannot be read, by article."""
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


def flags_to_write(
    decided: set[str],
    effective: dict[str, FlagValue],
    upstream: dict[str, FlagValue],
    unclear: Container[str] = (),
) -> dict[str, FlagValue]:
    """The flags that a document is to say otherwise than upstream did, with their effective values; what
    cannot be read there (`unclear`) is written in any case."""
    follows = decided | {"published"} if "removed" in decided else decided
    means = {flag: UNSTATED.get(flag) if value is None else value for flag, value in upstream.items()}
    return {
        flag: effective[flag]
        for flag in FLAGS
        if flag in follows and (effective[flag] != means[flag] or flag in unclear)
    }


def read_past_decisions(
    connection: sa.Connection, article_ids: Sequence[int]
) -> dict[int, set[tuple[str, int]]]:
    """Of each article the (flag, value) that a decision ever made it have, as the audit tells: what an export
    may have written."""
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
