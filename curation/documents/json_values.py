"""Values fit for `extra`: JSON that every engine stores, from whatever a front matter holds."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from ..integers import INT64
from . import strict_yaml
from .instants import parse_instant
from .issues import Reading
from .yaml_signs import MAX_DEPTH

MAX_TEXT = 1024 * 1024  # characters of one text field

_Path = strict_yaml.Path

NUMBER_STARTS = frozenset("+-0123456789")
_SEXAGESIMAL = re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?")
_LONG_INTEGER_BITS = 14_000  # about 4,200 digits: near what Python itself refuses to write out

#: What a number that is read as zero may have been.
_LOSES = re.compile(r"[0-9._][eE][-+]?[0-9_]|0{300}")

#: Stands for a value that no engine can hold.
NOTHING = object()

encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def storable(reading: Reading, value: Any, path: _Path) -> Any:
    """A value fit for JSON on every engine; `NOTHING` for what none can hold, with a warning."""
    kind = type(value)
    if kind is str:
        return storable_text(reading, value, path)
    if value is None or kind is bool or (kind is int and value in INT64):
        return value
    if kind is list and len(path) <= MAX_DEPTH:
        return [
            v for v in (storable(reading, v, (*path, i)) for i, v in enumerate(value)) if v is not NOTHING
        ]
    if kind is dict and len(path) <= MAX_DEPTH and _has_fair_keys(value):
        pairs = ((k, storable(reading, v, (*path, k))) for k, v in value.items())
        return {k: v for k, v in pairs if v is not NOTHING}
    if kind is float and value and math.isfinite(value):
        return value
    return _odd(reading, value, path)


def _odd(reading: Reading, value: Any, path: _Path) -> Any:
    """As `storable`, for a value that cannot be stored, or that may not be what the file says."""
    if value != 0 or _LOSES.search(reading.text):
        reading.doubt()
    if value == 0:
        return value
    if isinstance(value, float):
        reading.add_issue("warning", "not_finite", f"{value} is not a number that can be stored", path)
    elif isinstance(value, int):
        reading.add_issue("warning", "integer_out_of_range", "a whole number outside 64 bits", path)
    else:
        # Too deep, too many keys, keys that are no text: careful reading has refused such a document.
        reading.add_issue("warning", "not_storable", f"a {kind_of(value)} that cannot be stored", path)
    return NOTHING


def _has_fair_keys(value: dict[Any, Any]) -> bool:
    return len(value) <= strict_yaml.MAX_KEYS and all(type(k) is str for k in value)


def storable_text(reading: Reading, value: str, path: _Path) -> Any:
    if len(value) > MAX_TEXT:
        reading.add_issue(
            "warning",
            "text_too_long",
            f"a text of {len(value)} characters; at most {MAX_TEXT} are kept",
            path,
        )
        return NOTHING
    if value[:1] in NUMBER_STARTS:
        check_plain(reading, value, path)
    return value


def check_plain(reading: Reading, value: str, path: _Path) -> None:
    """A plain scalar that looks like a date must be one; one of base 60 is text, and that is said."""
    try:
        moment, _ = parse_instant(value)
    except OverflowError:
        return
    except ValueError as error:
        if reading.plain_text(path) is not None:
            raise reading.refuse("bad_date", f"{value!r} is no date: {error}", path) from None
        return
    if moment is None and _SEXAGESIMAL.fullmatch(value) and reading.plain_text(path) is not None:
        reading.add_issue("notice", "sexagesimal_lookalike", "a value like 1:30 is kept as text", path)


def kind_of(value: object) -> str:
    names = {list: "list", dict: "mapping", str: "text", bool: "flag", int: "number", float: "number"}
    return names.get(type(value), type(value).__name__)


def written(value: object) -> str:
    """A value's text; a whole number that Python refuses to write out is refused elsewhere."""
    if isinstance(value, int) and value.bit_length() > _LONG_INTEGER_BITS:
        return "a huge whole number"
    return str(value)


def short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")
