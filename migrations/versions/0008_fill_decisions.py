"""fill in whose decision stood before each change and stands after

A revision imports nothing from `curation`: this is as it was when it was written.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

#: An override that a change made is that changeset's, if it is an editor's; one that was there, or came back
#: with its story, is of the last editor's changeset that made an override of that value.
FILL = """
    UPDATE changes SET {side}_decision_id = (
        SELECT c.changeset_id FROM changes c JOIN changesets s ON s.id = c.changeset_id
        WHERE c.article_id = changes.article_id AND c.field = changes.field AND c.id {until} changes.id
          AND s.kind = 'edit' AND c.new_override = changes.{side}_override
          AND c.old_override IS DISTINCT FROM c.new_override
        ORDER BY c.id DESC LIMIT 1)
    WHERE {side}_override IS NOT NULL
"""


def upgrade() -> None:
    for side, until in (("old", "<"), ("new", "<=")):
        op.execute(sa.text(_spoken(FILL.format(side=side, until=until))))


def downgrade() -> None:
    op.execute(sa.text("UPDATE changes SET old_decision_id = NULL, new_decision_id = NULL"))


def _spoken(statement: str) -> str:
    """SQLite before 3.39 has its own words for it."""
    if op.get_bind().dialect.name == "sqlite":
        return statement.replace("IS DISTINCT FROM", "IS NOT")
    return statement
