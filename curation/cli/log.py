"""`curation log`."""

from __future__ import annotations

import click

from .options import open_store
from .output import chosen_output, output_options, print_rows


@click.command("log")
@click.argument("article", required=False)
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    metavar="N",
    help="At most N changes, 0 for all; by default 50 in a table, else all.",
)
@output_options
def log_command(article: str | None, limit: int | None) -> None:
    """Shows who changed what and why, the newest first: of all articles, or of one.

    \b
    Examples:
      curation log
      curation log needle-rock-goes-led
      curation log --format jsonl --output changes.jsonl
    """
    from ..looking import list_changes
    from ..selecting import find_article

    if limit is None and chosen_output().form == "table":
        limit = 50
    store = open_store()
    with store.reading() as connection:
        article_id = find_article(connection, article) if article else None
        found = list_changes(connection, article_id, limit=limit or None)
    print_rows(found.columns, found.rows)
    if not found.rows:
        click.echo("no changes yet", err=True)
