"""The bonus and the threshold of a source, inferred from its documents, and violations of the rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from ..sources.rule_settings import MAX_BONUS, RuleSettings
from ..store.schema import articles, as_number, related_links
from .rule import (
    EARLIER,
    LINK_UPSTREAM_QUALITY,
    LINKS,
    LOWER,
    MAX_REMAINDER,
    OUTRANKED,
    SAME,
    compare_related,
    is_within_bounds,
)

#: People choose multiples of these, the roundest first.
_ROUND = (10, 5, 1)


@dataclass(frozen=True, slots=True)
class InferredSettings:
    """The settings of a source that its documents follow.

    - `thresholds`: the lowest and the highest threshold that fit equally well
    - `covered`: the number of articles that the rule applies to
    - `with_related`: the number of those that have related articles
    - `violations`: what does not follow the rule: (article id, path, why)
    """

    settings: RuleSettings
    thresholds: tuple[int, int] | None
    covered: int
    with_related: int
    violations: Sequence[tuple[int, str, str]] = field(default=())

    @property
    def conforming(self) -> int:
        """Return the number of covered articles without a violation."""
        return self.covered - len({article_id for article_id, _, _ in self.violations})


def infer_settings(connection: sa.Connection, source_id: int) -> InferredSettings:
    """Find the settings that most documents of a source follow, and the violations of the rest."""
    rows = connection.execute(_select_stated(source_id)).all()
    bonus = find_bonus((row.heat - row.quality, row.related) for row in rows if row.heat != OUTRANKED)
    stated = [
        (row.heat, bool(row.published)) for row in rows if row.published is not None and not row.removed
    ]
    thresholds = find_thresholds(stated)
    settings = RuleSettings(bonus, round_number(*thresholds) if thresholds else None)
    violations = [(row.id, row.path, why) for row in rows for why in _find_violations(row, settings)]
    with_related = sum(row.related > 0 for row in rows)
    return InferredSettings(settings, thresholds, len(rows), with_related, violations)


def _select_stated(source_id: int) -> sa.Select[Any]:
    """Select the upstream values of present articles whose documents state quality and heat."""
    article = articles.c
    links = (
        sa.select(
            related_links.c.article_id,
            sa.func.count().label("related"),
            sa.func.max(compare_related(LINK_UPSTREAM_QUALITY, article.upstream_quality)).label("comparison"),
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
            sa.func.coalesce(links.c.comparison, LOWER).label("comparison"),
        )
        .outerjoin_from(articles, links, links.c.article_id == article.id)
        .where(
            article.source_id == source_id, article.missing_since.is_(None),
            is_within_bounds(article.upstream_quality), is_within_bounds(article.upstream_heat),
        )
        .order_by(article.path)
    )  # fmt: skip


def find_bonus(gaps: Iterable[tuple[int, int]]) -> int | None:
    """Return the bonus that explains most gaps, of several the roundest; None if there is none.

    Args:
        gaps: For each article its heat minus its quality, and the number of its related articles.
    """
    votes: Counter[int] = Counter()
    for gap, related in gaps:
        if related > 0:
            lowest, highest = -(-(gap - MAX_REMAINDER) // related), gap // related
            votes.update(range(max(lowest, 0), min(highest, MAX_BONUS) + 1))
    if not votes:
        return None
    best = max(votes.values())
    return min(
        (bonus for bonus, n in votes.items() if n == best), key=lambda bonus: (_roughness(bonus), bonus)
    )


def find_thresholds(stated: Sequence[tuple[int, bool]]) -> tuple[int, int] | None:
    """Return the lowest and the highest of the thresholds with the fewest violations.

    None if all articles are published, or none.

    Args:
        stated: For each article its heat, and whether it is published.
    """
    shown = Counter(heat for heat, published in stated if published)
    hidden = Counter(heat for heat, published in stated if not published)
    if not shown or not hidden:
        return None
    heats = sorted(shown.keys() | hidden.keys())
    violations = hidden.total()  # with a threshold below all heats, every hidden article violates it
    best = (violations, heats[0], heats[0])
    for below, heat in zip([None, *heats], heats, strict=False):
        if below is not None:
            violations += shown[below] - hidden[below]
            best = min(best, (violations, below + 1, heat), key=lambda candidate: candidate[0])
    violations += shown[heats[-1]] - hidden[heats[-1]]
    if violations < best[0]:
        best = (violations, heats[-1] + 1, heats[-1] + 1)
    return best[1], best[2]


def round_number(first: int, last: int) -> int:
    """Return the roundest number from `first` to `last`, both included; of several the greatest."""
    return next(number for step in _ROUND if (number := last // step * step) >= first)


def _roughness(number: int) -> int:
    """Return 0 for a multiple of 10, 1 for one of 5, and 2 for other numbers."""
    return next(i for i, step in enumerate(_ROUND) if number % step == 0)


def _find_violations(row: Any, settings: RuleSettings) -> Iterator[str]:
    """Yield what does not follow the rule in the flags of a document."""
    yield from _check_heat(row, settings.related_bonus or 0)
    yield from _check_published(row, settings.publish_threshold)


def _check_heat(row: Any, bonus: int) -> Iterator[str]:
    lowest = row.quality + bonus * row.related
    if row.heat == OUTRANKED:
        if row.comparison < EARLIER:
            also = " (one of the same quality is not earlier)" if row.comparison == SAME else ""
            yield f"heat is {OUTRANKED}, but no related article outranks it{also}"
    elif row.comparison >= EARLIER:
        reason = (
            "has the same quality and is earlier" if row.comparison == EARLIER else "has a higher quality"
        )
        yield f"heat is {row.heat}, but a related article {reason}"
    elif not lowest <= row.heat <= lowest + MAX_REMAINDER:
        yield f"heat is {row.heat}, but the rule gives {lowest} to {lowest + MAX_REMAINDER}"


def _check_published(row: Any, threshold: int | None) -> Iterator[str]:
    if threshold is None or row.published is None or row.removed:
        return
    if row.published and row.heat < threshold:
        yield f"published, but heat {row.heat} is below the threshold {threshold}"
    elif not row.published and row.heat >= threshold:
        yield f"not published, but heat {row.heat} reaches the threshold {threshold}"
