"""create the table of keys by which the outcome of a COMMIT is found out

`sql/tables/0019.toml` says what it holds, as `0015.toml` says it of the other tables.

A revision imports nothing from `curation`: this is as it was when it was written.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

ROOT = Path(__file__).parents[2]
FILE = "sql/tables/0019.toml"

MARIADB = ("mysql", "mariadb")
EXACT_COLLATION = "utf8mb4_nopad_bin"
OPTIONS: dict[str, Any] = {"sqlite_strict": True, "sqlite_with_rowid": False} | {
    f"{engine}_{option}": value
    for engine in MARIADB
    for option, value in (("charset", "utf8mb4"), ("collate", EXACT_COLLATION))
}


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


def upgrade() -> None:
    op.create_table(
        "units_of_work",
        sa.Column("key", name(64), nullable=False),
        sa.Column("finished_at", instant(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_units_of_work"),
        **OPTIONS,
    )
    for subject, meaning in comments():
        literal = "'" + meaning.replace("'", "''") + "'"
        op.get_bind().exec_driver_sql(f"COMMENT ON {subject} IS {literal}")


def downgrade() -> None:
    op.drop_table("units_of_work")


def comments() -> Iterator[tuple[str, str]]:
    """What is told of, as SQL names it, and what is told; only PostgreSQL keeps it."""
    if op.get_bind().dialect.name != "postgresql":
        return
    file = next(place for place in (ROOT / FILE, ROOT / "curation" / FILE) if place.is_file())
    for table, told in tomllib.loads(file.read_text(encoding="utf-8")).items():
        yield f'TABLE "{table}"', told["purpose"]
        for column, meaning in told["columns"].items():
            yield f'COLUMN "{table}"."{column}"', meaning
