"""Counts in sentences."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Return a number and what it counts: `1 article`, `2,000 articles`.

    Args:
        noun: in the singular; its plural takes an `s`.
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
