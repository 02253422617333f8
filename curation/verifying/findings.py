"""What checks yield, and how they go through a store of any size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from ..backends.base import chunks
from ..backends.types import Instant, Json
from ..documents.instants import format_instant
from ..importing.records.files import STALE
from ..store.schema import articles, files, sources

#: Rows of a table that are looked at together; their documents are in memory at once.
BATCH = 300

#: The checks of what is derived from the rest: `reindex` makes it anew.
DERIVED = frozenset({"search", "images", "links", "orphans", "ids"})

#: The check of findings that are no damage: an older release read a document otherwise, and the next import
#: reads it again.
OUTDATED = "outdated"
AS_OLDER = "it is as an older release read it; the next import of its file reads it again"


class Finding(NamedTuple):
    """One thing that is not as it must be: which check found it, of what, and what is wrong. `subject` is
    `source:path` for what comes from a file. What documents say is not repeated: some of it is secured."""

    check: str
    subject: str
    wrong: str


def subject_of(table: sa.FromClause) -> sa.ColumnElement[str]:
    """`source:path` of a table's rows; the query joins `sources`."""
    return sources.c.name.concat(":").concat(table.c.path)


def has_stale_file(table: sa.FromClause) -> sa.ColumnElement[bool]:
    """Return whether the file of a table's row is to be parsed again whatever its bytes are: an older release
    read it."""
    return _has_file(table, files.c.stamp == STALE)


def has_refused_file(table: sa.FromClause) -> sa.ColumnElement[bool]:
    """Return whether the file of a table's row was refused when it was last read."""
    return _has_file(table, files.c.state == "quarantined")


def _has_file(table: sa.FromClause, is_so: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    same = (files.c.source_id == table.c.source_id, files.c.path == table.c.path)
    return sa.exists().where(*same, is_so)


def of_article(connection: sa.Connection, article_ids: Sequence[int]) -> dict[int, str]:
    """`source:path` of some articles, by id."""
    query = sa.select(articles.c.id, subject_of(articles)).join_from(articles, sources)
    found: dict[int, str] = {}
    for ids in chunks(article_ids):
        found |= dict(map(tuple, connection.execute(query.where(articles.c.id.in_(ids)))))
    return found


def batches(connection: sa.Connection, table: sa.Table) -> Iterator[Sequence[int]]:
    """The ids of a table in ascending order, `BATCH` at a time."""
    query = sa.select(table.c.id).order_by(table.c.id).limit(BATCH)
    ids = connection.scalars(query).all()
    while ids:
        yield ids
        ids = connection.scalars(query.where(table.c.id > ids[-1])).all()


class AsStored(Instant):
    """An instant as documents' rows have it; what is none comes as it is, to be told, not to be raised."""

    cache_ok = True

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Any:
        try:
            return format_instant(super().process_result_value(value, dialect))
        except ValueError:
            return value


def as_made(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """A column as `importing.rows` makes its values: JSON and instants are text."""
    if isinstance(column.type, Instant):
        return sa.type_coerce(column, AsStored())
    return sa.cast(column, sa.Text) if isinstance(column.type, Json) else column


def plain(value: Any) -> Any:
    """A value as it was written, whatever the driver wraps bytes in."""
    return bytes(value) if isinstance(value, memoryview) else value
