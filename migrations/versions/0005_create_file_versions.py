"""create the table of what files were before an import

A revision imports nothing from `curation`: this is as it was when it was written.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

MARIADB = ("mysql", "mariadb")
EXACT_COLLATION = "utf8mb4_nopad_bin"
OPTIONS: dict[str, Any] = {"sqlite_strict": True} | {
    f"{engine}_{option}": value
    for engine in MARIADB
    for option, value in (("charset", "utf8mb4"), ("collate", EXACT_COLLATION))
}

INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DIGEST = sa.LargeBinary(32).with_variant(mysql.BINARY(32), *MARIADB)
BLOB = sa.LargeBinary().with_variant(mysql.LONGBLOB(), *MARIADB)
INSTANT = (
    sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite").with_variant(mysql.DATETIME(fsp=6), *MARIADB)
)


def name(length: int) -> sa.types.TypeEngine[str]:
    return (
        sa.String(length, collation="C")
        .with_variant(sa.Text(), "sqlite")
        .with_variant(sa.String(length, collation=EXACT_COLLATION), *MARIADB)
    )


def _ref(column: str, table: str) -> sa.Column[int]:
    key = sa.ForeignKey(f"{table}.id", name=f"fk_file_versions_{column}")
    return sa.Column(column, INTEGER, key, nullable=False)


def upgrade() -> None:
    op.create_table(
        "file_versions",
        _ref("source_id", "sources"),
        sa.Column("path", name(640), nullable=False),
        _ref("import_id", "imports"),
        sa.Column("digest", DIGEST),
        sa.Column("delta", BLOB),
        sa.Column("missing_since", INSTANT),
        _ref("last_import_id", "imports"),
        sa.PrimaryKeyConstraint("source_id", "path", "import_id", name="pk_file_versions"),
        **OPTIONS,
    )
    op.create_index("ix_file_versions_import_id", "file_versions", ["import_id"])


def downgrade() -> None:
    op.drop_table("file_versions")
