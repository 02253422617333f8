"""Suggestions for a name that does not exist. difflib is imported only where one is needed."""

from __future__ import annotations

from collections.abc import Iterable

#: Maximum number of names to compare: takes about a second.
MAX_SUGGESTIONS = 50_000

#: Maximum number of names to list if none is similar.
_MAX_LISTED = 20


def find_nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that is most similar, ignoring case; "" if none is similar."""
    from difflib import get_close_matches

    folded: dict[str, str] = {}
    for candidate in known:
        folded.setdefault(candidate.casefold(), candidate)
    wanted = name.strip().casefold()
    found = [wanted] if wanted in folded else get_close_matches(wanted, folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else ""


def describe_unknown_name(kind: str, name: str, known: Iterable[str], listing: str = "") -> str:
    """Return the message for a name that does not exist, with the nearest name or the existing ones.

    Args:
        listing: a command that lists the names, named in the message if they are too many.
    """
    known = list(dict.fromkeys(known))
    if meant := find_nearest(name, known):
        return f"no {kind} {name!r}: did you mean {meant}?"
    verb = "is only" if len(known) == 1 else "are"
    names = f"there {verb} {', '.join(known[:_MAX_LISTED]) or 'none'}"
    if len(known) > _MAX_LISTED:
        names += f" and {len(known) - _MAX_LISTED:,} more" + (f" (`{listing}`)" if listing else "")
    return f"no {kind} {name!r}: {names}"
