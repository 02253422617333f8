"""`curation search`."""

from __future__ import annotations

from typing import Any

import click

from .help_groups import OUTPUT, Command, option
from .options import ID, chosen_filters, filter_options, open_store, prepare_search
from .output import get_output, output_options, print_rows

#: Rows of a table without --limit. Other formats have no limit.
TABLE_ROWS = 20


@click.command("search", cls=Command)
@click.argument("query", nargs=-1, required=True, metavar="QUERY...")
@filter_options
@option(
    "--limit", type=ID, metavar="N", help_group=OUTPUT,
    help=f"Maximum number of rows (0 = all); by default {TABLE_ROWS} in a table, else all.",
)  # fmt: skip
@output_options
def search_command(query: tuple[str, ...], limit: int | None, **options: Any) -> None:
    """Find articles by their text, best match first.

    QUERY is words, "quoted phrases" and prefixes*. An article matches if its title, excerpt, body, provider
    and topics contain all of them. Case, accents of Latin letters and optional marks of Arabic and Hebrew are
    ignored. Chinese, Japanese, Thai and similar scripts match any part of the text. Matches are shown between
    [ and ].

    \b
    Examples:
      curation search lighthouse
      curation search '"tide table"' keeper --topic Tides --published
      curation search electric* --format jsonl
    """
    from dataclasses import replace

    from ..articles.listing import SEARCH_COLUMNS, search_articles

    if limit is None and get_output().form == "table":
        limit = TABLE_ROWS
    text = " ".join(query)
    filters = chosen_filters(options)
    store = open_store()
    prepare_search(store, replace(filters, search=text))
    with store.reading() as connection:
        found = search_articles(connection, text, filters, limit=limit or None)
        print_rows(SEARCH_COLUMNS, found)
