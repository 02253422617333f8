"""Compare reports with expected rows: all columns, in order, and numbers as rounded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from curation.queries.reports import find_report, make_report_query, run_query
from curation.store.database import Store

from .reference_model import ReferenceModel

Row = dict[str, Any]

#: More rows than any report of the tests has.
ALL = 1_000_000


def check(model: ReferenceModel, name: str, expected: Sequence[Row], **parameters: object) -> None:
    """Check that a report has the expected rows, and with a limit the first three of them."""
    limits = [ALL, 3] if any(p.name == "limit" for p in find_report(name).parameters) else [None]
    for limit in limits:
        given = parameters if limit is None else parameters | {"limit": limit}
        found = rows(model.store, name, {k: str(v) for k, v in given.items()})
        assert found == list(expected[:limit]), f"{name} {given}"
        assert [list(row) for row in found] == [list(row) for row in expected[:limit]]


def rows(store: Store, name: str, parameters: dict[str, str]) -> list[Row]:
    with run_query(store, make_report_query(find_report(name), parameters, 60.0)) as found:
        return [dict(zip(found.columns, map(plain, row), strict=True)) for row in found.rows]


def plain(value: object) -> object:
    return float(value) if isinstance(value, Decimal) else value


def ordered(rows: Iterable[Row], *columns: str) -> list[Row]:
    """Sort rows by columns; a column with `-` is descending. Nulls come last."""
    found = list(rows)
    for column in reversed(columns):
        name = column.removeprefix("-")
        known = [row for row in found if row[name] is not None]
        known.sort(key=lambda row: row[name], reverse=column.startswith("-"))
        found = known + [row for row in found if row[name] is None]
    return found


def without(rows: Iterable[Row], *columns: str) -> list[Row]:
    """Return rows without columns that are only for sorting."""
    return [{name: value for name, value in row.items() if name not in columns} for row in rows]


def rounded(value: Fraction | None) -> Any:
    """Return a number rounded to one decimal place, to compare with.

    Exact halves may be rounded up or down, because SQLite rounds binary fractions and PostgreSQL decimal ones.
    """
    if value is None:
        return None
    is_half = (value * 10) % 1 == Fraction(1, 2)
    return pytest.approx(float(value if is_half else round(value, 1)), abs=0.0500001 if is_half else 1e-9)


def mean(values: Iterable[int | None]) -> Any:
    known = [value for value in values if value is not None]
    return rounded(Fraction(sum(known), len(known)) if known else None)


def like(value: str, pattern: str) -> bool:
    """Return whether a text matches a parameter; `%` matches any text."""
    return pattern in ("%", value)
