"""The changeset of an import: which flags it changed, of articles that were there before.

An article's first values are in its first change's `old_value`, or still stand: nothing is written for
an article that is new, unless it has overrides from the beginning. An import that changed nothing at all
has no changeset.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from ...backends import backend_of
from ...flags import FLAGS
from ...store.database import insert_row, now
from ...store.schema import article_moves, changes, changesets
from ..merging.rules import Effective, Merged, Overrides

_COLUMNS = (
    "id", "changeset_id", "article_id", "field", "old_value", "new_value",
    "old_override", "old_decision_id", "new_override", "new_decision_id",
)  # fmt: skip

_Change = tuple[int, str, *tuple[int | None, ...]]

#: In place of a decision, where there is none.
_UNDECIDED = (None, None)


class Audit:
    """Collects changes and writes them under one changeset, made when the first one comes."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        """`values` are the changeset's own: kind, actor, and what it comes from."""
        self._values = values
        self._new: list[_Change] = []
        self._moves: list[tuple[int, str, str]] = []
        self.changeset_id: int | None = None

    def add(self, article_id: int, was: tuple[Effective, Overrides], merged: Merged) -> None:
        """Note what differs between what held and what holds now; `was` are the values before and the
        overrides that stood, for a new article what it would be without overrides, and none."""
        effective, overrides = was
        for name in FLAGS:
            old, new = getattr(effective, name), getattr(merged.effective, name)
            before, after = overrides.get(name, _UNDECIDED), merged.overrides.get(name, _UNDECIDED)
            if old != new or before != after:
                self._new.append((article_id, name, _number(old), _number(new), *before, *after))

    def add_move(self, article_id: int, old_path: str, new_path: str) -> None:
        """Note that an article's document was found at another path."""
        self._moves.append((article_id, old_path, new_path))

    def open(self, connection: sa.Connection) -> None:
        """Makes the changeset, if it is not there: something is being changed."""
        if self.changeset_id is None:
            self.changeset_id = insert_row(connection, changesets, {**self._values, "created_at": now()})

    def flush(self, connection: sa.Connection) -> None:
        """Writes what was noted; the caller commits."""
        if not (self._new or self._moves):
            return
        self.open(connection)
        backend = backend_of(connection)
        moves = [(self.changeset_id, *move) for move in self._moves]
        backend.bulk_insert(connection, article_moves, article_moves.c.keys(), moves)
        ids = backend.reserve_ids(connection, changes, len(self._new))
        rows = [
            (change_id, self.changeset_id, *change) for change_id, change in zip(ids, self._new, strict=True)
        ]
        backend.bulk_insert(connection, changes, _COLUMNS, rows)
        self._new, self._moves = [], []


def _number(value: int | bool | None) -> int | None:
    return None if value is None else int(value)
