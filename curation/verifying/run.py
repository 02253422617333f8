"""All checks, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import sqlalchemy as sa

from ..store.schema import articles
from .contents import find_untrue_rows
from .counts import Counts, count, find_orphans, find_uncounted
from .engine import find_broken_references, find_damage, find_ids_given_twice
from .findings import Finding, batches
from .flags import find_wrong_flags
from .imports import find_wrong_imports
from .links import find_wrong_links
from .search import find_wrong_index
from .taxonomy import find_wrong_taxonomy
from .versions import find_versions_of_nothing, find_wrong_versions

__all__ = ["Counts", "Finding", "count", "verify"]

#: The checks of all that is there.
_OF_ALL: Sequence[Callable[[sa.Connection], Iterator[Finding]]] = (
    find_broken_references,
    find_ids_given_twice,
    find_uncounted,
    find_orphans,
    find_wrong_taxonomy,
    find_wrong_links,
    find_wrong_imports,
    find_versions_of_nothing,
)

#: Called with the number of articles done, of all.
Progress = Callable[[int, int], None]


def verify(connection: sa.Connection, progress: Progress | None = None) -> Iterator[Finding]:
    """What is wrong in the store, as it is found; the transaction is one that reads only (`Store.reading`).

    Where the engine itself finds damage the rest is not looked at: it would tell of pages, not of rows.
    """
    damage = list(find_damage(connection))
    yield from damage
    if any(finding.check == "engine" for finding in damage):
        return
    if not damage:
        yield from find_wrong_index(connection)
    for find in _OF_ALL:
        yield from find(connection)
    done, total = 0, count(connection).articles
    for ids in batches(connection, articles):
        yield from find_untrue_rows(connection, ids)
        yield from find_wrong_flags(connection, ids)
        yield from find_wrong_versions(connection, ids)
        done += len(ids)
        if progress is not None:
            progress(done, total)
