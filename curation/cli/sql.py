"""`curation sql`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from .help_groups import OUTPUT, SELECTION, Command, option
from .options import open_store, parameters_option, timeout_option
from .output import output_options
from .queries import print_query_result, warn_of_privileges


@click.command("sql", cls=Command)
@click.argument("query", required=False)
@option(
    "-f", "--file", "sql_file", type=click.Path(path_type=Path), metavar="FILE", help_group=SELECTION,
    help="Read the query from FILE; `-` is standard input.",
)  # fmt: skip
@parameters_option
@timeout_option
@option("--limit", type=click.IntRange(min=1), metavar="N", help_group=OUTPUT, help="Maximum number of rows.")
@output_options
def sql_command(
    query: str | None, sql_file: Path | None, parameters: dict[str, str], timeout: float, limit: int | None
) -> None:
    """Query the store in SQL, read-only.

    QUERY is one SELECT, the name of a .sql file, or `-` for standard input. `:name` stands for the value of
    `-p name=...`. A value that looks like a number is compared as a number, and one in single quotes as text.

    On every engine, instants are UTC, flags are shown as 1 and 0, and LIKE is case-sensitive. To test a flag,
    write `WHERE published` or `WHERE NOT published`. To calculate, write CAST(published AS integer). Put
    names in double quotes and texts in single quotes. Stored documents, and so their `secured` fields, cannot
    be queried.

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

    sql = _read_sql(query, sql_file)
    store = open_store()
    warn_of_privileges(store)
    print_query_result(store, Query(sql, parse_parameters(parameters), timeout, limit))


def _read_sql(query: str | None, file: Path | None) -> str:
    from ..queries.reports import read_query

    if (query is None) is (file is None):
        raise click.UsageError("give one query: QUERY or --file")
    if query == "-" or file == Path("-"):
        return read_query(sys.stdin.buffer, "standard input")
    if query is not None and query.endswith(".sql") and len(query.split()) == 1:
        file = Path(query)  # a single word cannot be a SELECT
    if file is None:
        return str(query)
    with file.open("rb") as stream:
        return read_query(stream, str(file))
