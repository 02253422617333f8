"""Articles as rows for other tools: one row per article, with everything but the document's bytes.

Rows are read in chunks of ids, with a few queries per chunk, in the caller's transaction. So memory does not
grow with the number of articles. The table `documents` is never read.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ..articles.reading import PartFields, decode_flag, read_articles
from ..articles.selecting import Filters, make_filter_conditions
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

#: The type of a column: whole, boolean, instant, text, json, texts (a list), or a list of objects, given as
#: the types of their fields.
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

#: The columns, in order. Columns of `articles` keep their names.
NAMES = (
    "id", "source", "source_id", "path", "collection", "slug", "category", "type", "title", "provider",
    "domain", "provider_id", "topics", "authors", "published_at", "updated_at", *FLAGS,
    *(f"upstream_{flag}" for flag in FLAGS), *_OVERRIDES, "missing_since", "original_url", "web_url",
    "amp_web_url", "cdn_amp_web_url", "canonical_url", "excerpt", "featured_content", "images", "related",
    "items", "extra", "first_import_id", "last_import_id", "content_hash", "body",
)  # fmt: skip

#: Types of the columns that are not columns of `articles`.
_OTHER_TYPES: Mapping[str, ColumnType] = {
    "source": "text", "provider": "text", "domain": "text", "topics": "texts", "authors": "texts",
    "override_quality": "whole", "override_heat": "whole",
    "override_published": "boolean", "override_removed": "boolean",
    "images": _IMAGE, "related": _LINK, "items": _ITEM,
}  # fmt: skip

_TARGET = "the path of that article; null if there is none"

#: Descriptions of columns that are in no table. All others have the descriptions of `curation db tables`.
_MEANINGS: Mapping[str, str] = {
    "source": "the name of its source",
    "provider": "the name of the original publisher; null if the document states a domain only",
    "domain": "the domain of the original publisher; null if the document states a name only",
    "topics": "the names of its topics, in the document's order",
    "authors": "the names of its authors, in the document's order",
    **{f"override_{flag}": f"the override of {flag}; null if there is none" for flag in FLAGS},
    "images": "its images, in the document's order",
    "related": "its related links, in the document's order",
    "items": "the items of a collection, in the document's order",
    "related[].provider": "the name of the link's original publisher, as the document states it",
    "related[].domain": "the domain of the link's original publisher, as the document states it",
    "related[].target_path": _TARGET,
    "items[].target_path": _TARGET,
}

#: Tables with the descriptions of the fields of lists.
_LIST_TABLES = {"images": images, "related": related_links, "items": collection_items}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the rows, or a field of the objects in a list (`images[].url`)."""

    name: str
    kind: ColumnType
    meaning: str


def list_column_names(*, body: bool = True) -> Sequence[str]:
    """Return the names of the columns, with or without `body`."""
    return NAMES if body else NAMES[:-1]


def list_column_types(names: Sequence[str]) -> list[ColumnType]:
    """Return the types of columns."""
    return [_OTHER_TYPES[name] if name in _OTHER_TYPES else _type_in_table(name) for name in names]


def _type_in_table(name: str) -> str:
    for type_, kind in ((Flag, "boolean"), (Instant, "instant"), (Json, "json"), (sa.Integer, "whole")):
        if isinstance(articles.c[name].type, type_):
            return kind
    return "text"


def find_columns() -> list[Column]:
    """Return the columns with their descriptions; the fields of objects follow their list."""
    descriptions = {table.name: table.columns for table in find_tables()}
    found = []
    for name, kind in zip(NAMES, list_column_types(NAMES), strict=True):
        found.append(Column(name, kind, _MEANINGS.get(name) or descriptions["articles"][name]))
        for field, field_kind in {} if isinstance(kind, str) else kind.items():
            full_name = f"{name}[].{field}"
            meaning = _MEANINGS.get(full_name) or descriptions[_LIST_TABLES[name].name][field]
            found.append(Column(full_name, field_kind, meaning))
    return found


def read_rows(
    connection: sa.Connection, filters: Filters, *, body: bool = True
) -> tuple[int, Iterator[Sequence[Any]]]:
    """Return the number of matching articles and their rows, ordered by source and path.

    The rows are read lazily, in the connection's transaction.
    """
    query = (
        sa.select(articles.c.id)
        .join(sources, sources.c.id == articles.c.source_id)
        .where(*make_filter_conditions(connection, filters))
        .order_by(sources.c.name, articles.c.path)
    )
    ids = array("q", connection.scalars(query))
    return len(ids), _read(connection, ids, list_column_names(body=body))


def _read(connection: sa.Connection, ids: Sequence[int], names: Sequence[str]) -> Iterator[Sequence[Any]]:
    columns = [name for name in names if name not in _LISTS and name not in _OVERRIDES]
    parts: PartFields = {**_LISTS, "overrides": ("field", "value")}
    for article in read_articles(connection, ids, columns, parts):
        article |= dict.fromkeys(_OVERRIDES)
        for override in article["overrides"]:
            flag, value = override["field"], override["value"]
            article[f"override_{flag}"] = decode_flag(flag, value)
        yield [article[name] for name in names]


#: The lists of a row, with their fields.
_LISTS: PartFields = {
    "topics": "name",
    "authors": "name",
    "images": tuple(_IMAGE),
    "related": tuple(_LINK),
    "items": tuple(_ITEM),
}
