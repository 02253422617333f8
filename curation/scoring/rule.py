"""The rule of heat and published as SQL expressions.

It applies to articles whose documents state quality and heat. See the package for the rule in words.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from ..articles.override_status import has_unreadable_flag
from ..backends.types import integer
from ..sources.rule_settings import MAX_BONUS
from ..store.schema import articles, as_number, related_links, sources

#: The heat of an article that is outranked.
OUTRANKED = -1

#: The maximum remainder: a small temporary bonus of upstream's (0 to 8 in 8,779 of 8,779 versions).
MAX_REMAINDER = 8

#: The rule does not apply to a quality or heat beyond this, so that sums stay within 64 bits.
MAX_VALUE = 10**15

_target = articles.alias("related_article")

#: Values of the article that a related link names: its effective quality, upstream quality, date and heat.
#: The link has a copy, which can be stale. The copy counts where the article is not in the store.
LINK_QUALITY = sa.func.coalesce(_target.c.quality, related_links.c.quality)
LINK_UPSTREAM_QUALITY = sa.func.coalesce(_target.c.upstream_quality, related_links.c.quality)
LINK_PUBLISHED_AT = sa.func.coalesce(_target.c.published_at, related_links.c.published_at)
LINK_HEAT = _target.c.heat

#: Whether the article that a link names no longer counts: its file is missing, or an editor removed it.
#: An article that upstream removed still counts, because upstream's heat counts what the document lists.
IS_LOST = sa.or_(
    _target.c.missing_since.is_not(None),
    sa.and_(_target.c.removed.is_(sa.true()), _target.c.upstream_removed.is_distinct_from(sa.true())),
)

#: Related links, joined with the articles that they name.
LINKS = related_links.outerjoin(_target, _target.c.id == related_links.c.target_id)

#: The quality of a related article compared with that of `articles`: lower, the same and not earlier, the
#: same and earlier, higher. From EARLIER on, the related article outranks the other.
LOWER, SAME, EARLIER, HIGHER = range(4)


def compare_related(quality: sa.ColumnElement[int], own: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    """Return how a related article compares with `articles`: LOWER, SAME, EARLIER or HIGHER.

    Args:
        quality: The quality of the related article. Where it is null, the result is LOWER.
        own: The quality of `articles`.
    """
    return sa.case(
        (quality > own, HIGHER),
        (sa.and_(quality == own, articles.c.published_at > LINK_PUBLISHED_AT), EARLIER),
        (quality == own, SAME),
        else_=LOWER,
    )


def is_within_bounds(column: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
    """Return whether a quality or heat is known and small enough for the rule to apply."""
    return column.between(-MAX_VALUE, MAX_VALUE)


def _count(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.cast(sa.func.sum(sa.case((condition, 1), else_=0)), integer())


def _compare_all_related(where: sa.ColumnElement[bool]) -> sa.Subquery:
    """Select a row for each article that has related links and matches a condition.

    - `listed`: related articles in its document
    - `counted`: those of them that count, because they are neither missing nor removed by an editor
    - `outranking`: those that outrank it
    - `reordered`: those that compare differently than by the upstream qualities
    - `changed`: those that do not count, or whose quality is not the upstream one
    """
    current = sa.case((IS_LOST, LOWER), else_=compare_related(LINK_QUALITY, articles.c.quality))
    upstream = compare_related(LINK_UPSTREAM_QUALITY, articles.c.upstream_quality)
    is_overridden = sa.and_(
        _target.c.id.is_not(None), _target.c.quality.is_distinct_from(_target.c.upstream_quality)
    )
    return (
        sa.select(
            related_links.c.article_id,
            sa.func.count().label("listed"),
            _count(sa.case((IS_LOST, 0), else_=1) == 1).label("counted"),
            _count(current >= EARLIER).label("outranking"),
            _count(current != upstream).label("reordered"),
            _count(sa.or_(IS_LOST, is_overridden)).label("changed"),
        )
        .select_from(LINKS.join(articles, articles.c.id == related_links.c.article_id))
        .where(where)
        .group_by(related_links.c.article_id)
        .subquery("related")
    )


def select_scores(where: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Select a row for each article that the rule applies to and that matches a condition.

    The source must have its bonus, unless the article has no related ones.

    - `listed`: related articles in its document
    - `counted`: those of them that count now
    - `bonus`, `threshold`: the settings of the source
    - `remainder`: upstream's heat minus quality and bonus (null where upstream has it outranked)
    - `upstream_counted`: the number of related articles that upstream's heat counts, where the document lists
      another number, because it gained or lost some and the heat did not follow (else null)
    - `kept_remainder`: the part of the remainder that `heat` keeps
    - `is_outranked`: whether a related article outranks it now
    - `is_affected`: whether an override of quality, or a related article that changed, came or went, can
      make the rule's result differ from upstream's
    - `heat`: its heat by the rule
    """
    article, related = articles.c, _compare_all_related(where)
    listed, counted, outranking, reordered, changed = (
        sa.func.coalesce(related.c[name], 0)
        for name in ("listed", "counted", "outranking", "reordered", "changed")
    )
    bonus = sa.func.coalesce(sources.c.related_bonus, 0)
    was_outranked = article.upstream_heat == OUTRANKED
    gap = article.upstream_heat - article.upstream_quality
    remainder = sa.case((was_outranked, sa.cast(sa.null(), integer())), else_=gap - bonus * listed)
    # A stale remainder is too small or too large, but fits with another number of related articles. One that
    # fits with no number is upstream's choice, such as a heat that was set by hand: it is kept as it is.
    divisor = sa.func.nullif(bonus, 0, type_=integer())
    rest = gap % divisor
    is_stale = sa.and_(
        sa.not_(was_outranked), gap >= 0, sa.not_(remainder.between(0, MAX_REMAINDER)), rest <= MAX_REMAINDER
    )
    kept_remainder = sa.case((is_stale, rest), else_=sa.func.coalesce(remainder, 0))
    # If no related article compares differently than upstream, upstream's decision is kept: between equal
    # qualities it sometimes prefers another article than the rule does.
    keeps_upstream_ranking = sa.and_(reordered == 0, sa.case((is_stale, 0), else_=1) == 1)
    is_outranked = sa.case((keeps_upstream_ranking, was_outranked), else_=outranking > 0)
    heat = article.quality + bonus * counted + kept_remainder
    is_affected = sa.or_(article.quality.is_distinct_from(article.upstream_quality), changed > 0, is_stale)
    return (
        sa.select(
            article.id.label("article_id"),
            listed.label("listed"),
            counted.label("counted"),
            bonus.label("bonus"),
            sources.c.publish_threshold.label("threshold"),
            remainder.label("remainder"),
            sa.case((is_stale, (gap - rest) // divisor)).label("upstream_counted"),
            kept_remainder.label("kept_remainder"),
            _as_number(is_outranked).label("is_outranked"),
            _as_number(is_affected).label("is_affected"),
            sa.case((is_outranked, OUTRANKED), else_=heat).label("heat"),
        )
        .select_from(
            articles.join(sources, sources.c.id == article.source_id).outerjoin(
                related, related.c.article_id == article.id
            )
        )
        .where(
            where,
            is_within_bounds(article.quality),
            is_within_bounds(article.upstream_quality),
            is_within_bounds(article.upstream_heat),
            bonus.between(-MAX_BONUS, MAX_BONUS),
            sa.or_(sources.c.related_bonus.is_not(None), related.c.listed.is_(None)),
        )
    )


def _as_number(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    """Return a condition as 1 or 0, the same on every engine."""
    return sa.case((condition, 1), else_=0)


def reaches_threshold(heat: sa.ColumnElement[int], threshold: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    """Return whether a heat reaches the threshold: 1 or 0, null without a threshold."""
    return sa.case((threshold.is_(None), sa.cast(sa.null(), integer())), (heat >= threshold, 1), else_=0)


def heat_decides_published() -> sa.ColumnElement[bool]:
    """Return whether heat decides if an article is published.

    It does if the document states `published`: without it, an article is published at any heat. It does not
    for drafts, for dates in the future and for unreadable values, which are unpublished for another reason.
    """
    is_stated = as_number(articles.c.upstream_published).is_not(None)
    return sa.and_(is_stated, articles.c.upstream_status.is_(None), ~has_unreadable_flag())
