"""`curation set`, `publish` and `unpublish`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from .options import (
    PARTLY_DONE,
    actor_option,
    add_options,
    chosen_filters,
    filter_options,
    filter_options_but_flags,
    is_interactive,
    open_store,
    references_from,
)

if TYPE_CHECKING:
    from ..database import Store
    from ..editing import Edit
    from ..selecting import Selection

#: More articles than this are asked about first, where someone is there to answer.
ASK_ABOVE = 20

_INT64 = click.IntRange(-(2**63), 2**63 - 1)


def _editing_options(command: Callable[..., Any]) -> Callable[..., Any]:
    options = (
        click.argument("articles", nargs=-1, metavar="[ARTICLE]...|-"),
        click.option("--reason", metavar="TEXT", help="Why; kept with the changeset."),
        actor_option,
        click.option("--yes", is_flag=True, help=f"Do not ask, even about more than {ASK_ABOVE} articles."),
    )
    return add_options(options, command)


@click.command("set")
@_editing_options
@click.option("--quality", type=_INT64, metavar="N", help="Set the quality.")
@click.option("--heat", type=_INT64, metavar="N", help="Set the heat.")
@click.option("--published/--unpublished", "published", default=None, help="Show, or do not show.")
@click.option(
    "--removed/--restored", "removed", default=None, help="Veto the article, or take the veto back."
)
@filter_options_but_flags
def set_command(
    quality: int | None, heat: int | None, published: bool | None, removed: bool | None, **options: Any
) -> None:
    """Decides flags of the articles named, or of all that the filters want: one changeset.

    ARTICLE is an id, a path, a unique end of a path, or a URL; `-` reads them from standard input, one
    a line. To choose by the flags themselves, list first: `curation list --quality ..30 --columns id
    --format csv --no-headers | curation set - --heat 0`.

    \b
    Examples:
      curation set 42 --quality 80 --reason "well sourced"
      curation set needle-rock-goes-led --heat 90 --published
      curation set --topic Tides --since 2024-01-01 --heat 10
    """
    given = {"quality": quality, "heat": heat, "published": published, "removed": removed}
    decisions = {flag: int(value) for flag, value in given.items() if value is not None}
    if not decisions:
        raise click.UsageError("nothing to set: give --quality, --heat, --published or --removed")
    _decide(decisions, options)


@click.command("publish")
@_editing_options
@filter_options
def publish_command(**options: Any) -> None:
    """Shows the articles named, or all that the filters want.

    A removed article is not published unless it is restored (`curation set ARTICLE --restored`).

    \b
    Examples:
      curation publish 42 43
      curation publish --collection news --quality 70.. --reason "the good ones"
      curation sql "SELECT id FROM articles WHERE heat > 90" --format csv --no-headers | curation publish -
    """
    _decide({"published": 1}, options)


@click.command("unpublish")
@_editing_options
@filter_options
def unpublish_command(**options: Any) -> None:
    """Does not show the articles named, or all that the filters want.

    \b
    Examples:
      curation unpublish needle-rock-goes-led --reason "retracted"
      curation unpublish --domain msn.com --until 2020-01-01
    """
    _decide({"published": 0}, options)


def _decide(decisions: dict[str, int], options: dict[str, Any]) -> None:
    from ..editing import set_flags
    from ..selecting import Selection

    selection = Selection(references_from(options["articles"]), chosen_filters(options))
    if not selection:
        raise click.UsageError("no article named: give ARTICLE, `-` for standard input, or a filter")
    store = open_store()
    if not options["yes"] and is_interactive():
        _confirm(store, selection)
    with store.writing() as connection:
        edit = set_flags(connection, selection, decisions, actor=options["actor"], reason=options["reason"])
    _report(edit)


def _confirm(store: Store, selection: Selection) -> None:
    """Asks before many articles are changed; nothing is locked while it waits."""
    from ..selecting import count_selected

    with store.reading() as connection:
        count = count_selected(connection, selection)
    if count > ASK_ABOVE:
        click.confirm(f"This decides {count:,} articles. Go on?", abort=True, err=True)


def _report(edit: Edit) -> None:
    if edit.changeset_id is None:
        click.echo("nothing to change: so it is decided already")
    else:
        click.echo(f"changeset {edit.changeset_id}: decided {edit.changed:,} of {edit.selected:,} articles")
    if edit.refused:
        from .output import escape

        named = ", ".join(edit.refused_paths) + (", ..." if edit.refused > len(edit.refused_paths) else "")
        told = f"{edit.refused:,} removed and so not published: {named}; `curation set ARTICLE --restored`"
        click.echo(escape(told), err=True)
        sys.exit(PARTLY_DONE)
