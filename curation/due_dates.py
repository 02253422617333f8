"""From when on upstream publishes a document: by a date in its front matter, else by its file's name."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

from .instants import parse_instant

#: The fields that date a document; the first that states a date counts. `date` is Jekyll's.
DATE_KEYS = ("publishedDateTime", "date")

#: As Jekyll takes a date from the name of a file, in whatever collection it lies.
_DATED_NAME = re.compile(r"([0-9]{2,4})-([0-9]{1,2})-([0-9]{1,2})-.*\.[^.]+", re.DOTALL)


def find_due(path: str, extra: Mapping[str, Any]) -> dt.datetime | None:
    """Return the instant (UTC) from which on upstream publishes an article without `published_at`; None where
    it has no date.

    Args:
        extra: the front matter as the store keeps it, so that the answer is the same without the document.
    """
    return _stated_due(extra) or _due_of_name(path)


def _stated_due(values: Mapping[str, Any]) -> dt.datetime | None:
    for key in DATE_KEYS:
        value = values.get(key)
        if isinstance(value, str) and (due := _read_instant(value)) is not None:
            return due
    return None


def _due_of_name(path: str) -> dt.datetime | None:
    """Return midnight (UTC) of the date with which a file's name begins; None for a name without one.

    As in Jekyll, a year of two digits is one from 1969 to 2068.
    """
    name = _DATED_NAME.fullmatch(path, path.rfind("/") + 1)
    if name is None:
        return None
    year = int(name[1])
    if len(name[1]) == 2:
        year += 1900 if year >= 69 else 2000
    try:
        return dt.datetime(year, int(name[2]), int(name[3]), tzinfo=dt.UTC)
    except ValueError:
        return None


def _read_instant(text: str) -> dt.datetime | None:
    try:
        return parse_instant(text)[0]
    except (ValueError, OverflowError):
        return None
