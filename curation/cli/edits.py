"""What commands that decide say of what they did."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from .options import PARTLY_DONE
from .output import print_rows

if TYPE_CHECKING:
    import sqlalchemy as sa

    from ..editing.flags import Edit


def show_changes(connection: sa.Connection, edit: Edit) -> None:
    """Each change that a dry run would have made."""
    from ..history import HistoryFilters, list_changes

    names = ("article", "path", "flag", "old", "new")
    if edit.changeset_id is None:
        print_rows(names, ())
        return
    found = list_changes(connection, HistoryFilters(), edit.changeset_id)
    wanted = [found.columns.index(name) for name in names]
    print_rows(names, ([row[i] for i in wanted] for row in found.rows))


def report_edit(edit: Edit, verb: str, *, is_dry: bool) -> None:
    """Says what was done, or would be; exits with 3 if articles were left alone."""
    if edit.changeset_id is None:
        click.echo("nothing to change: so it is decided already", err=is_dry)
    elif is_dry:
        told = f"a dry run: {edit.changed:,} of {edit.selected:,} articles would change; nothing was kept"
        click.echo(told, err=True)
    else:
        click.echo(f"changeset {edit.changeset_id}: {verb} {edit.changed:,} of {edit.selected:,} articles")
    if edit.refusals:
        from .output import escape

        for refusal in edit.refusals:
            named = ", ".join(refusal.paths) + (", ..." if refusal.count > len(refusal.paths) else "")
            click.echo(escape(f"{refusal.count:,} left alone, {refusal.why}: {named}"), err=True)
        sys.exit(PARTLY_DONE)
