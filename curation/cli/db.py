"""`curation db`: the schema of the store."""

from __future__ import annotations

import click

from .options import is_interactive, open_store
from .output import output_options, print_rows


@click.group("db")
def db_command() -> None:
    """Looks after the store's schema."""


@db_command.command("upgrade")
@click.argument("revision", default="head")
def upgrade_command(revision: str) -> None:
    """Brings the schema up to this release (or to REVISION); makes it where there is none.

    \b
    Examples:
      curation db upgrade
      curation --database postgresql://news@db/news db upgrade
    """
    from .. import migrate

    click.echo(f"the schema is at {migrate.upgrade(open_store(check=False), revision)}")


@db_command.command("downgrade")
@click.argument("revision")
@click.option("--yes", is_flag=True, help="Do not ask.")
def downgrade_command(revision: str, yes: bool) -> None:
    """Takes the schema back to REVISION; `base` takes every table away. What they held is lost.

    \b
    Example:
      curation db downgrade 0001
    """
    from .. import migrate

    store = open_store(check=False)
    if not yes and is_interactive():
        click.confirm(
            f"What revisions after {revision} hold in {store.location} is lost. Go on?", abort=True, err=True
        )
    click.echo(f"the schema is at {migrate.downgrade(store, revision) or 'base: no tables'}")


@db_command.command("current")
def current_command() -> None:
    """Says at which revision the store is, and at which this release.

    \b
    Example:
      curation db current
    """
    from ..database import head_revision
    from ..errors import StoreError

    store = open_store(check=False)
    if not store.backend.store_exists():
        raise StoreError(f"no store at {store.location}: make one with `curation import PATH`")
    click.echo(f"{store.revision() or 'none'} (this release: {head_revision()})")


@db_command.command("history")
@output_options
def history_command() -> None:
    """Lists the revisions of the schema, oldest first.

    \b
    Example:
      curation db history
    """
    from .. import migrate

    revisions = migrate.history(open_store(check=False))
    print_rows(("revision", "title", "applied"), [(r.revision, r.title, r.applied) for r in revisions])


@db_command.command("check")
def check_command() -> None:
    """Checks that the store's tables are exactly those of this release.

    \b
    Example:
      curation db check
    """
    from .. import migrate

    migrate.check(open_store(check=False))
    click.echo("the schema is as it should be")
