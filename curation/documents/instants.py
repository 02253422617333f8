"""Parse instants as files write them."""

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

#: The format of RFC 822 and RFC 5322, with a year from 1000. `email.utils` reads others as two-digit years.
_MAIL_DATE = re.compile(
    r"""(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),?\ +)? [0-9]{1,2}\ +
    (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\ + [1-9][0-9]{3}\ +
    [0-9]{1,2}:[0-9]{2}(?::(?:[0-5][0-9]|(?P<leap>60)))?\ +
    (?:[-+](?:[01][0-9]|2[0-3])[0-5][0-9]|UTC?|GMT|Z|[ECMP][SD]T)""",
    re.VERBOSE | re.IGNORECASE,
)


def parse_instant(text: str) -> tuple[dt.datetime | None, tuple[str, str] | None]:
    """Return the UTC instant that a text states, and (code, message) of a notice about it, if any.

    It accepts YAML's notation, spaces around a date, the format of RFC 822, and leap seconds. A leap second
    is read as the second before it.

    Returns:
        (None, None) for a text that does not look like a date.

    Raises:
        ValueError: the text looks like a date but is not a valid one (2021-02-30).
        OverflowError: the year is outside 1-9999.
    """
    bare = text.strip()
    match = _INSTANT.fullmatch(bare)
    if match is None:
        mail_date = _MAIL_DATE.fullmatch(bare)
        return _parse_mail_date(mail_date) if mail_date else (None, None)
    notice = _make_notice(match)
    if notice is None and bare != text:
        notice = ("odd_date", "spaces around a date are ignored")
    return _make_moment(match), notice


def _make_moment(match: re.Match[str]) -> dt.datetime:
    """Return the UTC instant of a text in YAML's notation. Raise an error as `parse_instant` does."""
    if len(match["year"].lstrip("0")) > 4:  # Python does not convert thousands of digits
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
    moment = dt.datetime(  # the offset is checked above and applied last
        part["year"], part["month"], part["day"], part["hour"], part["minute"], part["second"] - is_leap,
        micro, dt.UTC,
    ) - offset  # fmt: skip
    if is_leap:
        _check_leap(moment)
    return moment


def _make_notice(match: re.Match[str]) -> tuple[str, str] | None:
    """Return (code, message) of a notice about an instant in YAML's notation, if any."""
    if match["hour"] is None:
        return "date_without_time", "a date without a time is read as midnight UTC"
    if match["zone"] is None:
        return "date_without_zone", "a date without a zone is read as UTC"
    if match["second"] == "60":
        return "odd_date", "a leap second is read as the second before it"
    return None


def _check_leap(moment: dt.datetime) -> None:
    """Raise ValueError unless a leap second may follow an instant: only at the end of a day in UTC."""
    if (moment.hour, moment.minute) != (23, 59):
        raise ValueError("second must be in 0..59")


def _parse_mail_date(match: re.Match[str]) -> tuple[dt.datetime | None, tuple[str, str] | None]:
    from email.utils import parsedate_to_datetime  # few documents need it

    text = match[0]
    if match["leap"]:
        text = f"{text[: match.start('leap')]}59{text[match.end('leap') :]}"
    moment = parsedate_to_datetime(text)
    # Without a zone it is UTC: RFC 5322 defines -0000 so.
    moment = moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)
    if match["leap"]:
        _check_leap(moment)
    return moment, ("odd_date", "the date is read from the format of e-mail")


def is_date_only(text: object) -> bool:
    """Return whether a text states a date without a time."""
    match = _INSTANT.fullmatch(text.strip()) if isinstance(text, str) else None
    return match is not None and match["hour"] is None


def format_instant(moment: dt.datetime | None) -> str | None:
    """Return a UTC instant as every engine's driver accepts it (`2021-05-28 16:00:00`); None for None."""
    return None if moment is None else moment.isoformat(" ")[:-6]  # without +00:00
