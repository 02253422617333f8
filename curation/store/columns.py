"""The parts that tables are built of: columns, references and indexes."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from ..backends.types import EXACT_COLLATION, MARIADB_DIALECTS, Flag, digest, integer, text

#: Every constraint has a name from the first revision on, because batch migrations lose unnamed ones.
NAMING = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}

metadata = sa.MetaData(naming_convention=NAMING)


def table(name: str, *items: sa.schema.SchemaItem, rowid: bool = True) -> sa.Table:
    """Return a new table of the schema.

    Args:
        rowid: False if SQLite should store the rows in the order of the primary key.
    """
    return sa.Table(name, metadata, *items, info={"rowid": rowid})


def copy_metadata(tables: sa.MetaData) -> sa.MetaData:
    """Return a copy of tables, with all that `Table.to_metadata` leaves out."""
    copy = sa.MetaData(naming_convention=tables.naming_convention)
    for original in tables.tables.values():
        copied = original.to_metadata(copy)
        infos = {index.name: index.info for index in original.indexes}
        for index in copied.indexes:
            index.info.update(infos[index.name])
        for constraint in copied.constraints:
            if engine := constraint.info.get("engine"):
                constraint.ddl_if(dialect=engine)
    return copy


def with_table_options() -> sa.MetaData:
    """Return a copy of the tables with the DDL options of each engine: strict types and exact comparison.

    Setting the options loads the dialect of each engine, so only code that needs DDL calls this.
    """
    copy = copy_metadata(metadata)
    for copied in copy.tables.values():
        options = {"sqlite_strict": True, "sqlite_with_rowid": copied.info["rowid"]}
        for engine in MARIADB_DIALECTS:
            options |= {f"{engine}_charset": "utf8mb4", f"{engine}_collate": EXACT_COLLATION}
        for option, value in options.items():
            copied.dialect_kwargs[option] = value
        for index in copied.indexes:
            if where := index.info.get("where"):
                for engine in ("sqlite", "postgresql"):
                    index.dialect_kwargs[f"{engine}_where"] = sa.text(where)
    return copy


def row_id() -> sa.Column[int]:
    """Return the column `id`, the primary key."""
    return sa.Column("id", integer(), primary_key=True)


def reference(
    column: str, target: str, *, null: bool = False, key: bool = False, cascade: bool = True
) -> sa.Column[Any]:
    """Return a column that refers to `target.id`.

    Parts of an article or a related link are deleted with it. Nullable references are not, nor those with
    `cascade=False`, such as overrides and changes.
    """
    is_part = cascade and target in ("articles", "related_links") and not null
    ondelete = "CASCADE" if is_part else None
    return sa.Column(column, sa.ForeignKey(f"{target}.id", ondelete=ondelete), nullable=null, primary_key=key)


def story_key() -> list[sa.Column[Any]]:
    """Return the columns that identify the story of an article, as in `importing.merging.stories.Story`."""
    return [
        sa.Column("title", text()),
        sa.Column("canonical_digest", digest()),
        sa.Column("canonical_url", text()),
        sa.Column("body_digest", digest()),
    ]


def position() -> sa.Column[Any]:
    """Return the column `position` of a list, part of the primary key."""
    return sa.Column("position", integer(), primary_key=True, autoincrement=False)


def count(column: str) -> sa.Column[Any]:
    """Return a column with a number of rows or files, 0 by default."""
    return sa.Column(column, integer(), nullable=False, server_default=sa.text("0"))


def flag(
    column: str, *, null: bool = True, default: sa.ColumnElement[bool] | None = None
) -> tuple[sa.Column[Any], sa.CheckConstraint]:
    """Return a boolean column and its constraint.

    SQLite has no boolean type: there the column is an INTEGER, and the constraint restricts it to 0 and 1.
    """
    check = sa.CheckConstraint(f"{column} IN (0, 1)", name=column, info={"engine": "sqlite"})
    return sa.Column(column, Flag(), nullable=null, server_default=default), check.ddl_if(dialect="sqlite")


def upstream_flags(
    *, published: sa.ColumnElement[bool] | None = None
) -> list[sa.Column[Any] | sa.CheckConstraint]:
    """Return the columns of the upstream value of each flag.

    Args:
        published: the default of the column `upstream_published`.
    """
    return [
        sa.Column("upstream_quality", integer()),
        sa.Column("upstream_heat", integer()),
        *flag("upstream_published", default=published),
        *flag("upstream_removed"),
    ]


def partial_index(name: str, *columns: str, where: str) -> sa.Index:
    """Return an index of the rows that meet a condition.

    An engine uses it for a query only if the query repeats the condition in the same words (`sql/reports`).
    """
    return sa.Index(name, *columns, info={"where": where})
