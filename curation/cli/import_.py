"""`curation import`."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import interrupts
from ..wording import counted
from .help_groups import GENERAL, OUTPUT, SELECTION, Command, option
from .options import PARTLY_DONE, actor_option, open_store
from .output import escape
from .progress import showing_progress

if TYPE_CHECKING:
    from ..importing.records.summary import Options, Summary
    from ..scanning import Dump, Scan
    from ..store.database import Store


@click.command("import", cls=Command)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=Path))
@option(
    "--source",
    metavar="NAME",
    help_group=SELECTION,
    help="Source name; by default that of the root folder.",
)
@option(
    "--root",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help_group=SELECTION,
    help="Root of the source if PATH is a part of it; in an archive or a repository, a path inside.",
)
@option(
    "--new-source",
    is_flag=True,
    help_group=SELECTION,
    help="Import as a new source, even if the documents look like those of another source.",
)
@option(
    "--rev",
    metavar="REV",
    help_group=SELECTION,
    help="Revision of the git repository PATH; needs no checkout.",
)
@option(
    "--full",
    is_flag=True,
    help_group=SELECTION,
    help="Read every file, even with unchanged size and times.",
)
@option(
    "--verbose",
    is_flag=True,
    help_group=OUTPUT,
    help="List skipped files and why; print progress even without a terminal.",
)
@option(
    "--jobs",
    metavar="N",
    type=click.IntRange(min=1),
    help_group=GENERAL,
    help="Number of reader processes (default: one per core).",
)
@option("--strict", is_flag=True, help_group=GENERAL, help="Save nothing if any file has an issue.")
@option("--dry-run", is_flag=True, help_group=GENERAL, help="Save nothing; report what would change.")
@actor_option
def import_command(
    paths: tuple[Path, ...],
    source: str | None,
    root: Path | None,
    rev: str | None,
    verbose: bool,
    **settings: Any,
) -> None:
    """Import documents from a folder, archive or git revision.

    \b
    PATH is one of:
      - the root of a source: the folder that holds `_news`, `_data` and the like
      - a file or folder within the root of a known source
      - an archive: .zip, .tar, .tar.gz, .tar.xz, .tar.zst
      - a git repository, with --rev

    New documents become articles, changed ones are updated, and editors' overrides
    stay. A file that is gone is marked missing if its whole source was imported.

    A file with unchanged size and times (or git blob) is not read. Use --full on a file system with
    unreliable times.

    A renamed or moved file stays the same article, with its overrides and history. An import fails if
    most new documents are articles of one other source, and outnumber the articles of the imported source.
    Import into the other source with --source, or keep the two apart with --new-source.

    A broken file is quarantined and the rest is imported. The exit status is then 3, and `curation issues`
    shows what is wrong and where. The exit status is also 3 for an unreadable flag, and for a file
    that may belong to several articles. Hidden articles stay hidden.

    \b
    Examples:
      curation import site
      curation import site/_news/2021-05-28-some-story.md
      curation import dumps/2024-04.tar.zst --source powerapps --dry-run
      curation import content.git --rev main~3
      curation --database postgresql://news@db/news import site
    """
    from ..importing.records.summary import Options
    from ..scanning import find_dumps

    options = Options(**settings)
    problems: Counter[str] = Counter()
    with _open_or_create_store(dry_run=options.dry_run) as store:
        locations = _read_locations(store) if store.backend.store_exists() else {}
        for dump in find_dumps(paths, source=source, root=root, rev=rev, known=locations):
            interrupts.check()
            with dump.tree:
                summary = _import(store, dump, options, verbose=verbose)
                problems.update(quarantined=summary.quarantined, doubtful=summary.to_review)
    _report_problems(problems, dry_run=options.dry_run)
    if problems.total():
        sys.exit(PARTLY_DONE)


def _report_problems(problems: Counter[str], *, dry_run: bool) -> None:
    next_step = "" if dry_run else ": see `curation issues`"
    if quarantined := problems["quarantined"]:
        verb = "was" if quarantined == 1 else "were"
        click.echo(
            f"{counted(quarantined, 'file')} {verb} not imported because of an error{next_step}", err=True
        )
    if doubtful := problems["doubtful"]:
        verb = "needs" if doubtful == 1 else "need"
        click.echo(
            f"{counted(doubtful, 'file')} {verb} review: unreadable flags, or an uncertain match{next_step}",
            err=True,
        )


@contextmanager
def _open_or_create_store(*, dry_run: bool) -> Iterator[Store]:
    """Yield the store that --database names, or for a dry run without a store a temporary one."""
    from ..store.database import Store

    store = open_store(check=False)
    if not store.backend.makes_store or store.backend.store_exists():
        store.check()
        yield store
    elif dry_run:
        from ..temporary import temporary_folder

        with temporary_folder() as folder:
            store = Store(str(folder / "dry-run.db"))
            yield store
            store.engine.dispose()
    else:
        yield store


def _read_locations(store: Store) -> dict[str, str]:
    """Return the location of each source, by its name."""
    import sqlalchemy as sa

    from ..store.schema import sources

    with store.reading() as connection:
        return dict(map(tuple, connection.execute(sa.select(sources.c.name, sources.c.location))))


def _import(store: Store, dump: Dump, options: Options, *, verbose: bool) -> Summary:
    """Import one dump and print a summary."""
    from dataclasses import replace

    from ..importing.run import import_dump, scan_dump

    began = time.monotonic()
    scan = scan_dump(dump)
    with showing_progress(dump.source, verbose=verbose) as progress:
        if not store.backend.store_exists():  # a failed scan must not leave an empty store
            _create(store, dry_run=options.dry_run)
        summary = import_dump(store, dump, scan, replace(options, progress=progress))
    if verbose:
        _list_skipped(scan, summary)
    for line in _summarize(summary, time.monotonic() - began, dry_run=options.dry_run):
        click.echo(line)
    interrupts.record_outcome(interrupts.Outcome.NOT_DONE)  # the next dump begins
    return summary


def _list_skipped(scan: Scan, summary: Summary) -> None:
    from ..scanning import explain_skipped

    for path in sorted([*scan.skipped_paths, *summary.without_fence]):
        click.echo(escape(f"skipped {path}: {explain_skipped(path)}"), err=True)


def _create(store: Store, *, dry_run: bool) -> None:
    from ..store import migrate

    migrate.upgrade(store)
    if not dry_run:
        click.echo(f"created the store {escape(str(store.location))}", err=True)


def _summarize(summary: Summary, seconds: float, *, dry_run: bool) -> Iterator[str]:
    counts = {name: count for name, count in summary.counts.items() if count or name != "moved"}
    parts = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    yield f"{summary.source}: {parts} ({seconds:.1f} s)"
    for change in summary.flags:
        up, down = ("true", "false") if change.field in ("published", "removed") else ("up", "down")
        yield (
            f"  {change.field}: {change.articles:,} changed"
            f" ({change.raised:,} {up}, {change.lowered:,} {down})"
        )
    if dry_run:
        yield "  dry run: nothing was saved"
    elif summary.changeset_id is not None:
        yield f"  changeset {summary.changeset_id}: `curation revert {summary.changeset_id}` undoes it"
