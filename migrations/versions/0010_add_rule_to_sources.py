"""add to sources by which rule their heat and published are made

A revision imports nothing from `curation`: this is as it was when it was written.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
COLUMNS = ("related_bonus", "publish_threshold")


def upgrade() -> None:
    for column in COLUMNS:
        op.add_column("sources", sa.Column(column, INTEGER))


def downgrade() -> None:
    for column in reversed(COLUMNS):
        op.drop_column("sources", column)
