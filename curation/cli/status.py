"""`curation status`."""

from __future__ import annotations

import click

from .options import open_store
from .output import output_options, print_rows


@click.command("status")
@output_options
def status_command() -> None:
    """Shows what the store holds, a line for each source.

    `decided` counts articles with an editor's standing decision, `conflicts` those of them on which
    upstream says otherwise, `adopted` the decisions that upstream agrees with by now (`curation reset
    --adopted` releases them), `issues` what could not be taken in as it is.

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
        click.echo("nothing yet: `curation import FOLDER` takes a dump in", err=True)
