"""Whole numbers as every engine takes them: of 64 bits."""

from __future__ import annotations

import re

INT64 = range(-(2**63), 2**63)

#: Characters of the longest, with its sign.
_LONGEST = 20


def whole_number(text: str) -> int:
    """The number that a text is. Raises ValueError for one that is none, or beyond 64 bits; it may be as long
    as it likes, though of thousands of digits Python makes no number."""
    if len(text) > _LONGEST or (number := int(text)) not in INT64:
        raise ValueError("beyond 64 bits")
    return number


#: A number that someone put in quotes; one with a leading zero is none.
_QUOTED = re.compile(r" *([-+]?(?:0|[1-9][0-9]{0,18})) *")


def read_quoted(text: str) -> int | None:
    """Return the number that a text is, with blanks around it or without; None for any other text."""
    found = _QUOTED.fullmatch(text)
    return int(found[1]) if found and int(found[1]) in INT64 else None
