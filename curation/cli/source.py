"""`curation source`: list, show, set, infer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from .. import interrupts
from ..wording import counted
from .completion import names_of
from .groups import Group
from .help_groups import CHANGES, GENERAL, option
from .options import add_options, open_store
from .output import output_options, print_rows

if TYPE_CHECKING:
    from ..scoring.inferring import InferredSettings


#: The settings that no `_config.yml` has: for each the default and the meaning.
OWN_SETTINGS = {
    "related-bonus": ("", "heat for each related article"),
    "publish-threshold": ("", "lowest heat that is published"),
    "review-quality": ("60", "lowest quality of an unpublished article to review"),
    "approval": ("none", "published articles to approve: none, new (of later imports) or all"),
}


@click.group("source", cls=Group)
def source_command() -> None:
    """Manage sources and their settings.

    Settings are the scoring rule, which derives heat and published, and which articles are in the review
    queue. Others are what `curation export api` needs to know of the site.

    \b
    Examples:
      curation source list
      curation source show powerapps
      curation source infer powerapps --apply
    """


@source_command.command("list")
@output_options
def list_command() -> None:
    """List sources with their settings.

    \b
    Example:
      curation source list --format json
    """
    from ..articles.status import list_sources

    store = open_store()
    with store.reading() as connection:
        table = list_sources(connection)
    print_rows(table.columns, table.rows)


@source_command.command("show")
@click.argument("name", shell_complete=names_of("source"))
@output_options
def show_command(name: str) -> None:
    """Show the settings of a source and their origin.

    The origin is `given` (by `curation source set`), `read` (from the site's `_config.yml` at an import), or
    `default`.

    \b
    Example:
      curation source show powerapps
    """
    from ..editing.review_settings import read_review_settings
    from ..sources.rule_settings import find_source_id, read_rule_settings
    from ..sources.site_settings import SETTINGS, read_setting_values

    store = open_store()
    with store.reading() as connection:
        source_id = find_source_id(connection, name)
        rule = read_rule_settings(connection, source_id)
        review = read_review_settings(connection, source_id)
        stated = read_setting_values(connection, source_id)
    own = zip(OWN_SETTINGS.items(), (*rule, *review), strict=True)
    rows = [
        *((name, value, "", meaning) for (name, (_, meaning)), value in own),
        *((key, value, origin, SETTINGS[key].meaning) for key, (value, origin) in stated.items()),
    ]
    print_rows(("setting", "value", "origin", "meaning"), rows)


def _setting_names(_: click.Context, __: click.Parameter, prefix: str) -> list[str]:
    from ..sources.site_settings import SETTINGS

    return [name for name in SETTINGS if name.startswith(prefix)]


def _zones(_: click.Context, __: click.Parameter, prefix: str) -> list[str]:
    from zoneinfo import available_timezones

    return sorted(zone for zone in available_timezones() if zone.startswith(prefix))


def _sections(_: click.Context, __: click.Parameter, prefix: str) -> list[str]:
    from ..sources.site_settings import PAGE_SIZES

    return [f"{section}={size}" for section, size in PAGE_SIZES.items() if section.startswith(prefix)]


def _page_sizes(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    pairs = [value.partition("=") for value in values]
    if wrong := [key for key, sign, _ in pairs if not sign]:
        raise click.BadParameter(f"{wrong[0]!r}: write SECTION=N, as in news=25", ctx, param)
    return {f"page-size.{section}": size for section, _, size in pairs}


_SITE_OPTIONS = (
    option("--url", metavar="URL", help_group=CHANGES, help="URL of the files, without base path."),
    option("--base-url", metavar="PATH", help_group=CHANGES, help="Base path: /powerapps, or empty."),
    option(
        "--web-url", metavar="URL", help_group=CHANGES,
        help="URL where readers see the site; by default url and base-url.",
    ),
    option(
        "--title", metavar="TEXT", help_group=CHANGES, help="Title of feeds; by default the source name.",
    ),
    option(
        "--topic", metavar="TOPIC", shell_complete=names_of("topic"), help_group=CHANGES,
        help="Topic of the whole site, which gets no pages.",
    ),
    option("--locale", metavar="LOCALE", help_group=CHANGES, help="Content language; by default en-us."),
    option(
        "--zone", metavar="ZONE", shell_complete=_zones, help_group=CHANGES,
        help="Time zone of dates; by default America/Los_Angeles.",
    ),
    option(
        "--page-size", "page_sizes", multiple=True, metavar="SECTION=N", callback=_page_sizes,
        shell_complete=_sections, help_group=CHANGES,
        help="Items per page of news, learning, samples, people or communities; repeatable.",
    ),
    option("--feed-length", metavar="N", help_group=CHANGES, help="Items in a feed; by default 30."),
    option(
        "--future", metavar="true|false", help_group=CHANGES,
        help="Publish articles with a future date; by default false.",
    ),
    option(
        "--unset", multiple=True, metavar="SETTING", shell_complete=_setting_names, help_group=CHANGES,
        help="Remove a given value, by its name in `source show`; repeatable.",
    ),
)  # fmt: skip


def _site_options(command: Callable[..., Any]) -> Callable[..., Any]:
    return add_options(_SITE_OPTIONS, command)


@source_command.command("set")
@click.argument("name", shell_complete=names_of("source"))
@option(
    "--related-bonus",
    type=click.IntRange(0, 10**9),
    metavar="N",
    help_group=CHANGES,
    help="Heat for each related article.",
)
@option(
    "--publish-threshold", type=click.IntRange(-(10**15), 10**15), metavar="N", help_group=CHANGES,
    help="Lowest heat that is published.",
)  # fmt: skip
@option(
    "--review-quality", type=click.IntRange(-(10**15), 10**15), metavar="N", help_group=CHANGES,
    help="Lowest quality of an unpublished article to review; at first 60.",
)  # fmt: skip
@option(
    "--approval", type=click.Choice(["none", "new", "all"]), metavar="none|new|all", help_group=CHANGES,
    help="Published articles to approve: none, those of later imports, or all; at first none.",
)  # fmt: skip
@_site_options
def set_command(
    name: str,
    related_bonus: int | None,
    publish_threshold: int | None,
    review_quality: int | None,
    approval: str | None,
    page_sizes: dict[str, str],
    unset: tuple[str, ...],
    **site: str | None,
) -> None:
    """Change the settings of a source.

    Importing the whole source reads url, baseurl, webUrl, title, topic, locale, timezone and future from the
    site's `_config.yml`. Values given here take precedence. `curation source show NAME` lists all settings.

    \b
    Examples:
      curation source set diablo4 --related-bonus 20 --publish-threshold 70
      curation source set powerapps --page-size news=50 --zone Europe/Rome
      curation source set powerapps --review-quality 70 --approval new
      curation source set powerapps --unset zone
    """
    from ..editing.review_settings import set_review_settings
    from ..importing.publish_dates import queue_early_articles
    from ..sources.rule_settings import lock_source, set_rule_settings
    from ..sources.site_settings import set_site_settings, unset_site_settings

    scores = {"related_bonus": related_bonus, "publish_threshold": publish_threshold}
    rule = {key: value for key, value in scores.items() if value is not None}
    settings = {key.replace("_", "-"): value for key, value in site.items() if value is not None} | page_sizes
    review = {"review_quality": review_quality, "approval": approval}
    if not (rule or settings or unset or any(value is not None for value in review.values())):
        raise click.UsageError("nothing to set: `curation source set --help` lists the settings")
    with open_store().writing(repeatable=True) as connection:
        source_id = lock_source(connection, name)
        if rule:
            set_rule_settings(connection, name, rule)
        set_review_settings(connection, source_id, review_quality=review_quality, approval=approval)
        with queue_early_articles(connection, source_id):
            unset_site_settings(connection, source_id, unset)
            set_site_settings(connection, source_id, settings)
    interrupts.record_outcome(interrupts.Outcome.SAVED)
    click.echo(f"{name}: settings saved")


@source_command.command("infer")
@click.argument("name", shell_complete=names_of("source"))
@option("--apply", is_flag=True, help_group=GENERAL, help="Save the settings that are found.")
@output_options
def infer_command(name: str, apply: bool) -> None:
    """Find the scoring settings that fit a source's documents.

    Uses the documents that state their flags, and lists the articles that do not follow the rule.

    \b
    Examples:
      curation source infer powerapps
      curation source infer diablo4 --apply --format csv --output exceptions.csv
    """
    from ..scoring.inferring import infer_settings
    from ..sources.rule_settings import find_source_id, set_rule_settings

    store = open_store()
    with store.reading() as connection:
        found = infer_settings(connection, find_source_id(connection, name))
    _print_inferred(found)
    settings = {key: value for key, value in found.settings._asdict().items() if value is not None}
    if apply and settings:
        with store.writing(repeatable=True) as connection:
            set_rule_settings(connection, name, settings)
        interrupts.record_outcome(interrupts.Outcome.SAVED)
        click.echo(f"{name}: settings saved", err=True)
    elif settings:
        options = " ".join(f"--{key.replace('_', '-')} {value}" for key, value in settings.items())
        click.echo(f"to save: --apply, or `curation source set {name} {options}`", err=True)
    print_rows(("article", "path", "why"), found.violations)


def _print_inferred(found: InferredSettings) -> None:
    bonus, threshold = found.settings
    first, last = found.thresholds or (None, None)
    alternatives = f" (any from {first} to {last} fits)" if first != last else ""
    click.echo(f"publish threshold: {'unknown' if threshold is None else threshold}{alternatives}", err=True)
    why = "" if found.with_related else ": no article that states its heat has related ones"
    click.echo(f"related bonus: {'unknown' if bonus is None else bonus}{why}", err=True)
    stating = counted(found.covered, "article")
    verb = "follows" if found.conforming == 1 else "follow"
    click.echo(f"{found.conforming:,} of {stating} with stated quality and heat {verb} the rule", err=True)
