"""Whole numbers as every engine takes them: of 64 bits."""

from __future__ import annotations

INT64 = range(-(2**63), 2**63)

#: Characters of the longest, with its sign.
_LONGEST = 20


def whole_number(text: str) -> int:
    """The number that a text is. Raises ValueError for one that is none, or beyond 64 bits; it may be as long
    as it likes, though of thousands of digits Python makes no number."""
    if len(text) > _LONGEST or (number := int(text)) not in INT64:
        raise ValueError("beyond 64 bits")
    return number
