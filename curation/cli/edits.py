"""Changes of flags: applied or only shown by a dry run, and summarized."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from ..wording import counted
from .help_groups import GENERAL, option
from .options import (
    ID,
    PARTLY_DONE,
    actor_option,
    add_options,
    article_argument,
    chosen_filters,
    is_interactive,
    open_store,
    prepare_search,
    read_selection,
    reason_option,
)
from .output import Output, escape, get_output, output_options, print_rows

if TYPE_CHECKING:
    import sqlalchemy as sa

    from ..articles.selecting import Selection
    from ..editing.flags import Edit
    from ..store.database import Store


#: The columns of a dry run: one row for each change.
CHANGE_NAMES = ("article", "path", "flag", "old", "new")

#: A command that changes more articles than this asks first, where a user can answer.
ASK_ABOVE = 20
#: How many of the articles the prompt shows.
SAMPLE = 5

#: Edits a selection; takes a connection, the selection, and `actor`, `reason`, `unchanged_since`.
EditSelection = Callable[..., "Edit"]


def editing_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the argument and the options of a command that edits articles, except filters."""
    options = (
        article_argument("articles", nargs=-1, metavar="[ARTICLE]...|-"),
        reason_option,
        option("--dry-run", is_flag=True, help_group=GENERAL, help="Save nothing; show each change."),
        actor_option,
        option(
            "--if-unchanged-since", "unchanged_since", type=ID, metavar="VERSION", help_group=GENERAL,
            help="Do nothing if an article changed after VERSION (see `curation show`).",
        ),
        option(
            "--yes", is_flag=True, help_group=GENERAL,
            help=f"Do not ask before changing more than {ASK_ABOVE} articles.",
        ),
        output_options,
    )  # fmt: skip
    return add_options(options, command)


def edit_selection(edit: EditSelection, verb: str, options: dict[str, Any], why_unchanged: str = "") -> None:
    """Edit the articles that the options select, after a prompt if they are many.

    Args:
        options: The values of `editing_options` and of the filters.
        verb: As for `apply_edit`, and `why_unchanged` too.
    """
    selection = read_selection(options["articles"], chosen_filters(options))
    if not selection:
        raise click.UsageError("no articles selected: give ARTICLE, `-` for standard input, or a filter")
    store = open_store()
    prepare_search(store, selection.filters)
    is_dry = options["dry_run"]
    if not is_dry and not options["yes"] and is_interactive():
        _confirm(store, selection)
    settings = {name: options[name] for name in ("actor", "reason", "unchanged_since")}
    apply_edit(
        store, lambda connection: edit(connection, selection, **settings), verb,
        is_dry=is_dry, why_unchanged=why_unchanged,
    )  # fmt: skip


def _confirm(store: Store, selection: Selection) -> None:
    """Ask before many articles are changed. Nothing is locked during the prompt."""
    from ..articles.selecting import preview_selection

    with store.reading() as connection:
        count, sample = preview_selection(connection, selection, SAMPLE)
    if count > ASK_ABOVE:
        for path in sample:
            click.echo(f"  {escape(path)}", err=True)
        click.echo(f"  and {count - len(sample):,} more", err=True)
        click.confirm(f"Change {count:,} articles?", abort=True, err=True)


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
