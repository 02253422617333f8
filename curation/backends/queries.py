"""Read-only queries: their parameters, results and limits, and the tables that no query may read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ..errors import QueryRefused

#: Maximum size of a value that a query may compute or return, in bytes.
MAX_VALUE = 16 * 1024 * 1024

#: Maximum length of a query, in characters.
MAX_SQL = 1_000_000

#: Tables that no query may read. They have the bytes of documents, including `secured` values, and earlier
#: versions.
SECRET_TABLES = frozenset({"documents", "file_versions", "taxonomy_documents"})

ONLY_READING = (
    "only reading is allowed: give one SELECT of the tables and views (run `curation db views` for a list)"
)

ONE_STATEMENT = "one statement at a time is allowed: run each SELECT separately"


class UntypedValue(str):
    """A parameter without a type: a number when it is compared with numbers, a text when with texts."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Query:
    """A read-only query with its limits.

    sql: one SELECT with `:name` placeholders.
    parameters: the values of the placeholders.
    timeout: seconds from the start to the last row; None for no limit.
    limit: maximum number of rows; None for no limit.
    is_wanted: called several times a second while the query runs; if it returns False, the query is
    cancelled.
    """

    sql: str
    parameters: Mapping[str, object]
    timeout: float | None = 60.0
    limit: int | None = None
    is_wanted: Callable[[], bool] = lambda: True


@dataclass(frozen=True, slots=True)
class QueryResult:
    """The columns of a query, in order, and an iterator over its rows."""

    columns: Sequence[str]
    rows: Iterator[tuple[Any, ...]]


def describe_unreadable_table(table: str) -> str:
    """Return the message for a table that queries may not read."""
    if table not in SECRET_TABLES:
        return f"{table} cannot be queried: use the store's tables and views (run `curation db views`)"
    return (
        f"{table} cannot be queried, because it has documents with secured data:"
        " use the other tables and the views (run `curation db views`)"
    )


def make_missing_parameter_error(parameter: str, offset: int | None) -> QueryRefused:
    """Return the error for a parameter without a value."""
    return QueryRefused(f"no value for :{parameter}: add `-p {parameter}=VALUE`", offset)


def limit_rows(rows: Iterable[tuple[Any, ...]], limit: int | None) -> Iterator[tuple[Any, ...]]:
    """Yield at most `limit` rows; None means all."""
    return islice(rows, limit)
