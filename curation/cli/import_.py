"""`curation import`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import PARTLY_DONE, actor_option, open_store

if TYPE_CHECKING:
    from ..database import Store
    from ..importing import Dump, Summary


@click.command("import")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--source", metavar="NAME", help="The source's name; by default the folder's.")
@actor_option
def import_command(path: Path, source: str | None, actor: str) -> None:
    """Takes a dump of documents in, again and again.

    PATH is a source's root: the folder that holds `_news`, `_learning`, `_data` and the like. New
    documents become articles, changed ones are updated; what editors decided stands. A file that is
    broken is put aside as an issue and the rest goes on: then the exit status is 3, and `curation
    issues` says what is wrong and where.

    \b
    Examples:
      curation import site
      curation import dumps/2024-04 --source powerapps
      curation --database postgresql://news@db/news import site
    """
    from ..importing import look_through

    began = time.monotonic()
    dump = look_through(path, source)
    store = open_store(check=False)
    _make_ready(store)
    summary = _import(store, dump, actor)
    click.echo(_in_words(summary, time.monotonic() - began))
    if summary.quarantined:
        click.echo(f"{summary.quarantined} files could not be taken in: see `curation issues`", err=True)
        sys.exit(PARTLY_DONE)


def _make_ready(store: Store) -> None:
    """Makes an embedded store that is absent; any other must be of this release."""
    if store.backend.makes_store and not store.backend.store_exists():
        from .. import migrate

        migrate.upgrade(store)
        click.echo(f"made the store {store.location}", err=True)
    store.check()


def _import(store: Store, dump: Dump, actor: str) -> Summary:
    from ..importing import import_dump

    if not sys.stderr.isatty():
        return import_dump(store, dump, actor=actor)
    with click.progressbar(length=0, label="importing", file=sys.stderr, show_pos=True) as bar:

        def progress(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        return import_dump(store, dump, actor=actor, progress=progress)


def _in_words(summary: Summary, seconds: float) -> str:
    counts = ("added", "updated", "unchanged", "missing", "skipped", "quarantined")
    told = ", ".join(f"{getattr(summary, name):,} {name}" for name in counts)
    return f"{summary.source}: {told} ({seconds:.1f} s)"
