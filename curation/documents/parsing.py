"""Parse the bytes of a file into a `Document`, or into an `Organization` or `Topic` of the taxonomy.

`front_matter` splits a file and reads its values. Only this package knows the camelCase names of the files,
which become the names of the tables here.

No value is lost: **what a column cannot give back exactly stays in `extra` under its own key, as it is
written.** Examples are unknown fields, explicit nulls, a date with an offset, and a title that is a number.
Only `secured` is left out: the stored bytes have it.

| issue | effect |
|---|---|
| DocumentError | the file is quarantined |
| `error` | a flag cannot be read, but the document is imported (`flag_values`) |
| `warning` | the column of the field stays empty |
| `notice` | a value was normalised |
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from ..errors import DocumentError
from ..flags import Flags
from .entries import Image, Provider, RelatedLink
from .fields import Fields
from .flag_values import read_flags
from .front_matter import CLOSING_FENCE, read_front_matter, read_with_or_without_fence
from .issues import FastReadingError, Issue, Reading


@dataclass(slots=True, frozen=True)
class Document:
    """A document with the fields of an article. Instants are UTC.

    unclear: the flags that cannot be read (`flag_values`).
    is_draft: whether the document states that it is a draft.
    topics: each with its position in the list.
    items: the paths of a collection's items.
    extra: a JSON object.
    """

    title: str | None
    excerpt: str | None
    category: str | None
    type: str | None
    published_at: dt.datetime | None
    updated_at: dt.datetime | None
    original_url: str | None
    web_url: str | None
    amp_web_url: str | None
    cdn_amp_web_url: str | None
    featured_content: str | None
    slug: str | None
    flags: Flags
    unclear: frozenset[str]
    is_draft: bool
    provider: Provider | None
    authors: tuple[str, ...]
    topics: tuple[tuple[int, str], ...]
    images: tuple[Image, ...]
    related: tuple[RelatedLink, ...]
    items: tuple[str, ...]
    extra: str
    body: str
    issues: tuple[Issue, ...]


@dataclass(slots=True, frozen=True)
class Organization:
    """A file of `_data/organizations`, which describes a provider.

    front_matter: all fields of the file, as JSON.
    """

    provider: Provider
    description: str | None
    aliases: tuple[str, ...]
    images: tuple[Image, ...]
    front_matter: str
    issues: tuple[Issue, ...]


@dataclass(slots=True, frozen=True)
class Topic:
    """A file of `_data/topics`, which describes a topic.

    slug: its `_id`.
    parent: the name of its parent topic.
    front_matter: all fields of the file, as JSON.
    """

    name: str
    slug: str | None
    parent: str | None
    front_matter: str
    issues: tuple[Issue, ...]


_T = TypeVar("_T")


def _parse(
    data: bytes, build: Callable[[Reading], _T], read_: Callable[..., Reading | None] | None = None
) -> _T | None:
    """Read a file and return what `build` makes of it; None if it has no front matter.

    If the fast reader of YAML may have read a value wrongly, the file is read again, carefully.
    """
    read_ = read_ or read_front_matter
    reading = read_(data)
    if reading is None:
        return None
    try:
        return build(reading)
    except FastReadingError:
        reading = read_(data, carefully=True)
        assert reading is not None
        return build(reading)


def parse_article(data: bytes) -> Document | None:
    """Return the document in a file's bytes; None if it does not start with a fence, and so is not one.

    Raises:
        DocumentError: the file cannot be imported.
    """
    return _parse(data, _build_article)


def _build_article(reading: Reading) -> Document:
    fields = Fields(reading.values, (), reading)
    fields.drop("secured")
    title, excerpt, category, type_ = fields.read_texts("title", "excerpt", "category", "type")
    original_url, web_url, amp_web_url, cdn_amp_web_url = fields.read_texts(
        "originalUrl", "webUrl", "ampWebUrl", "cdnAmpWebUrl"
    )
    provider, authors = fields.read_provider_with_authors()
    flags, unclear, is_draft = read_flags(fields)
    return Document(
        # People and communities have a name and a bio in their place. Both also stay in `extra`.
        title=title if title is not None else fields.copy_text("name"),
        excerpt=excerpt if excerpt is not None else fields.copy_text("bio"),
        category=category,
        type=type_,
        published_at=fields.read_instant("publishedDateTime"),
        updated_at=fields.read_instant("updatedDateTime"),
        original_url=original_url,
        web_url=web_url,
        amp_web_url=amp_web_url,
        cdn_amp_web_url=cdn_amp_web_url,
        featured_content=fields.read_text("featuredContent"),
        slug=fields.copy_text("slug"),
        flags=flags,
        unclear=unclear,
        is_draft=is_draft,
        provider=provider,
        authors=authors,
        topics=fields.read_topics(),
        images=fields.read_images(),
        related=fields.read_related(),
        items=fields.read_items(),
        extra=fields.encode_rest() or "{}",
        body=reading.body,
        issues=reading.locate_issues(),
    )


def parse_organization(data: bytes) -> Organization | None:
    """Return the organization in a file of `_data/organizations`; None if it does not start with a fence.

    Raises:
        DocumentError: the file cannot be imported, or has neither name nor domain.
    """
    return _parse(data, _build_organization)


def _build_organization(reading: Reading) -> Organization:
    fields = Fields(reading.values, (), reading)
    fields.drop("secured")
    whole = fields.encode_rest() or "{}"
    provider = Provider(fields.read_text("name"), fields.read_text("domain"))
    if provider == (None, None):
        raise DocumentError("missing_name", "an organization needs a name or a domain", 1, 1)
    return Organization(
        provider=provider,
        description=fields.read_text("description"),
        aliases=fields.read_text_list("otherNames"),
        images=fields.read_images(),
        front_matter=whole,
        issues=reading.locate_issues(),
    )


def parse_topic(data: bytes) -> Topic:
    """Return the topic in a YAML file of `_data/topics`, which may have fences or not.

    Raises:
        DocumentError: the file cannot be imported, or has no name.
    """
    topic = _parse(data, _build_topic, read_with_or_without_fence)
    assert topic is not None
    return topic


def _build_topic(reading: Reading) -> Topic:
    fields = Fields(reading.values, (), reading)
    fields.drop("secured")
    whole = fields.encode_rest() or "{}"
    name = fields.read_text("name")
    if not name:
        raise DocumentError("missing_name", "a topic needs a name", 1, 1)
    return Topic(
        name=name,
        slug=fields.read_text("_id"),
        parent=fields.read_text("parent"),
        front_matter=whole,
        issues=reading.locate_issues(),
    )


#: A whole line of `secured` with only base64 as its value, followed by a key, a comment or the end. So it is
#: not a part of the text of another field, and does not divide one.
_SECURED = re.compile(
    rb"""^secured:[ \t]*+(["']?)[A-Za-z0-9+/=;]*+\1[ \t]*+\r?\n(?=[A-Za-z_"'#\r\n]|\Z)""", re.MULTILINE
)


def without_secured(data: bytes) -> bytes:
    """Return a file without its `secured` line, which upstream changes in every run without any meaning."""
    at = data.find(b"\nsecured:")
    closing = CLOSING_FENCE.search(data, 3) if at >= 0 else None
    end = closing.start() if closing else -1
    if 0 <= at < end:
        return data[: at + 1] + _SECURED.sub(b"", data[at + 1 : end + 1], count=1) + data[end + 1 :]
    return data


def hash_content(data: bytes) -> str:
    """Return the SHA-256 digest, in hexadecimal, of a file's bytes without its `secured` line."""
    return hashlib.sha256(without_secured(data)).hexdigest()
