"""create the table of stories whose paths others have taken

A revision imports nothing from `curation`: this is as it was when it was written.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

MARIADB = ("mysql", "mariadb")
EXACT_COLLATION = "utf8mb4_nopad_bin"
OPTIONS: dict[str, Any] = {"sqlite_strict": True, "sqlite_with_rowid": False} | {
    f"{engine}_{option}": value
    for engine in MARIADB
    for option, value in (("charset", "utf8mb4"), ("collate", EXACT_COLLATION))
}

INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(mysql.LONGTEXT(collation=EXACT_COLLATION), *MARIADB)
DIGEST = sa.LargeBinary(32).with_variant(mysql.BINARY(32), *MARIADB)


def upgrade() -> None:
    op.create_table(
        "story_takeovers",
        sa.Column(
            "article_id",
            INTEGER,
            sa.ForeignKey("articles.id", name="fk_story_takeovers_article_id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("last_changeset_id", INTEGER, nullable=False, autoincrement=False),
        sa.Column("title", TEXT),
        sa.Column("canonical_digest", DIGEST),
        sa.PrimaryKeyConstraint("article_id", "last_changeset_id", name="pk_story_takeovers"),
        **OPTIONS,
    )


def downgrade() -> None:
    op.drop_table("story_takeovers")
