"""`curation list`."""

from __future__ import annotations

from typing import Any

import click

from .options import ID, chosen_filters, filter_options, open_store, ready_to_search
from .output import chosen_output, output_options, print_rows

#: Rows of a table where --limit does not say; other forms are read by programs, and have no limit.
TABLE_ROWS = 50


@click.command("list")
@filter_options
@click.option(
    "--sort",
    default="-published_at",
    show_default=True,
    metavar="COLUMN",
    help="Order by a column; `-` in front for descending.",
)
@click.option(
    "--limit",
    type=ID,
    metavar="N",
    help=f"At most N rows, 0 for all; by default {TABLE_ROWS} in a table, else all.",
)
@click.option("--columns", metavar="NAMES", help="Columns to show, with commas; `--columns help` lists them.")
@output_options
def list_command(sort: str, limit: int | None, columns: str | None, **options: Any) -> None:
    """Lists articles, the newest first.

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
    if limit is None and chosen_output().form == "table":
        limit = TABLE_ROWS
    filters = chosen_filters(options)
    store = open_store()
    ready_to_search(store, filters)
    names = tuple(name.strip() for name in columns.split(",")) if columns else DEFAULT_COLUMNS
    with store.reading() as connection:
        found = list_articles(connection, filters, columns=names, sort=sort, limit=limit or None)
        total = count_articles(connection, filters)
        shown = print_rows(found.columns, found.rows)
    if shown < total:
        click.echo(f"{shown} of {total:,}; --limit 0 shows all", err=True)
