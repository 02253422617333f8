"""keep articles whose documents move, and say why upstream does not publish one

Documents that this release reads otherwise than those before are marked to be read anew by the next import:
drafts, and those with a flag that could not be read.

`sql/tables/0020.toml` says what the tables hold. A revision imports nothing from `curation`: this is as it
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

revision = "0020"
down_revision = "0019"
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
STORIES = ("set_aside_overrides", "story_takeovers")


def name(length: int) -> Any:
    return (
        sa.String(length, collation="C")
        .with_variant(sa.Text(), "sqlite")
        .with_variant(sa.String(length, collation=EXACT_COLLATION), *MARIADB)
    )


def upgrade() -> None:
    op.create_table(
        "article_moves",
        sa.Column(
            "changeset_id",
            INTEGER,
            sa.ForeignKey("changesets.id", name="fk_article_moves_changeset_id"),
            nullable=False,
        ),
        sa.Column(
            "article_id",
            INTEGER,
            sa.ForeignKey("articles.id", name="fk_article_moves_article_id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("old_path", name(640), nullable=False),
        sa.Column("new_path", name(640), nullable=False),
        sa.PrimaryKeyConstraint("changeset_id", "article_id", name="pk_article_moves"),
        **OPTIONS,
    )
    op.create_index("ix_article_moves_article_id", "article_moves", ["article_id"])
    op.add_column("imports", sa.Column("moved", INTEGER, nullable=False, server_default=sa.text("0")))
    for table in STORIES:
        op.add_column(table, sa.Column("canonical_url", TEXT))
        op.add_column(table, sa.Column("body_digest", DIGEST))
    add_status()
    scheduled = sa.text("upstream_status = 'scheduled'")
    op.create_index(
        "ix_articles_scheduled", "articles", ["source_id", "published_at"],
        sqlite_where=scheduled, postgresql_where=scheduled,
    )  # fmt: skip
    op.execute(
        "UPDATE import_issues SET severity = 'warning'"
        " WHERE code = 'override_set_aside' AND resolved_import_id IS NULL"
    )
    op.execute(MARK_STALE)
    for subject, meaning in comments():
        literal = "'" + meaning.replace("'", "''") + "'"
        op.get_bind().exec_driver_sql(f"COMMENT ON {subject} IS {literal}")


def add_status() -> None:
    """Adds the column with its CHECK; SQLite takes both without making the table anew only like this."""
    check = "upstream_status IN ('draft', 'scheduled')"
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "ALTER TABLE articles ADD COLUMN upstream_status TEXT"
            f" CONSTRAINT ck_articles_upstream_status CHECK ({check})"
        )
    else:
        op.add_column("articles", sa.Column("upstream_status", name(16)))
        op.create_check_constraint(op.f("ck_articles_upstream_status"), "articles", check)


#: Has the next import parse what this release reads otherwise: a flag in `extra` is one that was not read.
MARK_STALE = """
UPDATE files SET stamp = 'stale'
WHERE state = 'kept' AND EXISTS (SELECT 1 FROM articles a
WHERE a.source_id = files.source_id AND a.path = files.path AND (
  a.path LIKE '#_drafts/%' ESCAPE '#' OR a.path LIKE '%/#_drafts/%' ESCAPE '#'
  OR CAST(a.extra AS text) LIKE '%"draft"%' OR CAST(a.extra AS text) LIKE '%"published"%'
  OR CAST(a.extra AS text) LIKE '%"removed"%'
))"""


def downgrade() -> None:
    op.execute("UPDATE files SET stamp = NULL WHERE stamp = 'stale'")
    op.execute(
        "UPDATE import_issues SET severity = 'notice'"
        " WHERE code = 'override_set_aside' AND resolved_import_id IS NULL"
    )
    op.drop_index("ix_articles_scheduled", "articles")
    if op.get_bind().dialect.name != "sqlite":
        op.drop_constraint(op.f("ck_articles_upstream_status"), "articles")
    op.drop_column("articles", "upstream_status")
    for table in STORIES:
        op.drop_column(table, "body_digest")
        op.drop_column(table, "canonical_url")
    op.drop_column("imports", "moved")
    op.drop_table("article_moves")


def comments() -> Iterator[tuple[str, str]]:
    """What is told of, as SQL names it, and what is told; only PostgreSQL keeps it."""
    if op.get_bind().dialect.name != "postgresql":
        return
    file = next(place for place in (ROOT / FILE, ROOT / "curation" / FILE) if place.is_file())
    for table, told in tomllib.loads(file.read_text(encoding="utf-8")).items():
        yield f'TABLE "{table}"', told["purpose"]
        for column, meaning in told["columns"].items():
            yield f'COLUMN "{table}"."{column}"', meaning
