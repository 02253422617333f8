"""What the row of an image says, where those who use it say different things.

The first use decides: by source and path, present articles' own images before those of their links, then
organizations, then articles that are missing. Uses that say otherwise keep their entries beside them. So it
comes out alike in whatever order documents came.
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


class _Use(NamedTuple):
    """A use by an article or a link: where it stands, and its entry where the image's row is otherwise."""

    table: sa.Table
    key: int
    position: int
    written: str | None
    is_missing: bool


class Unsettled(NamedTuple):
    """An image whose row says otherwise than its first use: what it says, and what it ought to say."""

    id: int
    url: str
    stored: Facts
    due: Facts
    uses: Sequence[_Use]

    @property
    def names(self) -> list[str]:
        """The columns that differ."""
        return [name for name, is_, ought in zip(FACTS, self.stored, self.due, strict=True) if is_ != ought]


def settle_images(connection: sa.Connection, image_ids: Collection[int]) -> None:
    """Lets the rows of these images say what their first use says."""
    for image in find_unsettled(connection, image_ids):
        _settle(connection, image)


def find_unsettled(connection: sa.Connection, image_ids: Collection[int]) -> Iterator[Unsettled]:
    """Find those of some images whose rows do not say what their first use says."""
    for some in chunks(sorted(image_ids)):
        uses = _uses(connection, some)
        without = [i for i in some if all(use.is_missing for use in uses.get(i, ()))]
        by_organizations = _shown_by_organizations(connection, without) if without else {}
        # Where no use has an entry of its own, all say what the row says.
        unsure = [i for i in some if i in by_organizations or any(use.written for use in uses.get(i, ()))]
        if not unsure:
            continue
        columns = (images.c.id, images.c.url, *(images.c[name] for name in FACTS))
        rows = connection.execute(sa.select(*columns).where(images.c.id.in_(unsure))).all()
        for image_id, url, *row in rows:
            used: Sequence[_Use] = uses.get(image_id, ())
            stored = _facts(*row)
            due = by_organizations.get(image_id)
            if due is None:
                due = stored if used[0].written is None else _read_facts(connection, used[0])
            if due != stored:
                yield Unsettled(image_id, url, stored, due, used)


def _facts(
    width: int | None, height: int | None, is_cached: bool | None, title: str | None, attribution: str | None
) -> Facts:
    return width, height, is_cached, title, attribution


def _uses(connection: sa.Connection, image_ids: Sequence[int]) -> dict[int, list[_Use]]:
    """The uses of images by articles and links, in order."""
    uses: dict[int, list[_Use]] = {}
    for table, query in _queries(image_ids).items():
        for image_id, key, position, extra, since in connection.execute(query):
            written = None if extra is None else _encoded(extra)
            uses.setdefault(image_id, []).append(_Use(table, key, position, written, since is not None))
    for found in uses.values():
        found.sort(key=lambda use: use.is_missing)
    return uses


def _encoded(entry: Any) -> str:
    return json.dumps(entry, ensure_ascii=False, separators=(",", ":"))


def _queries(image_ids: Sequence[int]) -> Mapping[sa.Table, sa.Select[Any]]:
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


def _shown_by_organizations(connection: sa.Connection, image_ids: Sequence[int]) -> dict[int, Facts]:
    """What the first organization that shows an image says of it."""
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


def _settle(connection: sa.Connection, image: Unsettled) -> None:
    """Gives an image's row what is due to it, and each use the entry that the row does not give back."""
    row = images.c.id == image.id
    connection.execute(sa.update(images).where(row).values(dict(zip(FACTS, image.due, strict=True))))
    before, now = (encode_image(Image(image.url, *said, None)) for said in (image.stored, image.due))
    for table, key, position, written, _ in image.uses:
        becomes = before if written is None else None if written == now else written
        if becomes != written:
            owner = table.c.article_id if table is article_images else table.c.related_link_id
            mine = sa.and_(owner == key, table.c.position == position)
            connection.execute(sa.update(table).where(mine).values(extra=becomes))


class _Entry(Reading):
    """An entry that is read without its document. It notes whether the document is needed: an entry as JSON
    does not say how a number was spelt."""

    def __init__(self) -> None:
        super().__init__({}, "", "", None, [], first_line=1)
        self.needs_document = False

    def unquoted_text(self, path: tuple[str | int, ...]) -> str | None:
        del path
        self.needs_document = True
        return None


def _read_facts(connection: sa.Connection, use: _Use) -> Facts:
    """Return what the entry of a use states, by the rules by which documents are read."""
    entry = _Entry()
    image = read_image(json.loads(use.written or "null"), (), entry)
    if image is None or entry.needs_document:
        image = _in_document(connection, use) or image
    return image[1:6] if image else (None,) * 5


def _in_document(connection: sa.Connection, use: _Use) -> Image | None:
    """Return the image of a use as its document states it; None if the document no longer has it."""
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
    shown = _shown(document, place) if document else ()
    return shown[use.position] if use.position < len(shown) else None


def _shown(document: Document, place: int | None) -> Sequence[Image]:
    """Return the images of a document, or those of its related link at a place."""
    if place is None:
        return document.images
    return document.related[place].images if place < len(document.related) else ()
