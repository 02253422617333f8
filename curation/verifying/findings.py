"""The findings of checks, and what several checks share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from ..backends.base import chunks
from ..backends.types import Instant, Json
from ..documents.instants import format_instant
from ..importing.records.files import STALE
from ..store.schema import articles, files, sources

#: Number of rows that are checked together. Their documents are in memory at the same time.
ROWS_PER_BATCH = 300

#: The checks of derived data, which `reindex` rebuilds.
DERIVED = frozenset({"search", "images", "links", "orphans", "ids", "review"})

#: The check of findings that are not damage: an older release parsed a document by other rules. The next
#: import parses it again.
OUTDATED = "outdated"
OUTDATED_MESSAGE = (
    "it was parsed by the rules of an older release; the next import of its file parses it again"
)


class Finding(NamedTuple):
    """One problem in a store.

    - `check`: the name of the check that found it
    - `subject`: the row or object; `source:path` for one that comes from a file
    - `wrong`: the problem. It never quotes documents, because parts of them are secured.
    """

    check: str
    subject: str
    wrong: str


def subject_of(table: sa.FromClause) -> sa.ColumnElement[str]:
    """Return SQL for `source:path` of a table's rows. The query must join `sources`."""
    return sources.c.name.concat(":").concat(table.c.path)


def has_stale_file(table: sa.FromClause) -> sa.ColumnElement[bool]:
    """Return SQL for whether a row's file must be parsed again, because an older release parsed it."""
    return _has_file(table, files.c.stamp == STALE)


def has_quarantined_file(table: sa.FromClause) -> sa.ColumnElement[bool]:
    """Return SQL for whether a row's file was quarantined when it was last read."""
    return _has_file(table, files.c.state == "quarantined")


def _has_file(table: sa.FromClause, condition: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    is_same = (files.c.source_id == table.c.source_id, files.c.path == table.c.path)
    return sa.exists().where(*is_same, condition)


def find_subjects(connection: sa.Connection, article_ids: Sequence[int]) -> dict[int, str]:
    """Return `source:path` of some articles, by id."""
    query = sa.select(articles.c.id, subject_of(articles)).join_from(articles, sources)
    found: dict[int, str] = {}
    for ids in chunks(article_ids):
        found |= dict(map(tuple, connection.execute(query.where(articles.c.id.in_(ids)))))
    return found


def read_id_batches(connection: sa.Connection, table: sa.Table) -> Iterator[Sequence[int]]:
    """Yield the ids of a table in ascending order, `ROWS_PER_BATCH` at a time."""
    query = sa.select(table.c.id).order_by(table.c.id).limit(ROWS_PER_BATCH)
    ids = connection.scalars(query).all()
    while ids:
        yield ids
        ids = connection.scalars(query.where(table.c.id > ids[-1])).all()


class DocumentInstant(Instant):
    """An instant in the text form of documents.

    An invalid value is returned unchanged, so that a check can report it instead of failing.
    """

    cache_ok = True

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Any:
        try:
            return format_instant(super().process_result_value(value, dialect))
        except ValueError:
            return value


def as_imported(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Return a column in the form of `importing.reading.rows`: JSON and instants are text."""
    if isinstance(column.type, Instant):
        return sa.type_coerce(column, DocumentInstant())
    return sa.cast(column, sa.Text) if isinstance(column.type, Json) else column


def unwrap_bytes(value: Any) -> Any:
    """Return a value, with bytes instead of a driver's memoryview."""
    return bytes(value) if isinstance(value, memoryview) else value
