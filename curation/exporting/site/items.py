"""An article as the site's JSON has it: its keys in their order, each from its column or from `extra`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from ...documents.instants import is_date_only
from ...sources.site_settings import SiteSettings
from .rows import Article, Json
from .sections import PROFILE, Section

#: Items of a collection that a list tells of.
TOP_ITEMS = 4

_IMAGE = ("url", "width", "height", "title", "attribution", "isCached")


class Renderer:
    """Renders the articles of one section, by the settings of its source."""

    def __init__(self, section: Section, settings: SiteSettings) -> None:
        self._section = section
        self.settings = settings

    def item(self, article: Article) -> Json:
        """An article as lists of the section have it."""
        whole = self.whole(article)
        return whole if self._section.is_bare else _without_nulls(whole)

    def whole(self, article: Article) -> Json:
        """An article with a null for everything that it does not say."""
        return {key: self._value(article, key) for key in self._section.keys}

    def address(self, article: Article) -> str:
        """Where readers find an article on the site itself."""
        return f"{self.settings.web_url}/{self._section.web}/{quote(article.stem)}/"

    def file(self, article: Article) -> str:
        """The path of an item's own JSON, whether or not it is written."""
        return f"{self._section.folder}/{article.stem}/index.json"

    def source_address(self, article: Article) -> str:
        return f"{self.settings.root}/{quote(self.file(article))}"

    def identity(self, article: Article) -> str:
        """What no two articles share: `x.md` and `x.html` have one file of JSON."""
        return f"{self.settings.root}/{quote(article.path)}"

    def date(self, article: Article, key: str) -> str | None:
        """A date of an article as the section's JSON has it: in UTC, or in the site's zone."""
        moment = _moment(article, key)
        if moment is not None and self._section.by_date:
            return _written(moment).removesuffix("+00:00") + "Z"
        return self.local(article, key)

    def local(self, article: Article, key: str) -> str | None:
        """A date of an article in the site's zone; in UTC where none can be written so.

        One without a time is midnight in that zone, as Jekyll has it; its instant may be of the day before.
        """
        moment, is_midnight = _moment(article, key), is_date_only(article.extra.get(key))
        if moment is None:
            return None
        zone = self.settings.zone
        try:
            local = moment.replace(tzinfo=zone) if is_midnight else moment.astimezone(zone)
        except OverflowError:  # within hours of the first or the last year there is
            return _written(moment)
        # Local time of the 19th century is seconds off, too (-07:52:58), which RFC 3339 cannot say.
        offset = local.utcoffset() or dt.timedelta()
        return _written(moment if offset % dt.timedelta(minutes=1) else local)

    def _value(self, article: Article, key: str) -> Any:
        made = _MADE.get(key)
        return article.extra.get(key) if made is None else made(self, article)

    def title(self, article: Article) -> str | None:
        """A community's name is no title; the column has it in place of one. People have both."""
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
        made = {key: image.get(key) for key in _IMAGE}
        made["isCached"] = bool(made["isCached"])
        url = made["url"]
        if absolute and isinstance(url, str) and url.startswith("/") and not url.startswith("//"):
            made["url"] = self.settings.root + url
        return made

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
        """What readers gave on the mean is a fraction to the site, even where it is 5.0."""
        stated = article.extra.get("ratings")
        if isinstance(stated, dict) and type(stated.get("average")) is int:
            return stated | {"average": float(stated["average"])}
        return stated

    def affiliation(self, article: Article) -> Any:
        """Whom a person works for: the one place where the site leaves addresses of images relative."""
        stated = article.extra.get("affiliation")
        if not isinstance(stated, dict):
            return stated
        made = [self._image(image, absolute=False) for image in _mappings(stated.get("images"))]
        return {"path": "", **stated, "images": made or None}

    def content(self, article: Article) -> str:
        """The site's renderer ends lines as Windows does, but for news, and ends a text with an empty one."""
        if self._section.is_bare:
            return article.body
        end = "\r\n\r\n" if article.body else "\r\n"
        return article.body.replace("\n", "\r\n") + end

    def topics(self, article: Article) -> Any:
        """A list of topics that the tables cannot give back, such as one with a null, is told as written."""
        stated = article.extra.get("topics")
        return stated if isinstance(stated, list) and stated else article.topics or None

    def top_items(self, article: Article) -> list[Json] | None:
        return [self.part(item) for item in article.items[:TOP_ITEMS]] or None

    def part(self, item: Article) -> Json:
        """An item of a collection, in which collections show no items again."""
        made = {key: self._value(item, key) for key in self._section.keys if key != "topItems"}
        return made if self._section.is_bare else _without_nulls(made)


def _moment(article: Article, key: str) -> dt.datetime | None:
    return article.published_at if key == "publishedDateTime" else article.updated_at


def _written(moment: dt.datetime) -> str:
    return moment.isoformat(timespec="seconds" if moment.microsecond == 0 else "auto")


def _mappings(values: object) -> list[Json]:
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []


def _profile(name: str) -> Json:
    """An author: a person of whom nothing but the name is known."""
    return dict.fromkeys(PROFILE) | {"path": "", "title": name, "type": "profile", "name": name}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(v) for key, v in value.items() if v is not None}
    return [_without_nulls(v) for v in value] if isinstance(value, list) else value


#: What each key says, where that is not what the document says under the same name.
_MADE: dict[str, Callable[[Renderer, Article], Any]] = {
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
    "publishedDateTime": lambda renderer, article: renderer.date(article, "publishedDateTime"),
    "updatedDateTime": lambda renderer, article: renderer.date(article, "updatedDateTime"),
    "provider": Renderer.provider,
    "affiliation": Renderer.affiliation,
    "ratings": Renderer.ratings,
    "locale": lambda renderer, _: renderer.settings.locale,
    "categories": lambda _, article: None if article.category is None else [article.category],
    "topics": Renderer.topics,
    "topItems": Renderer.top_items,
    "size": lambda _, article: article.size,
}
