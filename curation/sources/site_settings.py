"""What differs from site to site, as settings of a source: which there are, and which value holds.

A setting is *given* (`curation source set`), or *read* from the site's own `_config.yml` when the whole
source is imported, or has its default: the first of these that there is holds. All stand in `SETTINGS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from ..errors import SelectionError
from ..store.schema import source_settings
from ..suggestions import unknown_name

#: Characters of the longest value.
MAX_VALUE = 500

#: Items of the longest page, and of the longest feed.
MOST_ITEMS = 1_000

#: The sections of a site and how many items a page of each has, as the sites of this family do it.
PAGE_SIZES = {"news": 25, "learning": 30, "samples": 25, "people": 30, "communities": 30}


def _text(value: str) -> str:
    if len(value) > MAX_VALUE or not value.isprintable():
        raise ValueError(f"a line of at most {MAX_VALUE} printable characters")
    return value


_ADDRESS = re.compile(r"https?://[A-Za-z0-9.\[\]:-]+(?:/[A-Za-z0-9._~%!$&'()*+,;=:@/-]*)?")
_PATH = re.compile(r"(?:/[A-Za-z0-9._~%!$&'()*+,;=:@-]+)*")


def _address(value: str) -> str:
    """An address to which paths are added: without query, and without the slash at its end."""
    if len(value) > MAX_VALUE or (value and not _ADDRESS.fullmatch(value)):
        raise ValueError("an address such as https://example.org/site")
    return value.rstrip("/")


def _path(value: str) -> str:
    bare = value.rstrip("/")
    if len(value) > MAX_VALUE or not _PATH.fullmatch(bare) or {".", ".."} & set(bare.split("/")):
        raise ValueError("empty, or a path such as /site")
    return bare


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ValueError, OSError, LookupError) as error:
        raise ValueError("a time zone such as Europe/Rome") from error
    return value


def _number(value: str) -> str:
    if not re.fullmatch("[0-9]{1,4}", value) or not 1 <= int(value) <= MOST_ITEMS:
        raise ValueError(f"a whole number from 1 to {MOST_ITEMS}")
    return str(int(value))


def _switch(value: str) -> str:
    if value.lower() not in ("true", "false"):
        raise ValueError("true or false")
    return value.lower()


class Setting(NamedTuple):
    """A setting: `check` gives a value as it is kept, or raises ValueError with what it should be; `key` is
    what `_config.yml` calls it."""

    name: str
    meaning: str
    check: Callable[[str], str]
    default: str = ""
    key: str | None = None


SETTINGS = {
    setting.name: setting
    for setting in (
        Setting("url", "where the site's files are, without the base path", _address, key="url"),
        Setting("base-url", "the site's path there; empty or /site", _path, key="baseurl"),
        Setting("web-url", "where readers see the site; by default url and base-url", _address, key="webUrl"),
        Setting("title", "the site's title, for feeds; by default the source's name", _text, key="title"),
        Setting("topic", "the site's own topic, which has no pages of its own", _text, key="topic"),
        Setting("locale", "the language of its content", _text, "en-us", "locale"),
        Setting("zone", "the time zone of dates, but for those of news", _zone,
                "America/Los_Angeles", "timezone"),
        *(Setting(f"page-size.{section}", f"items on a page of {section}", _number, str(size))
          for section, size in PAGE_SIZES.items()),
        Setting("feed-length", "items of a feed", _number, "30"),
        Setting("future", "true publishes articles whose date is still to come", _switch, "false", "future"),
    )
}  # fmt: skip


class Stated(NamedTuple):
    """The value of a setting that holds, and who says so: given, read, or default."""

    value: str
    origin: str


@dataclass(frozen=True, slots=True)
class SiteSettings:
    """The settings of a source that hold. `root` is url and base-url together, without a slash at its end."""

    root: str
    web_url: str
    title: str
    topic: str
    locale: str
    zone: ZoneInfo
    page_sizes: Mapping[str, int]
    feed_length: int


def read_site_settings(connection: sa.Connection, source_id: int, source: str) -> SiteSettings:
    """What holds for a source. Raises SelectionError where it is not known where the site is."""
    value = {name: stated.value for name, stated in stated_settings(connection, source_id).items()}
    if not value["url"]:
        raise SelectionError(
            f"{source} has no address: `curation source set {source} --url https://example.org` gives it one"
        )
    root = value["url"] + value["base-url"]
    return SiteSettings(
        root=root,
        web_url=value["web-url"] or root,
        title=value["title"] or source,
        topic=value["topic"],
        locale=value["locale"],
        zone=ZoneInfo(value["zone"]),
        page_sizes={section: int(value[f"page-size.{section}"]) for section in PAGE_SIZES},
        feed_length=int(value["feed-length"]),
    )


def stated_settings(connection: sa.Connection, source_id: int) -> dict[str, Stated]:
    """Every setting by name, with the value that holds."""
    table = source_settings.c
    query = sa.select(table.name, table.value, table.origin).where(table.source_id == source_id)
    # `given` sorts before `read`: what is given comes last, and stands.
    rows = connection.execute(query.order_by(table.origin.desc()))
    found = {name: Stated(value, origin) for name, value, origin in rows}
    return {name: found.get(name, Stated(setting.default, "default")) for name, setting in SETTINGS.items()}


def checked(name: str, value: str) -> str:
    """A value of a setting as it is kept. Raises SelectionError that says what it should be."""
    _check_names([name])
    try:
        return SETTINGS[name].check(value)
    except ValueError as error:
        raise SelectionError(f"{name} cannot be {value[:80]!r}: it is {error}") from None


def give_settings(connection: sa.Connection, source_id: int, given: Mapping[str, str]) -> None:
    """Sets some settings of a source; the caller commits. Raises SelectionError for a value that is none."""
    values = {name: checked(name, value) for name, value in given.items()}
    _forget(connection, source_id, values)
    rows = [
        {"source_id": source_id, "name": name, "origin": "given", "value": value}
        for name, value in values.items()
    ]
    if rows:
        connection.execute(sa.insert(source_settings), rows)


def unset_settings(connection: sa.Connection, source_id: int, names: Collection[str]) -> None:
    """Forgets what was given: what was read or the default holds again; the caller commits."""
    _check_names(names)
    _forget(connection, source_id, names)


def _check_names(names: Collection[str]) -> None:
    if wrong := [name for name in names if name not in SETTINGS]:
        raise SelectionError(unknown_name("setting", wrong[0], SETTINGS))


def _forget(connection: sa.Connection, source_id: int, names: Collection[str]) -> None:
    table = source_settings.c
    mine = (table.source_id == source_id, table.origin == "given", table.name.in_(list(names)))
    connection.execute(sa.delete(source_settings).where(*mine))
