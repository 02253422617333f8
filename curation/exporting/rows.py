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

from ..articles.reading import Wanted, flag_value, read_articles
from ..articles.selecting import Filters, filter_conditions
from ..backends.types import Flag, Instant, Json
from ..flags import FLAGS
from ..store.descriptions import find_tables
from ..store.schema import (
    articles,
    collection_items,
    images,
    related_links,
    sources,
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

_OVERRIDES = tuple(f"override_{flag}" for flag in FLAGS)

#: The columns, in their order; those of `articles` by their own names.
NAMES = (
    "id", "source", "source_id", "path", "collection", "slug", "category", "type", "title", "provider",
    "domain", "provider_id", "topics", "authors", "published_at", "updated_at", *FLAGS,
    *(f"upstream_{flag}" for flag in FLAGS), *_OVERRIDES, "missing_since", "original_url", "web_url",
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
    columns = [name for name in names if name not in _LISTS and name not in _OVERRIDES]
    parts: Wanted = {**_LISTS, "overrides": ("field", "value")}
    for article in read_articles(connection, ids, columns, parts):
        article |= dict.fromkeys(_OVERRIDES)
        for override in article["overrides"]:
            flag, value = override["field"], override["value"]
            article[f"override_{flag}"] = flag_value(flag, value)
        yield [article[name] for name in names]


#: The lists of each row, with their fields.
_LISTS: Wanted = {
    "topics": "name",
    "authors": "name",
    "images": tuple(_IMAGE),
    "related": tuple(_LINK),
    "items": tuple(_ITEM),
}
