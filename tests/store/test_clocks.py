"""Wrong clocks: ids give the order of imports, on every engine.

A machine's clock runs ahead, is corrected, or jumps back. Which imports can be reverted does not depend on it.
"""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import Result
from hypothesis import HealthCheck, given, settings, strategies as st

from curation.articles.status import read_status
from curation.errors import EditRefused
from curation.importing.records import versions
from curation.importing.steps import find_unfinished_imports
from curation.store import database
from curation.store.database import Store
from curation.store.schema import articles, changesets, file_versions, imports, taxonomy_documents

from ..support.importing_helpers import import_folder, revert_one_import, write_story
from ..support.report_comparison import rows as report_rows
from ..support.store_comparison import count, rows
from ..support.store_digest import digests

TODAY = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

SetClock = Callable[[float], None]


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    """Return a function that sets the clock to a number of days from today."""
    current = [TODAY]
    modules = [module for name, module in sys.modules.items() if name.startswith("curation.")]
    real = database.now
    for module in modules:
        if getattr(module, "now", None) is real:
            monkeypatch.setattr(module, "now", lambda: current[0])

    def set_to(days: float) -> None:
        current[0] = TODAY + dt.timedelta(days=days)

    return set_to


def import_quality(store: Store, root: Path, quality: int) -> int:
    """Import a document with a quality, and return the changeset."""
    write_story(root, "a.md", quality=quality)
    changeset_id = import_folder(store, root, source="s").changeset_id
    assert changeset_id is not None
    return changeset_id


def quality(store: Store) -> object:
    return rows(store, sa.select(articles.c.quality))[0][0]


@pytest.mark.slow
def test_an_import_after_a_clock_that_ran_ahead_can_be_reverted(
    store: Store, tmp_path: Path, set_clock: SetClock
) -> None:
    for number in range(versions.KEPT_IMPORTS + 2):  # a year ahead
        set_clock(365 + number)
        import_quality(store, tmp_path, number)
    set_clock(0)
    last = import_quality(store, tmp_path, 99)
    assert revert_one_import(store, last, actor="ann").restored == 1
    assert quality(store) == versions.KEPT_IMPORTS + 1


@pytest.mark.slow
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(-3000, 3000), min_size=4, max_size=7))
def test_the_last_imports_can_be_reverted_with_any_clock(
    store: Store, tmp_path: Path, set_clock: SetClock, days: list[int]
) -> None:
    limit = 3
    versions.KEPT_IMPORTS, default = limit, versions.KEPT_IMPORTS
    try:
        set_clock(0)
        source = tmp_path / "site"
        states, changeset_ids = [], []
        for number, day in enumerate([0, *days]):
            set_clock(day)
            changeset_ids.append(
                import_quality(store, source, len(rows(store, sa.select(imports.c.id))) * 10 + number)
            )
            states.append(quality(store))
        for changeset_id, before in list(zip(changeset_ids[1:], states, strict=False))[: -limit - 1 : -1]:
            revert_one_import(store, changeset_id, actor="ann")
            assert quality(store) == before
    finally:
        versions.KEPT_IMPORTS = default


def test_the_last_import_is_the_one_with_the_highest_id(
    store: Store, tmp_path: Path, set_clock: SetClock
) -> None:
    write_story(tmp_path, "a.md")
    for number, day in enumerate((300, 0, 0)):  # ahead, corrected, and again the same moment
        set_clock(day)
        if number == 2:
            (tmp_path / "_news" / "b.md").write_text("---\na: [\n---\n")
        import_folder(store, tmp_path, source="s")
    with store.reading() as connection:
        [row] = read_status(connection).rows
    assert row[8] == "partial"
    [source] = report_rows(store, "stale", {})
    assert str(source["last_import"]).startswith("2026-01-01")


def test_a_failed_import_is_unfinished_with_any_clock(
    store: Store, tmp_path: Path, set_clock: SetClock
) -> None:
    write_story(tmp_path, "a.md")
    set_clock(300)
    first = import_folder(store, tmp_path, source="s").import_id
    set_clock(0)
    second = import_folder(store, tmp_path, source="s").import_id
    with store.writing() as connection:
        connection.execute(sa.update(imports).where(imports.c.id == second).values(status="failed"))
        source_id = connection.scalar(sa.select(imports.c.source_id).limit(1)) or 0
        assert list(find_unfinished_imports(connection, source_id)) == [second]
        connection.execute(sa.update(imports).where(imports.c.id == first).values(status="failed"))
        connection.execute(sa.update(imports).where(imports.c.id == second).values(status="succeeded"))
        assert list(find_unfinished_imports(connection, source_id)) == []


@pytest.mark.parametrize("lost", ["all", "one", "taxonomy"])
def test_an_import_without_earlier_versions_cannot_be_reverted(
    store: Store, site: Path, curation: Callable[..., Result], lost: str
) -> None:
    import_folder(store, site)
    news = sorted((site / "_news").glob("*.md"))
    for file in news[:3]:
        file.write_bytes(file.read_bytes().replace(b"\npublishedDateTime:", b"\nodd: 1\npublishedDateTime:"))
    topic = min((site / "_data" / "topics").iterdir())
    topic.write_bytes(topic.read_bytes().replace(b"_id: ", b"_id: x"))
    news[3].unlink()
    summary = import_folder(store, site)
    paths = sa.select(file_versions.c.path).order_by(file_versions.c.path)
    assert len(rows(store, paths)) == 5
    deleted = {
        "all": sa.true(),
        "one": file_versions.c.path == f"_news/{news[0].name}",
        "taxonomy": file_versions.c.path == f"_data/topics/{topic.name}",
    }[lost]
    with store.writing() as connection:
        connection.execute(sa.delete(file_versions).where(deleted))
    before = digests(store)
    result = curation("revert", str(summary.changeset_id))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "cannot be reverted: the earlier versions of" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert digests(store) == before
    with pytest.raises(EditRefused, match=r"the earlier versions of \d files? are lost"):
        revert_one_import(store, summary.changeset_id or 0, actor="ann")


def test_files_that_a_later_import_changed_are_counted(store: Store, tmp_path: Path) -> None:
    """Only the count of changed files shows that an earlier version is lost."""
    import_quality(store, tmp_path, 1)
    write_story(tmp_path, "b.md", quality=1)
    second = import_quality(store, tmp_path, 2)
    import_quality(store, tmp_path, 3)
    with store.writing() as connection:
        first = connection.scalar(sa.select(sa.func.min(file_versions.c.import_id)))
        connection.execute(sa.delete(file_versions).where(file_versions.c.import_id == first))
    with pytest.raises(EditRefused, match="cannot be reverted"):
        revert_one_import(store, second, actor="ann")
    assert count(store, changesets, changesets.c.kind == "revert") == 0
    assert count(store, taxonomy_documents) == 0
