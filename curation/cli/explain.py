"""`curation explain`."""

from __future__ import annotations

import click

from .options import article_argument, open_store
from .output import output_options, print_rows


@click.command("explain")
@article_argument("article")
@output_options
def explain_command(article: str) -> None:
    """Tells why an article's heat and published are what they are: quality, related articles and the one that
    outranks it, bonus, remainder, threshold, and who decided otherwise.

    The bonus and the threshold are settings of the source: `curation source infer NAME --apply` finds them.

    \b
    Examples:
      curation explain needle-rock-goes-led
      curation explain 42 --format json
    """
    from ..articles.selecting import find_article
    from ..scoring.explaining import explain_article

    store = open_store()
    with store.reading() as connection:
        lines = explain_article(connection, find_article(connection, article))
    print_rows(("what", "value", "why"), lines)
