"""Record the changeset of an import: the flags that it changed of known articles.

Nothing is recorded for a new article, unless it has overrides from the beginning. Its first values are the
`old_value` of its first changes, or still the current ones. An import that changed nothing has no changeset.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from ...backends import backend_of
from ...flags import FLAGS
from ...store.database import insert_row, now
from ...store.schema import article_moves, changes, changesets
from ..merging.override_rules import EffectiveFlags, Merged, Overrides

_COLUMNS = (
    "id", "changeset_id", "article_id", "field", "old_value", "new_value",
    "old_override", "old_decision_id", "old_upstream_value",
    "new_override", "new_decision_id", "new_upstream_value",
)  # fmt: skip

_Change = tuple[int, str, *tuple[int | None, ...]]

#: The fields of a missing override.
_NO_OVERRIDE = (None, None, None)


class Audit:
    """Collects changes and writes them in one changeset, which is made with the first change."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        """Collect changes. `values` are columns of the changeset, such as kind, actor and `import_id`."""
        self._values = values
        self._new: list[_Change] = []
        self._moves: list[tuple[int, str, str]] = []
        self.changeset_id: int | None = None

    def add_changes(self, article_id: int, before: tuple[EffectiveFlags, Overrides], merged: Merged) -> None:
        """Add the differences in flags and overrides of an article.

        Args:
            before: effective values and overrides before; for a new article the values that it would have
                without overrides, and none.
            merged: the result of the import.
        """
        effective, overrides = before
        for name in FLAGS:
            old, new = getattr(effective, name), getattr(merged.effective, name)
            old_override = overrides.get(name, _NO_OVERRIDE)
            new_override = merged.overrides.get(name, _NO_OVERRIDE)
            if old != new or old_override != new_override:
                values = (_number(old), _number(new), *old_override, *new_override)
                self._new.append((article_id, name, *values))

    def add_move(self, article_id: int, old_path: str, new_path: str) -> None:
        """Add the move of an article's document to another path."""
        self._moves.append((article_id, old_path, new_path))

    def open_changeset(self, connection: sa.Connection) -> None:
        """Make the changeset, if it does not exist yet."""
        if self.changeset_id is None:
            self.changeset_id = insert_row(connection, changesets, {**self._values, "created_at": now()})

    def flush(self, connection: sa.Connection) -> None:
        """Write the collected changes. The caller commits."""
        if not (self._new or self._moves):
            return
        self.open_changeset(connection)
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
