"""`curation export api`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ..completion import names_of
from ..options import PARTLY_DONE, named_place, open_store
from ..output import escape
from ..progress import showing_progress


@click.command("api")
@click.argument("folder", metavar="DIR", callback=named_place)
@click.option(
    "--source", metavar="NAME", shell_complete=names_of("source"),
    help="The source whose site it is; needed where there are several.",
)  # fmt: skip
@click.option("--check", is_flag=True, help="Write nothing; name what would be, and exit with 1 if anything.")
def api_command(folder: Path, source: str | None, check: bool) -> None:
    """Writes the JSON that a site shows, its sitemaps and its feeds, into DIR, the site's root.

    News, learning, samples, people and communities, as lists of pages, by topic too: what is published now,
    by the editors' decisions. Only what differs is written, and pages that are no more are taken away;
    nothing else in DIR is touched. `curation source show` tells addresses, page sizes and time zone,
    `curation source set` changes them.

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
    to_be = "to be " if check else ""
    told = f"{len(summary.written):,} {to_be}written, {summary.unchanged:,} unchanged"
    click.echo(f"{escape(str(folder))}: {told}, {len(summary.removed):,} {to_be}removed", err=check)
    if summary.refused:
        sys.exit(PARTLY_DONE)
    if check and (summary.written or summary.removed):
        sys.exit(1)
