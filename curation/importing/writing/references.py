"""What many documents share: providers, topics and images, each known by the digest of its identity."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from ...backends import backend_of
from ...store.schema import images, providers, topics
from ..reading.rows import FACTS, Facts, ImageUse, Rows


class References:
    """The ids of what the rows of one transaction refer to, by digest. They are not kept beyond it: another
    import may remove what nobody uses any more."""

    def __init__(self) -> None:
        self.providers: dict[bytes | None, int | None] = {None: None}
        self.topics: dict[bytes, int] = {}
        self._images: dict[bytes, tuple[int, str, Facts]] = {}
        #: Images that were used otherwise than their rows say.
        self.deviating: set[int] = set()

    @classmethod
    def resolve(cls, connection: sa.Connection, several: Iterable[Rows]) -> References:
        """Makes every provider, topic and image known, adding rows for the new ones; the caller holds
        `lock_references`."""
        references = cls()
        named: tuple[dict[bytes, Any], ...] = ({}, {}, {})
        for rows in several:
            named[0].update(rows.named_providers)
            named[1].update(rows.named_topics)
            for digest, image in rows.named_images.items():
                named[2].setdefault(digest, image)
        for digest, row_id in _ids(connection, providers, ("name", "domain"), named[0]).items():
            references.providers[digest] = row_id
        references.topics = _ids(connection, topics, ("name",), named[1])
        references._resolve_images(connection, named[2])
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

    def image_id(self, digest: bytes) -> int:
        return self._images[digest][0]

    def image_use(self, use: ImageUse) -> tuple[int, str | None]:
        """The id of an image's row, and the entry as written where the row does not give it back."""
        image_id, url, facts = self._images[use.image]
        if use.written is None and use.facts == facts:
            return image_id, None
        self.deviating.add(image_id)
        return image_id, use.as_written(url, facts)


def _ids(
    connection: sa.Connection,
    table: sa.Table,
    columns: tuple[str, ...],
    rows: Mapping[bytes, tuple[Any, ...]],
) -> dict[bytes, int]:
    """The id for each digest, adding the rows that are not there."""
    found = backend_of(connection).find_rows(connection, table, ("digest", "id"), list(rows))
    ids = {bytes(digest): row_id for digest, row_id in found}
    return ids | _insert(connection, table, columns, {d: row for d, row in rows.items() if d not in ids})


def _insert(
    connection: sa.Connection,
    table: sa.Table,
    columns: tuple[str, ...],
    rows: Mapping[bytes, tuple[Any, ...]],
) -> dict[bytes, int]:
    """Adds rows whose digests are known not to be there."""
    if not rows:
        return {}
    backend = backend_of(connection)
    ids = dict(zip(rows, backend.reserve_ids(connection, table, len(rows)), strict=True))
    tuples = [(ids[digest], digest, *row) for digest, row in rows.items()]
    backend.bulk_insert(connection, table, ("id", "digest", *columns), tuples)
    return ids
