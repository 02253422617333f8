"""What a store holds, in a form that two stores can be compared by."""

from __future__ import annotations

import hashlib

import sqlalchemy as sa

from curation.store.database import Store
from curation.store.schema import files, metadata, search_queue, units_of_work


def digests(store: Store, *leave_out: str) -> dict[str, str]:
    """A digest of each table's rows, whatever their order; of `files`, what became of each, but not its
    stamp: that is learnt only once the file is older than the clock's grain; and neither of what the index
    has yet to take in, nor of the keys of transactions."""
    leave_out = (*leave_out, search_queue.name, units_of_work.name)
    found = {}
    with store.reading() as connection:
        for table in metadata.sorted_tables:
            if table.name not in leave_out:
                columns = [column for column in table.c if column is not files.c.stamp]
                rows = sorted(
                    repr(tuple(_plain(v) for v in row)) for row in connection.execute(sa.select(*columns))
                )
                found[table.name] = f"{len(rows)}:{hashlib.sha256(repr(rows).encode()).hexdigest()}"
    return found


def _plain(value: object) -> object:
    return bytes(value) if isinstance(value, memoryview) else value
