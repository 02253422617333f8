"""Check that an import notices if it has lost its lock."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from curation.articles.selecting import Selection
from curation.backends.postgresql import Postgresql
from curation.editing.flags import set_flags
from curation.errors import ImportFailed
from curation.importing import batches
from curation.importing.records.import_records import ImportRecords
from curation.store.database import Store
from curation.store.schema import articles, imports, sources
from curation.verifying.run import verify

from ..support.importing_helpers import import_folder
from ..support.places import SITE
from ..support.store_digest import digests


def _end_lock_session(store: Store) -> None:
    """End the database session that has the lock of an import."""
    with store.writing() as connection:
        query = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1"
        assert connection.exec_driver_sql(
            f"{query} AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        ).all()


def _after_first_batch(action: Callable[[], Any]) -> Callable[[int, int], None]:
    """Return a progress callback that runs an action once."""
    actions = [action]

    def progress(_done: int, _total: int) -> None:
        if actions:
            actions.pop()()

    return progress


def test_an_import_that_lost_its_lock_fails_with_a_message(
    served: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "FILES_PER_BATCH", 10)
    progress = _after_first_batch(lambda: _end_lock_session(served))
    with pytest.raises(ImportFailed, match="the lock of the import of 'site' was lost") as failed:
        import_folder(served, SITE, progress=progress)
    assert "\n" not in str(failed.value)
    import_folder(served, SITE)
    _assert_complete(served, ["failed", "succeeded"])


def test_an_import_stops_when_another_one_took_over(served: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """This holds even if the loss of the lock is not noticed, for example behind a connection pooler."""
    monkeypatch.setattr(batches, "FILES_PER_BATCH", 10)
    monkeypatch.setattr(Postgresql, "_check_lock", lambda *_: None)

    def take_over() -> None:
        _end_lock_session(served)
        import_folder(served, SITE)

    with pytest.raises(ImportFailed, match="another import of the source has started"):
        import_folder(served, SITE, progress=_after_first_batch(take_over))
    _assert_complete(served, ["failed", "succeeded"])


def _assert_complete(store: Store, statuses: list[str]) -> None:
    with store.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(articles)) == 50
        assert connection.scalars(sa.select(imports.c.status).order_by(imports.c.id)).all() == statuses
        assert list(verify(connection)) == []


def test_editors_can_work_while_a_batch_locks_its_import(served: Store) -> None:
    """Two flags change an article twice, for which PostgreSQL checks again whether its import exists.

    SQLite has only one writer at a time.
    """
    import_id = import_folder(served, SITE).import_id
    with served.writing() as connection:
        connection.execute(sa.update(imports).values(status="running"))
    records: Any = ImportRecords(1, import_id, *[None] * 3)  # type: ignore[arg-type]
    with served.writing() as batch, served.writing() as editor:
        records.require_running(batch)
        editor.execute(sa.text("SET LOCAL lock_timeout = '3s'"))
        assert set_flags(
            editor, Selection(["1"]), {"heat": 4711, "quality": 42}, actor="ann", reason=None
        ).changeset_id


def test_the_lock_outlives_the_idle_session_timeout(hostile: Store) -> None:
    with hostile.backend.import_lock(hostile.engine, "site") as check_lock:
        time.sleep(0.8)
        check_lock()
        with (
            pytest.raises(ImportFailed, match="is running"),
            hostile.backend.import_lock(hostile.engine, "site"),
        ):
            pass


def test_concurrent_first_imports_add_one_source(store: Store) -> None:
    start = threading.Barrier(4)

    def import_site(_: int) -> str:
        start.wait()
        try:
            return str(import_folder(store, SITE).added)
        except ImportFailed as error:
            return str(error)

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(import_site, range(4)))
    assert "50" in results
    assert all("is running" in line or line in ("50", "0") for line in results), results
    with store.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(sources)) == 1


def test_editors_can_work_during_a_dry_run(
    store: Store, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dry run also reports the same as the import that follows."""
    (temporary := tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))  # other tests use the system's folder
    import_folder(store, site)
    for file in sorted((site / "_news").glob("*.md"))[::2]:
        file.write_text(file.read_text().replace("\ntitle: ", "\nheat: 3\nquality: 4\ntitle: The ", 1))
    (site / "_news/2024-05-05-added.md").write_text("---\ntitle: Added\nprovider:\n  name: Nobody\n---\nx\n")
    next((site / "_learning").rglob("*.md")).unlink()
    before = digests(store)
    monkeypatch.setattr(batches, "FILES_PER_BATCH", 5)
    durations: list[float] = []

    def edit(done: int, total: int) -> None:
        began = time.monotonic()
        other = Store(store.backend.url.render_as_string(hide_password=False))
        with other.writing() as connection:
            set_flags(connection, Selection(["1", "2", "3"]), {"removed": 1}, actor="ann", reason=None)
            connection.rollback()
        other.engine.dispose()
        durations.append(time.monotonic() - began)

    dry = import_folder(store, site, dry_run=True, progress=edit)
    assert len(durations) > 3
    assert max(durations) < 5
    assert digests(store) == before
    summary = import_folder(store, site)
    assert (dry.counts, dry.flags, dry.to_review, dry.status) == (
        summary.counts,
        summary.flags,
        summary.to_review,
        summary.status,
    )
    assert summary.counts["added"] == summary.counts["missing"] == 1
    assert list(temporary.iterdir()) == []
