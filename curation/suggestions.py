"""What may have been meant by a name that is not there; difflib is loaded where it is wanted only."""

from __future__ import annotations

from collections.abc import Iterable

#: Names that the nearest is looked for among: a second's work.
MAX_SUGGESTIONS = 50_000

#: Names that are listed where none is near.
_LISTED = 20


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the name that was probably meant, whatever its case; "" where none is near."""
    from difflib import get_close_matches

    folded: dict[str, str] = {}
    for candidate in known:
        folded.setdefault(candidate.casefold(), candidate)
    wanted = name.strip().casefold()
    found = [wanted] if wanted in folded else get_close_matches(wanted, folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else ""


def unknown_name(kind: str, name: str, known: Iterable[str], listing: str = "") -> str:
    """Return the line for a name that is not there: with the nearest one, or those that there are.

    listing: a command that lists them, where they are too many to be named.
    """
    known = list(dict.fromkeys(known))
    if meant := nearest(name, known):
        return f"no {kind} {name!r}: did you mean {meant}?"
    verb = "is only" if len(known) == 1 else "are"
    told = f"there {verb} {', '.join(known[:_LISTED]) or 'none'}"
    if len(known) > _LISTED:
        told += f" and {len(known) - _LISTED:,} more" + (f" (`{listing}`)" if listing else "")
    return f"no {kind} {name!r}: {told}"
