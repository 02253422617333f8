"""`curation issues`."""

from __future__ import annotations

import click

from .options import open_store
from .output import output_options, print_rows


@click.command("issues")
@click.option("--import", "import_id", type=int, metavar="ID", help="Only those that this import found.")
@click.option("--all", "all_", is_flag=True, help="Notices, and what is mended, too.")
@output_options
def issues_command(import_id: int | None, all_: bool) -> None:
    """Shows what could not be taken in as it is, with file, line and column.

    An error keeps a file out, a warning leaves a field empty, a notice (--all) says what was read
    otherwise than written. Mend the file and import again: the issue closes by itself.

    \b
    Examples:
      curation issues
      curation issues --all --format csv --output issues.csv
    """
    from ..looking import list_issues

    store = open_store()
    with store.reading() as connection:
        found = list_issues(connection, import_id, all_=all_)
    print_rows(found.columns, found.rows)
    if not found.rows:
        click.echo("no open issues", err=True)
