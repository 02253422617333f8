"""create the table of files as they were last read

A revision imports nothing from `curation`: this is as it was when it was written.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MARIADB = ("mysql", "mariadb")
EXACT_COLLATION = "utf8mb4_nopad_bin"
OPTIONS: dict[str, Any] = {"sqlite_strict": True} | {
    f"{engine}_{option}": value
    for engine in MARIADB
    for option, value in (("charset", "utf8mb4"), ("collate", EXACT_COLLATION))
}

INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(mysql.LONGTEXT(collation=EXACT_COLLATION), *MARIADB)


def name(length: int) -> sa.types.TypeEngine[str]:
    return (
        sa.String(length, collation="C")
        .with_variant(sa.Text(), "sqlite")
        .with_variant(sa.String(length, collation=EXACT_COLLATION), *MARIADB)
    )


def upgrade() -> None:
    op.create_table(
        "files",
        sa.Column(
            "source_id", INTEGER, sa.ForeignKey("sources.id", name="fk_files_source_id"), nullable=False
        ),
        sa.Column("path", name(640), nullable=False),
        sa.Column("state", name(16), nullable=False),
        sa.Column("stamp", TEXT),
        sa.CheckConstraint("state IN ('kept', 'passed', 'refused')", name=op.f("ck_files_state")),
        sa.PrimaryKeyConstraint("source_id", "path", name="pk_files"),
        sqlite_with_rowid=False,
        **OPTIONS,
    )


def downgrade() -> None:
    op.drop_table("files")
