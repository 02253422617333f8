"""A batch of parsed documents into rows, in bulk: a handful of statements a table, none a document."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from ..backends import chunks, of
from ..document import Document
from ..faults import Fault
from ..scanning import MAX_PATH, collection_of, slug_of
from ..schema import (
    article_authors,
    article_images,
    article_topics,
    articles,
    collection_items,
    documents,
    related_link_images,
    related_links,
)
from ..urls import canonical_url, url_digest
from .audit import Audit
from .issues import IssueBook
from .merge import Effective, effective
from .outcomes import Fresh, Resealed
from .references import References
from .standing import Standing, read_standing

#: The tables whose rows are an article's own, and are written anew when it changes.
_OWN = (article_topics, article_images, article_authors, related_links, collection_items)

_COLUMNS: dict[sa.Table, tuple[str, ...]] = {
    articles: (
        "id", "source_id", "path", "collection", "slug", "category", "type", "title",
        "quality", "heat", "published", "removed",
        "upstream_quality", "upstream_heat", "upstream_published", "upstream_removed",
        "published_at", "updated_at", "provider_id", "first_import_id", "last_import_id", "missing_since",
        "content_hash", "canonical_digest", "canonical_url",
        "original_url", "web_url", "amp_web_url", "cdn_amp_web_url",
        "excerpt", "extra", "featured_content", "body",
    ),
    documents: ("article_id", "digest", "content"),
    article_topics: ("article_id", "position", "topic_id"),
    article_images: ("article_id", "position", "image_id", "extra"),
    article_authors: ("article_id", "position", "name"),
    related_links: (
        "id", "article_id", "position", "title", "excerpt", "published_at", "web_url", "canonical_digest",
        "type", "provider_id", "quality", "extra",
    ),
    related_link_images: ("related_link_id", "position", "image_id", "extra"),
    collection_items: ("article_id", "position", "item_path", "item_stem"),
}  # fmt: skip

_Rows = dict[sa.Table, list[tuple[Any, ...]]]


class ArticleWriter:
    """Writes the articles of one import, batch by batch; each call is part of the caller's transaction."""

    def __init__(self, source_id: int, import_id: int, book: IssueBook, audit: Audit) -> None:
        self._source_id = source_id
        self._import_id = import_id
        self._book = book
        self._audit = audit
        self._references = References()

    def write(self, connection: sa.Connection, fresh: Sequence[tuple[Fresh, Document]]) -> None:
        """Adds the new articles and brings the known ones to what their documents now say."""
        if not fresh:
            return
        self._references.resolve(connection, (document for _, document in fresh))
        known = {outcome.known.id for outcome, _ in fresh if outcome.known is not None}
        standing = read_standing(connection, sorted(known))
        new_ids = iter(of(connection).reserve_ids(connection, articles, len(fresh) - len(known)))
        rows: _Rows = {table: [] for table in _COLUMNS}
        changed: list[tuple[Any, ...]] = []
        for outcome, document in fresh:
            if outcome.known is None:
                article_id, was = next(new_ids), None
                target = rows[articles]
            else:
                article_id, was = outcome.known.id, standing[outcome.known.id]
                target = changed
            now = effective(document.flags, was.overrides if was else {})
            self._note(article_id, outcome, document, was, now)
            target.append(self._article(article_id, outcome, document, now, was))
            rows[documents].append((article_id, outcome.digest, outcome.content))
            self._add_parts(rows, article_id, document, outcome.file.path)
        _clear(connection, sorted(known))
        _update(connection, changed)
        self._insert(connection, rows)

    def reseal(self, connection: sa.Connection, resealed: Sequence[Resealed]) -> None:
        """Replaces the stored bytes of articles whose `secured` alone differs."""
        rows = [{"b_id": o.known.id, "digest": o.digest, "content": o.content} for o in resealed]
        if rows:
            statement = sa.update(documents).where(documents.c.article_id == sa.bindparam("b_id"))
            connection.execute(statement, rows)

    def _note(
        self, article_id: int, outcome: Fresh, document: Document, was: Standing | None, now: Effective
    ) -> None:
        """Keeps the faults of the file, and what the audit must know of an article that was there."""
        faults: list[Fault] = list(document.faults)
        if was is not None:
            said = self._book.fields_with(outcome.file.path, "upstream_parts")
            faults += was.partings(document.flags, {field for field in said if field})
            self._audit.add(article_id, was, now)
        self._book.settle(outcome.file.path, faults)

    def _article(
        self, article_id: int, outcome: Fresh, document: Document, now: Effective, was: Standing | None
    ) -> tuple[Any, ...]:
        path = outcome.file.path
        canonical = canonical_url(document.original_url) or canonical_url(document.web_url)
        first_import_id = self._import_id if was is None else was.first_import_id
        return (
            article_id, self._source_id, path, collection_of(path), document.slug or slug_of(path),
            document.category, document.type, document.title,
            *now, *document.flags,
            document.published_at, document.updated_at, self._references.provider_id(document.provider),
            first_import_id, self._import_id, None,
            outcome.content_hash, url_digest(canonical), canonical,
            document.original_url, document.web_url, document.amp_web_url, document.cdn_amp_web_url,
            document.excerpt, document.extra, document.featured_content, document.body,
        )  # fmt: skip

    def _add_parts(self, rows: _Rows, article_id: int, document: Document, path: str) -> None:
        use = self._references.image_use
        for position, name in document.topics:
            rows[article_topics].append((article_id, position, self._references.topic_id(name)))
        for position, image in enumerate(document.images):
            rows[article_images].append((article_id, position, *use(image)))
        for position, author in enumerate(document.authors):
            rows[article_authors].append((article_id, position, author))
        for position, item in enumerate(document.items):
            rows[collection_items].append((article_id, position, item, item_stem(path, item)))
        for position, link in enumerate(document.related):
            # The id is not known yet: `_insert` puts it in front, and before each image of the link.
            provider_id = self._references.provider_id(link.provider)
            digest = url_digest(canonical_url(link.web_url))
            values = (link.title, link.excerpt, link.published_at, link.web_url, digest, link.type)
            rows[related_links].append((article_id, position, *values, provider_id, link.quality, link.extra))
            rows[related_link_images].append(tuple(use(image) for image in link.images))

    def _insert(self, connection: sa.Connection, rows: _Rows) -> None:
        backend = of(connection)
        ids = backend.reserve_ids(connection, related_links, len(rows[related_links]))
        rows[related_links] = [(link_id, *row) for link_id, row in zip(ids, rows[related_links], strict=True)]
        rows[related_link_images] = [
            (link_id, position, *use)
            for link_id, uses in zip(ids, rows[related_link_images], strict=True)
            for position, use in enumerate(uses)
        ]
        for table, columns in _COLUMNS.items():
            if rows[table]:
                backend.bulk_insert(connection, table, columns, rows[table])


def item_stem(path: str, item: str) -> str | None:
    """`_learning/videos/x` for the item `videos/x` of `_learning/collections/y.md`: items lie below the
    folder above the collection's own. None for one that leads out of there."""
    above = path.split("/")[:-2]
    steps = item.split("/")
    stem = "/".join((*above, *steps))
    leads_out = "" in steps or ".." in steps or "." in steps
    return None if leads_out or len(stem) > MAX_PATH else stem


def _clear(connection: sa.Connection, article_ids: Sequence[int]) -> None:
    """Takes out what is written anew."""
    for ids in chunks(article_ids):
        for table in (*_OWN, documents):
            connection.execute(sa.delete(table).where(table.c.article_id.in_(ids)))


def _update(connection: sa.Connection, rows: Iterable[tuple[Any, ...]]) -> None:
    names = _COLUMNS[articles]
    values = [{f"b_{name}": value for name, value in zip(names, row, strict=True)} for row in rows]
    if values:
        changes: dict[str, Any] = {
            name: sa.bindparam(f"b_{name}") for name in names if name not in ("id", "source_id", "path")
        }
        for row in values:
            del row["b_source_id"], row["b_path"]
        connection.execute(
            sa.update(articles).where(articles.c.id == sa.bindparam("b_id")).values(changes), values
        )
