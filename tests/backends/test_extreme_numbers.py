"""A store whose numbers are the greatest, the least and everything between: every question has an answer.

One huge number in one document must not keep anyone from a view, a report, a chart or a command.
`CURATION_FULL=1` fills stores in more ways.
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

LEAST, MOST = INT64[0], INT64[-1]

FULL = bool(os.environ.get("CURATION_FULL"))

#: What every number column is filled with, row by row.
PATTERNS: dict[str, tuple[int | None, ...]] = {
    "mixed": (MOST, MOST, LEAST, 0, -1, MOST - 1, LEAST + 1, None, 80),
}
if FULL:
    PATTERNS |= {"most": (MOST,), "least": (LEAST,), "opposite": (MOST, LEAST)}

Command = Callable[..., Result]


@pytest.fixture(params=PATTERNS)
def extreme(request: pytest.FixtureRequest, store: Store, curation: Command) -> Command:
    """A store with decisions and scores, then extreme numbers in every column that holds a number."""
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
    """The columns of numbers that mean more than which row or which place."""
    for column in table.columns:
        is_id = column.primary_key or column.foreign_keys or column.name.endswith("_id")
        is_number = isinstance(column.type.dialect_impl(sa.create_engine("sqlite://").dialect), sa.Integer)
        if is_number and not is_id and column.name != "position" and "articles" not in column.name:
            yield column


def fill(connection: sa.Connection, column: sa.Column[int], pattern: tuple[int | None, ...]) -> None:
    table = column.table
    key = list(table.primary_key.columns)
    query = sa.select(*key).order_by(*key)
    if "field" in table.c:  # the value of a flag that is true or false is one of those
        query = query.where(table.c.field.in_(("quality", "heat")))
    values = cycle(value for value in pattern if value is not None or column.nullable)
    rows_ = [
        {"value": next(values)} | {f"key_{part.name}": row[i] for i, part in enumerate(key)}
        for row in connection.execute(query).all()
    ]
    mine = sa.and_(*(part == sa.bindparam(f"key_{part.name}") for part in key))
    if rows_:
        connection.execute(sa.update(table).where(mine).values({column.name: sa.bindparam("value")}), rows_)


def answer(run: Command, *arguments: str, codes: tuple[int, ...] = (0,)) -> str:
    result = run(*arguments)
    assert result.exit_code in codes, f"{arguments}: {result.stdout[:200]} {result.stderr}"
    return result.stdout


@pytest.mark.long
def test_every_question_has_an_answer(extreme: Command, store: Store, tmp_path: Path) -> None:
    told = rows(store, sa.select(sa.func.max(articles.c.quality), sa.func.min(articles.c.upstream_heat)))
    assert MOST in told[0] or LEAST in told[0]
    views_answer(extreme)
    reports_answer(extreme, tmp_path)
    commands_answer(extreme, tmp_path)
    edits_answer(extreme)


def views_answer(extreme: Command) -> None:
    for view in find_views():
        answer(extreme, "sql", f"SELECT * FROM {view.name}", "--format", "csv")


def reports_answer(extreme: Command, tmp_path: Path) -> None:
    for report in find_reports():
        more = ("-p", "limit=1000000") if any(p.name == "limit" for p in report.parameters) else ()
        answer(extreme, "report", report.name, *more)
        for suffix in ("csv", "xlsx", "parquet", "html") if FULL else ("parquet",):
            answer(extreme, "report", report.name, *more, "--output", str(tmp_path / f"report.{suffix}"))
        for target in ("-", str(tmp_path / "chart.svg")) if report.chart else ():
            answer(extreme, "report", report.name, *more, "--chart", target)


def commands_answer(extreme: Command, tmp_path: Path) -> None:
    answer(extreme, "list", "--columns", ",".join(LIST_COLUMNS), "--limit", "0")
    for column in ("quality", "-heat", "upstream_quality", "version"):
        answer(extreme, "list", "--sort", column, "--limit", "0")
    for span in (f"{LEAST}..{MOST}", f"{MOST}", f"={LEAST}", "..0", "1.."):
        answer(extreme, "list", "--quality", span, "--heat", span, codes=(0, 2))
    for number in range(1, 51, 12):
        answer(extreme, "show", str(number))
        answer(extreme, "explain", str(number))
        answer(extreme, "report", "heat", "-p", f"article={number}", "--chart", "-")
    for command in ("status", "log", "issues", "source list", "source show site", "source infer site"):
        answer(extreme, *command.split())
    answer(extreme, "log", "2")
    answer(extreme, "search", "tide")
    for suffix in ("jsonl", "csv", "parquet", "xlsx"):
        answer(extreme, "export", "articles", str(tmp_path / f"articles.{suffix}"))
    answer(extreme, "export", "api", str(tmp_path / "api"), codes=(0, 3))
    answer(extreme, "export", "files", str(tmp_path / "files"), codes=(0, 3))


def edits_answer(extreme: Command) -> None:
    for move in ("+1", "-1", f"+{MOST}", f"{LEAST}", f"-{MOST}", f"={LEAST}", f"={MOST}"):
        for flag in ("--quality", "--heat"):
            result = extreme("set", "--collection", "news", flag, move, "--dry-run", "--yes")
            assert result.exit_code in (0, 1, 3), (move, result.stderr)
            assert "64 bits" in result.stderr or result.exit_code != 1, (move, result.stderr)
    answer(extreme, "score", "--dry-run")
    answer(extreme, "score")
    answer(extreme, "reset", "--overridden", "--yes")
    answer(extreme, "import", str(SITE), "--full")
