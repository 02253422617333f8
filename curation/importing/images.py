"""What the row of an image says, where those who use it say different things.

The first use decides: by source and path, present articles' own images before those of their links, then
organizations, then articles that are missing. Uses that say otherwise keep their entries beside them. So it
comes out alike in whatever order documents came.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from ..backends import chunks
from ..document import parse_organization
from ..fields import Image, encode_image
from ..schema import (
    article_images,
    articles,
    images,
    provider_images,
    related_link_images,
    related_links,
    sources,
    taxonomy_documents,
)
from .rows import FACTS, Facts


class _Use(NamedTuple):
    """A use by an article or a link: where it stands, and its entry where the image's row is otherwise."""

    table: sa.Table
    key: int
    position: int
    written: str | None
    is_missing: bool


def settle_images(connection: sa.Connection, image_ids: Collection[int]) -> None:
    """Lets the rows of these images say what their first use says."""
    for some in chunks(sorted(image_ids)):
        uses = _uses(connection, some)
        without = [i for i in some if all(use.is_missing for use in uses.get(i, ()))]
        by_organizations = _shown_by_organizations(connection, without) if without else {}
        unsure = [i for i in some if i in by_organizations or any(use.written for use in uses.get(i, ()))]
        if not unsure:
            continue
        columns = (images.c.id, images.c.url, *(images.c[name] for name in FACTS))
        for image_id, url, *row in connection.execute(
            sa.select(*columns).where(images.c.id.in_(unsure))
        ).all():
            stored = _facts(*row)
            _settle(connection, image_id, url, stored, uses.get(image_id, ()), by_organizations.get(image_id))


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


def _settle(
    connection: sa.Connection,
    image_id: int,
    url: str,
    stored: Facts,
    uses: Sequence[_Use],
    by_organization: Facts | None,
) -> None:
    facts = by_organization
    if facts is None:
        first = uses[0].written
        facts = stored if first is None else facts_of(first)
    if facts == stored:
        return
    row = images.c.id == image_id
    connection.execute(sa.update(images).where(row).values(dict(zip(FACTS, facts, strict=True))))
    for table, key, position, written, _ in uses:
        said = stored if written is None else facts_of(written)
        as_written = encode_image(Image(url, *said, None))
        is_more = written is not None and written != as_written
        becomes = written if is_more else None if said == facts else as_written
        if becomes != written:
            owner = table.c.article_id if table is article_images else table.c.related_link_id
            mine = sa.and_(owner == key, table.c.position == position)
            connection.execute(sa.update(table).where(mine).values(extra=becomes))


def facts_of(written: str) -> Facts:
    """What an entry, as written, says that an image's row can hold."""
    entry = json.loads(written)
    sizes = [entry.get(name) for name in ("width", "height")]
    width, height = (int(s) if type(s) in (int, float) and s >= 0 and s == int(s) else None for s in sizes)
    cached, texts = entry.get("isCached"), [entry.get(name) for name in ("title", "attribution")]
    title, attribution = (text if type(text) is str else None for text in texts)
    return width, height, cached if type(cached) is bool else None, title, attribution
