"""The lock of an import on SQLite: one owner at a time, no leftover file, safe in a shared folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from curation.backends.sqlite_import_lock import LockFile
from curation.errors import StoreError
from curation.store.database import Store

from ..support.cases import few_or_many
from ..support.importing_helpers import import_folder
from ..support.places import SITE
from ..support.stores import ON_SQLITE

#: Acquires the lock repeatedly, and counts with a read and a write that fail with two owners.
WORKER = """
import sys, time
from pathlib import Path
from curation.backends.sqlite_import_lock import LockFile
path, counter, rounds = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
while rounds:
    lock = LockFile(path)
    if not lock.acquire():
        continue
    count = counter.read_text()
    assert count, "two owners at once"
    counter.write_text("")
    counter.write_text(str(int(count) + 1))
    lock.release()
    rounds -= 1
"""


def start(*arguments: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", *map(str, arguments)])


@few_or_many("rounds", 300, 5_000)
def test_the_lock_never_has_two_owners(tmp_path: Path, rounds: int) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")
    workers = [start(WORKER, tmp_path / "x.lock", counter, rounds) for _ in range(4)]
    assert [worker.wait() for worker in workers] == [0] * 4
    assert (counter.read_text(), [file.name for file in tmp_path.iterdir()]) == (str(4 * rounds), ["counter"])


def test_the_file_of_a_killed_owner_is_reused_and_deleted(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    code = "import sys, signal; from pathlib import Path; from curation.backends.sqlite_import_lock import LockFile\n"
    code += (
        "lock = LockFile(Path(sys.argv[1])); assert lock.acquire(); print('held', flush=True); signal.pause()"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    holder.stdout.readline()
    lock = LockFile(path)
    assert not lock.acquire()
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    assert lock.acquire()
    lock.release()
    assert not path.exists()


def test_a_lock_on_a_deleted_file_is_not_valid(tmp_path: Path) -> None:
    first, second = LockFile(tmp_path / "x.lock"), LockFile(tmp_path / "x.lock")
    assert first.acquire()
    (tmp_path / "x.lock").unlink()  # by another program
    assert second.acquire()
    first.release()  # deletes only its own file
    assert (tmp_path / "x.lock").exists()
    assert not LockFile(tmp_path / "x.lock").acquire()
    second.release()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["link", "dangling", "folder", "fifo"])
@ON_SQLITE
def test_another_kind_of_file_at_the_path_is_reported_and_kept(
    store: Store, tmp_path: Path, kind: str
) -> None:
    import_folder(store, SITE)
    assert store.backend.file is not None
    with store.backend.import_lock(store.engine, "site"):
        [path] = tmp_path.glob("*.lock")
    victim = tmp_path / "victim"
    if kind == "link":
        victim.write_text("")
    if kind in ("link", "dangling"):
        path.symlink_to(victim)
    elif kind == "folder":
        path.mkdir()
    else:
        os.mkfifo(path)
    with pytest.raises(StoreError, match="delete what is at this path") as refused:
        import_folder(store, SITE)
    assert "\n" not in str(refused.value)
    assert (path.is_symlink() or path.exists(), victim.exists()) == (True, kind == "link")


def test_a_file_with_content_is_locked_and_not_deleted(tmp_path: Path) -> None:
    (tmp_path / "x.lock").write_text("notes")
    lock = LockFile(tmp_path / "x.lock")
    assert lock.acquire()
    assert not LockFile(tmp_path / "x.lock").acquire()
    lock.release()
    assert (tmp_path / "x.lock").read_text() == "notes"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs two users")
def test_users_of_a_sticky_folder_share_a_lock() -> None:
    """Another user's leftover file is used, even if it cannot be deleted."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        Path(name).chmod(0o1777)
        _assert_shared(Path(name))


def _assert_shared(folder: Path) -> None:
    left = folder / "x.lock"
    left.write_text("")
    left.chmod(0o644)
    code = "import os, sys; os.setuid(65534); from pathlib import Path\n"
    code = f"from curation.backends.sqlite_import_lock import LockFile\n{code}"
    code += "lock = LockFile(Path(sys.argv[1])); assert lock.acquire(); lock.release(); assert Path(sys.argv[1]).exists()"
    assert start(code, left).wait() == 0
    holder = LockFile(left)
    assert holder.acquire()
    assert start(code, left).wait() == 1
    holder.release()
    assert not left.exists()
    assert start(code.replace("assert Path(sys.argv[1]).exists()", ""), left).wait() == 0
    assert list(folder.iterdir()) == []


@ON_SQLITE
def test_an_import_leaves_no_files_next_to_the_store(store: Store, tmp_path: Path) -> None:
    before = {file.name for file in tmp_path.iterdir()}
    import_folder(store, SITE)
    import_folder(store, SITE, dry_run=True)
    store.engine.dispose()
    assert {file.name for file in tmp_path.iterdir()} == before
