"""fill files with those that the store has documents of

A revision imports nothing from `curation`: this is as it was when it was written.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

#: No stamp: each is read once more, and is remembered from then on.
FILL = """
    INSERT INTO files (source_id, path, state)
    SELECT source_id, path, 'kept' FROM {table} WHERE missing_since IS NULL
"""


def upgrade() -> None:
    op.execute(sa.text("DELETE FROM files"))
    for table in ("articles", "taxonomy_documents"):
        op.execute(sa.text(FILL.format(table=table)))


def downgrade() -> None:
    op.execute(sa.text("DELETE FROM files"))
