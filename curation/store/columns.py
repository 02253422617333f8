"""What the tables are built of: columns, references and indexes, alike in all of them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from ..backends.types import EXACT_COLLATION, MARIADB_DIALECTS, Flag, digest, integer, text

#: Every constraint has a name from the first revision on: batch migrations lose unnamed ones.
NAMING = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}

metadata = sa.MetaData(naming_convention=NAMING)


def table(name: str, *items: sa.schema.SchemaItem, rowid: bool = True) -> sa.Table:
    """A table; `rowid=False` where the key is the way in."""
    return sa.Table(name, metadata, *items, info={"rowid": rowid})


def with_table_options() -> sa.MetaData:
    """The tables as they are to be created: with types that the engine enforces, and texts that it takes for
    different where they are. For whoever writes DDL: giving these options loads each engine's dialect."""
    for made in metadata.tables.values():
        options = {"sqlite_strict": True, "sqlite_with_rowid": made.info["rowid"]}
        for engine in MARIADB_DIALECTS:
            options |= {f"{engine}_charset": "utf8mb4", f"{engine}_collate": EXACT_COLLATION}
        for option, value in options.items():
            made.dialect_kwargs[option] = value
        for index in made.indexes:
            if where := index.info.get("where"):
                for engine in ("sqlite", "postgresql"):
                    index.dialect_kwargs[f"{engine}_where"] = sa.text(where)
    return metadata


def identity() -> sa.Column[int]:
    return sa.Column("id", integer(), primary_key=True)


def reference(
    column: str, target: str, *, null: bool = False, key: bool = False, cascade: bool = True
) -> sa.Column[Any]:
    """A reference to `target.id`; an article's own parts go with it, decisions and changes keep it."""
    is_part = cascade and target in ("articles", "related_links") and not null
    ondelete = "CASCADE" if is_part else None
    return sa.Column(column, sa.ForeignKey(f"{target}.id", ondelete=ondelete), nullable=null, primary_key=key)


def story() -> list[sa.Column[Any]]:
    """Return the columns that keep what an article is about, as `importing.stories.Story` has them."""
    return [
        sa.Column("title", text()),
        sa.Column("canonical_digest", digest()),
        sa.Column("canonical_url", text()),
        sa.Column("body_digest", digest()),
    ]


def position() -> sa.Column[Any]:
    return sa.Column("position", integer(), primary_key=True, autoincrement=False)


def count(column: str) -> sa.Column[Any]:
    return sa.Column(column, integer(), nullable=False, server_default=sa.text("0"))


def flag(
    column: str, *, null: bool = True, default: sa.ColumnElement[bool] | None = None
) -> tuple[sa.Column[Any], sa.CheckConstraint]:
    """Return a column of true and false; the constraint holds SQLite's INTEGER to 0 and 1, the other engines
    have a type for it."""
    check = sa.CheckConstraint(f"{column} IN (0, 1)", name=column).ddl_if(dialect="sqlite")
    return sa.Column(column, Flag(), nullable=null, server_default=default), check


def stated(*, published: sa.ColumnElement[bool] | None = None) -> list[sa.Column[Any] | sa.CheckConstraint]:
    """Return the columns of what upstream says of each flag; `published` is the default of its column."""
    return [
        sa.Column("upstream_quality", integer()),
        sa.Column("upstream_heat", integer()),
        *flag("upstream_published", default=published),
        *flag("upstream_removed"),
    ]


def index_some(index: str, *columns: str, where: str) -> sa.Index:
    """An index of the rows of which `where` holds: a query finds it by saying the same (`sql/reports`)."""
    return sa.Index(index, *columns, info={"where": where})
