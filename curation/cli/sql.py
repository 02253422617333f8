"""`curation sql`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from .options import open_store, parameters_option, timeout_option
from .output import output_options
from .queries import print_query_result, warn_of_privileges


@click.command("sql")
@click.argument("query", required=False)
@click.option(
    "-f", "--file", "sql_file", type=click.Path(path_type=Path), metavar="FILE",
    help="Read the query from FILE; `-` is standard input.",
)  # fmt: skip
@parameters_option
@timeout_option
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most N rows.")
@output_options
def sql_command(
    query: str | None, sql_file: Path | None, parameters: dict[str, str], timeout: float, limit: int | None
) -> None:
    """Answers any question in SQL, and changes nothing.

    QUERY is one SELECT, the name of a .sql file, or `-` for standard input. `:name` in it takes the value of
    `-p name=...`: one that looks like a number is compared as such, one in single quotes is text. Instants
    are UTC, flags are shown as 1 and 0, and LIKE tells capitals apart, on every engine. `WHERE published`
    and `NOT published` ask for a flag on every engine, and CAST(published AS integer) reckons with it. Names
    stand in double quotes, texts in single ones. Stored documents, and with them what is `secured`, are out
    of reach.

    \b
    Examples:
      curation sql "SELECT collection, count(*) AS n FROM articles GROUP BY collection"
      curation sql "SELECT id, title FROM articles WHERE heat > :h" -p h=90 --format json
      curation sql "SELECT * FROM article_overview WHERE slug = :s" -p "s='2024'"
      curation sql question.sql --timeout 300
      curation sql --file - < question.sql
    """
    from ..backends.queries import Query
    from ..queries.reports import parse_parameters

    sql = _text(query, sql_file)
    store = open_store()
    warn_of_privileges(store)
    print_query_result(store, Query(sql, parse_parameters(parameters), timeout, limit))


def _text(query: str | None, file: Path | None) -> str:
    from ..queries.reports import read_query

    if (query is None) is (file is None):
        raise click.UsageError("give one query: as QUERY, or by --file")
    if query == "-" or file == Path("-"):
        return read_query(sys.stdin.buffer, "standard input")
    if query is not None and query.endswith(".sql") and len(query.split()) == 1:
        file = Path(query)  # without a blank it is no SELECT
    if file is None:
        return str(query)
    with file.open("rb") as stream:
        return read_query(stream, str(file))
