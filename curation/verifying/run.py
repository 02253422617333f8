"""Runs all checks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import sqlalchemy as sa

from ..progress import Progress
from ..store.schema import articles
from .contents import find_wrong_rows
from .counts import Counts, count, find_orphans, find_unmatched_rows
from .findings import Finding, read_id_batches
from .flags import find_wrong_flags
from .imports import find_wrong_imports
from .integrity import find_broken_references, find_engine_damage, find_outdated_id_counters
from .links import find_wrong_links
from .review import find_competing_reviews, find_wrong_review_items
from .search import find_wrong_index
from .taxonomy import find_wrong_taxonomy
from .versions import find_versions_without_document, find_wrong_versions

__all__ = ["Counts", "Finding", "count", "verify"]

#: The checks of the whole store. The checks of articles run batch by batch.
_STORE_CHECKS: Sequence[Callable[[sa.Connection], Iterator[Finding]]] = (
    find_broken_references,
    find_outdated_id_counters,
    find_unmatched_rows,
    find_orphans,
    find_wrong_taxonomy,
    find_wrong_links,
    find_wrong_imports,
    find_versions_without_document,
    find_competing_reviews,
)


def verify(connection: sa.Connection, progress: Progress | None = None) -> Iterator[Finding]:
    """Yield the problems of a store, as they are found.

    If the engine itself finds damage, no other check runs, because reading damaged pages gives wrong results.

    Args:
        connection: A read-only transaction (`Store.reading`).
        progress: Called with the number of checked articles, and of all.
    """
    damage = list(find_engine_damage(connection))
    yield from damage
    if any(finding.check == "engine" for finding in damage):
        return
    if not damage:
        yield from find_wrong_index(connection)
    for find in _STORE_CHECKS:
        yield from find(connection)
    done, total = 0, count(connection).articles
    for ids in read_id_batches(connection, articles):
        wrong = [*find_wrong_rows(connection, ids), *find_wrong_flags(connection, ids)]
        yield from wrong
        yield from find_wrong_review_items(connection, ids, {finding.subject for finding in wrong})
        yield from find_wrong_versions(connection, ids)
        done += len(ids)
        if progress is not None:
            progress(done, total)
