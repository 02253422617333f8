"""`curation revert`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from .options import PARTLY_DONE, actor_option, open_store
from .output import output_options, print_rows

if TYPE_CHECKING:
    from ..database import Store

#: What was left alone: changeset, path, and why.
Kept = tuple[int, str, str]


@click.command("revert")
@click.argument("changesets", nargs=-1, required=True, type=int, metavar="CHANGESET...")
@click.option("--reason", metavar="TEXT", help="Why; it stands in the log.")
@click.option("--dry-run", is_flag=True, help="Keep nothing; say what would be undone, and what left alone.")
@actor_option
@output_options
def revert_command(changesets: tuple[int, ...], reason: str | None, dry_run: bool, actor: str) -> None:
    """Undoes changesets, several the newest first: each by a changeset, which can be reverted too.

    Decisions: each flag is as it was before, decided by whom it was decided then. A flag that was decided
    otherwise since is left alone and named; then the exit status is 3.

    An import: articles that it added are taken out again, those that it changed are what they were, what it
    marked missing is there again. An article that an editor has decided on since, or that a later import
    has changed, is left as it is and named. Decisions are not touched. The files are read anew by the next
    import: take the bad dump away first, or it comes in again. The last 20 imports of a source can be undone.

    \b
    Examples:
      curation revert 12 --dry-run
      curation revert 12 --reason "the dump of Tuesday was cut off"
      curation revert 15 14 13
    """
    store = open_store()
    kept: list[Kept] = []
    for changeset in sorted(set(changesets), reverse=True):
        kept += _revert(store, changeset, actor=actor, reason=reason, dry_run=dry_run)
    if kept:
        print_rows(("changeset", "path", "why"), kept)
        sys.exit(PARTLY_DONE)


def _revert(store: Store, changeset: int, *, actor: str, reason: str | None, dry_run: bool) -> Iterator[Kept]:
    from ..editing.undo import kind_of
    from ..errors import EditRefused

    with store.reading() as connection:
        kind, undone = kind_of(connection, changeset)
    if undone == "import":
        raise EditRefused(f"changeset {changeset} undid an import: import the dump again to take it in anew")
    take_back = _undo_import if kind == "import" else _take_back
    yield from take_back(store, changeset, actor, reason, dry_run)


def _undo_import(
    store: Store, changeset: int, actor: str, reason: str | None, dry_run: bool
) -> Iterator[Kept]:
    from ..importing.undo import undo_import

    undone = undo_import(store, changeset, actor=actor, reason=reason, dry_run=dry_run)
    told = f"{undone.removed:,} taken out, {undone.restored:,} as before, {undone.marked:,} marks put back"
    _say(changeset, undone.changeset_id, f"{told}, {len(undone.kept):,} left alone", dry_run=dry_run)
    yield from ((changeset, path, why) for path, why in undone.kept)


def _take_back(store: Store, changeset: int, actor: str, reason: str | None, dry_run: bool) -> Iterator[Kept]:
    from ..editing.undo import revert_changeset

    with store.writing() as connection:
        reverted = revert_changeset(connection, changeset, actor=actor, reason=reason)
        if dry_run:
            connection.rollback()
    told = f"{reverted.changed:,} articles as before, {len(reverted.kept):,} flags left alone"
    _say(changeset, reverted.changeset_id, told, dry_run=dry_run)
    for path, flag, by in reverted.kept:
        yield changeset, path, f"{flag} was decided since, by changeset {by}"


def _say(changeset: int, new_id: int, told: str, *, dry_run: bool) -> None:
    where = "a dry run, nothing was kept" if dry_run else f"changeset {new_id}"
    click.echo(f"{where}: {changeset} undone, {told}", err=True)
