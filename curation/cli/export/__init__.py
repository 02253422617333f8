"""`curation export`: files, api and articles."""

from __future__ import annotations

import click

from ..groups import Group
from .api import api_command
from .articles import articles_command
from .files import files_command


@click.group("export", cls=Group)
def export_command() -> None:
    """Export documents, site JSON or article rows.

    \b
    Examples:
      curation export files site --dry-run
      curation export api site
      curation export articles articles.parquet
    """


export_command.add_command(files_command)
export_command.add_command(api_command)
export_command.add_command(articles_command)
