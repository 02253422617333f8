"""`curation search`."""

from __future__ import annotations

from typing import Any

import click

from .options import ID, chosen_filters, filter_options, open_store, ready_to_search
from .output import chosen_output, output_options, print_rows

#: Articles that a table shows where --limit does not say; other forms have no limit.
TABLE_ROWS = 20


@click.command("search")
@click.argument("query", nargs=-1, required=True, metavar="QUERY...")
@filter_options
@click.option(
    "--limit", type=ID, metavar="N",
    help=f"At most N articles, 0 for all; by default {TABLE_ROWS} in a table, else all.",
)  # fmt: skip
@output_options
def search_command(query: tuple[str, ...], limit: int | None, **options: Any) -> None:
    """Finds articles by what they say, the best fit first.

    QUERY is words, "quoted phrases" and pref*, all of which an article says in its title, excerpt, body,
    provider or topics. Letter case does not count, nor do accents of Latin letters and optional marks of
    Arabic and Hebrew. Chinese, Japanese, Thai and the like are found by any part of the text. What was
    found stands between [ and ].

    \b
    Examples:
      curation search lighthouse
      curation search '"tide table"' keeper --topic Tides --published
      curation search electric* --format jsonl
    """
    from dataclasses import replace

    from ..articles.listing import SEARCH_COLUMNS, search_articles

    if limit is None and chosen_output().form == "table":
        limit = TABLE_ROWS
    said = " ".join(query)
    filters = chosen_filters(options)
    store = open_store()
    ready_to_search(store, replace(filters, search=said))
    with store.reading() as connection:
        found = search_articles(connection, said, filters, limit=limit or None)
        print_rows(SEARCH_COLUMNS, found)
