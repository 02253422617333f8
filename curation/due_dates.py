"""From when on upstream publishes a document: by a date in its front matter, else by its file's name."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

from .instants import parse_instant

#: The fields that date a document, in any case; the first that states a date counts. `date` is Jekyll's.
DATE_KEYS = ("publishedDateTime", "date")

#: As Jekyll takes a date from the name of a file, in whatever collection it lies.
_DATED_NAME = re.compile(r"([0-9]{2,4})-([0-9]{1,2})-([0-9]{1,2})-.*\.[^.]+", re.DOTALL)
_YEAR = re.compile(r"(?P<year>\d{4,})(?P<day>-\d{1,2}-\d)?")


def find_due(path: str, extra: Mapping[str, Any]) -> dt.datetime | None:
    """Return the instant (UTC) from which on upstream publishes an article without `published_at`; None where
    it has no date.

    Args:
        extra: the front matter as the store keeps it, so that the answer is the same without the document.
    """
    return _stated_due(extra) or _due_of_name(path)


def _stated_due(values: Mapping[str, Any]) -> dt.datetime | None:
    """Return the instant by which front matter dates a document.

    Where a date cannot be read but its year can, that is the beginning of the year: a document of a later
    year is not published.
    """
    for key in DATE_KEYS:
        written = key if key in values else next((k for k in values if k.lower() == key.lower()), key)
        value = values.get(written)
        if value is not None and (due := _read_instant(str(value))) is not None:
            return due
    return None


def _due_of_name(path: str) -> dt.datetime | None:
    """Return midnight (UTC) of the date with which a file's name begins; None for a name without one.

    As in Jekyll, a year of two digits is one from 1969 to 2068.
    """
    name = _DATED_NAME.fullmatch(path, path.rfind("/") + 1)
    if name is None:
        return None
    year, is_short = int(name[1]), len(name[1]) == 2
    if is_short:
        year += 1900 if year >= 69 else 2000
    try:
        return dt.datetime(year, int(name[2]), int(name[3]), tzinfo=dt.UTC)
    except ValueError:  # `30-60-90-day-plan.md` has no date
        return None if is_short else _begin_of(year)


def _read_instant(text: str) -> dt.datetime | None:
    try:
        moment, _ = parse_instant(text)
    except (ValueError, OverflowError):
        moment = None
    return moment or _read_year(text)


def _read_year(text: str) -> dt.datetime | None:
    """Return the beginning of the first year in a text; None where it has no number of four digits."""
    found = _YEAR.search(text)
    if found is None:
        return None
    year = found["year"].lstrip("0")
    if found["day"] is None and len(year) >= len("20310501"):  # a date without marks, or seconds
        year = year[:4]
    return _begin_of(int(year[:5] or "0"))


def _begin_of(year: int) -> dt.datetime | None:
    if year > dt.MAXYEAR:
        return dt.datetime.max.replace(tzinfo=dt.UTC)
    return dt.datetime(year, 1, 1, tzinfo=dt.UTC) if year >= dt.MINYEAR else None
