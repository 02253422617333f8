"""store the review queue as a table, with settings of each source

The view `review_queue` shows the rows of `review_items`. They follow from the other tables. A conflict is one
only if upstream has changed since the override was made. The indexes that earlier forms of the view needed
are dropped.

`sql/tables/0033.toml` describes the tables, and `sql/views/0033` has the view. A revision imports nothing
from `curation`: this is as it was when it was written.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

ROOT = Path(__file__).parents[2]
VIEW = "review_queue"
SETTINGS = ("review_quality", "approval", "approval_after")

MARIADB = ("mysql", "mariadb")
EXACT_COLLATION = "utf8mb4_nopad_bin"
OPTIONS: dict[str, Any] = {"sqlite_strict": True, "sqlite_with_rowid": False} | {
    f"{engine}_{option}": value
    for engine in MARIADB
    for option, value in (("charset", "utf8mb4"), ("collate", EXACT_COLLATION))
}

INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

#: What the comment of a view has for each column.
COLUMN = re.compile(r"([a-z_]+): (.*)")

#: The functions of the view that each engine writes in its own way.
FUNCTIONS = {
    "sqlite": {"@now()": "strftime('%Y-%m-%d %H:%M:%f', 'now')", "@text(i.why)": "i.why"},
    "postgresql": {"@now()": "CURRENT_TIMESTAMP", "@text(i.why)": 'CAST(i.why AS text) COLLATE "default"'},
}

WAITS = "NOT removed AND missing_since IS NULL"

#: The dropped indexes of articles: the columns and the condition.
INDEXES = {
    "ix_articles_conflicts": (
        ["quality", "published_at", "id"],
        (
            f"{WAITS} AND CASE WHEN quality <> upstream_quality OR heat <> upstream_heat"
            " OR published <> upstream_published OR removed <> upstream_removed THEN 1 ELSE 0 END = 1"
        ),
    ),
    "ix_articles_unjudged": (
        ["published_at", "id"], f"{WAITS} AND published IS TRUE AND quality IS NULL",
    ),
}  # fmt: skip

#: What upstream states of published, and of removed.
PUBLISHED = """CASE
      WHEN a.upstream_status = 'scheduled' THEN true WHEN a.upstream_published IS NULL THEN true
      ELSE a.upstream_published
    END"""
REMOVED = "CASE WHEN a.upstream_removed THEN true ELSE false END"

#: The rows of the queue. A review counts if it is about the story that the article has now.
FILL = f"""
INSERT INTO review_items (article_id, why, priority, quality, published_at, snoozed_until)
WITH live AS (
  SELECT
    a.id, a.quality, a.heat, a.published, a.published_at, a.upstream_quality, a.upstream_heat,
    {PUBLISHED} AS stated_published, {REMOVED} AS stated_removed, s.review_quality
  FROM articles a
  JOIN sources s ON s.id = a.source_id
  WHERE NOT a.removed AND a.missing_since IS NULL
),
decided AS (
  SELECT o.article_id, o.field, o.value, o.upstream_value, c.kind,
    CASE o.field
      WHEN 'quality' THEN a.upstream_quality
      WHEN 'heat' THEN a.upstream_heat
      WHEN 'published' THEN CASE WHEN a.stated_published THEN 1 ELSE 0 END
      ELSE CASE WHEN a.stated_removed THEN 1 ELSE 0 END
    END AS stated
  FROM overrides o
  JOIN changesets c ON c.id = o.changeset_id
  JOIN live a ON a.id = o.article_id
),
conflicts AS (
  SELECT article_id, field FROM decided
  WHERE kind NOT IN ('import', 'score') AND stated <> value
    AND (upstream_value IS NULL OR stated <> upstream_value)
),
looked AS (
  SELECT r.article_id, r.field, r.snoozed_until,
    CASE WHEN r.upstream_quality = a.upstream_quality
      OR (r.upstream_quality IS NULL AND a.upstream_quality IS NULL) THEN 1 ELSE 0 END AS same_quality,
    CASE WHEN r.upstream_heat = a.upstream_heat
      OR (r.upstream_heat IS NULL AND a.upstream_heat IS NULL) THEN 1 ELSE 0 END AS same_heat,
    CASE WHEN r.upstream_published = a.stated_published THEN 1 ELSE 0 END AS same_published,
    CASE WHEN r.upstream_removed = a.stated_removed THEN 1 ELSE 0 END AS same_removed
  FROM reviews r
  JOIN live a ON a.id = r.article_id
  WHERE r.ended_changeset_id IS NULL AND NOT EXISTS (
    SELECT 1 FROM story_takeovers t
    JOIN articles n ON n.id = t.article_id
    WHERE t.article_id = r.article_id AND t.last_changeset_id = (
        SELECT min(u.last_changeset_id) FROM story_takeovers u
        WHERE u.article_id = r.article_id AND u.last_changeset_id >= r.changeset_id
      )
      AND NOT (t.title = n.title OR (t.title IS NULL AND n.title IS NULL))
      AND NOT (
        t.canonical_digest = n.canonical_digest
        OR (t.canonical_digest IS NULL AND n.canonical_digest IS NULL)
      )
  )
),
waiting AS (
  SELECT article_id, 'may be a hidden article' AS why, 0 AS priority, 'none' AS resets, 0 AS watches
  FROM decided WHERE kind = 'import' GROUP BY article_id
  UNION ALL
  SELECT s.article_id, 'story replaced', 1, 'none', 0
  FROM set_aside_overrides s
  WHERE NOT EXISTS (SELECT 1 FROM overrides o WHERE o.article_id = s.article_id AND o.field = s.field)
  GROUP BY s.article_id
  UNION ALL
  SELECT id, 'good, but not published', 2, 'published', 1
  FROM live
  WHERE NOT published AND quality >= review_quality AND coalesce(heat, 0) <> -1
  UNION ALL
  SELECT id, 'published, never judged', 3, 'both', 1
  FROM live
  WHERE published AND quality IS NULL
),
items AS (
  SELECT w.article_id, w.why, w.priority, (
    SELECT max(r.snoozed_until) FROM looked r
    WHERE r.article_id = w.article_id AND r.snoozed_until IS NOT NULL
      AND (
        r.field = 'all' OR (r.field = 'published' AND w.resets <> 'none')
        OR (r.field = 'quality' AND w.resets = 'both')
      )
      AND (w.watches = 0 OR (r.same_quality = 1 AND r.same_published = 1))
  ) AS snoozed_until
  FROM waiting w
  WHERE NOT EXISTS (
    SELECT 1 FROM looked r
    WHERE r.article_id = w.article_id AND r.snoozed_until IS NULL
      AND (
        r.field = 'all' OR (r.field = 'published' AND w.resets <> 'none')
        OR (r.field = 'quality' AND w.resets = 'both')
      )
      AND (w.watches = 0 OR (r.same_quality = 1 AND r.same_published = 1))
  )
  AND NOT (w.priority >= 2 AND EXISTS (
    SELECT 1 FROM decided d WHERE d.article_id = w.article_id AND d.field = 'published' AND d.kind <> 'score'
  ))
  UNION ALL
  SELECT c.article_id, 'conflict with upstream', 1, (
    SELECT r.snoozed_until FROM looked r
    WHERE r.article_id = c.article_id AND r.field = 'all' AND r.snoozed_until IS NOT NULL AND NOT EXISTS (
      SELECT 1 FROM conflicts f
      WHERE f.article_id = c.article_id AND (
        (f.field = 'quality' AND r.same_quality = 0) OR (f.field = 'heat' AND r.same_heat = 0)
        OR (f.field = 'published' AND r.same_published = 0) OR (f.field = 'removed' AND r.same_removed = 0)
      )
    )
  )
  FROM (SELECT DISTINCT article_id FROM conflicts) c
)
SELECT i.article_id, i.why, i.priority, a.quality, a.published_at, i.snoozed_until
FROM items i
JOIN live a ON a.id = i.article_id"""  # noqa: S608 - constants


def upgrade() -> None:
    add_settings()
    create_items()
    op.execute(FILL)
    for index in INDEXES:
        op.drop_index(index, "articles")
    replace_view(revision)
    set_comments(table_comments((revision,)))


def downgrade() -> None:
    for index, (columns, condition) in INDEXES.items():
        where = sa.text(condition)
        op.create_index(index, "articles", columns, sqlite_where=where, postgresql_where=where)
    replace_view("0030")
    op.drop_table("review_items")
    for column in reversed(SETTINGS):
        drop_setting(column)
    set_comments(table_comments(("0030",), ("sources",)))


def add_settings() -> None:
    """Add the settings of sources. SQLite adds a CHECK without rebuilding the table only like this."""
    check = "CONSTRAINT ck_sources_approval CHECK (approval IN ('none', 'new', 'all'))"
    if op.get_bind().dialect.name == "sqlite":
        op.execute("ALTER TABLE sources ADD COLUMN review_quality INTEGER DEFAULT 60 NOT NULL")
        op.execute(f"ALTER TABLE sources ADD COLUMN approval TEXT DEFAULT 'none' NOT NULL {check}")
        op.execute("ALTER TABLE sources ADD COLUMN approval_after INTEGER DEFAULT 0 NOT NULL")
        return
    for column, type_, default in (
        ("review_quality", INTEGER, "60"), ("approval", name(16), "'none'"), ("approval_after", INTEGER, "0"),
    ):  # fmt: skip
        value = sa.text(default)
        op.add_column("sources", sa.Column(column, type_, server_default=value, nullable=False))
    op.create_check_constraint(op.f("ck_sources_approval"), "sources", "approval IN ('none', 'new', 'all')")


def drop_setting(column: str) -> None:
    if column == "approval" and op.get_bind().dialect.name != "sqlite":
        op.drop_constraint(op.f("ck_sources_approval"), "sources", type_="check")
    op.drop_column("sources", column)


def create_items() -> None:
    """Create the table and the index of its order, which each engine writes in its own way."""
    op.create_table(
        "review_items",
        sa.Column("article_id", INTEGER, nullable=False),
        sa.Column("why", name(64), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("quality", INTEGER),
        sa.Column("published_at", instant()),
        sa.Column("snoozed_until", instant()),
        sa.PrimaryKeyConstraint("article_id", "why", name="pk_review_items"),
        sa.ForeignKeyConstraint(
            ["article_id"], ["articles.id"], name="fk_review_items_article_id", ondelete="CASCADE"
        ),
        **OPTIONS,
    )
    last = " NULLS LAST" if op.get_bind().dialect.name == "postgresql" else ""
    op.execute(
        "CREATE INDEX ix_review_items_order ON review_items"
        f" (priority, quality DESC{last}, published_at DESC{last}, article_id)"
    )


def name(length: int) -> Any:
    return (
        sa.String(length, collation="C")
        .with_variant(sa.Text(), "sqlite")
        .with_variant(sa.String(length, collation=EXACT_COLLATION), *MARIADB)
    )


def instant() -> Any:
    return (
        sa.DateTime(timezone=True)
        .with_variant(sa.Text(), "sqlite")
        .with_variant(mysql.DATETIME(fsp=6), *MARIADB)
    )


def replace_view(folder: str) -> None:
    """Replace the view by the one in a folder of `sql/views`, with its comments."""
    engine = op.get_bind().dialect.name
    lines = find_file(f"sql/views/{folder}/{VIEW}.sql").read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if not line.startswith("--"))
    statement = "\n".join(lines[start:])
    for function, text in FUNCTIONS[engine].items():
        statement = statement.replace(function, text)
    if engine == "postgresql":
        statement = statement.replace("CREATE VIEW", "CREATE OR REPLACE VIEW", 1)
    else:
        op.execute(f"DROP VIEW {VIEW}")
    # The percent signs of SQLite's format are no parameters.
    op.get_bind().exec_driver_sql(statement)
    set_comments(view_comments(VIEW, [line.removeprefix("-- ") for line in lines[:start]]))


def view_comments(view: str, lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield a view and its columns as SQL names them, with the comments at the top of its file."""
    purpose = []
    for line in lines:
        if of_column := COLUMN.fullmatch(line):
            yield f'COLUMN "{view}"."{of_column[1]}"', of_column[2]
        else:
            purpose.append(line)
    yield f'VIEW "{view}"', " ".join(purpose)


def table_comments(files: Iterable[str], only: Iterable[str] = ()) -> Iterator[tuple[str, str]]:
    """Yield the tables and columns of some files as SQL names them, with their comments.

    Args:
        only: the tables that are meant; all if empty.
    """
    tables: dict[str, Any] = {}
    for file in files:
        tables |= tomllib.loads(find_file(f"sql/tables/{file}.toml").read_text(encoding="utf-8"))
    for table in tuple(only) or tuple(tables):
        yield f'TABLE "{table}"', tables[table]["purpose"]
        for column, meaning in tables[table]["columns"].items():
            yield f'COLUMN "{table}"."{column}"', meaning


def set_comments(comments: Iterable[tuple[str, str]]) -> None:
    """Set comments on PostgreSQL, the only engine that keeps them."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for subject, text in comments:
        literal = "'" + text.replace("'", "''") + "'"
        op.get_bind().exec_driver_sql(f"COMMENT ON {subject} IS {literal}")


def find_file(name: str) -> Path:
    """Return a file that lies beside the installed revisions, or in a checkout."""
    return next(file for file in (ROOT / name, ROOT / "curation" / name) if file.is_file())
