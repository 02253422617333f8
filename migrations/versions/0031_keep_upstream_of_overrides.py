"""keep what upstream stated when an override was made

An override conflicts with upstream only if upstream has changed since. So each override, in effect or set
aside, gets the column `upstream_value`, and each change the values of the overrides before and after it.

For overrides of older releases the value follows from the history:

- the change that made the override had none before it: its `old_value` is what upstream stated. An exception
  is `published` of an article that may have been removed or scheduled then, because such an article is not
  published, whatever upstream states
- otherwise an import has noted whether upstream changed since. If it has, the value is not known, and null.
  If it has not, it is what upstream states now

`sql/tables/0031.toml` describes the tables. A revision imports nothing from `curation`: this is as it was
when it was written.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

ROOT = Path(__file__).parents[2]

COLUMNS = (
    ("overrides", "upstream_value"),
    ("set_aside_overrides", "upstream_value"),
    ("changes", "old_upstream_value"),
    ("changes", "new_upstream_value"),
)

INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

#: Whether the upstream value before a change `c` follows from it: an editor or a score made an override where
#: there was none, and neither a veto nor a date in the future hid the article.
IS_KNOWN = """
c.new_override IS NOT NULL AND c.old_override IS NULL AND c.new_decision_id = c.changeset_id
AND EXISTS (SELECT 1 FROM changesets s WHERE s.id = c.changeset_id AND s.kind IN ('edit', 'score'))
AND (
  c.field <> 'published' OR c.old_value = 1
  OR NOT EXISTS (
    SELECT 1 FROM articles a JOIN changesets s ON s.id = c.changeset_id
    WHERE a.id = c.article_id AND (
      coalesce(a.upstream_removed, false) OR a.published_at > s.created_at
      OR EXISTS (SELECT 1 FROM changes r WHERE r.article_id = c.article_id AND r.field = 'removed')
    )
  )
)"""

#: The changes whose value is known.
KNOWN = f"(SELECT c.changeset_id, c.article_id, c.field, c.old_value FROM changes c WHERE {IS_KNOWN})"  # noqa: S608 - constants

#: What upstream states now, as a number. A date in the future only delays a publication.
STATED = """
CASE {0}.field
  WHEN 'quality' THEN a.upstream_quality
  WHEN 'heat' THEN a.upstream_heat
  WHEN 'published' THEN CASE
    WHEN a.upstream_status = 'scheduled' THEN 1 WHEN NOT a.upstream_published THEN 0 ELSE 1
  END
  ELSE CASE WHEN a.upstream_removed THEN 1 ELSE 0 END
END"""


def upgrade() -> None:
    for table, column in COLUMNS:
        op.add_column(table, sa.Column(column, INTEGER))
    fill_changes()
    for table in ("overrides", "set_aside_overrides"):
        fill_from_changes(table)
    fill_unchanged_overrides()
    set_comments(table_comments((revision,)))


def downgrade() -> None:
    for table, column in reversed(COLUMNS):
        op.drop_column(table, column)
    set_comments(table_comments(("0030",), COLUMNS))


def fill_changes() -> None:
    """Fill the changes that made an override, and those that end or restore one.

    If upstream never changed a flag to something else than its override, it states the same as ever.
    """
    op.execute(f"UPDATE changes AS c SET new_upstream_value = old_value WHERE {IS_KNOWN}")  # noqa: S608
    op.execute(
        f"""
        UPDATE changes AS c SET new_upstream_value = (
          SELECT {STATED.format("c")} FROM articles a WHERE a.id = c.article_id
        )
        WHERE c.new_override IS NOT NULL AND c.new_decision_id = c.changeset_id AND NOT ({IS_KNOWN})
          AND NOT EXISTS (
            SELECT 1 FROM articles a
            JOIN import_issues i ON i.source_id = a.source_id AND i.path = a.path
            WHERE a.id = c.article_id AND i.field = c.field AND i.code = 'upstream_changed'
          )
        """  # noqa: S608
    )
    for state, and_not in (("new", "AND c.new_decision_id <> c.changeset_id"), ("old", "")):
        op.execute(
            f"""
            UPDATE changes AS c SET {state}_upstream_value = (
              SELECT m.new_upstream_value FROM changes m
              WHERE m.changeset_id = c.{state}_decision_id
                AND m.article_id = c.article_id AND m.field = c.field
            )
            WHERE c.{state}_override IS NOT NULL AND c.{state}_decision_id IS NOT NULL {and_not}
            """  # noqa: S608
        )


def fill_from_changes(table: str) -> None:
    """Give overrides the value of the change that made them."""
    op.execute(
        f"""
        UPDATE {table} AS o SET upstream_value = (
          SELECT c.new_upstream_value FROM changes c
          WHERE c.changeset_id = o.changeset_id AND c.article_id = o.article_id AND c.field = o.field
        )
        """  # noqa: S608
    )


def fill_unchanged_overrides() -> None:
    """Give the other overrides what upstream states now, unless an import has noted that it changed."""
    op.execute(
        f"""
        UPDATE overrides AS o SET upstream_value = (
          SELECT {STATED.format("o")} FROM articles a WHERE a.id = o.article_id
        )
        WHERE NOT EXISTS (
          SELECT 1 FROM {KNOWN} k
          WHERE k.changeset_id = o.changeset_id AND k.article_id = o.article_id AND k.field = o.field
        )
        AND NOT EXISTS (
          SELECT 1 FROM articles a
          JOIN import_issues i ON i.source_id = a.source_id AND i.path = a.path
          WHERE a.id = o.article_id AND i.field = o.field
            AND i.code = 'upstream_changed' AND i.resolved_import_id IS NULL
        )
        """  # noqa: S608
    )


def table_comments(
    files: Iterable[str], without: Iterable[tuple[str, str]] = ()
) -> Iterator[tuple[str, str]]:
    """Yield the tables and columns of some files as SQL names them, with their comments.

    Args:
        without: columns that the tables no longer have; only their tables are described.
    """
    tables: dict[str, Any] = {}
    for file in files:
        tables |= tomllib.loads(find_file(f"sql/tables/{file}.toml").read_text(encoding="utf-8"))
    wanted = {table for table, _ in without} or set(tables)
    for table in sorted(wanted):
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
