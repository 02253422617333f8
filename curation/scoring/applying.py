"""Heat and published recomputed, where an editor's decision or a related article makes them other than
upstream has them: as one changeset of computed decisions. What editors decided themselves stands."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from ..backends import backend_of
from ..backends.types import integer
from ..editing.changing import Author, WantedOverrides, record_overrides, typed_null
from ..editing.flags import Edit, count_changed
from ..errors import SelectionError
from ..store.database import empty_temp_table, temporary_table
from ..store.names import check_names
from ..store.schema import articles, as_number, changesets, overrides, sources
from .rule import is_shown, scores, states_published

#: The computed decisions that ought to stand, or (None) to end. A table, because it is asked several times
#: and takes long to find.
due_scores = temporary_table(
    "due_scores",
    sa.Column("article_id", integer(), primary_key=True, autoincrement=False),
    sa.Column("field", sa.Text(), primary_key=True),
    sa.Column("override", integer()),
)


def score_articles(
    connection: sa.Connection, names: Sequence[str], *, actor: str, reason: str | None = None
) -> Edit:
    """Recomputes the articles of some sources, of all that have a rule if none is named; the caller commits.

    A computed decision that is not needed any more is given back to upstream. `selected` of what is returned
    are the articles that have a computed decision, before or after. Raises SelectionError if no source has a
    rule, or one that is named has none.
    """
    source_ids = _sources(connection, names)
    # No import and no other editor comes between, as for other decisions (`editing.flags`).
    backend_of(connection).lock_references(connection)
    _find_due(connection, source_ids)
    count = connection.scalar(sa.select(sa.func.count(due_scores.c.article_id.distinct())))
    wanted: WantedOverrides = sa.select(*due_scores.c, typed_null().label("decision_id"))
    changeset_id = record_overrides(connection, Author("score", actor, reason), wanted)
    return Edit(changeset_id, count or 0, count_changed(connection, changeset_id))


def _sources(connection: sa.Connection, names: Sequence[str]) -> list[int]:
    query = sa.select(sources.c.id, sources.c.name, sources.c.publish_threshold)
    known = {name: (key, threshold) for key, name, threshold in connection.execute(query)}
    check_names(connection, {"source": names})
    without = [name for name in names or known if known[name][1] is None]
    ruled = [known[name][0] for name in names or known if known[name][1] is not None]
    if (names and without) or not ruled:
        name = without[0] if without else "NAME"
        raise SelectionError(f"no rule is set for {name}: `curation source infer {name} --apply` finds it")
    return ruled


def _find_due(connection: sa.Connection, source_ids: Sequence[int]) -> None:
    """Fills the temporary table: of articles that are touched, and of those that have a computed decision.
    An article that is missing is left as it was."""
    empty_temp_table(connection, due_scores)
    are_there = sa.and_(articles.c.source_id.in_(source_ids), articles.c.missing_since.is_(None))
    scored = scores(are_there).cte("scored")
    heat, published = _decided("heat"), _decided("published")
    joined = (
        articles.outerjoin(scored, scored.c.article_id == articles.c.id)
        .outerjoin(heat, heat.c.article_id == articles.c.id)
        .outerjoin(published, published.c.article_id == articles.c.id)
    )
    holds = sa.case((heat.c.is_computed == 0, articles.c.heat), else_=scored.c.heat)
    shown = sa.case((states_published(), is_shown(holds, scored.c.threshold)))
    is_removed = articles.c.removed.is_(sa.true())
    for flag, decided, value, is_kept in (
        ("heat", heat, scored.c.heat, sa.false()),
        # What is removed is not published anyway; should it be restored, the next score decides.
        ("published", published, shown, is_removed),
    ):
        upstream = as_number(articles.c[f"upstream_{flag}"])
        due = sa.case((sa.and_(scored.c.is_touched == 1, value.is_distinct_from(upstream)), value))
        query = (
            sa.select(articles.c.id, sa.literal(flag), due)
            .select_from(joined)
            .where(
                are_there,
                sa.func.coalesce(decided.c.is_computed, 1) == 1,
                sa.or_(
                    sa.and_(due.is_not(None), sa.not_(is_kept)),
                    sa.and_(due.is_(None), decided.c.is_computed == 1),
                ),
            )
        )
        connection.execute(sa.insert(due_scores).from_select(["article_id", "field", "override"], query))


def _decided(flag: str) -> sa.Subquery:
    """The articles whose flag is decided, and whether by a score."""
    is_computed = sa.case((changesets.c.kind == "score", 1), else_=0).label("is_computed")
    return (
        sa.select(overrides.c.article_id, is_computed)
        .join(changesets, changesets.c.id == overrides.c.changeset_id)
        .where(overrides.c.field == flag)
        .subquery(f"decided_{flag}")
    )
