"""Why one article's heat and published are what they are, in words and numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from ..articles.reading import read_flags
from ..flags import FLAGS
from ..store.schema import articles, related_links, sources
from .rule import (
    BOUND,
    EARLIER,
    HIGHER,
    IS_LOST,
    LINK_AT,
    LINK_HEAT,
    LINK_QUALITY,
    LINKS,
    MOST_REMAINDER,
    OUTRANKED,
    SAME,
    scores,
    standing,
)

#: A line of an explanation: what it is about, its value, and why.
Line = tuple[str, Any, str]

#: A flag as `reading.read_flags` tells it, by name.
_Flags = dict[str, dict[str, Any]]


def explain_article(connection: sa.Connection, article_id: int) -> list[Line]:
    """What makes an article's heat and published, a line each, from quality to what holds."""
    flags = {flag["flag"]: flag for flag in read_flags(connection, article_id)}
    row = connection.execute(scores(articles.c.id == article_id)).first()
    source, missing_since, status = connection.execute(
        sa.select(sources.c.name, articles.c.missing_since, articles.c.upstream_status)
        .join(articles, articles.c.source_id == sources.c.id)
        .where(articles.c.id == article_id)
    ).one()
    lines: list[Line] = [("quality", flags["quality"]["value"], _who(flags["quality"]))]
    if missing_since is not None:
        lines.append(("missing", missing_since, "its file is gone; `curation score` leaves it as it was"))
    lines += _by_rule(connection, article_id, row) if row else [("rule", None, _why_none(source, flags))]
    lines.append(("heat", flags["heat"]["value"], _who(flags["heat"])))
    if row and row.heat != flags["heat"]["value"]:
        lines.append(("heat by the rule", row.heat, _why_not(flags["heat"], missing_since)))
    if status is not None:
        lines.append(("upstream status", status, _WHY_UNPUBLISHED[status]))
    lines += _published(source, flags, row)
    return lines


_WHY_UNPUBLISHED = {
    "draft": "its document is a draft, so upstream does not publish it",
    "scheduled": "its date is still to come; the next import after it publishes it",
}


def _by_rule(connection: sa.Connection, article_id: int, row: Any) -> Iterator[Line]:
    lost = row.stated - row.counted
    told = f"listed in its document{f'; {lost} more are missing or removed' if lost else ''}"
    yield "related", row.counted, told
    if row.counted:
        yield "bonus", row.bonus * row.counted, f"{row.bonus} for each related article"
    if row.upstream_counted is not None:
        told = f"what passes of upstream's heat, which is that of {row.upstream_counted} related articles"
        yield "remainder", row.passing, f"{told}, while its document lists {row.stated}"
    elif row.remainder is not None:
        odd = "" if 0 <= row.remainder <= MOST_REMAINDER else f", though by the rule 0 to {MOST_REMAINDER}"
        yield "remainder", row.remainder, f"what upstream's heat has beyond quality and bonus{odd}; it passes"
    rival = _rival(connection, article_id)
    if row.is_outranked:
        yield "outranked", True, f"so heat is {OUTRANKED}{_by(rival)}"
    else:
        told = f"the leader of its story{_next(rival)}" if row.counted else "it has no rival"
        yield "outranked", False, told


def _rival(connection: sa.Connection, article_id: int) -> Any:
    """The related article that stands highest: of the greatest quality, of several one that leads, and of
    those the earliest; if there is any."""
    is_led = sa.case((LINK_HEAT == OUTRANKED, 1), else_=0)
    query = (
        sa.select(
            related_links.c.target_id, related_links.c.title, LINK_QUALITY.label("quality"),
            standing(LINK_QUALITY, articles.c.quality).label("standing"),
        )
        .select_from(LINKS.join(articles, articles.c.id == related_links.c.article_id))
        .where(related_links.c.article_id == article_id, sa.not_(IS_LOST), LINK_QUALITY.is_not(None))
        .order_by(LINK_QUALITY.desc(), is_led, LINK_AT.asc().nulls_last(), related_links.c.position)
        .limit(1)
    )  # fmt: skip
    return connection.execute(query).first()


def _by(rival: Any) -> str:
    how = {
        HIGHER: "has quality {}",
        EARLIER: "has quality {} too, and is earlier",
        SAME: "has quality {} too, and upstream prefers it",
    }
    if rival is None or rival.standing not in how:
        return " by upstream's word: no related article has a higher quality"
    return f": {_named(rival)} {how[rival.standing].format(rival.quality)}"


def _next(rival: Any) -> str:
    return f"; the next is {_named(rival)} with quality {rival.quality}" if rival else ""


def _named(rival: Any) -> str:
    which = "one that is not in the store" if rival.target_id is None else f"article {rival.target_id}"
    return f"{which}, {rival.title!r},"


def _why_not(heat: dict[str, Any], missing_since: Any) -> str:
    """Why heat is not what the rule makes it."""
    if heat["override"] is not None and heat["kind"] != "score":
        return "what an editor decided stands"
    return "not while it is missing" if missing_since is not None else "`curation score` brings heat to it"


def _published(source: str, flags: _Flags, row: Any) -> Iterator[Line]:
    heat, published = flags["heat"]["value"], flags["published"]
    if row is not None and row.threshold is not None and heat is not None:
        enough = heat >= row.threshold
        told = f"heat {heat} is {'at least' if enough else 'below'} it"
        yield "threshold", row.threshold, f"{told}: {'' if enough else 'not '}published by the rule"
    elif row is not None:
        yield "threshold", None, f"not set: `curation source infer {source} --apply` finds it"
    if flags["removed"]["value"]:
        yield "removed", True, _who(flags["removed"])
        yield "published", False, "it is removed, whatever its heat"
    elif published["upstream"] is None and published["override"] is None:
        yield "published", True, "its document does not say whether it is published, so it is"
    else:
        yield "published", published["value"], _who(published)


def _who(flag: dict[str, Any]) -> str:
    """Who says what a flag is."""
    says = "nothing" if flag["upstream"] is None else str(flag["upstream"]).lower()
    if flag["override"] is None:
        return "as upstream says" if flag["upstream"] is not None else "upstream says nothing"
    why = f", because {flag['reason']}" if flag["reason"] else ""
    by = "computed by `curation score` for" if flag["kind"] == "score" else "decided by"
    return f"{by} {flag['actor']}, changeset {flag['changeset']}{why}; upstream says {says}"


def _why_none(source: str, flags: _Flags) -> str:
    """Why the rule does not speak of an article."""
    silent = [flag for flag in FLAGS[:2] if flags[flag]["upstream"] is None]
    if silent:
        return f"its document states no {' and no '.join(silent)}, so the rule does not speak of it"
    known = (flags["quality"]["value"], flags["quality"]["upstream"], flags["heat"]["upstream"])
    if any(abs(value) > BOUND for value in known):
        return f"its quality or heat is beyond {BOUND:,}, so the rule does not speak of it"
    return f"the source has no bonus for related articles: `curation source infer {source} --apply` finds it"
