"""The explanation of one article's heat and published: values, and where they come from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from ..articles.reading import read_flags
from ..flags import FLAGS
from ..store.schema import articles, related_links, sources
from ..wording import counted
from .rule import (
    EARLIER,
    HIGHER,
    IS_LOST,
    LINK_HEAT,
    LINK_PUBLISHED_AT,
    LINK_QUALITY,
    LINKS,
    MAX_REMAINDER,
    MAX_VALUE,
    OUTRANKED,
    SAME,
    compare_related,
    select_scores,
)

#: A line of an explanation: (what, value, why).
Line = tuple[str, Any, str]

#: The flags of an article by name, as `reading.read_flags` returns them.
_Flags = dict[str, dict[str, Any]]


def explain_article(connection: sa.Connection, article_id: int) -> list[Line]:
    """Return the lines that explain an article's heat and published, from quality to the effective values."""
    flags = {flag["flag"]: flag for flag in read_flags(connection, article_id)}
    row = connection.execute(select_scores(articles.c.id == article_id)).first()
    source, missing_since, status = connection.execute(
        sa.select(sources.c.name, articles.c.missing_since, articles.c.upstream_status)
        .join(articles, articles.c.source_id == sources.c.id)
        .where(articles.c.id == article_id)
    ).one()
    lines: list[Line] = [("quality", flags["quality"]["value"], _describe_origin(flags["quality"]))]
    if missing_since is not None:
        why = "the file is gone from the source; `curation score` does not change the article"
        lines.append(("missing", missing_since, why))
    if row:
        lines += _explain_rule(connection, article_id, row)
    else:
        lines.append(("rule", None, _why_no_rule(source, flags)))
    lines.append(("heat", flags["heat"]["value"], _describe_origin(flags["heat"])))
    if row and row.heat != flags["heat"]["value"]:
        lines.append(("heat by the rule", row.heat, _why_heat_differs(flags["heat"], missing_since)))
    if status is not None:
        lines.append(("upstream status", status, _WHY_UNPUBLISHED[status]))
    lines += _explain_published(source, flags, row)
    return lines


_WHY_UNPUBLISHED = {
    "draft": "the document is a draft, so upstream does not publish it",
    "scheduled": "the date is in the future; the next import after that date publishes it",
}


def _explain_rule(connection: sa.Connection, article_id: int, row: Any) -> Iterator[Line]:
    lost = row.listed - row.counted
    are_lost = f"; {lost:,} more {'is' if lost == 1 else 'are'} missing or removed" if lost else ""
    yield "related", row.counted, f"listed in the document{are_lost}"
    if row.counted:
        yield "bonus", row.bonus * row.counted, f"{row.bonus} for each related article"
    if row.upstream_counted is not None:
        related = counted(row.upstream_counted, "related article")
        why = f"upstream's heat minus quality and the bonus for {related}; the document lists {row.listed:,}"
        yield "remainder", row.kept_remainder, why
    elif row.remainder is not None:
        is_usual = 0 <= row.remainder <= MAX_REMAINDER
        kind = "temporary" if is_usual else f"kept, although the rule allows only 0 to {MAX_REMAINDER}"
        yield "remainder", row.remainder, f"upstream's heat minus quality and bonus; {kind}"
    rival = _find_rival(connection, article_id)
    if row.is_outranked:
        yield "outranked", True, _describe_outranking(rival)
    elif row.counted:
        yield "outranked", False, f"the leader of its story{_describe_next(rival)}"
    else:
        yield "outranked", False, "no related article to compare with"


def _find_rival(connection: sa.Connection, article_id: int) -> Any:
    """Return the highest related article that counts, or None.

    That is the one with the highest quality. Of several, those that are not outranked themselves come first,
    and then the earliest.
    """
    is_outranked = sa.case((LINK_HEAT == OUTRANKED, 1), else_=0)
    query = (
        sa.select(
            related_links.c.target_id, related_links.c.title, LINK_QUALITY.label("quality"),
            compare_related(LINK_QUALITY, articles.c.quality).label("comparison"),
        )
        .select_from(LINKS.join(articles, articles.c.id == related_links.c.article_id))
        .where(related_links.c.article_id == article_id, sa.not_(IS_LOST), LINK_QUALITY.is_not(None))
        .order_by(
            LINK_QUALITY.desc(), is_outranked, LINK_PUBLISHED_AT.asc().nulls_last(), related_links.c.position
        )
        .limit(1)
    )  # fmt: skip
    return connection.execute(query).first()


def _describe_outranking(rival: Any) -> str:
    reasons = {
        HIGHER: "has quality {}",
        EARLIER: "also has quality {} and is earlier",
        SAME: "also has quality {}, and upstream prefers it",
    }
    if rival is None or rival.comparison not in reasons:
        return f"heat is {OUTRANKED} upstream, although no related article has a higher quality"
    reason = reasons[rival.comparison].format(rival.quality)
    return f"heat is {OUTRANKED}: {_describe_article(rival)} {reason}"


def _describe_next(rival: Any) -> str:
    return f"; next is {_describe_article(rival)} with quality {rival.quality}" if rival else ""


def _describe_article(rival: Any) -> str:
    name = "an article that is not in the store" if rival.target_id is None else f"article {rival.target_id}"
    return f"{name}, {rival.title!r},"


def _why_heat_differs(heat: dict[str, Any], missing_since: Any) -> str:
    """Return why the effective heat is not the heat by the rule."""
    if heat["override"] is not None and heat["kind"] != "score":
        return "an editor's override takes precedence"
    if missing_since is not None:
        return "not applied while the article is missing"
    return "run `curation score` to apply it"


def _explain_published(source: str, flags: _Flags, row: Any) -> Iterator[Line]:
    heat, published = flags["heat"]["value"], flags["published"]
    if row is not None and row.threshold is not None and heat is not None:
        is_below = heat < row.threshold
        why = "is below it: not published by the rule" if is_below else "reaches it: published by the rule"
        yield "threshold", row.threshold, f"heat {heat} {why}"
    elif row is not None:
        yield "threshold", None, f"not set: run `curation source infer {source} --apply`"
    if flags["removed"]["value"]:
        yield "removed", True, _describe_origin(flags["removed"])
        yield "published", False, "a removed article is not published at any heat"
    elif published["upstream"] is None and published["override"] is None:
        yield "published", True, "the document does not state it, and the default is true"
    else:
        yield "published", published["value"], _describe_origin(published)


def _describe_origin(flag: dict[str, Any]) -> str:
    """Return where the effective value of a flag comes from."""
    if flag["override"] is None:
        return "upstream value" if flag["upstream"] is not None else "no upstream value"
    by = "computed by `curation score` for" if flag["kind"] == "score" else "override by"
    reason = f", reason: {flag['reason']}" if flag["reason"] else ""
    upstream = "none" if flag["upstream"] is None else str(flag["upstream"]).lower()
    return f"{by} {flag['actor']} in changeset {flag['changeset']}{reason}; upstream value: {upstream}"


def _why_no_rule(source: str, flags: _Flags) -> str:
    """Return why the rule does not apply to an article."""
    unstated = [flag for flag in FLAGS[:2] if flags[flag]["upstream"] is None]
    if unstated:
        return f"the document states no {' and no '.join(unstated)}, so the rule does not apply"
    values = (flags["quality"]["value"], flags["quality"]["upstream"], flags["heat"]["upstream"])
    if any(abs(value) > MAX_VALUE for value in values):
        return f"quality or heat is beyond {MAX_VALUE:,}, so the rule does not apply"
    return f"the source has no bonus for related articles: run `curation source infer {source} --apply`"
