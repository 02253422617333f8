"""Checks of names that filters use: sources, topics, providers and the like.

A name that is not in the store is an error in every command, because it is usually a typing error. A name
that is in the store but matches no article gives an empty result.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

import sqlalchemy as sa

from ..backends.base import chunks
from ..errors import SelectionError
from ..integers import INT64
from ..suggestions import MAX_SUGGESTIONS, describe_unknown_name
from .schema import articles, changesets, imports, provider_aliases, providers, sources, topics

#: The kinds of names, each with its column.
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

#: The command that lists the names of a kind.
_LISTINGS = {
    "source": "curation source list",
    "topic": "curation report topics -p limit=1000000",
    "provider": "curation report providers -p limit=1000000",
}


def in_collection(name: str) -> sa.ColumnElement[bool]:
    """Return whether an article is in a collection or below it: `learning` contains `learning/videos`."""
    column = articles.c.collection
    return sa.or_(column == name, sa.and_(column > f"{name}/", column < f"{name}0"))


def check_names(connection: sa.Connection, named: Mapping[str, Sequence[str]]) -> None:
    """Raise SelectionError if one of some names is not in the store. The message suggests a similar name.

    One query looks for all of them, or one for each `backends.MAX_PARAMETERS` names.

    Args:
        named: names by kind (`KINDS`).
    """
    pairs = [(kind, name) for kind, names in named.items() for name in dict.fromkeys(names)]
    for some in chunks(pairs):
        absent = sa.union_all(*(_absent(number, *pair) for number, pair in enumerate(some)))
        if found := sorted(connection.scalars(absent)):
            kind, name = some[found[0]]
            if kind == "provider" and (own := _name_for_alias(connection, name)):
                raise SelectionError(f"no provider {name!r}: did you mean {own}?")
            raise SelectionError(
                describe_unknown_name(kind, name, _known(connection, kind), _LISTINGS.get(kind, ""))
            )


def check_import(connection: sa.Connection, import_id: int) -> None:
    """Raise SelectionError if no import has an id."""
    query = sa.select(imports.c.id).where(imports.c.id == import_id)
    if import_id not in INT64 or connection.scalar(query) is None:
        raise SelectionError(f"no import {import_id}: `curation report imports` lists them")


def _absent(number: int, kind: str, name: str) -> sa.Select[int]:
    """Return a query for the number if no row has the name."""
    column = KINDS[kind]
    has_name = in_collection(name) if kind == "collection" else column == name
    return sa.select(sa.literal_column(str(number), sa.Integer)).where(
        ~sa.exists(sa.select(sa.literal_column("1")).select_from(column.table).where(has_name))
    )


def _name_for_alias(connection: sa.Connection, alias: str) -> str | None:
    """Return the name of the provider that has an alias; filters do not accept aliases."""
    is_alias = sa.func.lower(provider_aliases.c.name) == alias.lower()
    query = sa.select(providers.c.name).join(provider_aliases).where(is_alias)
    name: str | None = connection.scalar(query.order_by(providers.c.name).limit(1))
    return name


def _known(connection: sa.Connection, kind: str) -> list[str]:
    """Return the names of a kind, in order, at most `MAX_SUGGESTIONS`."""
    column = KINDS[kind]
    names = connection.scalars(sa.select(column).where(column.is_not(None)).distinct().order_by(column))
    if kind == "collection":
        return _with_parents(islice(names, MAX_SUGGESTIONS))
    return list(islice(names, MAX_SUGGESTIONS))


def _with_parents(collections: Iterable[str]) -> list[str]:
    """Return collections with their parents, such as `learning` for `learning/videos`."""
    found: dict[str, None] = {}
    for path in collections:
        parts = path.split("/")
        found |= dict.fromkeys("/".join(parts[:end]) for end in range(1, len(parts) + 1))
    return list(found)
