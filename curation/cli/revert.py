"""`curation revert`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from ..wording import counted
from .edits import CHANGE_NAMES, read_changes
from .help_groups import GENERAL, Command, option
from .options import ID, PARTLY_DONE, actor_option, open_store, reason_option
from .output import escape, output_options, print_rows

if TYPE_CHECKING:
    import sqlalchemy as sa

    from ..store.database import Store


@click.command("revert", cls=Command)
@click.argument("changesets", nargs=-1, required=True, type=ID, metavar="CHANGESET...")
@reason_option
@option("--dry-run", is_flag=True, help_group=GENERAL, help="Save nothing; show each change.")
@actor_option
@output_options
def revert_command(changesets: tuple[int, ...], reason: str | None, dry_run: bool, actor: str) -> None:
    """Revert changesets.

    Several changesets are reverted newest first, each by a new changeset. You can revert a new changeset
    too, unless it reverted an import.

    Reverting an edit restores each flag, with the override that it had before and its actor. A flag that was
    changed again later is left alone and listed, and the exit status is then 3. If
    upstream has adopted the reverted override, the flag keeps its value and loses the override. The summary
    counts these flags.

    Reverting an import deletes the articles that it added, restores those that it changed, and reverts its
    missing marks. An article that was later changed by an editor or another import is left alone
    and listed. Overrides stay. The next import reads the files again, so remove a bad dump first. The last 20
    imports of a source can be reverted.

    \b
    Examples:
      curation revert 12 --dry-run
      curation revert 12 --reason "the dump of Tuesday was cut off"
      curation revert 15 14 13
    """
    store = open_store()
    targets = sorted(set(changesets), reverse=True)
    imports = _find_imports(store, targets)
    result = _revert(store, targets, imports, dry_run, actor=actor, reason=reason)
    for target, new_id, summary in result.summaries:
        prefix = "dry run, nothing was saved" if dry_run else f"changeset {new_id}"
        click.echo(f"{prefix}: changeset {target} reverted, {summary}", err=True)
    if dry_run:
        print_rows(CHANGE_NAMES, result.changes)
        for target, path, why in result.left_alone:
            click.echo(escape(f"left alone, of changeset {target}: {path} {why}"), err=True)
    elif result.left_alone:
        print_rows(("changeset", "path", "why"), result.left_alone)
    if result.left_alone:
        sys.exit(PARTLY_DONE)


@dataclass(slots=True)
class _Result:
    """The result of reverting changesets."""

    #: The reverted changeset, the new one, and a summary.
    summaries: list[tuple[int, int, str]] = field(default_factory=list)
    #: Each change of a dry run.
    changes: list[tuple[Any, ...]] = field(default_factory=list)
    #: The reverted changeset, the path and the reason.
    left_alone: list[tuple[int, str, str]] = field(default_factory=list)


def _find_imports(store: Store, targets: Sequence[int]) -> set[int]:
    """Return the changesets that are imports.

    Raises EditRefused, before anything is reverted, for a changeset that reverted an import.
    """
    from ..editing.reverting import read_changeset_kind
    from ..errors import EditRefused

    imports = set()
    with store.reading() as connection:
        for target in targets:
            kind, reverted = read_changeset_kind(connection, target)
            if reverted == "import":
                raise EditRefused(f"changeset {target} reverted an import: import the dump again instead")
            imports |= {target} if kind == "import" else set()
    return imports


def _revert(store: Store, targets: Sequence[int], imports: set[int], dry_run: bool, **author: Any) -> _Result:
    """Revert changesets in one transaction.

    A changeset that cannot be reverted is left alone. Raises EditRefused if none can be reverted.
    """
    from ..errors import EditRefused
    from ..importing.reverting.run import reverting_imports

    result = _Result()
    with reverting_imports(store, imports, dry_run=dry_run) as connection:
        for target in targets:
            revert = _revert_import if target in imports else _revert_edit
            try:
                new_id, summary, left_alone = revert(connection, target, **author)
            except EditRefused as error:
                if len(targets) == 1:
                    raise
                result.left_alone.append((target, "", str(error)))
                continue
            result.summaries.append((target, new_id, summary))
            result.left_alone += [(target, *row) for row in left_alone]
            result.changes += read_changes(connection, new_id) if dry_run else []
        if not result.summaries:
            raise EditRefused("; ".join(why for _, _, why in result.left_alone))
    return result


#: The new changeset, a summary, and what was left alone: path and reason.
_Reverted = tuple[int, str, list[tuple[str, str]]]


def _revert_import(connection: sa.Connection, target: int, **author: Any) -> _Reverted:
    from ..importing.reverting.run import revert_import

    result = revert_import(connection, target, **author)
    deleted = counted(result.removed, "document")
    marks = counted(result.marked, "missing mark")
    summary = f"{deleted} deleted, {result.restored:,} restored, {marks} reverted"
    return result.changeset_id, f"{summary}, {len(result.kept):,} left alone", result.kept


def _revert_edit(connection: sa.Connection, target: int, **author: Any) -> _Reverted:
    from ..editing.reverting import revert_changeset

    result = revert_changeset(connection, target, **author)
    summary = f"{counted(result.changed, 'article')} restored, {counted(len(result.kept), 'flag')} left alone"
    if result.adopted:
        verbs = "keeps its value" if result.adopted == 1 else "keep their values"
        summary += (
            f"\n{counted(result.adopted, 'flag')} of changeset {target} {verbs}, because upstream now states"
            " the same: use `curation set` to override"
        )
    return result.changeset_id, summary, [(path, f"{flag} {why}") for path, flag, why in result.kept]
