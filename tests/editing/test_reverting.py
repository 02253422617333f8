"""Changing flags by an amount, resetting them and reverting changesets, on every engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from curation.articles.selecting import MAX_SINGLE_LOOKUPS, Filters, find_articles
from curation.editing.changing import Author, record_overrides, typed_null
from curation.editing.flags import HIGHEST, ChangeBy
from curation.errors import EditRefused, SelectionError
from curation.importing.records.summary import Summary
from curation.scoring.applying import score_articles
from curation.sources.rule_settings import set_rule_settings
from curation.store.database import Store
from curation.store.schema import articles, changes, changesets

from ..support.editing_helpers import (
    LEADER,
    VETOED,
    assert_sound,
    edit_flags,
    flags,
    read_overrides,
    reset_overrides,
    revert,
    rows,
)
from ..support.importing_helpers import import_folder, revert_one_import, write_story
from ..support.store_digest import digests

OTHER = "_news/2022-10-10-the-bollard-column-again.md"


# --- changed by an amount --------------------------------------------------------------------------------


def test_a_quality_is_changed_by_an_amount(filled: Store) -> None:
    assert edit_flags(filled, LEADER, quality=ChangeBy(10), heat=ChangeBy(-200)).changed == 1
    assert flags(filled, LEADER)[:2] == (72, -78)
    edit_flags(filled, LEADER, quality=ChangeBy(-5))
    assert flags(filled, LEADER)[0] == 67
    assert_sound(filled)


def test_an_article_without_quality_is_refused_and_named(filled: Store) -> None:
    silent = "_communities/slack-water-club.md"
    with pytest.raises(EditRefused, match=f"no quality to change.*{silent}"):
        edit_flags(filled, silent, quality=ChangeBy(1))
    edit = edit_flags(filled, silent, LEADER, quality=ChangeBy(1))
    assert (edit.selected, edit.changed, [r.paths for r in edit.refusals]) == (2, 1, [[silent]])


@pytest.mark.parametrize("amount", [HIGHEST, -HIGHEST - 1])
def test_no_value_exceeds_64_bits(filled: Store, amount: int) -> None:
    edit_flags(filled, LEADER, heat=1 if amount > 0 else -1)
    edit_flags(filled, LEADER, heat=ChangeBy(amount - 1) if amount > 0 else ChangeBy(amount + 1))
    with pytest.raises(EditRefused, match="would exceed 64 bits"):
        edit_flags(filled, LEADER, heat=ChangeBy(amount))
    assert flags(filled, LEADER)[1] == amount


# --- reset -----------------------------------------------------------------------------------------------


def test_a_reset_restores_upstream_values(filled: Store) -> None:
    before = flags(filled, LEADER)
    edit_flags(filled, LEADER, quality=1, heat=2, removed=1)
    assert reset_overrides(filled, LEADER, fields=("quality", "removed")).changed == 1
    assert flags(filled, LEADER) == (before[0], 2, *before[2:])
    reset_overrides(filled, LEADER)
    assert flags(filled, LEADER) == before
    assert read_overrides(filled) == []
    assert reset_overrides(filled, LEADER).changeset_id is None
    assert_sound(filled)


def test_a_veto_of_upstream_can_be_overridden_and_reset(filled: Store) -> None:
    edit_flags(filled, VETOED, removed=0, published=1)
    assert flags(filled, VETOED)[2:] == (True, False)
    reset_overrides(filled, VETOED, fields=("removed",))
    assert flags(filled, VETOED)[2:] == (False, True)
    reset_overrides(filled, VETOED)
    assert flags(filled, VETOED)[2:] == (False, True)
    assert_sound(filled)


# --- reverted --------------------------------------------------------------------------------------------


def test_a_revert_restores_values_and_changesets(filled: Store) -> None:
    first = edit_flags(filled, LEADER, quality=80)
    before = read_overrides(filled), flags(filled, LEADER), flags(filled, OTHER)
    edit = edit_flags(filled, LEADER, OTHER, quality=90, heat=1, published=0)
    assert revert(filled, edit.changeset_id).changed == 2
    assert (read_overrides(filled), flags(filled, LEADER), flags(filled, OTHER)) == before
    assert read_overrides(filled) == [(LEADER, "quality", 80, first.changeset_id)]
    assert_sound(filled)


def test_a_revert_is_reverted_and_that_too(filled: Store) -> None:
    edit = edit_flags(filled, LEADER, quality=90, removed=1)
    state = read_overrides(filled), flags(filled, LEADER)
    reverted = revert(filled, edit.changeset_id)
    reverted_state = read_overrides(filled), flags(filled, LEADER)
    again = revert(filled, reverted.changeset_id)
    assert (read_overrides(filled), flags(filled, LEADER)) == state
    revert(filled, again.changeset_id)
    assert (read_overrides(filled), flags(filled, LEADER)) == reverted_state
    kinds = rows(filled, sa.select(changesets.c.kind, changesets.c.reverts_id).order_by(changesets.c.id))
    reverted_ids = [edit.changeset_id, reverted.changeset_id, again.changeset_id]
    assert kinds[-3:] == [("revert", key) for key in reverted_ids]
    assert_sound(filled)


def test_a_flag_that_was_set_since_is_kept_and_named(filled: Store) -> None:
    edit = edit_flags(filled, LEADER, OTHER, quality=90, heat=7)
    later = edit_flags(filled, LEADER, quality=95)
    reverted = revert(filled, edit.changeset_id)
    assert reverted.kept == [(LEADER, "quality", f"was set since, by changeset {later.changeset_id}")]
    assert (flags(filled, LEADER)[:2], flags(filled, OTHER)[0]) == ((95, 122), 69)
    with pytest.raises(
        EditRefused,
        match=f"{LEADER}, heat, was reset since, by changeset {reverted.changeset_id}",
    ):
        revert(filled, edit.changeset_id)
    assert_sound(filled)


def test_a_later_change_that_was_reverted_does_not_matter(filled: Store) -> None:
    edit = edit_flags(filled, LEADER, quality=90)
    revert(filled, edit_flags(filled, LEADER, quality=95).changeset_id)
    assert revert(filled, edit.changeset_id).kept == []
    assert flags(filled, LEADER)[0] == 62


def test_a_reset_is_reverted(filled: Store) -> None:
    first = edit_flags(filled, LEADER, quality=80, published=0)
    reset = reset_overrides(filled, LEADER)
    revert(filled, reset.changeset_id)
    restored = [(LEADER, "published", 0, first.changeset_id), (LEADER, "quality", 80, first.changeset_id)]
    assert read_overrides(filled) == restored


def test_an_override_about_another_story_is_not_restored(store: Store, tmp_path: Path) -> None:
    def import_story(story: str, **fields: Any) -> Summary:
        url = f"https://a.example/{story}"
        write_story(tmp_path, "a.md", title=story, url=url, **fields)
        return import_folder(store, tmp_path, source="s")

    path = "_news/a.md"
    import_story("first")
    edit_flags(store, path, quality=90)
    reset = reset_overrides(store, path)
    bad = import_story("second", quality=7)
    with pytest.raises(EditRefused, match=f"{path}, quality, was about another story"):
        revert(store, reset.changeset_id)
    import_story("third", quality=8)
    with pytest.raises(EditRefused, match="another story"):
        revert(store, reset.changeset_id)
    reset_again = reset_overrides(store, path) if edit_flags(store, path, heat=3) else reset
    import_story("first", quality=11)
    with pytest.raises(EditRefused, match="another story"):
        revert(store, reset_again.changeset_id)
    revert(store, reset.changeset_id)
    assert flags(store, path)[0] == 90
    assert bad.updated == 1
    assert_sound(store)


def test_a_takeover_is_distinguished_from_a_later_edit_although_ids_are_reused(
    store: Store, tmp_path: Path
) -> None:
    """SQLite reuses the ids of changes that were deleted with the articles of a reverted import."""
    write_story(tmp_path, "x.md")
    import_folder(store, tmp_path, source="s")
    write_story(tmp_path, "y.md")
    added = import_folder(store, tmp_path, source="s")
    for edit in [edit_flags(store, "_news/y.md", quality=5), edit_flags(store, "_news/y.md", heat=5)]:
        revert(store, edit.changeset_id)
    write_story(tmp_path, "x.md", title="another", url="https://a.example/another")
    import_folder(store, tmp_path, source="s")
    assert added.changeset_id is not None
    revert_one_import(store, added.changeset_id, actor="ann")
    edit = edit_flags(store, "_news/x.md", quality=70)
    assert revert(store, edit.changeset_id).kept == []
    assert flags(store, "_news/x.md")[0] == 50


def test_published_follows_a_reverted_veto(filled: Store) -> None:
    veto = edit_flags(filled, LEADER, removed=1)
    edit_flags(filled, LEADER, published=0)
    revert(filled, veto.changeset_id)
    assert flags(filled, LEADER)[2:] == (False, False)
    assert_sound(filled)


def test_a_revert_takes_few_statements_however_many_articles(filled: Store) -> None:
    edit = edit_flags(filled, filters=Filters(source=("site",)), quality=1, removed=1)
    statements: list[str] = []
    sa.event.listen(
        filled.engine, "before_cursor_execute", lambda c, cur, sql, p, ctx, many: statements.append(sql)
    )
    assert revert(filled, edit.changeset_id).changed == 50
    assert len(statements) < 36


def test_an_edit_that_replaced_a_computed_override_is_named(filled: Store) -> None:
    with filled.writing() as connection:
        wanted = sa.select(articles.c.id, sa.literal("heat"), sa.literal(62), typed_null(), typed_null())
        wanted = wanted.where(articles.c.path == LEADER)
        computed = record_overrides(connection, Author("score", "dan"), wanted)
    taken_over = edit_flags(filled, LEADER, heat=62)
    with pytest.raises(EditRefused, match=f"by changeset {taken_over.changeset_id}$"):
        revert(filled, computed)


@pytest.mark.parametrize("name", ["selected", "wanted_overrides", "due_scores"])
def test_a_table_of_another_program_keeps_its_rows(filled: Store, name: str) -> None:
    with filled.writing() as connection:
        connection.execute(sa.text(f"CREATE TABLE {name} (theirs integer)"))
        connection.execute(sa.text(f"INSERT INTO {name} VALUES (7)"))
        set_rule_settings(connection, "site", {"related_bonus": 20, "publish_threshold": 70})
    edit = edit_flags(filled, LEADER, quality=90, removed=1)
    assert revert(filled, edit.changeset_id).changed == 1
    with filled.writing() as connection:
        score_articles(connection, (), actor="dan")
    filled.engine.dispose()
    assert rows(filled, sa.text(f"SELECT theirs FROM {name}")) == [(7,)]


def test_an_edit_takes_few_steps_for_each_article_and_flag(filled: Store) -> None:
    """The rows of `published` and `removed` find each other by a key, not by a scan of all wanted rows."""
    statements: list[str] = []
    sa.event.listen(
        filled.engine, "before_cursor_execute", lambda c, cur, sql, p, ctx, many: statements.append(sql)
    )
    edit_flags(filled, filters=Filters(source=("site",)), published=0, removed=1)
    (record,) = [sql for sql in statements if sql.startswith("INSERT INTO changes (")]
    assert "WITH" not in record
    assert "LEFT OUTER JOIN wanted_overrides" in record


# --- concurrent changes ----------------------------------------------------------------------------------


def test_nothing_changes_if_an_article_was_changed_since(filled: Store) -> None:
    def version() -> int:
        last = sa.select(sa.func.coalesce(sa.func.max(changes.c.id), 0)).join(articles)
        return int(rows(filled, last.where(articles.c.path == LEADER))[0][0])

    seen = version()
    edit_flags(filled, LEADER, quality=80)
    before = digests(filled)
    with pytest.raises(EditRefused, match=f"changed since version {seen}, first {LEADER}"):
        edit_flags(filled, OTHER, LEADER, unchanged_since=seen, heat=1)
    assert digests(filled) == before
    assert edit_flags(filled, OTHER, LEADER, unchanged_since=version(), heat=1).changed == 2


# --- many references -------------------------------------------------------------------------------------


def test_many_references_find_what_each_finds_alone(filled: Store) -> None:
    known = rows(filled, sa.select(articles.c.id, articles.c.path, articles.c.web_url))
    named: dict[str, int] = {}
    for key, path, url in known:
        named[str(key)] = named[path] = key
        if path.startswith("_learning/"):
            named[path.rpartition("/")[2].rpartition(".")[0]] = key
        if url and url.startswith("https://") and "keeperslog" in url:
            named[f"{url}?utm_source=feed"] = key
    assert len(named) > 4 * MAX_SINGLE_LOOKUPS
    with filled.reading() as connection:
        assert find_articles(connection, [*named, *named]) == list(dict.fromkeys(named.values()))


@pytest.mark.parametrize(
    "wrong", ["no-such-article", "999999", "how-to-read-a-lighthouse-without-being-rude", ""]
)
def test_among_many_references_a_wrong_one_is_reported(filled: Store, wrong: str) -> None:
    paths = [path for (path,) in rows(filled, sa.select(articles.c.path).limit(MAX_SINGLE_LOOKUPS + 5))]
    with filled.reading() as connection, pytest.raises(SelectionError, match=r"no article|several|empty"):
        find_articles(connection, [*paths, wrong])
