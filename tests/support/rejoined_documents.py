"""Front matter that is joined from the tables, to be compared with the files as another parser reads them."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import yaml

from curation.store.database import Store
from curation.store.schema import (
    article_authors,
    article_images,
    article_topics,
    articles,
    collection_items,
    images,
    providers,
    related_link_images,
    related_links,
    sources,
    topics,
)

COLUMNS = {
    "title": "title",
    "excerpt": "excerpt",
    "category": "category",
    "type": "type",
    "publishedDateTime": "published_at",
    "updatedDateTime": "updated_at",
    "originalUrl": "original_url",
    "webUrl": "web_url",
    "ampWebUrl": "amp_web_url",
    "cdnAmpWebUrl": "cdn_amp_web_url",
    "featuredContent": "featured_content",
    "quality": "quality",
    "heat": "heat",
}
LINK_COLUMNS = {k: v for k, v in COLUMNS.items() if v in related_links.c}
IMAGE_COLUMNS = {
    "url": "url",
    "width": "width",
    "height": "height",
    "isCached": "is_cached",
    "title": "title",
    "attribution": "attribution",
}


def parsed(file: Path) -> dict[str, Any]:
    """Parse a file's front matter with PyYAML, without `secured`; instants in UTC, other dates as text."""
    text = file.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    end = text.index("\n---", 3)
    values = yaml.load(text[4 : end + 1], yaml.CSafeLoader)
    values.pop("secured", None)
    plain: dict[str, Any] = _plain(values)
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC)
    return value.isoformat() if isinstance(value, dt.date) else value


def rejoined(store: Store, source: str) -> dict[str, dict[str, Any]]:
    """Return for each path of a source the front matter that the tables have."""
    with store.reading() as connection:
        return _Rejoining(connection).of(source)


class _Rejoining:
    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._providers = {row.id: row for row in self._all(sa.select(providers))}
        self._images = {row.id: row._asdict() for row in self._all(sa.select(images))}
        named = sa.select(article_topics.c.article_id, topics.c.name).join(topics)
        self._topics = self._grouped(named.order_by(article_topics.c.position))
        authors, items = article_authors.c, collection_items.c
        self._authors = self._grouped(sa.select(authors.article_id, authors.name).order_by(authors.position))
        self._items = self._grouped(sa.select(items.article_id, items.item_path).order_by(items.position))
        uses = article_images.c
        self._uses = self._grouped(
            sa.select(uses.article_id, uses.image_id, uses.extra).order_by(uses.position)
        )
        uses = related_link_images.c
        self._link_uses = self._grouped(
            sa.select(uses.related_link_id, uses.image_id, uses.extra).order_by(uses.position)
        )
        self._links = self._grouped(
            sa.select(related_links.c.article_id, related_links).order_by(related_links.c.position)
        )

    def of(self, source: str) -> dict[str, dict[str, Any]]:
        query = sa.select(articles).join(sources).where(sources.c.name == source)
        return {row.path: self._article(row) for row in self._all(query)}

    def _all(self, query: Any) -> list[Any]:
        return list(self._connection.execute(query).all())

    def _grouped(self, query: Any) -> dict[int, list[Any]]:
        groups: dict[int, list[Any]] = defaultdict(list)
        for row in self._all(query):
            groups[row[0]].append(row)
        return groups

    def _article(self, row: Any) -> dict[str, Any]:
        extra = row.extra
        values = {key: getattr(row, column) for key, column in COLUMNS.items()}
        # Effective flags; a missing one means published, and not removed.
        values["published"] = row.published
        values["removed"] = row.removed
        values = {k: v for k, v in values.items() if v is not None}
        for key, other in (("title", "name"), ("excerpt", "bio")):
            if other in extra and values.get(key) == extra[other]:
                del values[key]
        values |= self._lists(row.id)
        if (provider := self._provider(row.provider_id, self._authors[row.id], extra)) is not None:
            values["provider"] = provider
        return values | {k: v for k, v in extra.items() if k != "provider"}

    def _lists(self, article_id: int) -> dict[str, Any]:
        lists = {
            "topics": [name for _, name in self._topics[article_id]],
            "images": [self._image(image_id, extra) for _, image_id, extra in self._uses[article_id]],
            "items": [path for _, path in self._items[article_id]],
            "related": [self._link(row) for row in self._links[article_id]],
        }
        return {k: v for k, v in lists.items() if v}

    def _provider(self, provider_id: int | None, authors: list[Any], extra: dict[str, Any]) -> Any:
        if provider_id is None:
            return extra.get("provider")
        row = self._providers[provider_id]
        stated = {k: v for k, v in (("name", row.name), ("domain", row.domain)) if v is not None}
        if authors:
            stated["authors"] = [{"name": name} for _, name in authors]
        return stated | extra.get("provider", {})

    def _image(self, image_id: int, extra: Any) -> Any:
        if extra is not None:
            return extra
        row = self._images[image_id]
        return {key: row[column] for key, column in IMAGE_COLUMNS.items() if row[column] is not None}

    def _link(self, row: Any) -> dict[str, Any]:
        extra = row.extra or {}
        values = {key: getattr(row, column) for key, column in LINK_COLUMNS.items()}
        values = {k: v for k, v in values.items() if v is not None}
        if uses := [self._image(image_id, extra) for _, image_id, extra in self._link_uses[row.id]]:
            values["images"] = uses
        if (provider := self._provider(row.provider_id, [], extra)) is not None:
            values["provider"] = provider
        return values | {k: v for k, v in extra.items() if k != "provider"}


def differences(store: Store, source: str, root: Path) -> list[str]:
    """Return the paths and keys in which tables and files differ; missing flags have their defaults."""
    found = []
    for path, ours in rejoined(store, source).items():
        theirs = {"published": True, "removed": False} | parsed(root / path)
        ours = {k: _as_instant(v, theirs.get(k)) for k, v in ours.items()}
        keys = [k for k in ours.keys() | theirs.keys() if ours.get(k, "absent") != theirs.get(k, "absent")]
        found += [f"{path}: {key}: {ours.get(key)!r} is not {theirs.get(key)!r}" for key in keys]
    return found


def _as_instant(ours: Any, theirs: Any) -> Any:
    """Return a date as an instant if it is stored as written because it has an offset."""
    if isinstance(theirs, dt.datetime) and isinstance(ours, str):
        return dt.datetime.fromisoformat(ours).astimezone(dt.UTC)
    return ours
