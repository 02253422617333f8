"""`_data/organizations` and `_data/topics`: what is known of providers and topics themselves.

What a provider or topic says is derived from the documents that are present, of all sources, the last by
source and path having the last word; so it comes out alike in whatever order they came.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from ...backends import backend_of
from ...backends.base import chunks
from ...documents.parsing import Organization, Topic, parse_organization, parse_topic
from ...store.schema import (
    images,
    provider_aliases,
    provider_images,
    providers,
    sources,
    taxonomy_documents,
    topics,
)
from ..reading.files import Chunk
from ..reading.rows import Rows, provider_digest, topic_digest
from ..records.import_records import ImportRecords
from .orphans import Orphans
from .references import References


class TaxonomyWriter:
    """Writes the taxonomy of one import; each call is part of the caller's transaction."""

    def __init__(self, records: ImportRecords) -> None:
        self._records = records

    def write(self, connection: sa.Connection, batch: Sequence[Chunk]) -> None:
        """Keeps the documents, and brings providers and topics to what they now say."""
        fresh = [(tasks[note.task], read, note) for tasks, read in batch for note in read.notes]
        if not fresh:
            return
        rows = Rows()
        for _, _, note in fresh:
            _name(rows, note.parsed)
        references = References.resolve(connection, [rows])
        known = _known(connection, [task.known.id for task, _, _ in fresh if task.known is not None])
        new, changed = [], []
        for task, read, note in fresh:
            self._records.issues.settle(task.file.path, read.outcomes[note.task].issues)
            values = (
                *_identity(references, note.parsed), note.parsed.front_matter, note.digest, note.content,
                self._records.import_id, None,
            )  # fmt: skip
            if task.known is None:
                path, kind = task.file.path, task.file.kind.value
                new.append((self._records.source_id, path, kind, self._records.import_id, *values))
            else:
                changed.append((task.known.id, *values))
                self._keep_version(known[task.known.id], note.content)
        backend = backend_of(connection)
        ids = backend.reserve_ids(connection, taxonomy_documents, len(new))
        backend.bulk_insert(
            connection, taxonomy_documents, _NEW, [(i, *row) for i, row in zip(ids, new, strict=True)]
        )
        backend.bulk_update(connection, taxonomy_documents, ("id", *_SAID), changed)
        described = Described.of(known.values())
        described.add(references.providers.values(), references.topics.values())
        described.describe(connection)

    def _keep_version(self, was: Any, content: bytes) -> None:
        contents = (bytes(was.content), content)
        self._records.versions.add_changed(
            was.path, contents, bytes(was.digest), was.missing_since, was.last_import_id
        )


#: What a document decides of its row.
_SAID = (
    "provider_id", "topic_id", "front_matter", "digest", "content", "last_import_id", "missing_since",
)  # fmt: skip
_NEW = ("id", "source_id", "path", "kind", "first_import_id", *_SAID)


def mark_taxonomy(connection: sa.Connection, row_ids: Sequence[int], since: dt.datetime | None) -> None:
    """Marks documents whose files are not there since an instant (None: are there again), and brings
    providers and topics to what the others say."""
    known = _known(connection, row_ids)
    for ids in chunks(row_ids):
        mine = taxonomy_documents.c.id.in_(ids)
        connection.execute(sa.update(taxonomy_documents).where(mine).values(missing_since=since))
    Described.of(known.values()).describe(connection)


def delete_taxonomy(connection: sa.Connection, row_ids: Sequence[int]) -> None:
    """Takes documents out, and brings providers and topics to what the others say."""
    known = _known(connection, row_ids)
    for ids in chunks(row_ids):
        connection.execute(sa.delete(taxonomy_documents).where(taxonomy_documents.c.id.in_(ids)))
    Described.of(known.values()).describe(connection)


def _known(connection: sa.Connection, row_ids: Sequence[int]) -> dict[int, Any]:
    known: dict[int, Any] = {}
    for ids in chunks(row_ids):
        query = sa.select(taxonomy_documents).where(taxonomy_documents.c.id.in_(ids))
        known |= {row.id: row for row in connection.execute(query)}
    return known


def _name(rows: Rows, parsed: Organization | Topic) -> None:
    if isinstance(parsed, Organization):
        rows.provider(parsed.provider)
    else:
        rows.topic(parsed.name)


def _identity(references: References, parsed: Organization | Topic) -> tuple[int | None, int | None]:
    """The provider and the topic that a document is about: one of the two."""
    if isinstance(parsed, Organization):
        return references.providers[provider_digest(parsed.provider)], None
    return None, references.topics[topic_digest(parsed.name)]


class Described:
    """Providers and topics whose documents have changed."""

    def __init__(self) -> None:
        self._providers: set[int] = set()
        self._topics: set[int] = set()

    @classmethod
    def of(cls, documents: Iterable[Any]) -> Described:
        """Those that these rows of `taxonomy_documents` are about."""
        described = cls()
        for row in documents:
            described.add([row.provider_id], [row.topic_id])
        return described

    def add(self, provider_ids: Iterable[int | None], topic_ids: Iterable[int | None]) -> None:
        self._providers.update(row_id for row_id in provider_ids if row_id is not None)
        self._topics.update(row_id for row_id in topic_ids if row_id is not None)

    def describe(self, connection: sa.Connection) -> None:
        """Brings them to what the documents that are present say."""
        orphans = Orphans()
        orphans.release(providers, self._providers)
        orphans.release(topics, self._topics)
        for some in chunks(sorted(self._providers)):
            _describe_providers(connection, some, orphans)
        for some in chunks(sorted(self._topics)):
            _describe_topics(connection, some, orphans)
        orphans.settle_images(connection, ())
        orphans.remove_orphans(connection)


def present_documents(
    connection: sa.Connection, column: sa.Column[Any], ids: Sequence[int]
) -> list[tuple[int, bytes]]:
    """What the present documents about some providers or topics say, the last word last."""
    query = (
        sa.select(column, taxonomy_documents.c.content)
        .join(sources, sources.c.id == taxonomy_documents.c.source_id)
        .where(column.in_(ids), taxonomy_documents.c.missing_since.is_(None))
        .order_by(sources.c.name, taxonomy_documents.c.path)
    )
    return [(row_id, bytes(content)) for row_id, content in connection.execute(query)]


def _describe_providers(connection: sa.Connection, ids: Sequence[int], orphans: Orphans) -> None:
    found = present_documents(connection, taxonomy_documents.c.provider_id, ids)
    said = {row_id: parsed for row_id, content in found if (parsed := parse_organization(content))}
    rows = Rows()
    shown = [(i, n, rows.image(image)) for i, o in said.items() for n, image in enumerate(o.images)]
    references = References.resolve(connection, [rows])
    used = sa.select(provider_images.c.image_id).where(provider_images.c.provider_id.in_(ids))
    orphans.release(images, connection.scalars(used))
    orphans.release(images, (references.image_id(digest) for _, _, digest in shown))
    backend = backend_of(connection)
    aliases = [(i, n, name) for i, o in said.items() for n, name in enumerate(o.aliases)]
    for table, column, values in (
        (provider_aliases, "name", aliases),
        (provider_images, "image_id", [(i, n, references.image_id(digest)) for i, n, digest in shown]),
    ):
        connection.execute(sa.delete(table).where(table.c.provider_id.in_(ids)))
        backend.bulk_insert(connection, table, ("provider_id", "position", column), values)
    descriptions = [(i, said[i].description if i in said else None) for i in ids]
    backend.bulk_update(connection, providers, ("id", "description"), descriptions)


def _describe_topics(connection: sa.Connection, ids: Sequence[int], orphans: Orphans) -> None:
    found = present_documents(connection, taxonomy_documents.c.topic_id, ids)
    said = {row_id: parse_topic(content) for row_id, content in found}
    rows = Rows()
    above = {row_id: rows.topic(note.parent) for row_id, note in said.items() if note.parent}
    references = References.resolve(connection, [rows])
    orphans.release(topics, connection.scalars(sa.select(topics.c.parent_id).where(topics.c.id.in_(ids))))
    values = [
        (i, said[i].slug if i in said else None, references.topics[above[i]] if i in above else None)
        for i in ids
    ]
    backend_of(connection).bulk_update(connection, topics, ("id", "slug", "parent_id"), values)
