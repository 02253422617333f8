"""`curation set`, `publish`, `unpublish` and `reset`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from .edits import edit_selection, editing_options
from .help_groups import CHANGES, SELECTION, Command, option
from .options import (
    filter_options,
    filter_options_without_flags,
)

if TYPE_CHECKING:
    import sqlalchemy as sa

    from ..articles.selecting import Selection
    from ..editing.flags import ChangeBy, Edit


class ChangeType(click.ParamType[Any]):
    """A change of a number: `80`, `-1`, `+5` and `=80` set a 64-bit value; `+=10` and `-=5` add to it."""

    name = "change"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from ..editing.flags import ChangeBy
        from ..integers import parse_integer

        match = re.fullmatch(r"(?:=?(-|\+?)|(\+|-)=)([0-9]+)", value.strip())
        if match is None:
            self.fail(
                f"{value!r} is not a number: write 80 or -1 to set it, +=10 or -=5 to add to it",
                param,
                ctx,
            )
        try:
            number = parse_integer(("-" if "-" in match.group(1, 2) else "") + match[3])
        except ValueError as error:
            shown = f"{value!r}" if len(value) < 30 else f"{value[:20]!r}..."
            self.fail(f"{shown} is {error}", param, ctx)
        if match[2]:
            return ChangeBy(number)
        if _may_mean_addition(value.strip(), number):
            verb, sign = ("add", "+") if value.strip()[0] == "+" else ("subtract", "-")
            record_outcome = (
                f"note: {value.strip()} sets {number}; to {verb} {match[3]}, write {sign}={match[3]}"
            )
            click.echo(record_outcome, err=True)
        return number


def _may_mean_addition(value: str, number: int) -> bool:
    """Return whether the user may mean an addition: before 0.1.0, `+10` and `-5` added.

    -1 is the heat of an outranked article, and is set every day.
    """
    return value[0] in "+-" and number != -1


@click.command("set", cls=Command)
@editing_options
@option(
    "--quality",
    type=ChangeType(),
    metavar="N|+=N|-=N",
    help_group=CHANGES,
    help="Set the quality, or add to it.",
)
@option(
    "--heat", type=ChangeType(), metavar="N|+=N|-=N", help_group=CHANGES, help="Set the heat, or add to it."
)
@option(
    "--published/--unpublished",
    "published",
    default=None,
    help_group=CHANGES,
    help="Publish the article, or unpublish it.",
)
@option(
    "--removed/--restored",
    "removed",
    default=None,
    help_group=CHANGES,
    help="Remove the article from the site, or restore it.",
)
@filter_options_without_flags
def set_command(
    quality: int | ChangeBy | None,
    heat: int | ChangeBy | None,
    published: bool | None,
    removed: bool | None,
    **options: Any,
) -> None:
    """Set flags on articles.

    Select articles by name, by filters, or both. All changes are one changeset. Each flag that is set becomes
    an override, which later imports keep.

    A number, signed or not, sets quality or heat: 80, -1. To add or subtract, write +=10 or -=5.

    ARTICLE is an id, a path, a unique end of a path, or a URL. `-` reads ids, whole paths and URLs from
    standard input, one per line. To select articles by their flags, list them first:
    `curation list --quality ..30 --columns id --format csv --no-headers | curation set - --heat 0`.

    \b
    Examples:
      curation set 42 --quality 80 --reason "well sourced"
      curation set needle-rock-goes-led --heat +=10 --published
      curation set --topic Tides --since 2024-01-01 --quality -=5 --dry-run
    """
    switches = {"published": published, "removed": removed}
    values = {"quality": quality, "heat": heat} | {
        flag: None if value is None else int(value) for flag, value in switches.items()
    }
    changes = {flag: value for flag, value in values.items() if value is not None}
    if not changes:
        raise click.UsageError("nothing to set: give --quality, --heat, --published or --removed")
    _set(changes, options)


@click.command("publish", cls=Command)
@editing_options
@filter_options
def publish_command(**options: Any) -> None:
    """Publish articles, selected by name or filter.

    A removed article is published only after it is restored (`curation set ARTICLE --restored --published`).

    \b
    Examples:
      curation publish 42 43
      curation publish --collection news --quality 70.. --reason "the good ones"
      curation sql "SELECT id FROM articles WHERE heat > 90" --format csv --no-headers | curation publish -
    """
    _set({"published": 1}, options)


@click.command("unpublish", cls=Command)
@editing_options
@filter_options
def unpublish_command(**options: Any) -> None:
    """Unpublish articles, selected by name or filter.

    They stay unpublished through every import, until an editor publishes or resets them.

    \b
    Examples:
      curation unpublish needle-rock-goes-led --reason "retracted"
      curation unpublish --domain msn.com --until 2020-01-01
    """
    _set({"published": 0}, options)


@click.command("reset", cls=Command)
@editing_options
@option(
    "--adopted",
    is_flag=True,
    help_group=SELECTION,
    help="Only overrides that upstream has adopted; without other selection, of all articles.",
)
@option("--quality", "of_quality", is_flag=True, help_group=CHANGES, help="Remove the override of quality.")
@option("--heat", "of_heat", is_flag=True, help_group=CHANGES, help="Remove the override of heat.")
@option(
    "--published", "of_published", is_flag=True, help_group=CHANGES, help="Remove the override of published."
)
@option("--removed", "of_removed", is_flag=True, help_group=CHANGES, help="Remove the override of removed.")
@filter_options_without_flags
def reset_command(
    of_quality: bool, of_heat: bool, of_published: bool, of_removed: bool, adopted: bool, **options: Any
) -> None:
    """Remove overrides, so that flags follow upstream again.

    Without --quality, --heat, --published or --removed, this removes the overrides of all four flags.

    --adopted removes only overrides that upstream has adopted, for example those that were exported to the
    files and imported again. No flag changes its value, but each follows upstream from then on. A document
    that does not state a flag counts as published and not removed. The exit status is 0 even if there is
    nothing to remove, so it can run every night.

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

    is_chosen = dict(zip(FLAGS, (of_quality, of_heat, of_published, of_removed), strict=True))
    fields = [flag for flag in FLAGS if is_chosen[flag]] or FLAGS

    def reset(connection: sa.Connection, selection: Selection, **settings: Any) -> Edit:
        return reset_flags(connection, selection, fields, adopted=adopted, **settings)

    if adopted:  # select, and ask about, only the articles that have such an override
        why_unchanged = "upstream has adopted no override of these flags"
        edit_selection(reset, "released", options | {"adopted": fields}, why_unchanged)
    else:
        edit_selection(reset, "reset", options)


def _set(changes: dict[str, int | ChangeBy], options: dict[str, Any]) -> None:
    from ..editing.flags import set_flags

    def edit(connection: sa.Connection, selection: Selection, **settings: Any) -> Edit:
        return set_flags(connection, selection, changes, **settings)

    edit_selection(edit, "changed", options)
