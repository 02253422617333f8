"""`curation revert`."""

from __future__ import annotations

import sys

import click

from .options import PARTLY_DONE, actor_option, open_store
from .output import output_options, print_rows


@click.command("revert")
@click.argument("changeset", type=int)
@click.option("--reason", metavar="TEXT", help="Why; it stands in the log.")
@click.option("--dry-run", is_flag=True, help="Keep nothing; say what would be undone, and what left alone.")
@actor_option
@output_options
def revert_command(changeset: int, reason: str | None, dry_run: bool, actor: str) -> None:
    """Undoes an import, by the changeset that it names.

    Articles that the import added are taken out again, those that it changed are what they were, what it
    marked missing is there again. An article that an editor has decided on since, or that a later import
    has changed, is left as it is and named; then the exit status is 3. Decisions are not touched.

    The files are read anew by the next import: take the bad dump away first, or it comes in again. The
    last 20 imports of a source can be undone.

    \b
    Examples:
      curation revert 12 --dry-run
      curation revert 12 --reason "the dump of Tuesday was cut off"
    """
    from ..importing.undo import undo_import

    store = open_store()
    undone = undo_import(store, changeset, actor=actor, reason=reason, dry_run=dry_run)
    told = f"{undone.removed:,} taken out, {undone.restored:,} as before, {undone.marked:,} marks put back"
    where = "a dry run, nothing was kept" if dry_run else f"changeset {undone.changeset_id}"
    click.echo(f"{where}: {told}, {len(undone.kept):,} left alone", err=True)
    if undone.kept:
        print_rows(("path", "why"), undone.kept)
        sys.exit(PARTLY_DONE)
