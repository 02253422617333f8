"""create the table of what editors have reviewed, and allow changesets that keep articles as they are

`sql/tables/0032.toml` describes the tables, and `sql/views/0032` has the views whose comments name the kinds
of changesets. A revision imports nothing from `curation`: this is as it was when it was written.

On the way back, the changesets of the new kind become edits without a review.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

ROOT = Path(__file__).parents[2]

CHECK = "ck_changesets_kind"
KINDS = ("edit", "import", "revert", "score")

#: The views whose comments name the kinds, each with the folder of its earlier version.
VIEWS = {"editor_activity": "0030", "flag_history": "0030"}

#: What a release without this kind reads at the beginning of its reasons; the way back up knows them by it.
KEPT = "[keep] "

MARIADB = ("mysql", "mariadb")
EXACT_COLLATION = "utf8mb4_nopad_bin"
OPTIONS: dict[str, Any] = {"sqlite_strict": True, "sqlite_with_rowid": False} | {
    f"{engine}_{option}": value
    for engine in MARIADB
    for option, value in (("charset", "utf8mb4"), ("collate", EXACT_COLLATION))
}

INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
FLAG = sa.Boolean().with_variant(sa.Integer(), "sqlite")

#: What the comment of a view has for each column.
COLUMN = re.compile(r"([a-z_]+): (.*)")

#: The function of these views that each engine writes in its own way.
DAY = re.compile(r"@day\(([^()]*)\)")
DAYS = {"sqlite": r"substr(\1, 1, 10)", "postgresql": r"to_char(\1 AT TIME ZONE 'UTC', 'YYYY-MM-DD')"}


def upgrade() -> None:
    views = dict.fromkeys(VIEWS, revision)
    drop_views(views)
    allow(("edit", "import", "keep", "revert", "score"))
    rename_kind("edit", "keep", is_marked=True)
    create_reviews()
    create_views(views)
    set_comments(table_comments((revision,)))


def downgrade() -> None:
    drop_views(VIEWS)
    op.drop_table("reviews")
    rename_kind("keep", "edit", is_marked=False)
    allow(KINDS)
    create_views(VIEWS)
    set_comments(table_comments(("0030",), ("changesets",)))


def create_reviews() -> None:
    checks: list[sa.CheckConstraint] = [
        sa.CheckConstraint(
            "field IN ('all', 'quality', 'heat', 'published', 'removed')", name=op.f("ck_reviews_field")
        )
    ]
    if op.get_bind().dialect.name == "sqlite":
        checks += [
            sa.CheckConstraint(f"{column} IN (0, 1)", name=op.f(f"ck_reviews_{column}"))
            for column in ("upstream_published", "upstream_removed")
        ]
    op.create_table(
        "reviews",
        sa.Column("article_id", INTEGER, nullable=False),
        sa.Column("field", name(16), nullable=False),
        sa.Column("changeset_id", INTEGER, nullable=False),
        sa.Column("reviewed_at", instant(), nullable=False),
        sa.Column("snoozed_until", instant()),
        sa.Column("upstream_quality", INTEGER),
        sa.Column("upstream_heat", INTEGER),
        sa.Column("upstream_published", FLAG),
        sa.Column("upstream_removed", FLAG),
        sa.Column("ended_changeset_id", INTEGER),
        sa.PrimaryKeyConstraint("article_id", "field", "changeset_id", name="pk_reviews"),
        sa.ForeignKeyConstraint(
            ["article_id"], ["articles.id"], name="fk_reviews_article_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["changeset_id"], ["changesets.id"], name="fk_reviews_changeset_id"),
        sa.ForeignKeyConstraint(
            ["ended_changeset_id"], ["changesets.id"], name="fk_reviews_ended_changeset_id"
        ),
        *checks,
        **OPTIONS,
    )
    for column in ("changeset_id", "ended_changeset_id"):
        op.create_index(f"ix_reviews_{column}", "reviews", [column])


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


def rename_kind(old: str, new: str, *, is_marked: bool) -> None:
    """Rename the kind of changesets: of those whose reason has the mark, or of all, which get the mark."""
    changesets = sa.table("changesets", sa.column("kind", sa.String), sa.column("reason", sa.String))
    kind, reason, size = changesets.c.kind, changesets.c.reason, len(KEPT)
    query = sa.update(changesets).where(kind == old)
    if is_marked:
        query = query.where(sa.func.substr(reason, 1, size) == KEPT)
        op.execute(query.values(kind=new, reason=sa.func.nullif(sa.func.substr(reason, size + 1), "")))
    else:
        op.execute(query.values(kind=new, reason=sa.literal(KEPT) + sa.func.coalesce(reason, "")))


def allow(kinds: Sequence[str]) -> None:
    condition = f"kind IN ({', '.join(repr(kind) for kind in kinds)})"
    if op.get_bind().dialect.name == "sqlite":
        rebuild(condition)
        return
    op.drop_constraint(op.f(CHECK), "changesets", type_="check")
    op.create_check_constraint(op.f(CHECK), "changesets", condition)


def rebuild(condition: str) -> None:
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
    # Otherwise SQLite refuses to rename a table while a view refers to the one that was dropped.
    op.execute("PRAGMA legacy_alter_table = ON")
    op.execute("ALTER TABLE new_changesets RENAME TO changesets")
    op.execute("PRAGMA legacy_alter_table = OFF")
    for column in ("import_id", "reverts_id", "created_at"):
        op.create_index(f"ix_changesets_{column}", "changesets", [column])


def drop_views(views: Iterable[str]) -> None:
    """Drop views on SQLite. On PostgreSQL they are replaced in place."""
    if op.get_bind().dialect.name == "sqlite":
        for view in views:
            op.execute(f"DROP VIEW {view}")


def create_views(folders: dict[str, str]) -> None:
    """Create each view from its folder of `sql/views`, with its comments."""
    engine = op.get_bind().dialect.name
    for view, folder in folders.items():
        lines = find_file(f"sql/views/{folder}/{view}.sql").read_text(encoding="utf-8").splitlines()
        start = next(number for number, line in enumerate(lines) if not line.startswith("--"))
        statement = DAY.sub(DAYS[engine], "\n".join(lines[start:]))
        if engine == "postgresql":
            statement = statement.replace("CREATE VIEW", "CREATE OR REPLACE VIEW", 1)
        op.get_bind().exec_driver_sql(statement)
        set_comments(view_comments(view, [line.removeprefix("-- ") for line in lines[:start]]))


def view_comments(view: str, lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield a view and its columns as SQL names them, with the comments at the top of its file."""
    purpose = []
    for line in lines:
        if of_column := COLUMN.fullmatch(line):
            yield f'COLUMN "{view}"."{of_column[1]}"', of_column[2]
        else:
            purpose.append(line)
    yield f'VIEW "{view}"', " ".join(purpose)


def table_comments(files: Iterable[str], only: Iterable[str] = ()) -> Iterator[tuple[str, str]]:
    """Yield the tables and columns of some files as SQL names them, with their comments.

    Args:
        only: the tables that are meant; all if empty.
    """
    tables: dict[str, Any] = {}
    for file in files:
        tables |= tomllib.loads(find_file(f"sql/tables/{file}.toml").read_text(encoding="utf-8"))
    for table in tuple(only) or tuple(tables):
        yield f'TABLE "{table}"', tables[table]["purpose"]
        for column, meaning in tables[table]["columns"].items():
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
