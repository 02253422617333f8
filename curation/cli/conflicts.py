"""`curation conflicts`."""

from __future__ import annotations

from typing import Any

import click

from .help_groups import OUTPUT, Command, option
from .options import ID, chosen_filters, filter_options, open_store, prepare_search
from .output import output_options, print_rows


@click.command("conflicts", cls=Command)
@filter_options
@option("--limit", type=ID, metavar="N", help_group=OUTPUT, help="Maximum number of rows (0 = all).")
@output_options
def conflicts_command(limit: int | None, **options: Any) -> None:
    """List conflicts between overrides and upstream.

    Upstream has changed the flag since an editor set or confirmed the override, and to something else.
    `yours` is the override. `upstream_then` is what upstream stated at that time. It is empty if upstream
    stated nothing, or if a store of an older release does not know it.

    To settle a conflict, run `curation keep` for your value or `curation keep --upstream` for upstream's
    value. Setting the flag again settles it too.

    \b
    Examples:
      curation conflicts
      curation conflicts --collection news --format csv
      curation keep --source powerapps --upstream --dry-run
    """
    from ..articles.conflicts import list_conflicts

    filters = chosen_filters(options)
    store = open_store()
    prepare_search(store, filters)
    with store.reading() as connection:
        found = list_conflicts(connection, filters, limit or None)
        shown = print_rows(found.columns, found.rows)
    if not shown:
        click.echo("no conflicts", err=True)
    else:
        click.echo("settle: `curation keep ARTICLE`, or `curation keep ARTICLE --upstream`", err=True)
