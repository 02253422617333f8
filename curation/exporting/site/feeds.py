"""Atom and JSON feeds of what is newest, by section and topic: beyond what the site itself has.

Everything in them is from the data, nothing from the clock: the same store gives the same bytes.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from html import escape
from typing import Any
from urllib.parse import quote

from ...urls import canonical_url
from .items import Renderer
from .output import FEEDS, Output
from .rows import Article

#: The version of the format; https://www.jsonfeed.org/version/1.1/ says what it means.
JSON_FEED = "https://jsonfeed.org/version/1.1"

#: What XML cannot hold, not even escaped.
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


class Feed:
    """The feeds of one list: `folder` is where they lie, `title` what they are called."""

    def __init__(self, output: Output, folder: str, title: str, length: int, renderer: Renderer) -> None:
        self._output = output
        self._folder = folder
        self._title = _clean(title)
        self._length = length
        self._renderer = renderer
        self._entries: list[Json] = []

    def add(self, article: Article) -> None:
        """Adds the next article while there is room, but for one without a date: Atom wants one."""
        if len(self._entries) < self._length and article.published_at is not None:
            self._entries.append(_entry(article, self._renderer))

    def close(self, root: str, web_url: str, locale: str) -> None:
        """Writes both, if there is anything in them."""
        if not self._entries:
            return
        addresses = {name: f"{root}/{quote(self._folder)}/{name}" for name in FEEDS}
        atom = _as_atom(self._entries, self._title, web_url, locale, addresses["feed.atom"])
        self._output.put(f"{self._folder}/feed.atom", atom)
        told = _as_json(self._entries, self._title, web_url, locale, addresses["feed.json"])
        self._output.put(f"{self._folder}/feed.json", told)


Json = dict[str, Any]


def _entry(article: Article, renderer: Renderer) -> Json:
    """What both feeds tell of an article; an address that is not http(s) is none."""
    assert article.published_at is not None
    link = canonical_url(article.web_url) or canonical_url(article.original_url) or renderer.address(article)
    name = article.provider[0] if article.provider else None
    authors = article.authors or ([name] if name else [])
    return {
        "id": renderer.identity(article),
        "link": link,
        "title": _clean(article.title or ""),
        "summary": _clean(article.excerpt or "").strip(),
        "published": article.published_at,
        "updated": article.updated_at or article.published_at,
        "authors": [_clean(author) for author in authors],
        "topics": [_clean(topic) for topic in article.topics],
        "image": next(
            filter(None, (canonical_url(_url(image)) for image in renderer.images(article) or ())), None
        ),
    }


def _url(image: Json) -> str | None:
    url = image.get("url")
    return url if isinstance(url, str) else None


def _as_atom(entries: list[Json], title: str, web_url: str, locale: str, address: str) -> bytes:
    from feedgenerator import Atom1Feed

    feed = Atom1Feed(
        title=title, link=web_url, description=None, language=locale, feed_url=address, feed_guid=address
    )
    for entry in entries:
        authors = entry["authors"]
        feed.add_item(
            title=entry["title"],
            link=entry["link"],
            description=escape(entry["summary"], quote=False),  # Atom's summary of this library is HTML
            unique_id=entry["id"],
            pubdate=entry["published"],
            updateddate=entry["updated"],
            author_name=", ".join(authors) or title,
            categories=entry["topics"],
        )
    text: str = feed.writeString("utf-8")
    return text.encode()


def _as_json(entries: list[Json], title: str, web_url: str, locale: str, address: str) -> bytes:
    items = [
        {
            "id": entry["id"],
            "url": entry["link"],
            "title": entry["title"],
            "content_text": entry["summary"],
            "image": entry["image"],
            "date_published": _instant(entry["published"]),
            "date_modified": _instant(entry["updated"]),
            "authors": [{"name": name} for name in entry["authors"]] or None,
            "tags": entry["topics"] or None,
        }
        for entry in entries
    ]
    told = {
        "version": JSON_FEED,
        "title": title,
        "home_page_url": f"{web_url}/",
        "feed_url": address,
        "language": locale,
        "items": [{key: value for key, value in item.items() if value is not None} for item in items],
    }
    return json.dumps(told, ensure_ascii=False, indent=2).encode()


def _instant(moment: dt.datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _clean(text: str) -> str:
    return _NOT_IN_XML.sub("", text)
