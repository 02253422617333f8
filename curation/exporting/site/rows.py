"""Reads published articles with their lists, with a few queries per chunk of articles."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from ...articles.reading import ARTICLES_IN_MEMORY, PartFields, read_articles
from ...backends.base import chunks
from ...store.names import in_collection
from ...store.schema import (
    articles,
    collection_items,
)

Json = dict[str, Any]


@dataclass(slots=True)
class Article:
    """An article as the site shows it.

    extra: values of the document that have no column.
    images: image entries as the document states them.
    items: the public articles of a collection, in order.
    size: the number of all items of a collection, public or not; None for other articles.
    """

    id: int
    path: str
    category: str | None
    type: str | None
    title: str | None
    heat: int | None
    published_at: dt.datetime | None
    updated_at: dt.datetime | None
    original_url: str | None
    web_url: str | None
    amp_web_url: str | None
    cdn_amp_web_url: str | None
    excerpt: str | None
    extra: Json
    featured_content: str | None
    body: str
    provider: tuple[str | None, str | None] | None
    topic_ids: list[int] = field(default_factory=list)
    topics: list[str] = field(default_factory=list)
    images: list[Json] = field(default_factory=list)
    authors: list[str] = field(default_factory=list)
    items: list[Article] = field(default_factory=list)
    size: int | None = None

    @property
    def stem(self) -> str:
        return stem_of(self.path)


def stem_of(path: str) -> str:
    """Return a path below the section's folder, without suffix: `videos/x` for `_learning/videos/x.md`."""
    name = path.partition("/")[2]
    above, slash, last = name.rpartition("/")
    return f"{above}{slash}{last.rpartition('.')[0] or last}"


#: The lists of an article that a site shows.
_PARTS: PartFields = {
    "topics": ("id", "name"),
    "images": ("extra", "url", "width", "height", "title", "attribution", "is_cached"),
    "authors": "name",
}

#: Fields of `Article` that are columns of `articles`.
_COLUMNS = (
    "id", "path", "category", "type", "title", "heat", "published_at", "updated_at", "original_url",
    "web_url", "amp_web_url", "cdn_amp_web_url", "excerpt", "extra", "featured_content", "body",
)  # fmt: skip


def is_public(source_id: int) -> sa.ColumnElement[bool]:
    """Return the condition that an article of a source is published and not missing."""
    is_published = articles.c.published.is_(sa.true())
    return sa.and_(articles.c.source_id == source_id, is_published, articles.c.missing_since.is_(None))


def read_public_ids(
    connection: sa.Connection, source_id: int, collection: str, *, by_date: bool
) -> Sequence[int]:
    """Return the ids of a section's public articles: newest or hottest first, then by path."""
    first = articles.c.published_at if by_date else articles.c.heat
    query = sa.select(articles.c.id).where(is_public(source_id), in_collection(collection))
    return connection.scalars(query.order_by(first.desc().nulls_last(), articles.c.path)).all()


def read_public_articles(connection: sa.Connection, source_id: int, ids: Sequence[int]) -> Iterator[Article]:
    """Yield articles in the order of their ids, with the items of collections."""
    for some in chunks(ids, ARTICLES_IN_MEMORY):
        found = _read(connection, some)
        _add_items(connection, source_id, found)
        yield from (found[article_id] for article_id in some)


def _read(connection: sa.Connection, ids: Sequence[int]) -> dict[int, Article]:
    """Return articles by id, without items."""
    found = {}
    for row in read_articles(connection, ids, (*_COLUMNS, "provider_id", "provider", "domain"), _PARTS):
        article = Article(**{name: row[name] for name in _COLUMNS}, provider=_provider(row))
        article.topic_ids = [topic["id"] for topic in row["topics"]]
        article.topics = [topic["name"] for topic in row["topics"]]
        article.images = [_image(image) for image in row["images"]]
        article.authors = row["authors"]
        found[article.id] = article
    return found


def _provider(row: Json) -> tuple[str | None, str | None] | None:
    return None if row["provider_id"] is None else (row["provider"], row["domain"])


def _image(image: Json) -> Json:
    """Return an image as the document states it: `extra`, where that differs from the image's own row."""
    if image["extra"] is not None:
        return image["extra"]  # type: ignore[no-any-return]
    stated = {name: image[name] for name in ("url", "width", "height", "title", "attribution")}
    return stated | {"isCached": image["is_cached"]}


def _add_items(connection: sa.Connection, source_id: int, found: dict[int, Article]) -> None:
    """Add the public items of collections. Of the other items only the number is known."""
    table = collection_items.c
    query = sa.select(table.article_id, table.item_id).where(table.article_id.in_(list(found)))
    listed = connection.execute(query.order_by(table.article_id, table.position)).all()
    item_ids = sorted({item_id for _, item_id in listed if item_id is not None})
    public: dict[int, Article] = {}
    for some in chunks(item_ids, ARTICLES_IN_MEMORY):
        public_query = sa.select(articles.c.id).where(is_public(source_id), articles.c.id.in_(some))
        ids = connection.scalars(public_query).all()
        public |= _read(connection, ids) if ids else {}
    for article_id, item_id in listed:
        collection = found[article_id]
        collection.size = (collection.size or 0) + 1
        if item_id in public:
            collection.items.append(public[item_id])
