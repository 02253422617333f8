"""Checks the review queue: the stored rows, and the reviews that hold."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from ..articles.review_queue import select_items
from ..store.schema import review_items, reviews
from .findings import Finding, as_imported, find_subjects

_COLUMNS = ("article_id", "why", "flag", "priority", "quality", "published_at", "snoozed_until")


def find_wrong_review_items(
    connection: sa.Connection, article_ids: Sequence[int], known: Collection[str] = ()
) -> Iterator[Finding]:
    """Find differences between the review queue of some articles and what it should be.

    Args:
        known: The subjects of articles with another problem, from which a wrong queue would only follow.
    """
    items = select_items(article_ids)
    expected = _read(connection, sa.select(*(as_imported(items.c[name]) for name in _COLUMNS)))
    is_chosen = review_items.c.article_id.in_(article_ids)
    columns = (as_imported(review_items.c[name]) for name in _COLUMNS)
    found = _read(connection, sa.select(*columns).where(is_chosen))
    wrong = {key[0] for key in expected.keys() ^ found.keys()}
    wrong |= {key[0] for key, values in expected.items() if found.get(key, values) != values}
    for article_id, subject in sorted(find_subjects(connection, sorted(wrong)).items()):
        stored, due = (_describe(rows, article_id) for rows in (found, expected))
        if subject not in known:
            yield Finding("review", subject, f"the review queue has {stored}, but it should have {due}")


#: The other values of a row, by the id of the article, the reason and the flag.
_Rows = dict[tuple[int, str, str], tuple[Any, ...]]


def _read(connection: sa.Connection, query: sa.Select[Any]) -> _Rows:
    return {(row[0], row[1], row[2]): tuple(row[3:]) for row in connection.execute(query)}


def _describe(rows: _Rows, article_id: int) -> str:
    described = [
        f"{why!r} ({', '.join(map(str, (flag or 'no flag', *values)))})"
        for (key, why, flag), values in rows.items()
        if key == article_id
    ]
    return "; ".join(sorted(described)) or "nothing"


def find_competing_reviews(connection: sa.Connection) -> Iterator[Finding]:
    """Find several reviews of one field that hold, and reviews that end before they begin."""
    review = reviews.c
    competing = (
        sa.select(review.article_id, review.field)
        .where(review.ended_changeset_id.is_(None))
        .group_by(review.article_id, review.field)
        .having(sa.func.count() > 1)
        .order_by(review.article_id, review.field)
    )
    for article_id, field in connection.execute(competing):
        yield Finding("review", f"article {article_id}", f"several reviews of {field} hold at once")
    reversed_ = sa.select(review.article_id, review.changeset_id, review.ended_changeset_id).where(
        review.ended_changeset_id <= review.changeset_id
    )
    for article_id, changeset_id, ended_id in connection.execute(reversed_.order_by(review.article_id)):
        wrong = f"the review of changeset {changeset_id} is ended by changeset {ended_id}, which is not later"
        yield Finding("review", f"article {article_id}", wrong)
