"""Atom and JSON feeds of the newest articles of a section or topic, in addition to the site's own files.

Their content comes from the data only, never from the clock: the same store gives the same bytes.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from html import escape
from typing import Any
from urllib.parse import quote

from ...urls import canonicalize_url
from .items import Renderer
from .output import FEEDS, Output
from .rows import Article

#: The version of the format, described at https://www.jsonfeed.org/version/1.1/
JSON_FEED = "https://jsonfeed.org/version/1.1"

#: Characters that XML does not allow, not even escaped.
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


class Feed:
    """The two feeds of one list, written to `folder`."""

    def __init__(self, output: Output, folder: str, title: str, length: int, renderer: Renderer) -> None:
        self._output = output
        self._folder = folder
        self._title = _clean(title)
        self._length = length
        self._renderer = renderer
        self._entries: list[Json] = []

    def add(self, article: Article) -> None:
        """Add the next article, unless the feed is full or the article has no date, which Atom requires."""
        if len(self._entries) < self._length and article.published_at is not None:
            self._entries.append(_entry(article, self._renderer))

    def close(self, root: str, web_url: str, locale: str) -> None:
        """Write both feeds, unless they are empty."""
        if not self._entries:
            return
        addresses = {name: f"{root}/{quote(self._folder)}/{name}" for name in FEEDS}
        atom = _as_atom(self._entries, self._title, web_url, locale, addresses["feed.atom"])
        self._output.put(f"{self._folder}/feed.atom", atom)
        json_feed = _as_json(self._entries, self._title, web_url, locale, addresses["feed.json"])
        self._output.put(f"{self._folder}/feed.json", json_feed)


Json = dict[str, Any]


def _entry(article: Article, renderer: Renderer) -> Json:
    """Return the values of an article for both feeds; addresses that are not http(s) are ignored."""
    assert article.published_at is not None
    return {
        "id": renderer.identity(article),
        "link": _find_link(article, renderer),
        "title": _clean(article.title or ""),
        "summary": _clean(article.excerpt or "").strip(),
        "published": article.published_at,
        "updated": article.updated_at or article.published_at,
        "authors": [_clean(author) for author in _list_authors(article)],
        "topics": [_clean(topic) for topic in article.topics],
        "image": _find_image(article, renderer),
    }


def _find_link(article: Article, renderer: Renderer) -> str:
    """Return the address of an article on the web, or its address on the site."""
    return (
        canonicalize_url(article.web_url)
        or canonicalize_url(article.original_url)
        or renderer.address(article)
    )


def _list_authors(article: Article) -> list[str]:
    """Return the authors of an article, or its provider if it has none."""
    if article.authors:
        return article.authors
    name = article.provider[0] if article.provider else None
    return [name] if name else []


def _find_image(article: Article, renderer: Renderer) -> str | None:
    """Return the address of the first image of an article that is http(s)."""
    return next(
        filter(None, (canonicalize_url(_url(image)) for image in renderer.images(article) or ())), None
    )


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
            description=escape(entry["summary"], quote=False),  # this library writes the summary as HTML
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
    feed = {
        "version": JSON_FEED,
        "title": title,
        "home_page_url": f"{web_url}/",
        "feed_url": address,
        "language": locale,
        "items": [{key: value for key, value in item.items() if value is not None} for item in items],
    }
    return json.dumps(feed, ensure_ascii=False, indent=2).encode()


def _instant(moment: dt.datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _clean(text: str) -> str:
    return _NOT_IN_XML.sub("", text)
