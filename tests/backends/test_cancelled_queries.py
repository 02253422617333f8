"""A query that is given up ends in the engine too, whoever ends it: in processes of their own."""

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

from ..support.killed_imports import until
from ..support.places import CHECKOUT

ROOT = CHECKOUT
INTERRUPTED = "Error: interrupted: the store is consistent. Run the command again to continue\n"

#: Queries that run until they are stopped: one that gives nothing before, one that gives rows as it goes.
ENDLESS = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t"
ROWS = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT n FROM t"

#: What SQLite works on without looking up: it compares 4 MB with 8 MB, byte by byte.
DEAF = (
    "WITH a(s) AS (SELECT replace(printf('%8000000d', 1), ' ', 'a'))"
    " SELECT instr(s, substr(s, 1, 4000000) || 'b') FROM a"
)


@pytest.fixture
def filled(imported: Store) -> Store:
    return imported


class Asked:
    """`curation sql` in a process, whose query can be told from every other; `reader` reads what it prints."""

    def __init__(self, store: Store, sql: str, *more: str, reader: str = "") -> None:
        self.store, self.sign = store, uuid.uuid4().hex
        database = store.backend.url.render_as_string(hide_password=False)
        query = f"{sql} -- {self.sign}"
        command = [sys.executable, "-m", "curation", "--database", database, "sql", query, *more]
        piped = ["bash", "-c", f'"$@" | {reader}; exit ${{PIPESTATUS[0]}}', "bash", *command]
        # Without a buffer, a reader that is gone would be noticed by the line of column names.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
        self.process = subprocess.Popen(
            piped if reader else command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
            env=environment,
        )  # fmt: skip

    def runs(self) -> bool:
        """Whether the engine is at it: the server says so; on SQLite, the process takes its time."""
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
                [f"%{self.sign}%"],
            ).fetchone()
        return found is not None

    def child(self) -> int | None:
        """The process of the query itself, where another reads it."""
        found = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for pid in found:
            with suppress(OSError):
                if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(sys.executable.encode()):
                    return int(pid)
        return None

    def ended(self) -> tuple[int, str]:
        """The status, and what was said; and that a second later the engine has ended too."""
        _, told = self.process.communicate(timeout=30)
        assert until(lambda: not self.is_known(), 1.0)
        return self.process.returncode, re.sub("^warning: .*\n", "", told)


@contextmanager
def asked(store: Store, sql: str, *more: str, reader: str = "") -> Iterator[Asked]:
    made = Asked(store, sql, *more, reader=reader)
    try:
        yield made
    finally:
        if made.process.poll() is None:
            made.process.kill()
        made.process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda n: n.name)
def test_a_signal_ends_the_query_in_a_line(filled: Store, number: signal.Signals) -> None:
    with asked(filled, ENDLESS) as query:
        assert until(query.runs)
        begun = time.monotonic()
        query.process.send_signal(number)
        assert query.ended() == (1, INTERRUPTED)
        assert time.monotonic() - begun < 3


@pytest.mark.long
def test_a_signal_ends_what_is_being_printed(filled: Store, tmp_path: Path) -> None:
    mark = tmp_path / "read"
    reader = f"(head -c 100000 > /dev/null; touch {mark}; sleep 8)"  # as a pager that waits for a key
    with asked(filled, ROWS, "--format", "csv", reader=reader) as query:
        assert until(mark.exists)
        process = query.child()
        assert process is not None
        os.kill(process, signal.SIGINT)
        assert until(lambda: query.child() is None, 4.0)
        assert filled.backend.name == "sqlite" or until(lambda: not query.is_known(), 1.0)


def test_a_file_that_was_begun_is_not_left(filled: Store, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    with asked(filled, ROWS, "--output", str(folder / "rows.csv")) as query:
        assert until(lambda: any(file.stat().st_size for file in folder.iterdir()))
        query.process.terminate()
        assert query.ended() == (1, INTERRUPTED)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("sql", [ROWS, ENDLESS], ids=["with rows", "without"])
def test_a_pipe_that_is_closed_ends_the_query(filled: Store, sql: str) -> None:
    begun = time.monotonic()
    with asked(filled, sql, "--format", "csv", reader="head -3" if sql == ROWS else "true") as query:
        assert query.ended() == (1, "")
    assert time.monotonic() - begun < 10


def test_a_process_that_is_killed_ends_the_query(filled: Store) -> None:
    with asked(filled, ENDLESS) as query:
        assert until(query.runs)
        query.process.kill()
        query.process.communicate()
        assert until(lambda: not query.is_known(), 2.0)  # the server looks every second


def test_the_time_is_counted_from_the_start_to_the_last_row(filled: Store) -> None:
    begun = time.monotonic()
    with asked(filled, ROWS, "--timeout", "1", "--format", "csv", reader="cat > /dev/null") as query:
        assert query.ended() == (1, "Error: the query ran longer than 1 s: raise --timeout or ask for less\n")
    assert time.monotonic() - begun < 10


def test_what_the_engine_does_without_looking_up_is_left(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store.db"))
    migrate.upgrade(store)
    with asked(store, DEAF) as query:
        assert until(query.runs)
        query.process.send_signal(signal.SIGINT)
        assert query.ended() == (1, INTERRUPTED)
    with asked(store, DEAF, "--timeout", "0.5") as query:
        assert query.ended() == (
            1,
            "Error: the query ran longer than 0.5 s: raise --timeout or ask for less\n",
        )
