"""`curation revert`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from .edits import CHANGE_NAMES, read_changes
from .options import ID, PARTLY_DONE, actor_option, open_store
from .output import escape, output_options, print_rows

if TYPE_CHECKING:
    from ..database import Store

#: What was left alone: changeset, path, and why.
Kept = tuple[int, str, str]


@click.command("revert")
@click.argument("changesets", nargs=-1, required=True, type=ID, metavar="CHANGESET...")
@click.option("--reason", metavar="TEXT", help="Why; it stands in the log.")
@click.option("--dry-run", is_flag=True, help="Keep nothing; show each change that it would make.")
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
    targets = sorted(set(changesets), reverse=True)
    imports = _imports_among(store, targets)
    who = {"actor": actor, "reason": reason}
    if imports:
        kept = [row for target in targets for row in _revert_alone(store, target, imports, dry_run, **who)]
    else:
        kept = _revert_decisions(store, targets, dry_run, **who)
    if kept:
        print_rows(("changeset", "path", "why"), kept)
        sys.exit(PARTLY_DONE)


def _imports_among(store: Store, targets: Sequence[int]) -> set[int]:
    """Which of some changesets are imports; raises EditRefused for one that cannot be undone at all, before
    any is."""
    from ..editing.undo import kind_of
    from ..errors import EditRefused

    imports = set()
    with store.reading() as connection:
        for target in targets:
            kind, undone = kind_of(connection, target)
            if undone == "import":
                told = f"changeset {target} undid an import: import the dump again to take it in anew"
                raise EditRefused(told)
            imports |= {target} if kind == "import" else set()
    return imports


def _revert_alone(store: Store, target: int, imports: set[int], dry_run: bool, **who: Any) -> list[Kept]:
    """One of several changesets among which are imports: each is undone by itself."""
    if target not in imports:
        return _revert_decisions(store, [target], dry_run, **who)
    from ..importing.undo import undo_import

    undone = undo_import(store, target, dry_run=dry_run, **who)
    told = f"{undone.removed:,} taken out, {undone.restored:,} as before, {undone.marked:,} marks put back"
    _say(target, undone.changeset_id, f"{told}, {len(undone.kept):,} left alone", dry_run=dry_run)
    return [(target, path, why) for path, why in undone.kept]


def _revert_decisions(store: Store, targets: Sequence[int], dry_run: bool, **who: Any) -> list[Kept]:
    """Undoes changesets of decisions, all in one transaction; of a dry run the changes are printed once that
    is over. One of several of which nothing is left to undo is left alone; raises EditRefused if all are."""
    from ..editing.undo import revert_changeset
    from ..errors import EditRefused

    kept: list[Kept] = []
    changed: list[tuple[Any, ...]] = []
    said: list[tuple[int, int, str]] = []
    with store.writing() as connection:
        for target in targets:
            try:
                done = revert_changeset(connection, target, **who)
            except EditRefused as error:
                if len(targets) == 1:
                    raise
                kept.append((target, "", str(error)))
                continue
            told = f"{done.changed:,} articles as before, {len(done.kept):,} flags left alone"
            said.append((target, done.changeset_id, told))
            kept += [(target, path, f"{flag} {why}") for path, flag, why in done.kept]
            changed += read_changes(connection, done.changeset_id) if dry_run else []
        if not said:
            raise EditRefused("; ".join(why for _, _, why in kept))
        if dry_run:
            connection.rollback()
    for target, new_id, told in said:
        _say(target, new_id, told, dry_run=dry_run)
    if not dry_run:
        return kept
    print_rows(CHANGE_NAMES, changed)
    for target, path, why in kept:
        click.echo(escape(f"left alone, of changeset {target}: {path} {why}"), err=True)
    return []


def _say(changeset: int, new_id: int, told: str, *, dry_run: bool) -> None:
    where = "a dry run, nothing was kept" if dry_run else f"changeset {new_id}"
    click.echo(f"{where}: {changeset} undone, {told}", err=True)
