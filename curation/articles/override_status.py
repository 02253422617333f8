"""Compare overrides with upstream values.

An override that upstream has adopted has no effect until upstream changes again. `editing.flags` removes such
overrides on request, and `status` counts them.

An override is in conflict if upstream has changed since an editor made or confirmed it, to something else.
The review queue has the conflicts of articles that are neither removed nor missing (`sql/review_items.sql`
states the same rule), and `conflicts`, `status` and `keep --upstream` read it there. `is_in_conflict` is for
one article, and for the open notices of missing ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from ..flags import FLAGS, HIDING
from ..store.schema import articles, as_number, changesets, import_issues, overrides

#: The values of flags that a document does not state. Quality and heat have no default.
DEFAULTS: Mapping[str, int] = {"published": 1, "removed": 0}


def upstream_value(flag: str) -> sa.ColumnElement[int]:
    """Return the value that a flag of `articles` has without an override, as a number.

    It is the upstream value, else the default, else null. That `removed` articles are not published is not
    taken into account.
    """
    stated = as_number(articles.c[f"upstream_{flag}"])
    return sa.func.coalesce(stated, DEFAULTS[flag]) if flag in DEFAULTS else stated


def is_adopted(flags: Sequence[str] = FLAGS) -> sa.ColumnElement[bool]:
    """Return the condition that upstream has adopted a row of `overrides`, joined to its article.

    An override that hides the article counts as adopted only if upstream explicitly hides it too. It does not
    count if the article is scheduled, if its flag cannot be read, or if an import made the override and an
    editor has yet to look at it.
    """
    row = overrides.c
    waits = sa.func.coalesce(articles.c.upstream_status, "") == "scheduled"
    by_import = (
        sa.exists()
        .where(changesets.c.id == row.changeset_id, changesets.c.kind == "import")
        .correlate(overrides)
    )
    is_unstated = sa.and_(hides(overrides), sa.or_(waits, has_unreadable_flag(), by_import))
    return sa.and_(matches_upstream(row.field, row.value, flags), ~is_unstated)


def hides(rows: sa.Table) -> sa.ColumnElement[bool]:
    """Return the condition that a row of overrides, in effect or set aside, hides its article."""
    return sa.or_(
        *(sa.and_(rows.c.field == flag, rows.c.value == int(value)) for flag, value in HIDING.items())
    )


def has_unreadable_flag() -> sa.ColumnElement[bool]:
    """Return the condition that an article's document has a flag about showing it that cannot be read."""
    issue = import_issues.c
    is_of_article = (issue.source_id == articles.c.source_id, issue.path == articles.c.path)
    is_open = (issue.resolved_import_id.is_(None), issue.severity == "error")
    codes = issue.code.in_(("not_a_flag", "misspelt_key"))
    return sa.exists().where(*is_of_article, *is_open, codes).correlate(articles)


def matches_upstream(
    field: sa.ColumnElement[str], value: sa.ColumnElement[int | None], flags: Sequence[str] = FLAGS
) -> sa.ColumnElement[bool]:
    """Return the condition that `field` is one of the flags and `value` is its value without an override."""
    return sa.or_(*(sa.and_(field == flag, value == upstream_value(flag)) for flag in flags))


def stated_value(flag: str) -> sa.ColumnElement[int]:
    """Return the value of a flag of `articles` that upstream states, as a number.

    It is the upstream value, else the default, else null. An article that is scheduled counts as published,
    because its date does not change what upstream states.
    """
    if flag != "published":
        return upstream_value(flag)
    is_scheduled = sa.func.coalesce(articles.c.upstream_status, "") == "scheduled"
    return sa.case((is_scheduled, 1), else_=upstream_value(flag))


def stated_value_of(field: sa.ColumnElement[str]) -> sa.ColumnElement[int]:
    """Return the value of the flag named by `field` that upstream states, as `stated_value`."""
    return sa.case(*((field == flag, stated_value(flag)) for flag in FLAGS))


def is_in_conflict() -> sa.ColumnElement[bool]:
    """Return the condition that upstream has changed since a row of `overrides` was made or last confirmed.

    The row is joined to its article. Upstream states something else now, and not what the override says.
    Quality and heat that it no longer states are no conflict. Only overrides of editors count: an import
    makes one for an editor to look at, and the next score computes its own anew.
    """
    row, stated = overrides.c, stated_value_of(overrides.c.field)
    is_editors = (
        sa.exists()
        .where(changesets.c.id == row.changeset_id, changesets.c.kind.not_in(("import", "score")))
        .correlate(overrides)
    )
    return sa.and_(
        stated != row.value, stated.is_distinct_from(row.upstream_value), stated.is_not(None), is_editors
    )
