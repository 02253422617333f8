"""rename three codes of issues: upstream_changed, internal_error, too_many_issues

A revision imports nothing from `curation`: this is as it was when it was written.
"""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

CODES = (
    ("upstream_parts", "upstream_changed"),
    ("internal_fault", "internal_error"),
    ("too_many_faults", "too_many_issues"),
)


def upgrade() -> None:
    rename(CODES)


def downgrade() -> None:
    rename((new, old) for old, new in CODES)


def rename(codes: Iterable[tuple[str, str]]) -> None:
    """Rename codes of issues, given as pairs of old and new."""
    issues = sa.table("import_issues", sa.column("code", sa.String))
    for old, new in codes:
        op.execute(sa.update(issues).where(issues.c.code == old).values(code=new))
