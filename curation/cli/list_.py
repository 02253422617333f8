"""`curation list`."""

from __future__ import annotations

from typing import Any

import click

from .help_groups import OUTPUT, Command, option
from .options import ID, chosen_filters, filter_options, open_store, prepare_search
from .output import get_output, output_options, print_rows

#: Rows of a table without --limit. Other formats are for programs and have no limit.
TABLE_ROWS = 50


@click.command("list", cls=Command)
@filter_options
@option(
    "--columns",
    metavar="NAMES",
    help_group=OUTPUT,
    help="Columns to show, separated by commas; `--columns help` lists them.",
)
@option(
    "--sort",
    default="-published_at",
    show_default=True,
    metavar="COLUMN",
    help_group=OUTPUT,
    help="Sort column; a leading `-` sorts in descending order.",
)
@option(
    "--limit", type=ID, metavar="N", help_group=OUTPUT,
    help=f"Maximum number of rows (0 = all); by default {TABLE_ROWS} in a table, else all.",
)  # fmt: skip
@output_options
def list_command(sort: str, limit: int | None, columns: str | None, **options: Any) -> None:
    """List articles, newest first.

    Filters of different kinds are combined with AND, values of one repeatable filter with OR.

    \b
    Examples:
      curation list --topic "Canvas apps" --published --sort -heat
      curation list --unpublished --quality 60.. --since 2023-01-01
      curation list --domain youtube.com --columns id,title,web_url --format csv
    """
    from ..articles.listing import DEFAULT_COLUMNS, LIST_COLUMNS, count_articles, list_articles

    if columns == "help":
        click.echo("\n".join(LIST_COLUMNS))
        return
    if limit is None and get_output().form == "table":
        limit = TABLE_ROWS
    filters = chosen_filters(options)
    store = open_store()
    prepare_search(store, filters)
    names = tuple(name.strip() for name in columns.split(",")) if columns else DEFAULT_COLUMNS
    with store.reading() as connection:
        found = list_articles(connection, filters, columns=names, sort=sort, limit=limit or None)
        total = count_articles(connection, filters)
        shown = print_rows(found.columns, found.rows)
    if shown < total:
        click.echo(f"{shown:,} of {total:,}; use --limit 0 to show all", err=True)
