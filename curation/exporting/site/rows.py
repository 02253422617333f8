"""Published articles and all that hangs on them: a handful of queries for each chunk of articles."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from ...backends.base import chunks
from ...store.names import in_collection
from ...store.schema import (
    article_authors,
    article_images,
    article_topics,
    articles,
    collection_items,
    images,
    providers,
    topics,
)

#: Articles that are read, rendered and written before the next are: what bounds memory.
CHUNK = 500

Json = dict[str, Any]


@dataclass(slots=True)
class Article:
    """An article as the site shows it. `extra` is what has no column; `images` are entries as their
    documents state them; `items` are the articles of a collection that are shown, in their order, and
    `size` is how many it has in all."""

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
    """The path from the section's folder on, without suffix: `videos/x` of `_learning/videos/x.md`."""
    name = path.partition("/")[2]
    above, slash, last = name.rpartition("/")
    return f"{above}{slash}{last.rpartition('.')[0] or last}"


_COLUMNS = (
    "id", "path", "category", "type", "title", "heat", "published_at", "updated_at", "original_url",
    "web_url", "amp_web_url", "cdn_amp_web_url", "excerpt", "extra", "featured_content", "body",
)  # fmt: skip


def is_public(source_id: int) -> sa.ColumnElement[bool]:
    """Whether a source's article is published, and its file is there."""
    is_published = articles.c.published.is_(sa.true())
    return sa.and_(articles.c.source_id == source_id, is_published, articles.c.missing_since.is_(None))


def public_ids(connection: sa.Connection, source_id: int, collection: str, *, by_date: bool) -> Sequence[int]:
    """The ids of a section's published articles: newest or hottest first, then by path."""
    first = articles.c.published_at if by_date else articles.c.heat
    query = sa.select(articles.c.id).where(is_public(source_id), in_collection(collection))
    return connection.scalars(query.order_by(first.desc().nulls_last(), articles.c.path)).all()


def read_articles(connection: sa.Connection, source_id: int, ids: Sequence[int]) -> Iterator[Article]:
    """Articles by their ids, in the order of the ids, with their collections' items."""
    for some in chunks(ids, CHUNK):
        found = _read(connection, some)
        _add_items(connection, source_id, found)
        yield from (found[article_id] for article_id in some)


def _read(connection: sa.Connection, ids: Sequence[int]) -> dict[int, Article]:
    columns = [articles.c[name] for name in _COLUMNS]
    query = sa.select(*columns, articles.c.provider_id, providers.c.name, providers.c.domain)
    query = query.outerjoin(providers).where(articles.c.id.in_(ids))
    found: dict[int, Article] = {}
    for *values, provider_id, name, domain in connection.execute(query):
        values.append(None if provider_id is None else (name, domain))
        found[values[0]] = Article(*values)
    _add_topics(connection, ids, found)
    _add_images(connection, ids, found)
    table = article_authors.c
    authors = sa.select(table.article_id, table.name).where(table.article_id.in_(ids))
    for article_id, name in connection.execute(authors.order_by(table.article_id, table.position)):
        found[article_id].authors.append(name)
    return found


def _add_topics(connection: sa.Connection, ids: Sequence[int], found: dict[int, Article]) -> None:
    table = article_topics.c
    query = (
        sa.select(table.article_id, topics.c.id, topics.c.name)
        .join_from(article_topics, topics)
        .where(table.article_id.in_(ids))
        .order_by(table.article_id, table.position)
    )
    for article_id, topic_id, name in connection.execute(query):
        found[article_id].topic_ids.append(topic_id)
        found[article_id].topics.append(name)


def _add_images(connection: sa.Connection, ids: Sequence[int], found: dict[int, Article]) -> None:
    """What an article says of an image stands in `extra` where it differs from the image's own row."""
    table, image = article_images.c, images.c
    told = (image.url, image.width, image.height, image.title, image.attribution, image.is_cached)
    query = (
        sa.select(table.article_id, table.extra, *told)
        .join_from(article_images, images)
        .where(table.article_id.in_(ids))
        .order_by(table.article_id, table.position)
    )
    for article_id, extra, url, width, height, title, attribution, is_cached in connection.execute(query):
        own = {"url": url, "width": width, "height": height, "title": title}
        own |= {"attribution": attribution, "isCached": is_cached}
        found[article_id].images.append(own if extra is None else extra)


def _add_items(connection: sa.Connection, source_id: int, found: dict[int, Article]) -> None:
    """Adds to collections their items; of those that are not shown only their number is told."""
    table = collection_items.c
    query = sa.select(table.article_id, table.item_id).where(table.article_id.in_(list(found)))
    listed = connection.execute(query.order_by(table.article_id, table.position)).all()
    wanted = sorted({item_id for _, item_id in listed if item_id is not None})
    shown: dict[int, Article] = {}
    for some in chunks(wanted, CHUNK):
        of_these = sa.select(articles.c.id).where(is_public(source_id), articles.c.id.in_(some))
        ids = connection.scalars(of_these).all()
        shown |= _read(connection, ids) if ids else {}
    for article_id, item_id in listed:
        collection = found[article_id]
        collection.size = (collection.size or 0) + 1
        if item_id in shown:
            collection.items.append(shown[item_id])
