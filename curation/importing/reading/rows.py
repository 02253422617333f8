"""Convert documents to rows that have no ids yet.

The code has no side effects, so it can run in any process. Values have types that database drivers accept:
text, integers, booleans, bytes and None. Instants are text in UTC (`2021-05-28 16:00:00`), which every
engine reads in the same way. Until ids exist, a row refers to others as follows:

- to an article or a related link by its place (index) in the list
- to a provider, topic or image by the digest of its identity
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from ...documents.due_dates import DATE_KEYS, find_due_date
from ...documents.entries import Image, Provider, RelatedLink, encode_image
from ...documents.instants import format_instant
from ...documents.parsing import Document
from ...paths import MAX_PATH
from ...scanning import collection_of, slug_of
from ...urls import canonicalize_url, digest_url
from ..merging.override_rules import compute_effective
from ..merging.stories import Story, digest_body
from .tasks import DRAFT

#: The columns of `articles` that come from a document, in the order of `ArticleRow.values`. The effective
#: flags come first, because an override replaces them.
ARTICLE_COLUMNS = (
    "quality", "heat", "published", "removed",
    "upstream_quality", "upstream_heat", "upstream_published", "upstream_removed", "upstream_status",
    "title", "canonical_digest", "canonical_url",
    "path", "collection", "slug", "category", "type", "published_at", "updated_at", "content_hash",
    "original_url", "web_url", "amp_web_url", "cdn_amp_web_url",
    "excerpt", "extra", "featured_content", "body",
)  # fmt: skip

_PLACES = {column: place for place, column in enumerate(ARTICLE_COLUMNS)}
_PUBLISHED_AT = _PLACES["published_at"]
_STORY = slice(_PLACES["title"], _PLACES["canonical_url"] + 1)

#: The columns of `related_links` that come from a document, in the order of `LinkRow.values`.
LINK_COLUMNS = (
    "position", "title", "excerpt", "published_at", "web_url", "canonical_digest", "type", "quality", "extra",
)  # fmt: skip

#: Facts about an image that both its row in `images` and each use of it can state.
FACTS = ("width", "height", "is_cached", "title", "attribution")

Facts = tuple[int | None, int | None, bool | None, str | None, str | None]


class ArticleRow(NamedTuple):
    """An article.

    provider: digest of its provider.
    values: in the order of `ARTICLE_COLUMNS`.
    unclear: flags that its document states in a form that cannot be read.
    due_at: instant from which upstream publishes it (UTC, as text).
    """

    provider: bytes | None
    values: tuple[Any, ...]
    unclear: frozenset[str] = frozenset()
    due_at: str | None = None


class LinkRow(NamedTuple):
    """A related link: its article's place, its provider's digest and the values of `LINK_COLUMNS`."""

    article: int
    provider: bytes | None
    values: tuple[Any, ...]


class ImageUse(NamedTuple):
    """The use of an image by an article or a related link.

    owner: place of the article or link.
    image: digest of the image.
    facts: what the document states about the image here.
    written: the entry as written, if the facts do not reproduce it exactly.
    """

    owner: int
    position: int
    image: bytes
    facts: Facts
    written: str | None

    def as_written(self, url: str, row_facts: Facts) -> str | None:
        """Return the entry as written, or None if the image's row reproduces it."""
        if self.written is not None or self.facts == row_facts:
            return self.written
        return encode_image(Image(url, *self.facts, None))


@dataclass(slots=True)
class Rows:
    """The rows of some articles, and the identities that they refer to.

    named_providers, named_topics, named_images: by digest, the name and domain of each provider, the name
        of each topic, and the URL of each image with the facts of its first use here.
    """

    articles: list[ArticleRow] = field(default_factory=list)
    documents: list[tuple[bytes, bytes]] = field(default_factory=list)
    topics: list[tuple[int, int, bytes]] = field(default_factory=list)
    images: list[ImageUse] = field(default_factory=list)
    authors: list[tuple[int, int, str]] = field(default_factory=list)
    items: list[tuple[int, int, str, str | None]] = field(default_factory=list)
    links: list[LinkRow] = field(default_factory=list)
    link_images: list[ImageUse] = field(default_factory=list)
    named_providers: dict[bytes, tuple[str | None, str | None]] = field(default_factory=dict)
    named_topics: dict[bytes, tuple[str]] = field(default_factory=dict)
    named_images: dict[bytes, tuple[Any, ...]] = field(default_factory=dict)

    def add(self, path: str, document: Document, content: bytes, digest: bytes, text_hash: str) -> None:
        """Add the rows of a document. Its place is the number of articles before it."""
        place = len(self.articles)
        values = _article_values(path, document, text_hash)
        due_at = values[_PUBLISHED_AT] or format_instant(_find_publication_date(path, document.extra))
        provider = self.add_provider(document.provider)
        self.articles.append(ArticleRow(provider, values, document.unclear, due_at))
        self.documents.append((digest, content))
        for position, name in document.topics:
            self.topics.append((place, position, self.add_topic(name)))
        for position, image in enumerate(document.images):
            self.images.append(self._use(place, position, image))
        for position, author in enumerate(document.authors):
            self.authors.append((place, position, author))
        for position, item in enumerate(document.items):
            self.items.append((place, position, item, resolve_item_path(path, item)))
        for position, link in enumerate(document.related):
            self._add_link(place, position, link)

    def select(self, places: Sequence[int]) -> Rows:
        """Return the rows of some articles, given by place, and the identities that these refer to."""
        new = {place: new_place for new_place, place in enumerate(places)}
        numbers = [number for number, link in enumerate(self.links) if link.article in new]
        links = {number: new_number for new_number, number in enumerate(numbers)}
        rows = Rows(
            articles=[self.articles[place] for place in places],
            documents=[self.documents[place] for place in places],
            topics=[(new[place], position, topic) for place, position, topic in self.topics if place in new],
            images=[use._replace(owner=new[use.owner]) for use in self.images if use.owner in new],
            authors=[(new[place], position, name) for place, position, name in self.authors if place in new],
            items=[(new[i[0]], *i[1:]) for i in self.items if i[0] in new],
            links=[self.links[n]._replace(article=new[self.links[n].article]) for n in numbers],
            link_images=[
                use._replace(owner=links[use.owner]) for use in self.link_images if use.owner in links
            ],
        )
        providers = {article.provider for article in rows.articles} | {link.provider for link in rows.links}
        topics = {topic for *_, topic in rows.topics}
        images = {use.image for use in (*rows.images, *rows.link_images)}
        rows.named_providers = {d: named for d, named in self.named_providers.items() if d in providers}
        rows.named_topics = {d: named for d, named in self.named_topics.items() if d in topics}
        rows.named_images = {d: named for d, named in self.named_images.items() if d in images}
        return rows

    def add_provider(self, provider: Provider | None) -> bytes | None:
        """Record the identity of a provider and return its digest."""
        if provider is None:
            return None
        digest = digest_provider(provider)
        self.named_providers[digest] = (provider.name, provider.domain)
        return digest

    def add_topic(self, name: str) -> bytes:
        """Record the name of a topic and return its digest."""
        digest = digest_topic(name)
        self.named_topics[digest] = (name,)
        return digest

    def add_image(self, image: Image) -> bytes:
        """Record the URL of an image with the facts of its first use, and return its digest."""
        digest = hashlib.sha256(image.url.encode()).digest()
        if digest not in self.named_images:
            self.named_images[digest] = image[:6]
        return digest

    def _use(self, owner: int, position: int, image: Image) -> ImageUse:
        return ImageUse(owner, position, self.add_image(image), image[1:6], image.written)

    def _add_link(self, article: int, position: int, link: RelatedLink) -> None:
        digest = digest_url(canonicalize_url(link.web_url))
        values = (
            position, link.title, link.excerpt, format_instant(link.published_at), link.web_url, digest,
            link.type, link.quality, link.extra,
        )  # fmt: skip
        place = len(self.links)
        self.links.append(LinkRow(article, self.add_provider(link.provider), values))
        for number, image in enumerate(link.images):
            self.link_images.append(self._use(place, number, image))


def _article_values(path: str, document: Document, text_hash: str) -> tuple[Any, ...]:
    canonical = canonicalize_url(document.original_url) or canonicalize_url(document.web_url)
    flags, status = document.flags, None
    if document.is_draft or is_draft_path(path):
        flags, status = flags._replace(published=False), DRAFT
    return (
        *compute_effective(flags, {}),
        *flags, status,
        document.title, digest_url(canonical), canonical,
        path, collection_of(path), document.slug or slug_of(path), document.category, document.type,
        format_instant(document.published_at), format_instant(document.updated_at), text_hash,
        document.original_url, document.web_url, document.amp_web_url, document.cdn_amp_web_url,
        document.excerpt, document.extra, document.featured_content, document.body,
    )  # fmt: skip


_DATED = tuple(f'"{key.lower()}"' for key in DATE_KEYS)


def _find_publication_date(path: str, extra: str) -> dt.datetime | None:
    # Decoding is slow, and few documents have another date.
    folded = extra.lower()
    is_dated = any(key in folded for key in _DATED)
    return find_due_date(path, json.loads(extra) if is_dated else {})


def get_value(row: ArticleRow, column: str) -> Any:
    """Return the value of an article in one of `ARTICLE_COLUMNS`."""
    return row.values[_PLACES[column]]


def get_story(row: ArticleRow, *, with_body: bool = False) -> Story:
    """Return the story of an article. The digest of its body is computed only on request: it takes time."""
    title, digest, url = row.values[_STORY]
    return Story(title, digest, url, digest_body(get_value(row, "body")) if with_body else None)


def is_draft_path(path: str) -> bool:
    """Return whether a file is in a drafts folder of Jekyll: `_drafts`, at any depth and in any case."""
    return "/_drafts/" in f"/{path.lower()}"


def resolve_item_path(path: str, item: str) -> str | None:
    """Return the path of a collection's item without extension; None if it leads outside.

    Items are below the parent of the collection's folder: the item `videos/x` of
    `_learning/collections/y.md` is `_learning/videos/x`.
    """
    above = path.split("/")[:-2]
    steps = item.split("/")
    stem = "/".join((*above, *steps))
    is_outside = "" in steps or ".." in steps or "." in steps
    return None if is_outside or len(stem) > MAX_PATH else stem


@lru_cache(maxsize=10_000)
def digest_provider(provider: Provider) -> bytes:
    """Return the digest of a provider: SHA-256 of its name and domain together."""
    # No text contains NUL. The letters distinguish an empty name from a missing one.
    name = "" if provider.name is None else f"n{provider.name}"
    domain = "" if provider.domain is None else f"d{provider.domain}"
    return hashlib.sha256(f"{name}\0{domain}".encode()).digest()


@lru_cache(maxsize=10_000)
def digest_topic(name: str) -> bytes:
    """Return the digest of a topic: SHA-256 of its name."""
    return hashlib.sha256(name.encode()).digest()
