"""Choose the facts of an image's row when its uses state different facts.

The row has the facts of the first use in this order, each sorted by source and path:

1. images of articles that are present, then images of their links
2. images of organizations
3. images of articles that are missing

A use with other facts keeps its own entry. The result does not depend on the order of imports.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from ...backends.base import chunks
from ...documents.entries import Image, encode_image
from ...documents.fields import read_image
from ...documents.issues import Reading
from ...documents.parsing import Document, parse_article, parse_organization
from ...errors import DocumentError
from ...store.schema import (
    article_images,
    articles,
    documents,
    images,
    provider_images,
    related_link_images,
    related_links,
    sources,
    taxonomy_documents,
)
from ..reading.rows import FACTS, Facts


class _StoredUse(NamedTuple):
    """A use of an image by an article or a link.

    Attributes:
        table: `article_images` or `related_link_images`.
        key: Id of the article or link.
        position: Position of the image in the article or link.
        written: The entry as JSON, if it differs from the image's row.
        is_missing: Whether the article is missing.
    """

    table: sa.Table
    key: int
    position: int
    written: str | None
    is_missing: bool


class OutdatedImage(NamedTuple):
    """An image whose row has other facts (`stored`) than its first use (`expected`)."""

    id: int
    url: str
    stored: Facts
    expected: Facts
    uses: Sequence[_StoredUse]

    @property
    def differing_columns(self) -> list[str]:
        """The names of the columns that differ."""
        return [
            name
            for name, stored, expected in zip(FACTS, self.stored, self.expected, strict=True)
            if stored != expected
        ]


def refresh_images(connection: sa.Connection, image_ids: Collection[int]) -> None:
    """Update the rows of these images to the facts of their first use. The caller commits."""
    for image in find_outdated_images(connection, image_ids):
        _refresh(connection, image)


def find_outdated_images(connection: sa.Connection, image_ids: Collection[int]) -> Iterator[OutdatedImage]:
    """Yield the images among these whose rows have other facts than their first use."""
    for some in chunks(sorted(image_ids)):
        uses = _read_uses(connection, some)
        without_present_use = [i for i in some if all(use.is_missing for use in uses.get(i, ()))]
        by_organizations = _read_facts_of_organizations(connection, without_present_use)
        # If no use has its own entry, all uses agree with the row.
        may_differ = [i for i in some if i in by_organizations or any(use.written for use in uses.get(i, ()))]
        if not may_differ:
            continue
        yield from _compare_rows(connection, may_differ, uses, by_organizations)


def _compare_rows(
    connection: sa.Connection,
    image_ids: Sequence[int],
    uses: Mapping[int, Sequence[_StoredUse]],
    by_organizations: Mapping[int, Facts],
) -> Iterator[OutdatedImage]:
    """Yield the images whose rows have other facts than their first use.

    Args:
        by_organizations: The facts that organizations state, for images that no present article uses.
    """
    columns = (images.c.id, images.c.url, *(images.c[name] for name in FACTS))
    rows = connection.execute(sa.select(*columns).where(images.c.id.in_(image_ids))).all()
    for image_id, url, *row in rows:
        used = uses.get(image_id, ())
        stored = _facts(*row)
        expected = by_organizations.get(image_id)
        if expected is None:
            expected = stored if used[0].written is None else _read_facts(connection, used[0])
        if expected != stored:
            yield OutdatedImage(image_id, url, stored, expected, used)


def _facts(
    width: int | None, height: int | None, is_cached: bool | None, title: str | None, attribution: str | None
) -> Facts:
    return width, height, is_cached, title, attribution


def _read_uses(connection: sa.Connection, image_ids: Sequence[int]) -> dict[int, list[_StoredUse]]:
    """Return the uses of images by articles and links, by image id, in order of precedence."""
    uses: dict[int, list[_StoredUse]] = {}
    for table, query in _make_queries(image_ids).items():
        for image_id, key, position, extra, since in connection.execute(query):
            written = None if extra is None else _encode(extra)
            uses.setdefault(image_id, []).append(_StoredUse(table, key, position, written, since is not None))
    for found in uses.values():
        found.sort(key=lambda use: use.is_missing)
    return uses


def _encode(entry: Any) -> str:
    return json.dumps(entry, ensure_ascii=False, separators=(",", ":"))


def _make_queries(image_ids: Sequence[int]) -> Mapping[sa.Table, sa.Select[Any]]:
    """Return the query for the uses of images in each table."""
    own, used, link = article_images.c, related_link_images.c, related_links.c
    order, since = (sources.c.name, articles.c.path), articles.c.missing_since
    of_articles = (
        sa.select(own.image_id, own.article_id, own.position, own.extra, since)
        .join(articles, articles.c.id == own.article_id)
        .join(sources, sources.c.id == articles.c.source_id)
        .where(own.image_id.in_(image_ids))
        .order_by(*order, own.position)
    )
    of_links = (
        sa.select(used.image_id, used.related_link_id, used.position, used.extra, since)
        .join(related_links, link.id == used.related_link_id)
        .join(articles, articles.c.id == link.article_id)
        .join(sources, sources.c.id == articles.c.source_id)
        .where(used.image_id.in_(image_ids))
        .order_by(*order, link.position, used.position)
    )
    return {article_images: of_articles, related_link_images: of_links}


def _read_facts_of_organizations(connection: sa.Connection, image_ids: Sequence[int]) -> dict[int, Facts]:
    """Return the facts of each image as stated by the first organization that shows it."""
    if not image_ids:
        return {}
    shown = sa.select(provider_images.c.provider_id, images.c.id, images.c.url).join(images)
    wanted: dict[int, dict[str, int]] = {}
    for provider_id, image_id, url in connection.execute(shown.where(images.c.id.in_(image_ids))):
        wanted.setdefault(provider_id, {})[url] = image_id
    note = taxonomy_documents.c
    query = (
        sa.select(note.provider_id, note.content)
        .join(sources, sources.c.id == note.source_id)
        .where(note.provider_id.in_(list(wanted)), note.missing_since.is_(None))
        .order_by(sources.c.name, note.path)
    )
    last = {provider_id: bytes(content) for provider_id, content in connection.execute(query)}
    found: dict[int, Facts] = {}
    for provider_id, content in last.items():
        organization = parse_organization(content)
        for image in organization.images if organization else ():
            image_id = wanted[provider_id].get(image.url)
            if image_id is not None:
                found.setdefault(image_id, image[1:6])
    return found


def _refresh(connection: sa.Connection, image: OutdatedImage) -> None:
    """Update an image's row, and the entry of each use that differs from the row before or after."""
    row = images.c.id == image.id
    connection.execute(sa.update(images).where(row).values(dict(zip(FACTS, image.expected, strict=True))))
    before, now = (encode_image(Image(image.url, *facts, None)) for facts in (image.stored, image.expected))
    for table, key, position, written, _ in image.uses:
        becomes = before if written is None else None if written == now else written
        if becomes != written:
            owner = table.c.article_id if table is article_images else table.c.related_link_id
            mine = sa.and_(owner == key, table.c.position == position)
            connection.execute(sa.update(table).where(mine).values(extra=becomes))


class _Entry(Reading):
    """An image's entry that is read from JSON instead of its document.

    `needs_document` is set if that is not enough: JSON does not keep the spelling of a number.
    """

    def __init__(self) -> None:
        super().__init__({}, "", "", None, [], first_line=1)
        self.needs_document = False

    def find_unquoted_text(self, path: tuple[str | int, ...]) -> str | None:
        del path
        self.needs_document = True
        return None


def _read_facts(connection: sa.Connection, use: _StoredUse) -> Facts:
    """Return the facts that the entry of a use states, read by the rules for documents."""
    entry = _Entry()
    image = read_image(json.loads(use.written or "null"), (), entry)
    if image is None or entry.needs_document:
        image = _find_in_document(connection, use) or image
    return image[1:6] if image else (None,) * 5


def _find_in_document(connection: sa.Connection, use: _StoredUse) -> Image | None:
    """Return the image of a use as stated in its document; None if the document no longer has it."""
    link = related_links.c
    if use.table is article_images:
        query = sa.select(documents.c.content, sa.null()).where(documents.c.article_id == use.key)
    else:
        joined = documents.join(related_links, link.article_id == documents.c.article_id)
        query = sa.select(documents.c.content, link.position).select_from(joined).where(link.id == use.key)
    content, place = connection.execute(query).one()
    try:
        document = parse_article(bytes(content))
    except DocumentError:  # a later release may read more strictly than the one that imported it
        return None
    shown = _images_at(document, place) if document else ()
    return shown[use.position] if use.position < len(shown) else None


def _images_at(document: Document, place: int | None) -> Sequence[Image]:
    """Return the images of a document, or of its related link at this position if one is given."""
    if place is None:
        return document.images
    return document.related[place].images if place < len(document.related) else ()
