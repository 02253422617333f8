"""Find or add the rows that documents share: providers, topics and images, identified by digests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from ...backends import backend_of
from ...store.schema import images, providers, topics
from ..reading.rows import FACTS, Facts, ImageUse, Rows


class References:
    """The ids of the providers, topics and images of one transaction, by digest.

    They are valid only within the transaction, because another import may remove orphans afterwards.
    """

    def __init__(self) -> None:
        self.providers: dict[bytes | None, int | None] = {None: None}
        self.topics: dict[bytes, int] = {}
        self._images: dict[bytes, tuple[int, str, Facts]] = {}
        #: Ids of images with a use whose facts differ from the image's row.
        self.deviating: set[int] = set()

    @classmethod
    def resolve(cls, connection: sa.Connection, rows_of_chunks: Iterable[Rows]) -> References:
        """Find the ids of all providers, topics and images, and add rows for new ones.

        The caller has called `lock_references`, and commits.
        """
        references = cls()
        named_providers: dict[bytes, Any] = {}
        named_topics: dict[bytes, Any] = {}
        named_images: dict[bytes, Any] = {}
        for rows in rows_of_chunks:
            named_providers.update(rows.named_providers)
            named_topics.update(rows.named_topics)
            for digest, image in rows.named_images.items():
                named_images.setdefault(digest, image)
        for digest, row_id in _find_or_add(
            connection, providers, ("name", "domain"), named_providers
        ).items():
            references.providers[digest] = row_id
        references.topics = _find_or_add(connection, topics, ("name",), named_topics)
        references._resolve_images(connection, named_images)
        return references

    def _resolve_images(self, connection: sa.Connection, named: Mapping[bytes, tuple[Any, ...]]) -> None:
        columns = ("digest", "id", *FACTS)
        known = {
            bytes(digest): (image_id, (width, height, is_cached, title, attribution))
            for digest, image_id, width, height, is_cached, title, attribution in backend_of(
                connection
            ).find_rows(connection, images, columns, list(named))
        }
        new = {digest: image for digest, image in named.items() if digest not in known}
        ids = _insert(connection, images, ("url", *FACTS), new)
        for digest, (url, *facts) in named.items():
            width, height, is_cached, title, attribution = facts
            row = known.get(digest) or (ids[digest], (width, height, is_cached, title, attribution))
            self._images[digest] = (row[0], url, row[1])

    def get_image_id(self, digest: bytes) -> int:
        """Return the id of an image's row."""
        return self._images[digest][0]

    def get_image_use(self, use: ImageUse) -> tuple[int, str | None]:
        """Return the id of an image's row, and the entry as written if it differs from the row."""
        image_id, url, facts = self._images[use.image]
        if use.written is None and use.facts == facts:
            return image_id, None
        self.deviating.add(image_id)
        return image_id, use.as_written(url, facts)


def _find_or_add(
    connection: sa.Connection,
    table: sa.Table,
    columns: tuple[str, ...],
    rows: Mapping[bytes, tuple[Any, ...]],
) -> dict[bytes, int]:
    """Return the id for each digest. Add the rows that do not exist."""
    found = backend_of(connection).find_rows(connection, table, ("digest", "id"), list(rows))
    ids = {bytes(digest): row_id for digest, row_id in found}
    return ids | _insert(connection, table, columns, {d: row for d, row in rows.items() if d not in ids})


def _insert(
    connection: sa.Connection,
    table: sa.Table,
    columns: tuple[str, ...],
    rows: Mapping[bytes, tuple[Any, ...]],
) -> dict[bytes, int]:
    """Add rows whose digests do not exist yet. Return their ids by digest."""
    if not rows:
        return {}
    backend = backend_of(connection)
    ids = dict(zip(rows, backend.reserve_ids(connection, table, len(rows)), strict=True))
    tuples = [(ids[digest], digest, *row) for digest, row in rows.items()]
    backend.bulk_insert(connection, table, ("id", "digest", *columns), tuples)
    return ids
