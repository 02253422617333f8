"""The settings of a source that describe its site.

A setting has the first value that exists of these:

1. *given* by `curation source set`
2. *read* from the site's `_config.yml`, whenever the whole source is imported
3. the default in `SETTINGS`
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
from ..suggestions import describe_unknown_name

#: Maximum number of characters of a value.
MAX_VALUE = 500

#: Maximum number of items of a page or a feed.
MAX_ITEMS = 1_000

#: The sections of a site, each with the default number of items per page of sites of this family.
PAGE_SIZES = {"news": 25, "learning": 30, "samples": 25, "people": 30, "communities": 30}


def _check_text(value: str) -> str:
    if len(value) > MAX_VALUE or not value.isprintable():
        raise ValueError(f"a line of at most {MAX_VALUE} printable characters")
    return value


_URL = re.compile(r"https?://[A-Za-z0-9.\[\]:-]+(?:/[A-Za-z0-9._~%!$&'()*+,;=:@/-]*)?")
_PATH = re.compile(r"(?:/[A-Za-z0-9._~%!$&'()*+,;=:@-]+)*")


def _check_url(value: str) -> str:
    """Check a URL to which paths are appended: without query. Return it without a trailing slash."""
    if len(value) > MAX_VALUE or (value and not _URL.fullmatch(value)):
        raise ValueError("a URL such as https://example.org/site")
    return value.rstrip("/")


def _check_path(value: str) -> str:
    path = value.rstrip("/")
    if len(value) > MAX_VALUE or not _PATH.fullmatch(path) or {".", ".."} & set(path.split("/")):
        raise ValueError("a path such as /site, or empty")
    return path


def _check_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ValueError, OSError, LookupError) as error:
        raise ValueError("a time zone such as Europe/Rome") from error
    return value


def _check_number(value: str) -> str:
    if not re.fullmatch("[0-9]{1,4}", value) or not 1 <= int(value) <= MAX_ITEMS:
        raise ValueError(f"a whole number from 1 to {MAX_ITEMS}")
    return str(int(value))


def _check_switch(value: str) -> str:
    if value.lower() not in ("true", "false"):
        raise ValueError("true or false")
    return value.lower()


class Setting(NamedTuple):
    """A setting of a source.

    - `check`: returns a value in its stored form, or raises ValueError with a phrase for what is valid
    - `key`: the setting's name in `_config.yml`; None if it is not read from there
    """

    name: str
    meaning: str
    check: Callable[[str], str]
    default: str = ""
    key: str | None = None


SETTINGS = {
    setting.name: setting
    for setting in (
        Setting("url", "URL of the site's files, without the base path", _check_url, key="url"),
        Setting("base-url", "path of the site below url: /site, or empty", _check_path, key="baseurl"),
        Setting("web-url", "URL of the site for readers; default: url + base-url", _check_url, key="webUrl"),
        Setting("title", "title of the site in feeds; default: the source's name", _check_text, key="title"),
        Setting("topic", "topic of the whole site, which has no pages of its own", _check_text, key="topic"),
        Setting("locale", "language of the content", _check_text, "en-us", "locale"),
        Setting("zone", "time zone of dates, except those of news", _check_zone,
                "America/Los_Angeles", "timezone"),
        *(Setting(f"page-size.{section}", f"items per page of {section}", _check_number, str(size))
          for section, size in PAGE_SIZES.items()),
        Setting("feed-length", "items per feed", _check_number, "30"),
        Setting("future", "whether articles with a future date are published: true or false", _check_switch,
                "false", "future"),
    )
}  # fmt: skip


class SettingValue(NamedTuple):
    """The value of a setting, and its origin: given, read, or default."""

    value: str
    origin: str


@dataclass(frozen=True, slots=True)
class SiteSettings:
    """The settings of a source. `root` is url and base-url together, without a trailing slash."""

    root: str
    web_url: str
    title: str
    topic: str
    locale: str
    zone: ZoneInfo
    page_sizes: Mapping[str, int]
    feed_length: int


def read_site_settings(connection: sa.Connection, source_id: int, source: str) -> SiteSettings:
    """Return the settings of a source. Raise SelectionError if it has no URL."""
    value = {name: setting.value for name, setting in read_setting_values(connection, source_id).items()}
    if not value["url"]:
        raise SelectionError(
            f"{source} has no URL: set it with `curation source set {source} --url https://example.org`"
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


def read_setting_values(connection: sa.Connection, source_id: int) -> dict[str, SettingValue]:
    """Return the value of every setting, by name."""
    table = source_settings.c
    query = sa.select(table.name, table.value, table.origin).where(table.source_id == source_id)
    # `read` comes before `given` in this order, so the dictionary keeps the given value.
    rows = connection.execute(query.order_by(table.origin.desc()))
    found = {name: SettingValue(value, origin) for name, value, origin in rows}
    return {
        name: found.get(name, SettingValue(setting.default, "default")) for name, setting in SETTINGS.items()
    }


def _check_value(name: str, value: str) -> str:
    """Return a value of a setting in its stored form. Raise SelectionError if it is invalid."""
    _check_names([name])
    try:
        return SETTINGS[name].check(value)
    except ValueError as error:
        raise SelectionError(f"invalid {name} {value[:80]!r}: give {error}") from None


def set_site_settings(connection: sa.Connection, source_id: int, given: Mapping[str, str]) -> None:
    """Set some settings of a source; the caller commits. Raise SelectionError for an invalid value."""
    values = {name: _check_value(name, value) for name, value in given.items()}
    _delete_given(connection, source_id, values)
    rows = [
        {"source_id": source_id, "name": name, "origin": "given", "value": value}
        for name, value in values.items()
    ]
    if rows:
        connection.execute(sa.insert(source_settings), rows)


def unset_site_settings(connection: sa.Connection, source_id: int, names: Collection[str]) -> None:
    """Delete given values, so that the read value or the default applies again; the caller commits."""
    _check_names(names)
    _delete_given(connection, source_id, names)


def _check_names(names: Collection[str]) -> None:
    if unknown := [name for name in names if name not in SETTINGS]:
        raise SelectionError(describe_unknown_name("setting", unknown[0], SETTINGS))


def _delete_given(connection: sa.Connection, source_id: int, names: Collection[str]) -> None:
    table = source_settings.c
    is_given = (table.source_id == source_id, table.origin == "given", table.name.in_(list(names)))
    connection.execute(sa.delete(source_settings).where(*is_given))
