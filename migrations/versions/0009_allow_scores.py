"""allow changesets of computed heat and published (score)

A revision imports nothing from `curation`: this is as it was when it was written.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

KINDS = ("edit", "import", "revert")
CHECK = "ck_changesets_kind"

#: What a release that knows no scores reads as the reason of one; the way back knows them by it.
SCORED = "[score] "


def upgrade() -> None:
    _allow((*KINDS, "score"))
    old, size = _changesets(), len(SCORED)
    is_score = sa.func.substr(old.c.reason, 1, size) == SCORED
    reason = sa.func.nullif(sa.func.substr(old.c.reason, size + 1), "")
    op.execute(sa.update(old).where(old.c.kind == "edit", is_score).values(kind="score", reason=reason))


def downgrade() -> None:
    old = _changesets()
    reason = sa.literal(SCORED) + sa.func.coalesce(old.c.reason, "")
    op.execute(sa.update(old).where(old.c.kind == "score").values(kind="edit", reason=reason))
    _allow(KINDS)


def _changesets() -> sa.TableClause:
    return sa.table("changesets", sa.column("kind", sa.String), sa.column("reason", sa.String))


def _allow(kinds: Sequence[str]) -> None:
    condition = f"kind IN ({', '.join(repr(kind) for kind in kinds)})"
    if op.get_bind().dialect.name == "sqlite":
        _rebuild(condition)
        return
    op.drop_constraint(op.f(CHECK), "changesets", type_="check")
    op.create_check_constraint(op.f(CHECK), "changesets", condition)


def _rebuild(condition: str) -> None:
    """SQLite changes a CHECK by a new table; foreign keys are off meanwhile, and checked at the end."""
    op.execute(
        f"""
        CREATE TABLE new_changesets (
            id INTEGER NOT NULL,
            kind TEXT NOT NULL,
            actor TEXT NOT NULL,
            reason TEXT,
            created_at TEXT NOT NULL,
            import_id INTEGER,
            reverts_id INTEGER,
            CONSTRAINT pk_changesets PRIMARY KEY (id),
            CONSTRAINT {CHECK} CHECK ({condition}),
            CONSTRAINT fk_changesets_import_id FOREIGN KEY(import_id) REFERENCES imports (id),
            CONSTRAINT fk_changesets_reverts_id FOREIGN KEY(reverts_id) REFERENCES changesets (id)
        ) STRICT
        """
    )
    op.execute(
        "INSERT INTO new_changesets (id, kind, actor, reason, created_at, import_id, reverts_id)"
        " SELECT id, kind, actor, reason, created_at, import_id, reverts_id FROM changesets"
    )
    op.execute("DROP TABLE changesets")
    op.execute("ALTER TABLE new_changesets RENAME TO changesets")
    for column in ("import_id", "reverts_id", "created_at"):
        op.create_index(f"ix_changesets_{column}", "changesets", [column])
