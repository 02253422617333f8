"""Collect what an import records in addition to articles: issues, changes and versions."""

from __future__ import annotations

from dataclasses import dataclass, field

import sqlalchemy as sa

from ...articles.review_queue import refresh_queue
from ...errors import ImportFailed
from ...store.schema import imports
from .audit import Audit
from .issue_tracker import IssueTracker
from .versions import Versions


@dataclass(slots=True)
class ImportRecords:
    """The records of one import.

    publish_until: instant (UTC, as text) after which a date is in the future, so that its article is not
        published yet; None if the source publishes such articles too.
    to_review: paths of documents that an editor must review.
    touched_ids: ids of articles that have changed, so that the review queue must be updated.
    """

    source_id: int
    import_id: int
    issues: IssueTracker
    audit: Audit
    versions: Versions
    publish_until: str | None = None
    to_review: set[str] = field(default_factory=set)
    touched_ids: set[int] = field(default_factory=set)

    def require_running(self, connection: sa.Connection) -> None:
        """Require that the import still runs, and keep another one of the source from starting until commit.

        Rows may still refer to the import: PostgreSQL needs that if an editor changes an article twice.

        Raises:
            ImportFailed: if another import has started because this one lost its lock. Then this import's
                status is no longer `running`.
        """
        table = imports.c
        running = sa.select(table.id).where(table.id == self.import_id, table.status == "running")
        if connection.scalar(running.with_for_update(key_share=True)) is None:
            raise ImportFailed(
                f"import {self.import_id} lost its lock, and another import of the source has started;"
                " it continues from what this import has committed"
            )

    def flush(self, connection: sa.Connection) -> None:
        """Write the collected records. The caller commits."""
        self.audit.flush(connection)
        self.issues.flush(connection)
        self.versions.flush(connection)
        self.refresh_queue(connection)

    def refresh_queue(self, connection: sa.Connection) -> None:
        """Update the review queue for the articles that have changed. The caller commits."""
        refresh_queue(connection, list(self.touched_ids))
        self.touched_ids.clear()
