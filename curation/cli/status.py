"""`curation status`."""

from __future__ import annotations

import click

from .help_groups import Command
from .options import open_store
from .output import output_options, print_rows


@click.command("status", cls=Command)
@output_options
def status_command() -> None:
    """Show a summary of each source.

    `overridden` counts articles with an override. `conflicts` counts those where upstream has changed a flag
    since, to something else; `curation conflicts` lists them. `adopted` counts overrides that upstream has
    adopted; `curation reset --adopted` removes them. `issues` counts open errors and warnings.

    \b
    Examples:
      curation status
      curation status --format json
    """
    from ..articles.status import read_status

    store = open_store()
    with store.reading() as connection:
        found = read_status(connection)
    print_rows(found.columns, found.rows)
    if not found.rows:
        click.echo("no sources yet: run `curation import FOLDER`", err=True)
