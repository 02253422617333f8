"""Integers of 64 bits, the range that every database engine stores."""

from __future__ import annotations

import re

INT64 = range(-(2**63), 2**63)

#: Characters of the longest 64-bit integer, with its sign.
_MAX_LENGTH = 20


def parse_integer(text: str) -> int:
    """Return the integer that a text states.

    Raises:
        ValueError: it is not an integer, or outside 64 bits. Python does not convert texts of thousands
            of digits.
    """
    if len(text) > _MAX_LENGTH or (number := int(text)) not in INT64:
        raise ValueError("beyond 64 bits")
    return number


#: An integer in quotes. A text with a leading zero is not one.
_QUOTED = re.compile(r" *([-+]?(?:0|[1-9][0-9]{0,18})) *")


def parse_quoted_integer(text: str) -> int | None:
    """Return the integer that a text states, with or without spaces around it; None for any other text."""
    found = _QUOTED.fullmatch(text)
    return int(found[1]) if found and int(found[1]) in INT64 else None
