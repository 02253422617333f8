"""Setting flags on every engine: effective values, overrides and recorded changes."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from curation.articles.selecting import Filters, Selection
from curation.editing.flags import set_flags
from curation.errors import EditRefused, SelectionError
from curation.store.database import Store
from curation.store.schema import articles, changes, changesets, overrides

from ..support.editing_helpers import LEADER, VETOED, edit_flags, flags, rows
from ..support.store_digest import digests


def read_changes(store: Store) -> list[tuple[Any, ...]]:
    names = ("field", "old_value", "new_value", "old_override", "new_override")
    wanted = (changes.c[name] for name in names)
    return rows(store, sa.select(*wanted).order_by(changes.c.changeset_id, changes.c.field))


def test_an_override_changes_the_value_and_is_recorded(filled: Store) -> None:
    edit = edit_flags(filled, LEADER, quality=80, heat=5)
    assert (edit.selected, edit.changed) == (1, 1)
    assert flags(filled, LEADER) == (80, 5, True, False)
    assert read_changes(filled) == [("heat", 122, 5, None, 5), ("quality", 62, 80, None, 80)]
    changeset = sa.select(changesets.c.kind, changesets.c.actor, changesets.c.reason).where(
        changesets.c.kind == "edit"
    )
    assert rows(filled, changeset) == [("edit", "ann", "why not")]
    assert sorted(rows(filled, sa.select(overrides.c.field, overrides.c.value))) == [
        ("heat", 5),
        ("quality", 80),
    ]


def test_setting_the_upstream_value_creates_an_override(filled: Store) -> None:
    assert edit_flags(filled, LEADER, published=1).changed == 1
    assert read_changes(filled) == [("published", 1, 1, None, 1)]


def test_setting_the_same_twice_makes_no_changeset(filled: Store) -> None:
    edit_flags(filled, LEADER, quality=80)
    before = digests(filled)
    assert edit_flags(filled, LEADER, quality=80).changeset_id is None
    assert digests(filled) == before


def test_removing_unpublishes_and_restoring_publishes_again(filled: Store) -> None:
    edit_flags(filled, LEADER, removed=1)
    assert flags(filled, LEADER) == (62, 122, False, True)
    edit_flags(filled, LEADER, removed=0)
    assert flags(filled, LEADER) == (62, 122, True, False)
    assert read_changes(filled) == [
        ("published", 1, 0, None, None),
        ("removed", 0, 1, None, 1),
        ("published", 0, 1, None, None),
        ("removed", 1, 0, 1, 0),
    ]


def test_restoring_keeps_an_override_of_published(filled: Store) -> None:
    edit_flags(filled, LEADER, published=0)
    edit_flags(filled, LEADER, removed=1)
    edit_flags(filled, LEADER, removed=0)
    assert flags(filled, LEADER) == (62, 122, False, False)


def test_a_removed_article_is_not_published_without_being_restored(filled: Store) -> None:
    before = digests(filled)
    with pytest.raises(EditRefused, match=VETOED):
        edit_flags(filled, VETOED, published=1)
    assert digests(filled) == before
    edit = edit_flags(filled, VETOED, LEADER, published=1)
    assert (edit.selected, edit.changed, edit.refused, edit.refusals[0].paths) == (2, 1, 1, [VETOED])
    edit_flags(filled, VETOED, removed=0, published=1)
    assert flags(filled, VETOED) == (95, 115, True, False)


def test_a_filter_on_the_flag_that_is_set_does_not_move(filled: Store) -> None:
    unpublished = len(rows(filled, sa.select(articles.c.id).where(articles.c.published.is_(sa.false()))))
    edit = edit_flags(filled, filters=Filters(published=False, removed=False), published=1)
    assert edit.changed == edit.selected == unpublished - 1
    assert rows(filled, sa.select(articles.c.path).where(articles.c.published.is_(sa.false()))) == [(VETOED,)]


def test_references_and_filters_narrow_each_other(filled: Store) -> None:
    edit = edit_flags(filled, LEADER, VETOED, filters=Filters(removed=True), heat=1)
    assert edit.selected == 1
    assert flags(filled, LEADER)[1] == 122


def test_an_empty_selection_is_an_error_and_changes_nothing(filled: Store) -> None:
    before = digests(filled)
    with pytest.raises(SelectionError, match="no topic 'No such topic': there are Coast, "):
        edit_flags(filled, filters=Filters(topic=("No such topic",)), heat=1)
    with pytest.raises(SelectionError, match="no article"):
        edit_flags(filled, filters=Filters(heat=(4_711, 4_711)), heat=1)
    assert digests(filled) == before


def test_two_commands_on_one_connection_select_afresh(filled: Store) -> None:
    with filled.writing() as connection:
        for path, heat in ((LEADER, 1), (VETOED, 2)):
            set_flags(connection, Selection([path]), {"heat": heat}, actor="ann", reason=None)
    assert (flags(filled, LEADER)[1], flags(filled, VETOED)[1]) == (1, 2)


def test_every_article_at_once_takes_few_statements(filled: Store) -> None:
    statements: list[str] = []
    sa.event.listen(
        filled.engine, "before_cursor_execute", lambda c, cur, sql, p, ctx, many: statements.append(sql)
    )
    edit = edit_flags(filled, filters=Filters(source=("site",)), quality=1, heat=2, published=0, removed=0)
    assert edit.changed == 50
    assert len(statements) < 40
    assert len(read_changes(filled)) == 200


def test_effective_is_the_override_or_upstream(filled: Store) -> None:
    edit_flags(filled, filters=Filters(collection=("news",)), published=1, quality=7)
    edit_flags(filled, VETOED, removed=0)
    table = articles.c
    override = overrides.alias()
    for flag in ("quality", "heat"):
        of_flag = sa.and_(override.c.article_id == table.id, override.c.field == flag)
        wanted = sa.func.coalesce(override.c.value, table[f"upstream_{flag}"])
        wrong = sa.select(table.path).outerjoin(override, of_flag).where(table[flag].is_distinct_from(wanted))
        assert rows(filled, wrong) == []
