"""Write the documents of `_data/organizations` and `_data/topics`, and update providers and topics.

The values of a provider or topic come from the documents that are present, of all sources. The last document
by source and path takes precedence, so that the result does not depend on the order of imports.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
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
from ..reading.rows import Rows, digest_provider, digest_topic
from ..records.import_records import ImportRecords
from .orphans import Orphans
from .references import References


class TaxonomyWriter:
    """Writer of the taxonomy of one import. The caller of each method commits."""

    def __init__(self, records: ImportRecords) -> None:
        self._records = records

    def write(self, connection: sa.Connection, batch: Sequence[Chunk]) -> None:
        """Write the taxonomy documents of a batch, and update their providers and topics."""
        fresh = [(tasks[note.task], read, note) for tasks, read in batch for note in read.taxonomy]
        if not fresh:
            return
        rows = Rows()
        for _, _, note in fresh:
            _add_name(rows, note.parsed)
        references = References.resolve(connection, [rows])
        known = _read_documents(connection, [task.known.id for task, _, _ in fresh if task.known is not None])
        new, changed = [], []
        for task, read, note in fresh:
            self._records.issues.set_open(task.file.path, read.outcomes[note.task].issues)
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
            connection,
            taxonomy_documents,
            _INSERTED_COLUMNS,
            [(i, *row) for i, row in zip(ids, new, strict=True)],
        )
        backend.bulk_update(connection, taxonomy_documents, ("id", *_DOCUMENT_COLUMNS), changed)
        changed_taxonomy = ChangedTaxonomy.from_documents(known.values())
        changed_taxonomy.add(references.providers.values(), references.topics.values())
        changed_taxonomy.update(connection)

    def _keep_version(self, stored: Any, content: bytes) -> None:
        contents = (bytes(stored.content), content)
        self._records.versions.add_changed(
            stored.path, contents, bytes(stored.digest), stored.missing_since, stored.last_import_id
        )


#: The columns of `taxonomy_documents` that depend on the document.
_DOCUMENT_COLUMNS = (
    "provider_id", "topic_id", "front_matter", "digest", "content", "last_import_id", "missing_since",
)  # fmt: skip
_INSERTED_COLUMNS = ("id", "source_id", "path", "kind", "first_import_id", *_DOCUMENT_COLUMNS)


def mark_taxonomy(connection: sa.Connection, row_ids: Sequence[int], since: dt.datetime | None) -> None:
    """Mark documents as missing or present, and update their providers and topics. The caller commits.

    Args:
        since: The time since when they are missing, UTC; None to mark them as present.
    """
    known = _read_documents(connection, row_ids)
    for ids in chunks(row_ids):
        mine = taxonomy_documents.c.id.in_(ids)
        connection.execute(sa.update(taxonomy_documents).where(mine).values(missing_since=since))
    ChangedTaxonomy.from_documents(known.values()).update(connection)


def delete_taxonomy(connection: sa.Connection, row_ids: Sequence[int]) -> None:
    """Delete documents, and update their providers and topics. The caller commits."""
    known = _read_documents(connection, row_ids)
    for ids in chunks(row_ids):
        connection.execute(sa.delete(taxonomy_documents).where(taxonomy_documents.c.id.in_(ids)))
    ChangedTaxonomy.from_documents(known.values()).update(connection)


def _read_documents(connection: sa.Connection, row_ids: Sequence[int]) -> dict[int, Any]:
    known: dict[int, Any] = {}
    for ids in chunks(row_ids):
        query = sa.select(taxonomy_documents).where(taxonomy_documents.c.id.in_(ids))
        known |= {row.id: row for row in connection.execute(query)}
    return known


def _add_name(rows: Rows, parsed: Organization | Topic) -> None:
    if isinstance(parsed, Organization):
        rows.add_provider(parsed.provider)
    else:
        rows.add_topic(parsed.name)


def _identity(references: References, parsed: Organization | Topic) -> tuple[int | None, int | None]:
    """Return the ids of the provider and the topic that a document describes; one of both is None."""
    if isinstance(parsed, Organization):
        return references.providers[digest_provider(parsed.provider)], None
    return None, references.topics[digest_topic(parsed.name)]


class ChangedTaxonomy:
    """The providers and topics whose documents have changed."""

    def __init__(self) -> None:
        self._providers: set[int] = set()
        self._topics: set[int] = set()

    @classmethod
    def from_documents(cls, documents: Iterable[Any]) -> ChangedTaxonomy:
        """Return the providers and topics of these rows of `taxonomy_documents`."""
        changed_taxonomy = cls()
        for row in documents:
            changed_taxonomy.add([row.provider_id], [row.topic_id])
        return changed_taxonomy

    def add(self, provider_ids: Iterable[int | None], topic_ids: Iterable[int | None]) -> None:
        self._providers.update(row_id for row_id in provider_ids if row_id is not None)
        self._topics.update(row_id for row_id in topic_ids if row_id is not None)

    def update(self, connection: sa.Connection) -> None:
        """Update the rows of these providers and topics from the documents that are present."""
        orphans = Orphans()
        orphans.release(providers, self._providers)
        orphans.release(topics, self._topics)
        for some in chunks(sorted(self._providers)):
            _update_providers(connection, some, orphans)
        for some in chunks(sorted(self._topics)):
            _update_topics(connection, some, orphans)
        orphans.refresh_images(connection, ())
        orphans.remove_orphans(connection)


def read_present_documents(
    connection: sa.Connection, column: sa.Column[Any], ids: Sequence[int]
) -> list[tuple[int, bytes]]:
    """Return the contents of the documents that are present, in rising order of precedence.

    Args:
        column: The column of `taxonomy_documents` that refers to providers or topics.
        ids: The ids in this column.

    Returns:
        Pairs of a provider or topic id and the document's bytes.
    """
    query = (
        sa.select(column, taxonomy_documents.c.content)
        .join(sources, sources.c.id == taxonomy_documents.c.source_id)
        .where(column.in_(ids), taxonomy_documents.c.missing_since.is_(None))
        .order_by(sources.c.name, taxonomy_documents.c.path)
    )
    return [(row_id, bytes(content)) for row_id, content in connection.execute(query)]


def _update_providers(connection: sa.Connection, ids: Sequence[int], orphans: Orphans) -> None:
    found = read_present_documents(connection, taxonomy_documents.c.provider_id, ids)
    parsed_by_id = {row_id: parsed for row_id, content in found if (parsed := parse_organization(content))}
    shown = _resolve_images(connection, parsed_by_id)
    used = sa.select(provider_images.c.image_id).where(provider_images.c.provider_id.in_(ids))
    orphans.release(images, connection.scalars(used))
    orphans.release(images, (image_id for _, _, image_id in shown))
    backend = backend_of(connection)
    aliases = [(i, n, name) for i, o in parsed_by_id.items() for n, name in enumerate(o.aliases)]
    for table, column, values in (
        (provider_aliases, "name", aliases),
        (provider_images, "image_id", shown),
    ):
        connection.execute(sa.delete(table).where(table.c.provider_id.in_(ids)))
        backend.bulk_insert(connection, table, ("provider_id", "position", column), values)
    descriptions = [(i, parsed_by_id[i].description if i in parsed_by_id else None) for i in ids]
    backend.bulk_update(connection, providers, ("id", "description"), descriptions)


def _resolve_images(
    connection: sa.Connection, organizations: Mapping[int, Organization]
) -> list[tuple[int, int, int]]:
    """Return the provider, position and image id of each image that organizations show."""
    rows = Rows()
    shown = [
        (i, n, rows.add_image(image)) for i, o in organizations.items() for n, image in enumerate(o.images)
    ]
    references = References.resolve(connection, [rows])
    return [(i, n, references.get_image_id(digest)) for i, n, digest in shown]


def _update_topics(connection: sa.Connection, ids: Sequence[int], orphans: Orphans) -> None:
    found = read_present_documents(connection, taxonomy_documents.c.topic_id, ids)
    parsed_by_id = {row_id: parse_topic(content) for row_id, content in found}
    rows = Rows()
    parent_digests = {
        row_id: rows.add_topic(note.parent) for row_id, note in parsed_by_id.items() if note.parent
    }
    references = References.resolve(connection, [rows])
    orphans.release(topics, connection.scalars(sa.select(topics.c.parent_id).where(topics.c.id.in_(ids))))
    values = [
        (
            i,
            parsed_by_id[i].slug if i in parsed_by_id else None,
            references.topics[parent_digests[i]] if i in parent_digests else None,
        )
        for i in ids
    ]
    backend_of(connection).bulk_update(connection, topics, ("id", "slug", "parent_id"), values)
