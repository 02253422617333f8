"""create the views for anyone's SQL

Each is a file of `sql/views/0012`, whose comment says what it shows, and then of each column `name: meaning`.
These files are as frozen as this revision: a view that changes gets a new file, in the folder of the revision
that changes it. `@list(x)`, `@month(x)`, `@month_name(m)` and
`@day(x)` stand for what each engine calls otherwise; months are named once grouped, which is quicker.

A later revision that rebuilds a table on SQLite has to drop the views first and create them again.

A revision imports nothing from `curation`: this is as it was when it was written.
"""

from __future__ import annotations

import re
from pathlib import Path

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

ROOT = Path(__file__).parents[2]
FOLDER = "sql/views/0012"

#: What a comment says of a column.
COLUMN = re.compile(r"([a-z_]+): (.*)")

SPOKEN = {
    "sqlite": {
        "list": "group_concat({0}, ', ')",
        "month": "substr({0}, 1, 7)",
        "month_name": "{0}",
        "day": "substr({0}, 1, 10)",
    },
    "postgresql": {
        "list": "string_agg({0}, ', ')",
        "month": "date_trunc('month', {0} AT TIME ZONE 'UTC')",
        "month_name": "to_char({0}, 'YYYY-MM')",
        "day": "to_char({0} AT TIME ZONE 'UTC', 'YYYY-MM-DD')",
    },
}


def upgrade() -> None:
    engine = op.get_bind().dialect.name
    for file in files():
        comment, statement = read(file)
        op.get_bind().exec_driver_sql(spoken(statement, engine))
        if engine == "postgresql":
            explain(file.stem, comment)


def downgrade() -> None:
    for file in files():
        op.execute(f"DROP VIEW {file.stem}")


def files() -> list[Path]:
    """The views' files: beside the installed revisions, or in a checkout."""
    folder = next(place for place in (ROOT / FOLDER, ROOT / "curation" / FOLDER) if place.is_dir())
    return sorted(folder.glob("*.sql"))


def read(file: Path) -> tuple[list[str], str]:
    """The lines of the leading comment, and the statement."""
    lines = file.read_text(encoding="utf-8").splitlines()
    comment = [line.removeprefix("-- ") for line in lines if line.startswith("--")]
    return comment, "\n".join(line for line in lines if not line.startswith("--"))


def spoken(statement: str, engine: str) -> str:
    """The statement as an engine says it."""
    return re.sub(r"@(\w+)\(([^()]*)\)", lambda m: SPOKEN[engine][m[1]].format(m[2]), statement)


def explain(view: str, comment: list[str]) -> None:
    """Says to PostgreSQL, and so to whoever looks at it, what a view and its columns show."""
    of_columns = [match for line in comment if (match := COLUMN.fullmatch(line))]
    told = " ".join(line for line in comment if not COLUMN.fullmatch(line))
    execute = op.get_bind().exec_driver_sql
    execute(f"COMMENT ON VIEW {view} IS {quoted(told)}")
    for match in of_columns:
        execute(f'COMMENT ON COLUMN {view}."{match[1]}" IS {quoted(match[2])}')


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
