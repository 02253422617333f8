"""The rule, as columns of SQL: what it makes of each article whose document states quality and heat."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from ..backends.types import integer
from ..schema import articles, as_number, related_links, sources

#: The heat of an article that is outranked.
OUTRANKED = -1

#: The greatest remainder: a small bonus that passes (0 to 8 in 8,779 of 8,779 versions).
MOST_REMAINDER = 8

#: Beyond this the rule does not speak: sums stay within 64 bits.
BOUND = 10**15

_target = articles.alias("related_article")

#: What is known of a related link: its quality as it is and as upstream has it, its instant, and whether the
#: article that it names is there to be counted.
LINK_QUALITY = sa.func.coalesce(_target.c.quality, related_links.c.quality)
LINK_UPSTREAM = sa.func.coalesce(_target.c.upstream_quality, related_links.c.quality)
LINK_AT = sa.func.coalesce(_target.c.published_at, related_links.c.published_at)
IS_LOST = sa.or_(_target.c.missing_since.is_not(None), sa.func.coalesce(_target.c.removed, sa.false()))

#: Related links with the articles that they name.
LINKS = related_links.outerjoin(_target, _target.c.id == related_links.c.target_id)


def outranks(quality: sa.ColumnElement[int], own: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
    """Whether a related article of this quality outranks `articles`, whose quality is `own`."""
    is_earlier = sa.and_(quality == own, articles.c.published_at > LINK_AT)
    return sa.or_(quality > own, is_earlier)


def _count(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.coalesce(sa.func.sum(sa.case((condition, 1), else_=0)), 0)


def _related() -> sa.Subquery:
    """Of each article that has related links: how many there are and how many count, how many outrank it now
    and by upstream's qualities, and how many are not as upstream has them."""
    is_there = sa.not_(IS_LOST)
    is_other = sa.or_(
        IS_LOST,
        sa.and_(_target.c.id.is_not(None), _target.c.quality.is_distinct_from(_target.c.upstream_quality)),
    )
    return (
        sa.select(
            related_links.c.article_id,
            sa.func.count().label("stated"),
            _count(is_there).label("counted"),
            _count(sa.and_(is_there, outranks(LINK_QUALITY, articles.c.quality))).label("outrank"),
            _count(outranks(LINK_UPSTREAM, articles.c.upstream_quality)).label("outranked"),
            _count(is_other).label("moved"),
        )
        .select_from(LINKS.join(articles, articles.c.id == related_links.c.article_id))
        .group_by(related_links.c.article_id)
        .subquery("related")
    )


def scores() -> sa.Select[Any]:
    """A row for each article that the rule speaks of, and whose source has its settings.

    `stated` and `counted`: its related articles, as the document lists them and as many as are there;
    `remainder`: what upstream's heat has beyond quality and bonus (None where it is outranked);
    `is_outranked`: whether it is so now; `is_touched`: whether an editor's decision, or a related article
    gained or lost, makes it other than upstream has it; `heat`: what heat ought to be.
    """
    article, related = articles.c, _related()
    stated, counted = (sa.func.coalesce(related.c[name], 0) for name in ("stated", "counted"))
    bonus = sa.func.coalesce(sources.c.related_bonus, 0)
    was_outranked = article.upstream_heat == OUTRANKED
    remainder = sa.case(
        (was_outranked, sa.cast(sa.null(), integer())),
        else_=article.upstream_heat - article.upstream_quality - bonus * stated,
    )
    is_stale = sa.func.coalesce(sa.not_(remainder.between(0, MOST_REMAINDER)), sa.false())
    ruled_now = sa.func.coalesce(related.c.outrank, 0) > 0
    ruled_then = sa.func.coalesce(related.c.outranked, 0) > 0
    # Where the ruling is as it was, upstream's own stands: of equal qualities it may prefer the later.
    is_outranked = sa.case((ruled_now == ruled_then, was_outranked), else_=ruled_now)
    is_touched = sa.or_(
        article.quality.is_distinct_from(article.upstream_quality),
        sa.func.coalesce(related.c.moved, 0) > 0,
        is_stale,
    )
    passing = sa.case((is_stale, 0), else_=sa.func.coalesce(remainder, 0))
    due = article.quality + bonus * counted + passing
    return (
        sa.select(
            article.id.label("article_id"),
            stated.label("stated"),
            counted.label("counted"),
            bonus.label("bonus"),
            sources.c.publish_threshold.label("threshold"),
            remainder.label("remainder"),
            passing.label("passing"),
            as_number_of(is_outranked).label("is_outranked"),
            as_number_of(is_touched).label("is_touched"),
            sa.case((is_outranked, OUTRANKED), else_=due).label("heat"),
        )
        .select_from(
            articles.join(sources, sources.c.id == article.source_id).outerjoin(
                related, related.c.article_id == article.id
            )
        )
        .where(
            *(
                column.between(-BOUND, BOUND)
                for column in (article.quality, article.upstream_quality, article.upstream_heat)
            ),
            sa.or_(sources.c.related_bonus.is_not(None), related.c.stated.is_(None)),
        )
    )


def as_number_of(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    """A condition as 1 or 0, on every engine alike."""
    return sa.case((condition, 1), else_=0)


def is_shown(heat: sa.ColumnElement[int], threshold: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    """Whether a heat is enough to be published: 1 or 0, None without a threshold."""
    return sa.case((threshold.is_(None), sa.cast(sa.null(), integer())), (heat >= threshold, 1), else_=0)


def states_published() -> sa.ColumnElement[bool]:
    """Whether a document states `published`; where it does not, it is published whatever its heat."""
    return as_number(articles.c.upstream_published).is_not(None)
