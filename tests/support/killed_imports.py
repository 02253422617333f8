"""Tools for crash tests: imports in processes that can be killed, dumps that change, and store checks."""

from __future__ import annotations

import json
import os
import random
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from curation.flags import FLAGS
from curation.store.database import Store
from curation.store.schema import metadata

from . import postgresql_server as server
from .places import CHECKOUT, SITE
from .stores import new_database

#: Files of one transaction, files of one chunk, and files from which on processes are started. They are
#: small, so that a small dump runs through all the code that a large one does.
SMALL = {"FILES_PER_BATCH": 60, "FILES_PER_TASK": 10, "MIN_FILES_FOR_PROCESSES": 50}

#: Seconds after which a command is considered to hang.
HANG_SECONDS = 60.0

#: Seconds within which all processes of a killed import must have ended.
EXIT_SECONDS = 3.0

#: A program that reads command lines and forks a process in a session of its own for each. All modules are
#: loaded before, so that an import is killed and not the start of Python.
_RUNNER = """
import faulthandler, gc, json, os, signal, sys
from contextlib import suppress

def begin(out, err, arguments):
    os.setsid()
    for number, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY), number)
    sys.argv[1:] = arguments
    faulthandler.register(signal.SIGUSR1)
    from curation.__main__ import main
    main()

def serve(settings):
    import alembic.command, sqlalchemy.dialects.postgresql.psycopg, sqlalchemy.dialects.sqlite, psycopg
    import curation.cli
    from curation.store import migrate
    from curation.importing import batches, run, steps
    from curation.importing.reading import pipeline
    for module in [m for name, m in sys.modules.items() if name.startswith("curation.importing.")]:
        for name, value in settings.items():
            if hasattr(module, name):
                setattr(module, name, value)
    gc.freeze()  # otherwise the garbage collector visits every object when a process ends
    for line in sys.stdin:
        child = os.fork()
        if not child:
            return begin(*json.loads(line))
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)

if __name__ == "__main__":
    serve(json.loads(sys.argv[1]))
"""


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The result of a command: exit status, output and duration in seconds."""

    status: int
    out: str
    err: str
    seconds: float = 0.0

    def assert_done(self) -> None:
        assert "Traceback" not in self.err
        assert self.status == 0, self.err

    def assert_one_line(self, *patterns: str) -> None:
        """Check that the command failed with an error of one line that matches each pattern."""
        assert "Traceback" not in self.err, self.err
        lines = [line for line in self.err.splitlines() if not line.startswith("created the store ")]
        assert len(lines) == 1, self.err
        assert lines[0].startswith("Error: "), self.err
        assert self.status == 1, (self.status, self.err)
        for sign in patterns:
            assert re.search(sign, lines[0]), (sign, lines[0])
        assert "internal error" not in lines[0], lines[0]
        assert not re.search("(SQLite|PostgreSQL) error: ", lines[0]), lines[0]


class Imports:
    """A runner of commands, one after the other, each in a process that can be killed."""

    def __init__(self, folder: Path, **settings: int) -> None:
        self.folder = folder
        self._read, self._child = b"", 0
        (folder / "runner.py").write_text(_RUNNER)
        self._runner = subprocess.Popen(
            [sys.executable, str(folder / "runner.py"), json.dumps(SMALL | settings)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=CHECKOUT,
        )  # fmt: skip

    def start(self, *arguments: object) -> Import:
        out, err = self.folder / "out", self.folder / "err"
        assert self._runner.stdin is not None
        command = [str(out), str(err), [str(a) for a in arguments]]
        self._runner.stdin.write(json.dumps(command).encode() + b"\n")
        self._runner.stdin.flush()
        self._child = int(self.read())
        return Import(self, self._child)

    def run(self, *arguments: object) -> CommandResult:
        """Run a command to its end."""
        return self.start(*arguments).wait()

    def read(self) -> bytes:
        """Return the next line that the runner writes."""
        assert self._runner.stdout is not None
        while b"\n" not in self._read:
            if not select.select([self._runner.stdout], [], [], HANG_SECONDS)[0]:
                with suppress(ProcessLookupError):
                    os.kill(self._child, signal.SIGUSR1)  # prints the stacks of its threads
                    time.sleep(0.5)
                    os.killpg(self._child, signal.SIGKILL)
                raise AssertionError(f"a command hangs: {(self.folder / 'err').read_text()}")
            more = os.read(self._runner.stdout.fileno(), 4096)
            assert more, "the runner is gone"
            self._read += more
        line, _, self._read = self._read.partition(b"\n")
        return line

    def __enter__(self) -> Imports:
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.communicate()


class Import:
    """A running command."""

    def __init__(self, imports: Imports, pid: int) -> None:
        self._imports = imports
        self.pid = pid
        self._started = time.monotonic()

    def kill(self, *, group: bool, by: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal; the process may have ended already."""
        with suppress(ProcessLookupError):
            (os.killpg if group else os.kill)(self.pid, by)

    def wait(self) -> CommandResult:
        status = int(self._imports.read())
        seconds = time.monotonic() - self._started
        files = [self._imports.folder / name for name in ("out", "err")]
        out, err = (p.read_text() if p.exists() else "" for p in files)
        return CommandResult(status, out, err, seconds)

    def left_over(self) -> list[str]:
        """Return the processes of its session that still run after `EXIT_SECONDS`."""
        wait_until = time.monotonic() + EXIT_SECONDS
        while (left := list(_of_session(self.pid))) and time.monotonic() < wait_until:
            time.sleep(0.01)
        return left


def _of_session(session: int) -> Iterator[str]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == session and fields[0] not in "ZX":
                yield f"{folder.name} {(folder / 'cmdline').read_text()}"
        except OSError:
            continue


def workers_of(session: int) -> list[int]:
    """Return the processes of a session that read files, which are children of its fork server."""
    found = [line.partition(" ") for line in _of_session(session)]
    servers = [int(pid) for pid, _, command in found if "forkserver" in command]
    return [pid for pid in servers if _parent_of(pid) in servers]


def _parent_of(pid: int) -> int | None:
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return None


#: The runner that `run` uses without further options.
_SHARED: list[Imports] = []


@contextmanager
def shared_runner(folder: Path) -> Iterator[None]:
    """Let `run` fork processes from one that has loaded all modules."""
    with Imports(folder, MIN_FILES_FOR_PROCESSES=1_000) as shared:
        _SHARED.append(shared)
        yield
        _SHARED.pop()


def run(database: str, *arguments: object, **options: Any) -> CommandResult:
    """Run the command to its end."""
    if _SHARED and not options:
        return _SHARED[-1].run("--database", database, *arguments)
    return end(start(database, *arguments, **options))


def start(database: str, *arguments: object, **options: Any) -> subprocess.Popen[str]:
    """Start the command."""
    return subprocess.Popen(
        [sys.executable, "-m", "curation", "--database", database, *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=CHECKOUT, **options,
    )  # fmt: skip


def end(process: subprocess.Popen[str], timeout: float = 120.0) -> CommandResult:
    out, err = process.communicate(timeout=timeout)
    return CommandResult(process.returncode, out, err)


# Dumps -----------------------------------------------------------------------------------------------


def make_dump(root: Path, copies: int, *, label: str = "copy") -> None:
    """Copy the sample site and multiply its news. The copies share some images and providers."""
    shutil.copytree(SITE, root)
    news = [file.read_text(encoding="utf-8-sig") for file in sorted((SITE / "_news").glob("*.md"))]
    for i in range(copies):
        text = news[i % len(news)].replace("https://", f"https://{label}{i // 2}.")
        (root / "_news" / f"2024-01-01-{label}-{i}.md").write_text(text)


def change_dump(root: Path, rng: random.Random) -> None:
    """Change flags, texts and taxonomy of a dump at random, add files and delete some."""
    paths = sorted((root / "_news").glob("*.md"))
    for path in rng.sample(paths, len(paths) // 2):
        text = path.read_text(encoding="utf-8-sig")
        what = rng.random()
        if what < 0.5:
            text = re.sub(r"(?m)^(heat|quality): .*$", lambda m: f"{m[1]}: {rng.randint(-50, 90)}", text)
        elif what < 0.8:
            text = (
                text.replace("https://", f"https://m{rng.randint(0, 20)}.", rng.randint(1, 5)) + "\nMore.\n"
            )
        elif what < 0.9:
            path.unlink()
            continue
        else:
            path.with_name(f"2024-02-02-new-{rng.randint(0, 10**9)}.md").write_text(text)
        path.write_text(text)
    for path in sorted((root / "_data" / "organizations").glob("*.md")):
        if rng.random() < 0.5:
            path.write_text(path.read_text() + f"\nSince {rng.randint(1900, 2000)}.\n")


def make_equal(root: Path, wanted: Path) -> None:
    """Make a folder equal to another one, writing only the files that differ.

    The other folder must never change, because its contents are cached.
    """
    now, expected = _contents(root), _known_contents(wanted)
    for name in now.keys() - expected.keys():
        (root / name).unlink()
    for name, content in expected.items():
        if now.get(name) != content:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(content)


def _contents(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


_known_contents = cache(_contents)


# Whole documents -------------------------------------------------------------------------------------

#: The rows of an article that come from its document, without ids, resolved links and overrides.
_PARTS = """
SELECT a.path, 'topic', p.position, t.name, NULL FROM article_topics p
  JOIN articles a ON a.id = p.article_id JOIN topics t ON t.id = p.topic_id
UNION ALL SELECT a.path, 'image', p.position, i.url, NULL FROM article_images p
  JOIN articles a ON a.id = p.article_id JOIN images i ON i.id = p.image_id
UNION ALL SELECT a.path, 'author', p.position, p.name, NULL FROM article_authors p
  JOIN articles a ON a.id = p.article_id
UNION ALL SELECT a.path, 'item', p.position, p.item_path, p.item_stem FROM collection_items p
  JOIN articles a ON a.id = p.article_id
UNION ALL SELECT a.path, 'link', p.position, p.title, p.web_url FROM related_links p
  JOIN articles a ON a.id = p.article_id
UNION ALL SELECT a.path, 'link excerpt', p.position, p.excerpt, r.name FROM related_links p
  JOIN articles a ON a.id = p.article_id LEFT JOIN providers r ON r.id = p.provider_id
UNION ALL SELECT a.path, 'link image', l.position * 1000 + p.position, i.url, NULL FROM related_link_images p
  JOIN related_links l ON l.id = p.related_link_id JOIN articles a ON a.id = l.article_id
  JOIN images i ON i.id = p.image_id
UNION ALL SELECT a.path, 'provider', 0, r.name, r.domain FROM articles a JOIN providers r ON r.id = a.provider_id
"""

_NOT_STATED = {"id", "source_id", "provider_id", "first_import_id", "last_import_id", "missing_since", *FLAGS}

Whole = str


def read_articles(connection: sa.Connection) -> dict[str, Whole]:
    """Return for each path everything in the tables that comes from the article's document."""
    table, documents = metadata.tables["articles"], metadata.tables["documents"]
    columns = [column for column in table.c if column.name not in _NOT_STATED]
    query = sa.select(*columns, documents.c.content, documents.c.digest).outerjoin(
        documents, documents.c.article_id == table.c.id
    )
    path_at = [column.name for column in columns].index("path")
    values: dict[str, list[Any]] = {
        row[path_at]: [tuple(bytes(v) if isinstance(v, memoryview) else v for v in row)]
        for row in connection.execute(query)
    }
    for path, *part in sorted(map(tuple, connection.execute(sa.text(_PARTS))), key=repr):
        values[path].append(tuple(part))
    return {path: repr(rows) for path, rows in values.items()}


def assert_whole(store: Store, wholes: dict[str, set[Whole]]) -> dict[str, Whole]:
    """Check articles and imports of a store, and return the articles.

    Each article must equal one version of its document, its flags must follow from overrides and upstream
    values, and no import may count rows that do not exist.
    """
    with store.reading() as connection:
        articles = read_articles(connection)
        for path, whole in articles.items():
            assert whole in wholes.get(path, set()), f"{path} is not whole: {whole}"
        assert find_wrong_flags(connection) == []
        assert find_wrong_counts(connection) == []
        assert find_orphans(connection) == []
    return articles


def find_wrong_flags(connection: sa.Connection) -> list[Any]:
    """Return the articles whose flags do not follow from overrides and upstream values."""
    overridden: dict[int, dict[str, int]] = {}
    for key, flag, value in connection.execute(sa.text("SELECT article_id, field, value FROM overrides")):
        overridden.setdefault(key, {})[flag] = value
    wrong: list[Any] = []
    table = metadata.tables["articles"].c
    query = sa.select(
        table.id, table.path, *(table[f] for f in FLAGS), *(table[f"upstream_{f}"] for f in FLAGS)
    )
    for key, path, *values in connection.execute(query):
        stated = dict(zip(FLAGS, values[4:], strict=True)) | overridden.get(key, {})
        removed = bool(stated["removed"])
        published = (stated["published"] is None or bool(stated["published"])) and not removed
        expected = [stated["quality"], stated["heat"], published, removed]
        if values[:4] != expected:
            wrong.append((path, values[:4], expected))
    return wrong


def find_wrong_counts(connection: sa.Connection) -> list[Any]:
    """Return the imports whose counts do not match the rows; a killed import must count nothing."""
    query = """
    SELECT i.id, i.status, i.added, i.updated + i.moved, i.unchanged, i.missing,
      (SELECT count(*) FROM articles a WHERE a.first_import_id = i.id),
      (SELECT count(*) FROM articles a WHERE a.last_import_id = i.id AND a.first_import_id <> i.id),
      (SELECT count(*) FROM articles),
      (SELECT max(id) FROM imports)
    FROM imports i"""
    wrong = []
    for row in connection.execute(sa.text(query)):
        key, status, added, updated, unchanged, missing, first, last, total, newest = row
        counts = (added, updated, unchanged, missing)
        is_zero = not any(counts)
        ok = is_zero if status == "running" else (added == first or (status == "failed" and is_zero))
        if key == newest and status != "running" and not is_zero:
            ok = ok and updated + missing == last and added + updated + unchanged <= total
        if status not in ("running", "failed", "succeeded", "partial") or not ok:
            wrong.append(tuple(row))
    return wrong


def find_orphans(connection: sa.Connection) -> list[Any]:
    """Return the numbers of shared rows that nothing refers to, and rows that refer to missing rows."""
    found = []
    for table, uses in {
        "images": ("article_images.image_id", "related_link_images.image_id", "provider_images.image_id"),
        "providers": ("articles.provider_id", "related_links.provider_id", "taxonomy_documents.provider_id"),
        "topics": ("article_topics.topic_id", "taxonomy_documents.topic_id", "topics.parent_id"),
    }.items():
        used = " UNION ".join(
            f"SELECT {use.split('.')[1]} FROM {use.split('.')[0]} WHERE {use.split('.')[1]} IS NOT NULL"
            for use in uses
        )
        query = f"SELECT count(*) FROM {table} WHERE id NOT IN ({used})"
        count = connection.scalar(sa.text(query))
        if count:
            found.append((table, count))
    if connection.dialect.name == "sqlite":
        found += connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    return found


# A PostgreSQL server for one test --------------------------------------------------------------------


class OwnServer:
    """A server that can be killed and started again; commits are on disk when they are reported."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._programs = server._programs(folder)
        self._data = folder / "data"
        self._data.mkdir()
        if server._is_root():
            folder.chmod(0o711)
            shutil.chown(self._data, "nobody")
        options = ["--no-locale", "--encoding=UTF8", "--auth=trust", "--username=curation", "--no-sync"]
        server._run([self._programs / "initdb", "-D", self._data, *options])
        self._port = server._free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgresql://curation@127.0.0.1:{self._port}"

    def start(self) -> None:
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        arguments = [str(self._programs / "postgres"), "-D", str(self._data)]
        for setting in (
            f"port={self._port}",
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "fsync=off",
        ):
            arguments += ["-c", setting]
        log = self._folder / "server.log"
        with log.open("ab") as stream:
            self._process = subprocess.Popen(
                arguments, stdout=stream, stderr=stream, start_new_session=True,
                preexec_fn=server._die_with_parent, **server._as_nobody(),
            )  # fmt: skip
        server._wait(self._process, self._port, log)

    def kill(self) -> None:
        """Kill all processes at once, as if the machine lost power."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        for pid in [line.split()[0] for line in _of_data(self._data)]:
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        self._process.wait()
        wait_until = time.monotonic() + 5
        while list(_of_data(self._data)) and time.monotonic() < wait_until:
            time.sleep(0.02)

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(timeout=server.DEADLINE)


def _of_data(data: Path) -> Iterator[str]:
    """Yield the ids of the server's processes of a data folder; each backend has its own session."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "cwd").readlink() == data:
                yield folder.name
        except OSError:
            continue


@contextmanager
def run_own_server() -> Iterator[OwnServer]:
    with tempfile.TemporaryDirectory(prefix="curation-postgresql-") as folder:
        own = OwnServer(Path(folder).resolve())
        own.start()
        try:
            yield own
        finally:
            own.stop()


def wait_until(condition: Callable[[], object], seconds: float = 10.0) -> bool:
    """Wait until a condition is true, and return whether it became true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return bool(condition())


def first_lines(lines: Sequence[str]) -> str:
    """Return the first ten of many lines."""
    return "\n".join(lines[:10])


class Place:
    """A factory of stores on one engine."""

    def __init__(self, request: pytest.FixtureRequest, folder: Path, engine: str) -> None:
        self.engine, self._request, self._folder, self._count = engine, request, folder, 0

    def limit_kills(self, kills: int) -> int:
        """Return how often to kill on this engine: on PostgreSQL a tenth, or 10 times if that is more."""
        return kills if self.engine == "sqlite" else min(kills, max(kills // 10, 10))

    def new(self) -> str:
        """Return the address of an empty store; on SQLite the first import creates it."""
        self._count += 1
        if self.engine == "sqlite":
            for path in self._folder.glob("store-*"):
                path.unlink()
            return str(self._folder / f"store-{self._count}.db")
        url, template = map(self._request.getfixturevalue, ("postgresql_url", "postgresql_template"))
        return new_database(url, f" TEMPLATE {template}")


@contextmanager
def opened(database: str) -> Iterator[Store]:
    store = Store(database)
    try:
        yield store
    finally:
        store.engine.dispose()
