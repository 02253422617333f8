"""What an import records beside the rows of articles: issues, changes and versions."""

from __future__ import annotations

from dataclasses import dataclass, field

import sqlalchemy as sa

from ...errors import ImportFailed
from ...store.schema import imports
from .audit import Audit
from .issues import IssueBook
from .versions import Versions


@dataclass(slots=True)
class ImportRecords:
    """Whose import it is, and what it keeps account of beside the rows.

    publish_until: instant (UTC, as text) after which a date is to come, and its article not published yet;
        None where the source publishes such articles too.
    doubts: paths of documents that an editor must look at.
    """

    source_id: int
    import_id: int
    issues: IssueBook
    audit: Audit
    versions: Versions
    publish_until: str | None = None
    doubts: set[str] = field(default_factory=set)

    def hold(self, connection: sa.Connection) -> None:
        """Keeps another import of the source from beginning until commit. Raises ImportFailed if one has
        begun, which is told by this one's status: its lock was lost meanwhile. Rows may still refer to
        the import: PostgreSQL asks for that where an editor changes an article twice."""
        table = imports.c
        mine = sa.select(table.id).where(table.id == self.import_id, table.status == "running")
        if connection.scalar(mine.with_for_update(key_share=True)) is None:
            raise ImportFailed(
                f"import {self.import_id} lost its lock, and another one of the source has begun: it goes on"
                " from what this one has committed"
            )

    def flush(self, connection: sa.Connection) -> None:
        """Writes what was noted; the caller commits."""
        self.audit.flush(connection)
        self.issues.flush(connection)
        self.versions.flush(connection)
