"""Convert values of front matter to JSON that every database engine stores, for `extra`."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from ..integers import INT64
from . import strict_yaml
from .instants import parse_instant
from .issues import Reading
from .suspect_yaml import MAX_DEPTH

#: Maximum characters of one text field.
MAX_TEXT = 1024 * 1024

_Path = strict_yaml.Path

NUMBER_STARTS = frozenset("+-0123456789")
_SEXAGESIMAL = re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?")
#: About 4,200 digits, close to the limit above which Python refuses to convert an integer to text.
_MAX_INTEGER_BITS = 14_000

#: Text that a reader may have turned into zero: a number with an exponent, or with very many zeros.
_MAY_BECOME_ZERO = re.compile(r"[0-9._][eE][-+]?[0-9_]|0{300}")

#: Returned in place of a value that no engine can store.
UNSTORABLE = object()

encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def make_storable(reading: Reading, value: Any, path: _Path) -> Any:
    """Return a value as every engine can store it in JSON; `UNSTORABLE`, with a warning, if none can."""
    kind = type(value)
    if kind is str:
        return make_storable_text(reading, value, path)
    if value is None or kind is bool or (kind is int and value in INT64):
        return value
    if kind is list and len(path) <= MAX_DEPTH:
        values = (make_storable(reading, v, (*path, i)) for i, v in enumerate(value))
        return [v for v in values if v is not UNSTORABLE]
    if kind is dict and len(path) <= MAX_DEPTH and _has_valid_keys(value):
        pairs = ((k, make_storable(reading, v, (*path, k))) for k, v in value.items())
        return {k: v for k, v in pairs if v is not UNSTORABLE}
    if kind is float and value and math.isfinite(value):
        return value
    return _check_unusual(reading, value, path)


def _check_unusual(reading: Reading, value: Any, path: _Path) -> Any:
    """Return a zero; for any other value `UNSTORABLE`, with a warning.

    Raises:
        FastReadingError: the fast reader of YAML may have changed the value.
    """
    if value != 0 or _MAY_BECOME_ZERO.search(reading.text):
        reading.require_careful_reading()
    if value == 0:
        return value
    if isinstance(value, float):
        reading.add_issue("warning", "not_finite", f"{value} cannot be stored as a number", path)
    elif isinstance(value, int):
        reading.add_issue("warning", "integer_out_of_range", "an integer outside the 64-bit range", path)
    else:
        # Too deep, too many keys, or keys that are not text. Careful reading rejects such a document.
        reading.add_issue("warning", "not_storable", f"{describe_kind(value)} cannot be stored", path)
    return UNSTORABLE


def _has_valid_keys(value: dict[Any, Any]) -> bool:
    return len(value) <= strict_yaml.MAX_KEYS and all(type(k) is str for k in value)


def make_storable_text(reading: Reading, value: str, path: _Path) -> Any:
    """Return a text; `UNSTORABLE`, with a warning, if it is too long."""
    if len(value) > MAX_TEXT:
        reading.add_issue("warning", "text_too_long", describe_too_long_text(value), path)
        return UNSTORABLE
    if value[:1] in NUMBER_STARTS:
        check_plain_scalar(reading, value, path)
    return value


def check_plain_scalar(reading: Reading, value: str, path: _Path) -> None:
    """Check a text for plain scalars that look like something else.

    One that looks like a date must be a valid date. One that looks like a number of base 60 is reported with
    a notice, since it is read as text.

    Raises:
        DocumentError: the text looks like a date, but is not a valid one.
    """
    try:
        moment, _ = parse_instant(value)
    except OverflowError:
        return
    except ValueError as error:
        if reading.find_unquoted_text(path) is not None:
            raise reading.make_error("bad_date", f"{value!r} is not a valid date: {error}", path) from None
        return
    if moment is None and _SEXAGESIMAL.fullmatch(value) and reading.find_unquoted_text(path) is not None:
        reading.add_issue("notice", "sexagesimal_lookalike", "a value like 1:30 is kept as text", path)


_KINDS: dict[type, str] = {
    list: "a list", dict: "a mapping", str: "a text", bool: "a boolean", int: "a number", float: "a number",
    type(None): "null",
}  # fmt: skip


def describe_kind(value: object) -> str:
    """Return the kind of a value for a message, such as "a list"."""
    return _KINDS.get(type(value), f"a {type(value).__name__}")


def describe_too_long_text(text: str) -> str:
    return f"a text of {len(text)} characters is not stored; the maximum is {MAX_TEXT}"


def format_value(value: object) -> str:
    """Return the text of a value, or a description of an integer that Python refuses to convert.

    Other code rejects such an integer.
    """
    if isinstance(value, int) and value.bit_length() > _MAX_INTEGER_BITS:
        return "a huge integer"
    return str(value)


def shorten(text: str) -> str:
    """Return a text in quotes for a message, cut to 40 characters."""
    return repr(text if len(text) <= 40 else text[:39] + "…")
