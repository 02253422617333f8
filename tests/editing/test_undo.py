"""Decisions moved, given back and taken back, on every engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from curation.articles.selecting import FEW, Filters, Selection, find_articles
from curation.editing.changing import Author, record_overrides, typed_null
from curation.editing.flags import HIGHEST, ChangeBy, Edit, reset_flags
from curation.errors import EditRefused, SelectionError
from curation.flags import FLAGS
from curation.importing.records.summary import Summary
from curation.scoring.applying import score_articles
from curation.sources.rule_settings import set_rule_settings
from curation.store.database import Store
from curation.store.schema import articles, changes, changesets

from ..support.editing_helpers import (
    LEADER,
    VETOED,
    assert_sound,
    decide,
    flags,
    rows,
    standing,
    take_back,
)
from ..support.importing_helpers import import_folder, undo_one_import, write_story
from ..support.store_digest import digests

OTHER = "_news/2022-10-10-the-bollard-column-again.md"


def give_back(store: Store, *references: str, fields: tuple[str, ...] = FLAGS) -> Edit:
    with store.writing() as connection:
        return reset_flags(connection, Selection(references), fields, actor="bob", reason="enough")


# --- moved -----------------------------------------------------------------------------------------------


def test_a_quality_is_moved_from_what_it_is(filled: Store) -> None:
    assert decide(filled, LEADER, quality=ChangeBy(10), heat=ChangeBy(-200)).changed == 1
    assert flags(filled, LEADER)[:2] == (72, -78)
    decide(filled, LEADER, quality=ChangeBy(-5))
    assert flags(filled, LEADER)[0] == 67
    assert_sound(filled)


def test_what_has_no_quality_is_not_moved_and_named(filled: Store) -> None:
    silent = "_communities/slack-water-club.md"
    with pytest.raises(EditRefused, match=f"without quality.*{silent}"):
        decide(filled, silent, quality=ChangeBy(1))
    edit = decide(filled, silent, LEADER, quality=ChangeBy(1))
    assert (edit.selected, edit.changed, [r.paths for r in edit.refusals]) == (2, 1, [[silent]])


@pytest.mark.parametrize("amount", [HIGHEST, -HIGHEST - 1])
def test_nothing_is_moved_beyond_64_bits(filled: Store, amount: int) -> None:
    decide(filled, LEADER, heat=1 if amount > 0 else -1)
    decide(filled, LEADER, heat=ChangeBy(amount - 1) if amount > 0 else ChangeBy(amount + 1))
    with pytest.raises(EditRefused, match="beyond 64 bits"):
        decide(filled, LEADER, heat=ChangeBy(amount))
    assert flags(filled, LEADER)[1] == amount


# --- given back ------------------------------------------------------------------------------------------


def test_a_reset_gives_back_what_upstream_says(filled: Store) -> None:
    before = flags(filled, LEADER)
    decide(filled, LEADER, quality=1, heat=2, removed=1)
    assert give_back(filled, LEADER, fields=("quality", "removed")).changed == 1
    assert flags(filled, LEADER) == (before[0], 2, *before[2:])
    give_back(filled, LEADER)
    assert flags(filled, LEADER) == before
    assert standing(filled) == []
    assert give_back(filled, LEADER).changeset_id is None
    assert_sound(filled)


def test_a_veto_of_upstream_can_be_overruled_and_given_back(filled: Store) -> None:
    decide(filled, VETOED, removed=0, published=1)
    assert flags(filled, VETOED)[2:] == (True, False)
    give_back(filled, VETOED, fields=("removed",))
    assert flags(filled, VETOED)[2:] == (False, True)
    give_back(filled, VETOED)
    assert flags(filled, VETOED)[2:] == (False, True)
    assert_sound(filled)


# --- taken back ------------------------------------------------------------------------------------------


def test_a_changeset_taken_back_leaves_all_as_it_was_and_its_maker_named(filled: Store) -> None:
    first = decide(filled, LEADER, quality=80)
    before = standing(filled), flags(filled, LEADER), flags(filled, OTHER)
    edit = decide(filled, LEADER, OTHER, quality=90, heat=1, published=0)
    assert take_back(filled, edit.changeset_id).changed == 2
    assert (standing(filled), flags(filled, LEADER), flags(filled, OTHER)) == before
    assert standing(filled) == [(LEADER, "quality", 80, first.changeset_id)]
    assert_sound(filled)


def test_a_revert_is_reverted_and_that_too(filled: Store) -> None:
    edit = decide(filled, LEADER, quality=90, removed=1)
    decided = standing(filled), flags(filled, LEADER)
    undone = take_back(filled, edit.changeset_id)
    typed_null = standing(filled), flags(filled, LEADER)
    again = take_back(filled, undone.changeset_id)
    assert (standing(filled), flags(filled, LEADER)) == decided
    take_back(filled, again.changeset_id)
    assert (standing(filled), flags(filled, LEADER)) == typed_null
    kinds = rows(filled, sa.select(changesets.c.kind, changesets.c.reverts_id).order_by(changesets.c.id))
    told = [edit.changeset_id, undone.changeset_id, again.changeset_id]
    assert kinds[-3:] == [("revert", key) for key in told]
    assert_sound(filled)


def test_what_was_decided_since_is_left_alone_and_named(filled: Store) -> None:
    edit = decide(filled, LEADER, OTHER, quality=90, heat=7)
    later = decide(filled, LEADER, quality=95)
    undone = take_back(filled, edit.changeset_id)
    assert undone.kept == [(LEADER, "quality", f"was decided since, by changeset {later.changeset_id}")]
    assert (flags(filled, LEADER)[:2], flags(filled, OTHER)[0]) == ((95, 122), 69)
    with pytest.raises(
        EditRefused,
        match=f"{LEADER}, heat, was given back to upstream since, by changeset {undone.changeset_id}",
    ):
        take_back(filled, edit.changeset_id)
    assert_sound(filled)


def test_what_was_decided_and_taken_back_meanwhile_is_not_in_the_way(filled: Store) -> None:
    edit = decide(filled, LEADER, quality=90)
    take_back(filled, decide(filled, LEADER, quality=95).changeset_id)
    assert take_back(filled, edit.changeset_id).kept == []
    assert flags(filled, LEADER)[0] == 62


def test_a_reset_is_taken_back(filled: Store) -> None:
    first = decide(filled, LEADER, quality=80, published=0)
    reset = give_back(filled, LEADER)
    take_back(filled, reset.changeset_id)
    told = [(LEADER, "published", 0, first.changeset_id), (LEADER, "quality", 80, first.changeset_id)]
    assert standing(filled) == told


def test_a_decision_about_another_story_is_not_given_back(store: Store, tmp_path: Path) -> None:
    def come(story: str, **told: Any) -> Summary:
        url = f"https://a.example/{story}"
        write_story(tmp_path, "a.md", title=story, url=url, **told)
        return import_folder(store, tmp_path, source="s")

    path = "_news/a.md"
    come("first")
    decide(store, path, quality=90)
    reset = give_back(store, path)
    bad = come("second", quality=7)
    with pytest.raises(EditRefused, match=f"{path}, quality, was about another story"):
        take_back(store, reset.changeset_id)
    come("third", quality=8)
    with pytest.raises(EditRefused, match="another story"):
        take_back(store, reset.changeset_id)
    told = give_back(store, path) if decide(store, path, heat=3) else reset
    come("first", quality=11)
    with pytest.raises(EditRefused, match="another story"):
        take_back(store, told.changeset_id)
    take_back(store, reset.changeset_id)
    assert flags(store, path)[0] == 90
    assert bad.updated == 1
    assert_sound(store)


def test_a_takeover_is_told_from_a_decision_after_it_though_changes_were_taken_out(
    store: Store, tmp_path: Path
) -> None:
    """SQLite gives out the ids again of changes that an undone import took with its articles."""
    write_story(tmp_path, "x.md")
    import_folder(store, tmp_path, source="s")
    write_story(tmp_path, "y.md")
    added = import_folder(store, tmp_path, source="s")
    for edit in [decide(store, "_news/y.md", quality=5), decide(store, "_news/y.md", heat=5)]:
        take_back(store, edit.changeset_id)
    write_story(tmp_path, "x.md", title="another", url="https://a.example/another")
    import_folder(store, tmp_path, source="s")
    assert added.changeset_id is not None
    undo_one_import(store, added.changeset_id, actor="ann")
    edit = decide(store, "_news/x.md", quality=70)
    assert take_back(store, edit.changeset_id).kept == []
    assert flags(store, "_news/x.md")[0] == 50


def test_published_follows_a_veto_that_is_taken_back(filled: Store) -> None:
    veto = decide(filled, LEADER, removed=1)
    decide(filled, LEADER, published=0)
    take_back(filled, veto.changeset_id)
    assert flags(filled, LEADER)[2:] == (False, False)
    assert_sound(filled)


def test_a_revert_takes_few_statements_however_many_articles(filled: Store) -> None:
    edit = decide(filled, filters=Filters(source=("site",)), quality=1, removed=1)
    statements: list[str] = []
    sa.event.listen(
        filled.engine, "before_cursor_execute", lambda c, cur, sql, p, ctx, many: statements.append(sql)
    )
    assert take_back(filled, edit.changeset_id).changed == 50
    assert len(statements) < 24


def test_who_decided_since_is_named_though_it_took_over_what_was_computed(filled: Store) -> None:
    with filled.writing() as connection:
        wanted = sa.select(articles.c.id, sa.literal("heat"), sa.literal(62), typed_null())
        wanted = wanted.where(articles.c.path == LEADER)
        computed = record_overrides(connection, Author("score", "dan"), wanted)
    taken = decide(filled, LEADER, heat=62)
    with pytest.raises(EditRefused, match=f"by changeset {taken.changeset_id}$"):
        take_back(filled, computed)


@pytest.mark.parametrize("name", ["selected", "wanted_overrides", "due_scores"])
def test_a_table_of_another_program_keeps_its_rows(filled: Store, name: str) -> None:
    with filled.writing() as connection:
        connection.execute(sa.text(f"CREATE TABLE {name} (theirs integer)"))
        connection.execute(sa.text(f"INSERT INTO {name} VALUES (7)"))
        set_rule_settings(connection, "site", {"related_bonus": 20, "publish_threshold": 70})
    edit = decide(filled, LEADER, quality=90, removed=1)
    assert take_back(filled, edit.changeset_id).changed == 1
    with filled.writing() as connection:
        score_articles(connection, (), actor="dan")
    filled.engine.dispose()
    assert rows(filled, sa.text(f"SELECT theirs FROM {name}")) == [(7,)]


def test_a_decision_takes_few_steps_for_each_article_whatever_the_flag(filled: Store) -> None:
    """Published and removed look at each other: by a key, not through all that is wanted."""
    statements: list[str] = []
    sa.event.listen(
        filled.engine, "before_cursor_execute", lambda c, cur, sql, p, ctx, many: statements.append(sql)
    )
    decide(filled, filters=Filters(source=("site",)), published=0, removed=1)
    (record,) = [sql for sql in statements if sql.startswith("INSERT INTO changes (")]
    assert "WITH" not in record
    assert "LEFT OUTER JOIN wanted_overrides" in record


# --- someone was faster ----------------------------------------------------------------------------------


def test_nothing_is_done_where_an_article_was_changed_since(filled: Store) -> None:
    def version() -> int:
        last = sa.select(sa.func.coalesce(sa.func.max(changes.c.id), 0)).join(articles)
        return int(rows(filled, last.where(articles.c.path == LEADER))[0][0])

    seen = version()
    decide(filled, LEADER, quality=80)
    before = digests(filled)
    with pytest.raises(EditRefused, match=f"changed since version {seen}, {LEADER} first"):
        decide(filled, OTHER, LEADER, unchanged_since=seen, heat=1)
    assert digests(filled) == before
    assert decide(filled, OTHER, LEADER, unchanged_since=version(), heat=1).changed == 2


# --- many references -------------------------------------------------------------------------------------


def test_many_references_name_what_each_names_alone(filled: Store) -> None:
    known = rows(filled, sa.select(articles.c.id, articles.c.path, articles.c.web_url))
    named: dict[str, int] = {}
    for key, path, url in known:
        named[str(key)] = named[path] = key
        if path.startswith("_learning/"):
            named[path.rpartition("/")[2].rpartition(".")[0]] = key
        if url and url.startswith("https://") and "keeperslog" in url:
            named[f"{url}?utm_source=feed"] = key
    assert len(named) > 4 * FEW
    with filled.reading() as connection:
        assert find_articles(connection, [*named, *named]) == list(dict.fromkeys(named.values()))


@pytest.mark.parametrize(
    "wrong", ["no-such-article", "999999", "how-to-read-a-lighthouse-without-being-rude", ""]
)
def test_among_many_references_a_wrong_one_is_told(filled: Store, wrong: str) -> None:
    paths = [path for (path,) in rows(filled, sa.select(articles.c.path).limit(FEW + 5))]
    with filled.reading() as connection, pytest.raises(SelectionError, match=r"no article|several|empty"):
        find_articles(connection, [*paths, wrong])
