"""Renders articles as items of the site's JSON: keys in order, values from columns or from `extra`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from ...documents.instants import is_date_only
from ...sources.site_settings import SiteSettings
from .rows import Article, Json
from .sections import PROFILE, Section

#: Number of items of a collection that are shown in lists.
TOP_ITEMS = 4

_IMAGE = ("url", "width", "height", "title", "attribution", "isCached")


class Renderer:
    """Renders the articles of one section with the site settings of its source."""

    def __init__(self, section: Section, settings: SiteSettings) -> None:
        self._section = section
        self.settings = settings

    def render_item(self, article: Article) -> Json:
        """Render an article for the lists of the section."""
        item = self.render_item_with_nulls(article)
        return item if self._section.is_bare else _without_nulls(item)

    def render_item_with_nulls(self, article: Article) -> Json:
        """Render an article with null for every absent value."""
        return {key: self._value(article, key) for key in self._section.keys}

    def address(self, article: Article) -> str:
        """Return the address of an article's page on the site itself."""
        return f"{self.settings.web_url}/{self._section.web}/{quote(article.stem)}/"

    def file(self, article: Article) -> str:
        """Return the path of an item's own JSON file, whether or not it is written."""
        return f"{self._section.folder}/{article.stem}/index.json"

    def source_address(self, article: Article) -> str:
        return f"{self.settings.root}/{quote(self.file(article))}"

    def identity(self, article: Article) -> str:
        """Return a unique address. `file` is not unique: `x.md` and `x.html` have the same JSON file."""
        return f"{self.settings.root}/{quote(article.path)}"

    def format_date(self, article: Article, key: str) -> str | None:
        """Return a date of an article as the section has it: in UTC or in the site's time zone."""
        moment = _moment(article, key)
        if moment is not None and self._section.by_date:
            return _formatted(moment).removesuffix("+00:00") + "Z"
        return self.format_local_date(article, key)

    def format_local_date(self, article: Article, key: str) -> str | None:
        """Return a date of an article in the site's time zone, or in UTC if RFC 3339 cannot express that.

        A date without a time is midnight in that zone, as in Jekyll. Its instant may be on the day before.
        """
        moment, is_midnight = _moment(article, key), is_date_only(article.extra.get(key))
        if moment is None:
            return None
        zone = self.settings.zone
        try:
            local = moment.replace(tzinfo=zone) if is_midnight else moment.astimezone(zone)
        except OverflowError:  # within hours of the first or the last year of `datetime`
            return _formatted(moment)
        # Offsets of the 19th century have seconds (-07:52:58), which RFC 3339 does not allow.
        offset = local.utcoffset() or dt.timedelta()
        return _formatted(moment if offset % dt.timedelta(minutes=1) else local)

    def _value(self, article: Article, key: str) -> Any:
        render = _VALUES.get(key)
        return article.extra.get(key) if render is None else render(self, article)

    def title(self, article: Article) -> str | None:
        """Return the title, but not a community's name, which the column has instead. People have both."""
        if "name" in self._section.keys and self._section.keys is not PROFILE:
            return None if article.title == article.extra.get("name") else article.title
        return article.title

    def source_url(self, article: Article) -> str | None:
        return self.source_address(article) if self._section.has_own_addresses else None

    def web_url(self, article: Article) -> str | None:
        if article.web_url or not self._section.has_own_addresses:
            return article.web_url
        return self.address(article)

    def images(self, article: Article) -> list[Json] | None:
        return [self._image(image) for image in article.images] or None

    def _image(self, image: Mapping[str, Any], *, absolute: bool = True) -> Json:
        rendered = {key: image.get(key) for key in _IMAGE}
        rendered["isCached"] = bool(rendered["isCached"])
        url = rendered["url"]
        if absolute and isinstance(url, str) and url.startswith("/") and not url.startswith("//"):
            rendered["url"] = self.settings.root + url
        return rendered

    def provider(self, article: Article) -> Json | None:
        if article.provider is None:
            return None
        name, domain = article.provider
        stated = article.extra.get("provider")
        more = stated if isinstance(stated, dict) else {}
        return {
            "name": name,
            "domain": domain,
            "images": [self._image(image) for image in _mappings(more.get("images"))] or None,
            "publishers": more.get("publishers"),
            "authors": [_profile(name) for name in article.authors] or more.get("authors"),
        }

    def ratings(self, article: Article) -> Any:
        """Return the ratings with a fractional average, as the site has it: 5.0, not 5."""
        stated = article.extra.get("ratings")
        if isinstance(stated, dict) and type(stated.get("average")) is int:
            return stated | {"average": float(stated["average"])}
        return stated

    def affiliation(self, article: Article) -> Any:
        """Return a person's employer. Only here the site keeps image addresses relative."""
        stated = article.extra.get("affiliation")
        if not isinstance(stated, dict):
            return stated
        images = [self._image(image, absolute=False) for image in _mappings(stated.get("images"))]
        return {"path": "", **stated, "images": images or None}

    def content(self, article: Article) -> str:
        """Return the body with the line ends of the site's renderer.

        Except for news, it writes CRLF and adds an empty line at the end.
        """
        if self._section.is_bare:
            return article.body
        end = "\r\n\r\n" if article.body else "\r\n"
        return article.body.replace("\n", "\r\n") + end

    def topics(self, article: Article) -> Any:
        """Return the topics as the document states them, or else their names from the tables.

        The tables cannot represent every list, for example one with a null.
        """
        stated = article.extra.get("topics")
        return stated if isinstance(stated, list) and stated else article.topics or None

    def top_items(self, article: Article) -> list[Json] | None:
        return [self.render_collection_item(item) for item in article.items[:TOP_ITEMS]] or None

    def render_collection_item(self, article: Article) -> Json:
        """Render an item of a collection; a collection in it is rendered without its items."""
        item = {key: self._value(article, key) for key in self._section.keys if key != "topItems"}
        return item if self._section.is_bare else _without_nulls(item)


def _moment(article: Article, key: str) -> dt.datetime | None:
    return article.published_at if key == "publishedDateTime" else article.updated_at


def _formatted(moment: dt.datetime) -> str:
    return moment.isoformat(timespec="seconds" if moment.microsecond == 0 else "auto")


def _mappings(values: object) -> list[Json]:
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []


def _profile(name: str) -> Json:
    """Return an author as a person of whom only the name is known."""
    return dict.fromkeys(PROFILE) | {"path": "", "title": name, "type": "profile", "name": name}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(v) for key, v in value.items() if v is not None}
    return [_without_nulls(v) for v in value] if isinstance(value, list) else value


#: The value of each key. Other keys have the document's value of the same name.
_VALUES: dict[str, Callable[[Renderer, Article], Any]] = {
    "path": lambda _, article: article.path,
    "title": Renderer.title,
    "excerpt": lambda _, article: article.excerpt,
    "sourceUrl": Renderer.source_url,
    "webUrl": Renderer.web_url,
    "originalUrl": lambda _, article: article.original_url,
    "featuredContent": lambda _, article: article.featured_content,
    "heat": lambda _, article: article.heat,
    "images": Renderer.images,
    "content": Renderer.content,
    "type": lambda _, article: article.type,
    "ampWebUrl": lambda _, article: article.amp_web_url,
    "cdnAmpWebUrl": lambda _, article: article.cdn_amp_web_url,
    "publishedDateTime": lambda renderer, article: renderer.format_date(article, "publishedDateTime"),
    "updatedDateTime": lambda renderer, article: renderer.format_date(article, "updatedDateTime"),
    "provider": Renderer.provider,
    "affiliation": Renderer.affiliation,
    "ratings": Renderer.ratings,
    "locale": lambda renderer, _: renderer.settings.locale,
    "categories": lambda _, article: None if article.category is None else [article.category],
    "topics": Renderer.topics,
    "topItems": Renderer.top_items,
    "size": lambda _, article: article.size,
}
