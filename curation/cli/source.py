"""`curation source`: list, set, infer."""

from __future__ import annotations

import click

from .completion import names_of
from .options import open_store
from .output import output_options, print_rows


@click.group("source")
def source_command() -> None:
    """Looks after sources and their settings: the rule by which heat and published are made.

    \b
    Examples:
      curation source list
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
    from ..looking import list_sources

    store = open_store()
    with store.reading() as connection:
        found = list_sources(connection)
    print_rows(found.columns, found.rows)


@source_command.command("set")
@click.argument("name", shell_complete=names_of("source"))
@click.option(
    "--related-bonus", type=click.IntRange(0, 10**9), metavar="N", help="Heat for each related article."
)
@click.option(
    "--publish-threshold", type=click.IntRange(-(10**15), 10**15), metavar="N",
    help="The least heat that is published.",
)  # fmt: skip
def set_command(name: str, related_bonus: int | None, publish_threshold: int | None) -> None:
    """Sets what is given of a source's settings.

    \b
    Example:
      curation source set diablo4 --related-bonus 20 --publish-threshold 70
    """
    from ..scoring.settings import set_settings

    given = {"related_bonus": related_bonus, "publish_threshold": publish_threshold}
    if not any(value is not None for value in given.values()):
        raise click.UsageError("nothing to set: give --related-bonus or --publish-threshold")
    with open_store().writing() as connection:
        set_settings(connection, name, {key: value for key, value in given.items() if value is not None})
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
    from ..scoring.settings import set_settings, source_id_of

    store = open_store()
    with store.reading() as connection:
        found = infer_settings(connection, source_id_of(connection, name))
    bonus, threshold = found.settings
    first, last = found.thresholds or (None, None)
    as_well = f" (any from {first} to {last} fits)" if first != last else ""
    click.echo(f"publish threshold: {'not known' if threshold is None else threshold}{as_well}", err=True)
    why = "" if found.with_related else ": no article that states its heat has related ones"
    click.echo(f"related bonus: {'not known' if bonus is None else bonus}{why}", err=True)
    click.echo(
        f"{found.obeying:,} of {found.spoken_of:,} articles that state quality and heat obey", err=True
    )
    given = {key: value for key, value in found.settings._asdict().items() if value is not None}
    if apply and given:
        with store.writing() as connection:
            set_settings(connection, name, given)
        click.echo(f"{name}: set", err=True)
    elif given:
        told = " ".join(f"--{key.replace('_', '-')} {value}" for key, value in given.items())
        click.echo(f"`curation source set {name} {told}` sets them, and so does --apply", err=True)
    print_rows(("article", "path", "why"), found.disobeying)
