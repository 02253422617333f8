"""From when on upstream publishes a document: by a date in its front matter, else by its file's name."""

from __future__ import annotations

import datetime as dt
import re
from calendar import monthrange
from collections.abc import Mapping
from itertools import permutations
from typing import Any

from .instants import parse_instant

#: The fields that date a document, in any case; the first that states a date counts. `date` is Jekyll's.
DATE_KEYS = ("publishedDateTime", "date")

#: As Jekyll takes a date from the name of a file, in whatever collection it lies.
_DATED_NAME = re.compile(r"([0-9]{2,4})-([0-9]{1,2})-([0-9]{1,2})-.*\.[^.]+", re.DOTALL)
_YEAR = re.compile(r"(?P<year>\d{4,})(?P<day>-\d{1,2}-\d)?")
_DAY_WITHOUT_MARKS = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")
_YEAR_AND_MONTH = re.compile(r"([0-9]{4})(?:-([0-9]{1,2}))?")
#: Seconds or milliseconds since 1970.
_SINCE_1970 = re.compile(r"([0-9]{10})([0-9]{3})?(?:\.[0-9]*)?")

_TIME = re.compile(r"\d{1,2}:\d{2}(?::\d{2})?")
_WORD = re.compile(r"[a-z]{3,9}|(?<!\d)\d{1,2}(?!\d)")
_MONTHS = {name[:3]: number for number, name in enumerate(
    ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
     "november", "december"), start=1)}  # fmt: skip
#: Characters of a text in which a date is looked for.
_FAIR_LENGTH = 100


def find_due(path: str, extra: Mapping[str, Any]) -> dt.datetime | None:
    """Return the instant (UTC) from which on upstream publishes an article without `published_at`; None where
    it has no date.

    Args:
        extra: the front matter as the store keeps it, so that the answer is the same without the document.
    """
    return _stated_due(extra) or _due_of_name(path)


def _stated_due(values: Mapping[str, Any]) -> dt.datetime | None:
    """Return the instant by which front matter dates a document.

    Of a date that cannot be read, that is the end of the latest day that it can mean (`3/4/2031`: 3 April):
    a document is not published while its date may be to come.
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
        return None if is_short else _read_latest(name[1])


def _read_instant(text: str) -> dt.datetime | None:
    try:
        moment, _ = parse_instant(text)
    except (ValueError, OverflowError):
        moment = None
    return moment or _read_number(text.strip()) or _read_latest(text)


def _read_number(text: str) -> dt.datetime | None:
    """Return the instant of a year, a month, a day without marks, or a number of seconds since 1970."""
    if found := _SINCE_1970.fullmatch(text):
        return dt.datetime.fromtimestamp(int(found[1]), dt.UTC)
    found = _DAY_WITHOUT_MARKS.fullmatch(text) or _YEAR_AND_MONTH.fullmatch(text)
    if found is None:
        return None
    year, month, day = (*(int(part or 1) for part in found.groups()), 1)[:3]
    try:
        return dt.datetime(year, month, day, tzinfo=dt.UTC)
    except ValueError:
        return None


def _read_latest(text: str) -> dt.datetime | None:
    """Return the end of the latest day that a text can mean, or of the year where it names no day; None where
    it has no number of four digits."""
    found = _YEAR.search(text)
    if found is None:
        return None
    written = found["year"].lstrip("0")
    if found["day"] is None and len(written) >= len("20310501"):  # a date without marks
        written = written[:4]
    year = int(written[:5] or "0")
    if not dt.MINYEAR <= year < dt.MAXYEAR:
        return dt.datetime.max.replace(tzinfo=dt.UTC) if year else None
    days = _find_days(year, text[:_FAIR_LENGTH].lower())
    return max(days, default=dt.datetime(year, 12, 31, tzinfo=dt.UTC)) + dt.timedelta(days=1)


def _find_days(year: int, text: str) -> list[dt.datetime]:
    """Return the days of a year that a text can mean: of `3/4` both, of `Jan` the last one of the month."""
    words = _WORD.findall(_TIME.sub(" ", text))
    numbers = [int(word) for word in words if word.isdecimal()]
    months = [_MONTHS[word[:3]] for word in words if word[:3] in _MONTHS]
    if months:
        month = months[0]
        pairs = [(month, day) for day in numbers or [monthrange(year, month)[1]]]
    else:
        pairs = list(permutations(numbers[:2], 2))
    return [
        dt.datetime(year, month, day, tzinfo=dt.UTC)
        for month, day in pairs
        if 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]
    ]
