"""Update the issues of a source that are about overrides, after imports or editors have changed something."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from ...articles.conflicts import select_conflicts
from ...articles.override_status import is_in_conflict, stated_value_of
from ...articles.review_queue import WHOLE_ARTICLE
from ...articles.story_changes import has_other_story
from ...documents.issues import Issue
from ...store.schema import (
    articles,
    changesets,
    import_issues,
    overrides,
    reviews,
    set_aside_overrides,
)
from ..merging.override_rules import MATCH_WARNINGS, format_flag
from .issue_tracker import IssueTracker


def refresh_override_issues(connection: sa.Connection, source_id: int, tracker: IssueTracker) -> None:
    """Open, update and close the issues about overrides of a source. The caller flushes the tracker.

    Nothing is opened for an article that is removed or missing. The issues of a missing one stay open, until
    an editor decides.
    """
    conflicts = connection.execute(select_conflicts().where(articles.c.source_id == source_id)).all()
    open_rows = connection.execute(_select_open_issues(source_id)).all() if tracker else []
    tracker.load(connection, {row.path for row in (*conflicts, *open_rows)})
    for row in open_rows:
        if not _is_valid(row):
            tracker.resolve(row.path, row.code, row.flag)
    still_open = [row for row in open_rows if row.code == "upstream_changed" and _is_valid(row)]
    for row in (*conflicts, *still_open):
        tracker.set_message(row.path, _make_notice(row))


def _make_notice(row: sa.Row[Any]) -> Issue:
    stated, kept = format_flag(row.flag, row.upstream_now), format_flag(row.flag, row.override)
    message = f"upstream changed to {stated}; the override {kept} is kept"
    return Issue("notice", "upstream_changed", message, row.flag)


def _is_valid(row: sa.Row[Any]) -> bool:
    """Return whether an issue about an override still applies."""
    if row.code == "upstream_changed":
        return bool(row.is_conflict) and not row.removed
    if row.code in MATCH_WARNINGS and row.flag:
        return bool(row.kind == "import")
    if row.is_kept:
        return False
    if row.code in MATCH_WARNINGS:
        return not row.has_overrides
    return row.override is None and bool(row.is_set_aside)


def _select_open_issues(source_id: int) -> sa.Select[Any]:
    """Return a query of a source's open issues about overrides, each with the current state of its flag."""
    issue, override, any_override = import_issues.c, overrides.c, overrides.alias("any_override")
    is_set_aside = (
        sa.exists()
        .where(set_aside_overrides.c.article_id == articles.c.id, set_aside_overrides.c.field == issue.field)
        .label("is_set_aside")
    )
    has_overrides = (
        sa.select(sa.literal(1))
        .where(any_override.c.article_id == articles.c.id)
        .exists()
        .label("has_overrides")
    )
    is_kept = (
        sa.exists()
        .where(
            reviews.c.article_id == articles.c.id, reviews.c.field == WHOLE_ARTICLE,
            reviews.c.ended_changeset_id.is_(None), reviews.c.snoozed_until.is_(None),
            ~has_other_story(reviews),
        )
        .correlate(articles)
        .label("is_kept")
    )  # fmt: skip
    return (
        sa.select(
            issue.path, issue.code, issue.field.label("flag"), override.value.label("override"),
            stated_value_of(override.field).label("upstream_now"), is_in_conflict().label("is_conflict"),
            articles.c.removed, is_set_aside, has_overrides, is_kept, changesets.c.kind,
        )
        .join(articles, sa.and_(articles.c.source_id == issue.source_id, articles.c.path == issue.path))
        .outerjoin(overrides, sa.and_(override.article_id == articles.c.id, override.field == issue.field))
        .outerjoin(changesets, changesets.c.id == override.changeset_id)
        .where(
            issue.source_id == source_id,
            issue.resolved_import_id.is_(None),
            issue.code.in_(("upstream_changed", "override_set_aside", *MATCH_WARNINGS)),
        )
    )  # fmt: skip
