"""create the counters of ids

By itself SQLite gives the id of a deleted row to the next one: a list of ids that someone kept could hit
another article. `id_counters` has the greatest id that was given out of each table. AUTOINCREMENT would do
the same, but takes a rebuild of every table, and a later revision that copies one in batch mode would set it
back. PostgreSQL has sequences, which never go back.

A revision imports nothing from `curation`: this is as it was when it was written.
"""

from __future__ import annotations

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

TABLES = (
    "sources", "imports", "import_issues", "providers", "images", "topics", "articles", "related_links",
    "taxonomy_documents", "changesets", "set_aside_overrides", "changes",
)  # fmt: skip


def upgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        return
    execute = op.get_bind().exec_driver_sql
    execute(
        "CREATE TABLE id_counters (table_name TEXT NOT NULL, last_id INTEGER NOT NULL,"
        " CONSTRAINT pk_id_counters PRIMARY KEY (table_name)) STRICT, WITHOUT ROWID"
    )
    for table in TABLES:
        last = f"SELECT '{table}', coalesce(max(id), 0) FROM {table}"  # noqa: S608 - our names
        execute(f"INSERT INTO id_counters (table_name, last_id) {last}")


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE id_counters")
