"""rewrite the comments of tables and views

`sql/tables/0030.toml` describes all tables, and `sql/views/0030` has all views in the form that revision
0012 describes. The columns and rows of the views stay the same. Downgrading sets the earlier comments and
makes the earlier views again.

Only PostgreSQL keeps comments. There the views are replaced in place, so that views of users that depend on
them stay. SQLite keeps the text of a view with its comments, so the views are made again.

A revision imports nothing from `curation`: this is as it was when it was written.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

ROOT = Path(__file__).parents[2]

#: Each view, and the folder of `sql/views` with its earlier version. No view depends on another one.
VIEWS = {
    "article_overview": "0021",
    "duplicate_stories": "0012",
    "editor_activity": "0012",
    "flag_history": "0012",
    "image_usage": "0012",
    "import_history": "0021",
    "monthly_stats": "0012",
    "open_issues": "0012",
    "provider_stats": "0017",
    "published_articles": "0012",
    "related_graph": "0012",
    "review_queue": "0029",
    "topic_stats": "0012",
}

#: The earlier files of `sql/tables`. Of a table that several describe, the last one counts.
EARLIER_TABLES = ("0015", "0016", "0019", "0020", "0022", "0023", "0024")

#: What the comment of a view has for each column.
COLUMN = re.compile(r"([a-z_]+): (.*)")

#: A function that each engine writes in its own way, such as `@list(t.name)`.
FUNCTION = re.compile(r"@(\w+)\(([^()]*)\)")

FUNCTIONS = {
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
    replace_views(dict.fromkeys(VIEWS, revision))
    set_comments(table_comments((revision,)))


def downgrade() -> None:
    replace_views(VIEWS)
    set_comments(table_comments(EARLIER_TABLES))


def replace_views(folders: dict[str, str]) -> None:
    """Replace each view by the one in its folder of `sql/views`, with its comments."""
    engine = op.get_bind().dialect.name
    for view, folder in folders.items():
        lines = find_file(f"sql/views/{folder}/{view}.sql").read_text(encoding="utf-8").splitlines()
        start = next(number for number, line in enumerate(lines) if not line.startswith("--"))
        statement = translate("\n".join(lines[start:]), engine)
        if engine == "postgresql":
            statement = statement.replace("CREATE VIEW", "CREATE OR REPLACE VIEW", 1)
        else:
            op.execute(f"DROP VIEW {view}")
        op.get_bind().exec_driver_sql(statement)
        set_comments(view_comments(view, [line.removeprefix("-- ") for line in lines[:start]]))


def translate(statement: str, engine: str) -> str:
    """Return a statement with the functions of an engine."""
    return FUNCTION.sub(lambda call: FUNCTIONS[engine][call[1]].format(call[2]), statement)


def view_comments(view: str, lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield a view and its columns as SQL names them, with the comments at the top of its file."""
    purpose = []
    for line in lines:
        if of_column := COLUMN.fullmatch(line):
            yield f'COLUMN "{view}"."{of_column[1]}"', of_column[2]
        else:
            purpose.append(line)
    yield f'VIEW "{view}"', " ".join(purpose)


def table_comments(files: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield all tables and columns of some files as SQL names them, with their comments."""
    tables: dict[str, Any] = {}
    for file in files:
        tables |= tomllib.loads(find_file(f"sql/tables/{file}.toml").read_text(encoding="utf-8"))
    for table, described in tables.items():
        yield f'TABLE "{table}"', described["purpose"]
        for column, meaning in described["columns"].items():
            yield f'COLUMN "{table}"."{column}"', meaning


def set_comments(comments: Iterable[tuple[str, str]]) -> None:
    """Set comments on PostgreSQL, the only engine that keeps them."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for subject, text in comments:
        literal = "'" + text.replace("'", "''") + "'"
        op.get_bind().exec_driver_sql(f"COMMENT ON {subject} IS {literal}")


def find_file(name: str) -> Path:
    """Return a file that lies beside the installed revisions, or in a checkout."""
    return next(file for file in (ROOT / name, ROOT / "curation" / name) if file.is_file())
