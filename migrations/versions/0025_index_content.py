"""index articles by content and title: by these an import knows another source's articles

PostgreSQL has no index of titles: these can be longer than its indexes hold, and it reads them without the
bodies, which SQLite does not.

A revision imports nothing from `curation`: this is as it was when it was written.
"""

from __future__ import annotations

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in columns():
        op.create_index(f"ix_articles_{column}", "articles", [column])


def downgrade() -> None:
    for column in columns():
        op.drop_index(f"ix_articles_{column}", "articles")


def columns() -> list[str]:
    return ["content_hash", "title"] if op.get_bind().dialect.name == "sqlite" else ["content_hash"]
