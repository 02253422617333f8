"""`curation export files`."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..options import (
    PARTLY_DONE,
    chosen_filters,
    filter_options,
    named_place,
    open_store,
    ready_to_search,
)
from ..output import atomic_write, escape
from ..progress import showing_progress

if TYPE_CHECKING:
    import sqlalchemy as sa

    from ...exporting.files import EmptyTree, Exported, FileChange, WorkingTree
    from ...sources.finding import Source

#: Paths that a terminal names of those left for one reason; elsewhere all are.
NAMED = 20


@click.command("files")
@click.argument("place", metavar="DIR|ARCHIVE", callback=named_place)
@click.option("--dry-run", is_flag=True, help="Write nothing; print what would change as a unified diff.")
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if anything would be written.")
@click.option("--restore", is_flag=True, help="Write files too that are gone from DIR since the import.")
@click.option("--verbose", is_flag=True, help="Without a terminal too, say every few seconds how far it is.")
@filter_options
def files_command(
    place: Path, dry_run: bool, check: bool, restore: bool, verbose: bool, **options: Any
) -> None:
    """Writes documents with the editors' decisions in them: one line for each flag that was decided.

    Into a working tree, what differs is written and nothing else: each file is compared with what was
    imported, and one that has changed since (or is gone) is left, named, and makes the exit status 3: import
    first. Into an empty or new folder, or an archive (.zip, .tar, .tar.gz, .tar.xz, .tar.zst), everything
    is written, byte for byte as it came in but for decisions. A folder that holds other things is refused:
    a tree is the source's own if it was imported from there, or if its files lie at their paths. Where there
    are several sources, --source says which.

    \b
    Examples:
      curation export files site --dry-run | less
      curation export files site
      curation export files site --check --collection news
      curation export files backup/site.tar.zst --source site
    """
    from dataclasses import replace

    from ...exporting.files import export_files
    from ...sources.finding import find_source, was_imported

    filters = chosen_filters(options)
    show = _show_diff if dry_run else _show_path if check else None
    if _is_archive(place) and (show or restore):
        raise click.UsageError("--dry-run, --check and --restore compare with a folder, not an archive")
    store = open_store()
    ready_to_search(store, filters)
    with (
        store.reading() as connection,
        showing_progress("exporting", verbose=verbose, bar=not _is_between_lines(show)) as progress,
    ):
        filters.check_names(connection)  # before a folder is made
        source = find_source(connection, filters.source)
        if _is_archive(place) and was_imported(connection, place):
            raise click.UsageError(f"{place} is what was imported, and may hold more: name another archive")
        with _opened(connection, source, place, show, restores=restore) as (tree, write):
            others = replace(filters, source=())
            exported = export_files(connection, source.id, others, tree, write, progress)
    _report(exported, is_dry=show is not None)
    if check and exported.written:
        sys.exit(1)
    if exported.left:
        sys.exit(PARTLY_DONE)


def _is_between_lines(show: object) -> bool:
    """Whether a bar would stand between lines that are shown."""
    return show is not None and sys.stdout.isatty()


def _is_archive(place: Path) -> bool:
    from ...scanning.content import ARCHIVE_SUFFIXES, UNSUPPORTED_ARCHIVE_SUFFIXES

    name = place.name.lower()
    if name.endswith(UNSUPPORTED_ARCHIVE_SUFFIXES) and not place.is_dir():
        raise click.UsageError(f"{place} would be an archive: {', '.join(ARCHIVE_SUFFIXES)} are written")
    return name.endswith(ARCHIVE_SUFFIXES) and not place.is_dir()


@contextmanager
def _opened(
    connection: sa.Connection,
    source: Source,
    place: Path,
    show: Callable[[FileChange], None] | None,
    *,
    restores: bool,
) -> Iterator[tuple[WorkingTree | EmptyTree, Callable[[FileChange], None]]]:
    """What documents are compared with, and what is done about each that differs: `show`, or write it."""
    from ...exporting.archives import opened_archive
    from ...exporting.files import EmptyTree, WorkingTree
    from ...exporting.output_folder import OutputFolder

    if _is_archive(place):
        with atomic_write(place) as stream, opened_archive(stream, place.name) as write:
            yield EmptyTree(), write
        return
    with OutputFolder(place, is_dry=show is not None) as target:
        tree = WorkingTree(connection, target, source, restores=restores)
        if show is not None:
            yield tree, show
            return
        tree.begin()
        yield tree, lambda change: target.write(change.path, change.becomes)
        tree.end()


def _show_path(change: FileChange) -> None:
    click.echo(escape(change.path))


def _show_diff(change: FileChange) -> None:
    """As bytes, for `git apply`; on a terminal what it would obey is escaped."""
    from ...exporting.diffs import unified_diff

    lines = unified_diff(change.path, change.was, change.becomes)
    if sys.stdout.isatty():
        for line in lines:
            click.echo(escape(line.decode(errors="backslashreplace").rstrip("\n")))
    else:
        sys.stdout.buffer.writelines(lines)


def _report(exported: Exported, *, is_dry: bool) -> None:
    done = "to be written" if is_dry else "written"
    told = f"{exported.written:,} {done}, {exported.unchanged:,} unchanged, {len(exported.left):,} left"
    click.echo(told, err=is_dry)
    reasons: dict[str, list[str]] = defaultdict(list)
    for path, why in exported.left:
        reasons[why].append(path)
    for why, paths in sorted(reasons.items()):
        _name(f"{len(paths):,} left alone: {why}", paths)
    if exported.collisions:
        _name("named as another but for case or accents: one file on some file systems", exported.collisions)
    if any("changed since the import" in why for why in reasons):
        click.echo(
            "`curation import` takes in what changed; `curation issues` says what it could not", err=True
        )
    if any("gone since the import" in why for why in reasons):
        click.echo("--restore writes what is gone; `curation import` marks it missing", err=True)


def _name(what: str, paths: list[str]) -> None:
    shown = paths[:NAMED] if sys.stderr.isatty() else paths
    click.echo(escape(what), err=True)
    for path in shown:
        click.echo(f"  {escape(path)}", err=True)
    if len(shown) < len(paths):
        click.echo(f"  and {len(paths) - len(shown):,} more", err=True)
