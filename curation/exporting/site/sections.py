"""The sections of a site and their rules, derived from the JSON of existing sites.

To change a rule, change it here: nothing else names a section.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: Keys of a person and of an author. One template of the site renders both.
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

    name: the folder below `api`, and the collection of its articles, including the collections below.
    keys: the keys of an item, in order.
    web: the folder in addresses of the web site, and the start of the sitemap's name.
    changes: the change frequency of its pages in the sitemap.
    title: the title of its pages; None if they have no title.
    path_title: the title of the list of its collections (learning paths); None if it has no such list.
    by_date: whether the newest items come first; otherwise the hottest.
    is_bare: whether absent values, and the last page's `nextPage`, are null; otherwise they are left out.
    has_single_items: whether each item also has its own file.
    has_own_addresses: whether items without an address get one on the site, in the JSON too.
    has_feeds: whether it has an Atom and a JSON feed.
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
        """The name of the sitemap, without suffix."""
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
