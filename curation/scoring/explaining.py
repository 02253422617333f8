"""Why one article's heat and published are what they are, in words and numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from ..flags import FLAGS
from ..looking import flags_of
from ..schema import articles, related_links, sources
from .rule import IS_LOST, LINK_AT, LINK_QUALITY, LINKS, MOST_REMAINDER, OUTRANKED, outranks, scores

#: A line of an explanation: what it is about, its value, and why.
Line = tuple[str, Any, str]


def explain_article(connection: sa.Connection, article_id: int) -> list[Line]:
    """What makes an article's heat and published, a line each, from quality to what holds."""
    flags = {flag["flag"]: flag for flag in flags_of(connection, article_id)}
    row = connection.execute(scores().where(articles.c.id == article_id)).first()
    lines = [("quality", flags["quality"]["value"], _who(flags["quality"]))]
    if row is None:
        lines.append(("rule", None, _why_none(connection, article_id, flags)))
    else:
        lines += _by_rule(connection, article_id, row)
    lines += [("heat", flags["heat"]["value"], _who(flags["heat"]))]
    if row is not None and row.heat != flags["heat"]["value"]:
        lines.append(
            ("heat by the rule", row.heat, "`curation score` brings heat to it, unless an editor decides it")
        )
    lines += _published(flags, row)
    return lines


def _by_rule(connection: sa.Connection, article_id: int, row: Any) -> Iterator[Line]:
    lost = row.stated - row.counted
    told = f"listed in its document{f'; {lost} more are missing or removed' if lost else ''}"
    yield "related", row.counted, told
    if row.counted:
        yield "bonus", row.bonus * row.counted, f"{row.bonus} for each related article"
    if row.remainder is None:
        pass
    elif 0 <= row.remainder <= MOST_REMAINDER:
        yield "remainder", row.remainder, "what upstream's heat has beyond quality and bonus; it passes"
    else:
        yield (
            "remainder",
            row.remainder,
            f"not 0 to {MOST_REMAINDER}: the related articles are others than at upstream",
        )
    rival = _rival(connection, article_id)
    if row.is_outranked:
        yield "outranked", True, f"so heat is {OUTRANKED}{_by(rival)}"
    else:
        yield (
            "outranked",
            False,
            f"the leader of its story{_next(rival)}" if row.counted else "it has no rival",
        )


def _rival(connection: sa.Connection, article_id: int) -> Any:
    """The related article of the highest quality, and the earliest of those, if there is any."""
    query = (
        sa.select(
            related_links.c.target_id, related_links.c.title,
            LINK_QUALITY.label("quality"), LINK_AT.label("at"),
            outranks(LINK_QUALITY, articles.c.quality).label("is_above"),
        )
        .select_from(LINKS.join(articles, articles.c.id == related_links.c.article_id))
        .where(related_links.c.article_id == article_id, sa.not_(IS_LOST), LINK_QUALITY.is_not(None))
        .order_by(LINK_QUALITY.desc(), LINK_AT, related_links.c.position)
        .limit(1)
    )  # fmt: skip
    return connection.execute(query).first()


def _by(rival: Any) -> str:
    if rival is None:
        return " by upstream's word"
    how = "" if rival.is_above else ", and upstream prefers it"
    which = rival.target_id or "(not in the store)"
    return f": article {which}, {rival.title!r}, has quality {rival.quality}{how}"


def _next(rival: Any) -> str:
    return f"; the next is article {rival.target_id}, with quality {rival.quality}" if rival else ""


def _published(flags: dict[str, dict[str, Any]], row: Any) -> Iterator[Line]:
    heat, published = flags["heat"]["value"], flags["published"]
    if flags["removed"]["value"]:
        yield "removed", True, _who(flags["removed"])
        yield "published", False, "it is removed, whatever its heat"
        return
    if row is not None and row.threshold is not None:
        enough = heat is not None and heat >= row.threshold
        told = "at least" if enough else "below"
        yield (
            "threshold",
            row.threshold,
            f"heat {heat} is {told} it: {'' if enough else 'not '}published by the rule",
        )
    elif published["upstream"] is None and published["override"] is None:
        yield "threshold", None, "no rule: its document does not say whether it is published, so it is"
    yield "published", published["value"], _who(published)


def _who(flag: dict[str, Any]) -> str:
    """Who says what a flag is."""
    says = "nothing" if flag["upstream"] is None else str(flag["upstream"]).lower()
    if flag["override"] is None:
        return "as upstream says" if flag["upstream"] is not None else "upstream says nothing"
    why = f", because {flag['reason']}" if flag["reason"] else ""
    by = "computed by `curation score` for" if flag["kind"] == "score" else "decided by"
    return f"{by} {flag['actor']}, changeset {flag['changeset']}{why}; upstream says {says}"


def _why_none(connection: sa.Connection, article_id: int, flags: dict[str, dict[str, Any]]) -> str:
    silent = [flag for flag in FLAGS[:2] if flags[flag]["upstream"] is None]
    if silent:
        return f"its document states no {' and no '.join(silent)}, so the rule does not speak of it"
    name = connection.scalar(
        sa.select(sources.c.name)
        .join(articles, articles.c.source_id == sources.c.id)
        .where(articles.c.id == article_id)
    )
    return f"the source has no bonus for related articles: `curation source infer {name} --apply` finds it"
