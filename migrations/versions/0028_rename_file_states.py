"""rename the states of files: imported, skipped, quarantined

A revision imports nothing from `curation`: this is as it was when it was written.
"""

from __future__ import annotations

from collections.abc import Mapping

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

STATES = {"kept": "imported", "passed": "skipped", "refused": "quarantined"}
CHECK = "ck_files_state"


def upgrade() -> None:
    rename(STATES)


def downgrade() -> None:
    rename({new: old for old, new in STATES.items()})


def rename(states: Mapping[str, str]) -> None:
    """Rename the states of files and the constraint that lists them."""
    condition = f"state IN ({', '.join(repr(state) for state in states.values())})"
    cases = " ".join(f"WHEN '{old}' THEN '{new}'" for old, new in states.items())
    renamed = f"CASE state {cases} END"
    if op.get_bind().dialect.name == "sqlite":
        rebuild(condition, renamed)
        return
    op.drop_constraint(op.f(CHECK), "files", type_="check")
    op.execute(f"UPDATE files SET state = {renamed}")  # noqa: S608 - all of it is written here
    op.create_check_constraint(op.f(CHECK), "files", condition)


def rebuild(condition: str, renamed: str) -> None:
    """Copy the table: SQLite cannot change a CHECK. Foreign keys are off and are checked at the end."""
    op.execute(
        f"""
        CREATE TABLE new_files (
            source_id INTEGER NOT NULL,
            path TEXT NOT NULL,
            state TEXT NOT NULL,
            stamp TEXT,
            CONSTRAINT {CHECK} CHECK ({condition}),
            CONSTRAINT pk_files PRIMARY KEY (source_id, path),
            CONSTRAINT fk_files_source_id FOREIGN KEY(source_id) REFERENCES sources (id)
        ) STRICT, WITHOUT ROWID
        """
    )
    columns = f"source_id, path, {renamed}, stamp"
    op.execute(f"INSERT INTO new_files (source_id, path, state, stamp) SELECT {columns} FROM files")  # noqa: S608
    op.execute("DROP TABLE files")
    op.execute("ALTER TABLE new_files RENAME TO files")
