"""Upstream against editor: who decides each flag. Pure functions, one place for the rules.

| flag | without an override | with one |
|---|---|---|
| quality, heat | what the document says; null where it is silent | the override |
| removed | what the document says; false where it is silent | the override |
| published | what the document says; true where it is silent | the override |

`removed` is the editors' veto: a removed article is not published, whatever else is said.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import NamedTuple

from ..document import Flags
from ..faults import Fault

#: Standing decisions by flag; published and removed are 0 and 1.
Overrides = Mapping[str, int]


class Effective(NamedTuple):
    """What holds: published and removed are never None."""

    quality: int | None
    heat: int | None
    published: bool
    removed: bool


def effective(upstream: Flags, overrides: Overrides) -> Effective:
    """The effective values of an article's flags."""
    removed = bool(overrides.get("removed", upstream.removed or False))
    published = overrides.get("published", True if upstream.published is None else upstream.published)
    return Effective(
        quality=overrides.get("quality", upstream.quality),
        heat=overrides.get("heat", upstream.heat),
        published=bool(published) and not removed,
        removed=removed,
    )


def partings(
    before: Flags, upstream: Flags, overrides: Overrides, said_already: Container[str]
) -> list[Fault]:
    """A notice for each flag on which upstream says otherwise than the editor's standing decision.

    It is given when upstream changes its mind, and stands (`said_already`: the flags that have one)
    until the two agree.
    """
    notices = []
    for flag, decided in overrides.items():
        says, said = getattr(upstream, flag), getattr(before, flag)
        if says is not None and says != decided and (says != said or flag in said_already):
            message = f"upstream says {shown(flag, says)}; the editor's {shown(flag, decided)} stands"
            notices.append(Fault("notice", "upstream_parts", message, flag))
    return notices


def shown(flag: str, value: int | None) -> str:
    """A flag's value in words: `true` and `false` for published and removed."""
    if value is None:
        return "none"
    return str(bool(value)).lower() if flag in ("published", "removed") else str(value)
