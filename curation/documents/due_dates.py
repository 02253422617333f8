"""The due date of a document: the instant from which upstream publishes it.

It is a date in the front matter, otherwise the date in the file's name.
"""

from __future__ import annotations

import datetime as dt
import re
from calendar import monthrange
from collections.abc import Mapping
from itertools import permutations
from typing import Any

from .instants import parse_instant

#: The fields that date a document, in any case. The first one with a date counts. `date` is Jekyll's.
DATE_KEYS = ("publishedDateTime", "date")

#: A file name with a date, by the rule of Jekyll, which applies in every collection.
_DATED_NAME = re.compile(r"([0-9]{2,4})-([0-9]{1,2})-([0-9]{1,2})-.*\.[^.]+", re.DOTALL)
_YEAR = re.compile(r"(?P<year>\d{4,})(?P<day>-\d{1,2}-\d)?")
_COMPACT_DAY = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")
_YEAR_AND_MONTH = re.compile(r"([0-9]{4})(?:-([0-9]{1,2}))?")
#: Seconds or milliseconds since 1970.
_SINCE_1970 = re.compile(r"([0-9]{10})([0-9]{3})?(?:\.[0-9]*)?")

_TIME = re.compile(r"\d{1,2}:\d{2}(?::\d{2})?")
_WORD = re.compile(r"[a-z]{3,9}|(?<!\d)\d{1,2}(?!\d)")
_MONTHS = {name[:3]: number for number, name in enumerate(
    ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
     "november", "december"), start=1)}  # fmt: skip
#: Maximum characters of a text that are searched for a date.
_MAX_SEARCHED = 100


def find_due_date(path: str, extra: Mapping[str, Any]) -> dt.datetime | None:
    """Return the instant (UTC) from which upstream publishes an article without `published_at`.

    Args:
        extra: the front matter as the store keeps it, so that the document itself is not needed.

    Returns:
        The instant; None if the article has no date.
    """
    return _find_stated_date(extra) or _find_date_in_name(path)


def _find_stated_date(values: Mapping[str, Any]) -> dt.datetime | None:
    """Return the instant that front matter states as the date of a document.

    If the date is ambiguous, return the end of the latest day that it can mean (3 April for `3/4/2031`). So
    a document is never published while its date may be in the future.
    """
    for key in DATE_KEYS:
        spelling = key if key in values else next((k for k in values if k.lower() == key.lower()), key)
        value = values.get(spelling)
        if value is not None and (date := _read_instant(str(value))) is not None:
            return date
    return None


def _find_date_in_name(path: str) -> dt.datetime | None:
    """Return midnight (UTC) of the date at the start of a file's name; None if there is none.

    As in Jekyll, a year of two digits is in 1969-2068.
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
    """Return the instant of a year, a month, a day such as `20310501`, or a number of seconds since 1970."""
    if found := _SINCE_1970.fullmatch(text):
        return dt.datetime.fromtimestamp(int(found[1]), dt.UTC)
    found = _COMPACT_DAY.fullmatch(text) or _YEAR_AND_MONTH.fullmatch(text)
    if found is None:
        return None
    year, month, day = (*(int(part or 1) for part in found.groups()), 1)[:3]
    try:
        return dt.datetime(year, month, day, tzinfo=dt.UTC)
    except ValueError:
        return None


def _read_latest(text: str) -> dt.datetime | None:
    """Return the end of the latest day that a text can mean.

    That is the end of the year if the text names no day. None if it has no number of four digits.
    """
    found = _YEAR.search(text)
    if found is None:
        return None
    digits = found["year"].lstrip("0")
    if found["day"] is None and len(digits) >= len("20310501"):  # a date without separators
        digits = digits[:4]
    year = int(digits[:5] or "0")
    if not dt.MINYEAR <= year < dt.MAXYEAR:
        return dt.datetime.max.replace(tzinfo=dt.UTC) if year else None
    days = _find_days(year, text[:_MAX_SEARCHED].lower())
    return max(days, default=dt.datetime(year, 12, 31, tzinfo=dt.UTC)) + dt.timedelta(days=1)


def _find_days(year: int, text: str) -> list[dt.datetime]:
    """Return the days of a year that a text can mean: both for `3/4`, the last of the month for `Jan`."""
    words = _WORD.findall(_TIME.sub(" ", text))
    numbers = [int(word) for word in words if word.isdecimal()]
    months = [_MONTHS[word[:3]] for word in words if word[:3] in _MONTHS]
    if months:
        month = months[0]
        pairs = [(month, day) for day in numbers or [monthrange(year, month)[1]]]
    else:
        pairs = list(permutations(numbers[:2], 2))
    return [dt.datetime(year, month, day, tzinfo=dt.UTC) for month, day in pairs if _exists(year, month, day)]


def _exists(year: int, month: int, day: int) -> bool:
    """Return whether the calendar has a day."""
    return 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]
