"""Suggests a table or column for an unknown name in a query."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches

from ..backends.queries import SECRET_TABLES
from ..backends.sql_text import split_tokens
from ..store.descriptions import find_views
from ..store.schema import metadata


def suggest(kind: str, name: str, sql: str) -> str:
    """Return a hint for an unknown name in a query: a similar name, or the command that lists all names.

    Args:
        kind: What the name should be: "table" or "column".

    Returns:
        The hint, or "" if a query with an unknown column contains no known table.
    """
    relations = _find_relations()
    if kind == "table":
        found = _find_similar(name, relations)
        return f"did you mean {found}?" if found else "`curation db views` lists what can be queried"
    queried = {token.name.lower() for token in split_tokens(sql, escapes=True)} & relations.keys()
    found = _find_similar(name, {column for relation in queried for column in relations[relation]})
    if found or not queried:
        return f"did you mean {found}?" if found else ""
    relation = min(queried)
    if relation in metadata.tables:
        return f"{relation} has {', '.join(relations[relation])}"
    return f"`curation db views {relation}` lists its columns"


def _find_relations() -> Mapping[str, Collection[str]]:
    """Return the columns of each table and view that a query may read."""
    tables = {
        table.name: table.c.keys() for table in metadata.tables.values() if table.name not in SECRET_TABLES
    }
    return tables | {view.name: list(view.columns) for view in find_views()}


def _find_similar(name: str, names: Collection[str]) -> str:
    """Return the most similar name; "" if none is similar."""
    return next(iter(get_close_matches(name.lower(), names, n=1, cutoff=0.6)), "")
