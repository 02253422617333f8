"""What many documents share: providers, topics and images, each known by the digest of its identity."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from ..backends import chunks, of
from ..document import Document
from ..fields import Image, Provider, encode_image
from ..schema import images, providers, topics

#: What a row of `images` and a use of it may state alike: size, caching, title, attribution.
ImageFacts = tuple[int | None, int | None, bool | None, str | None, str | None]


class References:
    """The ids of what an import's documents refer to. Providers and topics are remembered for the whole
    import, being few; images, as many as the documents, for one batch."""

    def __init__(self) -> None:
        self._providers: dict[Provider, int] = {}
        self._topics: dict[str, int] = {}
        self._images: dict[str, tuple[int, ImageFacts]] = {}

    def resolve(self, connection: sa.Connection, documents: Iterable[Document]) -> None:
        """Makes every provider, topic and image of a batch known, adding rows for the new ones."""
        documents = list(documents)
        self.resolve_providers(connection, _providers_of(documents))
        self.resolve_topics(connection, (name for d in documents for _, name in d.topics))
        self.resolve_images(connection, _images_of(documents))

    def resolve_providers(self, connection: sa.Connection, wanted: Iterable[Provider]) -> None:
        new = {_provider_digest(p): p for p in dict.fromkeys(wanted) if p not in self._providers}
        rows = {digest: (p.name, p.domain) for digest, p in new.items()}
        for digest, row_id in _ids(connection, providers, ("name", "domain"), rows).items():
            self._providers[new[digest]] = row_id

    def resolve_topics(self, connection: sa.Connection, wanted: Iterable[str]) -> None:
        new = {_digest(name): name for name in dict.fromkeys(wanted) if name not in self._topics}
        rows = {digest: (name,) for digest, name in new.items()}
        for digest, row_id in _ids(connection, topics, ("name",), rows).items():
            self._topics[new[digest]] = row_id

    def resolve_images(self, connection: sa.Connection, wanted: Iterable[Image]) -> None:
        uses: dict[str, Image] = {}
        for image in wanted:
            uses.setdefault(image.url, image)
        by_digest = {_digest(url): image for url, image in uses.items()}
        known = _known_images(connection, by_digest)
        new = {
            digest: (image.url, *facts(image)) for digest, image in by_digest.items() if digest not in known
        }
        ids = _insert(connection, images, ("url", *_FACTS), new)
        self._images = {
            image.url: known.get(digest) or (ids[digest], facts(image)) for digest, image in by_digest.items()
        }

    def provider_id(self, provider: Provider | None) -> int | None:
        return None if provider is None else self._providers[provider]

    def topic_id(self, name: str) -> int:
        return self._topics[name]

    def image_use(self, image: Image) -> tuple[int, str | None]:
        """The id of an image's row, and the entry as written where the row does not give it back."""
        image_id, stored = self._images[image.url]
        if image.written is None and facts(image) == stored:
            return image_id, None
        return image_id, image.written or encode_image(image)


_FACTS = ("width", "height", "is_cached", "title", "attribution")


def facts(image: Image) -> ImageFacts:
    return (image.width, image.height, image.is_cached, image.title, image.attribution)


def _providers_of(documents: Iterable[Document]) -> Iterator[Provider]:
    for document in documents:
        if document.provider is not None:
            yield document.provider
        for link in document.related:
            if link.provider is not None:
                yield link.provider


def _images_of(documents: Iterable[Document]) -> Iterator[Image]:
    for document in documents:
        yield from document.images
        for link in document.related:
            yield from link.images


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _provider_digest(provider: Provider) -> bytes:
    # NUL is in no text, and the letters tell an empty name from none.
    name = "" if provider.name is None else f"n{provider.name}"
    domain = "" if provider.domain is None else f"d{provider.domain}"
    return _digest(f"{name}\0{domain}")


def _ids(
    connection: sa.Connection,
    table: sa.Table,
    columns: tuple[str, ...],
    rows: Mapping[bytes, tuple[Any, ...]],
) -> dict[bytes, int]:
    """The id for each digest, adding the rows that are not there."""
    ids: dict[bytes, int] = {}
    for digests in chunks(list(rows)):
        found = connection.execute(sa.select(table.c.digest, table.c.id).where(table.c.digest.in_(digests)))
        ids |= {bytes(digest): row_id for digest, row_id in found}
    return ids | _insert(connection, table, columns, {d: row for d, row in rows.items() if d not in ids})


def _known_images(
    connection: sa.Connection, wanted: Mapping[bytes, Image]
) -> dict[bytes, tuple[int, ImageFacts]]:
    columns = (images.c.digest, images.c.id, *(images.c[name] for name in _FACTS))
    known: dict[bytes, tuple[int, ImageFacts]] = {}
    for digests in chunks(list(wanted)):
        for digest, image_id, *stored in connection.execute(
            sa.select(*columns).where(images.c.digest.in_(digests))
        ):
            width, height, is_cached, title, attribution = stored
            known[bytes(digest)] = (image_id, (width, height, is_cached, title, attribution))
    return known


def _insert(
    connection: sa.Connection,
    table: sa.Table,
    columns: tuple[str, ...],
    rows: Mapping[bytes, tuple[Any, ...]],
) -> dict[bytes, int]:
    """Adds rows whose digests are known not to be there; the caller holds `lock_references`."""
    if not rows:
        return {}
    backend = of(connection)
    ids = dict(zip(rows, backend.reserve_ids(connection, table, len(rows)), strict=True))
    tuples = ((ids[digest], digest, *row) for digest, row in rows.items())
    backend.bulk_insert(connection, table, ("id", "digest", *columns), tuples)
    return ids
