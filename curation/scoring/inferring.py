"""Bonus and threshold of a source, found in what its documents state; and the articles that disobey."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from ..sources.rule_settings import MOST_BONUS, Settings
from ..store.schema import articles, as_number, related_links
from .rule import (
    EARLIER,
    LINK_UPSTREAM,
    LINKS,
    LOWER,
    MOST_REMAINDER,
    OUTRANKED,
    SAME,
    is_within_bounds,
    standing,
)

#: What numbers people choose, the roundest first.
_ROUND = (10, 5, 1)


@dataclass(frozen=True, slots=True)
class Inferred:
    """What the documents of a source say: the settings, the thresholds that fit as well (both ends
    included), how many articles the rule speaks of and how many obey, and what the others do."""

    settings: Settings
    thresholds: tuple[int, int] | None
    spoken_of: int
    with_related: int
    disobeying: Sequence[tuple[int, str, str]] = field(default=())

    @property
    def obeying(self) -> int:
        return self.spoken_of - len({article_id for article_id, _, _ in self.disobeying})


def infer_settings(connection: sa.Connection, source_id: int) -> Inferred:
    """Finds the settings that most documents obey which state their flags, and names those that do not."""
    rows = connection.execute(_stated(source_id)).all()
    bonus = find_bonus((row.heat - row.quality, row.related) for row in rows if row.heat != OUTRANKED)
    judged = [
        (row.heat, bool(row.published)) for row in rows if row.published is not None and not row.removed
    ]
    thresholds = find_thresholds(judged)
    settings = Settings(bonus, roundest(*thresholds) if thresholds else None)
    wrong = [(row.id, row.path, why) for row in rows for why in _violations(row, settings)]
    with_related = sum(row.related > 0 for row in rows)
    return Inferred(settings, thresholds, len(rows), with_related, wrong)


def _stated(source_id: int) -> sa.Select[Any]:
    """What the documents state, of those that are there and state quality and heat."""
    article = articles.c
    links = (
        sa.select(
            related_links.c.article_id,
            sa.func.count().label("related"),
            sa.func.max(standing(LINK_UPSTREAM, article.upstream_quality)).label("standing"),
        )
        .select_from(LINKS.join(articles, article.id == related_links.c.article_id))
        .where(article.source_id == source_id)
        .group_by(related_links.c.article_id)
        .subquery("links")
    )
    return (
        sa.select(
            article.id, article.path,
            article.upstream_quality.label("quality"), article.upstream_heat.label("heat"),
            as_number(article.upstream_published).label("published"),
            sa.func.coalesce(as_number(article.upstream_removed), 0).label("removed"),
            sa.func.coalesce(links.c.related, 0).label("related"),
            sa.func.coalesce(links.c.standing, LOWER).label("standing"),
        )
        .outerjoin_from(articles, links, links.c.article_id == article.id)
        .where(
            article.source_id == source_id, article.missing_since.is_(None),
            is_within_bounds(article.upstream_quality), is_within_bounds(article.upstream_heat),
        )
        .order_by(article.path)
    )  # fmt: skip


def find_bonus(gaps: Iterable[tuple[int, int]]) -> int | None:
    """The bonus that explains the most gaps between heat and quality, each with its number of related
    articles; None where no article has any. Of several the roundest."""
    votes: Counter[int] = Counter()
    for gap, related in gaps:
        if related > 0:
            least, most = -(-(gap - MOST_REMAINDER) // related), gap // related
            votes.update(range(max(least, 0), min(most, MOST_BONUS) + 1))
    if not votes:
        return None
    best = max(votes.values())
    return min(
        (bonus for bonus, n in votes.items() if n == best), key=lambda bonus: (_roughness(bonus), bonus)
    )


def find_thresholds(judged: Sequence[tuple[int, bool]]) -> tuple[int, int] | None:
    """The first and the last threshold that the fewest documents disobey, of (heat, published) each; None
    where none is published, or none is not."""
    shown = Counter(heat for heat, published in judged if published)
    hidden = Counter(heat for heat, published in judged if not published)
    if not shown or not hidden:
        return None
    heats = sorted(shown.keys() | hidden.keys())
    wrong = hidden.total()  # with a threshold below all, whatever is hidden disobeys
    found = (wrong, heats[0], heats[0])
    for below, heat in zip([None, *heats], heats, strict=False):
        if below is not None:
            wrong += shown[below] - hidden[below]
            found = min(found, (wrong, below + 1, heat), key=lambda one: one[0])
    wrong += shown[heats[-1]] - hidden[heats[-1]]
    if wrong < found[0]:
        found = (wrong, heats[-1] + 1, heats[-1] + 1)
    return found[1], found[2]


def roundest(first: int, last: int) -> int:
    """The roundest number from the first to the last; of several the greatest."""
    return next(number for step in _ROUND if (number := last // step * step) >= first)


def _roughness(number: int) -> int:
    return next(i for i, step in enumerate(_ROUND) if number % step == 0)


def _violations(row: Any, settings: Settings) -> Iterator[str]:
    """What in a document's flags is not as the rule has it."""
    bonus, threshold = settings.related_bonus or 0, settings.publish_threshold
    due = row.quality + bonus * row.related
    if row.heat == OUTRANKED and row.standing < EARLIER:
        also = ": of the same quality one is later" if row.standing == SAME else ""
        yield f"heat is {OUTRANKED}, and no related article outranks it{also}"
    elif row.heat != OUTRANKED and row.standing >= EARLIER:
        how = "is of the same quality and earlier" if row.standing == EARLIER else "has a higher quality"
        yield f"heat is {row.heat}, and a related article {how}"
    elif row.heat != OUTRANKED and not due <= row.heat <= due + MOST_REMAINDER:
        yield f"heat is {row.heat}, and by the rule {due} to {due + MOST_REMAINDER}"
    if threshold is None or row.published is None or row.removed:
        return
    if row.published and row.heat < threshold:
        yield f"published with heat {row.heat}, below {threshold}"
    elif not row.published and row.heat >= threshold:
        yield f"not published with heat {row.heat}, {threshold} or more"
