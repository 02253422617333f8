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

#: As RFC 822 and RFC 5322 have it, with a year from 1000 on: others are two digits to `email.utils`.
_MAIL_DATE = re.compile(
    r"""(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),?\ +)? [0-9]{1,2}\ +
    (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\ + [1-9][0-9]{3}\ +
    [0-9]{1,2}:[0-9]{2}(?::(?:[0-5][0-9]|(?P<leap>60)))?\ +
    (?:[-+](?:[01][0-9]|2[0-3])[0-5][0-9]|UTC?|GMT|Z|[ECMP][SD]T)""",
    re.VERBOSE | re.IGNORECASE,
)


def parse_instant(text: str) -> tuple[dt.datetime | None, tuple[str, str] | None]:
    """The UTC instant that a text states, and (code, message) of the notice it is worth, if any.

    Beside YAML's notation a date is read with blanks around it, with a leap second (as the second before
    it), or as RFC 822 has it. (None, None) for a text that does not look like a date. Raises ValueError for
    one that does and is none (2021-02-30), OverflowError for a year outside 1-9999.
    """
    bare = text.strip()
    match = _INSTANT.fullmatch(bare)
    if match is None:
        mailed = _MAIL_DATE.fullmatch(bare)
        return _parse_mail_date(mailed) if mailed else (None, None)
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
    is_leap = part["second"] == 60
    moment = dt.datetime(  # the zone is checked and given last
        part["year"], part["month"], part["day"], part["hour"], part["minute"], part["second"] - is_leap,
        micro, dt.UTC,
    ) - offset  # fmt: skip
    if is_leap:
        _check_leap(moment)
    notice = None
    if is_leap or bare != text:
        notice = (
            "odd_date",
            f"a date with {'a leap second' if is_leap else 'blanks around it'} is read without",
        )
    if match["hour"] is None:
        notice = ("date_without_time", "a date without a time is read as midnight UTC")
    elif match["zone"] is None:
        notice = ("date_without_zone", "a date without a zone is read as UTC")
    return moment, notice


def _check_leap(moment: dt.datetime) -> None:
    """Raises ValueError unless a leap second may follow an instant: they end a day in UTC."""
    if (moment.hour, moment.minute) != (23, 59):
        raise ValueError("second must be in 0..59")


def _parse_mail_date(match: re.Match[str]) -> tuple[dt.datetime | None, tuple[str, str] | None]:
    from email.utils import parsedate_to_datetime  # few documents need it

    text = match[0]
    if match["leap"]:
        text = f"{text[: match.start('leap')]}59{text[match.end('leap') :]}"
    moment = parsedate_to_datetime(text)
    # Without a zone it is UTC that is meant: so RFC 5322 has -0000.
    moment = moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)
    if match["leap"]:
        _check_leap(moment)
    return moment, ("odd_date", "a date as in e-mail is read")


def is_day(text: object) -> bool:
    """Return whether a text states a date without a time."""
    match = _INSTANT.fullmatch(text.strip()) if isinstance(text, str) else None
    return match is not None and match["hour"] is None


def as_text(moment: dt.datetime | None) -> str | None:
    """A UTC instant as every engine's driver takes it: `2021-05-28 16:00:00`."""
    return None if moment is None else moment.isoformat(" ")[:-6]  # without +00:00
