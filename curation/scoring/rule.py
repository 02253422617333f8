"""The rule, as columns of SQL: what it makes of each article whose document states quality and heat."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from ..articles.upstream import is_unclear
from ..backends.types import integer
from ..sources.rule_settings import MOST_BONUS
from ..store.schema import articles, as_number, related_links, sources

#: The heat of an article that is outranked.
OUTRANKED = -1

#: The greatest remainder: a small bonus that passes (0 to 8 in 8,779 of 8,779 versions).
MOST_REMAINDER = 8

#: Beyond this the rule does not speak: sums stay within 64 bits.
BOUND = 10**15

_target = articles.alias("related_article")

#: What is known of a related link: its quality as it is and as upstream has it, and its instant. What a link
#: says itself is a copy that can be stale; it counts where the article is not in the store.
LINK_QUALITY = sa.func.coalesce(_target.c.quality, related_links.c.quality)
LINK_UPSTREAM = sa.func.coalesce(_target.c.upstream_quality, related_links.c.quality)
LINK_AT = sa.func.coalesce(_target.c.published_at, related_links.c.published_at)
LINK_HEAT = _target.c.heat

#: Whether the article that a link names does not count any more: its file is gone, or an editor removed it.
#: One that upstream has removed itself counts as ever: upstream's heat counts what the document lists.
IS_LOST = sa.or_(
    _target.c.missing_since.is_not(None),
    sa.and_(_target.c.removed.is_(sa.true()), _target.c.upstream_removed.is_distinct_from(sa.true())),
)

#: Related links with the articles that they name.
LINKS = related_links.outerjoin(_target, _target.c.id == related_links.c.target_id)

#: How a related article stands to `articles`: lower, the same and not earlier, the same and earlier, higher.
LOWER, SAME, EARLIER, HIGHER = range(4)


def standing(quality: sa.ColumnElement[int], own: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    """How a related article of this quality stands to `articles`, whose quality is `own`; from EARLIER on it
    outranks. Lower where nothing is known of its quality."""
    return sa.case(
        (quality > own, HIGHER),
        (sa.and_(quality == own, articles.c.published_at > LINK_AT), EARLIER),
        (quality == own, SAME),
        else_=LOWER,
    )


def is_within_bounds(column: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
    """Whether a quality or heat is there, and within what the rule speaks of."""
    return column.between(-BOUND, BOUND)


def _count(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.cast(sa.func.sum(sa.case((condition, 1), else_=0)), integer())


def _related(which: sa.ColumnElement[bool]) -> sa.Subquery:
    """Of each of those articles that has related links: how many there are and how many count; how many
    outrank it, how many stand otherwise to it than by upstream's qualities, and how many are not as upstream
    has them."""
    now = sa.case((IS_LOST, LOWER), else_=standing(LINK_QUALITY, articles.c.quality))
    then = standing(LINK_UPSTREAM, articles.c.upstream_quality)
    is_judged = sa.and_(
        _target.c.id.is_not(None), _target.c.quality.is_distinct_from(_target.c.upstream_quality)
    )
    return (
        sa.select(
            related_links.c.article_id,
            sa.func.count().label("stated"),
            _count(sa.case((IS_LOST, 0), else_=1) == 1).label("counted"),
            _count(now >= EARLIER).label("outranking"),
            _count(now != then).label("turned"),
            _count(sa.or_(IS_LOST, is_judged)).label("moved"),
        )
        .select_from(LINKS.join(articles, articles.c.id == related_links.c.article_id))
        .where(which)
        .group_by(related_links.c.article_id)
        .subquery("related")
    )


def scores(which: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """A row for each of those articles that the rule speaks of, and whose source has its settings.

    `stated` and `counted`: its related articles, as the document lists them and as many as are there;
    `remainder`: what upstream's heat has beyond quality and bonus (None where it is outranked);
    `upstream_counted`: the number of related articles that upstream's heat speaks of, where that is another
    than the document lists: it gained some or lost some and heat did not follow (else None);
    `passing`: what of the remainder passes to `heat`, what heat ought to be;
    `is_outranked`: whether it is so now; `is_touched`: whether an editor's decision, or a related article
    gained or lost, makes it other than upstream has it.
    """
    article, related = articles.c, _related(which)
    stated, counted, outranking, turned, moved = (
        sa.func.coalesce(related.c[name], 0)
        for name in ("stated", "counted", "outranking", "turned", "moved")
    )
    bonus = sa.func.coalesce(sources.c.related_bonus, 0)
    was_outranked = article.upstream_heat == OUTRANKED
    gap = article.upstream_heat - article.upstream_quality
    remainder = sa.case((was_outranked, sa.cast(sa.null(), integer())), else_=gap - bonus * stated)
    # A remainder that is too small or too great, and would not be with another number of related articles.
    # One that would be all the same is upstream's own affair, as a heat given by hand: it passes as it is.
    divisor = sa.func.nullif(bonus, 0, type_=integer())
    odd = gap % divisor
    is_stale = sa.and_(
        sa.not_(was_outranked), gap >= 0, sa.not_(remainder.between(0, MOST_REMAINDER)), odd <= MOST_REMAINDER
    )
    passing = sa.case((is_stale, odd), else_=sa.func.coalesce(remainder, 0))
    # Where no related article has come to stand otherwise, upstream's own ruling stands: it decides between
    # equal qualities otherwise at times.
    as_it_was = sa.and_(turned == 0, sa.case((is_stale, 0), else_=1) == 1)
    is_outranked = sa.case((as_it_was, was_outranked), else_=outranking > 0)
    due = article.quality + bonus * counted + passing
    is_touched = sa.or_(article.quality.is_distinct_from(article.upstream_quality), moved > 0, is_stale)
    return (
        sa.select(
            article.id.label("article_id"),
            stated.label("stated"),
            counted.label("counted"),
            bonus.label("bonus"),
            sources.c.publish_threshold.label("threshold"),
            remainder.label("remainder"),
            sa.case((is_stale, (gap - odd) // divisor)).label("upstream_counted"),
            passing.label("passing"),
            _as_number(is_outranked).label("is_outranked"),
            _as_number(is_touched).label("is_touched"),
            sa.case((is_outranked, OUTRANKED), else_=due).label("heat"),
        )
        .select_from(
            articles.join(sources, sources.c.id == article.source_id).outerjoin(
                related, related.c.article_id == article.id
            )
        )
        .where(
            which,
            is_within_bounds(article.quality),
            is_within_bounds(article.upstream_quality),
            is_within_bounds(article.upstream_heat),
            bonus.between(-MOST_BONUS, MOST_BONUS),
            sa.or_(sources.c.related_bonus.is_not(None), related.c.stated.is_(None)),
        )
    )


def _as_number(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    """A condition as 1 or 0, on every engine alike."""
    return sa.case((condition, 1), else_=0)


def is_shown(heat: sa.ColumnElement[int], threshold: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    """Whether a heat is enough to be published: 1 or 0, None without a threshold."""
    return sa.case((threshold.is_(None), sa.cast(sa.null(), integer())), (heat >= threshold, 1), else_=0)


def states_published() -> sa.ColumnElement[bool]:
    """Whether a document states `published`; where it does not, it is published whatever its heat. A draft,
    what has a date to come, and what states it so that it cannot be read, is not published for another
    reason than its heat."""
    is_stated = as_number(articles.c.upstream_published).is_not(None)
    return sa.and_(is_stated, articles.c.upstream_status.is_(None), ~is_unclear())
