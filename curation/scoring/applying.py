"""Heat and published recomputed, where an editor's decision or a related article makes them other than
upstream has them: as one changeset of computed decisions. What editors decided themselves stands."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from ..backends import of
from ..editing.changing import Author, Wanted, make_changes, nothing
from ..editing.flags import Edit, count_changed
from ..errors import SelectionError
from ..schema import articles, as_number, changesets, overrides, sources
from .rule import is_shown, scores, states_published


def score_articles(
    connection: sa.Connection, names: Sequence[str], *, actor: str, reason: str | None = None
) -> Edit:
    """Recomputes the articles of some sources, of all that have a rule if none is named; the caller commits.

    A computed decision that is not needed any more is given back to upstream. Raises SelectionError if no
    source has a rule, or one that is named has none.
    """
    source_ids = _sources(connection, names)
    of(connection).lock_references(connection)
    due = _due(source_ids)
    count = connection.scalar(
        sa.select(sa.func.count(due.c.article_id.distinct())).where(due.c.override.is_not(None))
    )
    changeset_id = make_changes(connection, Author("score", actor, reason), _wanted(due))
    return Edit(changeset_id, count or 0, count_changed(connection, changeset_id))


def _sources(connection: sa.Connection, names: Sequence[str]) -> list[int]:
    query = sa.select(sources.c.id, sources.c.name, sources.c.publish_threshold)
    known = {name: (key, threshold) for key, name, threshold in connection.execute(query)}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SelectionError(f"no source {unknown[0]!r}: there are {', '.join(sorted(known)) or 'none'}")
    without = [name for name in names or known if known[name][1] is None]
    ruled = [known[name][0] for name in names or known if known[name][1] is not None]
    if (names and without) or not ruled:
        name = without[0] if without else "NAME"
        raise SelectionError(f"no rule is set for {name}: `curation source infer {name} --apply` finds it")
    return ruled


def _due(source_ids: Sequence[int]) -> sa.CTE:
    """The computed decisions that ought to stand, or (None) to end: of articles that are touched, and of
    those that have a computed decision. An article that is missing is left as it was."""
    are_there = (articles.c.source_id.in_(source_ids), articles.c.missing_since.is_(None))
    scored = scores().where(*are_there).cte("scored")
    heat_by, published_by = overrides.alias("heat_by"), overrides.alias("published_by")
    maker_of_heat, maker_of_published = changesets.alias("maker_h"), changesets.alias("maker_p")
    joined = scored.join(articles, articles.c.id == scored.c.article_id)
    for override, maker, flag in (
        (heat_by, maker_of_heat, "heat"),
        (published_by, maker_of_published, "published"),
    ):
        mine = sa.and_(override.c.article_id == articles.c.id, override.c.field == flag)
        joined = joined.outerjoin(override, mine).outerjoin(maker, maker.c.id == override.c.changeset_id)
    is_decided = sa.and_(heat_by.c.value.is_not(None), maker_of_heat.c.kind != "score")
    heat = sa.case((is_decided, articles.c.heat), else_=scored.c.heat)
    published = is_shown(heat, scored.c.threshold)
    says = as_number(articles.c.upstream_published)
    touched = scored.c.is_touched == 1
    wanted = (
        ("heat", scored.c.heat, articles.c.upstream_heat, heat_by, maker_of_heat, sa.true()),
        ("published", published, says, published_by, maker_of_published, states_published()),
    )
    parts = []
    for flag, value, upstream, override, maker, is_stated in wanted:
        due = sa.case((sa.and_(touched, value.is_distinct_from(upstream)), value))
        may = sa.or_(override.c.value.is_(None), maker.c.kind == "score")
        query = (
            sa.select(
                articles.c.id.label("article_id"), sa.literal(flag).label("field"), due.label("override")
            )
            .select_from(joined)
            .where(may, is_stated, sa.or_(due.is_not(None), override.c.value.is_not(None)))
        )
        parts.append(query)
    return sa.union_all(*parts).cte("due")


def _wanted(due: sa.CTE) -> Wanted:
    return sa.select(due.c.article_id, due.c.field, due.c.override, nothing().label("decision_id"))
