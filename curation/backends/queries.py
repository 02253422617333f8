"""Read-only queries: what is asked, what comes back, and what no query may read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ..errors import QueryRefused

#: Bytes of the longest value that a query may build or bring, and characters of the longest query.
MAX_VALUE = 16 * 1024 * 1024

MAX_SQL = 1_000_000

#: What no query reads: documents' bytes, with what is `secured` in them, and what they were before.
SECRET_TABLES = frozenset({"documents", "file_versions", "taxonomy_documents"})

ONLY_READING = (
    "only reading is allowed: give one SELECT of the tables and views (`curation db views` tells of these)"
)

ONE_STATEMENT = "one statement at a time is allowed, a SELECT: ask each question by itself"


class UntypedValue(str):
    """A parameter's value of which nobody said the type: a number where it is compared with numbers, a text
    where with texts."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Query:
    """One read-only question: its SQL with `:name` placeholders, their values, and its bounds.

    `timeout` is in seconds from its beginning to its last row, `limit` in rows; None means without bound.
    While the engine works, `is_wanted` is asked several times a second whether anyone still waits.
    """

    sql: str
    parameters: Mapping[str, object]
    timeout: float | None = 60.0
    limit: int | None = None
    is_wanted: Callable[[], bool] = lambda: True


@dataclass(frozen=True, slots=True)
class QueryResult:
    """A query's columns, in order, and its rows as they come."""

    columns: Sequence[str]
    rows: Iterator[tuple[Any, ...]]


def not_readable(table: str) -> str:
    """What is said of a table that queries do not read."""
    if table not in SECRET_TABLES:
        return f"{table} is out of reach: ask the store's tables and views (`curation db views`)"
    return (
        f"{table} is out of reach, for it holds documents with what is secured in them:"
        " ask the other tables and the views (`curation db views`)"
    )


def missing_parameter(parameter: str, offset: int | None) -> QueryRefused:
    """What is said of a parameter of a query that was not given."""
    return QueryRefused(f"no value for :{parameter}: add `-p {parameter}=VALUE`", offset)


def limited(rows: Iterable[tuple[Any, ...]], limit: int | None) -> Iterator[tuple[Any, ...]]:
    """At most `limit` rows; None means all."""
    return islice(rows, limit)
