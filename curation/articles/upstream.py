"""What upstream alone makes of a flag, and which decisions say the same.

A decision that upstream agrees with is needed no more, unless it is to stand should upstream change its mind:
`editing.flags` releases those that are asked for, `status` counts them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from ..flags import FLAGS, HIDING
from ..store.schema import articles, as_number, changesets, import_issues, overrides

#: What holds where a document says nothing; a quality or heat has no such value.
UNSTATED: Mapping[str, int] = {"published": 1, "removed": 0}


def upstream_value(flag: str) -> sa.ColumnElement[int]:
    """What a flag of `articles` is without a decision, as a number; null where nothing makes it anything.
    The veto of `removed` is another matter."""
    stated = as_number(articles.c[f"upstream_{flag}"])
    return sa.func.coalesce(stated, UNSTATED[flag]) if flag in UNSTATED else stated


def is_adopted(flags: Sequence[str] = FLAGS) -> sa.ColumnElement[bool]:
    """Whether a row of `overrides`, joined to its article, decides what upstream alone would make of it.

    An override that hides is agreed with only where upstream states so: not where an article waits for its
    date, its flag cannot be read, or the override is an import's, which waits for an editor.
    """
    row = overrides.c
    waits = sa.func.coalesce(articles.c.upstream_status, "") == "scheduled"
    by_import = (
        sa.exists()
        .where(changesets.c.id == row.changeset_id, changesets.c.kind == "import")
        .correlate(overrides)
    )
    is_unstated = sa.and_(hides(overrides), sa.or_(waits, is_unclear(), by_import))
    return sa.and_(matches_upstream(row.field, row.value, flags), ~is_unstated)


def hides(decided: sa.Table) -> sa.ColumnElement[bool]:
    """Whether a row of `overrides`, or of those that are set aside, keeps an article from being shown."""
    return sa.or_(
        *(sa.and_(decided.c.field == flag, decided.c.value == int(value)) for flag, value in HIDING.items())
    )


def is_unclear() -> sa.ColumnElement[bool]:
    """Whether the document of an article states whether to show it so that this cannot be read."""
    issue = import_issues.c
    is_of_article = (issue.source_id == articles.c.source_id, issue.path == articles.c.path)
    is_open = (issue.resolved_import_id.is_(None), issue.severity == "error")
    codes = issue.code.in_(("not_a_flag", "misspelt_key"))
    return sa.exists().where(*is_of_article, *is_open, codes).correlate(articles)


def matches_upstream(
    field: sa.ColumnElement[str], value: sa.ColumnElement[int | None], flags: Sequence[str] = FLAGS
) -> sa.ColumnElement[bool]:
    """Whether upstream alone makes one of these flags of `articles` what `value` is."""
    return sa.or_(*(sa.and_(field == flag, value == upstream_value(flag)) for flag in flags))


def conflicts_with_upstream(flags: Sequence[str] = FLAGS) -> sa.ColumnElement[bool]:
    """Whether upstream states otherwise than a row of `overrides`, joined to its article; where it is silent,
    it does not."""
    return sa.or_(
        *(
            sa.and_(overrides.c.field == flag, as_number(articles.c[f"upstream_{flag}"]) != overrides.c.value)
            for flag in flags
        )
    )
