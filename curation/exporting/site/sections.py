"""The sections of a site and their rules, as the JSON of the sites that exist proves them (`format.md`).

To change a rule, change it here: nothing else names a section.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: What a person is told by, and an author: one template of the site renders both.
PROFILE = (
    "path", "title", "excerpt", "sourceUrl", "webUrl", "originalUrl", "type", "name", "bio", "location",
    "website", "twitter", "linkedin", "googleScholar", "weibo", "youtube", "facebook", "instagram",
    "twitch", "wikipedia", "affiliation", "topics", "topItems", "size", "highlight", "heat", "tags",
    "images", "content",
)  # fmt: skip

_NEWS = (
    "path", "title", "excerpt", "sourceUrl", "webUrl", "originalUrl", "featuredContent", "highlight", "heat",
    "tags", "images", "content", "type", "ampWebUrl", "cdnAmpWebUrl", "publishedDateTime", "updatedDateTime",
    "provider", "locale", "categories", "topics",
)  # fmt: skip

_LEARNING = (
    "path", "title", "excerpt", "sourceUrl", "webUrl", "originalUrl", "featuredContent", "length", "ratings",
    "provider", "actions", "publishedDateTime", "levels", "topItems", "size", "heat", "tags", "images",
    "content", "type", "price", "topics",
)  # fmt: skip

_SAMPLE = (
    "path", "title", "excerpt", "sourceUrl", "webUrl", "originalUrl", "provider", "featuredContent",
    "actions", "publishedDateTime", "topItems", "size", "heat", "tags", "images", "content", "type", "topics",
)  # fmt: skip

_COMMUNITY = (
    "path", "title", "excerpt", "sourceUrl", "webUrl", "originalUrl", "actions", "provider", "topItems",
    "size", "heat", "tags", "images", "content", "name", "type", "members", "topics",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Section:
    """One section of a site.

    name: its folder below `api`, and its collection of articles, with those below it.
    keys: what an item says, in this order.
    by_date: newest first; else the hottest first.
    is_bare: absent values are null, and the last page's `nextPage` too; else they are left out.
    web: its folder in addresses of the web site, and the beginning of its sitemap's name.
    changes: how often the sitemap says that its pages change.
    title: what its pages are called; None where they are not.
    path_title: what pages of its collections (learning paths) are called; None where it has none.
    has_single_items: each item also has a file of its own.
    has_own_addresses: items without an address get one on the site, in the JSON too.
    has_feeds: it has an Atom and a JSON feed.
    """

    name: str
    keys: tuple[str, ...]
    web: str
    changes: Literal["hourly", "daily", "weekly"]
    title: str | None = None
    path_title: str | None = None
    by_date: bool = False
    is_bare: bool = False
    has_single_items: bool = False
    has_own_addresses: bool = True
    has_feeds: bool = False

    @property
    def folder(self) -> str:
        return f"api/{self.name}"

    @property
    def sitemap(self) -> str:
        """The sitemap's name, without its suffix."""
        return f"{self.web}-sitemap"


SECTIONS = (
    Section(
        "news", _NEWS, "news", "hourly", by_date=True, is_bare=True, has_own_addresses=False, has_feeds=True
    ),
    Section("learning", _LEARNING, "learning", "daily", "Learning Resources", "Learning Paths"),
    Section("samples", _SAMPLE, "sample", "weekly", "Samples", has_single_items=True),
    Section("people", PROFILE, "people", "weekly", "People"),
    Section("communities", _COMMUNITY, "community", "weekly", "Communities", has_single_items=True),
)
