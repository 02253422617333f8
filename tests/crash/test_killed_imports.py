"""Whatever happens to an import, the store holds whole documents, and the next import completes it.

`CURATION_KILLS` is how often an import is killed: 30 times on SQLite and 10 on PostgreSQL, unless it says
otherwise (`CURATION_KILLS=1000`, for PostgreSQL a tenth of it).
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

from ..support.cases import few_or_many
from ..support.importing_helpers import import_folder
from ..support.killed_imports import (
    SOON,
    Import,
    Imports,
    Place,
    articles_of,
    assert_whole,
    become,
    change_dump,
    end,
    make_dump,
    miscounted,
    opened,
    own_server,
    run,
    sharing,
    start,
    strays,
    until,
    workers_of,
    wrong_flags,
)
from ..support.store_comparison import differences

KILLS = int(os.environ.get("CURATION_KILLS", "30"))
SEED = int(os.environ.get("CURATION_SEED", "3"))
SOURCE = "site"


@dataclass(frozen=True)
class Version:
    """A dump as it was on one day, and a store that has seen nothing else."""

    root: Path
    fresh: Store


@pytest.fixture(scope="module", autouse=True)
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with sharing(tmp_path_factory.mktemp("shared")):
        yield


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Version]]:
    """Three days of a dump; on the last one a file is broken."""
    folder, chance = tmp_path_factory.mktemp("versions"), random.Random(SEED)
    made: list[Version] = []
    for day in range(3):
        root = folder / f"day-{day}"
        if day == 0:
            make_dump(root, 200)
        else:
            shutil.copytree(made[-1].root, root)
            change_dump(root, chance)
        if day == 2:
            sorted((root / "_news").glob("*.md"))[40].write_text("---\nquality: [1\n---\n")
        fresh = Store(str(folder / f"day-{day}.db"))
        migrate.upgrade(fresh)
        import_folder(fresh, root, source=SOURCE)
        made.append(Version(root, fresh))
    yield made
    for version in made:
        version.fresh.engine.dispose()


@pytest.fixture(scope="module")
def wholes(versions: list[Version]) -> dict[str, set[str]]:
    """By path, all that any version of a document says."""
    found: dict[str, set[str]] = {}
    for version in versions:
        with version.fresh.reading() as connection:
            for path, whole in articles_of(connection).items():
                found.setdefault(path, set()).add(whole)
    return found


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return Place(request, tmp_path, request.param)


def url_of(store: Store) -> str:
    return store.backend.url.render_as_string(hide_password=False)


def is_free(store: Store, source: str = SOURCE) -> bool:
    """Whether an import of the source could begin."""
    try:
        with store.backend.import_lock(store.engine, source):
            return True
    except ImportFailed:
        return False


def unlike(store: Store, fresh: Store) -> list[str]:
    """In what a store differs from one that has seen the same elsewhere, but for where it lay."""
    found = differences(store, fresh)
    return [
        d for d in found if not d.startswith("sources:") and not (d.startswith("files:") and "): stamp:" in d)
    ][:5]


def assert_completed(store: Store, fresh: Store) -> None:
    """That a store is as one that has seen nothing else, and sound."""
    assert unlike(store, fresh) == []
    with store.reading() as connection:
        assert list(verify(connection)) == []
        assert miscounted(connection) == []
        assert strays(connection) == []
        assert "running" not in set(connection.scalars(sa.select(imports.c.status)))


def status_of_last(store: Store) -> str | None:
    with store.reading() as connection:
        status: str | None = connection.scalar(
            sa.select(imports.c.status).order_by(imports.c.id.desc()).limit(1)
        )
        return status


def decide(store: Store, *paths: str, **flags: int) -> None:
    with store.writing() as connection:
        set_flags(connection, Selection(paths), flags, actor="ann", reason=None)


# Killed ----------------------------------------------------------------------------------------------


class Murder:
    """Imports of a changing dump, killed again and again at random moments."""

    def __init__(
        self, imports: Imports, place: Place, versions: list[Version], wholes: dict[str, set[str]]
    ) -> None:
        self.chance = random.Random(SEED)
        self.imports, self.place, self.versions, self.wholes = imports, place, versions, wholes
        self.work = imports.folder / "work"
        self.phases: Counter[str] = Counter()
        #: How long an import takes that nobody kills, as far as is known; of the machine as it now is.
        self.seconds = {(kind, jobs): 1.0 for kind in ("first", "again") for jobs in (1, 2)}
        self.now = versions[0]
        shutil.copytree(self.now.root, self.work)

    def begin_anew(self) -> None:
        self.database, self.kind, self.last = self.place.new(), "first", 0

    def change(self) -> None:
        self.now = self.chance.choice([version for version in self.versions if version is not self.now])
        become(self.work, self.now.root)

    def start(self, *, jobs: int) -> Import:
        return self.imports.start(
            "--database", self.database, "import", self.work, "--source", SOURCE, "--jobs", jobs
        )

    def measure(self) -> None:
        for jobs in (1, 2):
            self.begin_anew()
            for kind in ("first", "again"):
                self.seconds[kind, jobs] = self.start(jobs=jobs).wait().seconds
                self.change()

    def kill(self, times: int) -> None:
        self.begin_anew()
        for number in range(times):
            if self.chance.random() < 0.4:
                self.begin_anew()
            if self.chance.random() < 0.6:
                self.change()
            self.kill_one(self.kind, self.chance.choice([1, 2]))
            if number % 10 == 9 or number == times - 1:
                self.complete()

    def kill_one(self, kind: str, jobs: int) -> None:
        process = self.start(jobs=jobs)
        wait = self.chance.uniform(0, self.seconds[kind, jobs])
        time.sleep(wait)
        process.kill(group=self.chance.random() < 0.5)
        ended = process.wait()
        assert process.left_over() == []
        assert "Traceback" not in ended.err
        factor = 1.05 if ended.status == -signal.SIGKILL else 0.9
        self.seconds[kind, jobs] *= factor
        self.phases[f"{kind}, {self.check()}"] += 1

    def check(self) -> str:
        """That what was cut off left whole documents only; returns how far it had come."""
        with opened(self.database) as store:
            if not store.backend.store_exists():
                return "no store"
            store.check()
            assert until(lambda: is_free(store), SOON)
            with store.reading() as connection:
                mine = (
                    sa.select(sa.func.count())
                    .where(articles.c.last_import_id == imports.c.id)
                    .scalar_subquery()
                )
                last = connection.execute(
                    sa.select(imports.c.id, imports.c.status, mine).order_by(imports.c.id.desc()).limit(1)
                ).first()
            whole = assert_whole(store, self.wholes)
            self.kind = "again" if whole else self.kind
            if last is None or last.id == self.last:
                return "not begun"
            self.last = last.id
            if last.status != "running":
                return str(last.status)
            with self.now.fresh.reading() as connection:
                due = articles_of(connection)
            is_all = all(whole.get(path) == said for path, said in due.items())
            return f"{'all' if is_all else 'some' if last[2] else 'no'} batches"

    def complete(self) -> None:
        """Runs the import to its end, and compares with a store that knows nothing else."""
        if self.chance.random() < 0.7 and self.kind == "again":
            self.decide()
        ended = self.start(jobs=2).wait()
        assert ended.status in (0, 3), ended.err
        assert "Traceback" not in ended.err
        with opened(self.database) as store:
            assert_whole(store, self.wholes)
            assert_completed(store, self.now.fresh)
            with store.reading() as connection:
                self.last = connection.scalar(sa.select(sa.func.max(imports.c.id)))
        self.kind = "again"

    def decide(self) -> None:
        with opened(self.database) as store:
            with store.reading() as connection:
                paths = connection.scalars(sa.select(articles.c.path).order_by(articles.c.path)).all()
            decide(store, *self.chance.sample(paths, 3), heat=self.chance.randint(0, 99), removed=1)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are looked for in /proc")
@few_or_many("kills", 3, KILLS)
def test_an_import_killed_at_any_moment_leaves_whole_documents(
    place: Place, tmp_path: Path, versions: list[Version], wholes: dict[str, set[str]], kills: int
) -> None:
    kills = kills if place.engine == "sqlite" else min(kills, max(kills // 10, 10))
    with Imports(tmp_path) as started:
        murder = Murder(started, place, versions, wholes)
        murder.measure()
        murder.kill(kills)
    print(f"{place.engine}: {kills} kills: {dict(sorted(murder.phases.items()))}")
    assert sum(n for phase, n in murder.phases.items() if "batches" in phase) >= kills // 10


@pytest.mark.long
def test_a_reading_process_that_dies_is_replaced(
    place: Place, tmp_path: Path, versions: list[Version]
) -> None:
    """As where memory runs out; most of their time they are writing an answer."""
    chance, died = random.Random(SEED), 0
    root = versions[0].root
    with Imports(tmp_path, CHUNK=50) as started:
        for _ in range(5 if place.engine == "sqlite" else 2):
            database = place.new()
            process = started.start("--database", database, "import", root, "--source", SOURCE, "--jobs", 2)
            if until(partial(workers_of, process.pid), 5):
                time.sleep(chance.uniform(0, 0.1))
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


@few_or_many("rounds", 2, 8)
def test_ctrl_c_ends_an_import_soon_and_with_a_line(
    place: Place, tmp_path: Path, versions: list[Version], wholes: dict[str, set[str]], rounds: int
) -> None:
    chance = random.Random(SEED)
    shutil.copytree(versions[0].root, tmp_path / "work")
    slowest, told = 0.0, 0
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
                assert until(partial(has_begun, store), 20)
                time.sleep(chance.uniform(0, whole / 3))
                began = time.monotonic()
                process.kill(group=True, by=signal.SIGINT)
                ended = process.wait()
                slowest = max(slowest, time.monotonic() - began)
                assert process.left_over() == []
                assert "Traceback" not in ended.err, ended.err
                assert_whole(store, wholes)
                if ended.status == 1:
                    told += 1
                    ended.assert_one_line("interrupted", "Run the command again")
                    # `running` where it came while the import began: the next one says that it failed.
                    assert status_of_last(store) in ("running", "failed", "succeeded")
                else:
                    # What came while Python ended, the import being done, ends it as signals do.
                    assert ended.status in (0, -signal.SIGINT)
                    assert status_of_last(store) == "succeeded"
                if number == rounds - 1:
                    run(database, "import", tmp_path / "work", "--source", SOURCE).assert_done()
                    assert_completed(store, versions[0].fresh)
    assert told >= rounds // 4
    assert slowest < 10


def has_begun(store: Store) -> bool:
    """Whether an import's row is there."""
    if not store.backend.store_exists() or store.revision() is None:
        return False
    return status_of_last(store) is not None


# No room, no right to write --------------------------------------------------------------------------


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Mounts a file system in memory, or mounts it again otherwise: `disk("size=1m")`, `disk("ro")`."""
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
    "kilobytes", [pytest.param(n, marks=pytest.mark.long) for n in (16, 300, 1600)] + [1000]
)
def test_a_full_disk_is_told_in_a_line_and_loses_nothing(
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


@pytest.mark.long
def test_a_disk_that_fills_up_under_a_known_store_loses_nothing(
    disk: Callable[..., Path], versions: list[Version], wholes: dict[str, set[str]]
) -> None:
    folder = disk("size=100m")
    database = str(folder / "store.db")
    run(database, "import", versions[0].root, "--source", SOURCE).assert_done()
    with opened(database) as store:
        with store.reading() as connection:
            paths = connection.scalars(sa.select(articles.c.path).order_by(articles.c.path).limit(5)).all()
        decide(store, *paths, quality=1)
    (folder / "ballast").write_bytes(b"x")
    free = os.statvfs(folder)
    with (folder / "ballast").open("wb") as stream:
        stream.write(b"x" * (free.f_bavail * free.f_frsize - 200_000))
    ended = run(database, "import", versions[1].root, "--source", SOURCE, "--full")
    ended.assert_one_line("disk", "run this again")
    with opened(database) as store:
        assert_whole(store, wholes)
        run(database, "list", "--limit", 3).assert_done()
        (folder / "ballast").unlink()
        run(database, "import", versions[1].root, "--source", SOURCE).assert_done()
        assert_completed(store, versions[1].fresh)
        with store.reading() as connection:
            assert connection.scalar(sa.select(sa.func.count()).select_from(overrides)) == 5


@pytest.mark.parametrize("kilobytes", [40, 1200])
def test_a_file_that_may_not_grow_is_told_in_a_line(
    tmp_path: Path, versions: list[Version], wholes: dict[str, set[str]], kilobytes: int
) -> None:
    """As where a quota ends; for those who may not mount."""
    database = str(tmp_path / "store.db")
    command = ("import", versions[0].root, "--source", SOURCE)
    limits = (kilobytes * 1024, kilobytes * 1024)
    ended = run(database, *command, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limits))
    ended.assert_one_line("disk", "run this again")
    with opened(database) as store:
        if store.backend.store_exists():
            assert_whole(store, wholes)
        run(database, *command).assert_done()
        assert_completed(store, versions[0].fresh)


@pytest.mark.parametrize("suffix", ["tar.gz", "zip"])
def test_a_full_temporary_folder_is_told_in_a_line(
    disk: Callable[..., Path], tmp_path: Path, versions: list[Version], suffix: str
) -> None:
    formats = {"tar.gz": "gztar", "zip": "zip"}
    archive = shutil.make_archive(str(tmp_path / "dump"), formats[suffix], versions[0].root)
    environment = os.environ | {"TMPDIR": str(disk("size=300k"))}
    database = str(tmp_path / "store.db")
    ended = run(database, "import", archive, "--source", SOURCE, env=environment)
    ended.assert_one_line("No space left", "TMPDIR")
    run(database, "import", archive, "--source", SOURCE).assert_done()


READ_ONLY = "read-only|cannot be opened|cannot be created"


def test_a_read_only_file_system_is_told_in_a_line(
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
def test_a_read_only_store_is_told_in_a_line(tmp_path: Path, versions: list[Version], what: str) -> None:
    """By an attribute that binds root too."""
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
            if what != "folder in use":  # where -wal and -shm are there, a decision needs no new file
                run(database, "set", "--heat", 3, "1").assert_one_line(READ_ONLY)
        finally:
            subprocess.run(["chattr", "-i", str(target)], check=True)
    run(database, "import", versions[1].root, "--source", SOURCE).assert_done()


@contextmanager
def held_open(is_open: bool, store: Store) -> Iterator[None]:
    """Has the store open meanwhile, if wanted."""
    if not is_open:
        yield
        return
    with store.reading() as connection:
        connection.scalar(sa.select(sa.func.count()).select_from(articles))
        yield


# Cut connections -------------------------------------------------------------------------------------

CUT = r"no connection to postgresql://\S+, or it was lost"


def terminate(url: str, database: str) -> int:
    """Ends all connections to a database; returns how many there were."""
    import psycopg

    name = database.rpartition("/")[2]
    with psycopg.connect(f"{url}/postgres", autocommit=True) as connection:
        rows = connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )
        return len(rows.fetchall())


@pytest.mark.long
def test_a_connection_cut_in_the_midst_of_an_import_loses_nothing(
    request: pytest.FixtureRequest, tmp_path: Path, versions: list[Version], wholes: dict[str, set[str]]
) -> None:
    place, chance = Place(request, tmp_path, "postgresql"), random.Random(SEED)
    url = request.getfixturevalue("postgresql_url")
    database, cut = place.new(), 0
    work = tmp_path / "work"
    shutil.copytree(versions[0].root, work)
    with Imports(tmp_path) as started, opened(database) as store:
        for number in range(6):
            now = versions[number % 3]
            become(work, now.root)
            process = started.start("--database", database, "import", work, "--source", SOURCE, "--jobs", 1)
            time.sleep(chance.uniform(0.05, 0.5))
            terminate(url, database)
            ended = process.wait()
            if ended.status not in (0, 3):
                cut += 1
                ended.assert_one_line(CUT, "run this again")
            store.engine.dispose()
            assert_whole(store, wholes)
        run(database, "import", work, "--source", SOURCE)
        assert_completed(store, now.fresh)
    assert cut >= 1


@pytest.mark.parametrize(
    "command", [("list",), ("set", "--heat", "3", "1"), ("status",), ("report", "review")]
)
def test_a_connection_cut_in_the_midst_of_a_command_is_told_in_a_line(
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
            assert until(lambda: bool(watcher.execute(f"SELECT 1 {waiting}", [name]).fetchone()), 20)
            watcher.execute(f"SELECT pg_terminate_backend(pid) {waiting}", [name])
        end(process).assert_one_line(CUT, "run this again")
    with opened(database) as store, store.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(overrides)) == 0


@pytest.mark.long
def test_a_server_that_dies_in_the_midst_of_an_import_loses_nothing(
    request: pytest.FixtureRequest, tmp_path: Path, versions: list[Version], wholes: dict[str, set[str]]
) -> None:
    request.getfixturevalue("postgresql_url")  # skips where there is none
    import psycopg

    chance, cut = random.Random(SEED), 0
    with own_server() as server, Imports(tmp_path) as started:
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
            time.sleep(chance.uniform(0.1, 0.6))
            server.kill()
            ended = process.wait()
            if ended.status not in (0, 3):
                cut += 1
                ended.assert_one_line(CUT, "run this again")
            run(database, "set", "--heat", 3, "1").assert_one_line(CUT, "run this again")
            run(database, "list").assert_one_line(CUT, "run this again")
            server.start()
            with opened(database) as store:
                assert_whole(store, wholes)
        run(database, "import", now.root, "--source", SOURCE)
        with opened(database) as store:
            assert_completed(store, now.fresh)
    assert cut >= 1


# Several at once -------------------------------------------------------------------------------------


def test_a_second_import_of_a_source_is_refused_with_a_line(
    place: Place, tmp_path: Path, versions: list[Version]
) -> None:
    database = place.new()
    with opened(database) as store:
        migrate.upgrade(store)
        with store.backend.import_lock(store.engine, SOURCE):
            ended = run(database, "import", versions[0].root, "--source", SOURCE)
            ended.assert_one_line("another import of 'site' is running", "run this again")
        processes = [start(database, "import", versions[0].root, "--source", SOURCE) for _ in range(3)]
        ended_all = [end(process) for process in processes]
        assert any(e.status == 0 for e in ended_all)
        for ended in ended_all:
            if ended.status:
                ended.assert_one_line("another import of 'site' is running", "run this again")
        assert_completed(store, versions[0].fresh)


@pytest.mark.long
def test_imports_of_two_sources_at_once_give_what_one_after_the_other_gives(
    place: Place, tmp_path: Path
) -> None:
    chance = random.Random(SEED)
    together, apart = place.new(), str(tmp_path / "apart.db")
    roots = {name: tmp_path / name for name in ("left", "right")}
    for name, root in roots.items():
        make_dump(root, 60)
        (tmp_path / f"{name} runner").mkdir()
    with Imports(tmp_path / "left runner") as left, Imports(tmp_path / "right runner") as right:
        for number in range(3):
            under_way = [
                runner.start("--database", together, "import", root, "--new-source", "--jobs", 1 + number % 2)
                for runner, root in zip((left, right), roots.values(), strict=True)
            ]
            for process in under_way:
                process.wait().assert_done()
            for root in roots.values():
                run(apart, "import", root, "--new-source").assert_done()
            with opened(together) as store, opened(apart) as other:
                found = [d for d in unlike(store, other) if "missing_since: " not in d]
                assert found == []
                with store.reading() as connection:
                    assert list(verify(connection)) == []
                    assert strays(connection) == []
            for root in roots.values():
                change_dump(root, chance)


# An editor at work -----------------------------------------------------------------------------------


class Editor(threading.Thread):
    """Decides on random articles all the time, and keeps what was decided, by id: paths change hands."""

    def __init__(self, database: str) -> None:
        super().__init__()
        self._store, self._chance, self._is_over = Store(database), random.Random(SEED), threading.Event()
        self.decided: dict[tuple[int, str], int] = {}
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
        began = time.monotonic()
        try:
            decide(self._store, *map(str, ids), **{flag: value})
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told
            self.refused.append(str(error))
        else:
            self.decided |= {(article_id, flag): value for article_id in ids}
        self.waited.append(time.monotonic() - began)

    def end(self) -> None:
        self._is_over.set()
        self.join()


@pytest.mark.long
def test_an_editor_at_work_during_imports_loses_no_decision(
    place: Place, tmp_path: Path, versions: list[Version]
) -> None:
    database, work = place.new(), tmp_path / "work"
    shutil.copytree(versions[0].root, work)
    # In batches as large as they are in life: that is how long an editor may have to wait.
    with opened(database) as store, Imports(tmp_path, BATCH=2_000) as started:
        migrate.upgrade(store)
        editor = Editor(database)
        editor.start()
        try:
            for number in (0, 1, 2, 1):
                become(work, versions[number].root)
                ended = started.start("--database", database, "import", work, "--source", SOURCE).wait()
                assert ended.status in (0, 3), ended.err
        finally:
            editor.end()
        print(f"{place.engine}: {len(editor.waited)} decisions, longest wait {max(editor.waited):.2f} s")
        assert editor.refused == []
        assert len(editor.decided) > 20
        assert max(editor.waited) < BUSY_TIMEOUT
        assert lost(store, editor.decided) == []
        assert_completed(store, versions[1].fresh)


def lost(store: Store, decided: dict[tuple[int, str], int]) -> list[object]:
    """The decisions that neither stand nor are set aside with their story."""
    with store.reading() as connection:
        kept = {
            tuple(row)
            for table in (overrides, set_aside_overrides)
            for row in connection.execute(sa.select(table.c.article_id, table.c.field, table.c.value))
        }
        assert wrong_flags(connection) == []
    return [
        decision for decision in ((*key, value) for key, value in decided.items()) if decision not in kept
    ]


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
def test_a_file_that_changes_before_it_is_read_keeps_no_other_out(
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
    chosen.write_text("---\ntitle: Mended\n---\n")
    import_folder(store, site)
    with store.reading() as connection:
        resolved = connection.scalars(
            sa.select(import_issues.c.resolved_import_id).where(
                import_issues.c.path == path, import_issues.c.severity == "error"
            )
        ).all()
        assert None not in resolved
        assert connection.scalar(sa.select(articles.c.title).where(articles.c.path == path)) == "Mended"
