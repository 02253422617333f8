"""call a conflict a conflict: the index of conflicts, and the reasons of the review queue

`sql/views/0029` has the view in the form that revision 0012 describes. Downgrading makes the one of
`sql/views/0021` again.

A revision imports nothing from `curation`: this is as it was when it was written.
"""

from __future__ import annotations

import re
from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

ROOT = Path(__file__).parents[2]
VIEW = "review_queue"

#: What the comment of a view has for each column.
COLUMN = re.compile(r"([a-z_]+): (.*)")

#: A CASE, because PostgreSQL assumes that few rows meet it. Of a plain OR it assumes that all rows do.
CONFLICTS = sa.text(
    "NOT removed AND missing_since IS NULL AND CASE WHEN quality <> upstream_quality OR heat <> upstream_heat"
    " OR published <> upstream_published OR removed <> upstream_removed THEN 1 ELSE 0 END = 1"
)


def upgrade() -> None:
    rename_index("ix_articles_parted", "ix_articles_conflicts")
    replace_view(revision)


def downgrade() -> None:
    rename_index("ix_articles_conflicts", "ix_articles_parted")
    replace_view("0021")


def rename_index(old: str, new: str) -> None:
    """Make the index again under another name: SQLite cannot rename one."""
    op.drop_index(old, "articles")
    columns = ["quality", "published_at", "id"]
    op.create_index(new, "articles", columns, sqlite_where=CONFLICTS, postgresql_where=CONFLICTS)


def replace_view(folder: str) -> None:
    """Replace the view by the one in a folder of `sql/views`."""
    name = f"sql/views/{folder}/{VIEW}.sql"
    file = next(place for place in (ROOT / name, ROOT / "curation" / name) if place.is_file())
    lines = file.read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if not line.startswith("--"))
    op.execute(f"DROP VIEW {VIEW}")
    op.get_bind().exec_driver_sql("\n".join(lines[start:]))
    if op.get_bind().dialect.name == "postgresql":
        comment([line.removeprefix("-- ") for line in lines[:start]])


def comment(lines: list[str]) -> None:
    """Give the view and its columns their comments in PostgreSQL."""
    of_columns = [match for line in lines if (match := COLUMN.fullmatch(line))]
    purpose = " ".join(line for line in lines if not COLUMN.fullmatch(line))
    execute = op.get_bind().exec_driver_sql
    execute(f"COMMENT ON VIEW {VIEW} IS {quoted(purpose)}")
    for match in of_columns:
        execute(f'COMMENT ON COLUMN {VIEW}."{match[1]}" IS {quoted(match[2])}')


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
