"""`curation explain`."""

from __future__ import annotations

import click

from .help_groups import Command
from .options import article_argument, open_store
from .output import output_options, print_rows


@click.command("explain", cls=Command)
@article_argument("article")
@output_options
def explain_command(article: str) -> None:
    """Explain how an article gets its heat and published.

    The rows show quality, related articles and the one that outranks it, bonus, remainder and threshold, and
    any override. Bonus and threshold are settings of the source: `curation source infer NAME --apply` finds
    them.

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
