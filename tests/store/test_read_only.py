"""Read-only and damaged stores: the result of each command."""

from __future__ import annotations

import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import Result

from curation.errors import StoreError
from curation.store import migrate
from curation.store.database import VERSION_TABLE, Store

from ..support.cases import few_or_many, skip_or_fail
from ..support.importing_helpers import import_folder
from ..support.places import SITE
from ..support.stores import ON_SQLITE

#: The command that takes from root the right to write against permissions.
UNPRIVILEGED = ["setpriv", "--bounding-set", "-dac_override"] if os.geteuid() == 0 else []

READING = (
    ["status"], ["list"], ["show", "1"], ["log"], ["issues"], ["report", "topics"], ["sql", "SELECT 1"],
    ["explain", "1"], ["db", "verify"], ["db", "current"], ["search", "tide"], ["list", "--search", "tide"],
    ["source", "list"], ["db", "check"],
)  # fmt: skip
WRITING = (
    ["set", "1", "--heat", "3"],
    ["import", str(SITE), "--new-source"],
    ["unpublish", "1"],
    ["revert", "1"],
    ["db", "reindex"],
)
#: Commands whose changes are rolled back.
DRY_RUNS = (
    ["set", "1", "--heat", "3", "--dry-run"],
    ["reset", "1", "--dry-run"],
    ["import", str(SITE), "--new-source", "--dry-run"],
    ["import", str(SITE), "--dry-run"],
    ["revert", "1", "--dry-run"],
)


@pytest.fixture
def folder(request: pytest.FixtureRequest, tmp_path: Path, sqlite_site: Path) -> Iterator[Path]:
    """A folder with a store."""
    if UNPRIVILEGED and not shutil.which(UNPRIVILEGED[0]):
        skip_or_fail("no setpriv, and root may write anywhere")
    created = tmp_path / "store"
    created.mkdir()
    shutil.copy(sqlite_site, created / "store.db")
    yield created
    created.chmod(0o755)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Make a folder and its files read-only."""
    for file in folder.iterdir():
        file.chmod(0o444)
    folder.chmod(0o555)
    yield
    folder.chmod(0o755)


def run(database: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"CURATION_ACTOR": "ann"}
    command = [*UNPRIVILEGED, sys.executable, "-P", "-m", "curation", "--database", str(database), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


@pytest.mark.slow
def test_a_read_only_store_can_be_read_and_copied(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with read_only(folder):
        for arguments in READING:
            done = run(folder / "store.db", *arguments)
            assert (done.returncode, "Error" in done.stderr) == (0, False), (arguments, done.stderr)
        assert run(folder / "store.db", "db", "backup", str(out / "copy.db")).returncode == 0
        for arguments in WRITING:
            done = run(folder / "store.db", *arguments)
            assert done.returncode == 1
            assert len(done.stderr.splitlines()) == 1, done.stderr
            assert "the store is read-only: check the permissions of" in done.stderr, (arguments, done.stderr)
        for arguments in DRY_RUNS:
            done = run(folder / "store.db", *arguments)
            assert (done.returncode, "Error" in done.stderr) == (0, False), (arguments, done.stderr)
    assert [file.name for file in folder.iterdir()] == ["store.db"]
    assert Store(str(out / "copy.db")).read_revision() is not None


def test_the_wal_of_a_read_only_store_is_read_too(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a copy of a store that is in use, only the -wal has the latest changes."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    with closing(sqlite3.connect(folder / "store.db")) as writer:
        writer.execute("PRAGMA wal_autocheckpoint = 0")
        writer.execute("UPDATE articles SET title = 'Waiting' WHERE id = 1")
        writer.commit()
        wal = (folder / "store.db-wal").read_bytes()
        before = (folder / "store.db").read_bytes()
    (folder / "store.db").write_bytes(before)
    (folder / "store.db-wal").write_bytes(wal)
    (folder / "store.db-shm").unlink(missing_ok=True)
    with read_only(folder):
        for arguments in (
            ["sql", "SELECT title FROM articles WHERE id = 1"],
            ["list", "--columns", "title", "--limit", "0"],
        ):
            done = run(folder / "store.db", *arguments)
            assert (done.returncode, "Waiting" in done.stdout) == (0, True), done.stderr
    assert not list(temporary.iterdir())


def test_a_read_only_store_is_searched_as_far_as_it_is_indexed(folder: Path) -> None:
    with read_only(folder):
        done = run(folder / "store.db", "search", "tide")
    assert (done.returncode, "changes since the last search are not indexed" in done.stderr) == (
        0,
        True,
    )


def test_a_newer_store_is_an_error(store: Store, curation: Callable[..., Result]) -> None:
    with store.writing() as connection:
        connection.execute(sa.text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    for arguments in (
        ["db", "upgrade"],
        ["db", "downgrade", "0001"],
        ["db", "check"],
        ["db", "verify"],
        ["list"],
        ["import", str(SITE)],
    ):
        result = curation(*arguments)
        assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
        assert "install a newer curation" in result.stderr, arguments
    with pytest.raises(StoreError, match="install a newer"):
        migrate.upgrade(store)


COMMANDS = (
    *READING[:10], ["list", "--format", "jsonl", "--columns", "title,topics,path"], ["log", "1"], ["issues", "--all"],
    ["search", "tide table"], ["set", "1", "--heat", "3", "--dry-run"], ["score", "--dry-run"], ["reset", "--overridden", "--dry-run"],
    ["import", "SITE", "--dry-run"], ["import", "SITE"], ["revert", "1", "--dry-run"], ["export", "articles", "OUT/a.jsonl"],
    ["export", "files", "OUT/files"], ["export", "api", "OUT/api"], ["db", "backup", "--force", "OUT/copy.db"], ["db", "repair"],
    ["db", "upgrade"], ["db", "metadata"], ["source", "show", "site"], ["issues", "--skipped"], ["report", "review"],
)  # fmt: skip


#: The SQL of the schema within the file.
_DECLARED = re.compile(rb"CREATE (?:TABLE|INDEX|TRIGGER|VIEW|VIRTUAL TABLE) [ -~\n]{30,}")


@few_or_many("flips", 6, 200)
@ON_SQLITE
def test_a_damaged_file_is_no_internal_error(
    store: Store, sqlite_site: Path, tmp_path: Path, curation: Callable[..., Result], flips: int
) -> None:
    """One bit of a used page, changed: every command does its work, or ends with a line. Of four, one is in the
    head of the file, and one makes a letter of the schema none of ASCII: SQLite's message is no UTF-8 then."""
    site = shutil.copytree(SITE, tmp_path / "site")
    import_folder(store, site)
    curation("search", "tide")
    with store.writing() as connection:
        connection.execute(sa.text("UPDATE articles SET heat = 5 WHERE id = 3"))
    curation("set", "2", "--heat", "7", "--actor", "ann")
    store.engine.dispose()
    assert store.backend.file is not None
    with closing(sqlite3.connect(store.backend.file)) as driver:
        driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    sound = store.backend.file.read_bytes()
    chance = random.Random(12)
    for number in range(flips):
        data = bytearray(sound)
        if number % 4 == 1:
            declared = chance.choice(list(_DECLARED.finditer(sound)))
            at, bit = chance.randrange(*declared.span()), 7
        else:
            at, bit = (
                chance.randrange(len(data)) if number % 4 else chance.randrange(200),
                chance.randrange(8),
            )
        while not data[at]:
            at = chance.randrange(len(data))
        data[at] ^= 1 << bit
        for arguments in chance.sample(COMMANDS, 6 if flips < 50 else 10):
            for suffix in ("-wal", "-shm"):
                Path(f"{store.backend.file}{suffix}").unlink(missing_ok=True)
            store.backend.file.write_bytes(data)
            shutil.rmtree(tmp_path / "out", ignore_errors=True)
            (tmp_path / "out").mkdir()
            given = [a.replace("OUT", str(tmp_path / "out")).replace("SITE", str(site)) for a in arguments]
            done = curation(*given)
            assert done.exception is None or isinstance(done.exception, SystemExit), (number, at, given)
            assert done.exit_code in (0, 1, 3), (number, at, given, done.stderr)
            assert "internal error" not in done.stderr, (number, at, given, done.stderr)
