"""`curation source`: list, show, set, infer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from .. import interrupts
from ..wording import counted
from .completion import names_of
from .groups import Group
from .options import add_options, open_store
from .output import output_options, print_rows


@click.group("source", cls=Group)
def source_command() -> None:
    """Looks after sources and their settings: the rule by which heat and published are made, and what the
    JSON of the site needs.

    \b
    Examples:
      curation source list
      curation source show powerapps
      curation source infer powerapps --apply
    """


@source_command.command("list")
@output_options
def list_command() -> None:
    """Lists the sources with their settings.

    \b
    Example:
      curation source list --format json
    """
    from ..articles.status import list_sources

    store = open_store()
    with store.reading() as connection:
        found = list_sources(connection)
    print_rows(found.columns, found.rows)


@source_command.command("show")
@click.argument("name", shell_complete=names_of("source"))
@output_options
def show_command(name: str) -> None:
    """Shows every setting of a source, and where it comes from: given (by `curation source set`), read (from
    the site's `_config.yml` when the source was imported), or default.

    \b
    Example:
      curation source show powerapps
    """
    from ..sources.rule_settings import find_source_id, read_rule_settings
    from ..sources.site_settings import SETTINGS, read_setting_values

    store = open_store()
    with store.reading() as connection:
        source_id = find_source_id(connection, name)
        rule = read_rule_settings(connection, source_id)
        stated = read_setting_values(connection, source_id)
    rows = [
        ("related-bonus", rule.related_bonus, "", "heat for each related article"),
        ("publish-threshold", rule.publish_threshold, "", "the least heat that is published"),
        *((key, value, origin, SETTINGS[key].meaning) for key, (value, origin) in stated.items()),
    ]
    print_rows(("setting", "value", "origin", "meaning"), rows)


def _setting_names(_: click.Context, __: click.Parameter, begun: str) -> list[str]:
    from ..sources.site_settings import SETTINGS

    return [name for name in SETTINGS if name.startswith(begun)]


def _zones(_: click.Context, __: click.Parameter, begun: str) -> list[str]:
    from zoneinfo import available_timezones

    return sorted(zone for zone in available_timezones() if zone.startswith(begun))


def _sections(_: click.Context, __: click.Parameter, begun: str) -> list[str]:
    from ..sources.site_settings import PAGE_SIZES

    return [f"{section}={size}" for section, size in PAGE_SIZES.items() if section.startswith(begun)]


def _page_sizes(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    pairs = [value.partition("=") for value in values]
    if wrong := [key for key, sign, _ in pairs if not sign]:
        raise click.BadParameter(f"{wrong[0]!r}: write SECTION=N, as in news=25", ctx, param)
    return {f"page-size.{section}": size for section, _, size in pairs}


_OF_THE_SITE = (
    click.option("--url", metavar="URL", help="Where the site's files are, without the base path."),
    click.option("--base-url", metavar="PATH", help="The site's path there: /powerapps, or empty."),
    click.option("--web-url", metavar="URL", help="Where readers see the site; by default url and base-url."),
    click.option("--title", metavar="TEXT", help="The site's title, for feeds; by default the source."),
    click.option(
        "--topic", metavar="TOPIC", shell_complete=names_of("topic"),
        help="The site's own topic, which has no pages of its own.",
    ),
    click.option("--locale", metavar="LOCALE", help="The language of its content; by default en-us."),
    click.option(
        "--zone", metavar="ZONE", shell_complete=_zones,
        help="The time zone of dates; by default America/Los_Angeles.",
    ),
    click.option(
        "--page-size", "page_sizes", multiple=True, metavar="SECTION=N", callback=_page_sizes,
        shell_complete=_sections,
        help="Items on a page of news, learning, samples, people or communities; repeat for several.",
    ),
    click.option("--feed-length", metavar="N", help="Items of a feed; by default 30."),
    click.option(
        "--future", metavar="true|false", help="Publish articles whose date is to come; by default false.",
    ),
    click.option(
        "--unset", multiple=True, metavar="SETTING", shell_complete=_setting_names,
        help="Forget what was given, by its name in `source show`: what was read or the default holds again.",
    ),
)  # fmt: skip


def _site_options(command: Callable[..., Any]) -> Callable[..., Any]:
    return add_options(_OF_THE_SITE, command)


@source_command.command("set")
@click.argument("name", shell_complete=names_of("source"))
@click.option(
    "--related-bonus", type=click.IntRange(0, 10**9), metavar="N", help="Heat for each related article."
)
@click.option(
    "--publish-threshold", type=click.IntRange(-(10**15), 10**15), metavar="N",
    help="The least heat that is published.",
)  # fmt: skip
@_site_options
def set_command(
    name: str,
    related_bonus: int | None,
    publish_threshold: int | None,
    page_sizes: dict[str, str],
    unset: tuple[str, ...],
    **site: str | None,
) -> None:
    """Sets what is given of a source's settings; `curation source show` lists them.

    What the site's own `_config.yml` says of url, baseurl, webUrl, title, topic, locale, timezone and future
    is read when the whole source is imported, and need not be given; what is given here wins.

    \b
    Examples:
      curation source set diablo4 --related-bonus 20 --publish-threshold 70
      curation source set powerapps --page-size news=50 --zone Europe/Rome
      curation source set powerapps --unset zone
    """
    from ..importing.publish_dates import following_future
    from ..sources.rule_settings import lock_source, set_rule_settings
    from ..sources.site_settings import set_site_settings, unset_site_settings

    asked = {"related_bonus": related_bonus, "publish_threshold": publish_threshold}
    rule = {key: value for key, value in asked.items() if value is not None}
    given = {key.replace("_", "-"): value for key, value in site.items() if value is not None} | page_sizes
    if not (rule or given or unset):
        raise click.UsageError("nothing to set: `curation source set --help` lists what can be")
    with open_store().writing(repeatable=True) as connection:
        source_id = lock_source(connection, name)
        if rule:
            set_rule_settings(connection, name, rule)
        with following_future(connection, source_id):
            unset_site_settings(connection, source_id, unset)
            set_site_settings(connection, source_id, given)
    interrupts.record_outcome(interrupts.Outcome.SAVED)
    click.echo(f"{name}: set")


@source_command.command("infer")
@click.argument("name", shell_complete=names_of("source"))
@click.option("--apply", is_flag=True, help="Set what was found.")
@output_options
def infer_command(name: str, apply: bool) -> None:
    """Finds a source's settings in the documents that state their flags, and names the articles that disobey.

    \b
    Examples:
      curation source infer powerapps
      curation source infer diablo4 --apply --format csv --output disobeying.csv
    """
    from ..scoring.inferring import infer_settings
    from ..sources.rule_settings import find_source_id, set_rule_settings

    store = open_store()
    with store.reading() as connection:
        found = infer_settings(connection, find_source_id(connection, name))
    bonus, threshold = found.settings
    first, last = found.thresholds or (None, None)
    as_well = f" (any from {first} to {last} fits)" if first != last else ""
    click.echo(f"publish threshold: {'not known' if threshold is None else threshold}{as_well}", err=True)
    why = "" if found.with_related else ": no article that states its heat has related ones"
    click.echo(f"related bonus: {'not known' if bonus is None else bonus}{why}", err=True)
    stating = counted(found.covered, "article")
    click.echo(f"{found.conforming:,} of {stating} with stated quality and heat obey", err=True)
    given = {key: value for key, value in found.settings._asdict().items() if value is not None}
    if apply and given:
        with store.writing(repeatable=True) as connection:
            set_rule_settings(connection, name, given)
        interrupts.record_outcome(interrupts.Outcome.SAVED)
        click.echo(f"{name}: set", err=True)
    elif given:
        told = " ".join(f"--{key.replace('_', '-')} {value}" for key, value in given.items())
        click.echo(f"`curation source set {name} {told}` sets them, and so does --apply", err=True)
    print_rows(("article", "path", "why"), found.violations)
