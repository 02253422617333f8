"""How commands that decide do it, or only try it, and what they say of it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from ..wording import counted
from .options import PARTLY_DONE
from .output import Output, chosen_output, escape, print_rows

if TYPE_CHECKING:
    import sqlalchemy as sa

    from ..editing.flags import Edit
    from ..store.database import Store


#: What is told of each change.
CHANGE_NAMES = ("article", "path", "flag", "old", "new")


#: What is said where nothing was to be changed.
NOTHING_TO_CHANGE = "it is so already"


def apply_edit(
    store: Store,
    doing: Callable[[sa.Connection], Edit],
    verb: str,
    *,
    is_dry: bool,
    idle: str = NOTHING_TO_CHANGE,
) -> None:
    """Decides in a transaction, which of a dry run is rolled back, and says what was done or would be, or why
    nothing was (`idle`); exits with 3 if articles were left alone."""
    changed: list[tuple[Any, ...]] = []
    with store.rolled_back() if is_dry else store.writing() as connection:
        edit = doing(connection)
        if is_dry:
            changed = read_changes(connection, edit.changeset_id)
    if is_dry:
        print_rows(CHANGE_NAMES, changed)
    told = f"nothing to change: {idle}" if edit.changeset_id is None else _in_words(edit, verb, is_dry=is_dry)
    _report(edit, told, is_dry=is_dry)


def read_changes(connection: sa.Connection, changeset_id: int | None) -> list[tuple[Any, ...]]:
    """Each change that a dry run would have made, to be printed once nobody waits for its transaction."""
    from ..articles.history import HistoryFilters, list_changes

    if changeset_id is None:
        return []
    found = list_changes(connection, HistoryFilters(), changeset_id)
    wanted = [found.columns.index(name) for name in CHANGE_NAMES]
    return [tuple(row[i] for i in wanted) for row in found.rows]


def _report(edit: Edit, told: str, *, is_dry: bool) -> None:
    """In words, or as a row where a form or a file is asked for."""
    is_row = not is_dry and chosen_output() != Output()
    if is_row:
        row = (edit.changeset_id, edit.changed, edit.selected, edit.refused)
        print_rows(("changeset", "changed", "selected", "refused"), [row])
    click.echo(told, err=is_dry or is_row)
    for refusal in edit.refusals:
        named = ", ".join(refusal.paths) + (", ..." if refusal.count > len(refusal.paths) else "")
        click.echo(escape(f"{refusal.count:,} left alone, {refusal.why}: {named}"), err=True)
    if edit.refusals:
        sys.exit(PARTLY_DONE)


def _in_words(edit: Edit, verb: str, *, is_dry: bool) -> str:
    changed = f"{edit.changed:,} of {counted(edit.selected, 'article')}"
    if is_dry:
        return f"a dry run: {changed} would change; nothing was kept"
    return f"changeset {edit.changeset_id}: {verb} {changed}"
