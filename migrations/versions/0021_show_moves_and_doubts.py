"""show what moved, what is scheduled, and what waits for an editor since it is in doubt

`sql/views/0021` has the views, in the form that revision 0012 tells of; downgrading makes those of
`sql/views/0012` again.

A revision imports nothing from `curation`: this is as it was when it was written.
"""

from __future__ import annotations

import re
from pathlib import Path

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

ROOT = Path(__file__).parents[2]
VIEWS = ("article_overview", "import_history", "review_queue")

#: What a comment says of a column.
COLUMN = re.compile(r"([a-z_]+): (.*)")

#: How each engine makes one text of several.
LIST = {"sqlite": r"group_concat(\1, ', ')", "postgresql": r"string_agg(\1, ', ')"}


def upgrade() -> None:
    replace(revision)


def downgrade() -> None:
    replace("0012")


def replace(folder: str) -> None:
    """Makes the views anew as a folder of `sql/views` has them."""
    engine = op.get_bind().dialect.name
    for view in VIEWS:
        comment, statement = read(f"sql/views/{folder}/{view}.sql")
        op.execute(f"DROP VIEW {view}")
        op.get_bind().exec_driver_sql(re.sub(r"@list\(([^()]*)\)", LIST[engine], statement))
        if engine == "postgresql":
            explain(view, comment)


def read(name: str) -> tuple[list[str], str]:
    """The lines of the leading comment, and the statement."""
    file = next(place for place in (ROOT / name, ROOT / "curation" / name) if place.is_file())
    lines = file.read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if not line.startswith("--"))
    return [line.removeprefix("-- ") for line in lines[:start]], "\n".join(lines[start:])


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
