"""Changes of flags: applied or only shown by a dry run, and summarized."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from ..wording import counted
from .options import PARTLY_DONE
from .output import Output, escape, get_output, print_rows

if TYPE_CHECKING:
    import sqlalchemy as sa

    from ..editing.flags import Edit
    from ..store.database import Store


#: The columns of a dry run: one row for each change.
CHANGE_NAMES = ("article", "path", "flag", "old", "new")


def apply_edit(
    store: Store,
    edit_flags: Callable[[sa.Connection], Edit],
    verb: str,
    *,
    is_dry: bool,
    why_unchanged: str = "",
) -> None:
    """Change flags in one transaction, which a dry run rolls back, and print a summary.

    Exits with status 3 if articles were left alone.

    Args:
        edit_flags: makes the changes on a connection and does not commit.
        verb: the past tense for the summary, such as "changed".
        why_unchanged: the reason to print if there is nothing to change.
    """
    changes: list[tuple[Any, ...]] = []
    with store.rolled_back() if is_dry else store.writing() as connection:
        edit = edit_flags(connection)
        if is_dry:
            changes = read_changes(connection, edit.changeset_id)
    if is_dry:
        print_rows(CHANGE_NAMES, changes)
    _print_summary(edit, _summarize(edit, verb, why_unchanged, is_dry=is_dry), is_dry=is_dry)


def read_changes(connection: sa.Connection, changeset_id: int | None) -> list[tuple[Any, ...]]:
    """Return the changes of a dry run, to be printed after its transaction, which blocks others."""
    from ..articles.history import HistoryFilters, list_changes

    if changeset_id is None:
        return []
    table = list_changes(connection, HistoryFilters(), changeset_id)
    positions = [table.columns.index(name) for name in CHANGE_NAMES]
    return [tuple(row[i] for i in positions) for row in table.rows]


def _print_summary(edit: Edit, summary: str, *, is_dry: bool) -> None:
    """Print the summary, and a row of counts too where --format or --output asks for one."""
    is_row = not is_dry and get_output() != Output()
    if is_row:
        row = (edit.changeset_id, edit.changed, edit.selected, edit.refused)
        print_rows(("changeset", "changed", "selected", "refused"), [row])
    click.echo(summary, err=is_dry or is_row)
    for refusal in edit.refusals:
        paths = ", ".join(refusal.paths) + (", ..." if refusal.count > len(refusal.paths) else "")
        click.echo(escape(f"{refusal.count:,} left alone, {refusal.why}: {paths}"), err=True)
    if edit.refusals:
        sys.exit(PARTLY_DONE)


def _summarize(edit: Edit, verb: str, why_unchanged: str, *, is_dry: bool) -> str:
    if edit.changeset_id is None:
        return f"nothing to change: {why_unchanged}" if why_unchanged else "nothing to change"
    changed = f"{edit.changed:,} of {counted(edit.selected, 'article')}"
    if is_dry:
        return f"dry run: {changed} would change; nothing was saved"
    return f"changeset {edit.changeset_id}: {verb} {changed}"
