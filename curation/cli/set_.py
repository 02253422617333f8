"""`curation set`, `publish`, `unpublish` and `reset`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from .edits import NOTHING_TO_CHANGE, apply_edit
from .options import (
    ID,
    actor_option,
    add_options,
    article_argument,
    chosen_articles,
    chosen_filters,
    filter_options,
    filter_options_but_flags,
    is_interactive,
    open_store,
    ready_to_search,
)
from .output import output_options

if TYPE_CHECKING:
    import sqlalchemy as sa

    from ..articles.selecting import Selection
    from ..editing.flags import ChangeBy, Edit
    from ..store.database import Store

#: More articles than this are asked about first, where someone is there to answer; and so many are shown.
ASK_ABOVE = 20
SAMPLE = 5

#: What is done with the selection, given who, why and since when nothing may have changed.
Doing = Callable[..., "Edit"]


class ChangeType(click.ParamType[Any]):
    """`80`, `-1`, `+5` and `=80` set a whole number of 64 bits; `+=10` and `-=5` move by some."""

    name = "change"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from ..editing.flags import ChangeBy
        from ..integers import parse_integer

        match = re.fullmatch(r"(?:=?(-|\+?)|(\+|-)=)([0-9]+)", value.strip())
        if match is None:
            self.fail(f"{value!r} is no change: write 80 or -1 to set it, +=10 or -=5 to move it", param, ctx)
        try:
            number = parse_integer(("-" if "-" in match.group(1, 2) else "") + match[3])
        except ValueError as error:
            shown = f"{value!r}" if len(value) < 30 else f"{value[:20]!r}..."
            self.fail(f"{shown} is {error}", param, ctx)
        if match[2]:
            return ChangeBy(number)
        if _looks_like_a_move(value.strip(), number):
            moves = f"{value.strip()[0]}={match[3]}"
            told = f"note: {value.strip()} sets {number}; to move by {match[3]}, write {moves}"
            click.echo(told, err=True)
        return number


def _looks_like_a_move(value: str, number: int) -> bool:
    """Whether a number that is set may have been meant to move: until 0.1.0 `+10` and `-5` did. -1 is the
    heat of what is outranked, and is set every day."""
    return value[0] in "+-" and number != -1


def _editing_options(command: Callable[..., Any]) -> Callable[..., Any]:
    options = (
        article_argument("articles", nargs=-1, metavar="[ARTICLE]...|-"),
        click.option("--reason", metavar="TEXT", help="Why; kept with the changeset."),
        actor_option,
        click.option("--dry-run", is_flag=True, help="Keep nothing; show each change."),
        click.option(
            "--if-unchanged-since", "unchanged_since", type=ID, metavar="VERSION",
            help="Do nothing if one of the articles was changed since (`curation show` tells its version).",
        ),
        click.option("--yes", is_flag=True, help=f"Do not ask, even about more than {ASK_ABOVE} articles."),
        output_options,
    )  # fmt: skip
    return add_options(options, command)


@click.command("set")
@_editing_options
@click.option("--quality", type=ChangeType(), metavar="N|+=N|-=N", help="Set the quality, or move it.")
@click.option("--heat", type=ChangeType(), metavar="N|+=N|-=N", help="Set the heat, or move it.")
@click.option("--published/--unpublished", "published", default=None, help="Show, or do not show.")
@click.option(
    "--removed/--restored", "removed", default=None, help="Veto the article, or take the veto back."
)
@filter_options_but_flags
def set_command(
    quality: int | ChangeBy | None,
    heat: int | ChangeBy | None,
    published: bool | None,
    removed: bool | None,
    **options: Any,
) -> None:
    """Decides flags of the articles named, or of all that the filters want: one changeset.

    A number, signed or not, sets quality or heat: 80, -1. To move it, write +=10 or -=5.

    ARTICLE is an id, a path, a unique end of a path, or a URL; `-` reads ids, whole paths and URLs from
    standard input, one a line. To choose by the flags themselves, list first:
    `curation list --quality ..30 --columns id
    --format csv --no-headers | curation set - --heat 0`.

    \b
    Examples:
      curation set 42 --quality 80 --reason "well sourced"
      curation set needle-rock-goes-led --heat +=10 --published
      curation set --topic Tides --since 2024-01-01 --quality -=5 --dry-run
    """
    flags = {"published": published, "removed": removed}
    given = {"quality": quality, "heat": heat} | {
        flag: None if value is None else int(value) for flag, value in flags.items()
    }
    decisions = {flag: value for flag, value in given.items() if value is not None}
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


@click.command("reset")
@_editing_options
@click.option("--quality", "of_quality", is_flag=True, help="Give the quality back.")
@click.option("--heat", "of_heat", is_flag=True, help="Give the heat back.")
@click.option("--published", "of_published", is_flag=True, help="Give back whether it is shown.")
@click.option("--removed", "of_removed", is_flag=True, help="Give back whether it is vetoed.")
@click.option(
    "--adopted",
    is_flag=True,
    help="Only decisions that upstream agrees with by now; of all articles, unless some are named.",
)
@filter_options_but_flags
def reset_command(
    of_quality: bool, of_heat: bool, of_published: bool, of_removed: bool, adopted: bool, **options: Any
) -> None:
    """Gives flags back to upstream: the decisions on them end. All flags, unless some are named.

    --adopted releases the decisions that say what upstream says by now, such as those that were written back
    and imported again: no flag changes its value, but from then on each follows upstream. Where upstream is
    silent it means published, and not removed. With nothing to release it ends well too, so that it can run
    every night.

    \b
    Examples:
      curation reset needle-rock-goes-led
      curation reset 42 --heat --reason "upstream has caught up"
      curation reset --overridden --collection news --dry-run
      curation reset --adopted --reason "committed upstream"
      curation reset --adopted --quality --source site
    """
    from ..editing.flags import reset_flags
    from ..flags import FLAGS

    named = dict(zip(FLAGS, (of_quality, of_heat, of_published, of_removed), strict=True))
    fields = [flag for flag in FLAGS if named[flag]] or FLAGS

    def reset(connection: sa.Connection, selection: Selection, **told: Any) -> Edit:
        return reset_flags(connection, selection, fields, adopted=adopted, **told)

    if adopted:  # what is asked about, and counted, is what has something to release
        _do(
            reset,
            "released",
            options | {"adopted": fields},
            "upstream agrees with no decision on these flags",
        )
    else:
        _do(reset, "reset", options)


def _decide(decisions: dict[str, int | ChangeBy], options: dict[str, Any]) -> None:
    from ..editing.flags import set_flags

    def decide(connection: sa.Connection, selection: Selection, **told: Any) -> Edit:
        return set_flags(connection, selection, decisions, **told)

    _do(decide, "decided", options)


def _do(doing: Doing, verb: str, options: dict[str, Any], idle: str = NOTHING_TO_CHANGE) -> None:
    """Does something to what the options select, and says what was done, or by `idle` why nothing was."""
    selection = chosen_articles(options["articles"], chosen_filters(options))
    if not selection:
        raise click.UsageError("no article named: give ARTICLE, `-` for standard input, or a filter")
    store = open_store()
    ready_to_search(store, selection.filters)
    is_dry = options["dry_run"]
    if not is_dry and not options["yes"] and is_interactive():
        _confirm(store, selection)
    told = {name: options[name] for name in ("actor", "reason", "unchanged_since")}
    apply_edit(store, lambda connection: doing(connection, selection, **told), verb, is_dry=is_dry, idle=idle)


def _confirm(store: Store, selection: Selection) -> None:
    """Asks before many articles are changed; nothing is locked while it waits."""
    from ..articles.selecting import sample_selected
    from .output import escape

    with store.reading() as connection:
        count, sample = sample_selected(connection, selection, SAMPLE)
    if count > ASK_ABOVE:
        for path in sample:
            click.echo(f"  {escape(path)}", err=True)
        click.echo(f"  and {count - len(sample):,} more", err=True)
        click.confirm(f"This decides {count:,} articles. Go on?", abort=True, err=True)
