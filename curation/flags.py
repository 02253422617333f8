"""The flags: what editors decide about an article."""

from __future__ import annotations

from typing import NamedTuple

#: In the order in which files state them.
FLAGS = ("quality", "heat", "published", "removed")


class Flags(NamedTuple):
    """What a document says of each; None where it is silent."""

    quality: int | None
    heat: int | None
    published: bool | None
    removed: bool | None
