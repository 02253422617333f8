"""Instants as files write them."""

from __future__ import annotations

import datetime as dt
import re

#: YAML's own notation of an instant (https://yaml.org/type/timestamp.html), seconds optional.
_INSTANT = re.compile(
    r"""(?P<year>[0-9]{4,}) - (?P<month>[0-9]{1,2}) - (?P<day>[0-9]{1,2})
    (?: (?:[Tt]|[ \t]+) (?P<hour>[0-9]{1,2}) : (?P<minute>[0-9]{2})
        (?: : (?P<second>[0-9]{2}) (?:\.(?P<fraction>[0-9]*))? )?
        (?: [ \t]* (?P<zone> [Zz] | (?P<sign>[-+]) (?P<zh>[0-9]{1,2}) (?: :? (?P<zm>[0-9]{2}) )? ) )? )?""",
    re.VERBOSE,
)


def parse_instant(text: str) -> tuple[dt.datetime | None, tuple[str, str] | None]:
    """The UTC instant that a text states, and (code, message) of the notice it is worth, if any.

    (None, None) for a text that does not look like a date. Raises ValueError for one that does and is
    none (2021-02-30), OverflowError for a year outside 1-9999.
    """
    match = _INSTANT.fullmatch(text)
    if match is None:
        return None, None
    if len(match["year"].lstrip("0")) > 4:  # of thousands of digits Python makes no number
        raise OverflowError("year out of range")
    part = {
        k: int(v) for k, v in match.groupdict(default="0").items() if k not in ("fraction", "sign", "zone")
    }
    if not dt.MINYEAR <= part["year"] <= dt.MAXYEAR:
        raise OverflowError("year out of range")
    micro = int((match["fraction"] or "").ljust(6, "0")[:6])
    if part["zh"] > 23 or part["zm"] > 59:
        raise ValueError("offset must be within a day")
    offset = dt.timedelta(hours=part["zh"], minutes=part["zm"]) * (-1 if match["sign"] == "-" else 1)
    moment = dt.datetime(  # the zone is checked and given last
        part["year"], part["month"], part["day"], part["hour"], part["minute"], part["second"], micro, dt.UTC
    )
    notice = None
    if match["hour"] is None:
        notice = ("date_without_time", "a date without a time is read as midnight UTC")
    elif match["zone"] is None:
        notice = ("date_without_zone", "a date without a zone is read as UTC")
    return moment - offset, notice


def as_text(moment: dt.datetime | None) -> str | None:
    """A UTC instant as every engine's driver takes it: `2021-05-28 16:00:00`."""
    return None if moment is None else moment.isoformat(" ")[:-6]  # without +00:00
