"""`curation sql`."""

from __future__ import annotations

import sys

import click

from .options import open_store, parameters_option, timeout_option
from .output import output_options, print_rows


@click.command("sql")
@click.argument("query")
@parameters_option
@timeout_option
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most N rows.")
@output_options
def sql_command(query: str, parameters: dict[str, str], timeout: float, limit: int | None) -> None:
    """Answers any question in SQL, and changes nothing.

    QUERY is one SELECT, or `-` for standard input; `:name` in it takes the value of `-p name=...`.
    Instants are UTC. Stored documents, and with them what is `secured`, are out of reach.

    \b
    Examples:
      curation sql "SELECT collection, count(*) AS n FROM articles GROUP BY collection"
      curation sql "SELECT id, title FROM articles WHERE heat > :h" -p h=90 --format json
      curation sql - < question.sql
    """
    from ..backends import Query
    from ..reports import ask

    if query == "-":
        query = sys.stdin.read()
    store = open_store()
    if power := store.backend.power_of_asker():
        click.echo(f"warning: {power}", err=True)
    with ask(store, Query(query, parameters, timeout, limit)) as answer:
        print_rows(answer.columns, answer.rows)
