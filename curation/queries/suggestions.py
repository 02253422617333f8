"""What may have been meant by the name of a table or column that is not there."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches

from ..backends.queries import SECRET_TABLES
from ..backends.sql_text import tokens
from ..store.descriptions import find_views
from ..store.schema import metadata


def suggest(kind: str, name: str, sql: str) -> str:
    """In place of a "table" or "column" of a query that is not there: the nearest name there is, or the
    command that lists what there is."""
    relations = _relations()
    if kind == "table":
        found = _nearest(name, relations)
        return f"did you mean {found}?" if found else "`curation db views` lists what is there to ask"
    named = {token.name.lower() for token in tokens(sql, escapes=True)} & relations.keys()
    found = _nearest(name, {column for relation in named for column in relations[relation]})
    if found or not named:
        return f"did you mean {found}?" if found else ""
    relation = min(named)
    if relation in metadata.tables:
        return f"{relation} has {', '.join(relations[relation])}"
    return f"`curation db views {relation}` lists its columns"


def _relations() -> Mapping[str, Collection[str]]:
    """The columns of each table and view that a query may read."""
    tables = {
        table.name: table.c.keys() for table in metadata.tables.values() if table.name not in SECRET_TABLES
    }
    return tables | {view.name: list(view.columns) for view in find_views()}


def _nearest(name: str, names: Collection[str]) -> str:
    return next(iter(get_close_matches(name.lower(), names, n=1, cutoff=0.6)), "")
