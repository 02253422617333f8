"""Update issues about overrides after editors have changed the overrides."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from ...flags import FLAGS
from ...store.schema import articles, as_number, changesets, import_issues, overrides, set_aside_overrides
from ..merging.override_rules import MATCH_WARNINGS, format_conflict
from .issue_tracker import IssueTracker


def refresh_override_issues(connection: sa.Connection, source_id: int, tracker: IssueTracker) -> None:
    """Update or close the open issues about overrides of a source. The caller flushes the tracker."""
    rows = connection.execute(_open_issues(source_id)).all()
    tracker.load(connection, {row.path for row in rows})
    for row in rows:
        message = _current_message(row)
        tracker.update_message(row.path, row.code, row.field, message)


def _current_message(row: sa.Row[Any]) -> str | None:
    """Return the message that an issue should have; None if it should be closed."""
    message: str = row.message
    if row.code in MATCH_WARNINGS:
        is_valid = row.kind == "import" if row.field else not row.has_overrides
        return message if is_valid else None
    if row.code == "override_set_aside":
        is_valid = row.value is None and row.is_set_aside
        return message if is_valid else None
    is_conflict = row.value is not None and row.upstream is not None and row.value != row.upstream
    return format_conflict(row.field, row.upstream, row.value) if is_conflict else None


def _open_issues(source_id: int) -> sa.Select[Any]:
    """Return a query of a source's open issues about overrides, each with the current state of its flag."""
    issue, override, any_override = import_issues.c, overrides.c, overrides.alias("any_override")
    upstream = sa.case(
        *((issue.field == flag, as_number(articles.c[f"upstream_{flag}"])) for flag in FLAGS)
    ).label("upstream")
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
    return (
        sa.select(
            issue.path, issue.code, issue.field, issue.message, override.value, upstream, is_set_aside,
            has_overrides, changesets.c.kind,
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
