"""tell what the tables and their columns hold

`sql/tables/0015.toml` says it of all tables that there are. That file is as frozen as this revision: a later
one that adds or changes a table brings a file of its own, with that table's section whole.

Only PostgreSQL keeps comments; on SQLite there is nothing to do.

A revision imports nothing from `curation`: this is as it was when it was written.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

ROOT = Path(__file__).parents[2]
FILE = "sql/tables/0015.toml"


def upgrade() -> None:
    for subject, meaning in comments():
        comment(subject, "'" + meaning.replace("'", "''") + "'")


def downgrade() -> None:
    for subject, _ in comments():
        comment(subject, "NULL")


def comments() -> Iterator[tuple[str, str]]:
    """What is told of, as SQL names it, and what is told; the file lies as those of the views do (0012)."""
    if op.get_bind().dialect.name != "postgresql":
        return
    file = next(place for place in (ROOT / FILE, ROOT / "curation" / FILE) if place.is_file())
    for table, told in tomllib.loads(file.read_text(encoding="utf-8")).items():
        yield f'TABLE "{table}"', told["purpose"]
        for column, meaning in told["columns"].items():
            yield f'COLUMN "{table}"."{column}"', meaning


def comment(subject: str, literal: str) -> None:
    op.get_bind().exec_driver_sql(f"COMMENT ON {subject} IS {literal}")
