"""The review queue: which articles wait for an editor, and why.

This module has the reasons and their priorities. The table `review_items` has the result, because an editor
who has worked for a year must not wait until all settled articles are skipped. `refresh_queue` updates the
rows of articles whose flags, overrides or reviews have changed. `db verify` compares all of them.

An article that is removed or missing is not in the queue. Another one is in it for these reasons:

| reason | priority | the condition | a decision on one of these flags takes it out |
|---|---|---|---|
| may be a hidden article | 0 | an import has withheld it, because an editor hides an article like it | published, removed |
| story replaced | 1 | its path has another story now, and an override of the earlier one is set aside | that flag |
| conflict with upstream | 1 | upstream has changed a flag after an editor overrode it, to something else | that flag |
| good, but not published | 2 | its quality is at least the source's `review_quality`, and its heat is not -1 | published |
| not approved yet | 2 | it is published, and the source's `approval` asks for an approval | published |
| published, never judged | 3 | it is published and has no quality | quality, published |

`curation keep` takes an article out too, and so does a reset of the flag in question. It returns when something
new happens: upstream changes the flag to something else, or quality or published in the case of an article
that is good or never judged, or another story takes its path.
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa

from ..backends import backend_of
from ..backends.types import integer
from ..flags import FLAGS
from ..store.database import empty_temp_table, make_temporary_table
from ..store.schema import (
    articles,
    as_number,
    changesets,
    overrides,
    review_items,
    reviews,
    set_aside_overrides,
    sources,
)
from .override_status import is_in_conflict, stated_value
from .story_changes import has_other_story

#: The value of `reviews.field` for a review of the whole article.
WHOLE_ARTICLE = "all"


@dataclass(frozen=True, slots=True)
class ReviewReason:
    """A reason why an article is in the review queue.

    Attributes:
        why: The reason in words.
        priority: The most urgent is 0.
        flags: A reset of one of these flags takes an article out, as a decision on it does.
        watched: The flags whose upstream values end a review if they change.
    """

    why: str
    priority: int
    flags: Sequence[str] = ()
    watched: Sequence[str] = ()


WITHHELD = ReviewReason("may be a hidden article", 0)
REPLACED = ReviewReason("story replaced", 1)
CONFLICT = ReviewReason("conflict with upstream", 1)
GOOD = ReviewReason("good, but not published", 2, ("published",), ("quality", "published"))
UNAPPROVED = ReviewReason("not approved yet", 2, ("published",), ("published",))
UNJUDGED = ReviewReason("published, never judged", 3, ("quality", "published"), ("quality", "published"))

REASONS = (WITHHELD, REPLACED, CONFLICT, GOOD, UNAPPROVED, UNJUDGED)

#: The flags whose reset is recorded as a review.
RESET_FLAGS = tuple(dict.fromkeys(flag for reason in REASONS for flag in reason.flags))

#: The articles whose rows `refresh_queue` updates.
touched_articles = make_temporary_table(
    "touched_articles", sa.Column("article_id", integer(), primary_key=True, autoincrement=False)
)


def refresh_queue(connection: sa.Connection, article_ids: Sequence[int] | sa.SelectBase) -> None:
    """Update the review queue for articles whose flags, overrides, reviews or story have changed.

    The caller commits.

    Args:
        article_ids: The articles, as a list or a query of one column `article_id`. Each may occur several
            times.
    """
    touched = empty_temp_table(connection, touched_articles)
    if isinstance(article_ids, sa.SelectBase):
        ids = sa.select(article_ids.subquery().c.article_id).distinct()
        connection.execute(sa.insert(touched).from_select(["article_id"], ids))
    else:
        rows = [(article_id,) for article_id in sorted(set(article_ids))]
        if not rows:
            return
        backend_of(connection).bulk_insert(connection, touched, ["article_id"], rows)
    backend_of(connection).analyze(connection, touched)
    is_touched = review_items.c.article_id.in_(sa.select(touched.c.article_id))
    connection.execute(sa.delete(review_items).where(is_touched))
    connection.execute(_insert_items())


@cache
def _insert_items() -> sa.Insert:
    columns = [column.name for column in review_items.c]
    return sa.insert(review_items).from_select(columns, select_items(touched_articles))


def select_items(chosen: sa.FromClause) -> sa.Select[Any]:
    """Return the query of the rows of `review_items` that articles should have.

    Args:
        chosen: A table whose column `article_id` has the ids of the articles, each once.
    """
    reasons = (
        (WITHHELD, _is_withheld()),
        (REPLACED, _is_replaced()),
        (CONFLICT, _has_conflict()),
        (GOOD, _is_good()),
        (UNAPPROVED, _is_unapproved()),
        (UNJUDGED, _is_unjudged()),
    )
    return sa.select(
        sa.union_all(*(_select_reason(chosen, reason, wanted) for reason, wanted in reasons)).subquery()
    )


def _select_reason(
    chosen: sa.FromClause, reason: ReviewReason, is_wanted: sa.ColumnElement[bool]
) -> sa.Select[Any]:
    """Select the articles to which a reason applies, and which are not reviewed."""
    article = articles.c
    snoozed_until = _select_snooze() if reason is CONFLICT else _select_review(reason, is_snoozed=True)
    query = (
        sa.select(
            article.id.label("article_id"), sa.literal(reason.why).label("why"),
            sa.literal(reason.priority).label("priority"), article.quality, article.published_at,
            snoozed_until.label("snoozed_until"),
        )
        .select_from(chosen)
        .join(articles, article.id == chosen.c.article_id)
        .join(sources, sources.c.id == article.source_id)
        .where(article.removed.is_(sa.false()), article.missing_since.is_(None), is_wanted)
    )  # fmt: skip
    if reason is CONFLICT:  # `keep` confirms the overrides, which ends the conflict itself
        return query
    return query.where(~_select_review(reason, is_snoozed=False).exists())


# --- the conditions of the reasons --------------------------------------------------------------------


def _is_withheld() -> sa.ColumnElement[bool]:
    """Return the condition that an import has made an override: it does so only for a doubtful article."""
    by_import = sa.exists().where(overrides.c.article_id == articles.c.id, _is_made_by("import"))
    return by_import.correlate(articles)


def _is_made_by(*kinds: str) -> sa.ColumnElement[bool]:
    """Return the condition that a changeset of some kinds made a row of `overrides`."""
    made = sa.exists().where(changesets.c.id == overrides.c.changeset_id, changesets.c.kind.in_(kinds))
    return made.correlate(overrides)


def _is_replaced() -> sa.ColumnElement[bool]:
    aside = set_aside_overrides.c
    is_decided = sa.exists().where(
        overrides.c.article_id == aside.article_id, overrides.c.field == aside.field
    )
    is_open = ~is_decided.correlate(set_aside_overrides)
    return sa.exists().where(aside.article_id == articles.c.id, is_open).correlate(articles)


def _has_conflict() -> sa.ColumnElement[bool]:
    conflict = sa.exists().where(overrides.c.article_id == articles.c.id, is_in_conflict())
    return conflict.correlate(articles)


def _is_good() -> sa.ColumnElement[bool]:
    is_outranked = sa.func.coalesce(articles.c.heat, 0) == -1
    return sa.and_(
        articles.c.published.is_(sa.false()),
        articles.c.quality >= sources.c.review_quality,
        ~is_outranked,
        ~_is_decided("published"),
    )


def _is_unapproved() -> sa.ColumnElement[bool]:
    is_asked_for = sa.or_(
        sources.c.approval == "all",
        sa.and_(sources.c.approval == "new", articles.c.first_import_id > sources.c.approval_after),
    )
    return sa.and_(articles.c.published.is_(sa.true()), is_asked_for, ~_is_decided("published"))


def _is_unjudged() -> sa.ColumnElement[bool]:
    return sa.and_(
        articles.c.published.is_(sa.true()), articles.c.quality.is_(None), ~_is_decided("published")
    )


def _is_decided(flag: str) -> sa.ColumnElement[bool]:
    """Return the condition that an article has an override of a flag that no score computed."""
    decided = sa.exists().where(
        overrides.c.article_id == articles.c.id, overrides.c.field == flag, ~_is_made_by("score")
    )
    return decided.correlate(articles)


# --- reviews ------------------------------------------------------------------------------------------


def _select_review(reason: ReviewReason, *, is_snoozed: bool) -> sa.ScalarSelect[Any]:
    """Select the end of the snooze of an article's review that settles a reason; null if it has no end."""
    review = reviews.c
    query = sa.select(sa.func.max(review.snoozed_until) if is_snoozed else review.snoozed_until).where(
        *_is_valid_review(),
        review.field.in_((WHOLE_ARTICLE, *reason.flags)),
        *(_is_as_reviewed(flag) for flag in reason.watched),
        review.snoozed_until.is_not(None) if is_snoozed else review.snoozed_until.is_(None),
    )
    return query.correlate(articles).scalar_subquery()


def _select_snooze() -> sa.ScalarSelect[Any]:
    """Select until when a conflict is snoozed; null if it is not, or if upstream has changed since."""
    review, changed = reviews.c, overrides.alias("changed")
    is_changed = sa.or_(*(sa.and_(changed.c.field == flag, ~_is_as_reviewed(flag)) for flag in FLAGS))
    has_new_conflict = (
        sa.exists()
        .where(changed.c.article_id == articles.c.id, is_in_conflict(changed), is_changed)
        .correlate(articles, reviews)
    )
    query = sa.select(review.snoozed_until).where(
        *_is_valid_review(),
        review.field == WHOLE_ARTICLE,
        review.snoozed_until.is_not(None),
        ~has_new_conflict,
    )
    return query.correlate(articles).scalar_subquery()


def is_reviewed_as_is() -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions that a row of `reviews` is of the whole article, and upstream has not changed."""
    return (
        *_is_valid_review(),
        reviews.c.field == WHOLE_ARTICLE,
        *(_is_as_reviewed(flag) for flag in FLAGS),
    )


def _is_valid_review() -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions that a row of `reviews` is the article's, holds, and is about its story."""
    return (
        reviews.c.article_id == articles.c.id,
        reviews.c.ended_changeset_id.is_(None),
        ~has_other_story(reviews),
    )


def _is_as_reviewed(flag: str) -> sa.ColumnElement[bool]:
    """Return the condition that upstream states the same value of a flag as at the review."""
    return as_number(reviews.c[f"upstream_{flag}"]).is_not_distinct_from(stated_value(flag))
