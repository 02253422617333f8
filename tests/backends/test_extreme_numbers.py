"""Views, reports, charts and commands work in a store with the greatest and the least numbers.

`CURATION_FULL=1` tests more combinations.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import Result

from curation.articles.listing import LIST_COLUMNS
from curation.integers import INT64
from curation.queries.reports import find_reports
from curation.store.database import Store
from curation.store.descriptions import find_views
from curation.store.schema import articles, metadata

from ..support.places import SITE
from ..support.store_comparison import rows

MIN, MAX = INT64[0], INT64[-1]

FULL = bool(os.environ.get("CURATION_FULL"))

#: Values for every number column, row by row.
PATTERNS: dict[str, tuple[int | None, ...]] = {
    "mixed": (MAX, MAX, MIN, 0, -1, MAX - 1, MIN + 1, None, 80),
}
if FULL:
    PATTERNS |= {"most": (MAX,), "least": (MIN,), "opposite": (MAX, MIN)}

Command = Callable[..., Result]


@pytest.fixture(params=PATTERNS)
def extreme(request: pytest.FixtureRequest, store: Store, curation: Command) -> Command:
    """A store with overrides and scores, and extreme numbers in every number column."""
    assert curation("import", str(SITE)).exit_code == 0
    assert (
        curation("source", "set", "site", "--related-bonus", "20", "--publish-threshold", "70").exit_code == 0
    )
    assert curation("set", "--collection", "news", "--quality", "+=5", "--yes").exit_code == 3
    assert curation("set", "1", "--heat", "=7").exit_code == 0
    assert curation("score", "site").exit_code == 0
    with store.writing() as connection:
        for table in metadata.sorted_tables:
            for column in number_columns(table):
                fill(connection, column, PATTERNS[request.param])
    return curation


def number_columns(table: sa.Table) -> Iterator[sa.Column[int]]:
    """Yield the number columns, except ids and positions."""
    for column in table.columns:
        is_id = column.primary_key or column.foreign_keys or column.name.endswith("_id")
        is_number = isinstance(column.type.dialect_impl(sa.create_engine("sqlite://").dialect), sa.Integer)
        is_ours = column.name in ("position", "priority")  # the package chooses these numbers
        if is_number and not is_id and not is_ours and "articles" not in column.name:
            yield column


def fill(connection: sa.Connection, column: sa.Column[int], pattern: tuple[int | None, ...]) -> None:
    table = column.table
    key = list(table.primary_key.columns)
    query = sa.select(*key).order_by(*key)
    if "field" in table.c:  # the values of boolean flags are 0 and 1
        query = query.where(table.c.field.in_(("quality", "heat")))
    values = cycle(value for value in pattern if value is not None or column.nullable)
    rows_ = [
        {"given_number": next(values)} | {f"key_{part.name}": row[i] for i, part in enumerate(key)}
        for row in connection.execute(query).all()
    ]
    is_row = sa.and_(*(part == sa.bindparam(f"key_{part.name}") for part in key))
    if rows_:
        connection.execute(
            sa.update(table).where(is_row).values({column.name: sa.bindparam("given_number")}), rows_
        )


def succeed(run: Command, *arguments: str, codes: tuple[int, ...] = (0,)) -> str:
    result = run(*arguments)
    assert result.exit_code in codes, f"{arguments}: {result.stdout[:200]} {result.stderr}"
    return result.stdout


@pytest.mark.slow
def test_views_reports_and_commands_accept_extreme_numbers(
    extreme: Command, store: Store, tmp_path: Path
) -> None:
    extremes = rows(store, sa.select(sa.func.max(articles.c.quality), sa.func.min(articles.c.upstream_heat)))
    assert MAX in extremes[0] or MIN in extremes[0]
    query_views(extreme)
    run_reports(extreme, tmp_path)
    run_commands(extreme, tmp_path)
    edit_flags(extreme)


def query_views(extreme: Command) -> None:
    for view in find_views():
        succeed(extreme, "sql", f"SELECT * FROM {view.name}", "--format", "csv")


def run_reports(extreme: Command, tmp_path: Path) -> None:
    for report in find_reports():
        more = ("-p", "limit=1000000") if any(p.name == "limit" for p in report.parameters) else ()
        succeed(extreme, "report", report.name, *more)
        for suffix in ("csv", "xlsx", "parquet", "html") if FULL else ("parquet",):
            succeed(extreme, "report", report.name, *more, "--output", str(tmp_path / f"report.{suffix}"))
        for target in ("-", str(tmp_path / "chart.svg")) if report.chart else ():
            succeed(extreme, "report", report.name, *more, "--chart", target)


def run_commands(extreme: Command, tmp_path: Path) -> None:
    succeed(extreme, "list", "--columns", ",".join(LIST_COLUMNS), "--limit", "0")
    for column in ("quality", "-heat", "upstream_quality", "version"):
        succeed(extreme, "list", "--sort", column, "--limit", "0")
    for span in (f"{MIN}..{MAX}", f"{MAX}", f"={MIN}", "..0", "1.."):
        succeed(extreme, "list", "--quality", span, "--heat", span, codes=(0, 2))
    for number in range(1, 51, 12):
        succeed(extreme, "show", str(number))
        succeed(extreme, "explain", str(number))
        succeed(extreme, "report", "heat", "-p", f"article={number}", "--chart", "-")
    for command in ("status", "log", "issues", "source list", "source show site", "source infer site"):
        succeed(extreme, *command.split())
    succeed(extreme, "log", "2")
    succeed(extreme, "search", "tide")
    for suffix in ("jsonl", "csv", "parquet", "xlsx"):
        succeed(extreme, "export", "articles", str(tmp_path / f"articles.{suffix}"))
    succeed(extreme, "export", "api", str(tmp_path / "api"), codes=(0, 3))
    succeed(extreme, "export", "files", str(tmp_path / "files"), codes=(0, 3))


def edit_flags(extreme: Command) -> None:
    for move in ("+1", "-1", f"+{MAX}", f"{MIN}", f"-{MAX}", f"={MIN}", f"={MAX}"):
        for flag in ("--quality", "--heat"):
            result = extreme("set", "--collection", "news", flag, move, "--dry-run", "--yes")
            assert result.exit_code in (0, 1, 3), (move, result.stderr)
            assert "64 bits" in result.stderr or result.exit_code != 1, (move, result.stderr)
    succeed(extreme, "score", "--dry-run")
    succeed(extreme, "score")
    succeed(extreme, "reset", "--overridden", "--yes")
    succeed(extreme, "import", str(SITE), "--full")
