"""`curation export api`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ..completion import names_of
from ..help_groups import GENERAL, SELECTION, Command, option
from ..options import PARTLY_DONE, open_store, to_path
from ..output import escape
from ..progress import showing_progress


@click.command("api", cls=Command)
@click.argument("folder", metavar="DIR", callback=to_path)
@option(
    "--source", metavar="NAME", shell_complete=names_of("source"), help_group=SELECTION,
    help="Source of the site; required if there are several.",
)  # fmt: skip
@option(
    "--check",
    is_flag=True,
    help_group=GENERAL,
    help="Write nothing; list the changes, and exit with 1 if there are any.",
)
def api_command(folder: Path, source: str | None, check: bool) -> None:
    """Write the JSON, sitemaps and feeds of a site.

    DIR is the site's root. The JSON has pages of news, learning, samples, people and communities, also by
    topic. It contains what is published now, with the editors' overrides. Only files that differ are written,
    and obsolete pages are deleted. Nothing else in DIR changes. `curation source show` and `curation source
    set` show and change the URLs, page sizes and time zone.

    \b
    Examples:
      curation export api site
      curation export api public --source powerapps
      curation export api site --check && echo nothing to publish
    """
    from ...exporting.site.run import export_site

    store = open_store()
    with store.reading() as connection, showing_progress("exporting", verbose=False) as progress:
        summary = export_site(connection, folder, source, check=check, progress=progress)
    if check:
        for verb, paths in (("write", summary.written), ("remove", summary.removed)):
            for path in paths:
                click.echo(f"{verb} {escape(path)}")
    for path, why in summary.refused:
        click.echo(f"left out: {escape(path)}: {escape(why)}", err=True)
    prefix = "to be " if check else ""
    counts = f"{len(summary.written):,} {prefix}written, {summary.unchanged:,} unchanged"
    click.echo(f"{escape(str(folder))}: {counts}, {len(summary.removed):,} {prefix}removed", err=check)
    if summary.refused:
        sys.exit(PARTLY_DONE)
    if check and (summary.written or summary.removed):
        sys.exit(1)
