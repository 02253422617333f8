"""The fields of a front matter, from its values: typed, and with the faults that were found.

A field's method takes its value out of `rest` when the column gives it back exactly; what stays there
becomes `extra`. The three outcomes of a fault are described in `parsing`.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from typing import Any, NamedTuple

from ..flags import FLAG_WORDS
from ..integers import INT64, read_quoted
from . import strict_yaml
from .instants import parse_instant
from .issues import Reading
from .json_values import (
    MAX_TEXT,
    NOTHING,
    NUMBER_STARTS,
    check_plain,
    encode,
    kind_of,
    short,
    storable,
    storable_text,
    written,
)

_Path = strict_yaml.Path


class Provider(NamedTuple):
    """Who published it: identified by name and domain together."""

    name: str | None
    domain: str | None


class Image(NamedTuple):
    """An image as one document states it; sizes in pixels. `written` is its entry as JSON where the
    other fields do not give it back exactly."""

    url: str
    width: int | None
    height: int | None
    is_cached: bool | None
    title: str | None
    attribution: str | None
    written: str | None


def encode_image(image: Image) -> str:
    """An image's entry as JSON, from the fields that it states."""
    named = zip(("url", "width", "height", "isCached", "title", "attribution"), image, strict=False)
    return encode({key: value for key, value in named if value is not None})


class RelatedLink(NamedTuple):
    """One entry of `related`; `extra` is JSON of what has no field here, None if nothing."""

    title: str | None
    excerpt: str | None
    published_at: dt.datetime | None
    web_url: str | None
    type: str | None
    provider: Provider | None
    quality: int | None
    images: tuple[Image, ...]
    extra: str | None


#: As nearly all are written; `fromisoformat` alone would also take week dates and missing colons.
_USUAL_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-2][0-9]:[0-9]{2}:[0-9]{2}Z")


class Fields:
    """A mapping being read field by field; what no field takes whole remains, for `extra`."""

    __slots__ = ("path", "reading", "rest")

    def __init__(self, values: dict[str, Any], path: _Path, reading: Reading) -> None:
        self.rest = dict(values)
        self.path = path
        self.reading = reading

    def drop(self, key: str) -> None:
        self.rest.pop(key, None)

    def text(self, key: str) -> str | None:
        value = self.rest.get(key)
        if type(value) is str and len(value) <= MAX_TEXT:
            if value[:1] in NUMBER_STARTS:
                check_plain(self.reading, value, (*self.path, key))
            del self.rest[key]
            return value
        return None if value is None else self._odd_text(key, value)

    def several_texts(self, *keys: str) -> list[str | None]:
        """As `text` for each key, in one call."""
        rest = self.rest
        found: list[str | None] = []
        for key in keys:
            value = rest.get(key)
            if type(value) is str and value[:1] not in NUMBER_STARTS and len(value) <= MAX_TEXT:
                del rest[key]
                found.append(value)
            else:
                found.append(None if value is None else self.text(key))
        return found

    def _list_text(self, value: str, path: _Path) -> str | None:
        """A text of a list; None, with a warning, if it is too long."""
        return None if storable_text(self.reading, value, path) is NOTHING else value

    def peek_text(self, key: str) -> str | None:
        """A text that stays among the rest as well."""
        if key not in self.rest:
            return None
        value, kept = self.rest[key], dict(self.rest)
        text = self.text(key)
        if type(value) is str and text is not None:
            self.rest = kept
        return text

    def _odd_text(self, key: str, value: object) -> str | None:
        path = (*self.path, key)
        if isinstance(value, str):
            del self.rest[key]
            self._warn(
                "text_too_long", f"a text of {len(value)} characters; at most {MAX_TEXT} are kept", key
            )
            return None
        if isinstance(value, list | dict):
            self._warn("not_one_value", f"a {kind_of(value)} where one text belongs", key)
            return None
        return self._aswritten(value, path)

    def _aswritten(self, value: object, path: _Path) -> str:
        """A number or flag where text belongs, as the file writes it."""
        self.reading.add_issue("notice", "text_from_value", "a number or flag is stored as text", path)
        return self.reading.plain_text(path) or written(value)

    def instant(self, key: str) -> dt.datetime | None:
        value = self.rest.get(key)
        if type(value) is not str:
            if value is not None:
                self._warn("not_an_instant", f"a {kind_of(value)} where a date belongs", key)
            return None
        if _USUAL_INSTANT.fullmatch(value):
            try:
                moment = dt.datetime.fromisoformat(value)
            except ValueError:
                pass
            else:
                del self.rest[key]
                return moment
        return self._odd_instant(key, value)

    def _odd_instant(self, key: str, value: str) -> dt.datetime | None:
        try:
            moment, notice = parse_instant(value)
        except OverflowError:
            self._warn("year_out_of_range", f"the year of {value!r} is not in 1-9999", key)
            return None
        except ValueError as error:
            raise self.reading.refuse(
                "bad_date", f"{value!r} is no date: {error}", (*self.path, key)
            ) from None
        if moment is None:
            if value:
                self._warn("not_an_instant", f"{short(value)} is no date", key)
            return None
        if notice is not None:
            self.reading.add_issue("notice", *notice, (*self.path, key))
        return moment

    def integer(self, key: str) -> int | None:
        value = self.rest.get(key)
        number = self.whole_number(key)
        if number is None and value is not None:
            self._warn_of_number(key, value)
        return number

    def whole_number(self, key: str) -> int | None:
        """A whole number of 64 bits, None for anything else; `5.0` and `"5"` stay among the rest."""
        value = self.rest.get(key)
        if type(value) is int and value in INT64:
            del self.rest[key]
            return value
        if isinstance(value, float) and value.is_integer() and int(value) in INT64:
            return int(value)
        number = read_quoted(value) if isinstance(value, str) else None
        if number is not None:
            told = f"{value!r} is read as the number {number}"
            self.reading.add_issue("notice", "quoted_number", told, (*self.path, key))
        return number

    def _warn_of_number(self, key: str, value: object) -> None:
        if isinstance(value, int | float) and not isinstance(value, bool):
            if isinstance(value, int) or not math.isfinite(value):
                return  # it stays among the rest, where the same is found and said
            if value.is_integer():
                self._warn("integer_out_of_range", "a whole number outside 64 bits", key)
            else:
                self._warn("not_an_integer", f"{value} is not a whole number", key)
        elif isinstance(value, list | dict):
            self._warn("not_one_value", f"a {kind_of(value)} where one number belongs", key)
        else:
            self._warn("not_a_number", f"{short(str(value))} where a number belongs", key)

    def flag(self, key: str) -> bool | None:
        value = self.rest.get(key)
        if type(value) is bool:
            del self.rest[key]
            return value
        if value is None:
            return None
        word = self.flag_word(key, value)
        if word is None:
            self._warn("not_a_flag", f"{short(written(value))} where true or false belongs", key)
        return word

    def flag_word(self, key: str, value: object) -> bool | None:
        """Return the flag that a word such as `yes` stands for, with a notice; None for anything else."""
        word = FLAG_WORDS.get(value.lower()) if isinstance(value, str) else None
        if word is not None:
            told = f"{value!r} is read as {str(word).lower()}"
            self.reading.add_issue("notice", "flag_word", told, (*self.path, key))
        return word

    def size(self, key: str) -> int | None:
        """A size in pixels."""
        value = self.integer(key)
        if value is not None and value < 0:
            self.rest[key] = value
            self._warn("negative_size", f"an image cannot be {value} pixels", key)
            return None
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; one text stands for a list of one. What is no text stays among the rest."""
        return self._settled(key, [v for v in self._list(key) if type(v) is str])

    def _settled(self, key: str, texts: list[str]) -> tuple[str, ...]:
        """The texts of a list that can be kept, the list taken from the rest if they are all of it."""
        kept = [t for i, t in enumerate(texts) if self._list_text(t, (*self.path, key, i)) is not None]
        self._settle(key, exact=kept)
        return tuple(kept)

    def topics(self) -> tuple[tuple[int, str], ...]:
        """Topic names by their position; nulls and repetitions have none."""
        names: dict[str, int] = {}
        values = self._list("topics")
        for position, value in enumerate(values):
            name = self._topic_text(position, value)
            if name:
                names.setdefault(name, position)
        self._settle("topics", exact=list(names))
        return tuple((position, name) for name, position in names.items())

    def _topic_text(self, position: int, value: object) -> str | None:
        path = (*self.path, "topics", position)
        if isinstance(value, str):
            return self._list_text(value, path)
        if value is None:
            return None
        if isinstance(value, list | dict):
            self.reading.add_issue(
                "warning", "not_one_value", f"a {kind_of(value)} where a topic's name belongs", path
            )
            return None
        return self._aswritten(value, path)

    def items(self) -> tuple[str, ...]:
        """Paths of a collection's items; other kinds of `items` are left whole."""
        values = self.rest.get("items")
        if type(values) is not list or not all(type(v) is str for v in values):
            return ()
        return self._settled("items", values)

    def provider(self) -> Provider | None:
        provider, fields = self._provider()
        if fields is not None:
            self._settle_mapping("provider", fields)
        return provider

    def provider_with_authors(self) -> tuple[Provider | None, tuple[str, ...]]:
        provider, fields = self._provider()
        if fields is None:
            return provider, ()
        authors = fields.authors()
        self._settle_mapping("provider", fields)
        return provider, authors

    def _provider(self) -> tuple[Provider | None, Fields | None]:
        value = self.rest.get("provider")
        if type(value) is not dict:
            if value is not None:
                self._warn(
                    "not_a_mapping",
                    f"a {kind_of(value)} where a provider's name and domain belong",
                    "provider",
                )
            return None, None
        if usual := _usual_provider(value):
            del self.rest["provider"]
            return usual, None
        fields = Fields(value, (*self.path, "provider"), self.reading)
        provider = Provider(*fields.several_texts("name", "domain"))
        return (None if provider == (None, None) else provider), fields

    def authors(self) -> tuple[str, ...]:
        entries = self._list("authors")
        names = [e.get("name") if type(e) is dict else e for e in entries]
        path = (*self.path, "authors")
        texts = [n for i, n in enumerate(names) if type(n) is str and self._list_text(n, (*path, i, "name"))]
        self._settle("authors", exact=[{"name": n} for n in texts])
        return tuple(texts)

    def images(self) -> tuple[Image, ...]:
        entries = self._list("images")
        images = [self._image(i, entry) for i, entry in enumerate(entries)]
        if entries and None not in images:
            del self.rest["images"]
        return tuple(image for image in images if image is not None)

    def _image(self, position: int, entry: object) -> Image | None:
        if usual := _usual_image(entry):
            return usual
        path = (*self.path, "images", position)
        if image := read_image(entry, path, self.reading):
            return image
        self.reading.add_issue("warning", "image_without_url", "an image without a url", path)
        return None

    def related(self) -> tuple[RelatedLink, ...]:
        entries = self._list("related")
        links = [self._related_link(i, entry) for i, entry in enumerate(entries)]
        if entries and None not in links:
            del self.rest["related"]
        return tuple(link for link in links if link is not None)

    def _related_link(self, position: int, entry: object) -> RelatedLink | None:
        path = (*self.path, "related", position)
        if type(entry) is not dict:
            self.reading.add_issue(
                "warning", "not_a_mapping", f"a {kind_of(entry)} where a related link belongs", path
            )
            return None
        fields = Fields(entry, path, self.reading)
        title, excerpt, web_url, type_ = fields.several_texts("title", "excerpt", "webUrl", "type")
        return RelatedLink(
            title=title,
            excerpt=excerpt,
            published_at=fields.instant("publishedDateTime"),
            web_url=web_url,
            type=type_,
            provider=fields.provider(),
            quality=fields.integer("quality"),
            images=fields.images(),
            extra=fields.extra(),
        )

    def extra(self) -> str | None:
        """What remains, as JSON; None if nothing does."""
        if not self.rest:
            return None
        kept = storable(self.reading, self.rest, self.path)
        return encode(kept) if kept else None

    def _list(self, key: str) -> list[Any]:
        value = self.rest.get(key)
        if type(value) is list:
            return value
        if value is None:
            return []
        if type(value) is str:
            self.reading.add_issue(
                "notice",
                "list_of_one",
                "one value where a list belongs is read as a list of one",
                (*self.path, key),
            )
            return [value]
        self._warn("not_a_list", f"a {kind_of(value)} where a list belongs", key)
        return []

    def _settle(self, key: str, exact: list[Any]) -> None:
        """Takes a list from the rest if the tables give it back exactly."""
        if key in self.rest and self.rest[key] == exact and exact:
            del self.rest[key]

    def _settle_mapping(self, key: str, fields: Fields) -> None:
        if fields.rest or not self.rest[key]:
            self.rest[key] = fields.rest
        else:
            del self.rest[key]

    def _warn(self, code: str, message: str, key: str) -> None:
        self.reading.add_issue("warning", code, message, (*self.path, key))


def _usual_provider(entry: dict[str, Any]) -> Provider | None:
    """A provider as most are stated, by name and domain alone; None for any other, which is read field by
    field. This and `_usual_image` save a third of the time of reading fields; a test holds them to it."""
    name, domain = entry.get("name"), entry.get("domain")
    if len(entry) != 2 or type(name) is not str or type(domain) is not str:
        return None
    if name[:1] in NUMBER_STARTS or domain[:1] in NUMBER_STARTS or len(name) + len(domain) > MAX_TEXT:
        return None
    return Provider(name, domain)


def read_image(entry: object, path: _Path, reading: Reading) -> Image | None:
    """Return the image that an entry states; None for one without a URL."""
    fields = Fields(entry, path, reading) if type(entry) is dict else None
    url = fields.text("url") if fields else None
    if fields is None or not url:
        return None
    width, height = fields.size("width"), fields.size("height")
    is_cached, title = fields.flag("isCached"), fields.text("title")
    image = Image(url, width, height, is_cached, title, fields.text("attribution"), None)
    # What cannot be stored is left out of the entry: the fields may give back all the rest.
    as_written = _encode_entry(image, storable(reading, entry, path)) if fields.rest else None
    is_whole = as_written is None or as_written == encode_image(image)
    return image if is_whole else image._replace(written=as_written)


def _encode_entry(image: Image, kept: dict[str, Any]) -> str:
    """An entry as JSON, as far as it can be stored. Where text belongs, a number that cannot be is the text
    that was read."""
    texts = {"title": image.title, "attribution": image.attribution}
    return encode(kept | {key: text for key, text in texts.items() if text is not None and key not in kept})


def _usual_image(entry: object) -> Image | None:
    """An image as most are stated, by URL and size, with or without caching; None for any other."""
    if type(entry) is not dict:
        return None
    url, width, height, is_cached = map(entry.get, ("url", "width", "height", "isCached"))
    if type(url) is not str or type(width) is not int or type(height) is not int:
        return None
    if len(entry) != (3 if is_cached is None else 4) or type(is_cached) not in (bool, type(None)):
        return None
    has_fair_size = min(width, height) >= 0 and max(width, height) < 2**63
    is_fair = has_fair_size and url[:4] == "http" and len(url) <= MAX_TEXT
    return Image(url, width, height, is_cached, None, None, None) if is_fair else None
