"""Names that the store knows: sources, topics, providers and their like, which filters go by.

A name that is nowhere in the store is an error in every command, since it is a typing error more often than
not. A name that is there, and of which nothing matches, gives an empty result.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

import sqlalchemy as sa

from ..backends.base import chunks
from ..errors import SelectionError
from ..integers import INT64
from ..suggestions import MAX_SUGGESTIONS, unknown_name
from .schema import articles, changesets, imports, provider_aliases, providers, sources, topics

#: What can be named: the columns that hold it.
KINDS: Mapping[str, sa.Column[str]] = {
    "source": sources.c.name,
    "topic": topics.c.name,
    "provider": providers.c.name,
    "domain": providers.c.domain,
    "collection": articles.c.collection,
    "type": articles.c.type,
    "category": articles.c.category,
    "actor": changesets.c.actor,
}

#: What lists the names of a kind.
_LISTINGS = {
    "source": "curation source list",
    "topic": "curation report topics -p limit=1000000",
    "provider": "curation report providers -p limit=1000000",
}


def in_collection(name: str) -> sa.ColumnElement[bool]:
    """Whether an article lies in a collection or below it: `learning` holds `learning/videos`."""
    column = articles.c.collection
    return sa.or_(column == name, sa.and_(column > f"{name}/", column < f"{name}0"))


def check_names(connection: sa.Connection, named: Mapping[str, Sequence[str]]) -> None:
    """Raises SelectionError, which says what is near, if one of some names of each kind is not in the store.

    However many there are, they are looked for by one query (of at most `backends.CHUNK` parts).
    """
    pairs = [(kind, name) for kind, names in named.items() for name in dict.fromkeys(names)]
    for some in chunks(pairs):
        absent = sa.union_all(*(_absent(number, *pair) for number, pair in enumerate(some)))
        if found := sorted(connection.scalars(absent)):
            kind, name = some[found[0]]
            if kind == "provider" and (own := _own_name(connection, name)):
                raise SelectionError(f"no provider {name!r}: did you mean {own}?")
            raise SelectionError(unknown_name(kind, name, _known(connection, kind), _LISTINGS.get(kind, "")))


def check_import(connection: sa.Connection, import_id: int) -> None:
    """Raises SelectionError if there is no import of an id."""
    is_it = imports.c.id == import_id
    if import_id not in INT64 or connection.scalar(sa.select(imports.c.id).where(is_it)) is None:
        raise SelectionError(f"no import {import_id}: `curation report imports` lists them")


def _absent(number: int, kind: str, name: str) -> sa.Select[int]:
    """The number, if no row has the name."""
    column = KINDS[kind]
    is_it = in_collection(name) if kind == "collection" else column == name
    return sa.select(sa.literal_column(str(number), sa.Integer)).where(
        ~sa.exists(sa.select(sa.literal_column("1")).select_from(column.table).where(is_it))
    )


def _own_name(connection: sa.Connection, alias: str) -> str | None:
    """The name of the provider that also has another one: filters go by its own."""
    is_alias = sa.func.lower(provider_aliases.c.name) == alias.lower()
    query = sa.select(providers.c.name).join(provider_aliases).where(is_alias)
    name: str | None = connection.scalar(query.order_by(providers.c.name).limit(1))
    return name


def _known(connection: sa.Connection, kind: str) -> list[str]:
    """The names of a kind, in order."""
    column = KINDS[kind]
    names = connection.scalars(sa.select(column).where(column.is_not(None)).distinct().order_by(column))
    if kind == "collection":
        return _with_those_above(islice(names, MAX_SUGGESTIONS))
    return list(islice(names, MAX_SUGGESTIONS))


def _with_those_above(collections: Iterable[str]) -> list[str]:
    """Collections with those that they lie in: `learning` for `learning/videos`."""
    found: dict[str, None] = {}
    for path in collections:
        parts = path.split("/")
        found |= dict.fromkeys("/".join(parts[:end]) for end in range(1, len(parts) + 1))
    return list(found)
