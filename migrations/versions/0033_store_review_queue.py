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
    "sqlite": {"now()": "strftime('%Y-%m-%d %H:%M:%f', 'now')", "text": "{}"},
    "postgresql": {"now()": "CURRENT_TIMESTAMP", "text": 'CAST({} AS text) COLLATE "default"'},
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

#: The rows of the queue: one for each reason, and for each flag in conflict.
FILL = """
INSERT INTO review_items (article_id, why, flag, priority, quality, published_at, snoozed_until)
WITH judged AS (
  SELECT
    a.id, a.source_id, a.quality, a.heat, a.published, a.published_at, a.first_import_id,
    a.upstream_quality, a.upstream_heat,
    -- a date in the future only delays a publication
    CASE
      WHEN a.upstream_published IS NULL OR a.upstream_published OR a.upstream_status = 'scheduled' THEN 1
      ELSE 0
    END AS stated_published,
    CASE WHEN a.upstream_removed THEN 1 ELSE 0 END AS stated_removed,
    -- an import makes an override only for an article that may be hidden
    CASE WHEN EXISTS (
      SELECT 1 FROM overrides o JOIN changesets c ON c.id = o.changeset_id
      WHERE o.article_id = a.id AND c.kind = 'import'
    ) THEN 1 ELSE 0 END AS is_withheld,
    CASE WHEN EXISTS (
      SELECT 1 FROM set_aside_overrides s
      WHERE s.article_id = a.id
        AND NOT EXISTS (SELECT 1 FROM overrides o WHERE o.article_id = s.article_id AND o.field = s.field)
    ) THEN 1 ELSE 0 END AS is_replaced,
    -- what a score has computed is no decision
    CASE WHEN EXISTS (
      SELECT 1 FROM overrides o JOIN changesets c ON c.id = o.changeset_id
      WHERE o.article_id = a.id AND o.field = 'published' AND c.kind <> 'score'
    ) THEN 1 ELSE 0 END AS is_decided
  FROM articles a
  WHERE NOT a.removed AND a.missing_since IS NULL
),
stated AS (
  SELECT
    a.id, o.field, o.value, o.upstream_value, o.changeset_id,
    CASE o.field
      WHEN 'quality' THEN a.upstream_quality
      WHEN 'heat' THEN a.upstream_heat
      WHEN 'published' THEN a.stated_published
      ELSE a.stated_removed
    END AS upstream_now
  FROM judged a
  JOIN overrides o ON o.article_id = a.id
  JOIN changesets c ON c.id = o.changeset_id
  WHERE c.kind NOT IN ('import', 'score')
),
-- `resets`: the flags whose reset settles a reason; `watches`: those whose upstream values bring it back
waiting AS (
  SELECT id, 'may be a hidden article' AS why, '' AS flag, 0 AS priority, 'none' AS resets, 'none' AS watches,
    0 AS decision_id
  FROM judged WHERE is_withheld = 1
  UNION ALL
  SELECT id, 'story replaced', '', 1, 'none', 'none', 0
  FROM judged WHERE is_replaced = 1
  UNION ALL
  SELECT id, 'conflict with upstream', field, 1, 'none', field, changeset_id
  FROM stated
  WHERE upstream_now <> value AND (upstream_value IS NULL OR upstream_now <> upstream_value)
  UNION ALL
  SELECT a.id, 'good, but not published', '', 2, 'published', 'quality and published', 0
  FROM judged a JOIN sources s ON s.id = a.source_id
  WHERE NOT a.published AND a.quality >= s.review_quality AND coalesce(a.heat, 0) <> -1 AND a.is_decided = 0
  UNION ALL
  SELECT a.id, 'not approved yet', '', 2, 'published', 'published', 0
  FROM judged a JOIN sources s ON s.id = a.source_id
  WHERE a.published AND a.is_decided = 0
    AND (s.approval = 'all' OR (s.approval = 'new' AND a.first_import_id > s.approval_after))
  UNION ALL
  SELECT id, 'published, never judged', '', 3, 'quality and published', 'quality and published', 0
  FROM judged WHERE published AND quality IS NULL AND is_decided = 0
)
SELECT
  w.id AS article_id, w.why, w.flag, w.priority, a.quality, a.published_at,
  max(r.snoozed_until) AS snoozed_until
FROM waiting w
JOIN judged a ON a.id = w.id
-- a review settles a reason if it holds, is about the same story, and upstream states the same as then
LEFT JOIN reviews r ON r.article_id = w.id
  AND r.ended_changeset_id IS NULL AND r.changeset_id >= w.decision_id
  AND (
    r.field = 'all' OR (r.field = 'published' AND w.resets <> 'none')
    OR (r.field = 'quality' AND w.resets = 'quality and published')
  )
  AND (
    w.watches NOT IN ('quality', 'quality and published') OR r.upstream_quality = a.upstream_quality
    OR (r.upstream_quality IS NULL AND a.upstream_quality IS NULL)
  )
  AND (
    w.watches NOT IN ('published', 'quality and published')
    OR CASE WHEN r.upstream_published THEN 1 ELSE 0 END = a.stated_published
  )
  AND (
    w.watches <> 'heat' OR r.upstream_heat = a.upstream_heat
    OR (r.upstream_heat IS NULL AND a.upstream_heat IS NULL)
  )
  AND (w.watches <> 'removed' OR CASE WHEN r.upstream_removed THEN 1 ELSE 0 END = a.stated_removed)
  AND NOT EXISTS (
    SELECT 1
    FROM story_takeovers t
    JOIN articles n ON n.id = t.article_id
    WHERE t.article_id = r.article_id
      AND t.last_changeset_id = (
        SELECT min(u.last_changeset_id) FROM story_takeovers u
        WHERE u.article_id = r.article_id AND u.last_changeset_id >= r.changeset_id
      )
      AND CASE WHEN t.title = n.title OR (t.title IS NULL AND n.title IS NULL) THEN 0 ELSE 1 END = 1
      AND CASE
        WHEN t.canonical_digest = n.canonical_digest THEN 0
        WHEN t.canonical_digest IS NULL AND n.canonical_digest IS NULL THEN 0
        ELSE 1
      END = 1
  )
GROUP BY w.id, w.why, w.flag, w.priority, a.quality, a.published_at
-- a snoozed review only hides the row for a while; a conflict ends only if its override is confirmed
HAVING w.why = 'conflict with upstream'
  OR count(CASE WHEN r.article_id IS NOT NULL AND r.snoozed_until IS NULL THEN 1 END) = 0"""


def upgrade() -> None:
    add_settings()
    create_items()
    op.execute(FILL)
    for index in INDEXES:
        op.drop_index(index, "articles")
    replace_view(revision, is_wider=True)
    set_comments(table_comments((revision,)))


def downgrade() -> None:
    for index, (columns, condition) in INDEXES.items():
        where = sa.text(condition)
        op.create_index(index, "articles", columns, sqlite_where=where, postgresql_where=where)
    replace_view("0030", is_wider=False)
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
        sa.Column("flag", name(16), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("quality", INTEGER),
        sa.Column("published_at", instant()),
        sa.Column("snoozed_until", instant()),
        sa.PrimaryKeyConstraint("article_id", "why", "flag", name="pk_review_items"),
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


def replace_view(folder: str, *, is_wider: bool) -> None:
    """Replace the view by the one in a folder of `sql/views`, with its comments.

    Args:
        is_wider: the new one only has more columns, so that PostgreSQL replaces it in place.
    """
    engine = op.get_bind().dialect.name
    lines = find_file(f"sql/views/{folder}/{VIEW}.sql").read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if not line.startswith("--"))
    statement = "\n".join(lines[start:])
    functions = FUNCTIONS[engine]
    statement = statement.replace("@now()", functions["now()"])
    statement = re.sub(r"@text\(([a-z.]+)\)", lambda call: functions["text"].format(call[1]), statement)
    if engine == "postgresql" and is_wider:
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
