"""What upstream alone makes of a flag, and which decisions say the same.

A decision that upstream agrees with is needed no more, unless it is to stand should upstream change its mind:
`editing.flags` releases those that are asked for, `looking` counts them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from .flags import FLAGS
from .schema import articles, as_number, overrides

#: What holds where a document says nothing; a quality or heat has no such value.
SILENT: Mapping[str, int] = {"published": 1, "removed": 0}


def by_upstream(flag: str) -> sa.ColumnElement[int]:
    """What a flag of `articles` is without a decision, as a number; null where nothing makes it anything.
    The veto of `removed` is another matter."""
    stated = as_number(articles.c[f"upstream_{flag}"])
    return sa.func.coalesce(stated, SILENT[flag]) if flag in SILENT else stated


def is_agreed(flags: Sequence[str] = FLAGS) -> sa.ColumnElement[bool]:
    """Whether a row of `overrides`, joined to its article, decides what upstream alone would make of it."""
    return says(overrides.c.field, overrides.c.value, flags)


def says(
    field: sa.ColumnElement[str], value: sa.ColumnElement[int | None], flags: Sequence[str] = FLAGS
) -> sa.ColumnElement[bool]:
    """Whether upstream alone makes one of these flags of `articles` what `value` is."""
    return sa.or_(*(sa.and_(field == flag, value == by_upstream(flag)) for flag in flags))


def is_parted(flags: Sequence[str] = FLAGS) -> sa.ColumnElement[bool]:
    """Whether upstream states otherwise than a row of `overrides`, joined to its article; where it is silent,
    it does not."""
    return sa.or_(
        *(
            sa.and_(overrides.c.field == flag, as_number(articles.c[f"upstream_{flag}"]) != overrides.c.value)
            for flag in flags
        )
    )
