"""replace the view provider_stats by one whose sums and products cannot overflow

`sql/views/0017` has it, in the form that revision 0012 tells of; downgrading makes that of `sql/views/0012`
again.

A revision imports nothing from `curation`: this is as it was when it was written.
"""

from __future__ import annotations

import re
from pathlib import Path

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

ROOT = Path(__file__).parents[2]
VIEW = "provider_stats"

#: What a comment says of a column.
COLUMN = re.compile(r"([a-z_]+): (.*)")


def upgrade() -> None:
    replace("0017")


def downgrade() -> None:
    replace("0012")


def replace(folder: str) -> None:
    """Makes the view anew as a folder of `sql/views` has it."""
    comment, statement = read(folder)
    op.execute(f"DROP VIEW {VIEW}")
    op.get_bind().exec_driver_sql(statement)
    if op.get_bind().dialect.name == "postgresql":
        explain(comment)


def read(folder: str) -> tuple[list[str], str]:
    """The lines of the leading comment, and the statement, which reads alike on every engine."""
    name = f"sql/views/{folder}/{VIEW}.sql"
    file = next(place for place in (ROOT / name, ROOT / "curation" / name) if place.is_file())
    lines = file.read_text(encoding="utf-8").splitlines()
    comment = [line.removeprefix("-- ") for line in lines if line.startswith("--")]
    return comment, "\n".join(line for line in lines if not line.startswith("--"))


def explain(comment: list[str]) -> None:
    """Says to PostgreSQL, and so to whoever looks at it, what the view and its columns show."""
    of_columns = [match for line in comment if (match := COLUMN.fullmatch(line))]
    told = " ".join(line for line in comment if not COLUMN.fullmatch(line))
    execute = op.get_bind().exec_driver_sql
    execute(f"COMMENT ON VIEW {VIEW} IS {quoted(told)}")
    for match in of_columns:
        execute(f'COMMENT ON COLUMN {VIEW}."{match[1]}" IS {quoted(match[2])}')


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
