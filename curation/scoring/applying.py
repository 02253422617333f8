"""Recomputing heat and published by the rule, as one changeset of computed overrides.

Articles are affected where an editor's override or a related article makes the rule's result differ from
upstream's values. Overrides of editors take precedence.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from ..backends import backend_of
from ..backends.types import integer
from ..editing.changing import Author, WantedOverrides, record_overrides, typed_null
from ..editing.flags import Edit, count_changed
from ..errors import SelectionError
from ..store.database import empty_temp_table, make_temporary_table
from ..store.names import check_names
from ..store.schema import articles, as_number, changesets, overrides, sources
from .rule import heat_decides_published, reaches_threshold, select_scores

#: The computed overrides that are wanted; an `override` of null removes one. It is a table, because it is
#: queried several times and slow to compute.
due_scores = make_temporary_table(
    "due_scores",
    sa.Column("article_id", integer(), primary_key=True, autoincrement=False),
    sa.Column("field", sa.Text(), primary_key=True),
    sa.Column("override", integer()),
)


def score_articles(
    connection: sa.Connection, names: Sequence[str], *, actor: str, reason: str | None = None
) -> Edit:
    """Recompute heat and published of articles; the caller commits.

    Computed overrides that are no longer needed are removed.

    Args:
        names: The names of sources; without any, all sources that have a rule.
        reason: Stored with the changeset.

    Returns:
        The edit. Its `selected` counts the articles that have a computed override, before or after.

    Raises:
        SelectionError: A named source has no rule, or no source has one.
    """
    source_ids = _find_sources(connection, names)
    # The lock keeps imports and other editors out until commit, as for other edits (`editing.flags`).
    backend_of(connection).lock_references(connection)
    _fill_due_scores(connection, source_ids)
    count = connection.scalar(sa.select(sa.func.count(due_scores.c.article_id.distinct())))
    nulls = (typed_null().label(name) for name in ("decision_id", "upstream_value"))
    wanted: WantedOverrides = sa.select(*due_scores.c, *nulls)
    changeset_id = record_overrides(connection, Author("score", actor, reason), wanted)
    return Edit(changeset_id, count or 0, count_changed(connection, changeset_id))


def _find_sources(connection: sa.Connection, names: Sequence[str]) -> list[int]:
    query = sa.select(sources.c.id, sources.c.name, sources.c.publish_threshold)
    known = {name: (key, threshold) for key, name, threshold in connection.execute(query)}
    check_names(connection, {"source": names})
    chosen = names or list(known)
    without_rule = [name for name in chosen if known[name][1] is None]
    with_rule = [known[name][0] for name in chosen if known[name][1] is not None]
    if (names and without_rule) or not with_rule:
        raise _no_rule_error(without_rule)
    return with_rule


def _no_rule_error(without_rule: Sequence[str]) -> SelectionError:
    """Return the error for the first source without a rule, or for a store without sources."""
    name = without_rule[0] if without_rule else None
    command = f"curation source infer {name or 'NAME'} --apply"
    return SelectionError(f"no rule is set for {name or 'any source'}: run `{command}`")


def _fill_due_scores(connection: sa.Connection, source_ids: Sequence[int]) -> None:
    """Fill the temporary table for affected articles and for those that have a computed override.

    Missing articles are left as they are.
    """
    empty_temp_table(connection, due_scores)
    is_present = sa.and_(articles.c.source_id.in_(source_ids), articles.c.missing_since.is_(None))
    scored = select_scores(is_present).cte("scored")
    heat, published = _select_overridden("heat"), _select_overridden("published")
    joined = (
        articles.outerjoin(scored, scored.c.article_id == articles.c.id)
        .outerjoin(heat, heat.c.article_id == articles.c.id)
        .outerjoin(published, published.c.article_id == articles.c.id)
    )
    effective_heat = sa.case((heat.c.is_computed == 0, articles.c.heat), else_=scored.c.heat)
    by_heat = reaches_threshold(effective_heat, scored.c.threshold)
    published_by_rule = sa.case((heat_decides_published(), by_heat))
    is_removed = articles.c.removed.is_(sa.true())
    for flag, override, value, is_exempt in (
        ("heat", heat, scored.c.heat, sa.false()),
        # A removed article is not published anyway. If it is restored, the next score decides.
        ("published", published, published_by_rule, is_removed),
    ):
        upstream = as_number(articles.c[f"upstream_{flag}"])
        wanted = sa.case((sa.and_(scored.c.is_affected == 1, value.is_distinct_from(upstream)), value))
        query = (
            sa.select(articles.c.id, sa.literal(flag), wanted)
            .select_from(joined)
            .where(
                is_present,
                sa.func.coalesce(override.c.is_computed, 1) == 1,
                sa.or_(
                    sa.and_(wanted.is_not(None), sa.not_(is_exempt)),
                    sa.and_(wanted.is_(None), override.c.is_computed == 1),
                ),
            )
        )
        connection.execute(sa.insert(due_scores).from_select(["article_id", "field", "override"], query))


def _select_overridden(flag: str) -> sa.Subquery:
    """Select the articles that have an override of a flag, and whether a score computed it."""
    is_computed = sa.case((changesets.c.kind == "score", 1), else_=0).label("is_computed")
    return (
        sa.select(overrides.c.article_id, is_computed)
        .join(changesets, changesets.c.id == overrides.c.changeset_id)
        .where(overrides.c.field == flag)
        .subquery(f"overridden_{flag}")
    )
