"""`curation revert`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from ..wording import counted
from .edits import CHANGE_NAMES, read_changes
from .options import ID, PARTLY_DONE, actor_option, open_store
from .output import escape, output_options, print_rows

if TYPE_CHECKING:
    import sqlalchemy as sa

    from ..store.database import Store


@click.command("revert")
@click.argument("changesets", nargs=-1, required=True, type=ID, metavar="CHANGESET...")
@click.option("--reason", metavar="TEXT", help="Why; it stands in the log.")
@click.option("--dry-run", is_flag=True, help="Keep nothing; show each change that it would make.")
@actor_option
@output_options
def revert_command(changesets: tuple[int, ...], reason: str | None, dry_run: bool, actor: str) -> None:
    """Undoes changesets, several the newest first: each by a changeset, which can be reverted too.

    Decisions: each flag is as it was before, decided by whom it was decided then. A flag that was decided
    otherwise since is left alone and named; then the exit status is 3. A flag on which upstream says by now
    what was decided stays as it is, though nobody decides it any more; how many do is told.

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
    done = _revert(store, targets, imports, dry_run, actor=actor, reason=reason)
    for target, new_id, told in done.said:
        where = "a dry run, nothing was kept" if dry_run else f"changeset {new_id}"
        click.echo(f"{where}: {target} undone, {told}", err=True)
    if dry_run:
        print_rows(CHANGE_NAMES, done.changed)
        for target, path, why in done.kept:
            click.echo(escape(f"left alone, of changeset {target}: {path} {why}"), err=True)
    elif done.kept:
        print_rows(("changeset", "path", "why"), done.kept)
    if done.kept:
        sys.exit(PARTLY_DONE)


@dataclass(slots=True)
class _Done:
    """What was undone: the changeset, the one that undid it, and in words; each change, of a dry run; and
    what was left alone."""

    said: list[tuple[int, int, str]] = field(default_factory=list)
    changed: list[tuple[Any, ...]] = field(default_factory=list)
    kept: list[tuple[int, str, str]] = field(default_factory=list)


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


def _revert(store: Store, targets: Sequence[int], imports: set[int], dry_run: bool, **who: Any) -> _Done:
    """Undoes changesets, all in one transaction. One of several of which nothing can be undone is left alone;
    raises EditRefused if that is so of all."""
    from ..errors import EditRefused
    from ..importing.undo.run import undoing_imports

    done = _Done()
    with undoing_imports(store, imports, dry_run=dry_run) as connection:
        for target in targets:
            undo = _undo_import if target in imports else _undo_decisions
            try:
                new_id, told, kept = undo(connection, target, **who)
            except EditRefused as error:
                if len(targets) == 1:
                    raise
                done.kept.append((target, "", str(error)))
                continue
            done.said.append((target, new_id, told))
            done.kept += [(target, *row) for row in kept]
            done.changed += read_changes(connection, new_id) if dry_run else []
        if not done.said:
            raise EditRefused("; ".join(why for _, _, why in done.kept))
    return done


#: The changeset that undid another, what was done in words, and what was left alone: path, and why.
_Undone = tuple[int, str, list[tuple[str, str]]]


def _undo_import(connection: sa.Connection, target: int, **who: Any) -> _Undone:
    from ..importing.undo.run import undo_import

    undone = undo_import(connection, target, **who)
    marks = counted(undone.marked, "mark")
    summary = f"{undone.removed:,} taken out, {undone.restored:,} as before, {marks} put back"
    return undone.changeset_id, f"{summary}, {len(undone.kept):,} left alone", undone.kept


def _undo_decisions(connection: sa.Connection, target: int, **who: Any) -> _Undone:
    from ..editing.undo import revert_changeset

    undone = revert_changeset(connection, target, **who)
    summary = (
        f"{counted(undone.changed, 'article')} as before, {counted(len(undone.kept), 'flag')} left alone"
    )
    if undone.upheld:
        flags = "1 flag stays as it is" if undone.upheld == 1 else f"{undone.upheld:,} flags stay as they are"
        summary += f"\nof {target}, {flags}: upstream says so by now, and `curation set` decides otherwise"
    return undone.changeset_id, summary, [(path, f"{flag} {why}") for path, flag, why in undone.kept]
