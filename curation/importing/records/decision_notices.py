"""Notices about decisions, brought to what editors have decided since they were given."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from ...flags import FLAGS
from ...store.schema import articles, as_number, changesets, import_issues, overrides, set_aside_overrides
from ..merging.rules import DOUBTS, conflict_message
from .issues import IssueBook


def settle_decision_notices(connection: sa.Connection, source_id: int, book: IssueBook) -> None:
    """Closes notices whose flag was decided otherwise since, or says in them what now stands."""
    rows = connection.execute(_notices(source_id)).all()
    book.load(connection, {row.path for row in rows})
    for row in rows:
        if row.code in DOUBTS:
            is_due = row.kind == "import" if row.field else not row.is_decided
            book.settle_notice(row.path, row.code, row.field, row.message if is_due else None)
        elif row.code == "override_set_aside":
            is_due = row.value is None and row.is_aside
            book.settle_notice(row.path, row.code, row.field, None if not is_due else row.message)
        else:
            parts = row.value is not None and row.upstream is not None and row.value != row.upstream
            message = conflict_message(row.field, row.upstream, row.value) if parts else None
            book.settle_notice(row.path, row.code, row.field, message)


def _notices(source_id: int) -> sa.Select[Any]:
    """The open notices of a source about flags that have been decided otherwise, with what now stands."""
    issue, override, decided = import_issues.c, overrides.c, overrides.alias("decided")
    upstream = sa.case(
        *((issue.field == flag, as_number(articles.c[f"upstream_{flag}"])) for flag in FLAGS)
    ).label("upstream")
    is_aside = (
        sa.exists()
        .where(set_aside_overrides.c.article_id == articles.c.id, set_aside_overrides.c.field == issue.field)
        .label("is_aside")
    )
    is_decided = (
        sa.select(sa.literal(1)).where(decided.c.article_id == articles.c.id).exists().label("is_decided")
    )
    return (
        sa.select(
            issue.path, issue.code, issue.field, issue.message, override.value, upstream, is_aside,
            is_decided, changesets.c.kind,
        )
        .join(articles, sa.and_(articles.c.source_id == issue.source_id, articles.c.path == issue.path))
        .outerjoin(overrides, sa.and_(override.article_id == articles.c.id, override.field == issue.field))
        .outerjoin(changesets, changesets.c.id == override.changeset_id)
        .where(
            issue.source_id == source_id,
            issue.resolved_import_id.is_(None),
            issue.code.in_(("upstream_changed", "override_set_aside", *DOUBTS)),
        )
    )  # fmt: skip
