"""`_data/organizations` and `_data/topics`: what is known of providers and topics themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from ..backends import of
from ..document import Organization, TopicNote
from ..schema import (
    provider_aliases,
    provider_images,
    providers,
    taxonomy_documents,
    topics,
)
from .issues import IssueBook
from .outcomes import Fresh
from .references import References


class TaxonomyWriter:
    """Writes the taxonomy of one import; each call is part of the caller's transaction."""

    def __init__(self, source_id: int, import_id: int, book: IssueBook) -> None:
        self._source_id = source_id
        self._import_id = import_id
        self._book = book
        self._references = References()

    def write(self, connection: sa.Connection, fresh: Sequence[Fresh]) -> None:
        """Brings providers and topics to what their documents now say; the last one by path wins."""
        organizations = [(o, o.parsed) for o in fresh if isinstance(o.parsed, Organization)]
        notes = [(o, o.parsed) for o in fresh if isinstance(o.parsed, TopicNote)]
        self._write_organizations(connection, organizations)
        self._write_topics(connection, notes)

    def _write_organizations(
        self, connection: sa.Connection, fresh: Sequence[tuple[Fresh, Organization]]
    ) -> None:
        if not fresh:
            return
        references = self._references
        references.resolve_providers(connection, (o.provider for _, o in fresh))
        references.resolve_images(connection, (image for _, o in fresh for image in o.images))
        described = {references.provider_id(o.provider): o for _, o in fresh}
        connection.execute(
            sa.update(providers)
            .where(providers.c.id == sa.bindparam("b_id"))
            .values(description=sa.bindparam("b_description")),
            [{"b_id": key, "b_description": o.description} for key, o in described.items()],
        )
        aliases = [(key, i, alias) for key, o in described.items() for i, alias in enumerate(o.aliases)]
        pictures = [
            (key, i, references.image_use(image)[0])
            for key, o in described.items()
            for i, image in enumerate(o.images)
        ]
        for table, column, rows in (
            (provider_aliases, "name", aliases),
            (provider_images, "image_id", pictures),
        ):
            connection.execute(sa.delete(table).where(table.c.provider_id.in_(list(described))))
            of(connection).bulk_insert(connection, table, ("provider_id", "position", column), rows)
        self._keep(
            connection, [(o, references.provider_id(p.provider), None, p.front_matter) for o, p in fresh]
        )

    def _write_topics(self, connection: sa.Connection, fresh: Sequence[tuple[Fresh, TopicNote]]) -> None:
        if not fresh:
            return
        references = self._references
        names = [name for _, note in fresh for name in (note.parent, note.name) if name]
        references.resolve_topics(connection, names)
        connection.execute(
            sa.update(topics)
            .where(topics.c.id == sa.bindparam("b_id"))
            .values(slug=sa.bindparam("b_slug"), parent_id=sa.bindparam("b_parent")),
            [
                {
                    "b_id": references.topic_id(note.name),
                    "b_slug": note.slug,
                    "b_parent": references.topic_id(note.parent) if note.parent else None,
                }
                for _, note in fresh
            ],
        )
        self._keep(
            connection, [(o, None, references.topic_id(note.name), note.front_matter) for o, note in fresh]
        )

    def _keep(
        self, connection: sa.Connection, rows: Sequence[tuple[Fresh, int | None, int | None, str]]
    ) -> None:
        """Stores the documents themselves."""
        new: list[dict[str, Any]] = []
        known: list[dict[str, Any]] = []
        for outcome, provider_id, topic_id, front_matter in rows:
            values = {
                "provider_id": provider_id,
                "topic_id": topic_id,
                "front_matter": front_matter,
                "digest": outcome.digest,
                "content": outcome.content,
                "last_import_id": self._import_id,
                "missing_since": None,
            }
            self._book.settle(outcome.file.path, outcome.parsed.faults)
            if outcome.known is not None:
                known.append({"b_id": outcome.known.id, **values})
            else:
                mine = {"source_id": self._source_id, "first_import_id": self._import_id}
                new.append({**mine, "path": outcome.file.path, "kind": outcome.file.kind.value, **values})
        if new:
            connection.execute(sa.insert(taxonomy_documents), new)
        if known:
            connection.execute(
                sa.update(taxonomy_documents).where(taxonomy_documents.c.id == sa.bindparam("b_id")), known
            )
