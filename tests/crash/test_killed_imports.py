"""After a crash of an import the store contains only whole documents, and the next import completes it.

The environment variable `CURATION_KILLS` is how often an import is killed. The default is 30 times on SQLite
and 10 times on PostgreSQL; a larger number, such as 1000, counts a tenth on PostgreSQL.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from curation.articles.selecting import Selection
from curation.backends.sqlite import BUSY_TIMEOUT
from curation.editing.flags import set_flags
from curation.errors import ImportFailed
from curation.importing.records.summary import Options
from curation.importing.run import import_dump
from curation.scanning import find_dumps
from curation.store import migrate
from curation.store.database import Store
from curation.store.schema import articles, import_issues, imports, overrides, set_aside_overrides
from curation.verifying.run import verify

from ..support.importing_helpers import import_folder
from ..support.killed_imports import (
    EXIT_SECONDS,
    Import,
    Imports,
    Place,
    assert_whole,
    change_dump,
    end,
    find_orphans,
    find_wrong_counts,
    find_wrong_flags,
    make_dump,
    make_equal,
    opened,
    read_articles,
    run,
    run_own_server,
    shared_runner,
    start,
    wait_until,
    workers_of,
)
from ..support.store_comparison import differences

KILLS = int(os.environ.get("CURATION_KILLS", "30"))
SEED = int(os.environ.get("CURATION_SEED", "3"))
SOURCE = "site"


@dataclass(frozen=True)
class Version:
    """A version of a dump, and a fresh store that has imported only this version."""

    root: Path
    fresh: Store


@pytest.fixture(scope="module", autouse=True)
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with shared_runner(tmp_path_factory.mktemp("shared")):
        yield


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Version]]:
    """Three versions of a dump; the last one has a broken file."""
    folder, rng = tmp_path_factory.mktemp("versions"), random.Random(SEED)
    built: list[Version] = []
    for day in range(3):
        root = folder / f"day-{day}"
        if day == 0:
            make_dump(root, 200)
        else:
            shutil.copytree(built[-1].root, root)
            change_dump(root, rng)
        if day == 2:
            sorted((root / "_news").glob("*.md"))[40].write_text("---\nquality: [1\n---\n")
        fresh = Store(str(folder / f"day-{day}.db"))
        migrate.upgrade(fresh)
        import_folder(fresh, root, source=SOURCE)
        built.append(Version(root, fresh))
    yield built
    for version in built:
        version.fresh.engine.dispose()


@pytest.fixture(scope="module")
def wholes(versions: list[Version]) -> dict[str, set[str]]:
    """For each path, the contents of the article in all versions."""
    found: dict[str, set[str]] = {}
    for version in versions:
        with version.fresh.reading() as connection:
            for path, whole in read_articles(connection).items():
                found.setdefault(path, set()).add(whole)
    return found


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return Place(request, tmp_path, request.param)


def url_of(store: Store) -> str:
    return store.backend.url.render_as_string(hide_password=False)


def is_free(store: Store, source: str = SOURCE) -> bool:
    """Return whether the lock of the source is free, so that an import could start."""
    try:
        with store.backend.import_lock(store.engine, source):
            return True
    except ImportFailed:
        return False


def unexpected_differences(store: Store, fresh: Store) -> list[str]:
    """Return the first differences between two stores, without locations of sources and stamps of files."""
    found = differences(store, fresh)
    return [
        d for d in found if not d.startswith("sources:") and not (d.startswith("files:") and "): stamp:" in d)
    ][:5]


def assert_completed(store: Store, fresh: Store) -> None:
    """Check that a store equals a fresh one, and that `verify` finds nothing."""
    assert unexpected_differences(store, fresh) == []
    with store.reading() as connection:
        assert list(verify(connection)) == []
        assert find_wrong_counts(connection) == []
        assert find_orphans(connection) == []
        assert "running" not in set(connection.scalars(sa.select(imports.c.status)))


def status_of_last(store: Store) -> str | None:
    with store.reading() as connection:
        status: str | None = connection.scalar(
            sa.select(imports.c.status).order_by(imports.c.id.desc()).limit(1)
        )
        return status


def edit_flags(store: Store, *paths: str, **flags: int) -> None:
    with store.writing() as connection:
        set_flags(connection, Selection(paths), flags, actor="ann", reason=None)


# Killed ----------------------------------------------------------------------------------------------


class KilledImports:
    """Imports of a changing dump that are killed again and again at random moments."""

    def __init__(
        self, imports: Imports, place: Place, versions: list[Version], wholes: dict[str, set[str]]
    ) -> None:
        self.rng = random.Random(SEED)
        self.imports, self.place, self.versions, self.wholes = imports, place, versions, wholes
        self.work = imports.folder / "work"
        self.phases: Counter[str] = Counter()
        #: Estimated seconds of an import that is not killed, adapted to the current speed of the machine.
        self.seconds = {(kind, jobs): 1.0 for kind in ("first", "again") for jobs in (1, 2)}
        self.now = versions[0]
        shutil.copytree(self.now.root, self.work)

    def start_again(self) -> None:
        self.database, self.kind, self.last = self.place.new(), "first", 0

    def change(self) -> None:
        self.now = self.rng.choice([version for version in self.versions if version is not self.now])
        make_equal(self.work, self.now.root)

    def start(self, *, jobs: int) -> Import:
        return self.imports.start(
            "--database", self.database, "import", self.work, "--source", SOURCE, "--jobs", jobs
        )

    def measure(self) -> None:
        for jobs in (1, 2):
            self.start_again()
            for kind in ("first", "again"):
                self.seconds[kind, jobs] = self.start(jobs=jobs).wait().seconds
                self.change()

    def kill(self, times: int) -> None:
        self.start_again()
        for number in range(times):
            if self.rng.random() < 0.4:
                self.start_again()
            if self.rng.random() < 0.6:
                self.change()
            self.kill_one(self.kind, self.rng.choice([1, 2]))
            if number % 10 == 9 or number == times - 1:
                self.complete()

    def kill_one(self, kind: str, jobs: int) -> None:
        process = self.start(jobs=jobs)
        wait = self.rng.uniform(0, self.seconds[kind, jobs])
        time.sleep(wait)
        process.kill(group=self.rng.random() < 0.5)
        result = process.wait()
        assert process.left_over() == []
        assert "Traceback" not in result.err
        factor = 1.05 if result.status == -signal.SIGKILL else 0.9
        self.seconds[kind, jobs] *= factor
        self.phases[f"{kind}, {self.check()}"] += 1

    def check(self) -> str:
        """Check that a killed import left only whole documents, and return how far it had come."""
        with opened(self.database) as store:
            if not store.backend.store_exists():
                return "no store"
            store.check()
            assert wait_until(lambda: is_free(store), EXIT_SECONDS)
            with store.reading() as connection:
                article_count = (
                    sa.select(sa.func.count())
                    .where(articles.c.last_import_id == imports.c.id)
                    .scalar_subquery()
                )
                last = connection.execute(
                    sa.select(imports.c.id, imports.c.status, article_count)
                    .order_by(imports.c.id.desc())
                    .limit(1)
                ).first()
            whole = assert_whole(store, self.wholes)
            self.kind = "again" if whole else self.kind
            if last is None or last.id == self.last:
                return "not started"
            self.last = last.id
            if last.status != "running":
                return str(last.status)
            with self.now.fresh.reading() as connection:
                expected = read_articles(connection)
            is_all = all(whole.get(path) == content for path, content in expected.items())
            return f"{'all' if is_all else 'some' if last[2] else 'no'} batches"

    def complete(self) -> None:
        """Run the import to its end, and compare the store with a fresh one."""
        if self.rng.random() < 0.7 and self.kind == "again":
            self.edit_flags()
        result = self.start(jobs=2).wait()
        assert result.status in (0, 3), result.err
        assert "Traceback" not in result.err
        with opened(self.database) as store:
            assert_whole(store, self.wholes)
            assert_completed(store, self.now.fresh)
            with store.reading() as connection:
                self.last = connection.scalar(sa.select(sa.func.max(imports.c.id)))
        self.kind = "again"

    def edit_flags(self) -> None:
        with opened(self.database) as store:
            with store.reading() as connection:
                paths = connection.scalars(sa.select(articles.c.path).order_by(articles.c.path)).all()
            edit_flags(store, *self.rng.sample(paths, 3), heat=self.rng.randint(0, 99), removed=1)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are looked for in /proc")
def test_an_import_killed_at_any_moment_leaves_whole_documents(
    place: Place, tmp_path: Path, versions: list[Version], wholes: dict[str, set[str]]
) -> None:
    kills = place.limit_kills(KILLS)
    with Imports(tmp_path) as started:
        killed = KilledImports(started, place, versions, wholes)
        killed.measure()
        killed.kill(kills)
    print(f"{place.engine}: {kills} kills: {dict(sorted(killed.phases.items()))}")
    assert sum(n for phase, n in killed.phases.items() if "batches" in phase) >= kills // 10


@pytest.mark.slow
def test_a_reading_process_that_dies_is_replaced(
    place: Place, tmp_path: Path, versions: list[Version]
) -> None:
    """Simulate that memory runs out. Most of the time these processes are writing an answer."""
    rng, died = random.Random(SEED), 0
    root = versions[0].root
    with Imports(tmp_path, FILES_PER_TASK=50) as started:
        for _ in range(5 if place.engine == "sqlite" else 2):
            database = place.new()
            process = started.start("--database", database, "import", root, "--source", SOURCE, "--jobs", 2)
            if wait_until(partial(workers_of, process.pid), 5):
                time.sleep(rng.uniform(0, 0.1))
                for pid in workers_of(process.pid)[:1]:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                        died += 1
            process.wait().assert_done()
            assert process.left_over() == []
    assert died
    run(database, "import", root, "--source", SOURCE).assert_done()
    with opened(database) as store:
        assert_completed(store, versions[0].fresh)


# Interrupted -----------------------------------------------------------------------------------------


def test_ctrl_c_ends_an_import_soon_with_one_line(
    place: Place, tmp_path: Path, versions: list[Version], wholes: dict[str, set[str]]
) -> None:
    rng, rounds = random.Random(SEED), 8
    shutil.copytree(versions[0].root, tmp_path / "work")
    slowest, reported = 0.0, 0
    with Imports(tmp_path) as started:
        whole = started.run(
            "--database", place.new(), "import", tmp_path / "work", "--source", SOURCE
        ).seconds
        for number in range(rounds):
            database = place.new()
            jobs = number % 2 + 1
            process = started.start(
                "--database", database, "import", tmp_path / "work", "--source", SOURCE, "--jobs", jobs
            )
            with opened(database) as store:
                assert wait_until(partial(has_started, store), 20)
                time.sleep(rng.uniform(0, whole / 3))
                started_at = time.monotonic()
                process.kill(group=True, by=signal.SIGINT)
                result = process.wait()
                slowest = max(slowest, time.monotonic() - started_at)
                assert process.left_over() == []
                assert "Traceback" not in result.err, result.err
                assert_whole(store, wholes)
                if result.status == 1:
                    reported += 1
                    result.assert_one_line("interrupted", "Run the command again")
                    # `running` if the signal came while the import started: the next import marks it failed.
                    assert status_of_last(store) in ("running", "failed", "succeeded")
                else:
                    # A signal after the end of the import, while Python exits, kills the process.
                    assert result.status in (0, -signal.SIGINT)
                    assert status_of_last(store) == "succeeded"
                if number == rounds - 1:
                    run(database, "import", tmp_path / "work", "--source", SOURCE).assert_done()
                    assert_completed(store, versions[0].fresh)
    assert reported >= rounds // 4
    assert slowest < 10


def has_started(store: Store) -> bool:
    """Return whether the store has a row for an import."""
    if not store.backend.store_exists() or store.read_revision() is None:
        return False
    return status_of_last(store) is not None


# Full disks and missing permissions ------------------------------------------------------------------


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Mount a file system in memory, or remount it with other options: `disk("size=1m")`, `disk("ro")`."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = False

    def mount(options: str) -> Path:
        nonlocal mounted
        how = ["-o", f"remount,{options}"] if mounted else ["-t", "tmpfs", "-o", options, "none"]
        done = subprocess.run(["mount", *how, str(folder)], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
        mounted = True
        return folder

    yield mount
    if mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize(
    "kilobytes", [pytest.param(n, marks=pytest.mark.slow) for n in (16, 300, 1600)] + [1000]
)
def test_a_full_disk_is_reported_in_one_line_and_loses_nothing(
    disk: Callable[..., Path], versions: list[Version], wholes: dict[str, set[str]], kilobytes: int
) -> None:
    database = str(disk(f"size={kilobytes}k") / "store.db")
    command = ("import", versions[0].root, "--source", SOURCE)
    run(database, *command).assert_one_line("disk", "run this again")
    disk("size=100m")
    with opened(database) as store:
        if store.backend.store_exists():
            assert_whole(store, wholes)
        run(database, *command).assert_done()
        assert_completed(store, versions[0].fresh)


@pytest.mark.slow
def test_a_disk_that_fills_up_under_a_known_store_loses_nothing(
    disk: Callable[..., Path], versions: list[Version], wholes: dict[str, set[str]]
) -> None:
    folder = disk("size=100m")
    database = str(folder / "store.db")
    run(database, "import", versions[0].root, "--source", SOURCE).assert_done()
    with opened(database) as store:
        with store.reading() as connection:
            paths = connection.scalars(sa.select(articles.c.path).order_by(articles.c.path).limit(5)).all()
        edit_flags(store, *paths, quality=1)
    (folder / "ballast").write_bytes(b"x")
    free = os.statvfs(folder)
    with (folder / "ballast").open("wb") as stream:
        stream.write(b"x" * (free.f_bavail * free.f_frsize - 200_000))
    result = run(database, "import", versions[1].root, "--source", SOURCE, "--full")
    result.assert_one_line("disk", "run this again")
    with opened(database) as store:
        assert_whole(store, wholes)
        run(database, "list", "--limit", 3).assert_done()
        (folder / "ballast").unlink()
        run(database, "import", versions[1].root, "--source", SOURCE).assert_done()
        assert_completed(store, versions[1].fresh)
        with store.reading() as connection:
            assert connection.scalar(sa.select(sa.func.count()).select_from(overrides)) == 5


@pytest.mark.parametrize("kilobytes", [40, 1200])
def test_a_file_size_limit_is_reported_in_one_line(
    tmp_path: Path, versions: list[Version], wholes: dict[str, set[str]], kilobytes: int
) -> None:
    """Simulate a quota, for users who may not mount file systems."""
    database = str(tmp_path / "store.db")
    command = ("import", versions[0].root, "--source", SOURCE)
    limits = (kilobytes * 1024, kilobytes * 1024)
    result = run(database, *command, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limits))
    result.assert_one_line("disk", "run this again")
    with opened(database) as store:
        if store.backend.store_exists():
            assert_whole(store, wholes)
        run(database, *command).assert_done()
        assert_completed(store, versions[0].fresh)


@pytest.mark.parametrize("suffix", ["tar.gz", "zip"])
def test_a_full_temporary_folder_is_reported_in_one_line(
    disk: Callable[..., Path], tmp_path: Path, versions: list[Version], suffix: str
) -> None:
    formats = {"tar.gz": "gztar", "zip": "zip"}
    archive = shutil.make_archive(str(tmp_path / "dump"), formats[suffix], versions[0].root)
    environment = os.environ | {"TMPDIR": str(disk("size=300k"))}
    database = str(tmp_path / "store.db")
    result = run(database, "import", archive, "--source", SOURCE, env=environment)
    result.assert_one_line("No space left", "TMPDIR")
    run(database, "import", archive, "--source", SOURCE).assert_done()


READ_ONLY = "read-only|cannot be opened|cannot be created"


def test_a_read_only_file_system_is_reported_in_one_line(
    disk: Callable[..., Path], versions: list[Version]
) -> None:
    folder = disk("size=100m")
    database = str(folder / "store.db")
    run(database, "import", versions[0].root, "--source", SOURCE).assert_done()
    disk("ro,size=100m")
    for name in (database, str(folder / "new.db")):
        run(name, "import", versions[1].root, "--source", SOURCE).assert_one_line(READ_ONLY)
    run(database, "set", "--heat", 3, "1").assert_one_line(READ_ONLY)
    disk("rw,size=100m")
    run(database, "import", versions[1].root, "--source", SOURCE).assert_done()


@pytest.mark.parametrize("what", ["file", "folder", "folder in use"])
def test_a_read_only_store_is_reported_in_one_line(
    tmp_path: Path, versions: list[Version], what: str
) -> None:
    """Use the immutable attribute, which also binds root."""
    folder = tmp_path / "stores"
    folder.mkdir()
    database = str(folder / "store.db")
    run(database, "import", versions[0].root, "--source", SOURCE).assert_done()
    target = folder if "folder" in what else Path(database)
    with opened(database) as store, held_open(what == "folder in use", store):
        for lock in folder.glob("*.lock"):
            lock.unlink()
        done = subprocess.run(["chattr", "+i", str(target)], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"no file can be made immutable here: {done.stderr.strip()}")
        try:
            run(database, "import", versions[1].root, "--source", SOURCE).assert_one_line(READ_ONLY)
            if what != "folder in use":  # if -wal and -shm exist, an edit needs no new file
                run(database, "set", "--heat", 3, "1").assert_one_line(READ_ONLY)
        finally:
            subprocess.run(["chattr", "-i", str(target)], check=True)
    run(database, "import", versions[1].root, "--source", SOURCE).assert_done()


@contextmanager
def held_open(is_open: bool, store: Store) -> Iterator[None]:
    """Keep the store open meanwhile, if wanted."""
    if not is_open:
        yield
        return
    with store.reading() as connection:
        connection.scalar(sa.select(sa.func.count()).select_from(articles))
        yield


# Cut connections -------------------------------------------------------------------------------------

CUT = r"no connection to postgresql://\S+, or it was lost"


def terminate(url: str, database: str) -> int:
    """Close all connections to a database, and return how many there were."""
    import psycopg

    name = database.rpartition("/")[2]
    with psycopg.connect(f"{url}/postgres", autocommit=True) as connection:
        rows = connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )
        return len(rows.fetchall())


@pytest.mark.slow
def test_a_connection_cut_during_an_import_loses_nothing(
    request: pytest.FixtureRequest, tmp_path: Path, versions: list[Version], wholes: dict[str, set[str]]
) -> None:
    place, rng = Place(request, tmp_path, "postgresql"), random.Random(SEED)
    url = request.getfixturevalue("postgresql_url")
    database, cut = place.new(), 0
    work = tmp_path / "work"
    shutil.copytree(versions[0].root, work)
    with Imports(tmp_path) as started, opened(database) as store:
        for number in range(6):
            now = versions[number % 3]
            make_equal(work, now.root)
            process = started.start("--database", database, "import", work, "--source", SOURCE, "--jobs", 1)
            time.sleep(rng.uniform(0.05, 0.5))
            terminate(url, database)
            result = process.wait()
            if result.status not in (0, 3):
                cut += 1
                result.assert_one_line(CUT, "run this again")
            store.engine.dispose()
            assert_whole(store, wholes)
        run(database, "import", work, "--source", SOURCE)
        assert_completed(store, now.fresh)
    assert cut >= 1


@pytest.mark.parametrize(
    "command", [("list",), ("set", "--heat", "3", "1"), ("status",), ("report", "review")]
)
def test_a_connection_cut_during_a_command_is_reported_in_one_line(
    request: pytest.FixtureRequest, tmp_path: Path, versions: list[Version], command: tuple[str, ...]
) -> None:
    url = request.getfixturevalue("postgresql_url")
    database = Place(request, tmp_path, "postgresql").new()
    import psycopg

    with opened(database) as store:
        import_folder(store, versions[0].root, source=SOURCE)
    name = database.rpartition("/")[2]
    with psycopg.connect(database) as blocker:
        blocker.execute("LOCK TABLE articles IN ACCESS EXCLUSIVE MODE")
        process = start(database, *command)
        with psycopg.connect(f"{url}/postgres", autocommit=True) as watcher:
            waiting = "FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
            assert wait_until(lambda: bool(watcher.execute(f"SELECT 1 {waiting}", [name]).fetchone()), 20)
            watcher.execute(f"SELECT pg_terminate_backend(pid) {waiting}", [name])
        end(process).assert_one_line(CUT, "run this again")
    with opened(database) as store, store.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(overrides)) == 0


@pytest.mark.slow
def test_a_server_that_dies_during_an_import_loses_nothing(
    request: pytest.FixtureRequest, tmp_path: Path, versions: list[Version], wholes: dict[str, set[str]]
) -> None:
    request.getfixturevalue("postgresql_url")  # skips the test without PostgreSQL
    import psycopg

    rng, cut = random.Random(SEED), 0
    with run_own_server() as server, Imports(tmp_path) as started:
        with psycopg.connect(f"{server.url}/postgres", autocommit=True) as connection:
            connection.execute("CREATE DATABASE store")
        database = f"{server.url}/store"
        with opened(database) as store:
            migrate.upgrade(store)
        for number in range(3):
            now = versions[number % 3]
            process = started.start(
                "--database", database, "import", now.root, "--source", SOURCE, "--jobs", 2
            )
            time.sleep(rng.uniform(0.1, 0.6))
            server.kill()
            result = process.wait()
            if result.status not in (0, 3):
                cut += 1
                result.assert_one_line(CUT, "run this again")
            run(database, "set", "--heat", 3, "1").assert_one_line(CUT, "run this again")
            run(database, "list").assert_one_line(CUT, "run this again")
            server.start()
            with opened(database) as store:
                assert_whole(store, wholes)
        run(database, "import", now.root, "--source", SOURCE)
        with opened(database) as store:
            assert_completed(store, now.fresh)
    assert cut >= 1


# Concurrent imports ----------------------------------------------------------------------------------


def test_a_second_import_of_a_source_is_refused_in_one_line(
    place: Place, tmp_path: Path, versions: list[Version]
) -> None:
    database = place.new()
    with opened(database) as store:
        migrate.upgrade(store)
        with store.backend.import_lock(store.engine, SOURCE):
            result = run(database, "import", versions[0].root, "--source", SOURCE)
            result.assert_one_line("another import of 'site' is running", "run this again")
        processes = [start(database, "import", versions[0].root, "--source", SOURCE) for _ in range(3)]
        ended_all = [end(process) for process in processes]
        assert any(e.status == 0 for e in ended_all)
        for result in ended_all:
            if result.status:
                result.assert_one_line("another import of 'site' is running", "run this again")
        assert_completed(store, versions[0].fresh)


@pytest.mark.slow
def test_concurrent_imports_of_two_sources_equal_imports_in_sequence(place: Place, tmp_path: Path) -> None:
    rng = random.Random(SEED)
    together, separate = place.new(), str(tmp_path / "apart.db")
    roots = {name: tmp_path / name for name in ("left", "right")}
    for name, root in roots.items():
        make_dump(root, 60)
        (tmp_path / f"{name} runner").mkdir()
    with Imports(tmp_path / "left runner") as left, Imports(tmp_path / "right runner") as right:
        for number in range(3):
            running = [
                runner.start("--database", together, "import", root, "--new-source", "--jobs", 1 + number % 2)
                for runner, root in zip((left, right), roots.values(), strict=True)
            ]
            for process in running:
                process.wait().assert_done()
            for root in roots.values():
                run(separate, "import", root, "--new-source").assert_done()
            with opened(together) as store, opened(separate) as other:
                found = [d for d in unexpected_differences(store, other) if "missing_since: " not in d]
                assert found == []
                with store.reading() as connection:
                    assert list(verify(connection)) == []
                    assert find_orphans(connection) == []
            for root in roots.values():
                change_dump(root, rng)


# An editor during imports ----------------------------------------------------------------------------


class Editor(threading.Thread):
    """A thread that edits random articles, and records the overrides by article id, since paths may move."""

    def __init__(self, database: str) -> None:
        super().__init__()
        self._store, self._chance, self._is_over = Store(database), random.Random(SEED), threading.Event()
        self.edited: dict[tuple[int, str], int] = {}
        self.waited: list[float] = []
        self.refused: list[str] = []

    def run(self) -> None:
        while not self._is_over.is_set():
            with self._store.reading() as connection:
                ids = connection.scalars(sa.select(articles.c.id).order_by(articles.c.id)).all()
            if ids:
                self._decide(self._chance.sample(ids, self._chance.choice([1, 1, 1, 40])))
            time.sleep(0.002)
        self._store.engine.dispose()

    def _decide(self, ids: list[int]) -> None:
        flag = self._chance.choice(["quality", "heat", "removed"])
        value = self._chance.randint(0, 1 if flag == "removed" else 99)
        started_at = time.monotonic()
        try:
            edit_flags(self._store, *map(str, ids), **{flag: value})
        except Exception as error:  # noqa: BLE001 - any error is recorded
            self.refused.append(str(error))
        else:
            self.edited |= {(article_id, flag): value for article_id in ids}
        self.waited.append(time.monotonic() - started_at)

    def end(self) -> None:
        self._is_over.set()
        self.join()


@pytest.mark.slow
def test_an_editor_loses_no_override_during_imports(
    place: Place, tmp_path: Path, versions: list[Version]
) -> None:
    database, work = place.new(), tmp_path / "work"
    shutil.copytree(versions[0].root, work)
    # Batches have their real size, because an editor may have to wait for one.
    with opened(database) as store, Imports(tmp_path, FILES_PER_BATCH=2_000) as started:
        migrate.upgrade(store)
        editor = Editor(database)
        editor.start()
        try:
            for number in (0, 1, 2, 1):
                make_equal(work, versions[number].root)
                result = started.start("--database", database, "import", work, "--source", SOURCE).wait()
                assert result.status in (0, 3), result.err
        finally:
            editor.end()
        print(f"{place.engine}: {len(editor.waited)} edits, longest wait {max(editor.waited):.2f} s")
        assert editor.refused == []
        assert len(editor.edited) > 20
        assert max(editor.waited) < BUSY_TIMEOUT
        assert find_lost(store, editor.edited) == []
        assert_completed(store, versions[1].fresh)


def find_lost(store: Store, edited: dict[tuple[int, str], int]) -> list[object]:
    """Return the overrides that are neither in effect nor set aside with their story."""
    with store.reading() as connection:
        kept = {
            tuple(row)
            for table in (overrides, set_aside_overrides)
            for row in connection.execute(sa.select(table.c.article_id, table.c.field, table.c.value))
        }
        assert find_wrong_flags(connection) == []
    return [override for override in ((*key, value) for key, value in edited.items()) if override not in kept]


# Files that change between the scan and the reading ---------------------------------------------------


def vanish(path: Path) -> None:
    path.unlink()


def grow(path: Path) -> None:
    path.write_text(path.read_text(encoding="utf-8-sig") + "\nMore.\n")


def become_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def become_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/passwd")


def become_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("change", "code", "jobs"),
    [
        (vanish, "unreadable", 1),
        (vanish, "unreadable", 2),
        (grow, None, 1),
        (become_fifo, "not_a_file", 1),
        (become_fifo, "not_a_file", 2),
        (become_link, "unreadable", 1),
        (become_folder, "not_a_file", 1),
    ],
)
def test_a_file_that_changes_before_it_is_read_affects_no_other(
    store: Store,
    site: Path,
    change: Callable[[Path], None],
    code: str | None,
    jobs: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("curation.importing.batches.MIN_FILES_FOR_PROCESSES", 10)
    chosen = sorted((site / "_news").glob("*.md"))[3]
    path = f"_news/{chosen.name}"
    [dump] = find_dumps([site], source=None, root=None, rev=None, known={})
    with dump.tree:
        scan = dump.tree.scan(dump.within)
        change(chosen)
        summary = import_dump(store, dump, scan, Options(actor="tester", jobs=jobs))
    assert (summary.added, summary.quarantined) == ((50, 0) if code is None else (49, 1))
    with store.reading() as connection:
        found = connection.scalars(sa.select(import_issues.c.code).where(import_issues.c.path == path)).all()
        assert found == ([] if code is None else [code])
    if chosen.is_dir():
        chosen.rmdir()
    else:
        chosen.unlink(missing_ok=True)
    chosen.write_text("---\ntitle: Fixed\n---\n")
    import_folder(store, site)
    with store.reading() as connection:
        resolved = connection.scalars(
            sa.select(import_issues.c.resolved_import_id).where(
                import_issues.c.path == path, import_issues.c.severity == "error"
            )
        ).all()
        assert None not in resolved
        assert connection.scalar(sa.select(articles.c.title).where(articles.c.path == path)) == "Fixed"
