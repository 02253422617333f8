"""`curation import`."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .. import interrupts
from .options import PARTLY_DONE, actor_option, open_store
from .output import escape
from .progress import showing_progress

if TYPE_CHECKING:
    from ..importing.records.summary import Options, Summary
    from ..scanning import Dump, Scan
    from ..store.database import Store


@click.command("import")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(path_type=Path))
@click.option("--source", metavar="NAME", help="The source's name; by default the root folder's.")
@click.option(
    "--root", metavar="FOLDER", type=click.Path(path_type=Path),
    help="The source's root, where PATH is a part of it; in an archive or a repository, a path inside.",
)  # fmt: skip
@click.option(
    "--new-source", is_flag=True, help="Keep documents apart that look like another source's articles.",
)  # fmt: skip
@click.option("--rev", metavar="REV", help="Read PATH, a git repository, at this revision; no checkout.")
@click.option(
    "--jobs", metavar="N", type=click.IntRange(min=1), help="Read in N processes; by default one a core.",
)  # fmt: skip
@click.option("--full", is_flag=True, help="Read every file, even one whose size and times are as before.")
@click.option("--strict", is_flag=True, help="Keep nothing if any file has an issue.")
@click.option("--dry-run", is_flag=True, help="Keep nothing; say what would change.")
@click.option(
    "--verbose", is_flag=True,
    help="List skipped files, and why; without a terminal too, say every few seconds how far it is.",
)  # fmt: skip
@actor_option
def import_command(
    paths: tuple[Path, ...],
    source: str | None,
    root: Path | None,
    new_source: bool,
    rev: str | None,
    jobs: int | None,
    full: bool,
    strict: bool,
    dry_run: bool,
    verbose: bool,
    actor: str,
) -> None:
    """Takes dumps of documents in, again and again.

    PATH is a source's root (the folder that holds `_news`, `_learning`, `_data` and the like), a file or
    folder within the root of a known source, an archive (.zip, .tar, .tar.gz, .tar.xz, .tar.zst), or a git
    repository with --rev. New documents become articles, changed ones are updated; what editors decided
    stands. A file that is gone is marked missing, if its whole source was imported.

    A file whose size and times (or git blob) are as before is not read. --full reads all: for a file
    system whose times cannot be trusted.

    A file that was renamed or moved is the same article, with its overrides and history. An import is
    refused if most documents that it adds are articles of one other source, and it adds more than the
    source has. --source imports into that one; --new-source keeps the two apart.

    A file that is broken is put aside as an issue and the rest goes on: then the exit status is 3, and
    `curation issues` says what is wrong and where. So it is if a flag cannot be read, and if it is not
    certain which article a file is: nothing that an editor hid is published then.

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

    options = Options(
        actor=actor, jobs=jobs, full=full, strict=strict, dry_run=dry_run, new_source=new_source
    )
    quarantined = doubtful = 0
    with _chosen_store(dry_run=dry_run) as store:
        known = _locations(store) if store.backend.store_exists() else {}
        for dump in find_dumps(paths, source=source, root=root, rev=rev, known=known):
            interrupts.check()
            with dump.tree:
                summary = _import(store, dump, options, verbose=verbose)
                quarantined += summary.quarantined
                doubtful += summary.to_review
    where = "" if dry_run else ": see `curation issues`"
    if quarantined:
        files = "1 file was" if quarantined == 1 else f"{quarantined:,} files were"
        click.echo(f"{files} not imported because of an error{where}", err=True)
    if doubtful:
        files = "1 file is" if doubtful == 1 else f"{doubtful:,} files are"
        click.echo(f"{files} in doubt or with unreadable flags{where}", err=True)
    if quarantined or doubtful:
        sys.exit(PARTLY_DONE)


@contextmanager
def _chosen_store(*, dry_run: bool) -> Iterator[Store]:
    """The store that --database names; for a dry run, where it is absent, one in passing."""
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


def _locations(store: Store) -> dict[str, str]:
    import sqlalchemy as sa

    from ..store.schema import sources

    with store.reading() as connection:
        return dict(map(tuple, connection.execute(sa.select(sources.c.name, sources.c.location))))


def _import(store: Store, dump: Dump, options: Options, *, verbose: bool) -> Summary:
    from dataclasses import replace

    from ..importing.run import import_dump, scan_dump

    began = time.monotonic()
    scan = scan_dump(dump)
    with showing_progress(dump.source, verbose=verbose) as progress:
        if not store.backend.store_exists():  # only now is it known that there is something to hold
            _make(store, dry_run=options.dry_run)
        summary = import_dump(store, dump, scan, replace(options, progress=progress))
    if verbose:
        _list_skipped(scan, summary)
    for line in _in_words(summary, time.monotonic() - began, dry_run=options.dry_run):
        click.echo(line)
    interrupts.record_outcome(interrupts.Outcome.NOT_DONE)  # of the next dump
    return summary


def _list_skipped(scan: Scan, summary: Summary) -> None:
    from ..scanning import why_skipped

    for path in sorted([*scan.skipped_paths, *summary.without_fence]):
        click.echo(escape(f"skipped {path}: {why_skipped(path)}"), err=True)


def _make(store: Store, *, dry_run: bool) -> None:
    from ..store import migrate

    migrate.upgrade(store)
    if not dry_run:
        click.echo(f"made the store {escape(str(store.location))}", err=True)


def _in_words(summary: Summary, seconds: float, *, dry_run: bool) -> Iterator[str]:
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
        yield "  a dry run: nothing of this was kept"
    elif summary.changeset_id is not None:
        yield f"  changeset {summary.changeset_id}: `curation revert {summary.changeset_id}` undoes it"
