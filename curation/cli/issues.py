"""`curation issues`."""

from __future__ import annotations

import click

from .help_groups import SELECTION, Command, option
from .options import open_store
from .output import output_options, print_rows


@click.command("issues", cls=Command)
@option(
    "--import",
    "import_id",
    type=int,
    metavar="ID",
    help_group=SELECTION,
    help="Only issues that this import found.",
)
@option("--all", "all_", is_flag=True, help_group=SELECTION, help="Also notices, and issues that are fixed.")
@option(
    "--skipped", is_flag=True, help_group=SELECTION, help="List skipped files and why, instead of issues."
)
@output_options
def issues_command(import_id: int | None, all_: bool, skipped: bool) -> None:
    """List problems in imported files, with line and column.

    An error quarantines a file, or leaves a flag as it was. A warning leaves a field empty, or marks an
    article that needs review. A notice (--all) reports a value that was read differently from how it was
    written. Fix the file and import it again: that closes the issue.

    \b
    Examples:
      curation issues
      curation issues --all --format csv --output issues.csv
      curation issues --skipped
    """
    from ..articles.status import list_issues, list_skipped
    from ..store.names import check_import

    if skipped and (all_ or import_id is not None):
        raise click.UsageError("--skipped lists files, not issues: omit --all and --import")
    store = open_store()
    with store.reading() as connection:
        if import_id is not None:
            check_import(connection, import_id)
        found = list_skipped(connection) if skipped else list_issues(connection, import_id, all_=all_)
        shown = print_rows(found.columns, found.rows)
    if not shown:
        click.echo("no skipped files" if skipped else "no open issues", err=True)
