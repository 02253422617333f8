"""keep documents uncompressed within their rows, where the engine would move them out

PostgreSQL compresses what is over 2 KB and moves it to another table: a third of an import's time went into
that. Documents are read whole or not at all, so there is nothing to win by it.

A revision imports nothing from `curation`: this is as it was when it was written.
"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE documents ALTER COLUMN content SET STORAGE EXTERNAL")
        op.execute("ALTER TABLE documents SET (toast_tuple_target = 8160)")


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE documents RESET (toast_tuple_target)")
        op.execute("ALTER TABLE documents ALTER COLUMN content SET STORAGE EXTENDED")
