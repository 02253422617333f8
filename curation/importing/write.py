"""A batch of read documents into rows, in bulk: a handful of statements a table, none a document."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, islice
from typing import Any

import sqlalchemy as sa

from ..backends import chunks, of
from ..faults import Fault
from ..flags import Flags
from ..schema import (
    article_authors,
    article_images,
    article_topics,
    articles,
    collection_items,
    documents,
    related_link_images,
    related_links,
    search_queue,
)
from .course import Books
from .merge import Merged, Story, is_another, merge
from .outcomes import Chunk, Read
from .references import References
from .rows import ARTICLE_COLUMNS, LINK_COLUMNS, ArticleRow, Rows
from .standing import Standing, note_takeovers, read_standing, write_decisions
from .sweep import Sweep
from .tasks import Task, What

#: The tables whose rows are an article's own, and are written anew when it changes.
_OWN = (article_topics, article_images, article_authors, related_links, collection_items, documents)

_NEW = ("id", "provider_id", "source_id", "first_import_id", "last_import_id", *ARTICLE_COLUMNS)
_CHANGED = ("id", "provider_id", "last_import_id", "missing_since", *ARTICLE_COLUMNS)
_UPSTREAM = slice(4, 8)
_STORY = slice(8, 10)


_COLUMNS: dict[sa.Table, tuple[str, ...]] = {
    documents: ("article_id", "digest", "content"),
    article_topics: ("article_id", "position", "topic_id"),
    article_images: ("article_id", "position", "image_id", "extra"),
    article_authors: ("article_id", "position", "name"),
    related_links: ("id", "article_id", "provider_id", *LINK_COLUMNS),
    related_link_images: ("related_link_id", "position", "image_id", "extra"),
    collection_items: ("article_id", "position", "item_path", "item_stem"),
}


class ArticleWriter:
    """Writes the articles of one import, batch by batch; each call is part of the caller's transaction."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def write(self, connection: sa.Connection, batch: Sequence[Chunk]) -> None:
        """Adds the new articles and brings the known ones to what their documents now say."""
        if not any(read.fresh for _, read in batch):
            return
        known = sorted(_known_ids(batch))
        sweep = Sweep()
        sweep.note_released(connection, known)
        rows = _BatchRows(connection, self._books, batch, known)
        for tasks, read in batch:
            rows.add(tasks, read)
        _clear(connection, known)
        rows.store(connection)
        sweep.settle_images(connection, rows.references.deviating)
        sweep.remove_orphans(connection)

    def reseal(self, connection: sa.Connection, batch: Sequence[Chunk]) -> None:
        """Replaces the stored bytes of articles whose `secured` alone differs."""
        rows = [
            (task.known.id, outcome.digest, outcome.content)
            for tasks, read in batch
            for task, outcome in zip(tasks, read.outcomes, strict=True)
            if outcome.what is What.RESEALED and task.known is not None
        ]
        if rows:
            of(connection).bulk_update(connection, documents, ("article_id", "digest", "content"), rows)


class _BatchRows:
    """The rows of one transaction, with ids in place of digests and places."""

    def __init__(
        self, connection: sa.Connection, books: Books, batch: Sequence[Chunk], known: Sequence[int]
    ) -> None:
        self._books = books
        backend = of(connection)
        self.references = References.resolve(connection, (read.rows for _, read in batch))
        self._standing = read_standing(connection, known)
        fresh = sum(len(read.fresh) for _, read in batch)
        self._new_ids = iter(backend.reserve_ids(connection, articles, fresh - len(known)))
        links = sum(len(read.rows.links) for _, read in batch)
        self._link_ids = iter(backend.reserve_ids(connection, related_links, links))
        self._new: list[tuple[Any, ...]] = []
        self._changed: list[tuple[Any, ...]] = []
        self._merged: list[tuple[int, Standing, Merged]] = []
        self._gone: list[tuple[int, Story]] = []
        self._parts: dict[sa.Table, list[tuple[Any, ...]]] = {table: [] for table in _COLUMNS}

    def add(self, tasks: Sequence[Task], read: Read) -> None:
        """Adds what was read of some files."""
        ids = []
        for place, number in enumerate(read.fresh):
            task, faults = tasks[number], read.outcomes[number].faults
            row, (_, content) = read.rows.articles[place], read.rows.documents[place]
            if task.known is None:
                ids.append(self._add_new(task.file.path, row, faults))
            else:
                ids.append(self._add_changed(task.file.path, task.known.id, row, content, faults))
        self._add_parts(read.rows, ids)

    def _add_new(self, path: str, row: ArticleRow, faults: tuple[Fault, ...]) -> int:
        article_id, import_id = next(self._new_ids), self._books.import_id
        provider_id = self.references.providers[row.provider]
        self._new.append((article_id, provider_id, self._books.source_id, import_id, import_id, *row.values))
        self._books.issues.settle(path, faults)
        return article_id

    def _add_changed(
        self, path: str, article_id: int, row: ArticleRow, content: bytes, faults: tuple[Fault, ...]
    ) -> int:
        was = self._standing[article_id]
        said = {name for name in self._books.issues.fields_with(path, "upstream_parts") if name}
        upstream, story = Flags(*row.values[_UPSTREAM]), Story(*row.values[_STORY])
        merged = merge(was.upstream, upstream, (was.story, story), was.overrides, was.set_aside, said)
        provider_id = self.references.providers[row.provider]
        values = (*merged.effective, *row.values[_UPSTREAM.start :])
        self._changed.append((article_id, provider_id, self._books.import_id, None, *values))
        self._merged.append((article_id, was, merged))
        if is_another(was.story, story):
            self._gone.append((article_id, was.story))
        self._books.issues.settle(path, (*faults, *merged.notices))
        self._books.audit.add(article_id, was, merged)
        self._books.versions.add_changed(
            path, (was.content, content), was.digest, was.missing_since, was.last_import_id
        )
        return article_id

    def _add_parts(self, rows: Rows, ids: Sequence[int]) -> None:
        """Adds what belongs to articles, their places being the positions in `ids`."""
        parts, topics, providers = self._parts, self.references.topics, self.references.providers
        use = self.references.image_use
        link_ids = list(islice(self._link_ids, len(rows.links)))
        parts[documents] += [(i, *document) for i, document in zip(ids, rows.documents, strict=True)]
        parts[article_topics] += [(ids[a], position, topics[topic]) for a, position, topic in rows.topics]
        parts[article_images] += [(ids[u.owner], u.position, *use(u)) for u in rows.images]
        parts[article_authors] += [(ids[a], *values) for a, *values in rows.authors]
        parts[collection_items] += [(ids[a], *values) for a, *values in rows.items]
        parts[related_links] += [
            (link_id, ids[link.article], providers[link.provider], *link.values)
            for link_id, link in zip(link_ids, rows.links, strict=True)
        ]
        parts[related_link_images] += [(link_ids[u.owner], u.position, *use(u)) for u in rows.link_images]

    def store(self, connection: sa.Connection) -> None:
        backend = of(connection)
        backend.bulk_insert(connection, articles, _NEW, self._new)
        backend.bulk_update(connection, articles, _CHANGED, self._changed)
        for table, columns in _COLUMNS.items():
            backend.bulk_insert(connection, table, columns, self._parts[table])
        write_decisions(connection, self._merged)
        note_takeovers(connection, self._gone)
        queue_for_search(connection, [row[0] for row in (*self._new, *self._changed)])


def queue_for_search(connection: sa.Connection, article_ids: Sequence[int]) -> None:
    """Has the full-text index take these articles in, or forget them, when it is next asked."""
    for ids in chunks(article_ids):
        connection.execute(sa.delete(search_queue).where(search_queue.c.article_id.in_(ids)))
    rows = [(article_id,) for article_id in article_ids]
    of(connection).bulk_insert(connection, search_queue, ("article_id",), rows)


def _known_ids(batch: Iterable[Chunk]) -> list[int]:
    """The ids of the fresh articles that the store has already."""
    known = ((tasks[number].known for number in read.fresh) for tasks, read in batch)
    return [found.id for found in chain.from_iterable(known) if found is not None]


def _clear(connection: sa.Connection, article_ids: Sequence[int]) -> None:
    """Takes out what is written anew."""
    for ids in chunks(article_ids):
        for table in _OWN:
            connection.execute(sa.delete(table).where(table.c.article_id.in_(ids)))
