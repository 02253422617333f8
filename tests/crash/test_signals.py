"""A signal ends every command soon, with one line, and leaves no file, no process and no partial change.

The environment variable `CURATION_SIGNALS` is how many signals are sent (default 30; on PostgreSQL a third).
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from curation import interrupts
from curation.cli import COMMANDS
from curation.store import migrate
from curation.store.database import Store
from curation.store.schema import changesets, imports
from curation.temporary import temporary_folder
from curation.verifying.run import verify

from ..support.importing_helpers import import_folder
from ..support.killed_imports import Import, Imports, Place, change_dump, make_dump, opened, wait_until
from ..support.places import CHECKOUT

SIGNALS = int(os.environ.get("CURATION_SIGNALS", "30"))
SEED = int(os.environ.get("CURATION_SEED", "3"))
KINDS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)

#: Seconds within which a command ends after a signal, and extra seconds for a busy machine.
EXIT_SECONDS, SLACK = 2.0, float(os.environ.get("CURATION_SLACK", "1"))

DEEP = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 400000) SELECT n FROM t"


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    (tmp_path / "stores").mkdir()
    return Place(request, tmp_path / "stores", request.param)


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The TMPDIR of the commands, with a short name because paths of sockets must be short."""
    folder = Path(tempfile.mkdtemp(prefix="c-"))
    monkeypatch.setenv("TMPDIR", str(folder))
    yield folder
    shutil.rmtree(folder)


def commands(folder: Path, out: Path, last: int, n: int) -> dict[str, list[object]]:
    """Return every command, in each variant that writes files or takes time."""
    day = folder / f"day-{n % 2}"
    return {
        "import": ["import", day, "--source", "site", "--jobs", 1],
        "import by processes": ["import", day, "--source", "site", "--jobs", 2, "--full"],
        "import strict": ["import", day, "--source", "site", "--strict", "--full", "--jobs", 1],
        "import dry": ["--database", folder / "absent.db", "import", day, "--dry-run", "--source", "site"],
        "import archive": ["import", folder / "site.tar.gz", "--source", "site", "--full"],
        "status": ["status"],
        "list": ["list", "--limit", 0, "--output", out / "list.csv.gz"],
        "search": ["search", "tide", "--output", out / "found.xlsx"],
        "show": ["show", 1],
        "set": ["set", "--source", "site", "--yes", "--heat", "+1"],
        "publish": ["publish", "--source", "site", "--yes"],
        "unpublish": ["unpublish", "--source", "site", "--yes"],
        "reset": ["reset", "--source", "site", "--yes"],
        "keep": ["keep", "--source", "site", "--yes", "--until", f"{2990 + n % 9}-01-01"],
        "conflicts": ["conflicts", "--output", out / "conflicts.csv"],
        "log": ["log", "--output", out / "log.parquet"],
        "revert": ["revert", last],
        "explain": ["explain", 1],
        "score": ["score", "site"],
        "source": [
            "source",
            "set",
            "site",
            "--title",
            f"T{n}",
            "--related-bonus",
            n,
            "--publish-threshold",
            9,
        ],
        "issues": ["issues", "--output", out / "issues.json"],
        "report": ["report", "topics", "--chart", out / "topics.svg"],
        "sql": ["sql", DEEP, "--output", out / "rows.xlsx"],
        "sql to a pipe": ["sql", DEEP, "--format", "csv"],
        "export files": ["export", "files", out / "tree", "--source", "site"],
        "export archive": ["export", "files", out / "all.tar.xz", "--source", "site"],
        "export api": ["export", "api", out / "api", "--source", "site"],
        "export articles": ["export", "articles", out / "o.jsonl.gz"],
        "db": ["db", "verify", "--output", out / "verified.csv"],
        "db backup": ["db", "backup", out / "copy.db", "--force"],
        "db upgrade": ["db", "upgrade"],
        "db metadata": ["db", "metadata", "--output", out / "metadata.json"],
    }


def test_commands_has_every_command(tmp_path: Path) -> None:
    assert {str(name).split()[0] for name in commands(tmp_path, tmp_path, 1, 1)} == set(COMMANDS)


class SignalledCommands:
    """Commands on one store that receive signals at random moments."""

    def __init__(self, started: Imports, database: str, folder: Path, temporary: Path) -> None:
        self.started, self.database, self.folder, self.temporary = started, database, folder, temporary
        self.out = folder / "written"
        self.out.mkdir()
        self.rng = random.Random(SEED)
        self.seconds: dict[str, float] = {}
        self.outcomes: Counter[str] = Counter()
        self.slowest = 0.0
        #: Number of imports with the status `running` that earlier commands have left.
        self.running = 0

    def run_one(self, number: int) -> None:
        with opened(self.database) as store, store.reading() as connection:
            edits = sa.select(sa.func.max(changesets.c.id)).where(changesets.c.kind != "import")
            last = connection.scalar(edits) or 1
        all_commands = commands(self.folder, self.out, last, number)
        name = list(all_commands)[number % len(all_commands)]
        by = KINDS[number // len(all_commands) % 3] if number >= len(all_commands) else self.rng.choice(KINDS)
        process = self.started.start("--database", self.database, *all_commands[name])
        wait_until(lambda: handles(process.pid, by) or not alive(process.pid), 20)
        time.sleep(self.rng.uniform(0, self.seconds.get(name, 0.4)))
        self.end(name, process, by)

    def end(self, name: str, process: Import, by: signal.Signals) -> None:
        is_group = self.rng.random() < 0.5
        started_at = time.monotonic()
        process.kill(group=is_group, by=by)
        if self.rng.random() < 0.3:  # an impatient user
            time.sleep(self.rng.uniform(0, 0.1))
            process.kill(group=is_group, by=by)
        result = process.wait()
        seconds = time.monotonic() - started_at
        self.seconds[name] = self.seconds.get(name, 0.4) * (1.2 if result.status == 1 else 0.7)
        message = f"{name} by {by.name}: {result.status} {result.err}"
        assert "Traceback" not in result.err, message
        assert result.status in (0, 1, 3), message
        if result.status == 1:
            lines = [line for line in result.err.splitlines() if not line.startswith(("warning: ", "note: "))]
            assert len(lines) == 1, message
            # The command may have failed for its own reason, because earlier commands changed the store.
            is_own = not any(
                sign in result.err
                for sign in ("internal error", "connection", "Run the command again", "run this again")
            )
            assert "interrupted" in result.err or is_own, message
        self.outcomes["interrupted" if "interrupted" in result.err else "ended"] += 1
        assert process.left_over() == [], message
        assert list(self.temporary.iterdir()) == [], message
        left = {f.name for f in self.out.rglob(".*")} - {".curation-unfinished"}  # a mark for the next export
        assert not left, (left, message)
        self.slowest = max(self.slowest, seconds)
        assert seconds < EXIT_SECONDS + SLACK, (seconds, message)
        with opened(self.database) as store, store.reading() as connection:
            running = sa.select(sa.func.count()).where(imports.c.status == "running")
            count = connection.scalar(running) or 0
        # An import that was killed leaves its row to the next import of the source.
        assert count <= self.running or seconds > 1.6, message
        self.running = count


def handles(pid: int, number: int) -> bool:
    """Return whether a process has a handler for a signal."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return False
    caught = next((line.split()[1] for line in lines if line.startswith("SigCgt")), "0")
    return bool(int(caught, 16) >> (number - 1) & 1)


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}/status").is_file()


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are looked for in /proc")
def test_a_signal_at_any_moment_of_any_command_leaves_nothing(
    place: Place, tmp_path: Path, temporary: Path
) -> None:
    for day in range(2):
        if day:
            shutil.copytree(tmp_path / "day-0", tmp_path / "day-1")
            change_dump(tmp_path / "day-1", random.Random(SEED))
        else:
            make_dump(tmp_path / "day-0", 250)
    shutil.make_archive(str(tmp_path / "site"), "gztar", tmp_path / "day-1")
    database = place.new()
    with opened(database) as store:
        if place.engine == "sqlite":
            migrate.upgrade(store)
        import_folder(store, tmp_path / "day-0", source="site")
    signals = SIGNALS if place.engine == "sqlite" else -(-SIGNALS // 3)
    with Imports(tmp_path) as started:
        signalled = SignalledCommands(started, database, tmp_path, temporary)
        for number in range(signals):
            signalled.run_one(number if place.engine == "sqlite" else number * 7)
    print(f"{place.engine}: {dict(signalled.outcomes)}, slowest {signalled.slowest:.2f} s")
    with opened(database) as store, store.reading() as connection:
        assert list(verify(connection)) == []
    assert signalled.outcomes["interrupted"] or SIGNALS < 10


def test_signals_wait_while_python_tests_the_temporary_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Python writes a file for the test, which a signal would leave there."""
    depths: list[int] = []

    def recorded() -> str:
        depths.append(interrupts._state.depth)
        return str(tmp_path)

    monkeypatch.setattr(tempfile, "gettempdir", recorded)
    with temporary_folder() as folder:
        assert folder.parent == tmp_path
    assert depths == [1]


# --- where Python does not run its handlers -----------------------------------------------------------------


def start(database: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "curation", "--database", database, *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=CHECKOUT,
    )  # fmt: skip


def send_signal(process: subprocess.Popen[str], by: signal.Signals) -> tuple[float, str]:
    """Send a signal to a command; return the seconds until it has ended, and its messages."""
    started_at = time.monotonic()
    process.send_signal(by)
    message = process.communicate(timeout=30)[1]
    assert process.returncode == 1, message
    return time.monotonic() - started_at, message


def test_waiting_for_a_busy_store_ends_soon(store: Store, tmp_path: Path) -> None:
    database = store.backend.url.render_as_string(hide_password=False)
    with store.writing() as connection:
        store.backend.lock_references(connection)
        process = start(database, "set", "1", "--heat", "3")
        assert wait_until(lambda: handles(process.pid, signal.SIGTERM), 20)
        time.sleep(1.0)
        seconds, message = send_signal(process, signal.SIGTERM)
        connection.rollback()
    assert message == "Error: interrupted: the store is consistent. Run the command again to continue\n"
    assert seconds < EXIT_SECONDS + SLACK


#: A program with an endless statement in a transaction, like resolving a million links.
_LONG = """
import sys, sqlalchemy as sa
from curation import interrupts
from curation.store.database import Store
from curation.cli import describe_interruption
with interrupts.signal_handling(describe_interruption), interrupts.signals_allowed():
    try:
        with Store(sys.argv[1]).writing() as connection:
            connection.execute(sa.text("DELETE FROM search_queue"))
            print("started", flush=True)
            connection.execute(sa.text("INSERT INTO search_queue WITH RECURSIVE t(n) AS"
                " (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT n FROM t WHERE n < 0"))
    except KeyboardInterrupt:
        sys.exit(describe_interruption())
"""


def test_a_long_statement_is_cancelled(store: Store) -> None:
    database = store.backend.url.render_as_string(hide_password=False)
    process = subprocess.Popen(
        [sys.executable, "-c", _LONG, database],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=CHECKOUT,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    time.sleep(0.5)
    seconds, message = send_signal(process, signal.SIGHUP)
    assert message == "interrupted: the store is consistent. Run the command again to continue\n"
    assert seconds < 1.5  # it ended itself and was not killed


def test_a_process_that_is_stuck_in_c_is_killed(tmp_path: Path) -> None:
    code = (
        "import sqlite3, sys\nfrom curation import interrupts, temporary\nfrom pathlib import Path\n"
        "with interrupts.signal_handling(lambda: 'stuck'), interrupts.signals_allowed(), temporary.temporary_file(Path(sys.argv[1])):\n"
        "    print('started', flush=True)\n"
        "    sqlite3.connect(':memory:').execute(\"SELECT instr(s, substr(s, 1, 9000000) || 'b') FROM"
        " (SELECT replace(printf('%18000000d', 1), ' ', 'a') AS s)\").fetchall()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "final")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=CHECKOUT,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    time.sleep(0.3)
    assert len(list(tmp_path.iterdir())) == 1
    seconds, message = send_signal(process, signal.SIGTERM)
    assert message == "Error: stuck\n"
    assert list(tmp_path.iterdir()) == []
    assert seconds < EXIT_SECONDS + SLACK


def test_a_waiting_pager_is_ended(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom curation import interrupts\nfrom curation.cli.output.pager import _show\n"
        "with interrupts.signal_handling(str), interrupts.signals_allowed(), open(sys.argv[1]) as text:\n"
        "    try:\n        _show(['sh', '-c', 'echo started; exec sleep 60'], text)\n"
        "    except KeyboardInterrupt:\n        sys.exit(1)\n"
    )
    (tmp_path / "text").write_text("rows")
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "text")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=CHECKOUT,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    seconds, _ = send_signal(process, signal.SIGINT)  # which also waits until the pager has closed its output
    assert seconds < EXIT_SECONDS + SLACK


INTERRUPTED = "Error: interrupted: the store is consistent. Run the command again to continue\n"


@pytest.mark.parametrize(
    ("moment", "command", "expected"),
    [
        ("curation.cli.LazyGroup.make_context", "status", (1, INTERRUPTED)),
        ("curation.cli.LazyGroup.resolve_command", "status", (1, INTERRUPTED)),
        ("click.Context.close", "--version", (0, "")),
        ("click.ClickException.show", "status", (1, "Error: no store at nowhere/x.db")),
    ],
)
def test_a_signal_at_the_start_or_end_of_a_command_keeps_its_message(
    moment: str, command: str, expected: tuple[int, str]
) -> None:
    code = (
        f"import click, os, signal, sys, curation.cli\nwas = {moment}\n"
        "def then(*given, **named):\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n    return was(*given, **named)\n"
        f"{moment} = then\nsys.argv[1:] = ['--database', 'nowhere/x.db', {command!r}]\ncuration.cli.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=CHECKOUT)
    status, message = expected
    assert (done.returncode, done.stderr[: len(message)]) == (status, message)
    assert done.stderr.count("\n") == (1 if message else 0)


def test_ctrl_c_shows_no_traceback_while_the_program_is_loaded() -> None:
    code = (
        "import curation.cli, os, signal\nfrom curation.__main__ import main\n"
        "curation.cli.main = lambda: os.kill(os.getpid(), signal.SIGINT)\nmain()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=CHECKOUT)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")


def test_nohup_is_respected(tmp_path: Path) -> None:
    code = (
        "import os, signal\nfrom curation import interrupts\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "with interrupts.signal_handling(str), interrupts.signals_allowed():\n    os.kill(os.getpid(), signal.SIGHUP)\n    print('goes on')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=CHECKOUT)
    assert (done.returncode, done.stdout) == (0, "goes on\n")


def test_an_interruption_lost_in_a_callback_is_raised_again() -> None:
    code = (
        "import os, signal, time, weakref\nfrom curation import interrupts\n"
        "class Gone: pass\n"
        "with interrupts.signal_handling(str), interrupts.signals_allowed():\n"
        "    gone = Gone()\n"
        "    seen = weakref.ref(gone, lambda _: (os.kill(os.getpid(), signal.SIGINT), time.sleep(0.01)))\n"
        "    try:\n        del gone\n        time.sleep(5)\n"
        "    except KeyboardInterrupt:\n        print('came')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=CHECKOUT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "came\n", "")


def test_sqlite_is_not_interrupted_where_nobody_handles_signals() -> None:
    """Another program that uses the package keeps its own signal handling."""
    from curation import interrupts

    with sqlite3.connect(":memory:") as connection:
        key = interrupts.add_stopper(connection.interrupt)
        assert key not in interrupts._stoppers
    connection.close()
