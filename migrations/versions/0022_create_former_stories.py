"""create the table of what hidden articles said before

`sql/tables/0022.toml` says what the table holds. A revision imports nothing from `curation`: this is as it
was when it was written.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

ROOT = Path(__file__).parents[2]
FILE = f"sql/tables/{revision}.toml"

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
INSTANT = (
    sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite").with_variant(mysql.DATETIME(fsp=6), *MARIADB)
)


def name(length: int) -> Any:
    return (
        sa.String(length, collation="C")
        .with_variant(sa.Text(), "sqlite")
        .with_variant(sa.String(length, collation=EXACT_COLLATION), *MARIADB)
    )


def upgrade() -> None:
    op.create_table(
        "former_stories",
        sa.Column(
            "article_id",
            INTEGER,
            sa.ForeignKey("articles.id", name="fk_former_stories_article_id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column(
            "import_id",
            INTEGER,
            sa.ForeignKey("imports.id", name="fk_former_stories_import_id"),
            nullable=False,
        ),
        sa.Column(
            "changeset_id",
            INTEGER,
            sa.ForeignKey("changesets.id", name="fk_former_stories_changeset_id"),
            nullable=False,
        ),
        sa.Column("content_hash", name(64), nullable=False),
        sa.Column("published_at", INSTANT),
        sa.Column("title", TEXT),
        sa.Column("canonical_digest", DIGEST),
        sa.Column("canonical_url", TEXT),
        sa.Column("body_digest", DIGEST),
        sa.PrimaryKeyConstraint("article_id", "import_id", "changeset_id", name="pk_former_stories"),
        **OPTIONS,
    )
    for column in ("import_id", "changeset_id"):
        op.create_index(f"ix_former_stories_{column}", "former_stories", [column])
    for subject, meaning in comments():
        literal = "'" + meaning.replace("'", "''") + "'"
        op.get_bind().exec_driver_sql(f"COMMENT ON {subject} IS {literal}")


def downgrade() -> None:
    op.drop_table("former_stories")


def comments() -> Iterator[tuple[str, str]]:
    """Return each table and column as SQL names it, with its description; only PostgreSQL keeps them."""
    if op.get_bind().dialect.name != "postgresql":
        return
    file = next(place for place in (ROOT / FILE, ROOT / "curation" / FILE) if place.is_file())
    for table, described in tomllib.loads(file.read_text(encoding="utf-8")).items():
        yield f'TABLE "{table}"', described["purpose"]
        for column, meaning in described["columns"].items():
            yield f'COLUMN "{table}"."{column}"', meaning
