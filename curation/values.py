"""A value as text: exact, harmless to a terminal, to a spreadsheet, or as JSON.

These run for every cell, so that what is common (a number, null, a text that is plain) goes first:
`str.isprintable` tells in a twentieth of the pattern's time that there is nothing to escape.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

#: Terminal controls, and marks that turn the direction of what follows; `str.isprintable` is false of each.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_SURROGATE = re.compile("[\ud800-\udfff]")

#: With their wide forms, which a spreadsheet set to Japanese or Chinese takes for the same.
_FORMULA_STARTS = frozenset("=+-@＝＋－＠")

_ENCODER = json.JSONEncoder(ensure_ascii=False)


def _escaped(match: re.Match[str]) -> str:
    return ascii(match[0])[1:-1]


def escape(text: str) -> str:
    """Text that a terminal shows and does not obey; line breaks stay."""
    return text if text.isprintable() else _UNSAFE.sub(_escaped, text)


def encodable(text: str) -> str:
    """Text that UTF-8 can hold: halves of a pair are shown as escapes, all else is as it was."""
    return text if text.isprintable() else _SURROGATE.sub(_escaped, text)


def plain(value: Any) -> Any:
    """A value as JSON has it: instants as ISO 8601 in UTC, exact numbers as numbers, bytes in hexadecimal."""
    if isinstance(value, dt.datetime):
        return _instant(value)
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, Decimal):
        if not value.is_finite():
            return str(value)
        exponent = value.as_tuple().exponent
        return float(value) if isinstance(exponent, int) and exponent < 0 else int(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    return value


def _instant(value: dt.datetime) -> str:
    if value.tzinfo is None:
        return value.isoformat(" ")
    return value.astimezone(dt.UTC).replace(tzinfo=None).isoformat() + "Z"


def text_of(value: Any) -> str:
    """A value as text, nothing escaped: empty for null, JSON for lists and mappings."""
    kind = type(value)
    if kind is str:
        return str(value)
    if value is None:
        return ""
    if kind is int:
        return repr(value)
    value = plain(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return to_json(value)  # in which nothing is left that `escape` would make other than JSON
    return str(value)


def shown(value: Any) -> str:
    """A value as a cell of text: nothing for null, JSON for lists and mappings."""
    return escape(text_of(value))


def spreadsheet_cell(value: Any) -> str:
    """A cell that a spreadsheet shows: a text that it would run begins with an apostrophe."""
    if type(value) is str and value.isprintable():
        return f"'{value}" if value.lstrip()[:1] in _FORMULA_STARTS else value
    text = shown(value)
    return f"'{text}" if isinstance(value, str) and is_formula(text) else text


def is_formula(text: str) -> bool:
    """Whether a spreadsheet would run a text; it passes blanks and tabs over, and so do we."""
    return text.lstrip()[:1] in _FORMULA_STARTS


def is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def is_numeric(values: Iterable[Any]) -> bool:
    """Whether a column is numbers, with or without gaps."""
    present = [value for value in values if value is not None]
    return bool(present) and all(map(is_number, present))


def distinct(columns: Sequence[str]) -> list[str]:
    """Names of their own for columns of one name, which an object would lose: `a`, `a_2`."""
    names: list[str] = []
    for column in columns:
        count = 1
        while (name := column if count == 1 else f"{column}_{count}") in names:
            count += 1
        names.append(name)
    return names


# --- JSON --------------------------------------------------------------------------------------------


def _finite(value: Any) -> Any:
    """A value in which numbers that JSON has not (NaN, infinity) are text."""
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return plain(value) if isinstance(value, float) else value


def to_json(value: Any, indent: int | None = None) -> str:
    """JSON that a terminal does not obey either: controls that JSON lets pass are escaped."""
    return _escape_json(json.dumps(_finite(value), ensure_ascii=False, default=plain, indent=indent))


def json_cell(value: Any) -> str:
    """One value as JSON; as `to_json`, but quick."""
    kind = type(value)
    if kind is str:
        return _escape_json(_ENCODER.encode(value))
    if value is None:
        return "null"
    if kind is int or (kind is float and math.isfinite(value)):
        return repr(value)
    return to_json(value)


def _escape_json(text: str) -> str:
    return text if text.isprintable() else _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


#: How the store holds instants, and gives them to SQL: in UTC, to the second or microsecond.
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{6})?")


def parse_instant_text(text: str) -> dt.datetime | None:
    """The instant that a text is, as SQL gives it; None for any other text."""
    if len(text) not in (19, 26) or not _INSTANT.fullmatch(text):
        return None
    try:
        return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)
    except ValueError:
        return None
