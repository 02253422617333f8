"""Decisions that upstream agrees with by now: counted, released, and taken back, on every engine."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import Result

from curation.articles.selecting import Filters, Selection
from curation.articles.status import read_status
from curation.editing.changing import Author, record_overrides, typed_null
from curation.editing.flags import Edit, reset_flags
from curation.errors import EditRefused, SelectionError
from curation.flags import FLAGS
from curation.store.database import Store
from curation.store.schema import articles, changes, changesets, overrides, set_aside_overrides

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
from ..support.importing_helpers import import_folder, write_story
from ..support.synthetic_store import fill

Curation = Callable[..., Result]
SILENT = "_forms/report-a-missing-light.md"  # states no flag at all


def release(
    store: Store, *references: str, fields: tuple[str, ...] = FLAGS, filters: Filters | None = None
) -> Edit:
    with store.writing() as connection:
        selection = Selection(references, filters or Filters())
        return reset_flags(connection, selection, fields, actor="bob", reason="said", adopted=True)


def adopted(store: Store) -> list[int]:
    """What `status` counts, of each source."""
    with store.reading() as connection:
        found = read_status(connection)
    at = found.columns.index("adopted")
    return [row[at] for row in found.rows]


def effective(store: Store) -> list[tuple[Any, ...]]:
    wanted = (articles.c[name] for name in ("id", *FLAGS, "content_hash"))
    return rows(store, sa.select(*wanted).order_by(articles.c.id))


def decided(store: Store) -> list[tuple[Any, ...]]:
    return [row[:3] for row in standing(store)]


def test_what_upstream_agrees_with_is_released_and_nothing_else(filled: Store) -> None:
    decide(filled, LEADER, quality=62, heat=7, published=1)
    before = effective(filled)
    assert adopted(filled) == [2]
    edit = release(filled)
    assert (edit.selected, edit.changed) == (1, 1)
    assert decided(filled) == [(LEADER, "heat", 7)]
    assert (effective(filled), adopted(filled)) == (before, [0])
    kind = sa.select(changesets.c.kind, changesets.c.reason).where(changesets.c.id == edit.changeset_id)
    assert rows(filled, kind) == [("edit", "said")]
    assert release(filled).changeset_id is None
    assert_sound(filled)


def test_a_silent_document_means_published_and_not_removed(filled: Store) -> None:
    [said] = rows(filled, sa.select(*(articles.c[f"upstream_{flag}"] for flag in FLAGS)).where(
        articles.c.path == SILENT
    ))  # fmt: skip
    assert set(said) == {None}
    decide(filled, SILENT, quality=0, heat=0, published=1, removed=0)
    assert adopted(filled) == [2]
    release(filled)
    assert decided(filled) == [(SILENT, "heat", 0), (SILENT, "quality", 0)]
    decide(filled, SILENT, published=0)
    decide(filled, SILENT, removed=1)
    assert adopted(filled) == [0]
    assert release(filled).changeset_id is None
    assert_sound(filled)


def test_the_veto_hides_no_agreement_and_makes_none(filled: Store) -> None:
    """`published` is compared with what upstream says of it, not with what the veto makes of it."""
    decide(filled, LEADER, published=1)
    decide(filled, LEADER, removed=1)
    decide(filled, VETOED, removed=1, published=0)
    decide(filled, SILENT, removed=1, published=0)
    assert flags(filled, LEADER)[2:] == (False, True)
    before = effective(filled)
    assert release(filled).changed == 2
    # The decision on SILENT is what the veto makes of it too, and not what upstream alone would.
    assert decided(filled) == [(SILENT, "published", 0), (SILENT, "removed", 1), (LEADER, "removed", 1)]
    assert effective(filled) == before
    decide(filled, LEADER, removed=0)
    assert flags(filled, LEADER)[2:] == (True, False)
    assert_sound(filled)


def test_released_decisions_come_back_with_their_makers(filled: Store) -> None:
    decide(filled, LEADER, quality=62, published=1)
    decide(filled, VETOED, removed=1)
    before, held = standing(filled), effective(filled)
    edit = release(filled)
    assert standing(filled) == []
    assert take_back(filled, edit.changeset_id).kept == []
    assert (standing(filled), effective(filled)) == (before, held)
    assert_sound(filled)


def test_computed_decisions_are_released_too(filled: Store) -> None:
    with filled.writing() as connection:
        wanted = sa.select(articles.c.id, sa.literal("heat"), sa.literal(122), typed_null())
        record_overrides(connection, Author("score", "dan"), wanted.where(articles.c.path == LEADER))
    before = effective(filled)
    assert adopted(filled) == [1]
    assert release(filled).changed == 1
    assert (standing(filled), effective(filled)) == ([], before)


def test_articles_filters_and_flags_narrow_it(filled: Store) -> None:
    other = "_news/2022-10-10-the-bollard-column-again.md"
    decide(filled, LEADER, quality=62, heat=122)
    decide(filled, other, quality=69)
    assert release(filled, fields=("heat",)).changed == 1
    assert decided(filled) == sorted([(LEADER, "quality", 62), (other, "quality", 69)])
    assert release(filled, filters=Filters(collection=("learning",))).changeset_id is None
    edit = release(filled, LEADER, other, fields=("quality",), filters=Filters(published=True))
    assert (edit.selected, edit.changed, decided(filled)) == (1, 1, [(other, "quality", 69)])
    with pytest.raises(SelectionError, match="no article 'nothing-such'"):
        release(filled, "nothing-such")


def test_decisions_that_are_set_aside_stay_so(store: Store, tmp_path: Path) -> None:
    write_story(tmp_path, "a.md", title="first", url="https://a.example/first", quality=50)
    import_folder(store, tmp_path, source="s")
    decide(store, "_news/a.md", quality=7)
    write_story(tmp_path, "a.md", title="second", url="https://a.example/second", quality=7)
    import_folder(store, tmp_path, source="s")
    aside = rows(store, sa.select(set_aside_overrides))
    assert (len(aside), adopted(store)) == (1, [0])
    assert release(store).changeset_id is None
    assert rows(store, sa.select(set_aside_overrides)) == aside


def test_the_loop_of_import_decide_and_write_back_comes_to_rest(store: Store, tmp_path: Path) -> None:
    """What is decided, written into the file and imported again is released, and all is as it would be
    without any decision; a revert of the decision then has nothing to undo, and says what became of it."""
    write_story(tmp_path, "a.md", quality=50)
    import_folder(store, tmp_path, source="s")
    edit = decide(store, "_news/a.md", quality=80)
    assert adopted(store) == [0]
    write_story(tmp_path, "a.md", quality=80)
    import_folder(store, tmp_path, source="s")
    assert adopted(store) == [1]
    released = release(store)
    assert (standing(store), flags(store, "_news/a.md")[0]) == ([], 80)
    summary = import_folder(store, tmp_path, source="s")
    assert (summary.updated, summary.unchanged, release(store).changeset_id) == (0, 1, None)
    with pytest.raises(
        EditRefused, match=f"given back to upstream since, by changeset {released.changeset_id}"
    ):
        take_back(store, edit.changeset_id)
    write_story(tmp_path, "a.md", quality=81)
    import_folder(store, tmp_path, source="s")
    assert flags(store, "_news/a.md")[0] == 81
    assert_sound(store)


def test_a_revert_counts_the_flags_that_upstream_upholds(store: Store, tmp_path: Path) -> None:
    for name in ("a.md", "b.md", "c.md"):
        write_story(tmp_path, name, quality=50)
    import_folder(store, tmp_path, source="s")
    first = decide(store, "_news/c.md", quality=60)
    edit = decide(store, *(f"_news/{name}" for name in ("a.md", "b.md", "c.md")), quality=80)
    agreeing = decide(store, "_news/b.md", published=1)
    for name, quality in (("a.md", 80), ("b.md", 50), ("c.md", 80)):
        write_story(tmp_path, name, quality=quality)
    import_folder(store, tmp_path, source="s")
    undone = take_back(store, edit.changeset_id)
    # a: upstream says 80 by now; b: 50 as ever; c: an earlier decision, 60, stands again.
    assert (undone.upheld, undone.changed, undone.kept) == (1, 3, [])
    assert [flags(store, f"_news/{name}")[0] for name in ("a.md", "b.md", "c.md")] == [80, 50, 60]
    assert take_back(store, agreeing.changeset_id).upheld == 0  # it never moved anything
    assert take_back(store, first.changeset_id).upheld == 0
    assert_sound(store)


def test_a_veto_upholds_nothing_for_upstream(filled: Store) -> None:
    hidden = "_news/2022-10-10-the-bollard-column-again.md"  # as upstream says
    decide(filled, hidden, published=1)
    edit = decide(filled, LEADER, hidden, published=0)
    decide(filled, LEADER, hidden, removed=1)
    assert take_back(filled, edit.changeset_id).upheld == 0
    assert flags(filled, LEADER)[2:] == flags(filled, hidden)[2:] == (False, True)
    assert (hidden, "published", 1) in decided(filled)


@pytest.mark.long
def test_ten_thousand_are_released_in_a_handful_of_statements(store: Store) -> None:
    fill(store, 10_000)
    with store.writing() as connection:  # the ids that `fill` gave were its own
        for table in (changesets, changes):
            store.backend.reserve_ids(connection, table, 1_000)
    upstream = sa.select(articles.c.id, sa.literal("heat"), articles.c.upstream_heat, typed_null())
    with store.writing() as connection:
        record_overrides(
            connection, Author("edit", "ann"), upstream.where(articles.c.upstream_heat.is_not(None))
        )
    before, count = effective(store), sum(adopted(store))
    assert count > 9_000
    statements: list[str] = []
    sa.event.listen(
        store.engine, "before_cursor_execute", lambda c, cur, sql, p, ctx, many: statements.append(sql)
    )
    edit = release(store)
    assert len(statements) < 24
    assert (sum(adopted(store)), effective(store)) == (0, before)
    mine = sa.select(sa.func.count()).select_from(changes).where(changes.c.changeset_id == edit.changeset_id)
    assert rows(store, mine) == [(count,)]
    assert len(rows(store, sa.select(overrides.c.field).limit(1))) == 1  # those that part stand


# --- the commands ----------------------------------------------------------------------------------------


@pytest.fixture
def edited(curation: Curation, tmp_path: Path) -> Curation:
    """Two stories, one decided as upstream says by now."""
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
    return {name: line[name] for name in ("decided", "conflicts", "adopted")}


def test_reset_agreed_needs_no_filter_and_says_when_there_is_nothing(edited: Curation) -> None:
    assert status(edited) == {"decided": 2, "conflicts": 1, "adopted": 1}
    dry = edited("reset", "--adopted", "--dry-run", "--format", "json")
    assert [(row["path"], row["old"], row["new"]) for row in json.loads(dry.stdout)] == [
        ("_news/a.md", 80, 80)
    ]
    assert status(edited)["adopted"] == 1
    done = edited("reset", "--adopted", "--reason", "committed", "--actor", "cron")
    assert (done.exit_code, done.stdout.partition(": ")[2]) == (0, "released 1 of 1 article\n")
    assert status(edited) == {"decided": 1, "conflicts": 1, "adopted": 0}
    for more in ([], ["--quality"], ["b.md"], ["--search", "b"], ["--dry-run"]):
        idle = edited("reset", "--adopted", *more)
        assert idle.exit_code == 0, idle.output
        assert "nothing to change: upstream has adopted no override" in idle.output
    row = json.loads(edited("reset", "--adopted", "--format", "json").stdout)
    assert row == [{"changeset": None, "changed": 0, "selected": 0, "refused": 0}]
    for missing in (["nothing-such"], ["--collection", "nothing"]):
        assert edited("reset", "--adopted", *missing).exit_code == 1
    assert edited("reset").exit_code == 2


def test_an_empty_store_has_nothing_to_release(curation: Curation) -> None:
    assert curation("reset", "--adopted").exit_code == 0


def test_the_question_counts_what_is_released(
    filled: Store, curation: Curation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curation.cli.set_.is_interactive", lambda: True)
    curation("publish", "--published", "--yes")  # as upstream says of all these already
    curation("unpublish", "--unpublished", "--quality", "..30", "--yes")
    count = status(curation)["adopted"]
    refused = curation("reset", "--adopted", stdin="n\n")
    assert f"Change {count} articles?" in refused.stderr
    assert status(curation)["adopted"] == count
    assert curation("reset", "--adopted", "--yes").exit_code == 0
    assert status(curation)["adopted"] == 0


def test_a_revert_says_what_upstream_upholds(edited: Curation) -> None:
    told = (
        "\n1 flag of changeset 2 keeps its value, because upstream now states the same:"
        " use `curation set` to override\n"
    )
    dry = edited("revert", "2", "--dry-run")
    assert (dry.exit_code, dry.stderr.endswith(told)) == (0, True), dry.stderr
    assert edited("revert", "2").stderr.endswith(told)
    assert "upstream" not in edited("revert", "3").stderr


def test_a_revert_of_what_was_released_says_so(edited: Curation) -> None:
    edited("reset", "--adopted")
    result = edited("revert", "2")
    assert result.exit_code == 1
    assert "_news/a.md, quality, was given back to upstream since, by changeset 5" in result.stderr
