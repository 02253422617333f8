"""`curation export files`."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..help_groups import GENERAL, Command, option
from ..options import (
    PARTLY_DONE,
    chosen_filters,
    filter_options,
    open_store,
    prepare_search,
    to_path,
    verbose_option,
)
from ..output import atomic_write, escape
from ..progress import showing_progress

if TYPE_CHECKING:
    import sqlalchemy as sa

    from ...exporting.files import EmptyTree, Exported, FileChange, WorkingTree
    from ...sources.finding import Source

#: On a terminal, how many paths are listed for each reason; otherwise all are.
MAX_PATHS = 20


@click.command("files", cls=Command)
@click.argument("place", metavar="DIR|ARCHIVE", callback=to_path)
@filter_options
@verbose_option
@option(
    "--dry-run",
    is_flag=True,
    help_group=GENERAL,
    help="Write nothing; print the changes as a unified diff.",
)
@option("--check", is_flag=True, help_group=GENERAL, help="Write nothing; exit with 1 if there are changes.")
@option(
    "--restore", is_flag=True, help_group=GENERAL,
    help="Also write files that are gone from DIR since the import.",
)  # fmt: skip
def files_command(
    place: Path, dry_run: bool, check: bool, restore: bool, verbose: bool, **options: Any
) -> None:
    """Write documents with the overrides applied.

    Each override changes one line of its document. In a working tree, only files that differ are written.
    Each is compared with the imported version first. A file that changed since then, or is gone, is left
    alone and listed, and the exit status is 3: import first.

    In an empty or new folder, or an archive (.zip, .tar, .tar.gz, .tar.xz, .tar.zst), everything is written,
    byte for byte except for overrides. A folder with other content must be one that the source was imported
    from, or have the source's files at their paths. If there are several sources, choose one
    with --source.

    \b
    Examples:
      curation export files site --dry-run | less
      curation export files site
      curation export files site --check --collection news
      curation export files backup/site.tar.zst --source site
    """
    from dataclasses import replace

    from ...exporting.files import export_files
    from ...sources.finding import find_source

    filters = chosen_filters(options)
    show = _show_diff if dry_run else _show_path if check else None
    if _is_archive(place) and (show or restore):
        raise click.UsageError("--dry-run, --check and --restore need a folder, not an archive")
    store = open_store()
    prepare_search(store, filters)
    with (
        store.reading() as connection,
        showing_progress("exporting", verbose=verbose, bar=not _prints_lines(show)) as progress,
    ):
        filters.check_names(connection)  # before a folder is created
        source = find_source(connection, filters.source)
        _check_not_imported(connection, place)
        with _opened(connection, source, place, show, restores=restore) as (tree, write):
            others = replace(filters, source=())
            exported = export_files(connection, source.id, others, tree, write, progress)
    _report(exported, is_dry=show is not None)
    if check and exported.written:
        sys.exit(1)
    if exported.left:
        sys.exit(PARTLY_DONE)


def _prints_lines(show: object) -> bool:
    """Return whether lines are printed to the terminal, where a progress bar would be between them."""
    return show is not None and sys.stdout.isatty()


def _is_archive(place: Path) -> bool:
    from ...scanning.content import ARCHIVE_SUFFIXES, UNSUPPORTED_ARCHIVE_SUFFIXES

    name = place.name.lower()
    if name.endswith(UNSUPPORTED_ARCHIVE_SUFFIXES) and not place.is_dir():
        raise click.UsageError(f"{place}: unsupported archive format; use {', '.join(ARCHIVE_SUFFIXES)}")
    return name.endswith(ARCHIVE_SUFFIXES) and not place.is_dir()


def _check_not_imported(connection: sa.Connection, place: Path) -> None:
    """Raise UsageError for an archive that was imported."""
    from ...sources.finding import was_imported

    if _is_archive(place) and was_imported(connection, place):
        raise click.UsageError(f"{place} was imported, and may contain other files: choose another archive")


@contextmanager
def _opened(
    connection: sa.Connection,
    source: Source,
    place: Path,
    show: Callable[[FileChange], None] | None,
    *,
    restores: bool,
) -> Iterator[tuple[WorkingTree | EmptyTree, Callable[[FileChange], None]]]:
    """Yield what documents are compared with, and a function that shows or writes each one that differs."""
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
        yield tree, lambda change: target.write(change.path, change.new)
        tree.end()


def _show_path(change: FileChange) -> None:
    click.echo(escape(change.path))


def _show_diff(change: FileChange) -> None:
    """Print a diff: as bytes for `git apply`, or with control characters escaped on a terminal."""
    from ...exporting.diffs import make_diff

    lines = make_diff(change.path, change.old, change.new)
    if sys.stdout.isatty():
        for line in lines:
            click.echo(escape(line.decode(errors="backslashreplace").rstrip("\n")))
    else:
        sys.stdout.buffer.writelines(lines)


def _report(exported: Exported, *, is_dry: bool) -> None:
    done = "to be written" if is_dry else "written"
    counts = f"{exported.written:,} {done}, {exported.unchanged:,} unchanged, {len(exported.left):,} left"
    click.echo(counts, err=is_dry)
    reasons: dict[str, list[str]] = defaultdict(list)
    for path, why in exported.left:
        reasons[why].append(path)
    for why, paths in sorted(reasons.items()):
        _list_paths(f"{len(paths):,} left alone: {why}", paths)
    if exported.collisions:
        _list_paths(
            "differ from another path only by case or accents: one file on some file systems",
            exported.collisions,
        )
    if any("changed since the import" in why for why in reasons):
        click.echo(
            "to import the changed files, run `curation import`; `curation issues` lists their problems",
            err=True,
        )
    if any("deleted since the import" in why for why in reasons):
        click.echo(
            "to write the deleted files, use --restore; `curation import` marks them missing", err=True
        )


def _list_paths(heading: str, paths: list[str]) -> None:
    shown = paths[:MAX_PATHS] if sys.stderr.isatty() else paths
    click.echo(escape(heading), err=True)
    for path in shown:
        click.echo(f"  {escape(path)}", err=True)
    if len(shown) < len(paths):
        click.echo(f"  and {len(paths) - len(shown):,} more", err=True)
