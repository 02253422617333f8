"""One import as a whole: its lock, and whether its transactions are kept."""

from __future__ import annotations

from contextlib import suppress

import sqlalchemy as sa

from .. import interrupts
from ..errors import ImportFailed, StoreError
from ..scanning import Dump, Scan
from ..store.database import Store, insert_row, now
from ..store.schema import imports, sources
from .context import PerBatch, SingleTransaction
from .matching.additions import find_additions
from .records.summary import Options, Summary
from .steps import Importer, import_values


def scan_dump(dump: Dump) -> Scan:
    """Finds what a dump holds. Raises ImportFailed where there is nothing, or it cannot be read."""
    return dump.tree.scan(dump.within)


def import_dump(store: Store, dump: Dump, scan: Scan, options: Options) -> Summary:
    """Imports what a scan of a dump has found; commits by itself.

    Raises ImportFailed when another import of the source is running, when the lock that says so is lost, by
    `strict`, and where most of what it would add is another source's (`matching.other_sources`), unless that
    is to be kept apart (`new_source`). Files that cannot be imported are counted as quarantined and raise
    nothing.
    """
    with store.importing(dump.source, dry_run=options.dry_run) as check_lock:
        if not options.new_source:
            _refuse_known_source(store, dump, scan)
        if options.strict or options.dry_run:
            return _import_at_once(store, dump, scan, options)
        run = Importer.start(PerBatch(store, check_lock), dump, options)
        try:
            summary = run.run(scan)
            interrupts.record_outcome(interrupts.Outcome.DONE)
        except BaseException:
            with suppress(StoreError):  # what broke the import may break this too
                run.fail()
            raise
        return summary


def _refuse_known_source(store: Store, dump: Dump, scan: Scan) -> None:
    with store.reading() as connection:
        additions = find_additions(connection, dump.source, scan)
        if additions is not None:
            from .matching.other_sources import refuse_known_articles  # it loads the parser

            refuse_known_articles(connection, dump, additions)


def _import_at_once(store: Store, dump: Dump, scan: Scan, options: Options) -> Summary:
    """The same in one transaction, which is kept only by a strict run without issues. A dry run has a copy of
    the store: editors go on working beside it."""
    try:
        with store.scratch_copy() if options.dry_run else store.writing(repeatable=True) as connection:
            run = Importer.start(SingleTransaction(store, connection), dump, options)
            summary = run.run(scan)
            if options.strict:
                run.refuse_issues(connection)
    except ImportFailed:
        if not options.dry_run:
            _record_failure(store, dump)
        raise
    return summary


def _record_failure(store: Store, dump: Dump) -> None:
    """Keeps that a strict import of a known source was refused."""
    with store.writing(repeatable=True) as connection:
        source_id = connection.scalar(sa.select(sources.c.id).where(sources.c.name == dump.source))
        if source_id is not None:
            insert_row(connection, imports, import_values(dump, source_id, "failed") | {"finished_at": now()})
