"""Resolve the value of a plain YAML scalar, which is a scalar without quotes.

The rules are those of YAML 1.2's core schema; `0b11` and `1_000` are numbers too. A text stays a text if only
some parsers read it as a number, or if the number would lose it: `012`, `_1`, `0XAB`, `61e9540`.
"""

from __future__ import annotations

import math
import re
from typing import Any

#: Maximum digits of an integer: Python's own limit for reading one.
MAX_DIGITS = 4_300

_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((sign + word for sign in ("", "+") for word in (".inf", ".Inf", ".INF")), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}
#: `012` is 10 in YAML 1.1 and 12 in YAML 1.2, so its meaning is unknown.
_OCTAL = re.compile(r"[-+]?0[0-9_]+(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?")
_DECIMAL = r"[0-9]+(?:_[0-9]+)*"
_WHOLE = re.compile(rf"[-+]?{_DECIMAL}")
_OTHER_BASE = re.compile(r"[-+]?0(?:x[0-9a-fA-F]+|o[0-7]+|b[01]+)")
#: What some parsers accept: underscores anywhere, and prefixes in any case.
_LOOKS_LIKE_NUMBER = re.compile(
    r"""[-+]?(?:0[xX](?=_*[0-9a-fA-F])[0-9a-fA-F_]+ | 0[oO](?=_*[0-7])[0-7_]+ | 0[bB](?=_*[01])[01_]+
    | (?=[._]*[0-9])(?:[0-9_]++(?:\.[0-9_]*)? | \.[0-9_]+)(?:[eE][-+]?(?=_*[0-9])[0-9_]+)?)""",
    re.VERBOSE,
)
_ZERO = re.compile(r"[-+.0_]*")
_FLOAT = re.compile(rf"[-+]?(?:\.[0-9]+|{_DECIMAL}(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")


def resolve(text: str) -> tuple[Any, tuple[str, str] | None]:
    """Return the value of a plain scalar, and (code, message) of a notice about it, if any.

    Raises:
        ValueError: an integer has more than `MAX_DIGITS` digits.
    """
    if text in _WORDS:
        return _WORDS[text], None
    if text[:1] not in "+-.0123456789_":
        return text, None
    if _OCTAL.fullmatch(text):
        notice = ("octal_lookalike", "a number with a leading zero is kept as text")
        return text, notice
    number = _read_number(text)
    if number is not None or not _LOOKS_LIKE_NUMBER.fullmatch(text):
        return text if number is None else number, None
    notice = ("number_lookalike", "what looks like a number, but would change as one, is kept as text")
    return text, notice


def _read_number(text: str) -> int | float | None:
    if is_whole := _WHOLE.fullmatch(text) or _OTHER_BASE.fullmatch(text):
        if len(text) > MAX_DIGITS:
            raise ValueError(f"an integer of {len(text)} digits; the maximum is {MAX_DIGITS}")
        return int(text, 10 if is_whole.re is _WHOLE else 0)
    return float(text) if _FLOAT.fullmatch(text) and not _is_lost(text) else None


def _is_lost(text: str) -> bool:
    """Return whether a number becomes infinite, or becomes zero although it is not written as zero."""
    number = float(text)
    return math.isinf(number) or (number == 0 and not _ZERO.fullmatch(text))
