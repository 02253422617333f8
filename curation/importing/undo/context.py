"""What the steps of undoing an import share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from ..publish_dates import publish_limit
from ..records.audit import Audit
from ..records.import_records import ImportRecords
from ..records.issues import IssueTracker
from ..records.versions import Versions
from .limits import DECIDED, LATER, Undoing


@dataclass(slots=True)
class Undone:
    """What undoing an import did, in files (taxonomy documents included).

    kept: what was left alone, as path and reason.
    """

    changeset_id: int
    removed: int = 0
    restored: int = 0
    marked: int = 0
    kept: list[tuple[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class UndoContext:
    """One import that is being undone, within one transaction.

    can_be_repeated: some files were left alone because of a later import, so that this import can be undone
        once more.
    """

    connection: sa.Connection
    undoing: Undoing
    changeset_id: int
    records: ImportRecords
    undone: Undone
    can_be_repeated: bool = False

    @classmethod
    def start(
        cls, connection: sa.Connection, undoing: Undoing, changeset_id: int, actor: str, reason: str | None
    ) -> UndoContext:
        """Open the changeset of the revert and return the context."""
        audit = Audit({"kind": "revert", "actor": actor, "reason": reason, "reverts_id": changeset_id})
        audit.open_changeset(connection)
        assert audit.changeset_id is not None
        issues = IssueTracker(connection, undoing.source_id, undoing.id)
        versions = Versions(undoing.source_id, undoing.id)
        limit = publish_limit(connection, undoing.source_id)
        records = ImportRecords(undoing.source_id, undoing.id, issues, audit, versions, limit)
        return cls(connection, undoing, changeset_id, records, Undone(audit.changeset_id))

    def keep(self, path: str, reason: str) -> None:
        """Record that a file is left alone."""
        self.undone.kept.append((path, reason))
        if reason != DECIDED:
            self.can_be_repeated = True

    def free_rows(self, rows: Sequence[Any]) -> list[Any]:
        """Return the rows that can be undone and record the others.

        Args:
            rows: with path, is_later (a later import changed it) and is_decided (an editor decided on it).
        """
        free = []
        for row in rows:
            if row.is_later:
                self.keep(row.path, LATER)
            elif row.is_decided:
                self.keep(row.path, DECIDED)
            else:
                free.append(row)
        return free
