"""index articles for reports: by provider, by date, and what waits for review

A revision imports nothing from `curation`: this is as it was when it was written.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

WAITS = "NOT removed AND missing_since IS NULL"

#: A CASE, since PostgreSQL takes it for rare; of a bare OR of inequalities it thinks that all rows meet it.
PARTED = (
    f"{WAITS} AND CASE WHEN quality <> upstream_quality OR heat <> upstream_heat"
    " OR published <> upstream_published OR removed <> upstream_removed THEN 1 ELSE 0 END = 1"
)
INDEXES = {
    "ix_articles_parted": (["quality", "published_at", "id"], PARTED),
    "ix_articles_unjudged": (["published_at", "id"], f"{WAITS} AND published IS TRUE AND quality IS NULL"),
}

#: In place of an index of its first column alone.
COVERING = {
    "ix_articles_by_provider": (
        "provider_id", "quality", "published", "heat", "published_at", "missing_since",
    ),
    "ix_articles_by_date": ("published_at", "source_id", "published", "quality", "heat", "missing_since"),
}  # fmt: skip


def upgrade() -> None:
    for name, covered in COVERING.items():
        op.drop_index(f"ix_articles_{covered[0]}", "articles")
        op.create_index(name, "articles", list(covered))
    for name, (columns, condition) in INDEXES.items():
        where = sa.text(condition)
        op.create_index(name, "articles", columns, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    for name in INDEXES:
        op.drop_index(name, "articles")
    for name, columns in COVERING.items():
        op.drop_index(name, "articles")
        op.create_index(f"ix_articles_{columns[0]}", "articles", [columns[0]])
