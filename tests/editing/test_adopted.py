"""Overrides that upstream has adopted: counting, removing and restoring them, on every engine."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import Result

from curation.articles.selecting import Filters
from curation.articles.status import read_status
from curation.editing.changing import Author, record_overrides, typed_null
from curation.errors import EditRefused, SelectionError
from curation.flags import FLAGS
from curation.store.database import Store
from curation.store.schema import articles, changes, changesets, overrides, set_aside_overrides

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
from ..support.importing_helpers import import_folder, write_story
from ..support.synthetic_store import fill

Curation = Callable[..., Result]
SILENT = "_forms/report-a-missing-light.md"  # states no flag at all


reset_adopted = partial(reset_overrides, reason="said", adopted=True)


def count_adopted(store: Store) -> list[int]:
    """Return the count of adopted overrides that `status` shows for each source."""
    with store.reading() as connection:
        found = read_status(connection)
    at = found.columns.index("adopted")
    return [row[at] for row in found.rows]


def effective_values(store: Store) -> list[tuple[Any, ...]]:
    wanted = (articles.c[name] for name in ("id", *FLAGS, "content_hash"))
    return rows(store, sa.select(*wanted).order_by(articles.c.id))


def overridden_values(store: Store) -> list[tuple[Any, ...]]:
    return [row[:3] for row in read_overrides(store)]


def test_only_adopted_overrides_are_removed(filled: Store) -> None:
    edit_flags(filled, LEADER, quality=62, heat=7, published=1)
    before = effective_values(filled)
    assert count_adopted(filled) == [2]
    edit = reset_adopted(filled)
    assert (edit.selected, edit.changed) == (1, 1)
    assert overridden_values(filled) == [(LEADER, "heat", 7)]
    assert (effective_values(filled), count_adopted(filled)) == (before, [0])
    kind = sa.select(changesets.c.kind, changesets.c.reason).where(changesets.c.id == edit.changeset_id)
    assert rows(filled, kind) == [("edit", "said")]
    assert reset_adopted(filled).changeset_id is None
    assert_sound(filled)


def test_a_silent_document_means_published_and_not_removed(filled: Store) -> None:
    [upstream_values] = rows(filled, sa.select(*(articles.c[f"upstream_{flag}"] for flag in FLAGS)).where(
        articles.c.path == SILENT
    ))  # fmt: skip
    assert set(upstream_values) == {None}
    edit_flags(filled, SILENT, quality=0, heat=0, published=1, removed=0)
    assert count_adopted(filled) == [2]
    reset_adopted(filled)
    assert overridden_values(filled) == [(SILENT, "heat", 0), (SILENT, "quality", 0)]
    edit_flags(filled, SILENT, published=0)
    edit_flags(filled, SILENT, removed=1)
    assert count_adopted(filled) == [0]
    assert reset_adopted(filled).changeset_id is None
    assert_sound(filled)


def test_the_veto_does_not_affect_adoption(filled: Store) -> None:
    """`published` is compared with the upstream value, not with the effective value of a removed article."""
    edit_flags(filled, LEADER, published=1)
    edit_flags(filled, LEADER, removed=1)
    edit_flags(filled, VETOED, removed=1, published=0)
    edit_flags(filled, SILENT, removed=1, published=0)
    assert flags(filled, LEADER)[2:] == (False, True)
    before = effective_values(filled)
    assert reset_adopted(filled).changed == 2
    # The override of SILENT agrees with the effective value of a removed article, not with upstream.
    assert overridden_values(filled) == [
        (SILENT, "published", 0),
        (SILENT, "removed", 1),
        (LEADER, "removed", 1),
    ]
    assert effective_values(filled) == before
    edit_flags(filled, LEADER, removed=0)
    assert flags(filled, LEADER)[2:] == (True, False)
    assert_sound(filled)


def test_reset_overrides_are_restored_with_their_changesets(filled: Store) -> None:
    edit_flags(filled, LEADER, quality=62, published=1)
    edit_flags(filled, VETOED, removed=1)
    before, values = read_overrides(filled), effective_values(filled)
    edit = reset_adopted(filled)
    assert read_overrides(filled) == []
    assert revert(filled, edit.changeset_id).kept == []
    assert (read_overrides(filled), effective_values(filled)) == (before, values)
    assert_sound(filled)


def test_computed_overrides_are_removed_too(filled: Store) -> None:
    with filled.writing() as connection:
        wanted = sa.select(articles.c.id, sa.literal("heat"), sa.literal(122), typed_null(), typed_null())
        record_overrides(connection, Author("score", "dan"), wanted.where(articles.c.path == LEADER))
    before = effective_values(filled)
    assert count_adopted(filled) == [1]
    assert reset_adopted(filled).changed == 1
    assert (read_overrides(filled), effective_values(filled)) == ([], before)


def test_articles_filters_and_flags_narrow_it(filled: Store) -> None:
    other = "_news/2022-10-10-the-bollard-column-again.md"
    edit_flags(filled, LEADER, quality=62, heat=122)
    edit_flags(filled, other, quality=69)
    assert reset_adopted(filled, fields=("heat",)).changed == 1
    assert overridden_values(filled) == sorted([(LEADER, "quality", 62), (other, "quality", 69)])
    assert reset_adopted(filled, filters=Filters(collection=("learning",))).changeset_id is None
    edit = reset_adopted(filled, LEADER, other, fields=("quality",), filters=Filters(published=True))
    assert (edit.selected, edit.changed, overridden_values(filled)) == (1, 1, [(other, "quality", 69)])
    with pytest.raises(SelectionError, match="no article matches 'nothing-such'"):
        reset_adopted(filled, "nothing-such")


def test_overrides_that_are_set_aside_stay_so(store: Store, tmp_path: Path) -> None:
    write_story(tmp_path, "a.md", title="first", url="https://a.example/first", quality=50)
    import_folder(store, tmp_path, source="s")
    edit_flags(store, "_news/a.md", quality=7)
    write_story(tmp_path, "a.md", title="second", url="https://a.example/second", quality=7)
    import_folder(store, tmp_path, source="s")
    set_aside = rows(store, sa.select(set_aside_overrides))
    assert (len(set_aside), count_adopted(store)) == (1, [0])
    assert reset_adopted(store).changeset_id is None
    assert rows(store, sa.select(set_aside_overrides)) == set_aside


def test_the_loop_of_import_edit_and_write_back_ends(store: Store, tmp_path: Path) -> None:
    """An override that is written to the file and imported again can be removed.

    The store is then as if it had never been set. Reverting it finds nothing to revert, and names the reset.
    """
    write_story(tmp_path, "a.md", quality=50)
    import_folder(store, tmp_path, source="s")
    edit = edit_flags(store, "_news/a.md", quality=80)
    assert count_adopted(store) == [0]
    write_story(tmp_path, "a.md", quality=80)
    import_folder(store, tmp_path, source="s")
    assert count_adopted(store) == [1]
    released = reset_adopted(store)
    assert (read_overrides(store), flags(store, "_news/a.md")[0]) == ([], 80)
    summary = import_folder(store, tmp_path, source="s")
    assert (summary.updated, summary.unchanged, reset_adopted(store).changeset_id) == (0, 1, None)
    with pytest.raises(EditRefused, match=f"reset since, by changeset {released.changeset_id}"):
        revert(store, edit.changeset_id)
    write_story(tmp_path, "a.md", quality=81)
    import_folder(store, tmp_path, source="s")
    assert flags(store, "_news/a.md")[0] == 81
    assert_sound(store)


def test_a_revert_counts_the_flags_that_upstream_has_adopted(store: Store, tmp_path: Path) -> None:
    for name in ("a.md", "b.md", "c.md"):
        write_story(tmp_path, name, quality=50)
    import_folder(store, tmp_path, source="s")
    first = edit_flags(store, "_news/c.md", quality=60)
    edit = edit_flags(store, *(f"_news/{name}" for name in ("a.md", "b.md", "c.md")), quality=80)
    same = edit_flags(store, "_news/b.md", published=1)
    for name, quality in (("a.md", 80), ("b.md", 50), ("c.md", 80)):
        write_story(tmp_path, name, quality=quality)
    import_folder(store, tmp_path, source="s")
    reverted = revert(store, edit.changeset_id)
    # a: upstream is 80 now; b: upstream is still 50; c: an earlier override, 60, is restored.
    assert (reverted.adopted, reverted.changed, reverted.kept) == (1, 3, [])
    assert [flags(store, f"_news/{name}")[0] for name in ("a.md", "b.md", "c.md")] == [80, 50, 60]
    assert revert(store, same.changeset_id).adopted == 0  # it never changed an effective value
    assert revert(store, first.changeset_id).adopted == 0
    assert_sound(store)


def test_a_veto_does_not_count_as_adopted(filled: Store) -> None:
    hidden = "_news/2022-10-10-the-bollard-column-again.md"  # upstream hides it
    edit_flags(filled, hidden, published=1)
    edit = edit_flags(filled, LEADER, hidden, published=0)
    edit_flags(filled, LEADER, hidden, removed=1)
    assert revert(filled, edit.changeset_id).adopted == 0
    assert flags(filled, LEADER)[2:] == flags(filled, hidden)[2:] == (False, True)
    assert (hidden, "published", 1) in overridden_values(filled)


@pytest.mark.slow
def test_ten_thousand_overrides_are_removed_in_few_statements(store: Store) -> None:
    fill(store, 10_000)
    with store.writing() as connection:  # `fill` has chosen the ids itself
        for table in (changesets, changes):
            store.backend.reserve_ids(connection, table, 1_000)
    upstream = sa.select(
        articles.c.id, sa.literal("heat"), articles.c.upstream_heat, typed_null(), typed_null()
    )
    with store.writing() as connection:
        record_overrides(
            connection, Author("edit", "ann"), upstream.where(articles.c.upstream_heat.is_not(None))
        )
    before, count = effective_values(store), sum(count_adopted(store))
    assert count > 9_000
    statements: list[str] = []
    sa.event.listen(
        store.engine, "before_cursor_execute", lambda c, cur, sql, p, ctx, many: statements.append(sql)
    )
    edit = reset_adopted(store)
    assert len(statements) < 36
    assert (sum(count_adopted(store)), effective_values(store)) == (0, before)
    change_count = (
        sa.select(sa.func.count()).select_from(changes).where(changes.c.changeset_id == edit.changeset_id)
    )
    assert rows(store, change_count) == [(count,)]
    assert len(rows(store, sa.select(overrides.c.field).limit(1))) == 1  # conflicting overrides remain


# --- the commands ----------------------------------------------------------------------------------------


@pytest.fixture
def edited(curation: Curation, tmp_path: Path) -> Curation:
    """The command on a store with two articles, one with an override that upstream has adopted."""
    for name in ("a.md", "b.md"):
        write_story(tmp_path, name, quality=50)
    curation("import", str(tmp_path), "--source", "s")  # 1
    curation("set", "a.md", "--quality", "80", "--actor", "ann")  # 2
    curation("set", "b.md", "--heat", "9")  # 3
    write_story(tmp_path, "a.md", quality=80)
    curation("import", str(tmp_path), "--source", "s")  # 4
    return curation


def status(run: Curation) -> dict[str, int]:
    [line] = json.loads(run("status", "--format", "json").stdout)
    return {name: line[name] for name in ("overridden", "conflicts", "adopted")}


def test_reset_adopted_needs_no_filter_and_reports_if_nothing_matches(edited: Curation) -> None:
    assert status(edited) == {"overridden": 2, "conflicts": 0, "adopted": 1}
    dry = edited("reset", "--adopted", "--dry-run", "--format", "json")
    assert [(row["path"], row["old"], row["new"]) for row in json.loads(dry.stdout)] == [
        ("_news/a.md", 80, 80)
    ]
    assert status(edited)["adopted"] == 1
    done = edited("reset", "--adopted", "--reason", "committed", "--actor", "cron")
    assert (done.exit_code, done.stdout.partition(": ")[2]) == (0, "released 1 of 1 article\n")
    assert status(edited) == {"overridden": 1, "conflicts": 0, "adopted": 0}
    for more in ([], ["--quality"], ["b.md"], ["--search", "b"], ["--dry-run"]):
        idle = edited("reset", "--adopted", *more)
        assert idle.exit_code == 0, idle.output
        assert "nothing to change: upstream has adopted no override" in idle.output
    row = json.loads(edited("reset", "--adopted", "--format", "json").stdout)
    assert row == [{"changeset": None, "changed": 0, "selected": 0, "refused": 0}]
    for missing in (["nothing-such"], ["--collection", "nothing"]):
        assert edited("reset", "--adopted", *missing).exit_code == 1
    assert edited("reset").exit_code == 2


def test_an_empty_store_has_nothing_to_reset(curation: Curation) -> None:
    assert curation("reset", "--adopted").exit_code == 0


def test_the_question_counts_the_adopted_overrides(
    filled: Store, curation: Curation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curation.cli.edits.is_interactive", lambda: True)
    curation("publish", "--published", "--yes")  # upstream publishes all of these already
    curation("unpublish", "--unpublished", "--quality", "..30", "--yes")
    count = status(curation)["adopted"]
    refused = curation("reset", "--adopted", stdin="n\n")
    assert f"Change {count} articles?" in refused.stderr
    assert status(curation)["adopted"] == count
    assert curation("reset", "--adopted", "--yes").exit_code == 0
    assert status(curation)["adopted"] == 0


def test_a_revert_reports_adopted_flags(edited: Curation) -> None:
    message = (
        "\n1 flag of changeset 2 keeps its value, because upstream now states the same:"
        " use `curation set` to override\n"
    )
    dry = edited("revert", "2", "--dry-run")
    assert (dry.exit_code, dry.stderr.endswith(message)) == (0, True), dry.stderr
    assert edited("revert", "2").stderr.endswith(message)
    assert "upstream" not in edited("revert", "3").stderr


def test_a_revert_reports_a_later_reset(edited: Curation) -> None:
    edited("reset", "--adopted")
    result = edited("revert", "2")
    assert result.exit_code == 1
    assert "_news/a.md, quality, was reset since, by changeset 5" in result.stderr
