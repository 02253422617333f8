"""Values as text: exact, as JSON, or safe to show in a terminal or a spreadsheet.

These functions run for every cell, so they handle common values first: numbers, null and printable texts.
`str.isprintable` finds that there is nothing to escape in a twentieth of the pattern's time.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

#: Terminal controls, and marks that change the direction of the text after them. `str.isprintable` is false
#: for each of them.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_SURROGATE = re.compile("[\ud800-\udfff]")

#: With their full-width forms, which a spreadsheet set to Japanese or Chinese treats alike.
_FORMULA_STARTS = frozenset("=+-@＝＋－＠")

_ENCODER = json.JSONEncoder(ensure_ascii=False)


def _escape_match(match: re.Match[str]) -> str:
    return ascii(match[0])[1:-1]


def escape(text: str) -> str:
    """Return a text with terminal controls escaped, so that a terminal only shows it. Line breaks stay."""
    return text if text.isprintable() else _UNSAFE.sub(_escape_match, text)


def escape_surrogates(text: str) -> str:
    """Return a text that UTF-8 can encode: lone surrogates are escaped, all else is unchanged."""
    return text if text.isprintable() else _SURROGATE.sub(_escape_match, text)


def to_json_value(value: Any) -> Any:
    """Return a value as a JSON type: instants in ISO 8601 (UTC), decimals as numbers, bytes as hex."""
    if isinstance(value, dt.datetime):
        return _format_instant(value)
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


def _format_instant(value: dt.datetime) -> str:
    if value.tzinfo is None:
        return value.isoformat(" ")
    return value.astimezone(dt.UTC).replace(tzinfo=None).isoformat() + "Z"


def to_text(value: Any) -> str:
    """Return a value as text, without escaping: empty for null, JSON for lists and mappings."""
    kind = type(value)
    if kind is str:
        return str(value)
    if value is None:
        return ""
    if kind is int:
        return repr(value)
    value = to_json_value(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return to_json(value)  # it leaves nothing that `escape` would change
    return str(value)


def format_cell(value: Any) -> str:
    """Return a value as the text of a cell, escaped: empty for null, JSON for lists and mappings."""
    return escape(to_text(value))


def format_spreadsheet_cell(value: Any) -> str:
    """Return the text of a cell that a spreadsheet only shows: an apostrophe goes before a formula."""
    if type(value) is str and value.isprintable():
        return f"'{value}" if value.lstrip()[:1] in _FORMULA_STARTS else value
    text = format_cell(value)
    return f"'{text}" if isinstance(value, str) and is_formula(text) else text


def is_formula(text: str) -> bool:
    """Return whether a spreadsheet would run a text as a formula. Spaces and tabs before it do not count."""
    return text.lstrip()[:1] in _FORMULA_STARTS


def is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def is_numeric(values: Iterable[Any]) -> bool:
    """Return whether all values of a column are numbers, apart from null, and at least one is."""
    present = [value for value in values if value is not None]
    return bool(present) and all(map(is_number, present))


def make_names_unique(columns: Sequence[str]) -> list[str]:
    """Return column names made unique (`a`, `a_2`), since an object would lose a repeated name."""
    names: list[str] = []
    for column in columns:
        count = 1
        while (name := column if count == 1 else f"{column}_{count}") in names:
            count += 1
        names.append(name)
    return names


# --- JSON --------------------------------------------------------------------------------------------


def _replace_non_finite(value: Any) -> Any:
    """Return a value in which numbers that JSON does not have (NaN, infinity) are text."""
    if isinstance(value, dict):
        return {key: _replace_non_finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_replace_non_finite(inner) for inner in value]
    return to_json_value(value) if isinstance(value, float) else value


def to_json(value: Any, indent: int | None = None) -> str:
    """Return a value as JSON that is safe in a terminal: controls that JSON permits are escaped too."""
    return _escape_json(
        json.dumps(_replace_non_finite(value), ensure_ascii=False, default=to_json_value, indent=indent)
    )


def format_json_cell(value: Any) -> str:
    """Return one value as JSON, like `to_json` but faster."""
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


#: How the store writes instants, and how SQL returns them: in UTC, to the second or microsecond.
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{6})?")


def parse_instant_text(text: str) -> dt.datetime | None:
    """Return the instant that a text from SQL states; None for any other text."""
    if len(text) not in (19, 26) or not _INSTANT.fullmatch(text):
        return None
    try:
        return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)
    except ValueError:
        return None
