"""What the steps of reverting an import share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from ..publish_dates import find_publish_limit
from ..records.audit import Audit
from ..records.import_records import ImportRecords
from ..records.issue_tracker import IssueTracker
from ..records.versions import Versions
from .limits import CHANGED_LATER, EDITED_SINCE, ImportToRevert


@dataclass(slots=True)
class ImportRevertResult:
    """The result of reverting an import, in files, including taxonomy documents.

    Attributes:
        changeset_id: The id of the changeset of the revert.
        marked: The number of files that were marked as present or missing.
        kept: Files that stay as they are, each with its path and the reason.
    """

    changeset_id: int
    removed: int = 0
    restored: int = 0
    marked: int = 0
    kept: list[tuple[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class RevertContext:
    """What the steps of reverting one import share, within one transaction.

    Attributes:
        changeset_id: The id of the changeset of the import.
        can_be_repeated: Some files stay because of a later import, so this import can be reverted once more.
    """

    connection: sa.Connection
    target: ImportToRevert
    changeset_id: int
    records: ImportRecords
    result: ImportRevertResult
    can_be_repeated: bool = False

    @classmethod
    def start(
        cls,
        connection: sa.Connection,
        target: ImportToRevert,
        changeset_id: int,
        actor: str,
        reason: str | None,
    ) -> RevertContext:
        """Open the changeset of the revert and return the context."""
        audit = Audit({"kind": "revert", "actor": actor, "reason": reason, "reverts_id": changeset_id})
        audit.open_changeset(connection)
        assert audit.changeset_id is not None
        issues = IssueTracker(connection, target.source_id, target.id)
        versions = Versions(target.source_id, target.id)
        limit = find_publish_limit(connection, target.source_id)
        records = ImportRecords(target.source_id, target.id, issues, audit, versions, limit)
        return cls(connection, target, changeset_id, records, ImportRevertResult(audit.changeset_id))

    def record_kept(self, path: str, reason: str) -> None:
        """Record that a file stays as it is."""
        self.result.kept.append((path, reason))
        if reason != EDITED_SINCE:
            self.can_be_repeated = True

    def select_revertible(self, rows: Sequence[Any]) -> list[Any]:
        """Return the rows that can be reverted, and record the others as left alone.

        Args:
            rows: Each has `path`, `is_later` (a later import has changed it) and `is_edited` (an editor has
                changed its overrides).
        """
        revertible = []
        for row in rows:
            if row.is_later:
                self.record_kept(row.path, CHANGED_LATER)
            elif row.is_edited:
                self.record_kept(row.path, EDITED_SINCE)
            else:
                revertible.append(row)
        return revertible
