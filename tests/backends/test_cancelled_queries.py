"""A cancelled query also ends in the engine. Each test runs the command in a separate process."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from curation.store import migrate
from curation.store.database import Store

from ..support.killed_imports import wait_until
from ..support.places import CHECKOUT

ROOT = CHECKOUT
INTERRUPTED = "Error: interrupted: the store is consistent. Run the command again to continue\n"

#: Queries that run until they are cancelled: one without rows, and one that returns rows all the time.
ENDLESS = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t"
ROWS = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT n FROM t"

#: SQLite cannot interrupt this: it compares 4 MB with 8 MB, byte by byte.
UNINTERRUPTIBLE = (
    "WITH a(s) AS (SELECT replace(printf('%8000000d', 1), ' ', 'a'))"
    " SELECT instr(s, substr(s, 1, 4000000) || 'b') FROM a"
)


@pytest.fixture
def filled(imported: Store) -> Store:
    return imported


class RunningQuery:
    """A process of `curation sql`, whose query has a unique marker; its output is piped to `reader`."""

    def __init__(self, store: Store, sql: str, *more: str, reader: str = "") -> None:
        self.store, self.marker = store, uuid.uuid4().hex
        database = store.backend.url.render_as_string(hide_password=False)
        query = f"{sql} -- {self.marker}"
        command = [sys.executable, "-m", "curation", "--database", database, "sql", query, *more]
        piped = ["bash", "-c", f'"$@" | {reader}; exit ${{PIPESTATUS[0]}}', "bash", *command]
        # Without a buffer, the line of column names would already fail if the reader has exited.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
        self.process = subprocess.Popen(
            piped if reader else command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
            env=environment,
        )  # fmt: skip

    def is_running(self) -> bool:
        """Return whether the engine runs the query; on SQLite, whether the process has used CPU time."""
        if self.store.backend.name == "sqlite":
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
            return int(fields[11]) > 100  # hundredths of a second
        return self.is_known("AND state = 'active'")

    def is_known(self, more: str = "") -> bool:
        if self.store.backend.name == "sqlite":
            return self.process.poll() is None
        url = self.store.backend.url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(url, autocommit=True) as connection:
            found = connection.execute(
                "SELECT 1 FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
                f" AND (query LIKE %s OR query LIKE 'FETCH%%') {more}",
                [f"%{self.marker}%"],
            ).fetchone()
        return found is not None

    def child(self) -> int | None:
        """Return the process id of the command, if its output is piped to a reader."""
        found = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for pid in found:
            with suppress(OSError):
                if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(sys.executable.encode()):
                    return int(pid)
        return None

    def ended(self) -> tuple[int, str]:
        """Return the exit status and stderr, and assert that the engine ends the query within a second."""
        _, stderr = self.process.communicate(timeout=30)
        assert wait_until(lambda: not self.is_known(), 1.0)
        return self.process.returncode, re.sub("^warning: .*\n", "", stderr)


@contextmanager
def started_query(store: Store, sql: str, *more: str, reader: str = "") -> Iterator[RunningQuery]:
    made = RunningQuery(store, sql, *more, reader=reader)
    try:
        yield made
    finally:
        if made.process.poll() is None:
            made.process.kill()
        made.process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda n: n.name)
def test_a_signal_ends_the_query_with_one_line(filled: Store, number: signal.Signals) -> None:
    with started_query(filled, ENDLESS) as query:
        assert wait_until(query.is_running)
        begun = time.monotonic()
        query.process.send_signal(number)
        assert query.ended() == (1, INTERRUPTED)
        assert time.monotonic() - begun < 3


@pytest.mark.slow
def test_a_signal_ends_a_query_that_prints(filled: Store, tmp_path: Path) -> None:
    mark = tmp_path / "read"
    reader = f"(head -c 100000 > /dev/null; touch {mark}; sleep 8)"  # like a pager that waits for a key
    with started_query(filled, ROWS, "--format", "csv", reader=reader) as query:
        assert wait_until(mark.exists)
        process = query.child()
        assert process is not None
        os.kill(process, signal.SIGINT)
        assert wait_until(lambda: query.child() is None, 4.0)
        assert filled.backend.name == "sqlite" or wait_until(lambda: not query.is_known(), 1.0)


def test_an_incomplete_file_is_deleted(filled: Store, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    with started_query(filled, ROWS, "--output", str(folder / "rows.csv")) as query:
        assert wait_until(lambda: any(file.stat().st_size for file in folder.iterdir()))
        query.process.terminate()
        assert query.ended() == (1, INTERRUPTED)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("sql", [ROWS, ENDLESS], ids=["with rows", "without"])
def test_a_closed_pipe_ends_the_query(filled: Store, sql: str) -> None:
    begun = time.monotonic()
    with started_query(filled, sql, "--format", "csv", reader="head -3" if sql == ROWS else "true") as query:
        assert query.ended() == (1, "")
    assert time.monotonic() - begun < 10


def test_killing_the_process_ends_the_query(filled: Store) -> None:
    with started_query(filled, ENDLESS) as query:
        assert wait_until(query.is_running)
        query.process.kill()
        query.process.communicate()
        assert wait_until(lambda: not query.is_known(), 2.0)  # the server checks every second


def test_the_timeout_includes_reading_the_rows(filled: Store) -> None:
    begun = time.monotonic()
    with started_query(filled, ROWS, "--timeout", "1", "--format", "csv", reader="cat > /dev/null") as query:
        assert query.ended() == (1, "Error: the query ran longer than 1 s: raise --timeout or select less\n")
    assert time.monotonic() - begun < 10


@pytest.mark.slow
def test_an_uninterruptible_query_is_abandoned(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store.db"))
    migrate.upgrade(store)
    with started_query(store, UNINTERRUPTIBLE) as query:
        assert wait_until(query.is_running)
        query.process.send_signal(signal.SIGINT)
        assert query.ended() == (1, INTERRUPTED)
    with started_query(store, UNINTERRUPTIBLE, "--timeout", "0.5") as query:
        assert query.ended() == (
            1,
            "Error: the query ran longer than 0.5 s: raise --timeout or select less\n",
        )
