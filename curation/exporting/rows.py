"""Articles as rows for other tools: all that the store knows of each but its stored bytes, a row an article.

Read in chunks of ids, with the same few queries for each, all in the transaction of whoever asks: neither the
number of articles nor what hangs on them is a matter of memory. `documents` is never asked.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ..articles.listing import flag_value
from ..articles.selecting import Filters, filter_conditions
from ..backends.base import chunks
from ..backends.types import Flag, Instant, Json
from ..flags import FLAGS
from ..store.descriptions import find_tables
from ..store.schema import (
    article_authors,
    article_images,
    article_topics,
    articles,
    collection_items,
    images,
    overrides,
    providers,
    related_links,
    sources,
    topics,
)

#: What a column holds: whole, boolean, instant, text, json; texts, a list of them; or a list of objects, each
#: field with what it holds.
ColumnType = str | Mapping[str, str]

_IMAGE = {
    "url": "text", "width": "whole", "height": "whole", "is_cached": "boolean", "title": "text",
    "attribution": "text",
}  # fmt: skip

_LINK = {
    "title": "text", "excerpt": "text", "published_at": "instant", "web_url": "text", "type": "text",
    "provider": "text", "domain": "text", "quality": "whole", "target_id": "whole", "target_path": "text",
}  # fmt: skip

_ITEM = {"item_path": "text", "item_id": "whole", "target_path": "text"}

_DECIDED = tuple(f"override_{flag}" for flag in FLAGS)

#: The columns, in their order; those of `articles` by their own names.
NAMES = (
    "id", "source", "source_id", "path", "collection", "slug", "category", "type", "title", "provider",
    "domain", "provider_id", "topics", "authors", "published_at", "updated_at", *FLAGS,
    *(f"upstream_{flag}" for flag in FLAGS), *_DECIDED, "missing_since", "original_url", "web_url",
    "amp_web_url", "cdn_amp_web_url", "canonical_url", "excerpt", "featured_content", "images", "related",
    "items", "extra", "first_import_id", "last_import_id", "content_hash", "body",
)  # fmt: skip

#: What is no column of `articles`.
_MADE: Mapping[str, ColumnType] = {
    "source": "text", "provider": "text", "domain": "text", "topics": "texts", "authors": "texts",
    "override_quality": "whole", "override_heat": "whole",
    "override_published": "boolean", "override_removed": "boolean",
    "images": _IMAGE, "related": _LINK, "items": _ITEM,
}  # fmt: skip

_TARGET = "the path of that article; null while there is none"

#: What is told of columns that no table has so; of all others, what `curation db tables` tells.
_MEANINGS: Mapping[str, str] = {
    "source": "the name of the source that it is of",
    "provider": "the name of who published it first; null where the document states a domain only",
    "domain": "the domain of who published it first; null where the document states a name only",
    "topics": "the names of its topics, in the document's order",
    "authors": "the names of its authors, in the document's order",
    **{f"override_{flag}": f"the decision that stands on {flag}; null where there is none" for flag in FLAGS},
    "images": "its images, in the document's order",
    "related": "what it names as related, in the document's order",
    "items": "what it holds, of a collection, in the document's order",
    "related[].provider": "the name of who published that first, as it states",
    "related[].domain": "the domain of who published that first, as it states",
    "related[].target_path": _TARGET,
    "items[].target_path": _TARGET,
}

#: Where the fields of a list of objects are told of.
_TOLD = {"images": images, "related": related_links, "items": collection_items}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the rows, or a field of the objects that one holds (`images[].url`)."""

    name: str
    kind: ColumnType
    meaning: str


def column_names(*, body: bool = True) -> Sequence[str]:
    """The columns, with `body` or without."""
    return NAMES if body else NAMES[:-1]


def column_types(names: Sequence[str]) -> list[ColumnType]:
    """What columns hold."""
    return [_MADE[name] if name in _MADE else _kind_in_table(name) for name in names]


def _kind_in_table(name: str) -> str:
    for type_, kind in ((Flag, "boolean"), (Instant, "instant"), (Json, "json"), (sa.Integer, "whole")):
        if isinstance(articles.c[name].type, type_):
            return kind
    return "text"


def find_columns() -> list[Column]:
    """What the rows hold, column by column, the fields of lists of objects after each."""
    told = {table.name: table.columns for table in find_tables()}
    found = []
    for name, kind in zip(NAMES, column_types(NAMES), strict=True):
        found.append(Column(name, kind, _MEANINGS.get(name) or told["articles"][name]))
        for field, inner in {} if isinstance(kind, str) else kind.items():
            full = f"{name}[].{field}"
            meaning = _MEANINGS.get(full) or told[_TOLD[name].name][field]
            found.append(Column(full, inner, meaning))
    return found


def read_rows(
    connection: sa.Connection, filters: Filters, *, body: bool = True
) -> tuple[int, Iterator[Sequence[Any]]]:
    """How many articles filters want, and their rows, by source and path; the rows are read as they are
    taken, while the connection's transaction lasts."""
    query = (
        sa.select(articles.c.id)
        .join(sources, sources.c.id == articles.c.source_id)
        .where(*filter_conditions(connection, filters))
        .order_by(sources.c.name, articles.c.path)
    )
    ids = array("q", connection.scalars(query))
    return len(ids), _read(connection, ids, column_names(body=body))


def _read(connection: sa.Connection, ids: Sequence[int], names: Sequence[str]) -> Iterator[Sequence[Any]]:
    own = _own(names)
    for some in chunks(ids):
        chosen = {"ids": list(some)}
        hung = _hung_on(connection, chosen)
        rows = {row["id"]: row for row in connection.execute(own, chosen).mappings()}
        for key in some:
            row: dict[str, Any] = {**_NOTHING, **rows[key], **hung[key]}
            yield [row[name] for name in names]


def _hung_on(connection: sa.Connection, chosen: Mapping[str, Sequence[int]]) -> dict[int, dict[str, Any]]:
    """What hangs on each of some articles, by column; what hangs on none is not there."""
    hung: dict[int, dict[str, Any]] = {key: {} for key in chosen["ids"]}
    for key, flag, value in connection.execute(_DECISIONS, chosen):
        hung[key][f"override_{flag}"] = flag_value(flag, value)
    for name, query in _LISTS.items():
        fields = None if isinstance(kind := _MADE[name], str) else tuple(kind)
        for key, *values in connection.execute(query, chosen):
            told = values[0] if fields is None else dict(zip(fields, values, strict=True))
            hung[key].setdefault(name, []).append(told)
    return hung


#: What a row has where nothing hangs on its article.
_NOTHING: Mapping[str, Any] = {
    **dict.fromkeys(_DECIDED),
    **{name: [] for name in ("topics", "authors", "images", "related", "items")},
}

#: The ids of a chunk.
_IDS: sa.BindParameter[Sequence[int]] = sa.bindparam("ids", expanding=True)

_DECISIONS = sa.select(overrides.c.article_id, overrides.c.field, overrides.c.value).where(
    overrides.c.article_id.in_(_IDS)
)


def _own(names: Sequence[str]) -> sa.Select[Any]:
    """What an article has one of, for some ids."""
    return (
        sa.select(
            *(articles.c[name] for name in names if name not in _MADE),
            sources.c.name.label("source"), providers.c.name.label("provider"), providers.c.domain,
        )
        .join(sources, sources.c.id == articles.c.source_id)
        .outerjoin(providers, providers.c.id == articles.c.provider_id)
        .where(articles.c.id.in_(_IDS))
    )  # fmt: skip


def _listed(
    table: sa.Table, columns: Sequence[sa.ColumnElement[Any]], joined: sa.FromClause
) -> sa.Select[Any]:
    """What articles have several of: their ids, then columns, in the documents' order."""
    return (
        sa.select(table.c.article_id, *columns)
        .select_from(joined)
        .where(table.c.article_id.in_(_IDS))
        .order_by(table.c.article_id, table.c.position)
    )


def _lists() -> dict[str, sa.Select[Any]]:
    link, item, target = related_links, collection_items, articles.alias("target")
    from_link = link.outerjoin(providers, providers.c.id == link.c.provider_id)
    others = {"provider": providers.c.name, "domain": providers.c.domain, "target_path": target.c.path}
    stated = [others[name] if name in others else link.c[name] for name in _LINK]
    return {
        "topics": _listed(article_topics, [topics.c.name], article_topics.join(topics)),
        "authors": _listed(article_authors, [article_authors.c.name], article_authors),
        "images": _listed(article_images, [images.c[name] for name in _IMAGE], article_images.join(images)),
        "related": _listed(link, stated, from_link.outerjoin(target, target.c.id == link.c.target_id)),
        "items": _listed(
            item, [item.c.item_path, item.c.item_id, target.c.path],
            item.outerjoin(target, target.c.id == item.c.item_id),
        ),
    }  # fmt: skip


#: What hangs on articles, by column; the values of each in the order of its fields.
_LISTS: Mapping[str, sa.Select[Any]] = _lists()
