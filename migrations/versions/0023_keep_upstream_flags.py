"""keep what upstream's flags were before an import

A flag that cannot be read is what it was before: the bytes that an import changed do not say what that is.
Of imports before this revision it is not known. There `upstream_published` is false, so that undoing one of
them publishes nothing by a flag that cannot be read.

`sql/tables/0023.toml` says what the table holds. A revision imports nothing from `curation`: this is as it
was when it was written.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

ROOT = Path(__file__).parents[2]
FILE = f"sql/tables/{revision}.toml"

TABLE = "file_versions"
FLAGS = ("upstream_published", "upstream_removed")
COLUMNS = ("upstream_quality", "upstream_heat", *FLAGS, "upstream_status")

INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
STATUS = sa.String(16, collation="C").with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    for column in ("upstream_quality", "upstream_heat"):
        op.add_column(TABLE, sa.Column(column, INTEGER))
    for flag in FLAGS:
        add_flag(flag, is_false=flag == "upstream_published")
    op.add_column(TABLE, sa.Column("upstream_status", STATUS))
    for subject, meaning in comments():
        literal = "'" + meaning.replace("'", "''") + "'"
        op.get_bind().exec_driver_sql(f"COMMENT ON {subject} IS {literal}")


def add_flag(column: str, *, is_false: bool) -> None:
    """Adds a flag with its CHECK; SQLite takes both without making the table anew only like this."""
    if op.get_bind().dialect.name == "sqlite":
        default = " DEFAULT 0" if is_false else ""
        check = f"CONSTRAINT ck_{TABLE}_{column} CHECK ({column} IN (0, 1))"
        op.execute(f"ALTER TABLE {TABLE} ADD COLUMN {column} INTEGER{default} {check}")
    else:
        op.add_column(TABLE, sa.Column(column, sa.Boolean(), server_default=sa.false() if is_false else None))


def downgrade() -> None:
    for column in reversed(COLUMNS):
        op.drop_column(TABLE, column)


def comments() -> Iterator[tuple[str, str]]:
    """Return each table and column as SQL names it, with its description; only PostgreSQL keeps them."""
    if op.get_bind().dialect.name != "postgresql":
        return
    file = next(place for place in (ROOT / FILE, ROOT / "curation" / FILE) if place.is_file())
    for table, described in tomllib.loads(file.read_text(encoding="utf-8")).items():
        yield f'TABLE "{table}"', described["purpose"]
        for column, meaning in described["columns"].items():
            yield f'COLUMN "{table}"."{column}"', meaning
