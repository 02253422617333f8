"""The changeset of an import: which effective flags it changed, of articles that were there before.

An article's first values are in its first change's `old_value`, or still stand: nothing is written for
an article that is new.
"""

from __future__ import annotations

import sqlalchemy as sa

from ..backends import of
from ..database import insert_row, now
from ..schema import FLAGS, changes, changesets
from .merge import Effective
from .standing import Standing

_COLUMNS = (
    "id", "changeset_id", "article_id", "field", "old_value", "new_value", "old_override", "new_override",
)  # fmt: skip


class Audit:
    """Collects changes and writes them under one changeset, made when the first one comes."""

    def __init__(self, import_id: int, actor: str) -> None:
        self._import_id = import_id
        self._actor = actor
        self._changeset_id: int | None = None
        self._new: list[tuple[int, str, int | None, int | None, int | None]] = []
        self.changed = 0

    def add(self, article_id: int, was: Standing, is_now: Effective) -> None:
        """Notes what differs between what held and what holds now."""
        for name in FLAGS:
            old, new = getattr(was.effective, name), getattr(is_now, name)
            if old != new:
                decided = was.overrides.get(name)
                self._new.append((article_id, name, _number(old), _number(new), decided))

    def flush(self, connection: sa.Connection) -> None:
        """Writes what was noted; the caller commits."""
        if not self._new:
            return
        if self._changeset_id is None:
            self._changeset_id = self._make_changeset(connection)
        backend = of(connection)
        ids = backend.reserve_ids(connection, changes, len(self._new))
        rows = [
            (change_id, self._changeset_id, *change, change[-1])
            for change_id, change in zip(ids, self._new, strict=True)
        ]
        backend.bulk_insert(connection, changes, _COLUMNS, rows)
        self.changed += len(rows)
        self._new = []

    def _make_changeset(self, connection: sa.Connection) -> int:
        values = {"kind": "import", "actor": self._actor, "created_at": now(), "import_id": self._import_id}
        return insert_row(connection, changesets, values)


def _number(value: int | bool | None) -> int | None:
    return None if value is None else int(value)
