"""add to changes whose decision stood before and stands after

A revision imports nothing from `curation`: this is as it was when it was written.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
COLUMNS = ("old_decision_id", "new_decision_id")


def upgrade() -> None:
    for column in COLUMNS:
        op.add_column("changes", sa.Column(column, INTEGER))


def downgrade() -> None:
    for column in reversed(COLUMNS):
        op.drop_column("changes", column)
