"""Numbers and nouns in messages."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: `1 article`, `2,000 articles`.

    Args:
        noun: the singular. An `s` makes its plural.
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
