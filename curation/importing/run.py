"""Run one import: take its lock, and choose whether it is one transaction or many."""

from __future__ import annotations

from contextlib import suppress

import sqlalchemy as sa

from .. import interrupts
from ..errors import ImportFailed, StoreError
from ..scanning import Dump, Scan
from ..store.database import Store, insert_row, now
from ..store.schema import imports, sources
from .context import SeparateTransactions, SingleTransaction
from .matching.additions import find_additions
from .records.summary import Options, Summary
from .steps import Importer, make_import_row


def scan_dump(dump: Dump) -> Scan:
    """Return the files of a dump.

    Raises:
        ImportFailed: The dump has no content or cannot be read.
    """
    return dump.tree.scan(dump.within)


def import_dump(store: Store, dump: Dump, scan: Scan, options: Options) -> Summary:
    """Import the files that a scan of a dump has found, and commit.

    Files that cannot be imported are counted as quarantined and raise nothing.

    Raises:
        ImportFailed: Another import of the source is running, the lock was lost, a strict import has issues,
            or most of the articles to add are those of another source (`matching.other_sources`). The option
            `new_source` skips the last check.
    """
    with store.import_lock(dump.source, dry_run=options.dry_run) as check_lock:
        if not options.new_source:
            _check_other_sources(store, dump, scan)
        if options.strict or options.dry_run:
            return _import_in_one_transaction(store, dump, scan, options)
        importer = Importer.start(SeparateTransactions(store, check_lock), dump, options)
        try:
            summary = importer.run(scan)
            interrupts.record_outcome(interrupts.Outcome.DONE)
        except BaseException:
            with suppress(StoreError):  # the store may be what failed
                importer.mark_failed()
            raise
        return summary


def _check_other_sources(store: Store, dump: Dump, scan: Scan) -> None:
    """Raise ImportFailed if most of the articles to add are those of another source."""
    with store.reading() as connection:
        additions = find_additions(connection, dump.source, scan)
        if additions is not None:
            from .matching.other_sources import refuse_known_articles  # it loads the parser

            refuse_known_articles(connection, dump, additions)


def _import_in_one_transaction(store: Store, dump: Dump, scan: Scan, options: Options) -> Summary:
    """Import a dump in one transaction.

    A strict import without issues commits. A dry run uses a copy of the store, so that editors can go on
    working.
    """
    try:
        with store.scratch_copy() if options.dry_run else store.writing(repeatable=True) as connection:
            importer = Importer.start(SingleTransaction(store, connection), dump, options)
            summary = importer.run(scan)
            if options.strict:
                importer.require_no_issues(connection)
    except ImportFailed:
        if not options.dry_run:
            _record_failure(store, dump)
        raise
    return summary


def _record_failure(store: Store, dump: Dump) -> None:
    """Add the row of a strict import that failed, if its source is known."""
    with store.writing(repeatable=True) as connection:
        source_id = connection.scalar(sa.select(sources.c.id).where(sources.c.name == dump.source))
        if source_id is not None:
            row = make_import_row(dump, source_id, "failed")
            insert_row(connection, imports, row | {"finished_at": now()})
