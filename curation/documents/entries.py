"""Providers, images and related links, as one document states them."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from .json_values import encode


class Provider(NamedTuple):
    """The publisher of an article, identified by name and domain together."""

    name: str | None
    domain: str | None


class Image(NamedTuple):
    """An image as one document states it.

    width, height: in pixels.
    written: the entry as JSON if the other fields do not give it back exactly; None otherwise.
    """

    url: str
    width: int | None
    height: int | None
    is_cached: bool | None
    title: str | None
    attribution: str | None
    written: str | None


def encode_image(image: Image) -> str:
    """Return an image's entry as JSON, made from the fields that have a value."""
    named = zip(("url", "width", "height", "isCached", "title", "attribution"), image, strict=False)
    return encode({key: value for key, value in named if value is not None})


class RelatedLink(NamedTuple):
    """One entry of `related`.

    published_at: UTC.
    extra: JSON of everything in the entry that the other fields do not give back; None if there is nothing.
    """

    title: str | None
    excerpt: str | None
    published_at: dt.datetime | None
    web_url: str | None
    type: str | None
    provider: Provider | None
    quality: int | None
    images: tuple[Image, ...]
    extra: str | None
