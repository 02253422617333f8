"""`curation issues`."""

from __future__ import annotations

import click

from .options import open_store
from .output import output_options, print_rows


@click.command("issues")
@click.option("--import", "import_id", type=int, metavar="ID", help="Only those that this import found.")
@click.option("--all", "all_", is_flag=True, help="Notices, and what is mended, too.")
@click.option("--skipped", is_flag=True, help="List the files that imports skip, and why, instead.")
@output_options
def issues_command(import_id: int | None, all_: bool, skipped: bool) -> None:
    """Shows what could not be taken in as it is, with file, line and column.

    An error keeps a file out, or a flag as it was. A warning leaves a field empty, or names a document in
    doubt. A notice (--all) says what was read otherwise than written. Mend the file and import again: the
    issue closes by itself.

    \b
    Examples:
      curation issues
      curation issues --all --format csv --output issues.csv
      curation issues --skipped
    """
    from ..articles.status import list_issues, list_skipped
    from ..store.names import check_import

    if skipped and (all_ or import_id is not None):
        raise click.UsageError("--skipped lists files, not issues: leave --all and --import out")
    store = open_store()
    with store.reading() as connection:
        if import_id is not None:
            check_import(connection, import_id)
        found = list_skipped(connection) if skipped else list_issues(connection, import_id, all_=all_)
        shown = print_rows(found.columns, found.rows)
    if not shown:
        click.echo("no skipped files" if skipped else "no open issues", err=True)
