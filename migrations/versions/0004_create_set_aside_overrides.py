"""create the table of decisions that are set aside

A revision imports nothing from `curation`: this is as it was when it was written.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0004"
down_revision = "0003"
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
DIGEST = sa.LargeBinary(32).with_variant(mysql.BINARY(32), *MARIADB)


def name(length: int) -> sa.types.TypeEngine[str]:
    return (
        sa.String(length, collation="C")
        .with_variant(sa.Text(), "sqlite")
        .with_variant(sa.String(length, collation=EXACT_COLLATION), *MARIADB)
    )


def upgrade() -> None:
    op.create_table(
        "set_aside_overrides",
        sa.Column("id", INTEGER, nullable=False),
        sa.Column(
            "article_id",
            INTEGER,
            sa.ForeignKey("articles.id", name="fk_set_aside_overrides_article_id"),
            nullable=False,
        ),
        sa.Column("field", name(16), nullable=False),
        sa.Column("value", INTEGER, nullable=False),
        sa.Column(
            "changeset_id",
            INTEGER,
            sa.ForeignKey("changesets.id", name="fk_set_aside_overrides_changeset_id"),
            nullable=False,
        ),
        sa.Column("title", TEXT),
        sa.Column("canonical_digest", DIGEST),
        sa.CheckConstraint(
            "field IN ('quality', 'heat', 'published', 'removed')", name=op.f("ck_set_aside_overrides_field")
        ),
        sa.PrimaryKeyConstraint("id", name="pk_set_aside_overrides"),
        **OPTIONS,
    )
    op.create_index("ix_set_aside_overrides_article_id", "set_aside_overrides", ["article_id"])
    op.create_index("ix_set_aside_overrides_changeset_id", "set_aside_overrides", ["changeset_id"])


def downgrade() -> None:
    op.drop_table("set_aside_overrides")
